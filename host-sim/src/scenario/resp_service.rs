//! Servers of Redis's protocol, as scenarios write them.
//!
//! A reply is written as what it is: a number, a status or an error with its sign (`"+OK"`, `"-LOADING …"`), a word of the command
//! (`"{6}"`, which must be a number), or a list of those.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::pattern::Pattern;
use crate::model::resp::{RespBehaviour, RespReply};

/// One entry of `replies`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReply {
    command: String,
    #[serde(default)]
    words: BTreeMap<String, Pattern>,
    reply: Item,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Number(i64),
    Text(String),
    List(Vec<Item>),
}

/// A server that replies so.
pub(super) fn behaviour(replies: Vec<RawReply>) -> Result<RespBehaviour, String> {
    let replies: Result<_, _> = replies.into_iter().map(RawReply::reply).collect();
    Ok(RespBehaviour::Replies(replies?))
}

impl RawReply {
    fn reply(self) -> Result<RespReply, String> {
        let mut words = BTreeMap::from([(0, Pattern::Exactly(self.command))]);
        for (place, pattern) in self.words {
            let number = place.parse().ok().filter(|place| *place > 0);
            let number = number.ok_or_else(|| {
                format!("`{place}` in `words`, expected the place of a word after the command")
            })?;
            words.insert(number, pattern);
        }
        let mut text = String::new();
        self.reply.write(&mut text)?;
        Ok(RespReply { words, text })
    }
}

impl Item {
    fn write(&self, out: &mut String) -> Result<(), String> {
        let line = match self {
            Self::Number(number) => format!(":{number}"),
            Self::Text(text) if text.starts_with(['+', '-']) => text.clone(),
            Self::Text(text) if is_word(text) => format!(":{text}"),
            Self::Text(text) => {
                return Err(format!(
                    "`reply = {text:?}`, expected a number, a text that begins with `+` or `-`, a word as in `{{6}}`, or a list of those"
                ));
            }
            Self::List(items) => format!("*{}", items.len()),
        };
        out.push_str(&line);
        out.push_str("\r\n");
        if let Self::List(items) = self {
            for item in items {
                item.write(out)?;
            }
        }
        Ok(())
    }
}

fn is_word(text: &str) -> bool {
    let place = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'));
    place.is_some_and(|place| place.parse::<usize>().is_ok())
}
