//! Messages: what a proxy says to the engine about one organization and day, and what it answers.

use super::EnvoyId;
use crate::{
    accounts::{
        account::{Account, Granted},
        ledger::{AccountKey, Epoch},
    },
    model::{
        calendar_date::CalendarDate,
        credits::Credits,
        day::{DayNumber, Seconds},
    },
};

/// A script without its comments.
pub(super) fn script(source: &str) -> String {
    let lines = source.lines();
    let code = lines.filter(|line| !line.trim_start().starts_with("--"));
    code.fold(String::new(), |mut script, line| {
        script.push_str(line.trim_start());
        script.push('\n');
        script
    })
}

/// A message about one organization and day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whose account.
    pub key: AccountKey,
    /// Which day.
    pub day: DayNumber,
    /// Its number.
    pub number: u32,
    /// The allotment that it states.
    pub allotment: Credits,
    /// The epoch that it states.
    pub epoch: Epoch,
    /// The names of the day, of the calls in progress and of the epoch at the engine.
    pub keys: [String; 3],
    /// What it states, in the order in which the script reads it.
    pub arguments: Vec<String>,
    /// What it says is held.
    held: Credits,
    /// What it says is used.
    used: Credits,
}

/// What a message asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Fewer credits than this do not help.
    pub least: Credits,
    /// So many are needed for calls that wait.
    pub needs: Credits,
    /// So many are wanted, if that is not too great a part of what is left.
    pub wants: Credits,
    /// So many more calls are to be in progress.
    pub calls: u16,
}

/// What every message states alike.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// Who says it.
    pub envoy: &'a EnvoyId,
    /// How many proxies there are.
    pub envoys: u32,
    /// The credits of the day; `None` for an account that is counted and never refused.
    pub allotment: Option<Credits>,
    /// When the engine may forget the day, in seconds since 1970.
    pub expires_at: i64,
    /// How many calls may be in progress; `None` for any number.
    pub calls: Option<u32>,
    /// For how long a share of them counts.
    pub share_lease: Seconds,
    /// For how long nothing is granted after the engine has lost everything.
    pub quiet: Seconds,
    /// Where the engine's epoch is.
    pub place: &'a AccountKey,
    /// The epoch that is known.
    pub epoch: Epoch,
}

/// What the engine answers to a message that is not void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What it grants.
    Granted(Granted),
    /// Nothing: it has heard this later message already.
    Late(u32),
    /// Nothing yet: it has lost everything, and waits until every proxy has said what it holds.
    Recovering,
    /// Nothing, and it has not taken the message down: its sender knew another epoch. It is to be said again.
    Again,
    /// It has been greeted.
    Greeted,
}

/// An answer, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What it is.
    pub answer: Answer,
    /// The epoch of the engine that answers.
    pub epoch: Epoch,
}

impl Message {
    /// How many arguments a message has.
    const ARGUMENTS: usize = 18;
    /// How many numbers an answer has.
    const ANSWER: usize = 7;

