//! History: what an organization did on the days before today.
//!
//! A day's statistics come here when the next one begins, and whatever a worker has not written by then is added. So many days are kept,
//! and of each so many operations and clients, those with the most credits; the rest of a day is summed up. A worker that crashes in the
//! moment between loses the day for this page; accounts and usage events have it.
//!
//! The record: version (1 byte), then of each day the length of its statistics (4 bytes, little endian) and their record.

use super::statistics::{Statistics, UnreadableStatistics};
use crate::model::day::DayNumber;

/// The days before today, the first one first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(Vec<Statistics>);

impl History {
    /// How many days are kept: a month, so that the longest one is whole.
    pub const DAYS: usize = 31;
    /// How many operations, and how many clients, of a day are told apart.
    pub const NAMES: usize = 16;
    /// The version of the record's layout.
    const VERSION: u8 = 1;
    /// Where it is stored, below the key of an account: the layout's version is in it.
    pub const BELOW: &str = "/history/1";

    /// The days, the first one first.
    pub fn days(&self) -> impl Iterator<Item = &Statistics> {
        self.0.iter()
    }

    /// The history with a day added, or with more of a day that it has. Of too many days, the first ones go.
    #[must_use]
    pub fn with(mut self, day: &Statistics) -> Self {
        let place = self.0.binary_search_by_key(&day.day(), Statistics::day);
        match place.map(|place| self.0.get_mut(place)) {
            Ok(Some(known)) => {
                known.merge(day);
                known.trim(Self::NAMES);
            }
            Ok(None) => {}
            Err(place) => {
                let mut day = day.clone();
                day.trim(Self::NAMES);
                self.0.insert(place, day);
            }
        }
        let too_many = self.0.len().saturating_sub(Self::DAYS);
        self.0.drain(..too_many);
        self
    }

    /// The days that are shown when it is `today`: those of the month before, and none that a clock which ran ahead has left.
    #[must_use]
    pub fn before(mut self, today: DayNumber) -> Self {
        let days = i32::try_from(Self::DAYS).unwrap_or(i32::MAX);
        let first = DayNumber::new(today.get().saturating_sub(days));
        self.0.retain(|day| first <= day.day() && day.day() < today);
        self
    }

    /// The history as stored.
    #[must_use]
    pub fn to_record(&self) -> Vec<u8> {
        let mut record = vec![Self::VERSION];
        for day in &self.0 {
            let day = day.to_record();
            let length = u32::try_from(day.len()).unwrap_or(u32::MAX);
            record.extend_from_slice(&length.to_le_bytes());
            record.extend_from_slice(&day);
        }
        record
    }

    /// The history that was stored; none where there are no bytes.
    ///
    /// # Errors
    /// When the bytes are not such a record, which only another plugin that writes under our keys can cause.
    pub fn from_record(record: &[u8]) -> Result<Self, UnreadableStatistics> {
        let mut days = Vec::new();
        let mut rest = match record {
            [] => return Ok(Self::default()),
            [Self::VERSION, rest @ ..] => rest,
            [version, ..] => return Err(UnreadableStatistics::Version { version: *version }),
        };
        while !rest.is_empty() {
            let malformed = UnreadableStatistics::Malformed {
                bytes: record.len(),
                left: rest.len(),
            };
            let split = rest.split_first_chunk::<4>().and_then(|(length, rest)| {
                let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
                rest.split_at_checked(length)
            });
            let (day, after) = split.ok_or(malformed)?;
            days.push(Statistics::from_record(day)?);
            rest = after;
        }
        let ascending = days.is_sorted_by(|a, b| a.day() < b.day());
        ascending
            .then_some(Self(days))
            .ok_or(UnreadableStatistics::Malformed {
                bytes: record.len(),
                left: 0,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        accounts::statistics::Event,
        model::{client::ClientId, credits::Credits, reason::Reason},
    };
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn day(number: i32, cost: u64) -> Statistics {
        let mut day = Statistics::opened(DayNumber::new(number));
        let cost = Credits::new(cost).unwrap();
        day.add(None, Event::Charged { rule: "list", cost });
        day
    }

    fn days(history: &History) -> Vec<(i32, u64)> {
        let days = history.days();
        days.map(|day| (day.day().get(), day.total().credits.get()))
            .collect()
    }

    #[test]
    fn a_month_is_kept_and_what_comes_late_is_added() {
        let mut history = History::default();
        for number in [7, 9, 8] {
            history = history.with(&day(number, 3));
        }
        history = history.with(&day(8, 4));
        assert_eq!(days(&history), [(7, 3), (8, 7), (9, 3)]);
        let record = history.to_record();
        assert_eq!(History::from_record(&record), Ok(history.clone()));
        assert_eq!(
            days(&history.clone().before(DayNumber::new(9))),
            [(7, 3), (8, 7)]
        );
        let later = history.before(DayNumber::new(39));
        assert_eq!(days(&later), [(8, 7), (9, 3)]);
        let full = (10..60).fold(later, |history, number| history.with(&day(number, 1)));
        assert_eq!(days(&full).len(), History::DAYS);
        assert_eq!(days(&full).first(), Some(&(29, 1)));
    }

    #[test]
    fn a_day_takes_up_so_much_room_whoever_calls_and_its_sum_stays() {
        let mut busy = Statistics::opened(DayNumber::new(1));
        for number in 0..200_u64 {
            let (rule, client) = (format!("rule {number}"), format!("{number:0>128}"));
            let client = ClientId::stated(Some(&client));
            let cost = Credits::new(number).unwrap();
            busy.add(Some(&client), Event::Charged { rule: &rule, cost });
            busy.add(Some(&client), Event::Refused(Reason::DailyCredits));
        }
        let history = History::default().with(&busy);
        let kept = history.days().next().unwrap();
        assert_eq!(kept.total(), busy.total());
        assert_eq!(kept.clients().len(), History::NAMES + 1);
        let refused = kept.clients().iter().map(|client| client.refused);
        assert_eq!(refused.sum::<u64>(), 200);
        assert_eq!(kept.clients()[0].id.as_str(), format!("{:0>128}", 199));
        assert_eq!(kept.operations().named().count(), History::NAMES);
        assert!(
            history.to_record().len() < 8_000,
            "{}",
            history.to_record().len()
        );
    }

    #[test]
    fn what_is_no_record_is_said_to_be_none() {
        assert_eq!(History::from_record(b""), Ok(History::default()));
        let record = History::default().with(&day(1, 1)).to_record();
        for length in 2..record.len() {
            assert!(History::from_record(&record[..length]).is_err(), "{length}");
        }
        assert_eq!(
            History::from_record(b"\x02"),
            Err(UnreadableStatistics::Version { version: 2 })
        );
    }
}
