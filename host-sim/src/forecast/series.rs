//! Numbers over time, in a bounded number of equal parts.

use jiff::Timestamp;
use serde::Serialize;

/// What happened in one part of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
pub struct Bucket {
    /// Calls that came.
    pub calls: u64,
    /// Those of them that were refused.
    pub refused: u64,
    /// What they were charged.
    pub cost: u64,
}

impl Bucket {
    fn add(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.refused = self.refused.saturating_add(other.refused);
        self.cost = self.cost.saturating_add(other.cost);
    }
}

/// Buckets by time. They are an hour long, and longer where that would be too many.
///
/// There may be very many organizations with a few buckets each: all but the last are packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    hours: i64,
    /// The last bucket and its number; most calls come in it.
    last: Option<(i64, Bucket)>,
    /// How many there are before it.
    packed_count: usize,
    /// Those, in order, each as four integers in LEB128: how far its number is from the one before it, and what is counted.
    packed: Vec<u8>,
    /// The number of the last packed one.
    packed_last: i64,
}

/// The most buckets that are kept.
const MOST: usize = 500;

impl Default for Series {
    fn default() -> Self {
        Self::of(1, Vec::new())
    }
}

impl Series {
    /// Buckets of so many hours, by number, in order.
    fn of(hours: i64, buckets: Vec<(i64, Bucket)>) -> Self {
        let mut series = Self {
            hours,
            last: None,
            packed_count: 0,
            packed: Vec::new(),
            packed_last: 0,
        };
        for (number, bucket) in buckets {
            series.append(number, bucket);
        }
        series
    }

    /// Adds a bucket behind the last one.
    fn append(&mut self, number: i64, bucket: Bucket) {
        if let Some((number, bucket)) = self.last.replace((number, bucket)) {
            let distance = number.wrapping_sub(self.packed_last);
            let numbers = [
                distance.cast_unsigned(),
                bucket.calls,
                bucket.refused,
                bucket.cost,
            ];
            // Most have few.
            self.packed.reserve_exact(8);
            for number in numbers {
                pack(&mut self.packed, number);
            }
            self.packed_count = self.packed_count.saturating_add(1);
            self.packed_last = number;
        }
    }

    /// The buckets by number, in order.
    fn buckets(&self) -> impl Iterator<Item = (i64, Bucket)> {
        let mut packed = self.packed.as_slice();
        let mut number = 0_i64;
        let unpacked = std::iter::from_fn(move || {
            let distance = unpack(&mut packed)?;
            number = number.wrapping_add(distance.cast_signed());
            let bucket = Bucket {
                calls: unpack(&mut packed)?,
                refused: unpack(&mut packed)?,
                cost: unpack(&mut packed)?,
            };
            Some((number, bucket))
        });
        unpacked.chain(self.last)
    }

    /// How many buckets there are.
    fn len(&self) -> usize {
        self.packed_count.saturating_add(self.last.iter().len())
    }

    /// Counts what happened at an instant.
    pub(super) fn count(&mut self, at: Timestamp, what: Bucket) {
        self.add_to(at.as_second().div_euclid(self.seconds()), what);
        while self.len() > MOST {
            self.widen();
        }
    }

    fn add_to(&mut self, number: i64, what: Bucket) {
        match &mut self.last {
            Some((last, bucket)) if *last == number => bucket.add(what),
            Some((last, _)) if *last > number => {
                let mut buckets: Vec<_> = self.buckets().collect();
                match buckets.binary_search_by_key(&number, |(known, _)| *known) {
                    Ok(place) => {
                        if let Some((_, bucket)) = buckets.get_mut(place) {
                            bucket.add(what);
                        }
                    }
                    Err(place) => buckets.insert(place, (number, what)),
                }
                *self = Self::of(self.hours, buckets);
            }
            _ => self.append(number, what),
        }
    }

    fn widen(&mut self) {
        let mut wider = Self::of(self.hours.saturating_mul(2), Vec::new());
        for (number, bucket) in self.buckets() {
            wider.add_to(number.div_euclid(2), bucket);
        }
        *self = wider;
    }

    /// Adds another series, as if all had been counted in this one.
    pub(super) fn add(&mut self, other: &Self) {
        let mut other = other.clone();
        while self.hours < other.hours {
            self.widen();
        }
        while other.hours < self.hours {
            other.widen();
        }
        for (number, bucket) in other.buckets() {
            self.add_to(number, bucket);
        }
        while self.len() > MOST {
            self.widen();
        }
    }

    /// How long a bucket is, in seconds.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        self.hours.saturating_mul(3600)
    }

    /// The buckets in which anything happened, by when they begin.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, Bucket)> {
        let seconds = self.seconds();
        self.buckets().filter_map(move |(number, bucket)| {
            let begin = Timestamp::from_second(number.checked_mul(seconds)?).ok()?;
            Some((begin, bucket))
        })
    }
}

/// Writes an integer in LEB128.
fn pack(packed: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        packed.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    packed.push(number as u8);
}

/// Reads what [`pack`] has written.
fn unpack(packed: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = packed.split_first()?;
        *packed = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// A bucket as it is told: with when it begins, and how long it is.
#[derive(Serialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
struct Point {
    /// When it begins.
    #[cfg_attr(feature = "command", schemars(with = "String"))]
    from: Timestamp,
    /// How long it is.
    seconds: i64,
    #[serde(flatten)]
    bucket: Bucket,
}

#[cfg(feature = "command")]
impl schemars::JsonSchema for Series {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Series".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Vec::<Point>::json_schema(generator)
    }
}

impl Serialize for Series {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = self.seconds();
        serializer.collect_seq(self.iter().map(|(from, bucket)| Point {
            from,
            seconds,
            bucket,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Bucket = Bucket {
        calls: 1,
        refused: 0,
        cost: 7,
    };

    #[test]
    fn buckets_stand_in_order_whenever_they_are_counted() {
        let wide = Bucket {
            calls: u64::MAX,
            refused: 1 << 63,
            cost: 300,
        };
        let mut series = Series::default();
        let second = |hour: i64| Timestamp::from_second(hour * 3600).unwrap();
        for (hour, what) in [
            (5, CALL),
            (-3, wide),
            (9, CALL),
            (5, CALL),
            (-3, CALL),
            (6, CALL),
        ] {
            series.count(second(hour), what);
        }
        let mut twice = CALL;
        twice.add(CALL);
        let expected = [
            (second(-3), Bucket { cost: 307, ..wide }),
            (second(5), twice),
            (second(6), CALL),
            (second(9), CALL),
        ];
        assert_eq!(series.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn buckets_get_longer_instead_of_more() {
        let mut series = Series::default();
        for hour in 0..1200 {
            let at = Timestamp::from_second(hour * 3600 + 7).unwrap();
            series.count(at, CALL);
        }
        assert_eq!(series.seconds(), 4 * 3600);
        assert_eq!(series.iter().count(), 300);
        assert!(series.iter().all(|(_, bucket)| bucket.calls == 4));
    }

    #[test]
    fn two_series_make_the_one_that_all_of_it_makes() {
        for hours in [400, 700, 2500] {
            let mut all = Series::default();
            let mut parts = [Series::default(), Series::default()];
            for hour in 0..hours {
                let at = Timestamp::from_second(hour * 3600).unwrap();
                // The second one has few, which lie far apart.
                let part = &mut parts[usize::from(hour % 100 == 0)];
                part.count(at, CALL);
                all.count(at, CALL);
            }
            let [mut one, two] = parts;
            let mut other = two.clone();
            other.add(&one);
            one.add(&two);
            assert_eq!((&one, &other), (&all, &all));
        }
    }
}
