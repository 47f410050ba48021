//! One segment of a path template, as the filter's cost table can have it: a text, or one parameter with text around it.
//!
//! The filter refuses texts that would never match, and those that look like another system's templates. What it might refuse is
//! written as a parameter here, which stands for the same segments and more: no call becomes cheaper by it.

/// A part of a segment as a document writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text, decoded.
    Text(String),
    /// A parameter.
    Parameter(String),
    /// A parameter that may hold slashes.
    Rest(String),
}

/// A segment as it is written in a cost table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) text: String,
    /// Why it stands for more than in the document, if it does.
    pub(super) why: Option<String>,
}

/// Writes a segment; parameters get names that are not among those before it.
pub(super) fn write(pieces: &[Piece], names: &mut Vec<String>) -> Written {
    let mut parameters = Vec::new();
    let (mut before, mut after) = (String::new(), String::new());
    let mut why = None;
    for piece in pieces {
        match piece {
            Piece::Text(text) if parameters.is_empty() => before.push_str(text),
            Piece::Text(text) => after.push_str(text),
            Piece::Parameter(name) | Piece::Rest(name) => {
                if !parameters.is_empty() {
                    why = Some("two parameters are in one segment".to_owned());
                }
                // What was between two of them is given up.
                after.clear();
                parameters.push(name.as_str());
            }
        }
    }
    if parameters.is_empty() {
        if is_plain(&before, None) {
            return Written { text: before, why };
        }
        if before == "*" {
            let why = Some("`*` is read as any one segment".to_owned());
            return Written { text: before, why };
        }
        let bad = before.chars().find(|c| !is_letter(*c));
        why = Some(match bad {
            Some(c) => format!("a template has no {c:?} in its text"),
            None => format!("a template has no text like {before:?}"),
        });
        let parameter = template_of_others(&before);
        let (start, end) = match &parameter {
            Some(_) => ("", ""),
            None => plain_ends(&before),
        };
        let (start, end) = (start.to_owned(), end.to_owned());
        let name = new_name(parameter.unwrap_or("any"), names);
        return around(&start, &name, &end, why);
    }
    if !is_plain(&before, Some(&after)) {
        let text = format!("{before}…{after}");
        why.get_or_insert_with(|| format!("a template has no text like {text:?}"));
        before.clear();
        after.clear();
    }
    let name = new_name(&parameters.join("-"), names);
    around(&before, &name, &after, why)
}

fn around(before: &str, name: &str, after: &str, why: Option<String>) -> Written {
    let (before, after) = if is_plain(before, Some(after)) {
        (before, after)
    } else {
        ("", "")
    };
    Written {
        text: format!("{before}{{{name}}}{after}"),
        why,
    }
}

/// The name of a parameter as other systems write it: `:id`, `<id>`, `[id]`.
fn template_of_others(text: &str) -> Option<&str> {
    let inside = text
        .strip_prefix(':')
        .or_else(|| text.strip_prefix('<')?.strip_suffix('>'))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']'))?;
    inside.chars().all(is_of_name).then_some(inside)
}

/// A name of a parameter that is not taken.
fn new_name(written: &str, names: &mut Vec<String>) -> String {
    let name: String = written
        .chars()
        .map(|c| if is_of_name(c) { c } else { '-' })
        .collect();
    let name = match name.trim_matches('-') {
        "" => "any",
        name => name,
    };
    let mut new = name.to_owned();
    let mut number = 2_u32;
    while names.contains(&new) {
        new = format!("{name}_{number}");
        number = number.saturating_add(1);
    }
    names.push(new.clone());
    new
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// Whether it may be anywhere in a segment.
fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || "-_.~!'&=,@".contains(c)
    } else {
        !c.is_whitespace() && !c.is_control()
    }
}

