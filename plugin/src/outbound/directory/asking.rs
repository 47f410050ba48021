//! Asking: about whom the directory is to be asked next, and how much of it at a time.
//!
//! Organizations that the directory knew are asked about at once: there are only so many of them, and each once in a while. Other ids may
//! be made up, a new one with every call. Of them only so many are asked about at the same time and in a second, and only so many wait.
//! Every worker counts for itself.

use std::{
    collections::{HashMap, VecDeque},
    mem,
};

use jiff::Timestamp;

use crate::{model::organization::OrganizationId, outbound::callout::CalloutId};

/// How much is asked about ids that the directory did not know before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How many questions are on their way at the same time; ten times as many may wait for that.
    pub at_once: usize,
    /// How many questions are sent in a second.
    pub per_second: usize,
}

/// About whom a question is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The organization's id.
    pub id: OrganizationId,
    /// Whether the directory knew it before.
    pub known: bool,
}

/// The questions that wait, and those on their way.
#[derive(Debug)]
pub(super) struct Questions {
    pace: Pace,
    known: Vec<OrganizationId>,
    unknown: VecDeque<OrganizationId>,
    sent: HashMap<CalloutId, Subject>,
    /// How many of `sent` are about ids that were not known.
    unknown_sent: usize,
    /// The second in which the latest of those were sent, and how many in it.
    latest: (i64, usize),
}

impl Questions {
    /// No questions.
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            known: Vec::new(),
            unknown: VecDeque::new(),
            sent: HashMap::new(),
            unknown_sent: 0,
            latest: (0, 0),
        }
    }

    /// Has a question asked; whether there is room for it.
    pub(super) fn add(&mut self, subject: Subject) -> bool {
        let Subject { id, known } = subject;
        let room = known || self.unknown.len() < self.pace.at_once.saturating_mul(10);
        if known {
            self.known.push(id);
        } else if room {
            self.unknown.push_back(id);
        }
        room
    }

    /// Whether a question may be sent, as far as those on their way decide that.
    pub(super) fn has_due(&self) -> bool {
        let room = self.unknown_sent < self.pace.at_once;
        !self.known.is_empty() || (room && !self.unknown.is_empty())
    }

    /// The questions to send at `now`, which then wait no longer.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<Subject> {
        let sent = match self.latest {
            (second, sent) if second == now.as_second() => sent,
            _ => 0,
        };
        let room = self.pace.at_once.saturating_sub(self.unknown_sent);
        let room = room.min(self.pace.per_second.saturating_sub(sent));
        let room = room.min(self.unknown.len());
        self.latest = (now.as_second(), sent.saturating_add(room));
        let unknown = self.unknown.drain(..room);
        let subject = |known| move |id| Subject { id, known };
        mem::take(&mut self.known)
            .into_iter()
            .map(subject(true))
            .chain(unknown.map(subject(false)))
            .collect()
    }

    /// The host has sent a question.
    pub(super) fn note(&mut self, callout: CalloutId, subject: Subject) {
        let unknown = usize::from(!subject.known);
        self.unknown_sent = self.unknown_sent.saturating_add(unknown);
        self.sent.insert(callout, subject);
    }

    /// A question has come back: about whom it was, if it is one of these.
    pub(super) fn answered(&mut self, callout: CalloutId) -> Option<OrganizationId> {
        let subject = self.sent.remove(&callout)?;
        let unknown = usize::from(!subject.known);
        self.unknown_sent = self.unknown_sent.saturating_sub(unknown);
        Some(subject.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn subject(number: usize, known: bool) -> Subject {
        let id = OrganizationId::try_from(number.to_string()).unwrap();
        Subject { id, known }
    }

    /// Sends what is to be sent, and says about whom.
    fn send(questions: &mut Questions, now: Timestamp) -> Vec<usize> {
        let sent = questions.take(now);
        let number = |subject: Subject| {
            let number = subject.id.as_str().parse().unwrap();
            questions.note(CalloutId(number), subject);
            number as usize
        };
        sent.into_iter().map(number).collect()
    }

    #[test]
    fn ids_that_may_be_made_up_are_asked_about_so_many_at_a_time() {
        let pace = Pace {
            at_once: 2,
            per_second: 3,
        };
        let second = |number| Timestamp::from_second(number).unwrap();
        let mut questions = Questions::new(pace);
        let taken = (0..30).filter(|number| questions.add(subject(*number, false)));
        assert_eq!(taken.count(), 20, "ten times as many wait");
        assert_eq!(send(&mut questions, second(5)), [0, 1]);
        assert!(!questions.has_due(), "two are on their way");
        assert_eq!(send(&mut questions, second(5)), [0; 0]);

        assert!(questions.add(subject(99, true)));
        assert!(questions.has_due());
        assert_eq!(send(&mut questions, second(5)), [99], "that is no stranger");

        assert_eq!(questions.answered(CalloutId(99)).unwrap().as_str(), "99");
        assert!(!questions.has_due());
        assert_eq!(questions.answered(CalloutId(0)).unwrap().as_str(), "0");
        assert_eq!(questions.answered(CalloutId(0)), None);
        assert_eq!(send(&mut questions, second(5)), [2]);
        questions.answered(CalloutId(1)).unwrap();
        assert_eq!(send(&mut questions, second(5)), [0; 0], "three in a second");
        assert_eq!(send(&mut questions, second(6)), [3]);
    }
}
