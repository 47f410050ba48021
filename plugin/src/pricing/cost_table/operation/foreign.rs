//! How other systems write operations, and what they would write here.
//!
//! Routers, gateways and documents of interfaces have templates of their own: `:id`, `<int:id>`, `{proxy+}`, `ANY`, regular
//! expressions. Taken at their word here they would be literal text that no path has, and what they were to price would
//! cost the default. So each is refused with the form that is meant.

use super::InvalidOperation;

/// What stands for the rest of a path here.
const REST: &str = "`**` as the last segment for the rest of a path";

/// What stands for a regular expression here.
const NO_EXPRESSION: &str = "literal text, `{name}` for a segment or a part of it, and `**` for the rest of a path, instead of a regular expression";

fn foreign(instead: impl Into<String>, found: &str) -> InvalidOperation {
    InvalidOperation::Foreign {
        instead: instead.into(),
        found: found.to_owned(),
    }
}

/// The method, if it is one that other systems write.
#[inline(never)]
pub(super) fn check_method(method: &str) -> Result<(), InvalidOperation> {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    let upper = method.to_ascii_uppercase();
    let several: Vec<&str> = upper
        .split(['|', ',', '/', '+'])
        .map(|part| part.trim_matches(['[', ']', '(', ')']))
        .collect();
    if several.len() > 1 && several.iter().all(|part| is_word(part)) {
        let each = several.iter().map(|part| format!("`{part}`"));
        let each: Vec<_> = each.collect();
        let instead = format!("an operation for each method, {}", each.join(" and "));
        return Err(foreign(instead, method));
    }
    if matches!(
        upper.as_str(),
        "ANY" | "ALL" | "**" | "_" | "X-AMAZON-APIGATEWAY-ANY-METHOD"
    ) {
        return Err(foreign("`*` for every method", method));
    }
    if is_word(method) && method != upper {
        return Err(foreign(
            format!("a method in upper case, `{upper}`"),
            method,
        ));
    }
    Ok(())
}

/// The template as a whole, if other systems write more in one than a path.
#[inline(never)]
pub(super) fn check_template(template: &str) -> Result<(), InvalidOperation> {
    if starts(template, b"^~") {
        return Err(foreign(NO_EXPRESSION, template));
    }
    for part in template.split('{').skip(1) {
        let inside = part.split('}').next().unwrap_or_default();
        if let Some(name) = inside.strip_prefix('/') {
            let name = word(name);
            return Err(foreign(format!("`/{{{name}}}` for a parameter"), template));
        }
        if let Some((_, pattern)) = split(inside, b'=')
            && pattern.contains('/')
        {
            let instead = "segments of their own instead of a pattern with `/` in braces";
            return Err(foreign(instead, template));
        }
    }
    let (head, rest) = split(template, b'/').unwrap_or((template, ""));
    let host = match rest.strip_prefix('/') {
        Some(authority) if ends(head, b":") => authority,
        _ if template.starts_with("//") && !rest.trim_matches('/').is_empty() => {
            rest.trim_start_matches('/')
        }
        _ if head.contains('.') || head.contains(':') || head == "localhost" => template,
        _ => return Ok(()),
    };
    let path = split(host, b'/').map_or("", |(_, path)| path);
    let what = if ends(head, b":") {
        "scheme and host"
    } else {
        "a host"
    };
    Err(foreign(
        format!("a path without {what}, `/{path}`"),
        template,
    ))
}

