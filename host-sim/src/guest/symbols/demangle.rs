//! Names of functions as their sources have them.

use std::borrow::Cow;

/// The name that a compiler made of a function's, taken back; any other as it is.
pub(crate) fn demangled(name: &str) -> String {
    let whole = whole(name);
    // Demanglers of C++ take any letter for a type.
    if ["_Z", "_R"].iter().any(|start| whole.starts_with(start)) {
        addr2line::demangle_auto(whole, None).into_owned()
    } else {
        whole.into_owned()
    }
}

/// Linkers take names of C++ back, and with them half of those that Rust makes in its older scheme: `_ZN1a1b17h…E` has become `a::b::h…`.
fn whole(name: &str) -> Cow<'_, str> {
    let Some((path, hash)) = name.rsplit_once("::h") else {
        return name.into();
    };
    if hash.len() != 16 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return name.into();
    }
    let mut whole = "_ZN".to_owned();
    for part in path.split("::") {
        whole.push_str(&format!("{}{part}", part.len()));
    }
    whole.push_str(&format!("17h{hash}E"));
    whole.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_in_the_source() {
        for (name, expected) in [
            (
                "_RNvNtCset5xJoy1xWQ_3std7process5abort",
                "std::process::abort",
            ),
            ("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"),
            (
                "_$LT$a..Filter$u20$as$u20$b..HttpContext$GT$::on_http_request_headers::h36edfd824c143675",
                "<a::Filter as b::HttpContext>::on_http_request_headers",
            ),
            ("_ZN3foo3barEi", "foo::bar(int)"),
            ("foo::bar(int)", "foo::bar(int)"),
            ("main::hello", "main::hello"),
            ("proxy_on_tick", "proxy_on_tick"),
            ("a", "a"),
            ("_Zero", "_Zero"),
            ("", ""),
        ] {
            assert_eq!(demangled(name), expected, "{name}");
        }
    }
}
