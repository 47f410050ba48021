//! Lines out of their wrappers, put together again where a wrapper holds only a piece of one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::reader::LONGEST_LINE;
use super::wrapper::Wrapper;

/// The pieces of lines that have not come to their end.
#[derive(Debug)]
pub(super) struct Pieces {
    wrappers: Vec<Wrapper>,
    /// By where they came from.
    begun: BTreeMap<String, String>,
}

/// What a line of a log is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whole<'l> {
    Line(Cow<'l, str>),
    /// A piece of one that goes on.
    GoesOn,
    /// Not in this wrapper, in which the others are.
    NotWrapped(&'static str),
}

impl Pieces {
    pub(super) fn new(wrappers: &[Wrapper]) -> Self {
        Self {
            wrappers: wrappers.to_vec(),
            begun: BTreeMap::new(),
        }
    }

    /// The line inside all wrappers.
    pub(super) fn whole<'l>(&mut self, line: &'l str) -> Whole<'l> {
        let mut inside = Cow::Borrowed(line);
        for wrapper in &self.wrappers {
            let Some(found) = wrapper.inside(&inside) else {
                return Whole::NotWrapped(wrapper.name());
            };
            let Some(stream) = found.stream else {
                inside = Cow::Owned(found.line.into_owned());
                continue;
            };
            let begun = self.begun.remove(stream.as_ref());
            let mut whole = begun.unwrap_or_default();
            // What is longer than a line may be is cut, and then it is no call.
            if whole.len() < LONGEST_LINE {
                whole.push_str(&found.line);
            }
            if found.goes_on {
                self.begun.insert(stream.into_owned(), whole);
                return Whole::GoesOn;
            }
            inside = Cow::Owned(whole);
        }
        Whole::Line(inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_two_streams_are_put_together() {
        let mut pieces = Pieces::new(&[Wrapper::Cri]);
        let at = "2026-11-22T12:00:00Z";
        assert_eq!(pieces.whole(&format!("{at} stdout P a")), Whole::GoesOn);
        assert_eq!(pieces.whole(&format!("{at} stderr P x")), Whole::GoesOn);
        assert_eq!(
            pieces.whole(&format!("{at} stdout F b")),
            Whole::Line("ab".into())
        );
        assert_eq!(
            pieces.whole(&format!("{at} stderr F y")),
            Whole::Line("xy".into())
        );
        assert_eq!(pieces.whole("a"), Whole::NotWrapped("CRI"));
        assert_eq!(Pieces::new(&[]).whole("a"), Whole::Line("a".into()));
    }
}