/// A segment, if it is written as other systems do.
#[inline(never)]
pub(super) fn check_segment(text: &str) -> Result<(), InvalidOperation> {
    if let Some(inside) = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
        && !has(inside, &["{", "}"])
    {
        return check_name(inside, text);
    }
    if has(text, &["{{", "${", "#{", "%{"]) {
        let name = word(
            text.trim_start_matches(|c: char| c != '{')
                .trim_start_matches('{'),
        );
        return Err(foreign(parameter(name), text));
    }
    if let Some((_, operator)) = split(text, b'{')
        && starts(operator, b"?&")
    {
        return Err(foreign("query parameters in \"when\" and \"tiers\"", text));
    }
    if has(text, &["<", ">"]) {
        let inside = text
            .trim_start_matches(|c| c != '<')
            .trim_start_matches('<');
        let (kind, name) = split(inside, b':').unwrap_or(("", inside));
        return Err(match kind {
            "path" => foreign(REST, text),
            _ => foreign(parameter(word(name)), text),
        });
    }
    if has(text, &["[", "]"]) {
        let inside = text.trim_start_matches('[').trim_end_matches(']');
        let whole = starts(text, b"[") && ends(text, b"]");
        return Err(if inside.starts_with("...") || starts(inside, b"*") {
            foreign(REST, text)
        } else if whole && word(inside) == inside && inside.as_bytes().get(1) != Some(&b'-') {
            foreign(parameter(inside), text)
        } else if has(text, &["[{"]) || ends(text, b"[") || starts(text, b"{") {
            foreign(
                "an operation with the part in brackets and one without it",
                text,
            )
        } else {
            foreign(NO_EXPRESSION, text)
        });
    }
    check_colon(text)?;
    if text == "$" {
        return Err(foreign(REST, text));
    }
    if is_expression(text) {
        return Err(match text {
            ".*" | ".+" | "(.*)" | "(.+)" => foreign(REST, text),
            _ => foreign(NO_EXPRESSION, text),
        });
    }
    if let Some(name) = text.strip_prefix('$') {
        // `$metadata` and `$count` of OData and `$everything` of FHIR are names of operations, not of parameters.
        let lower = name.to_ascii_lowercase();
        let names = ["id", "slug", "name", "key", "uuid", "param"];
        if word(name) == name
            && names.iter().any(|end| {
                lower == *end || (lower.ends_with(end) && name.len() > end.len().saturating_add(1))
            })
        {
            return Err(foreign(parameter(name), text));
        }
    }
    if starts(text, b"*")
        && !matches!(text, "*" | "**")
        && word(text.trim_start_matches('*')) == text.trim_start_matches('*')
        && !text.starts_with("***")
    {
        return Err(foreign(REST, text));
    }
    Ok(())
}

/// What is in braces: a name here, and elsewhere also what it may be, whether it may be absent, or how far it reaches.
#[inline(never)]
fn check_name(inside: &str, text: &str) -> Result<(), InvalidOperation> {
    let name = word(inside.trim_start_matches(['+', '*', '/', '.', ';']));
    if inside == "$" {
        return Err(foreign(
            "nothing there: a template without `**` is the whole path",
            text,
        ));
    }
    if starts(inside, b"?&") {
        return Err(foreign("query parameters in \"when\" and \"tiers\"", text));
    }
    if starts(inside, b"#") {
        return Err(foreign(
            "nothing there: a fragment is never part of a path",
            text,
        ));
    }
    let (_, kind) = split(inside, b':').unwrap_or((inside, ""));
    let reaches_on = starts(inside, b"+*")
        || (kind.is_empty() && ends(inside, b"+*"))
        || inside.ends_with("...")
        || inside.starts_with("...")
        || inside.ends_with("=**")
        || [".*", ".+", "path", "*", "**", ".*?", "[^?]*", "[^?]+"].contains(&kind)
        || kind.starts_with("(?s)");
    if reaches_on {
        return Err(foreign(REST, text));
    }
    if ends(inside, b"?") {
        let instead = format!("two operations, one with `{{{name}}}` and one without it");
        return Err(foreign(instead, text));
    }
    if has(inside, &[":", "=", "(", "<", "|", ","]) || starts(inside, b"/.;") {
        return Err(foreign(parameter(name), text));
    }
    Ok(())
}

/// `:id` and the like: a colon that is not between two texts, as in `{id}:archive` and `tickets:search`.
#[inline(never)]
fn check_colon(text: &str) -> Result<(), InvalidOperation> {
    let Some((before, after)) = split(text, b':') else {
        return Ok(());
    };
    let joins = |c: char| is_letter(c) || matches!(c, '}' | '_' | '*' | ')');
    if before.ends_with(joins) && !after.contains(':') {
        return Ok(());
    }
    if !after.starts_with(|c: char| (is_letter(c) && !c.is_ascii_digit()) || c == '_')
        && !before.is_empty()
    {
        return Ok(());
    }
    let name = word(after);
    let behind = after.get(name.len()..).unwrap_or_default();
    Err(if ends(behind, b"*+") || behind.starts_with("(.") {
        foreign(REST, text)
    } else if ends(behind, b"?") {
        let instead = format!("two operations, one with `{{{name}}}` and one without it");
        foreign(instead, text)
    } else {
        foreign(parameter(name), text)
    })
}

