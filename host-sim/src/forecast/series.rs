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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    hours: i64,
    /// By number, in order. Many organizations have few.
    buckets: Vec<(i64, Bucket)>,
}

/// The most buckets that are kept.
const MOST: usize = 500;

impl Default for Series {
    fn default() -> Self {
        Self {
            hours: 1,
            buckets: Vec::new(),
        }
    }
}

impl Series {
    /// The bucket of an instant.
    pub(super) fn at(&mut self, at: Timestamp) -> Option<&mut Bucket> {
        let mut number = at.as_second().div_euclid(self.seconds());
        // Most calls come in the newest hour.
        let is_last = |(last, _): &(i64, Bucket)| *last == number;
        if !self.buckets.last().is_some_and(is_last) {
            while self.buckets.len() >= MOST && self.place_of(number).is_err() {
                self.widen();
                number = at.as_second().div_euclid(self.seconds());
            }
            return self.bucket(number);
        }
        self.buckets.last_mut().map(|(_, bucket)| bucket)
    }

    fn place_of(&self, number: i64) -> Result<usize, usize> {
        self.buckets
            .binary_search_by_key(&number, |(known, _)| *known)
    }

    /// The bucket of this number, which is made if it is not there.
    fn bucket(&mut self, number: i64) -> Option<&mut Bucket> {
        let place = self.place_of(number).unwrap_or_else(|place| {
            self.buckets
                .reserve_exact(usize::from(self.buckets.is_empty()));
            self.buckets.insert(place, (number, Bucket::default()));
            place
        });
        self.buckets.get_mut(place).map(|(_, bucket)| bucket)
    }

    fn widen(&mut self) {
        self.hours = self.hours.saturating_mul(2);
        for (number, bucket) in std::mem::take(&mut self.buckets) {
            if let Some(wider) = self.bucket(number.div_euclid(2)) {
                wider.add(bucket);
            }
        }
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
        for (number, bucket) in other.buckets {
            if let Some(own) = self.bucket(number) {
                own.add(bucket);
            }
        }
        while self.buckets.len() > MOST {
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
        self.buckets.iter().filter_map(move |(number, bucket)| {
            let begin = Timestamp::from_second(number.checked_mul(seconds)?).ok()?;
            Some((begin, *bucket))
        })
    }
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

    #[test]
    fn buckets_get_longer_instead_of_more() {
        let mut series = Series::default();
        for hour in 0..1200 {
            let at = Timestamp::from_second(hour * 3600 + 7).unwrap();
            series.at(at).unwrap().calls += 1;
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
                part.at(at).unwrap().cost += 1;
                all.at(at).unwrap().cost += 1;
            }
            let [mut one, two] = parts;
            let mut other = two.clone();
            other.add(&one);
            one.add(&two);
            assert_eq!((&one, &other), (&all, &all));
        }
    }
}
