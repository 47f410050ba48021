//! Bytes as a trace shows them.

use std::fmt::{self, Display};

/// Bytes as a trace shows them: text in quotes, anything else in hexadecimal, both cut where they get long. They are looked at
/// only when they are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quoted<'b>(&'b [u8]);

pub(super) fn quoted(bytes: &[u8]) -> Quoted<'_> {
    Quoted(bytes)
}

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.0))
    }
}

fn shown(bytes: &[u8]) -> String {
    const SHOWN: usize = 200;
    let is_text =
        |text: &str| !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    let text = std::str::from_utf8(bytes).ok().filter(|text| is_text(text));
    let (mut shown, length) = match text {
        Some(text) => (text.chars().take(SHOWN).collect(), text.chars().count()),
        None => (
            bytes
                .iter()
                .take(SHOWN)
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
            bytes.len(),
        ),
    };
    shown = if text.is_some() {
        format!("{shown:?}")
    } else {
        format!("0x{shown}")
    };
    if length > SHOWN {
        shown.push_str(&format!("… ({} bytes)", bytes.len()));
    }
    shown
}
