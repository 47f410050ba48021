//! The directory: an HTTP service that knows the organizations, asked about each when it first calls and every so often afterwards.
//!
//! What it answered serves while it is new, and longer while a newer answer is on its way. So calls wait in two cases only, and never
//! longer than the time-out of the question: when nothing is known of their organization, and before they are refused for want of
//! credits by an answer that is older than a second, so that a purchase counts for the very next call.
//!
//! Each worker asks about an organization once at a time and remembers a bounded number of answers, of failures too. Ids that the directory
//! has not known may be made up: of them only so many are asked about at a time, and if it does not answer, all of them share
//! one account. Nothing here calls anybody: [`Directory::take_due`] says whom to ask about.

mod answer;
mod asking;
mod cache;
mod config;
mod path;

use std::{cell::RefCell, rc::Rc};

use jiff::Timestamp;

pub use answer::LookupError;
use asking::Questions;
pub use asking::{Pace, Subject};
use cache::Cache;
pub use config::{DirectoryConfig, WhenDownConfig};
pub use path::{InvalidOrganizationsPath, OrganizationsPath};

use crate::{
    accounts::{complaints::Complaints, holder::AccountHolder, subscription::Subscriptions},
    model::{
        day::Seconds,
        edition::EditionName,
        organization::{Organization, OrganizationId},
    },
    outbound::callout::{Callout, CalloutId, Reply, Service},
};

/// The directory, and what a worker knows from it.
#[derive(Debug)]
pub struct Directory {
    service: Service,
    path: OrganizationsPath,
    limits: Limits,
    when_down: WhenDown,
    organizations: RefCell<Cache<Entry>>,
    /// What is not known to be an organization is remembered elsewhere, so that no number of made-up ids makes it forget one.
    strangers: RefCell<Cache<Entry>>,
    questions: RefCell<Questions>,
    complaints: Complaints,
}

/// How long answers serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long an answer is new.
    pub fresh: Seconds,
    /// How long it serves after that, until there is a newer one.
    pub stale: Seconds,
    /// How long an organization stays unknown.
    pub unknown: Seconds,
    /// How long after a failure the directory is not asked about the same organization.
    pub retry: Seconds,
}

/// How calls are decided whose organization is not known because the directory does not answer.
#[derive(Clone, Debug)]
pub enum WhenDown {
    /// They are refused.
    Refuse,
    /// They are forwarded, and nobody is charged.
    Allow,
    /// An organization that the directory has known is held to subscribe to this edition, and all other ids share this account.
    Edition(EditionName, Rc<AccountHolder>),
}

/// What is known of an organization.
#[derive(Clone, Debug)]
pub enum Found {
    /// Its account.
    Holder(Rc<AccountHolder>),
    /// The directory does not know it.
    Unknown,
    /// The directory is being asked, and its answer is to be waited for.
    Awaited,
    /// Nothing, and the directory does not answer. An account, if it is to be held for one of some edition.
    Down(WhenDown, Option<Rc<AccountHolder>>),
}

/// An answer that has come back.
#[derive(Debug)]
pub struct Answered {
    /// Of which organization.
    pub organization: OrganizationId,
    /// What an operator should read in the log, if it has not been said just now.
    pub trouble: Option<String>,
    /// Whether it failed.
    pub failed: bool,
}

/// What is remembered of an organization.
#[derive(Debug, Default)]
struct Entry {
    known: Option<Known>,
    failed: Option<Failed>,
    /// Since when an answer is awaited.
    asked: Option<Timestamp>,
}

/// An answer: the organization's account, or `None` for one that the directory does not know.
#[derive(Clone, Debug)]
struct Known {
    holder: Option<Rc<AccountHolder>>,
    since: Timestamp,
}

#[derive(Clone, Debug)]
struct Failed {
    at: Timestamp,
    instead: Option<Rc<AccountHolder>>,
}

impl Directory {
    /// How old an answer may be on which a refusal is based.
    const REFUSED_BY: Seconds = Seconds::new(1);

