//! What a forecast must not come to, for pipelines: `refused > 0`, `share >= 90`.

use std::fmt;

use host_sim::forecast::{Change, Forecast};

use super::number::{count, grouped};
use super::summary::ReplayReport;

/// A limit that a forecast can break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Threshold {
    quantity: Quantity,
    comparison: Comparison,
    number: u64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantity {
    Refused,
    Organizations,
    NewlyRefused,
    Share,
    Unread,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    More,
    AtLeast,
}

impl Quantity {
    const ALL: [(&'static str, Self); 5] = [
        ("refused", Self::Refused),
        ("organizations", Self::Organizations),
        ("newly_refused", Self::NewlyRefused),
        ("share", Self::Share),
        ("unread", Self::Unread),
    ];

    /// How many there are, and in words.
    fn of(self, document: &ReplayReport, forecast: &Forecast) -> (u64, String) {
        let plain = |number: u64, one: &str, several: &str| (number, count(number, one, several));
        match self {
            Self::Refused => plain(forecast.refused, "call is refused", "calls are refused"),
            Self::Organizations => plain(
                forecast.organizations_refused as u64,
                "organization is refused calls",
                "organizations are refused calls",
            ),
            Self::NewlyRefused => {
                let is_new = |change: &&Change| matches!(change.refused, (0, 1..));
                let changes = document.changes.iter().flatten();
                plain(
                    changes.filter(is_new).count() as u64,
                    "organization is refused calls that is not now",
                    "organizations are refused calls that are not now",
                )
            }
            Self::Share => {
                let all = forecast.organizations.iter();
                let most = all
                    .filter_map(|of| Some((of.share?, of.organization.as_str())))
                    .max();
                match most {
                    Some((share, who)) => (
                        share,
                        format!("{who} needs {} % of its limit", grouped(share)),
                    ),
                    None => (0, "nobody has a limit".to_owned()),
                }
            }
            Self::Unread => plain(
                document.log.unread,
                "line could not be read",
                "lines could not be read",
            ),
        }
    }
}

impl Threshold {
    /// A text such as `refused > 0`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let names = Quantity::ALL.map(|(name, _)| name).join(", ");
        let expected = || {
            format!(
                "expected one of {names}, then > or >=, and a whole number, as in `refused > 0`"
            )
        };
        let (name, rest) = text.split_once('>').ok_or_else(expected)?;
        let (comparison, number) = match rest.strip_prefix('=') {
            Some(number) => (Comparison::AtLeast, number),
            None => (Comparison::More, rest),
        };
        let known = Quantity::ALL
            .iter()
            .find(|(known, _)| *known == name.trim());
        let (_, quantity) = known.ok_or_else(expected)?;
        let number = number.trim().trim_end_matches('%').trim_end();
        Ok(Self {
            quantity: *quantity,
            comparison,
            number: number.parse().map_err(|_| expected())?,
        })
    }

    /// What breaks it in the forecast of the last configuration, if anything does.
    pub(super) fn broken_by(&self, document: &ReplayReport) -> Option<String> {
        let forecast = document.forecasts.last()?;
        let (number, words) = self.quantity.of(document, forecast);
        let is_broken = match self.comparison {
            Comparison::More => number > self.number,
            Comparison::AtLeast => number >= self.number,
        };
        is_broken.then(|| format!("{self}: {}: {words}", forecast.name))
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Quantity::ALL.iter().find(|(_, of)| *of == self.quantity);
        let name = known.map_or("", |(name, _)| name);
        let sign = match self.comparison {
            Comparison::More => ">",
            Comparison::AtLeast => ">=",
        };
        write!(f, "{name} {sign} {}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read_and_said_alike() {
        for (text, said) in [
            ("refused > 0", "refused > 0"),
            ("share>=90%", "share >= 90"),
            (" organizations > 3 ", "organizations > 3"),
        ] {
            assert_eq!(Threshold::parse(text).unwrap().to_string(), said);
        }
        let expected = "expected one of refused, organizations, newly_refused, share, unread, then > or >=, and a whole number, as in \
                        `refused > 0`";
        for wrong in ["refused", "calls > 0", "refused > some", "refused < 1"] {
            assert_eq!(Threshold::parse(wrong), Err(expected.to_owned()), "{wrong}");
        }
    }
}
