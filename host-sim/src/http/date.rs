//! The date that Envoy and servers put into their answers: it is written once a second, however many answers there are, as in Envoy
//! (`TlsCachingDateProviderImpl`).

use std::cell::RefCell;
use std::rc::Rc;

use jiff::fmt::rfc2822::DateTimePrinter;

use crate::model::clock::Instant;

/// The dates of a simulation, of which the last one is kept.
#[derive(Debug, Default)]
pub(crate) struct HttpDates(RefCell<Option<(i64, Rc<str>)>>);

impl HttpDates {
    /// An instant as headers say it (RFC 9110, section 5.6.7).
    pub(crate) fn of(&self, instant: Instant) -> Rc<str> {
        let timestamp = instant.as_timestamp();
        let second = timestamp.as_second();
        let mut last = self.0.borrow_mut();
        if let Some((_, date)) = last.as_ref().filter(|(of, _)| *of == second) {
            return Rc::clone(date);
        }
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp);
        // Every instant from the year 0 on can be written so.
        let date: Rc<str> = date.unwrap_or_default().into();
        *last = Some((second, Rc::clone(&date)));
        date
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;

    #[test]
    fn every_second_has_its_date() {
        let dates = HttpDates::default();
        let start = Instant::from_timestamp(Timestamp::from_second(784_111_777).unwrap());
        let after = |millis: u64| dates.of(start.after(Duration::from_millis(millis)));
        assert_eq!(&*after(0), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(&*after(999), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(&*after(1000), "Sun, 06 Nov 1994 08:49:38 GMT");
        assert_eq!(&*after(500), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