    /// A directory of which nothing is known yet. Up to `most` organizations are remembered, and as many ids that are none.
    #[must_use]
    pub fn new(
        service: Service,
        path: OrganizationsPath,
        limits: Limits,
        when_down: WhenDown,
        pace: Pace,
        most: usize,
    ) -> Self {
        Self {
            service,
            path,
            limits,
            when_down,
            organizations: RefCell::new(Cache::new(most)),
            strangers: RefCell::new(Cache::new(most)),
            questions: RefCell::new(Questions::new(pace)),
            complaints: Complaints::default(),
        }
    }

    /// How long after a failure the directory is not asked about the same organization.
    #[must_use]
    pub const fn retry(&self) -> Seconds {
        self.limits.retry
    }

    /// What is known of `id` at `now`. Whatever has to be asked for that is [due](Self::take_due) afterwards.
    pub fn find(&self, id: &OrganizationId, now: Timestamp) -> Found {
        let mut organizations = self.organizations.borrow_mut();
        let mut strangers = self.strangers.borrow_mut();
        let (entry, is_known) = match organizations.get_mut(id.as_str()) {
            Some(entry) => (entry, true),
            None => (strangers.entry(id), false),
        };
        let known = entry.known.clone().filter(|known| self.serves(known, now));
        let new = known.as_ref().is_some_and(|known| self.is_new(known, now));
        let failed = entry
            .failed
            .clone()
            .filter(|failed| self.is_recent(failed, now));
        let mut overrun = false;
        if !new && !self.is_asking(entry, now) && failed.is_none() {
            let subject = Subject {
                id: id.clone(),
                known: is_known,
            };
            overrun = !self.questions.borrow_mut().add(subject);
            entry.asked = Some(now).filter(|_| !overrun);
        }
        match (known, failed) {
            (Some(known), _) => known.holder.map_or(Found::Unknown, Found::Holder),
            (None, Some(failed)) => Found::Down(self.when_down.clone(), failed.instead),
            (None, None) if overrun => Found::Down(WhenDown::Refuse, None),
            (None, None) => Found::Awaited,
        }
    }

    /// Whether the directory is to be heard before a call of the organization called `id` is refused for want of credits: it may have
    /// bought some. If so, the directory is asked, unless it is already.
    pub fn must_be_heard(&self, id: &str, now: Timestamp) -> Option<OrganizationId> {
        let mut organizations = self.organizations.borrow_mut();
        let entry = organizations.get_mut(id)?;
        let failed = entry
            .failed
            .as_ref()
            .is_some_and(|failed| self.is_recent(failed, now));
        let since = entry.known.as_ref()?.since;
        if failed || Seconds::between(since, now) <= Self::REFUSED_BY {
            return None;
        }
        let id = OrganizationId::try_from(id.to_owned()).ok()?;
        if !self.is_asking(entry, now) {
            entry.asked = Some(now);
            let subject = Subject {
                id: id.clone(),
                known: true,
            };
            self.questions.borrow_mut().add(subject);
        }
        Some(id)
    }

    /// Whether an answer about an organization is awaited, and not known to have failed.
    #[must_use]
    pub fn is_asked_about(&self, id: &OrganizationId) -> bool {
        let (mut organizations, mut strangers) =
            (self.organizations.borrow_mut(), self.strangers.borrow_mut());
        let entry = organizations
            .get_mut(id.as_str())
            .or_else(|| strangers.get_mut(id.as_str()));
        entry.is_some_and(|entry| entry.asked.is_some())
    }

    /// Whether the directory is to be asked anything.
    #[must_use]
    pub fn has_due(&self) -> bool {
        self.questions.borrow().has_due()
    }

    /// What is to be asked at `now`. Each must be [noted](Self::note) as asked, or as [failed](Self::fail).
    #[must_use]
    pub fn take_due(&self, now: Timestamp) -> Vec<(Subject, Callout)> {
        let due = self.questions.borrow_mut().take(now);
        due.into_iter()
            .map(|subject| {
                let callout = self.service.get(self.path.of(&subject.id));
                (subject, callout)
            })
            .collect()
    }

    /// The host has taken the call about an organization.
    pub fn note(&self, callout: CalloutId, subject: Subject) {
        self.questions.borrow_mut().note(callout, subject);
    }

