//! Makes steps that reached something new into others.

use super::Settings;
use super::act::Act;
use super::generate::{self, NUMBERS, chance, of};
use super::words::Words;
use crate::model::random::Random;
use crate::model::{HttpVersion, Request};
use crate::scenario::target::Setup;

/// Changes a few things. `other` are steps that reached something as well.
pub(super) fn mutate(
    acts: &mut Vec<Act>,
    other: &[Act],
    random: &mut Random,
    words: &Words,
    setup: Option<&Setup>,
    settings: &Settings,
) {
    for _ in 0..random.below(4).saturating_add(1) {
        let place = random.below(acts.len().max(1));
        let workers = setup.map_or(1, |setup| setup.workers);
        match random.below(12) {
            0..=1 => {
                let act = generate::act(random, words, setup, settings);
                acts.insert(place.min(acts.len()), act);
            }
            2 if acts.len() > 1 => {
                acts.remove(place);
            }
            3 => {
                let copy = acts.get(place).cloned();
                if let Some(copy) = copy {
                    acts.insert(place, copy);
                }
            }
            4 if acts.len() > 1 => {
                let with = random.below(acts.len());
                acts.swap(place, with);
            }
            5 if !other.is_empty() => {
                let from = random.below(other.len());
                let rest = other.get(from..).unwrap_or_default();
                acts.truncate(place);
                acts.extend_from_slice(rest);
            }
            _ => {
                if let Some(act) = acts.get_mut(place) {
                    change(act, random, words, workers, settings);
                }
            }
        }
    }
    acts.truncate(settings.steps.max(1));
}

fn change(act: &mut Act, random: &mut Random, words: &Words, workers: u32, settings: &Settings) {
    match act {
        Act::Call(request) | Act::Open(_, request) => {
            change_request(request, random, words, workers)
        }
        Act::Calls(requests) => {
            let place = random.below(requests.len());
            if let Some(request) = requests.get_mut(place) {
                change_request(request, random, words, workers);
            }
        }
        Act::Finish(number) | Act::Leave(number, _) => {
            *number = u32::try_from(random.below(4)).unwrap_or(0);
        }
        Act::Advance(by) => *by = generate::duration(random),
        Act::CasConflicts(count) => *count = u32::try_from(random.below(20)).unwrap_or(1),
        Act::Configure(text) if settings.configurations => {
            *text = generate::configuration(random, words)
        }
        Act::Configure(_) | Act::Service(_) => {
            *act = generate::act(random, words, None, settings);
        }
    }
}

fn change_request(request: &mut Request, random: &mut Random, words: &Words, workers: u32) {
    match random.below(12) {
        0 => request.path = generate::path(random, words),
        1 if chance(random, 2) => change_text(&mut request.path, random),
        1 => {
            change_character(&mut request.path, random);
            request.path.retain(|c| c != ' ');
            if !request.path.starts_with('/') {
                request.path.insert(0, '/');
            }
        }
        2 => request.headers.push(generate::header(random, words)),
        3 if !request.headers.is_empty() => {
            let place = random.below(request.headers.len());
            request.headers.remove(place);
        }
        4 | 5 => {
            let place = random.below(request.headers.len());
            if let Some((_, value)) = request.headers.get_mut(place) {
                if chance(random, 2) {
                    *value = generate::value(random, words);
                } else {
                    change_character(value, random);
                }
            }
        }
        6 => request.body = generate::body(random, words),
        7 => {
            let mut whole = request.body.concat();
            let place = random.below(whole.len());
            if let Some(byte) = whole.get_mut(place) {
                *byte = u8::try_from(random.below(256)).unwrap_or(0);
            }
            request.body = generate::pieces(whole, random);
        }
        8 => request.upstream = generate::upstream(random, words),
        9 => {
            request.http = request.http.other();
            if request.http == HttpVersion::One {
                request.trailers.clear();
            }
        }
        10 => {
            let other = generate::request(random, words, workers);
            request.method = other.method;
        }
        _ => {
            let other = generate::request(random, words, workers);
            request.worker = other.worker;
        }
    }
}

/// Puts another character somewhere, or one more, or one less.
fn change_character(text: &mut String, random: &mut Random) {
    let place = random.below(text.chars().count());
    // What can be seen of ASCII.
    let code = u8::try_from(random.below(95))
        .unwrap_or(0)
        .saturating_add(32);
    let new = char::from(code);
    let kind = random.below(3);
    let mut changed = String::new();
    for (index, old) in text.chars().enumerate() {
        match kind {
            _ if index != place => changed.push(old),
            0 => changed.push(new),
            1 => changed.extend([new, old]),
            _ => {}
        }
    }
    if text.is_empty() {
        changed.push(new);
    }
    // Blanks around a value are none of it.
    *text = changed.trim().to_owned();
}

/// Changes a path in one place.
fn change_text(text: &mut String, random: &mut Random) {
    let place = random.below(text.len()).max(1).min(text.len());
    if !text.is_char_boundary(place) {
        return;
    }
    match random.below(4) {
        0 => text.truncate(place),
        1 => text.insert_str(place, of(&NUMBERS, random).copied().unwrap_or("0")),
        2 => text.insert_str(
            place,
            of(&["%2f", "/", ".", "%", ";", "?", "&", "="], random)
                .copied()
                .unwrap_or("/"),
        ),
        _ => {
            let tail = text.get(place..).unwrap_or_default().to_owned();
            if text.len() < 1000 && chance(random, 2) {
                text.push_str(&tail);
            }
        }
    }
}
