//! What a second worker costs: how much more CPU time a call takes where two workers share the calls than where one serves all.
//!
//! Envoy itself pays for a second worker: each wakes up for fewer calls at once. So four Envoys get the same calls in turns, with one worker
//! and with two, without a filter and with it, and both the whole of a call and the filter's own part of it are compared.

use serde::Serialize;

use super::{
    measurement::Subject,
    row::Row,
    summary::{Spread, median},
};

/// The four Envoys, in the order of [`Turn`]'s figures.
pub const SUBJECTS: [Subject; 4] = [
    Subject::of(Row::NoFilter),
    Subject::of(Row::NoFilter).with_workers(2),
    Subject::of(Row::ApiCredits),
    Subject::of(Row::ApiCredits).with_workers(2),
];

/// CPU time of a call, in microseconds, of four slices of calls right after each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// Without a filter, one worker.
    pub none_one: f64,
    /// Without a filter, two workers.
    pub none_two: f64,
    /// With the filter, one worker.
    pub filter_one: f64,
    /// With the filter, two workers.
    pub filter_two: f64,
}

/// CPU time of a call with two workers, divided by that with one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scaling {
    /// Of Envoy without a filter.
    pub no_filter: Spread,
    /// Of Envoy with the filter.
    pub api_credits: Spread,
    /// Of what the filter adds.
    pub added: Spread,
    /// How many calls each of the four served.
    pub calls: usize,
}

impl Turn {
    /// From the figures of [`SUBJECTS`].
    #[must_use]
    pub fn of([none_one, none_two, filter_one, filter_two]: [f64; 4]) -> Self {
        Self {
            none_one,
            none_two,
            filter_one,
            filter_two,
        }
    }
}

impl Scaling {
    /// The figures of rounds, each of some turns. A round's figure is that of its median turn. What the filter adds is a small difference,
    /// so that the medians are divided instead of taking the median of quotients.
    #[must_use]
    pub fn of(rounds: &[Vec<Turn>], calls: usize) -> Self {
        let by_round = |figure: fn(&[Turn]) -> f64| {
            let figures: Vec<_> = rounds.iter().map(|turns| figure(turns)).collect();
            Spread::of(&figures)
        };
        Self {
            no_filter: by_round(|turns| middle(turns, |turn| turn.none_two / turn.none_one)),
            api_credits: by_round(|turns| middle(turns, |turn| turn.filter_two / turn.filter_one)),
            added: by_round(|turns| {
                middle(turns, |turn| turn.filter_two - turn.none_two)
                    / middle(turns, |turn| turn.filter_one - turn.none_one)
            }),
            calls,
        }
    }
}

fn middle(turns: &[Turn], figure: fn(&Turn) -> f64) -> f64 {
    let figures: Vec<_> = turns.iter().map(figure).collect();
    median(&figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envoys_own_part_is_told_apart() {
        let turn = |figures| Turn::of(figures);
        let rounds = [
            vec![
                turn([20.0, 24.0, 60.0, 66.0]),
                turn([10.0, 12.0, 50.0, 54.0]),
                // Something else ran.
                turn([20.0, 90.0, 60.0, 66.0]),
            ],
            vec![turn([20.0, 22.0, 60.0, 62.0])],
        ];
        let scaling = Scaling::of(&rounds, 7);
        let spread = |median, min, max| Spread { median, min, max };
        assert_eq!(
            scaling,
            Scaling {
                no_filter: spread(1.15, 1.1, 1.2),
                api_credits: spread(1.07, 1.03, 1.1),
                added: spread(1.02, 1.0, 1.05),
                calls: 7,
            }
        );
    }
}