    /// The message that an account which has been [asked](Account::ask) about sends. `None` where nothing is shared.
    #[must_use]
    pub fn of(
        key: &AccountKey,
        account: &Account,
        wish: Wish,
        circumstances: &Circumstances<'_>,
    ) -> Option<Self> {
        let lease = account.lease()?;
        let Circumstances {
            envoy,
            envoys,
            allotment,
            expires_at,
            calls,
            share_lease,
            quiet,
            place,
            epoch,
        } = circumstances;
        let used = account.used();
        let held = lease.held.max(used);
        let stated = allotment.unwrap_or(Credits::ZERO);
        // An account that is never refused reserves nothing.
        let wish = if allotment.is_some() {
            wish
        } else {
            Wish {
                calls: wish.calls,
                ..Wish::default()
            }
        };
        let arguments = vec![
            envoy.to_string(),
            lease.message.to_string(),
            used.to_string(),
            held.to_string(),
            wish.least.to_string(),
            wish.needs.to_string(),
            wish.wants.to_string(),
            stated.to_string(),
            envoys.to_string(),
            expires_at.to_string(),
            lease.others_held.to_string(),
            lease.others_used.to_string(),
            lease.share.to_string(),
            wish.calls.to_string(),
            calls.map_or_else(|| "-1".to_owned(), |calls| calls.to_string()),
            share_lease.to_string(),
            quiet.to_string(),
            epoch.0.to_string(),
        ];
        let name = key.at_engine();
        let date = CalendarDate::of(account.day());
        Some(Self {
            key: key.clone(),
            day: account.day(),
            number: lease.message,
            allotment: stated,
            epoch: *epoch,
            keys: [
                format!("{name}:{date}"),
                format!("{name}:calls"),
                place.at_engine(),
            ],
            arguments,
            held,
            used,
        })
    }

    /// A message about no organization, by which a proxy hears of the engine's epoch.
    #[must_use]
    pub fn greeting(place: &AccountKey, envoy: &EnvoyId, epoch: Epoch, quiet: Seconds) -> Self {
        let mut arguments = vec!["0".to_owned(); Self::ARGUMENTS];
        for (place, argument) in [
            (0, envoy.to_string()),
            (Self::ARGUMENTS.saturating_sub(2), quiet.to_string()),
            (Self::ARGUMENTS.saturating_sub(1), epoch.0.to_string()),
        ] {
            if let Some(stated) = arguments.get_mut(place) {
                *stated = argument;
            }
        }
        Self {
            key: place.clone(),
            day: DayNumber::new(0),
            number: 0,
            allotment: Credits::ZERO,
            epoch,
            keys: [place.at_engine(), place.at_engine(), place.at_engine()],
            arguments,
            held: Credits::ZERO,
            used: Credits::ZERO,
        }
    }

    /// Whether it is one.
    #[must_use]
    pub fn is_greeting(&self) -> bool {
        self.number == 0
    }

    /// What the engine's answer to the message means; `None` if it is none.
    #[must_use]
    pub fn answer(&self, numbers: &[i64]) -> Option<Heard> {
        let numbers: &[i64; Self::ANSWER] = numbers.try_into().ok()?;
        let [message, credits, held, used, calls, shares, epoch] = *numbers;
        let message = u32::try_from(message).ok()?;
        let epoch = Epoch(u64::try_from(epoch).ok()?);
        let heard = |answer| Some(Heard { answer, epoch });
        if self.is_greeting() {
            return heard(Answer::Greeted);
        }
        if message != self.number {
            return heard(Answer::Late(message));
        }
        if credits < 0 {
            let knew = self.epoch == epoch || self.epoch == Epoch::default();
            return heard(if knew {
                Answer::Recovering
            } else {
                Answer::Again
            });
        }
        let credits_of = |number: i64| u64::try_from(number).ok().and_then(Credits::new);
        let (credits, all_held, all_used) =
            (credits_of(credits)?, credits_of(held)?, credits_of(used)?);
        let here = self.held.checked_add(credits)?;
        heard(Answer::Granted(Granted {
            message,
            day: self.day,
            allotment: self.allotment,
            credits,
            others_held: all_held.saturating_sub(here),
            others_used: all_used.saturating_sub(self.used),
            slots: u16::try_from(calls).ok()?,
            others_share: u16::try_from(shares).unwrap_or(u16::MAX),
        }))
    }

    /// The command with its arguments, `EVAL` first.
    #[must_use]
    pub fn command<'a>(&'a self, script: &'a str) -> Vec<&'a str> {
        let keys = self.keys.iter().map(String::as_str);
        let arguments = self.arguments.iter().map(String::as_str);
        ["EVAL", script, "3"]
            .into_iter()
            .chain(keys)
            .chain(arguments)
            .collect()
    }
}
