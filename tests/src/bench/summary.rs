//! The figures that are made of what was measured: pure sums.

use serde::Serialize;

/// A slice of calls through what is measured, and the one right before it through what it is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// CPU time of a call through what is compared with, in microseconds.
    pub base: f64,
    /// CPU time of a call through what is measured, in microseconds.
    pub measured: f64,
}

/// A figure of several rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The median of the rounds.
    pub median: f64,
    /// That of the round with the least.
    pub min: f64,
    /// That of the round with the most.
    pub max: f64,
}

impl Pair {
    /// What is added, in microseconds.
    #[must_use]
    pub fn added(self) -> f64 {
        self.measured - self.base
    }

    /// How many times as much it is.
    #[must_use]
    pub fn ratio(self) -> f64 {
        self.measured / self.base
    }
}

impl Spread {
    /// The spread of these figures, one for each round; with two digits behind the point.
    #[must_use]
    pub fn of(rounds: &[f64]) -> Self {
        let least = rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self {
            median: rounded(median(rounds)),
            min: rounded(least),
            max: rounded(most),
        }
    }

    /// The spread of a figure of pairs: a round's figure is the median of its pairs.
    #[must_use]
    pub fn of_pairs(rounds: &[Vec<Pair>], figure: fn(Pair) -> f64) -> Self {
        let medians: Vec<_> = rounds
            .iter()
            .map(|pairs| {
                let figures: Vec<_> = pairs.iter().copied().map(figure).collect();
                median(&figures)
            })
            .collect();
        Self::of(&medians)
    }
}

/// The middle one, or the mean of the two in the middle; not a number where there is none.
#[must_use]
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    let lower = sorted.len().saturating_sub(1) / 2;
    match (sorted.get(lower), sorted.get(upper)) {
        (Some(lower), Some(upper)) => f64::midpoint(*lower, *upper),
        _ => f64::NAN,
    }
}

/// The time within which this share of the calls was answered; 0 where there were none.
#[must_use]
pub fn percentile(microseconds: &mut [u32], percent: usize) -> u32 {
    microseconds.sort_unstable();
    let last = microseconds.len().saturating_sub(1);
    let at = last.saturating_mul(percent) / 100;
    microseconds.get(at).copied().unwrap_or_default()
}

fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_round_counts_as_much_as_another_and_one_slow_slice_not_at_all() {
        let pair = |base, measured| Pair { base, measured };
        let rounds = [
            vec![pair(10.0, 15.0), pair(20.0, 25.0), pair(10.0, 90.0)],
            vec![pair(10.0, 17.0)],
            vec![pair(10.0, 11.0), pair(10.0, 13.0)],
        ];
        let added = Spread::of_pairs(&rounds, Pair::added);
        assert_eq!((added.median, added.min, added.max), (5.0, 2.0, 7.0));
        let ratio = Spread::of_pairs(&rounds, Pair::ratio);
        assert_eq!((ratio.median, ratio.min, ratio.max), (1.5, 1.2, 1.7));
    }

    #[test]
    fn figures_have_two_digits() {
        let spread = Spread::of(&[1.0 / 3.0]);
        assert_eq!((spread.median, spread.min, spread.max), (0.33, 0.33, 0.33));
    }

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let mut times: Vec<u32> = (1..=101).rev().collect();
        assert_eq!(percentile(&mut times, 50), 51);
        assert_eq!(percentile(&mut times, 99), 100);
        assert_eq!(percentile(&mut times, 100), 101);
        assert_eq!(percentile(&mut [], 99), 0);
    }
}