    /// The directory cannot be asked about an organization, or gave an answer that makes no sense.
    pub fn fail(
        &self,
        id: OrganizationId,
        error: LookupError,
        subscriptions: &Subscriptions,
        now: Timestamp,
    ) -> Answered {
        let (mut organizations, mut strangers) =
            (self.organizations.borrow_mut(), self.strangers.borrow_mut());
        let (entry, instead) = match organizations.get_mut(id.as_str()) {
            Some(entry) => (entry, self.instead_of(&id, subscriptions)),
            None => (strangers.entry(&id), self.instead_of_strangers()),
        };
        entry.asked = None;
        entry.failed = Some(Failed { at: now, instead });
        let why = error.to_string();
        let trouble = self.complaints.line(&why, now, || {
            let (id, cluster) = (id.as_str(), self.service.cluster.as_str());
            format!("the directory (cluster {cluster:?}) has no usable answer about {id:?}: {why}")
        });
        Answered {
            trouble,
            organization: id,
            failed: true,
        }
    }

    /// Learns from what has come back from a call; `None` if the call was none of the directory's.
    pub fn learn(
        &self,
        callout: CalloutId,
        reply: Reply<'_>,
        subscriptions: &Subscriptions,
        now: Timestamp,
    ) -> Option<Answered> {
        let id = self.questions.borrow_mut().answered(callout)?;
        let answer = answer::read(reply).and_then(|organization| {
            let holder =
                organization.map(|organization| subscriptions.subscribe(&id, &organization));
            Ok(holder.transpose()?.map(Rc::new))
        });
        let holder = match answer {
            Ok(holder) => holder,
            Err(error) => return Some(self.fail(id, error, subscriptions, now)),
        };
        let (mut organizations, mut strangers) =
            (self.organizations.borrow_mut(), self.strangers.borrow_mut());
        let (its, other) = match &holder {
            Some(_) => (&mut *organizations, &mut *strangers),
            None => (&mut *strangers, &mut *organizations),
        };
        other.remove(id.as_str());
        *its.entry(&id) = Entry {
            known: Some(Known { holder, since: now }),
            ..Entry::default()
        };
        Some(Answered {
            organization: id,
            trouble: None,
            failed: false,
        })
    }

    /// The account of an organization that the directory has known, while it does not answer.
    fn instead_of(
        &self,
        id: &OrganizationId,
        subscriptions: &Subscriptions,
    ) -> Option<Rc<AccountHolder>> {
        match &self.when_down {
            WhenDown::Refuse | WhenDown::Allow => None,
            // The configuration was refused if there is no such edition.
            WhenDown::Edition(edition, _) => subscriptions
                .subscribe(id, &Organization::of(edition.clone()))
                .ok()
                .map(Rc::new),
        }
    }

    /// The account of all others, while it does not answer.
    fn instead_of_strangers(&self) -> Option<Rc<AccountHolder>> {
        match &self.when_down {
            WhenDown::Refuse | WhenDown::Allow => None,
            WhenDown::Edition(_, shared) => Some(Rc::clone(shared)),
        }
    }

    /// Whether an answer is on its way. One that is long overdue never comes.
    fn is_asking(&self, entry: &Entry, now: Timestamp) -> bool {
        let patience = Seconds::new(self.service.timeout.duration().as_secs().saturating_add(5));
        entry
            .asked
            .is_some_and(|asked| Seconds::between(asked, now) <= patience)
    }

    fn is_new(&self, known: &Known, now: Timestamp) -> bool {
        let limit = match known.holder {
            Some(_) => self.limits.fresh,
            None => self.limits.unknown,
        };
        Seconds::between(known.since, now) <= limit
    }

    fn serves(&self, known: &Known, now: Timestamp) -> bool {
        let Limits { fresh, stale, .. } = self.limits;
        let limit = Seconds::new(fresh.get().saturating_add(stale.get()));
        self.is_new(known, now)
            || (known.holder.is_some() && Seconds::between(known.since, now) <= limit)
    }

    fn is_recent(&self, failed: &Failed, now: Timestamp) -> bool {
        Seconds::between(failed.at, now) <= self.limits.retry
    }
}

#[cfg(test)]
mod tests;