/// Whether the filter takes a text for itself; with a text behind it, both around a parameter.
fn is_plain(before: &str, after: Option<&str>) -> bool {
    let whole = match after {
        Some(after) => format!("{before}{{p}}{after}"),
        None => before.to_owned(),
    };
    if matches!(before, "." | "..") && after.is_none() {
        return false;
    }
    let mut rest = whole.replacen("{p}", "", 1);
    // A call: `top()`, `Orders({id})`.
    if let Some((head, inside)) = whole.split_once('(') {
        let call = inside == ")" || (inside.contains('{') && inside.ends_with(')'));
        if !call || head.is_empty() {
            return false;
        }
        rest = rest.replacen('(', "", 1);
        rest.pop();
    }
    // An operation on what is before it: `{id}:archive`.
    if let Some((head, verb)) = whole.split_once(':') {
        let joins = |c: char| c.is_alphanumeric() || matches!(c, '}' | '_' | ')');
        let is_verb =
            verb.starts_with(|c: char| c.is_ascii_alphabetic()) && verb.chars().all(is_of_name);
        if !head.ends_with(joins) || !is_verb {
            return false;
        }
        rest = rest.replacen(':', "", 1);
    }
    // `$metadata` and its like, not `$id`.
    if let Some(name) = whole.strip_prefix('$') {
        let lower = name.to_ascii_lowercase();
        let of_parameters = ["id", "slug", "name", "key", "uuid", "param"];
        let is_name = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphabetic())
            && !of_parameters.iter().any(|end| lower.ends_with(end));
        if !is_name {
            return false;
        }
        rest.remove(0);
    }
    rest.chars().all(is_letter)
}

/// What of a text can stay before and behind a parameter.
fn plain_ends(text: &str) -> (&str, &str) {
    let is_bad = |c: char| !is_letter(c);
    let start = text.find(is_bad).unwrap_or(text.len());
    let end = text.char_indices().rev().find(|(_, c)| is_bad(*c));
    let end = end.map_or(text.len(), |(at, c)| at.saturating_add(c.len_utf8()));
    (
        text.get(..start).unwrap_or_default(),
        text.get(end..).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[Piece], expected: &str, widened: bool) {
        let written = write(pieces, &mut Vec::new());
        assert_eq!(
            (written.text.as_str(), written.why.is_some()),
            (expected, widened),
            "{pieces:?}"
        );
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    fn parameter(name: &str) -> Piece {
        Piece::Parameter(name.to_owned())
    }

    #[test]
    fn texts_stay_unless_the_filter_would_not_take_them() {
        for plain in [
            "tickets",
            "größe",
            "v1.0",
            "a,b=c",
            "@me",
            "top()",
            "$metadata",
            "items:search",
            "~user",
        ] {
            check(&[text(plain)], plain, false);
        }
        for (odd, expected) in [
            ("a b", "a{any}b"),
            ("a%b;c", "a{any}c"),
            ("100%", "100{any}"),
            (":id", "{id}"),
            ("<id>", "{id}"),
            ("[slug]", "{slug}"),
            ("$id", "{any}id"),
            ("(a|b)", "{any}"),
            ("a:1:2", "a{any}2"),
            ("*", "*"),
            ("a*", "a{any}"),
        ] {
            check(&[text(odd)], expected, true);
        }
    }

    #[test]
    fn one_parameter_is_in_a_segment() {
        check(&[parameter("id")], "{id}", false);
        check(
            &[text("export."), parameter("format")],
            "export.{format}",
            false,
        );
        check(&[parameter("id"), text(":archive")], "{id}:archive", false);
        check(
            &[text("Orders("), parameter("id"), text(")")],
            "Orders({id})",
            false,
        );
        check(
            &[text("at(x='"), parameter("x"), text("')")],
            "at(x='{x}')",
            false,
        );
        check(&[parameter("user id?")], "{user-id}", false);
        check(
            &[parameter("a"), text("-"), parameter("b"), text(".json")],
            "{a-b}.json",
            true,
        );
        check(&[text("a;"), parameter("b")], "{b}", true);
    }

    #[test]
    fn no_name_is_there_twice() {
        let mut names = vec!["id".to_owned()];
        assert_eq!(write(&[parameter("id")], &mut names).text, "{id_2}");
        assert_eq!(write(&[parameter("id")], &mut names).text, "{id_3}");
    }
}
