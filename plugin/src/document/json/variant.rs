//! What is wrong where one of the variants of an enum should be.
//!
//! There `serde_json` only says that it expected a value. Which variants there are, it says when it reads one that there is not.

use serde_json::error::Category;

use super::{
    message::Message,
    place::{Again, Place},
    scanner::{Last, Scanner},
};

/// Where `text` has something else in place of a variant, or more than one, and what is wrong with it; `None` if it is no JSON there.
/// `again` reads another text in the same way.
pub(super) fn find(text: &[u8], message: &Message, again: &Again<'_>) -> Option<(Place, Message)> {
    let last = message.read.checked_sub(1)?;
    let seen = *text.get(last)?;
    if !message.is("expected value") {
        return None;
    }
    let (mut path, level) = Scanner::new(text).until(last).into_open()?;
    let start = if level.is_array() && seen == b']' {
        return several(text, message);
    } else if level.awaits_value() {
        if !matches!(seen, b'[' | b'{' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') {
            return None;
        }
        path.extend(level.segment);
        last
    } else if level.last == Last::Opening && seen == b'}' {
        level.start
    } else {
        return several(text, message);
    };
    let other = [text.get(..start)?, br#""?""#].concat();
    let unknown = again(&other).map(|error| Message::new(&other, &error));
    match unknown.filter(|unknown| unknown.is("unknown variant `?`")) {
        Some(unknown) => Some((Place { path, start }, unknown)),
        None => several(text, message),
    }
}

/// An object that has more than one variant in it.
fn several(text: &[u8], message: &Message) -> Option<(Place, Message)> {
    let (path, level) = Scanner::new(text).until(message.read).into_open()?;
    let start = level.start;
    let message = Message {
        category: Category::Data,
        words: "more than one key: expected exactly one".to_owned(),
        read: message.read,
    };
    Some((Place { path, start }, message))
}
