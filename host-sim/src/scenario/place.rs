//! Where in a text something is.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where the step of this key path starts. TOML knows only where the first one does.
pub(super) fn start_of_step(text: &str, key: &str) -> Option<usize> {
    let index = key.strip_prefix("step[")?.strip_suffix(']')?.parse().ok()?;
    text.match_indices("[[step]]")
        .nth(index)
        .map(|(offset, _)| offset)
}

/// Where the step starts that a message about the whole file names.
pub(super) fn named_step(text: &str, key: &str, message: &str) -> Option<usize> {
    let (_, named) = message.split_once("`step[").filter(|_| key == ".")?;
    let (index, _) = named.split_once("]`")?;
    start_of_step(text, &format!("step[{index}]"))
}

/// Counted from 1; columns in characters.
pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count();
    (line.saturating_add(1), column.saturating_add(1))
}

/// Where the deepest key stands that is written of this path, as in `expect.headers.retry-after` of a step, or of the whole file.
pub(super) fn offset_of(text: &str, step: Option<usize>, path: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let root = document.get_ref();
    let Some(index) = step else {
        return in_table(root, path);
    };
    let steps = root.get("step")?.get_ref().as_array()?;
    let step = steps.get(index)?.get_ref().as_table()?;
    // What is expected of a step such as `finish` is written in its own table.
    let within = || {
        let mut values = step.values();
        values.find_map(|value| in_table(value.get_ref().as_table()?, path))
    };
    in_table(step, path)
        .or_else(within)
        .or_else(|| start_of_step(text, &format!("step[{index}]")))
}

fn in_table(table: &DeTable<'_>, path: &str) -> Option<usize> {
    let path = path.trim_start_matches('.');
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        let rest = path
            .strip_prefix(name.as_ref())
            .or_else(|| path.strip_prefix(&format!("{name:?}")))?;
        let ends = rest.is_empty() || rest.starts_with(['.', '[', ' ']);
        ends.then(|| in_value(value, rest).unwrap_or(key.span().start))
    })
}

fn in_value(value: &Spanned<DeValue<'_>>, path: &str) -> Option<usize> {
    match value.get_ref() {
        DeValue::Table(table) => in_table(table, path),
        DeValue::Array(elements) => {
            let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
            let element = elements.get(index.parse::<usize>().ok()?)?;
            Some(in_value(element, rest).unwrap_or(element.span().start))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_key_that_is_written_is_found() {
        let text = "about = 'A.'
rejected = 'no'
[[step]]
request = {}
[step.expect]
status = 200
body_json = { left = [
  1,
  { a.b = 2 },
] }
[[step]]
finish = { call = 'a', expect = {
  headers = { x-left = 1 },
  properties = { 'k.cost' = 3 } } }
";
        for (step, path, line) in [
            (None, "rejected", Some(2)),
            (None, "start", None),
            (Some(0), "expect.status", Some(6)),
            (Some(0), "expect.status (repetition 1 of 3)", Some(6)),
            (Some(0), "expect.reset", Some(5)),
            (Some(0), "expect.body_json.left[1].a.b", Some(9)),
            (Some(0), "expect.body_json.left[7]", Some(7)),
            (Some(0), "log", Some(3)),
            (Some(1), "expect.headers.x-left", Some(13)),
            (Some(1), "expect.properties.\"k.cost\"", Some(14)),
            (Some(1), "expect.stat", Some(12)),
            (Some(2), "log", None),
        ] {
            let offset = offset_of(text, step, path);
            let found = offset.map(|offset| line_and_column(text, offset).0);
            assert_eq!(found, line, "{step:?} {path}");
        }
    }
}
