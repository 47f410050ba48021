//! Metrics: statistics by name, which all workers share, and the identifiers by which one VM refers to them.
//!
//! As in Envoy: every definition gives a new identifier, even of a known name; its low two bits say the kind; an increment
//! of a counter must be positive; recording on a counter *adds*.

use std::collections::BTreeMap;

use crate::abi::MetricType;

/// The values of all metrics.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    places: BTreeMap<(String, MetricType), usize>,
    values: Vec<u64>,
}

/// The identifiers that one VM was given.
#[derive(Debug, Default)]
pub(crate) struct MetricIds {
    /// Those of each kind, in the order of their identifiers.
    defined: [Vec<Defined>; 3],
}

/// A metric as a VM knows it.
#[derive(Clone, Debug)]
struct Defined {
    name: String,
    kind: MetricType,
    /// Where its value is among all.
    place: usize,
}

/// Why a metric could not be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MetricError {
    /// Nobody defined this identifier.
    Unknown(u32),
    /// Counters only go up.
    NotPositive(i64),
    /// Histograms only take records.
    Histogram,
    /// No kind of metric has such identifiers.
    NoKind(u32),
}

/// How far apart the identifiers of one kind are.
const ID_STEP: u32 = 4;

impl MetricIds {
    /// Defines a metric and gives it a new identifier: 4, 8, … for counters, 5, 9, … for gauges, 6, 10, … for histograms.
    pub(crate) fn define(&mut self, kind: MetricType, name: String, metrics: &mut Metrics) -> u32 {
        let place = metrics.place(&name, kind);
        let [counters, gauges, histograms] = &mut self.defined;
        let (low_bits, of_kind) = match kind {
            MetricType::Counter => (0, counters),
            MetricType::Gauge => (1, gauges),
            MetricType::Histogram => (2, histograms),
        };
        of_kind.push(Defined { name, kind, place });
        let number = u32::try_from(of_kind.len()).unwrap_or(u32::MAX);
        number.wrapping_mul(ID_STEP).wrapping_add(low_bits)
    }

    /// The name behind an identifier, for traces.
    pub(crate) fn name(&self, id: u32) -> Option<&str> {
        self.find(id).ok().map(|defined| defined.name.as_str())
    }

    /// Envoy looks at the kind first, then for the metric.
    fn find(&self, id: u32) -> Result<&Defined, MetricError> {
        let kind = usize::try_from(id & 3).unwrap_or(usize::MAX);
        let of_kind = self.defined.get(kind).ok_or(MetricError::NoKind(id))?;
        // The first one of each kind has the number 1.
        let place = (id >> 2).checked_sub(1);
        let place = place.and_then(|place| usize::try_from(place).ok());
        place
            .and_then(|place| of_kind.get(place))
            .ok_or(MetricError::Unknown(id))
    }

    fn find_countable(&self, id: u32) -> Result<&Defined, MetricError> {
        if id & 3 == 2 {
            return Err(MetricError::Histogram);
        }
        self.find(id)
    }

    /// `proxy_increment_metric`.
    pub(crate) fn increment(
        &self,
        id: u32,
        offset: i64,
        metrics: &mut Metrics,
    ) -> Result<(), MetricError> {
        let defined = self.find_countable(id)?;
        if defined.kind == MetricType::Counter && offset <= 0 {
            return Err(MetricError::NotPositive(offset));
        }
        metrics.change(defined.place, |value| value.wrapping_add_signed(offset));
        Ok(())
    }

    /// `proxy_record_metric`.
    pub(crate) fn record(
        &self,
        id: u32,
        recorded: u64,
        metrics: &mut Metrics,
    ) -> Result<(), MetricError> {
        let defined = self.find(id)?;
        metrics.change(defined.place, |value| match defined.kind {
            MetricType::Counter => value.wrapping_add(recorded),
            MetricType::Gauge => recorded,
            // What tests ask of a histogram is how many values it took.
            MetricType::Histogram => value.wrapping_add(1),
        });
        Ok(())
    }

    /// `proxy_get_metric`.
    pub(crate) fn get(&self, id: u32, metrics: &Metrics) -> Result<u64, MetricError> {
        let defined = self.find_countable(id)?;
        Ok(metrics.values.get(defined.place).copied().unwrap_or(0))
    }
}

