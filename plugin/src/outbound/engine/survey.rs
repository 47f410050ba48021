//! The survey: what the engine knows of all accounts, for operators who look at everybody at once.
//!
//! It is asked page by page, and one survey serves whoever asks within a second. Nothing is reserved, and nothing at the engine changes.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use jiff::{SignedDuration, Timestamp};

use super::{Engine, Failure, message, resp};
use crate::{
    accounts::ledger::{AccountKey, HostRefused, SharedData},
    model::{calendar_date::CalendarDate, credits::Credits, namespace::Namespace},
    outbound::callout::{Callout, CalloutId, Reply},
};

/// What the engine knows of the days of all accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The days by account. An account has several while days begin at different times, or yesterday is still kept.
    pub days: HashMap<Surveyed, Vec<DayAtEngine>>,
    /// Why it is not complete, if it is not.
    pub failure: Option<Failure>,
}

/// An account, as the engine calls it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Surveyed {
    /// Whether callers share the account.
    pub shared: bool,
    /// The organization's id, or what callers that share an account are called.
    pub label: String,
}

/// A day of an account, as the engine knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayAtEngine {
    /// The date on which it began.
    pub date: CalendarDate,
    /// What the other proxies have used, as far as they have said.
    pub used_elsewhere: Credits,
    /// What is reserved by all proxies and not used.
    pub reserved: Credits,
    /// The allotment that was last stated; 0 if none was.
    pub allotment: Credits,
    /// How many calls the other proxies may have in progress.
    pub calls_elsewhere: u32,
}

/// How far the survey is.
#[derive(Debug, Default)]
pub(super) struct Surveying {
    /// The page to be asked for.
    due: RefCell<Option<String>>,
    /// The page that is being asked for.
    asked: Cell<Option<CalloutId>>,
    so_far: RefCell<Survey>,
    latest: RefCell<Option<(Timestamp, Rc<Survey>)>>,
}

impl Surveying {
    pub(super) fn is_due(&self) -> bool {
        self.due.borrow().is_some()
    }

    fn is_running(&self) -> bool {
        self.is_due() || self.asked.get().is_some()
    }

    fn finish(&self, failure: Option<Failure>, now: Timestamp) {
        let mut survey = self.so_far.take();
        survey.failure = failure;
        self.latest.replace(Some((now, Rc::new(survey))));
    }
}

impl Engine {
    /// For how long a survey serves whoever asks.
    const FRESH: SignedDuration = SignedDuration::from_secs(1);
    /// About how many names a page looks at: with the longest ids, its answer is some 40 KB.
    const PAGE: &'static str = "150";

    /// What the engine knows of all accounts; `None` if it is to be asked first, which is [due](Self::take_survey) from now on.
    #[must_use]
    pub fn survey(&self, now: Timestamp) -> Option<Rc<Survey>> {
        let latest = self.survey.latest.borrow();
        let fresh = latest
            .as_ref()
            .filter(|(at, _)| now.duration_since(*at) < Self::FRESH);
        if let Some((_, survey)) = fresh {
            return Some(Rc::clone(survey));
        }
        if !self.survey.is_running() {
            self.survey.due.replace(Some("0".to_owned()));
        }
        None
    }

    /// Whether a survey is under way.
    #[must_use]
    pub fn is_surveying(&self) -> bool {
        self.survey.is_running()
    }

    /// The call for the next page of the survey, if it is to be made. It must be [noted](Self::note_survey).
    pub fn take_survey(
        &self,
        data: &impl SharedData,
        draw: impl FnOnce() -> [u8; 8],
    ) -> Option<Callout> {
        let cursor = self.survey.due.take()?;
        let id = self.id(data, draw).map(|id| id.to_string());
        let script = message::script(include_str!("survey.lua"));
        let pattern = pattern(&self.settings.namespace);
        let id = id.unwrap_or_default();
        let command = vec!["EVAL", &script, "0", &cursor, &pattern, Self::PAGE, &id];
        Some(
            self.settings
                .transport
                .call(&[command], self.settings.deadline),
        )
    }