/// Whether parts of the text are those of a regular expression. A parameter in parentheses is not, nor is a call: `Orders({id})`, `top()`.
fn is_expression(text: &str) -> bool {
    let group = text.find('(').is_some_and(|start| {
        let inside = text.get(start.saturating_add(1)..).unwrap_or_default();
        !starts(inside, b")") && !has(inside, &["{"])
    });
    group
        || ends(text, b"$?")
        || has(
            text,
            &[
                "^", "|", "\\d", "\\w", "\\.", "\\S", ".*", ".+", ")?", ")*", ")+", "(?",
            ],
        )
}

fn parameter(name: &str) -> String {
    let name = if name.is_empty() { "name" } else { name };
    format!("`{{{name}}}` for a parameter")
}

/// The name that a text begins with.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !is_letter(c) && !matches!(c, '_' | '-'));
    let word = end.and_then(|end| text.get(..end)).unwrap_or(text);
    word.trim_end_matches('-')
}

/// Whether one of the parts is in the text.
#[inline(never)]
fn has(text: &str, parts: &[&str]) -> bool {
    let is_in = |part: &&str| {
        text.as_bytes()
            .windows(part.len())
            .any(|window| window == part.as_bytes())
    };
    parts.iter().any(is_in)
}

/// Whether it may be in a word; all that is not ASCII may.
fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii()
}

/// What is before and behind the first such byte, which is ASCII.
#[inline(never)]
fn split(text: &str, at: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|byte| byte == at)?;
    let (before, rest) = text.split_at_checked(place)?;
    Some((before, rest.get(1..)?))
}

/// Whether the text begins, or ends, with one of the characters, which are ASCII.
#[inline(never)]
fn starts(text: &str, with: &[u8]) -> bool {
    text.bytes()
        .next()
        .is_some_and(|first| with.contains(&first))
}

#[inline(never)]
fn ends(text: &str, with: &[u8]) -> bool {
    text.bytes()
        .next_back()
        .is_some_and(|last| with.contains(&last))
}

#[cfg(test)]
mod tests {
    use super::super::Operation;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn check(text: &str, expected: &str) {
        let error = Operation::parse(text).unwrap_err().to_string();
        assert_eq!(error, expected, "{text}");
    }

    #[test]
    fn methods_of_other_systems_are_refused_with_the_ones_meant() {
        for several in [
            "GET|POST",
            "GET,POST",
            "get|post",
            "GET/POST",
            "[GET,POST]",
            "(GET|POST)",
        ] {
            check(
                &format!("{several} /a"),
                &format!("an operation for each method, `GET` and `POST`, found `{several}`"),
            );
        }
        for any in ["ANY", "ALL", "any", "all", "**", "_"] {
            check(
                &format!("{any} /a"),
                &format!("`*` for every method, found `{any}`"),
            );
        }
        for lower in ["get", "Get"] {
            check(
                &format!("{lower} /a"),
                &format!("a method in upper case, `GET`, found `{lower}`"),
            );
        }
    }

    #[test]
    fn hosts_schemes_and_queries_are_no_part_of_a_template() {
        let scheme = "a path without scheme and host, `/a/b`, found ";
        check(
            "GET https://api.example.com/a/b",
            &format!("{scheme}`https://api.example.com/a/b`"),
        );
        check(
            "GET http://localhost:8080/a/b",
            &format!("{scheme}`http://localhost:8080/a/b`"),
        );
        let host = "a path without a host, `/a/b`, found ";
        for found in [
            "api.example.com/a/b",
            "localhost/a/b",
            "api:8080/a/b",
            "//api.example.com/a/b",
        ] {
            check(&format!("GET {found}"), &format!("{host}`{found}`"));
        }
        check(
            "GET /a?b=1",
            "no `?` in a path template (query parameters are matched by \"when\" and \"tiers\")",
        );
        for query in ["a{?from,limit}", "{?from}", "{&from}"] {
            check(
                &format!("GET /{query}"),
                &format!("query parameters in \"when\" and \"tiers\", found `{query}`"),
            );
        }
    }

