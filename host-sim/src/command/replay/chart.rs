//! Calls over time as bars, for the page.

use host_sim::forecast::{Bucket, Day, Series};
use jiff::{SignedDuration, Timestamp};

use super::number::{Zone, count, grouped};

/// The stretch of time that all charts of a page show, in equal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    begin: Timestamp,
    seconds: i64,
    parts: usize,
}

/// A chart, ready to be drawn.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chart {
    pub(super) width: usize,
    pub(super) height: u64,
    /// The outline of the bars.
    pub(super) passed: String,
    /// What stands on top of them.
    pub(super) refused: String,
    /// What was charged up to each moment of a day, and the limit of the day, if there is any.
    pub(super) charged: String,
    pub(super) limit: String,
    pub(super) charged_caption: String,
    pub(super) labels: Vec<Label>,
    pub(super) description: String,
    pub(super) caption: String,
}

/// A time on the axis.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Label {
    /// How far to the right, in percent.
    pub(super) at: String,
    pub(super) text: String,
}

/// How wide a bar is, with the gap behind it, in the chart's own units.
const BAR: usize = 10;
const GAP: usize = 2;

/// How high the highest one is.
const HEIGHT: u64 = 100;

/// The most times on the axis.
const MOST_LABELS: i64 = 8;

impl Stretch {
    /// As long as a series.
    pub(super) fn of(series: &Series) -> Option<Self> {
        let (begin, _) = series.iter().next()?;
        let (last, _) = series.iter().last()?;
        let seconds = series.seconds();
        let between = last.as_second().saturating_sub(begin.as_second());
        let parts = between.checked_div(seconds)?.saturating_add(1);
        Some(Self {
            begin,
            seconds,
            parts: usize::try_from(parts).ok()?,
        })
    }

    fn parts_of(self, series: &Series) -> Vec<Bucket> {
        let mut parts = vec![Bucket::default(); self.parts];
        for (from, bucket) in series.iter() {
            let since = from.as_second().saturating_sub(self.begin.as_second());
            let part = since
                .checked_div(self.seconds)
                .and_then(|part| usize::try_from(part).ok());
            if let Some(part) = part.and_then(|part| parts.get_mut(part)) {
                part.calls = part.calls.saturating_add(bucket.calls);
                part.refused = part.refused.saturating_add(bucket.refused);
                part.cost = part.cost.saturating_add(bucket.cost);
            }
        }
        parts
    }

    fn labels(self, zone: &Zone) -> Vec<Label> {
        const HOUR: i64 = 3600;
        const STEPS: [i64; 10] = [1, 3, 6, 12, 24, 48, 168, 336, 720, 2160];
        let parts = i64::try_from(self.parts).unwrap_or(i64::MAX);
        let long = parts.saturating_mul(self.seconds).max(1);
        let mut steps = STEPS.map(|hours| hours.saturating_mul(HOUR)).into_iter();
        let longest = STEPS
            .last()
            .map_or(HOUR, |hours| hours.saturating_mul(HOUR));
        let few = |step: &i64| {
            long.checked_div(*step)
                .is_some_and(|labels| labels <= MOST_LABELS)
        };
        let step = steps.find(few).unwrap_or(longest);
        let format = if step < 24 * HOUR {
            "%b %-d %H:%M"
        } else {
            "%b %-d"
        };
        let first = self.begin.as_second();
        // Where days and hours begin there.
        let ahead = zone.ahead(self.begin);
        let local = first.saturating_add(ahead).div_euclid(step);
        let mut at = local.saturating_mul(step).saturating_sub(ahead);
        let mut labels = Vec::new();
        while at < first.saturating_add(long) {
            if let (true, Ok(time)) = (at >= first, Timestamp::from_second(at)) {
                let share = at.saturating_sub(first) as f64 / long as f64;
                labels.push(Label {
                    at: format!("{:.2}", share * 100.0),
                    text: zone.written(time, format),
                });
            }
            at = at.saturating_add(step);
        }
        labels
    }
}