    /// The host has taken the call, or not.
    pub fn note_survey(&self, callout: Result<CalloutId, HostRefused>, now: Timestamp) {
        match callout {
            Ok(id) => self.survey.asked.set(Some(id)),
            Err(refused) => {
                let failure = Failure::Unreachable(refused.to_string());
                self.survey.finish(Some(failure), now);
            }
        }
    }

    /// Learns from what has come back from a call; `None` if it was not for the survey, and otherwise whether that was all.
    pub fn hear_survey(
        &self,
        callout: CalloutId,
        reply: Reply<'_>,
        now: Timestamp,
    ) -> Option<bool> {
        if self.survey.asked.get() != Some(callout) {
            return None;
        }
        self.survey.asked.set(None);
        let page = self.settings.transport.replies(1, reply);
        let page = page.and_then(|replies| {
            let page = replies.first().and_then(|reply| self.page(reply));
            page.ok_or_else(|| Failure::Garbage("no page of a survey".to_owned()))
        });
        match page {
            Ok(cursor) if cursor == "0" => self.survey.finish(None, now),
            Ok(cursor) => {
                self.survey.due.replace(Some(cursor));
                return Some(false);
            }
            Err(failure) => self.survey.finish(Some(failure), now),
        }
        Some(true)
    }

    /// Takes down a page; where to go on.
    fn page(&self, reply: &resp::Reply) -> Option<String> {
        let (cursor, rest) = reply.list()?.split_first()?;
        let mut so_far = self.survey.so_far.borrow_mut();
        let (rows, []) = rest.as_chunks::<5>() else {
            return None;
        };
        for [name, used, reserved, allotment, calls] in rows {
            let number = |reply: &resp::Reply| {
                let number = reply.number()?;
                Some(u64::try_from(number).unwrap_or(0))
            };
            let credits = |reply| number(reply).map(Credits::saturating);
            let Some((account, date)) = named(&name.text()?) else {
                continue;
            };
            let days = so_far.days.entry(account).or_default();
            // A page may show again what an earlier one has shown (Redis, `SCAN`).
            days.retain(|day| day.date != date);
            days.push(DayAtEngine {
                date,
                used_elsewhere: credits(used)?,
                reserved: credits(reserved)?,
                allotment: credits(allotment)?,
                calls_elsewhere: u32::try_from(number(calls)?).unwrap_or(u32::MAX),
            });
        }
        cursor.text()
    }
}

/// The pattern of the names of days at the engine, in which `*`, `?`, `[` and `\` are special (Redis, `KEYS`).
fn pattern(namespace: &Namespace) -> String {
    let place = AccountKey::days_at_engine(namespace);
    let mut pattern = String::new();
    for character in place.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern + "*}:????-??-??"
}

