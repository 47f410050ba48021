//! What is sent as the body of a call, which no log tells.

use serde::Deserialize;

/// A body for certain calls.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyRule {
    /// Which calls: method and path, in which `*` is one segment and `**` the rest.
    pub calls: String,
    /// The body.
    pub text: String,
}

impl BodyRule {
    /// Whether it is for this call.
    #[must_use]
    pub fn applies(&self, method: &str, path: &str) -> bool {
        let Some((of, template)) = self.calls.split_once(' ') else {
            return false;
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        if of != "*" && of != method {
            return false;
        }
        let mut segments = path.split('/');
        for wanted in template.trim().split('/') {
            match (wanted, segments.next()) {
                ("**", _) => return true,
                ("*", Some(_)) => {}
                (wanted, Some(segment)) if wanted == segment => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_by_method_and_segments() {
        let check = |calls: &str, method: &str, path: &str, expected: bool| {
            let rule = BodyRule {
                calls: calls.to_owned(),
                text: String::new(),
            };
            assert_eq!(
                rule.applies(method, path),
                expected,
                "{calls} {method} {path}"
            );
        };
        check("POST /a/*/c", "POST", "/a/b/c?d=e", true);
        check("POST /a/*/c", "PUT", "/a/b/c", false);
        check("POST /a/*/c", "POST", "/a/b", false);
        check("POST /a/*", "POST", "/a/b/c", false);
        check("* /a/**", "PUT", "/a/b/c", true);
        check("/a", "GET", "/a", false);
    }
}
