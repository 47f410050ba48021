//! The post: messages that are sent to the engine, and what comes back.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    Due, Engine, EnvoyId, Purpose, Reserve,
    failure::{Failure, FailureKind},
    message::{Answer, Circumstances, Heard, Message, Wish},
};
use crate::{
    accounts::{
        account::{Account, Asking},
        ledger::{AccountKey, Epoch, HostRefused, Ledger, SharedData},
    },
    model::{credits::Credits, day::Seconds, enforcement::Enforcement},
    outbound::callout::{Callout, CalloutId, Reply},
};

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Sent {
    message: Message,
    /// Whether it is the last one about a day, whose answer does not matter.
    closes: bool,
}

/// A call to the engine, to be made.
#[derive(Debug)]
pub struct EngineCall {
    /// The call.
    pub callout: Callout,
    sent: Vec<Sent>,
}

/// What came of a call to the engine.
#[derive(Debug)]
pub struct Learned {
    /// The accounts that it was about.
    pub keys: Vec<AccountKey>,
    /// Why it failed.
    pub failure: Option<FailureKind>,
    /// What an operator should read in the log, if it has not been said just now.
    pub line: Option<String>,
}

impl Engine {
    /// How much longer than its time-out an answer counts as awaited.
    const GRACE: Duration = Duration::from_millis(20);
    /// How long the log is silent about a kind of failure that it has told.
    const SILENCE: Seconds = Seconds::new(60);
    /// By how many seconds more than the time after which silent proxies greet the engine it waits for their word, after it has lost
    /// everything: four ticks. In one of them they greet it, in another they say again what they hold, and each may have to be repeated.
    const QUIET: u64 = 4;
    /// How long the engine keeps a day that is over, in seconds.
    const KEPT: i64 = 86_400;

    /// What is to be sent now. Each must be [noted](Self::note) as sent, or as [not sent](Self::not_sent). `draw` draws lots.
    pub fn take_due(
        &self,
        now: Timestamp,
        data: &impl SharedData,
        draw: impl FnOnce() -> [u8; 8],
    ) -> Vec<EngineCall> {
        let (due, greets) = (self.due.take(), self.greets.take());
        if due.is_empty() && !greets {
            return Vec::new();
        }
        let known = Ledger::new(data).engine_view(&self.place);
        let (Some(id), Ok(known)) = (self.id(data, draw), known) else {
            return Vec::new();
        };
        let mut sent: Vec<_> = due
            .into_iter()
            .filter_map(|due| self.prepare(due, &id, known.epoch, now, data))
            .collect();
        // Whatever else is said is a greeting too.
        if greets && sent.is_empty() {
            let quiet = self.quiet();
            sent.push(Sent {
                message: Message::greeting(&self.place, &id, known.epoch, quiet),
                closes: false,
            });
        }
        let most = self.settings.transport.most();
        let calls = sent.chunks(most).map(|sent| {
            let messages: Vec<_> = sent.iter().map(|sent| sent.message.clone()).collect();
            let timeout = self.settings.deadline;
            EngineCall {
                callout: self
                    .settings
                    .transport
                    .callout(&messages, &self.script, timeout),
                sent: sent.to_vec(),
            }
        });
        calls.collect()
    }

    /// The host has taken a call.
    pub fn note(&self, callout: CalloutId, call: EngineCall) {
        self.sent.borrow_mut().insert(callout, call.sent);
    }

    /// The host has not taken a call.
    pub fn not_sent(&self, call: &EngineCall, refused: HostRefused, now: Timestamp) -> Learned {
        self.fail(&call.sent, &Failure::Unreachable(refused.to_string()), now)
    }

    /// Learns from what has come back from a call; `None` if the call was none of the engine's.
    pub fn learn(
        &self,
        callout: CalloutId,
        reply: Reply<'_>,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Option<Learned> {
        let sent = self.sent.borrow_mut().remove(&callout)?;
        let messages: Vec<_> = sent.iter().map(|sent| sent.message.clone()).collect();
        let answers = match self.settings.transport.answers(&messages, reply) {
            Ok(answers) => answers,
            Err(failure) => return Some(self.fail(&sent, &failure, now)),
        };
        let greeting = answers.iter().all(|heard| heard.answer == Answer::Greeted);
        let (mut recovering, mut again) = (false, false);
        for (sent, Heard { answer, epoch }) in sent.iter().zip(answers) {
            let Message {
                key,
                day,
                number,
                epoch: stated,
                ..
            } = &sent.message;
            // What cannot be noted now is heard again with the next answer.
            let _ = Ledger::new(data)
                .update_engine_view(&self.place, |known| known.hears(*stated, epoch, now));
            if sent.closes || answer == Answer::Greeted {
                continue;
            }
            recovering |= answer == Answer::Recovering;
            again |= answer == Answer::Again;
            let taken_down = match answer {
                Answer::Granted(_) => true,
                Answer::Recovering => *stated == epoch,
                Answer::Late(_) | Answer::Again | Answer::Greeted => false,
            };
            if taken_down {
                self.taken_down(&sent.message, epoch);
            }
            // What cannot be posted is mended by the next message, which states what is held without it.
            let _ = Ledger::new(data).post(key, *day, |account| {
                Ok::<_, std::convert::Infallible>(match answer {
                    Answer::Granted(granted) => account.hear(&granted, now),
                    Answer::Recovering | Answer::Greeted => account.clone(),
                    Answer::Again => account.catch_up(*number, *number),
                    Answer::Late(latest) => account.catch_up(*number, latest),
                })
            });
        }
        if recovering {
            return Some(self.fail(&sent, &Failure::Recovering, now));
        }
        // An engine that was greeted, or has not taken a message down, has granted nothing yet.
        if again || greeting {
            return Some(Learned {
                keys: keys(&sent),
                failure: None,
                line: None,
            });
        }
        let since = self.down.take();
        self.failed_at.set(None);
        self.told.borrow_mut().clear();
        let line = since.map(|since| {
            let (cluster, down) = (
                self.settings.transport.cluster(),
                Seconds::between(since, now),
            );
            format!("the engine (cluster {cluster:?}) answers again after {down} s")
        });
        Some(Learned {
            keys: keys(&sent),
            failure: None,
            line,
        })
    }