    #[test]
    fn parameters_of_other_systems_are_refused_with_braces() {
        for found in [
            ":id",
            "<id>",
            "<int:id>",
            "<string(length=2):id>",
            "[id]",
            "$id",
            "{{id}}",
            "${id}",
            "#{id}",
            "{id:int}",
            "{id:[0-9]+}",
            "{id:\\d+}",
            "{id:uuid}",
            "{id=1}",
            "{id|number}",
            "{;id}",
            ":id(\\d+)",
            "{id:regex(^a$)}",
        ] {
            check(
                &format!("GET /a/{found}"),
                &format!("`{{id}}` for a parameter, found `{found}`"),
            );
        }
        check(
            "GET /a/$userId",
            "`{userId}` for a parameter, found `$userId`",
        );
        check("GET /a/-:id", "`{id}` for a parameter, found `-:id`");
        check(
            "GET /a/:from-:to",
            "`{from}` for a parameter, found `:from-:to`",
        );
    }

    #[test]
    fn the_rest_of_a_path_is_two_stars() {
        for found in [
            "{proxy+}",
            "{path...}",
            "{...path}",
            "{path:.+}",
            "{path:.*}",
            "{path:path}",
            "{+name}",
            "{*path}",
            "{**path}",
            "{path*}",
            "{name=**}",
            "*name",
            "**path",
            "<path:name>",
            "[...slug]",
            "[[...slug]]",
            ":path*",
            ":path+",
            ":path(.*)",
            ".*",
            "(.*)",
            "$",
        ] {
            check(
                &format!("GET /a/{found}"),
                &format!("`**` as the last segment for the rest of a path, found `{found}`"),
            );
        }
        check("GET /**/a", "`**` only as the last segment");
        check(
            "GET /a/*/",
            "no empty segment (repeated and trailing slashes are dropped from a path before it is matched)",
        );
    }

    #[test]
    fn what_may_be_absent_takes_two_operations() {
        for found in ["{name?}", ":name?"] {
            check(
                &format!("GET /a/{found}"),
                &format!("two operations, one with `{{name}}` and one without it, found `{found}`"),
            );
        }
        for found in ["a[{name}]", "a["] {
            check(
                &format!("GET /{found}"),
                &format!(
                    "an operation with the part in brackets and one without it, found `{found}`"
                ),
            );
        }
        check(
            "GET /a/{$}",
            "nothing there: a template without `**` is the whole path, found `{$}`",
        );
        check(
            "GET /a/{#top}",
            "nothing there: a fragment is never part of a path, found `{#top}`",
        );
    }

    #[test]
    fn regular_expressions_are_refused() {
        for found in [
            "(a|b)",
            "(\\d+)",
            "a(b)?",
            "[0-9]+",
            "\\d+",
            "v(1|2)",
            "([^",
            "a$",
            "(?P<id>",
            "colou?r.*",
            "[a-z]",
        ] {
            let error = Operation::parse(&format!("GET /x/{found}"))
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("instead of a regular expression")
                    || error.contains("`{id}` for a parameter"),
                "{found}: {error}"
            );
        }
        check(
            "GET ^/a/(.*)$",
            "literal text, `{name}` for a segment or a part of it, and `**` for the rest of a path, instead of a regular expression, \
             found `^/a/(.*)$`",
        );
    }

    #[test]
    fn names_that_only_look_foreign_are_literals() {
        for text in [
            "GET /odata/$metadata",
            "GET /odata/Orders/$count",
            "GET /Patient/{id}/$everything",
            "GET /Orders({id})",
            "GET /top()",
            "POST /tickets:search",
            "POST /tickets/{id}:archive",
            "GET /@scope/{name}",
            "GET /a.b-c_d~e!f'g,h=i&j",
            "GET /v1/{parent_id}/a+b",
            "GET /{a-b}/{a.b}/{0}",
            "GET /languages/c++",
        ] {
            assert!(
                Operation::parse(text).is_ok(),
                "{text}: {:?}",
                Operation::parse(text)
            );
        }
    }
}
