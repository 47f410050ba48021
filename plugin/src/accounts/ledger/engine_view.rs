//! The epoch of the engine, as all workers of a proxy know it, beside the proxy's own name.
//!
//! It goes on from one epoch to the next by compare-and-set: only an answer to a message that stated the epoch known here tells of
//! another one. So an answer of a former engine, overtaken on its way, never brings the former epoch back, whatever clocks say.

use std::convert::Infallible;

use jiff::Timestamp;

use super::{AccountKey, Change, Ledger, PostingFailure, SharedData, change};
use crate::accounts::account::Moment;

/// When an engine was first spoken to after it had started empty, in microseconds since 1970 by its own clock; 0 where none is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epoch(pub u64);

/// What a proxy knows of the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineView {
    /// The epoch of the engine that it last heard of.
    pub epoch: Epoch,
    /// When that engine last answered, give or take a second.
    pub heard_at: Moment,
    /// When a worker last greeted it.
    pub greeted_at: Moment,
}

impl EngineView {
    /// By how many milliseconds `heard_at` may be behind, so that not every answer is written down.
    const BEHIND: u128 = 500;

    fn to_record(self) -> [u8; 24] {
        let mut record = [0; 24];
        let numbers = [self.epoch.0, self.heard_at.0, self.greeted_at.0];
        for (bytes, number) in record.as_chunks_mut::<8>().0.iter_mut().zip(numbers) {
            *bytes = number.to_le_bytes();
        }
        record
    }

    /// What was stored; nothing where something else was.
    fn from_record(record: &[u8]) -> Self {
        let (numbers, rest) = record.as_chunks::<8>();
        match (numbers, rest) {
            ([epoch, heard_at, greeted_at], []) => Self {
                epoch: Epoch(u64::from_le_bytes(*epoch)),
                heard_at: Moment(u64::from_le_bytes(*heard_at)),
                greeted_at: Moment(u64::from_le_bytes(*greeted_at)),
            },
            _ => Self::default(),
        }
    }

    /// After an answer by an engine of this epoch to a message that stated `stated`; `None` if it changes nothing.
    #[must_use]
    pub fn hears(self, stated: Epoch, epoch: Epoch, now: Timestamp) -> Option<Self> {
        let heard = Self {
            epoch,
            heard_at: Moment::of(now),
            ..self
        };
        if epoch == Epoch::default() || self.epoch != stated && self.epoch != epoch {
            return None;
        }
        let stale = self.heard_at.age(now).as_millis() >= Self::BEHIND;
        (self.epoch != epoch || stale).then_some(heard)
    }
}

impl<S: SharedData> Ledger<'_, S> {
    /// What this proxy knows of the engine whose record is at `place`.
    ///
    /// # Errors
    /// When the host refuses the call.
    pub fn engine_view(&self, place: &AccountKey) -> Result<EngineView, PostingFailure> {
        let stored = self.data.get(place.as_str())?;
        Ok(stored.map_or_else(EngineView::default, |stored| {
            EngineView::from_record(&stored.value)
        }))
    }

    /// Changes what this proxy knows of the engine, unless there is nothing to change. Returns whether it was changed.
    ///
    /// # Errors
    /// When other workers are faster each time, or the host refuses a call.
    pub fn update_engine_view(
        &self,
        place: &AccountKey,
        step: impl Fn(EngineView) -> Option<EngineView>,
    ) -> Result<bool, PostingFailure> {
        let changed = change(self.data, place.as_str(), Self::ATTEMPTS, |stored| {
            let after = step(EngineView::from_record(stored));
            Ok::<_, Infallible>(after.map_or(Change::Keep(false), |after| {
                Change::Store(after.to_record().to_vec(), true)
            }))
        });
        Ok(changed.result?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{accounts::ledger::fake::FakeSharedData, model::namespace::Namespace};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_795_300_000_000 + milliseconds).unwrap()
    }

    #[test]
    fn only_an_answer_to_what_was_known_tells_of_another_birth() {
        let data = FakeSharedData::default();
        let (ledger, place) = (
            Ledger::new(&data),
            AccountKey::engine(&Namespace::default()),
        );
        let hears = |stated, epoch, milliseconds| {
            let step =
                |known: EngineView| known.hears(Epoch(stated), Epoch(epoch), at(milliseconds));
            let changed = ledger.update_engine_view(&place, step).unwrap();
            (changed, ledger.engine_view(&place).unwrap().epoch.0)
        };
        assert_eq!(hears(0, 0, 0), (false, 0), "an engine without one");
        assert_eq!(hears(0, 7, 0), (true, 7));
        assert_eq!(hears(7, 7, 100), (false, 7), "heard just now");
        assert_eq!(hears(7, 7, 600), (true, 7));
        assert_eq!(hears(7, 5, 700), (true, 5), "by a clock that is behind");
        assert_eq!(hears(7, 7, 800), (false, 5), "of the former engine");
        assert_eq!(hears(0, 9, 2_000), (false, 5), "what knew nothing");
        let heard_at = ledger.engine_view(&place).unwrap().heard_at;
        assert_eq!(heard_at, Moment::of(at(700)));
    }

    #[test]
    fn what_something_else_has_stored_is_nothing() {
        let known = EngineView {
            epoch: Epoch(1),
            heard_at: Moment(2),
            greeted_at: Moment(3),
        };
        assert_eq!(EngineView::from_record(&known.to_record()), known);
        assert_eq!(EngineView::from_record(b"1234567"), EngineView::default());
        assert_eq!(EngineView::from_record(&[1; 25]), EngineView::default());
    }
}