impl Metrics {
    /// Where the value of this metric is, which is made if there is none.
    fn place(&mut self, name: &str, kind: MetricType) -> usize {
        let name = plain(name);
        let next = self.values.len();
        let place = self.places.entry((name.to_owned(), kind)).or_insert(next);
        if *place == next {
            self.values.push(0);
        }
        *place
    }

    fn change(&mut self, place: usize, by: impl FnOnce(u64) -> u64) {
        if let Some(value) = self.values.get_mut(place) {
            *value = by(*value);
        }
    }

    /// The value of the counter of this name, or else of the gauge, or else how many values the histogram took.
    pub(crate) fn value(&self, name: &str) -> Option<u64> {
        let name = plain(name);
        let of = |kind| {
            let place = self.places.get(&(name.to_owned(), kind))?;
            self.values.get(*place).copied()
        };
        of(MetricType::Counter)
            .or_else(|| of(MetricType::Gauge))
            .or_else(|| of(MetricType::Histogram))
    }
}

/// A name as Envoy keeps it: without dots at its end.
fn plain(name: &str) -> &str {
    name.trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_gives_a_new_identifier_of_the_same_statistic() {
        let (mut ids, mut metrics) = (MetricIds::default(), Metrics::default());
        let mut define = |kind, name: &str| ids.define(kind, name.to_owned(), &mut metrics);
        let counters = [
            define(MetricType::Counter, "c"),
            define(MetricType::Counter, "c"),
        ];
        let others = [
            define(MetricType::Gauge, "g"),
            define(MetricType::Histogram, "h"),
        ];
        assert_eq!((counters, others), ([4, 8], [5, 6]));
        ids.increment(4, 2, &mut metrics).unwrap();
        ids.increment(8, 3, &mut metrics).unwrap();
        assert_eq!(metrics.value("c"), Some(5));
        assert_eq!(metrics.value("never"), None);
        let dotted = ids.define(MetricType::Counter, "c..".to_owned(), &mut metrics);
        ids.increment(dotted, 1, &mut metrics).unwrap();
        assert_eq!(
            (metrics.value("c"), metrics.value("c.")),
            (Some(6), Some(6))
        );
    }

    #[test]
    fn each_kind_has_its_rules() {
        let (mut ids, mut metrics) = (MetricIds::default(), Metrics::default());
        let counter = ids.define(MetricType::Counter, "c".to_owned(), &mut metrics);
        let gauge = ids.define(MetricType::Gauge, "g".to_owned(), &mut metrics);
        let histogram = ids.define(MetricType::Histogram, "h".to_owned(), &mut metrics);

        assert_eq!(
            ids.increment(counter, 0, &mut metrics),
            Err(MetricError::NotPositive(0))
        );
        assert_eq!(
            ids.increment(counter, -1, &mut metrics),
            Err(MetricError::NotPositive(-1))
        );
        ids.record(counter, 5, &mut metrics).unwrap();
        ids.record(counter, 5, &mut metrics).unwrap();
        assert_eq!(ids.get(counter, &metrics), Ok(10));

        ids.increment(gauge, 5, &mut metrics).unwrap();
        ids.increment(gauge, -2, &mut metrics).unwrap();
        assert_eq!(ids.get(gauge, &metrics), Ok(3));
        ids.record(gauge, 1, &mut metrics).unwrap();
        assert_eq!(ids.get(gauge, &metrics), Ok(1));

        assert_eq!(
            ids.increment(histogram, 1, &mut metrics),
            Err(MetricError::Histogram)
        );
        assert_eq!(ids.get(histogram, &metrics), Err(MetricError::Histogram));
        ids.record(histogram, 7, &mut metrics).unwrap();
        assert_eq!(metrics.value("h"), Some(1));
        assert_eq!(ids.get(400, &metrics), Err(MetricError::Unknown(400)));
        assert_eq!(ids.get(402, &metrics), Err(MetricError::Histogram));
        assert_eq!(ids.get(3, &metrics), Err(MetricError::NoKind(3)));
    }
}
