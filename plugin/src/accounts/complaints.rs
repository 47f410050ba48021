//! Complaints: lines for the log about what callers or services do, of which there could be one with every call.

use std::{cell::RefCell, collections::HashMap};

use jiff::Timestamp;

use crate::model::day::Seconds;

/// What was complained of lately.
///
/// Of each thing once a minute; of things beyond 256 in one minute, one a minute in all, so that whoever thinks up new ones fills neither the
/// log nor the memory. Every worker complains for itself.
#[derive(Debug, Default)]
pub struct Complaints {
    latest: RefCell<HashMap<String, Timestamp>>,
}

impl Complaints {
    /// How long the log is silent about a thing.
    const SILENCE: Seconds = Seconds::new(60);
    /// How many things are told apart.
    const MOST: usize = 256;
    /// The most of a line that is written, in bytes.
    const LONGEST: usize = 512;

    /// The line to write at `now` about a thing; `None` if that was written just now.
    pub fn line(
        &self,
        about: &str,
        now: Timestamp,
        line: impl FnOnce() -> String,
    ) -> Option<String> {
        let mut latest = self.latest.borrow_mut();
        // A clock that was ahead silences nothing.
        let recent = |at: &Timestamp| *at <= now && Seconds::between(*at, now) <= Self::SILENCE;
        if latest.get(about).is_some_and(recent) {
            return None;
        }
        if latest.len() >= Self::MOST {
            latest.retain(|_, at| recent(at));
        }
        let about = if latest.len() >= Self::MOST {
            ""
        } else {
            about
        };
        if latest.get(about).is_some_and(recent) {
            return None;
        }
        latest.insert(about.to_owned(), now);
        Some(cut(line()))
    }
}

fn cut(mut line: String) -> String {
    if line.len() > Complaints::LONGEST {
        line.truncate(line.floor_char_boundary(Complaints::LONGEST));
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_thing_is_complained_of_once_a_minute() {
        let complaints = Complaints::default();
        let complain = |about: &str, second| complaints.line(about, at(second), || about.into());
        assert_eq!(complain("a", 0).as_deref(), Some("a"));
        assert_eq!(complain("a", 60), None);
        assert_eq!(complain("b", 60).as_deref(), Some("b"));
        assert_eq!(complain("a", 61).as_deref(), Some("a"));
    }

    #[test]
    fn new_things_without_end_are_one_thing() {
        let complaints = Complaints::default();
        let written = |second| {
            let lines = (0..10_000)
                .filter_map(|n| complaints.line(&format!("{n}"), at(second), String::new));
            lines.count()
        };
        assert_eq!((written(0), written(1)), (257, 0));
        assert!(complaints.latest.borrow().len() <= 257);
        assert_eq!(written(100), 257);
    }

    #[test]
    fn a_line_has_an_end() {
        let long = "é".repeat(1_000);
        let line = Complaints::default().line("", at(0), || long).unwrap();
        assert_eq!(line, format!("{}…", "é".repeat(256)));
    }
}