/// The account and the date of a name at the engine such as `api_credits:{1/default/organization/7}:2026-11-30`.
fn named(name: &str) -> Option<(Surveyed, CalendarDate)> {
    let (account, date) = name.rsplit_once("}:")?;
    let (_, account) = account.split_once('{')?;
    let mut parts = account.splitn(4, '/').skip(2);
    let shared = match parts.next()? {
        "organization" => false,
        "shared" => true,
        _ => return None,
    };
    let label = parts.next()?.to_owned();
    Some((
        Surveyed { shared, label },
        CalendarDate::try_from(date.to_owned()).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{accounts::ledger::fake::FakeSharedData, decide::policy::Policy};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn engine(namespace: &str) -> Engine {
        let config = format!(
            r#"{{"identity": {{"header": "o"}}, "editions": {{}}, "organizations": {{}}, "costs": {{"default": 1}}, "namespace": "{namespace}",
                "engine": {{"transport": {{"resp": {{"cluster": "e", "password": "p"}}}}, "envoys": 2}}}}"#
        );
        Policy::from_json(config.as_bytes())
            .unwrap()
            .engine
            .unwrap()
    }

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(1_796_040_000_000 + millisecond).unwrap()
    }

    /// Asks for a page and has it answered so; whether that was all, and what was asked.
    fn page(engine: &Engine, body: &str, now: Timestamp) -> (Option<bool>, String) {
        let data = FakeSharedData::default();
        let callout = engine.take_survey(&data, || [0xab; 8]).unwrap();
        engine.note_survey(Ok(CalloutId(7)), now);
        let reply = |body| Reply {
            status: Some(200),
            body,
        };
        assert_eq!(engine.hear_survey(CalloutId(6), reply(b""), now), None);
        let heard = engine.hear_survey(CalloutId(7), reply(body.as_bytes()), now);
        (heard, String::from_utf8(callout.body).unwrap())
    }

    fn row(name: &str, used: u64) -> String {
        format!(
            "${}\r\n{name}\r\n:{used}\r\n:40\r\n:100\r\n:2\r\n",
            name.len()
        )
    }

    #[test]
    fn a_survey_goes_from_page_to_page_and_serves_for_a_second() {
        let engine = engine("de*fault");
        assert_eq!(engine.survey(at(0)), None);
        assert!(engine.has_due() && engine.is_surveying());
        let first = row("api_credits:{1/de*fault/organization/a}b}:2026-11-30", 5);
        let other = row("api_credits:{1/de*fault/shared/strangers}:2026-11-29", 6);
        let body = format!("+OK\r\n*11\r\n$2\r\n17\r\n{first}{other}");
        let (heard, asked) = page(&engine, &body, at(0));
        assert_eq!(heard, Some(false));
        for argument in [
            "\r\n$1\r\n0\r\n",
            "\r\napi_credits:{1/de\\*fault/*}:????-??-??\r\n",
            "\r\nabababababababab\r\n",
        ] {
            assert!(asked.contains(argument), "{argument:?} {asked:?}");
        }
        assert_eq!(engine.survey(at(1)), None, "it goes on");
        let again = row("api_credits:{1/de*fault/organization/a}b}:2026-11-30", 7);
        let (heard, asked) = page(&engine, &format!("+OK\r\n*6\r\n$1\r\n0\r\n{again}"), at(2));
        assert_eq!(heard, Some(true));
        assert!(asked.contains("\r\n$2\r\n17\r\n"), "{asked:?}");
        let survey = engine.survey(at(1_000)).unwrap();
        assert_eq!((survey.days.len(), &survey.failure), (2, &None));
        let account = Surveyed {
            shared: false,
            label: "a}b".to_owned(),
        };
        let used: Vec<_> = survey.days[&account]
            .iter()
            .map(|day| day.used_elsewhere.get())
            .collect();
        assert_eq!(used, [7]);
        assert_eq!(engine.survey(at(1_002)), None, "it is asked again");
        assert!(engine.has_due());
    }

    #[test]
    fn a_survey_that_fails_says_why() {
        for (body, why) in [
            (
                "+OK\r\n-NOPERM User api_credits has no permissions to run the 'scan' command\r\n",
                "refuses the filter",
            ),
            ("+OK\r\n*2\r\n$1\r\n0\r\n:1\r\n", "makes no sense"),
            ("+OK\r\n", "breaks off"),
        ] {
            let engine = engine("default");
            assert_eq!(engine.survey(at(0)), None);
            assert_eq!(page(&engine, body, at(0)).0, Some(true), "{body:?}");
            let failure = engine.survey(at(1)).unwrap().failure.clone().unwrap();
            assert!(failure.to_string().contains(why), "{failure}");
        }
        let engine = engine("default");
        assert_eq!(engine.survey(at(0)), None);
        assert!(
            engine
                .take_survey(&FakeSharedData::default(), || [0; 8])
                .is_some()
        );
        let refused = HostRefused {
            call: "proxy_http_call",
            status: 10,
        };
        engine.note_survey(Err(refused), at(0));
        assert!(engine.survey(at(1)).unwrap().failure.is_some());
    }
}
