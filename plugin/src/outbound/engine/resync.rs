//! Resync: how a proxy hears that the engine has lost everything, and says again what it has said today.
//!
//! A worker remembers which accounts it has spoken about today, and which engine, by its [epoch](Epoch), has last taken that down. At each
//! tick it says again what the engine of the present epoch has not. That is kept by each worker, and not in the account's record, so
//! that the record stays as it is and costs calls nothing; what several workers have spoken about is said by each of them after a loss.
//!
//! A proxy to which nobody speaks would not hear of another epoch: one that has spoken today greets the engine when it has not been
//! answered for as long as idle proxies keep what is reserved, which is well before an emptied engine grants again. And each greets it
//! once when it starts, so that it knows a epoch before its first call.

use std::rc::Rc;

use jiff::Timestamp;

use super::{Due, Engine, Purpose, due_report::PAUSE, message::Message};
use crate::{
    accounts::{
        account::Moment,
        holder::AccountHolder,
        ledger::{EngineView, Epoch, Ledger, SharedData},
    },
    model::day::{DayNumber, Seconds},
};

/// An account about which something was said.
#[derive(Clone, Debug)]
pub(super) struct Told {
    holder: Rc<AccountHolder>,
    day: DayNumber,
    /// The epoch of the engine that has last taken down what was said.
    by: Epoch,
}

impl Engine {
    /// How often days that are over are looked for.
    const SWEEP: Seconds = Seconds::new(60);
    /// How many accounts are spoken about again at a tick, so that the engine can answer in time.
    const MOST_AGAIN: usize = 1_000;

    /// Something is said about the account of `holder` on `day`, and is to be said again to any engine that does not know it.
    pub fn tells(&self, holder: &Rc<AccountHolder>, day: DayNumber) {
        let mut told = self.told_today.borrow_mut();
        if told.get(&holder.key).is_some_and(|told| told.day >= day) {
            return;
        }
        let entry = Told {
            holder: Rc::clone(holder),
            day,
            by: Epoch::default(),
        };
        told.insert(holder.key.clone(), entry);
    }

    /// What would have to be said again.
    #[must_use]
    pub fn told(&self) -> Vec<(Rc<AccountHolder>, DayNumber)> {
        let told = self.told_today.borrow();
        let told = told.values();
        told.map(|told| (Rc::clone(&told.holder), told.day))
            .collect()
    }

    /// An engine of this epoch has taken down a message.
    pub(super) fn taken_down(&self, message: &Message, by: Epoch) {
        if let Some(told) = self.told_today.borrow_mut().get_mut(&message.key)
            && told.day == message.day
        {
            told.by = by;
        }
    }

    /// Has said again what an engine of another epoch was told, and greets the engine if it has been silent for long.
    pub(super) fn resync(&self, now: Timestamp, data: &impl SharedData) {
        let mut told = self.told_today.borrow_mut();
        let swept = self.swept.get();
        if swept.is_none_or(|at| now < at || Seconds::between(at, now) >= Self::SWEEP) {
            self.swept.set(Some(now));
            told.retain(|_, told| told.day >= told.holder.day(now).number);
        }
        let Ok(known) = Ledger::new(data).engine_view(&self.place) else {
            return;
        };
        let again: Vec<_> = told
            .values()
            .filter(|told| told.by != known.epoch)
            .take(Self::MOST_AGAIN)
            .map(|told| (Rc::clone(&told.holder), told.day))
            .collect();
        let silent = known.heard_at.age(now).as_secs() >= self.settings.idle.get();
        let greets = known.epoch == Epoch::default() || (silent && !told.is_empty());
        drop(told);
        for (holder, day) in again {
            let today = holder.day(now).number;
            if day < today {
                continue;
            }
            let Ok(account) = Ledger::new(data).peek(&holder.key, today) else {
                continue;
            };
            let Some(lease) = account.lease().filter(|lease| !lease.is_awaited(now)) else {
                continue;
            };
            let idle = lease.heard_at.age(now).as_secs() >= self.settings.idle.get();
            let purpose = if idle {
                Purpose::GiveBack
            } else {
                Purpose::Report
            };
            self.put(Due::of(&holder, purpose));
        }
        // One worker greets for all.
        let greeting = |known: EngineView| {
            let greeted = known.greeted_at.age(now) < PAUSE && known.greeted_at <= Moment::of(now);
            (!greeted).then_some(EngineView {
                greeted_at: Moment::of(now),
                ..known
            })
        };
        if greets && Ledger::new(data).update_engine_view(&self.place, greeting) == Ok(true) {
            self.greets.set(true);
        }
    }
}
