//! Where in a text something is.

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