    /// Whether the engine failed less than so long ago.
    pub(super) fn has_failed_since(&self, age: SignedDuration, now: Timestamp) -> bool {
        let failed = self.failed_at.get();
        failed.is_some_and(|at| now.duration_since(at) < age)
    }

    /// The engine failed. It counts as down at once, but for a first answer that does not come in time: that may be the network.
    fn fail(&self, sent: &[Sent], failure: &Failure, now: Timestamp) -> Learned {
        // That a greeting fails is counted. Whether calls can go on without the engine is seen when one needs it.
        if sent.iter().all(|sent| sent.message.is_greeting()) {
            return Learned {
                keys: Vec::new(),
                failure: Some(failure.kind()),
                line: None,
            };
        }
        let again = self.failed_at.replace(Some(now)).is_some();
        if self.down.get().is_none() && (again || *failure != Failure::TimedOut) {
            self.down.set(Some(now));
        }
        let kind = failure.kind();
        let mut told = self.told.borrow_mut();
        let news = told
            .get(&kind)
            .is_none_or(|at| Seconds::between(*at, now) > Self::SILENCE);
        let line = news.then(|| {
            told.insert(kind, now);
            let cluster = self.settings.transport.cluster();
            format!("the engine (cluster {cluster:?}) failed: {failure}")
        });
        Learned {
            keys: keys(sent),
            failure: Some(kind),
            line,
        }
    }

    /// The message to be sent; `None` if another worker is waiting for an answer, or the account cannot be changed.
    fn prepare(
        &self,
        due: Due,
        envoy: &EnvoyId,
        epoch: Epoch,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Option<Sent> {
        let holder = &due.holder;
        let day = holder.data_center.calendar.day(now);
        let total = holder.schedule.at(now).most();
        let refuses = holder.enforcement != Enforcement::NeverRefuse;
        let circumstances = Circumstances {
            envoy,
            envoys: self.settings.envoys,
            allotment: refuses.then_some(total),
            expires_at: day.end.as_second().saturating_add(Self::KEPT),
            calls: holder
                .concurrency
                .filter(|_| refuses && due.closes.is_none()),
            share_lease: self.settings.share_lease,
            quiet: self.quiet(),
            place: &self.place,
            epoch,
        };
        let keeps = |account: &Account| {
            let left = account.lease().map_or(total, |lease| lease.left(total));
            Reserve::of(&self.settings, total, left).after(account, due.purpose)
        };
        let asking = |account: &Account| Asking {
            keeps: keeps(account),
            allotment: total,
            in_progress: holder.concurrency.map(|_| {
                let calls = account.slots().in_progress(self.settings.share_lease, now);
                u16::try_from(calls).unwrap_or(u16::MAX)
            }),
            share_lease: self.settings.share_lease,
            now,
            patience: self.settings.deadline.saturating_add(Self::GRACE),
        };
        if let Some(former) = &due.closes {
            let account = former.ask(&asking(former));
            let message = Message::of(&holder.key, &account, Wish::default(), &circumstances)?;
            return Some(Sent {
                message,
                closes: true,
            });
        }
        self.watch(holder);
        self.tells(holder, day.number);
        let posting = Ledger::new(data).post(&holder.key, day.number, |account| {
            if account.lease().is_some_and(|lease| lease.is_awaited(now)) {
                return Err(());
            }
            Ok(account.ask(&asking(account)))
        });
        let posted = posting.result.ok()?;
        let account = posted.after;
        let wants = if due.purpose == Purpose::Refill && refuses {
            keeps(&posted.before).saturating_sub(account.free())
        } else {
            Credits::ZERO
        };
        let wish = Wish { wants, ..due.wish };
        let message = Message::of(&holder.key, &account, wish, &circumstances)?;
        Some(Sent {
            message,
            closes: false,
        })
    }

    /// For how many seconds nothing is granted after everything was lost.
    fn quiet(&self) -> Seconds {
        Seconds::new(self.settings.idle.get().saturating_add(Self::QUIET))
    }

    /// The proxy's name, the same for all its workers.
    pub(super) fn id(
        &self,
        data: &impl SharedData,
        draw: impl FnOnce() -> [u8; 8],
    ) -> Option<EnvoyId> {
        if let Some(id) = *self.id.borrow() {
            return Some(id);
        }
        let id = Ledger::new(data).identify(&self.settings.namespace, draw());
        let id = EnvoyId(id.ok()?);
        self.id.replace(Some(id));
        Some(id)
    }
}

fn keys(sent: &[Sent]) -> Vec<AccountKey> {
    let about = sent.iter().map(|sent| &sent.message);
    let about = about.filter(|message| !message.is_greeting());
    about.map(|message| message.key.clone()).collect()
}
