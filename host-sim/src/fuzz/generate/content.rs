//! Makes up bodies, JSON and configurations.

use serde_json::{Map, Value};

use super::{NUMBERS, chance, of, value};
use crate::fuzz::words::Words;
use crate::model::random::Random;

/// A body in pieces.
pub(in crate::fuzz) fn body(random: &mut Random, words: &Words) -> Vec<Vec<u8>> {
    let whole = match random.below(8) {
        0 => {
            let length = random_length(random);
            random.bytes(length)
        }
        1 => Vec::new(),
        2 => b"x".repeat(random_length(random)),
        _ => {
            let mut text = json(random, words, 0).to_string();
            if chance(random, 8) {
                let cut = random.below(text.len().max(1));
                if text.is_char_boundary(cut) {
                    text.truncate(cut);
                }
            }
            text.into_bytes()
        }
    };
    pieces(whole, random)
}

fn random_length(random: &mut Random) -> usize {
    let most = of(&[16, 256, 4096, 70_000], random).copied().unwrap_or(16);
    random.below(most)
}

/// Cuts it where it pleases.
pub(in crate::fuzz) fn pieces(whole: Vec<u8>, random: &mut Random) -> Vec<Vec<u8>> {
    if whole.is_empty() {
        return Vec::new();
    }
    let mut pieces = vec![whole];
    while chance(random, 2) && pieces.len() < 6 {
        let Some(last) = pieces.last_mut() else {
            break;
        };
        let place = random.below(last.len()).max(1);
        if place >= last.len() {
            break;
        }
        let rest = last.split_off(place);
        pieces.push(rest);
    }
    pieces
}

/// A JSON document, with the words of the plugin in it.
pub(in crate::fuzz) fn json(random: &mut Random, words: &Words, depth: usize) -> Value {
    let kinds = if depth > 3 { 5 } else { 8 };
    match random.below(kinds) {
        0 => Value::Null,
        1 => Value::Bool(chance(random, 2)),
        2 => Value::from(random.below(1000)),
        3 => {
            let number = of(&NUMBERS, random).copied().unwrap_or("0");
            number.parse::<f64>().map_or(Value::Null, Value::from)
        }
        4 => Value::String(value(random, words)),
        5 => {
            let count = random.below(5);
            (0..count)
                .map(|_| json(random, words, depth.saturating_add(1)))
                .collect()
        }
        _ => {
            let mut members = Map::new();
            for _ in 0..random.below(5) {
                let key = words.values.one(random).unwrap_or("a").to_owned();
                members.insert(key, json(random, words, depth.saturating_add(1)));
            }
            Value::Object(members)
        }
    }
}

/// A configuration, a little other than one that is accepted.
pub(in crate::fuzz) fn configuration(random: &mut Random, words: &Words) -> String {
    let text = words.configurations.one(random).unwrap_or_default();
    if chance(random, 4) {
        return text.to_owned();
    }
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        let cut = random.below(text.len().max(1));
        return text.get(..cut).unwrap_or(text).to_owned();
    };
    for _ in 0..random.below(3).saturating_add(1) {
        change(&mut value, random, words);
    }
    value.to_string()
}

/// Changes something somewhere in it.
fn change(value: &mut Value, random: &mut Random, words: &Words) {
    let here = chance(random, 6);
    match value {
        Value::Object(members) if !here && !members.is_empty() => {
            let number = random.below(members.len());
            if chance(random, 6) {
                let key = members.keys().nth(number).cloned();
                key.and_then(|key| members.remove(&key));
            } else if let Some(member) = members.values_mut().nth(number) {
                change(member, random, words);
            }
        }
        Value::Array(items) if !here && !items.is_empty() => {
            let number = random.below(items.len());
            match random.below(6) {
                0 => {
                    items.remove(number);
                }
                1 => {
                    let item = items.get(number).cloned();
                    items.extend(item);
                }
                _ => {
                    if let Some(item) = items.get_mut(number) {
                        change(item, random, words);
                    }
                }
            }
        }
        Value::Number(_) => {
            let number = of(&NUMBERS, random).copied().unwrap_or("0");
            *value =
                serde_json::from_str(number).unwrap_or_else(|_| Value::from(random.below(100)));
        }
        _ => *value = json(random, words, 2),
    }
}
