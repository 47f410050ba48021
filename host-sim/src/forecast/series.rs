//! Numbers over time, in a bounded number of equal parts.

use std::collections::BTreeMap;

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

/// Buckets by time. They are an hour long, and longer where that would be too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    hours: i64,
    buckets: BTreeMap<i64, Bucket>,
}

/// The most buckets that are kept.
const MOST: usize = 500;

impl Default for Series {
    fn default() -> Self {
        Self {
            hours: 1,
            buckets: BTreeMap::new(),
        }
    }
}

impl Series {
    /// The bucket of an instant.
    pub(super) fn at(&mut self, at: Timestamp) -> &mut Bucket {
        let number = at.as_second().div_euclid(self.seconds());
        if self.buckets.len() >= MOST && !self.buckets.contains_key(&number) {
            self.widen();
            return self.at(at);
        }
        self.buckets.entry(number).or_default()
    }

    fn widen(&mut self) {
        self.hours = self.hours.saturating_mul(2);
        for (number, bucket) in std::mem::take(&mut self.buckets) {
            let wider = self.buckets.entry(number.div_euclid(2)).or_default();
            wider.calls = wider.calls.saturating_add(bucket.calls);
            wider.refused = wider.refused.saturating_add(bucket.refused);
            wider.cost = wider.cost.saturating_add(bucket.cost);
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
            series
                .at(Timestamp::from_second(hour * 3600 + 7).unwrap())
                .calls += 1;
        }
        assert_eq!(series.seconds(), 4 * 3600);
        assert_eq!(series.iter().count(), 300);
        assert!(series.iter().all(|(_, bucket)| bucket.calls == 4));
    }
}