impl Chart {
    /// The same with what was charged, added up over each day, against the limit of the day.
    pub(super) fn with_allotment(
        mut self,
        series: &Series,
        stretch: Stretch,
        days: &[Day],
        unit: &str,
    ) -> Self {
        let limit = days.iter().filter_map(|day| day.terms.limit).max();
        let Some(limit) = limit.filter(|limit| *limit > 0) else {
            return self;
        };
        let parts = stretch.parts_of(series);
        let day_of = |at: Timestamp| {
            let begun = |day: &&Day| day.from.is_some_and(|from| from <= at);
            days.iter().filter(begun).count()
        };
        let mut sums = Vec::with_capacity(parts.len());
        let (mut sum, mut day) = (0_u64, 0);
        for (place, part) in (0_i64..).zip(&parts) {
            let end = place.saturating_add(1).saturating_mul(stretch.seconds);
            let end = stretch
                .begin
                .as_second()
                .saturating_add(end)
                .saturating_sub(1);
            let today = Timestamp::from_second(end).map_or(day, day_of);
            if today != day {
                (sum, day) = (0, today);
            }
            sum = sum.saturating_add(part.cost);
            sums.push(sum);
        }
        let most = sums.iter().copied().max().unwrap_or(0).max(limit);
        let high = |credits: u64| {
            let high = credits
                .saturating_mul(HEIGHT)
                .checked_div(most)
                .unwrap_or(0);
            HEIGHT.saturating_sub(high)
        };
        let mut line = String::new();
        for (place, sum) in sums.iter().enumerate() {
            let x = place.saturating_mul(BAR);
            let command = if place == 0 { 'M' } else { 'L' };
            line.push_str(&format!(
                "{command}{x} {}H{}",
                high(*sum),
                x.saturating_add(BAR)
            ));
        }
        self.charged = line;
        self.limit = format!("M0 {y}H{}", self.width, y = high(limit));
        self.charged_caption = format!(
            "{unit} charged, added up over each day, against the limit of {}",
            grouped(limit)
        );
        self
    }

    /// A series over the stretch of the page.
    pub(super) fn new(series: &Series, stretch: Stretch, zone: &Zone) -> Self {
        let parts = stretch.parts_of(series);
        let most = parts.iter().map(|part| part.calls).max().unwrap_or(0);
        let (mut passed, mut refused) = (String::new(), String::new());
        for (place, part) in parts.iter().enumerate() {
            let x = place.saturating_mul(BAR);
            let end = x.saturating_add(BAR.saturating_sub(GAP));
            let top = |calls: u64| {
                let high = calls.saturating_mul(HEIGHT).checked_div(most).unwrap_or(0);
                // What is there is seen.
                HEIGHT.saturating_sub(if calls > 0 { high.max(1) } else { 0 })
            };
            let without = part.calls.saturating_sub(part.refused);
            if without > 0 {
                passed.push_str(&format!("M{x} {HEIGHT}V{}H{end}V{HEIGHT}Z", top(without)));
            }
            if part.refused > 0 {
                let below = top(without);
                let above = top(part.calls).min(below.saturating_sub(1));
                refused.push_str(&format!("M{x} {below}V{above}H{end}V{below}Z"));
            }
        }
        let each = match SignedDuration::from_secs(stretch.seconds).as_hours() {
            1 => "hour".to_owned(),
            hours => format!("{hours} hours"),
        };
        let sum = |of: fn(&Bucket) -> u64| parts.iter().map(of).fold(0, u64::saturating_add);
        let (calls, denied) = (sum(|part| part.calls), sum(|part| part.refused));
        Self {
            width: parts.len().saturating_mul(BAR).max(1),
            height: HEIGHT,
            passed,
            refused,
            charged: String::new(),
            limit: String::new(),
            charged_caption: String::new(),
            labels: stretch.labels(zone),
            description: format!(
                "Bar chart of {} over time, {} of them refused",
                count(calls, "call", "calls"),
                grouped(denied)
            ),
            caption: format!(
                "Calls in each {each} ({}), {} at the most",
                zone.name,
                grouped(most)
            ),
        }
    }
}
