//! Transports and leases, step by step. Many messages together are tested in `tests/tests/sharing.rs`.

use std::time::Duration;

use super::{
    failure::FailureKind,
    message::{Answer, Circumstances, Message, Wish},
    transport::{RespTransport, Transport, WebdisTransport},
    *,
};
use crate::{
    accounts::{
        account::{Asking, Granted, Lease, Moment},
        ledger::Epoch,
    },
    model::{day::DayNumber, organization::OrganizationId},
    outbound::callout::{CalloutName, Reply},
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const DAY: DayNumber = DayNumber::new(20_779);

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_795_300_000_000 + milliseconds).unwrap()
}

fn asking(milliseconds: i64) -> Asking {
    Asking {
        keeps: Credits::MAX,
        allotment: credits(500),
        in_progress: None,
        share_lease: Seconds::new(30),
        now: at(milliseconds),
        patience: Duration::from_millis(70),
    }
}

fn granted(message: u32, amount: u64) -> Granted {
    Granted {
        message,
        day: DAY,
        allotment: credits(500),
        credits: credits(amount),
        others_held: credits(30),
        others_used: credits(20),
        slots: 0,
        others_share: 0,
    }
}

/// An account that has been granted 100 credits and has used none.
fn leased() -> Account {
    let asked = Account::opened(DAY).ask(&asking(0));
    asked.hear(&granted(1, 100), at(1))
}

fn message(account: &Account) -> Message {
    let organization = OrganizationId::try_from("a{c}me".to_owned()).unwrap();
    let key = AccountKey::of(&Namespace::default(), &organization);
    let wish = Wish {
        least: credits(1),
        needs: credits(2),
        wants: credits(3),
        calls: 4,
    };
    let circumstances = Circumstances {
        envoy: &EnvoyId([0xab; 8]),
        envoys: 2,
        allotment: Some(credits(500)),
        expires_at: 1_795_400_000,
        calls: Some(5),
        share_lease: Seconds::new(30),
        quiet: Seconds::new(14),
        place: &AccountKey::engine(&Namespace::default()),
        epoch: Epoch(7),
    };
    Message::of(&key, account, wish, &circumstances).unwrap()
}

fn resp() -> Transport {
    let text = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    Transport::Resp(RespTransport {
        cluster: CalloutName::try_from("credits_engine".to_owned()).unwrap(),
        prelude: vec![text(&["AUTH", "user", "secret"]), text(&["SELECT", "2"])],
    })
}

fn webdis() -> Transport {
    Transport::Webdis(WebdisTransport {
        cluster: CalloutName::try_from("webdis".to_owned()).unwrap(),
        authority: CalloutName::try_from("webdis.internal".to_owned()).unwrap(),
        headers: Vec::new(),
        database: 2,
    })
}

/// What the engine answers, or the kind of failure.
fn answer(transport: &Transport, status: Option<u16>, body: &str) -> Result<Answer, FailureKind> {
    let reply = Reply {
        status,
        body: body.as_bytes(),
    };
    let messages = [message(&leased().ask(&asking(2)))];
    let answers = transport.answers(&messages, reply);
    answers
        .map(|answers| answers[0].answer)
        .map_err(|failure| failure.kind())
}

#[test]
fn a_message_is_a_command_after_the_password_and_the_database() {
    let callout = resp().callout(
        &[message(&leased().ask(&asking(2)))],
        "return 1",
        Duration::from_millis(50),
    );
    let text = String::from_utf8(callout.body).unwrap();
    let words: Vec<_> = text
        .split("\r\n")
        .filter(|line| !line.starts_with(['$', '*']))
        .collect();
    assert_eq!(
        words.join(" "),
        "AUTH user secret SELECT 2 EVAL return 1 3 \
         api_credits:{1/default/organization/a{c}me}:2026-11-22 api_credits:{1/default/organization/a{c}me}:calls \
         api_credits:{1/default/engine/birth} abababababababab 2 0 100 1 2 3 500 2 1795400000 30 20 0 4 5 30 14 7 "
    );
    assert_eq!(callout.cluster, "credits_engine");
}

#[test]
fn through_webdis_a_message_is_a_path() {
    let callout = webdis().callout(
        &[message(&leased().ask(&asking(2)))],
        "return 1.5",
        Duration::from_millis(50),
    );
    assert_eq!(
        String::from_utf8(callout.body).unwrap(),
        "2/EVAL/return%201%2E5/3/api_credits%3A%7B1%2Fdefault%2Forganization%2Fa%7Bc%7Dme%7D%3A2026-11-22\
         /api_credits%3A%7B1%2Fdefault%2Forganization%2Fa%7Bc%7Dme%7D%3Acalls\
         /api_credits%3A%7B1%2Fdefault%2Fengine%2Fbirth%7D/abababababababab/2/0/100/1/2/3/500/2/1795400000/30/20/0/4/5/30/14/7"
    );
}

#[test]
fn answers_are_read_in_both_forms() {
    let expected = Answer::Granted(Granted {
        message: 2,
        day: DAY,
        allotment: credits(500),
        credits: credits(40),
        others_held: credits(60),
        others_used: credits(25),
        slots: 1,
        others_share: 3,
    });
    let text = "+OK\r\n+OK\r\n*7\r\n:2\r\n:40\r\n:200\r\n:25\r\n:1\r\n:3\r\n:7\r\n";
    assert_eq!(answer(&resp(), Some(200), text), Ok(expected));
    let json = r#"{"EVAL":[2,40,200,25,1,3,7]}"#;
    assert_eq!(answer(&webdis(), Some(200), json), Ok(expected));
    let late = r#"{"EVAL":[9,0,0,0,0,0,7]}"#;
    assert_eq!(answer(&webdis(), Some(200), late), Ok(Answer::Late(9)));
    let recovering = r#"{"EVAL":[2,-1,0,0,0,0,7]}"#;
    assert_eq!(
        answer(&webdis(), Some(200), recovering),
        Ok(Answer::Recovering)
    );
    let not_taken_down = r#"{"EVAL":[2,-1,0,0,0,0,8]}"#;
    assert_eq!(
        answer(&webdis(), Some(200), not_taken_down),
        Ok(Answer::Again)
    );
}

#[test]
fn what_is_no_answer_is_a_failure_of_some_kind() {
    use FailureKind::{
        BrokenOff, Denied, Garbage, Loading, Moved, ReadOnly, Reported, TimedOut, Unreachable,
    };
    for (status, body, expected) in [
        (None, "", TimedOut),
        (Some(504), "upstream request timeout", TimedOut),
        (Some(503), "no healthy upstream", Unreachable),
        (Some(200), "", BrokenOff),
        (Some(200), "+OK\r\n", BrokenOff),
        (Some(200), "+OK\r\n+OK\r\n*7\r\n:2\r\n:40", BrokenOff),
        (Some(200), "HTTP/1.1 400 Bad Request\r\n\r\n", Garbage),
        (Some(200), "+OK\r\n+OK\r\n*1\r\n:2\r\n", Garbage),
        (Some(200), "-WRONGPASS no\r\n+OK\r\n-NOAUTH no\r\n", Denied),
        (Some(200), "+OK\r\n+OK\r\n-READONLY no\r\n", ReadOnly),
        (Some(200), "+OK\r\n+OK\r\n-MOVED 1 h:1\r\n", Moved),
        (Some(200), "-LOADING wait\r\n", Loading),
        (Some(200), "+OK\r\n+OK\r\n-ERR what\r\n", Reported),
    ] {
        assert_eq!(answer(&resp(), status, body), Err(expected), "{body:?}");
    }
    for (status, body, expected) in [
        (Some(403), "", Denied),
        (Some(404), "", Garbage),
        (Some(200), r#"{"EVAL":[2,40"#, BrokenOff),
        (Some(200), r#"{"EVAL":[2]}"#, Garbage),
        (Some(200), "<html>", Garbage),
        (Some(200), r#"{"EVAL":[false,"READONLY no"]}"#, ReadOnly),
    ] {
        assert_eq!(answer(&webdis(), status, body), Err(expected), "{body:?}");
    }
}

#[test]
fn only_the_answer_to_the_last_message_of_the_day_counts() {
    let account = leased();
    assert_eq!(
        (account.free(), account.remaining(credits(500))),
        (credits(100), credits(470))
    );
    let again = account.ask(&asking(10));
    assert!(again.lease().unwrap().is_awaited(at(79)));
    assert!(!again.lease().unwrap().is_awaited(at(80)));
    assert_eq!(again.hear(&granted(1, 100), at(11)), again, "an old answer");
    let other_day = Granted {
        day: DayNumber::new(20_778),
        ..granted(2, 100)
    };
    assert_eq!(
        again.hear(&other_day, at(11)).free(),
        credits(100),
        "no credits of another day"
    );
    assert_eq!(again.hear(&granted(2, 50), at(11)).free(), credits(150));
}

#[test]
fn a_lowered_allotment_gives_back_whatever_was_not_used() {
    let lowered = Asking {
        allotment: credits(499),
        ..asking(10)
    };
    assert_eq!(leased().ask(&lowered).free(), Credits::ZERO);
}

#[test]
fn what_there_is_to_say_depends_on_what_was_said() {
    let (idle, lease) = (Seconds::new(10), Seconds::new(30));
    let least = credits(100);
    let says =
        |account: &Account, milliseconds| account.due_report(at(milliseconds), idle, lease, least);
    assert_eq!(says(&Account::opened(DAY), 0), DueReport::Nothing);
    let account = leased();
    assert_eq!(says(&account, 5_000), DueReport::Later);
    assert_eq!(says(&account, 10_001), DueReport::GiveBack);
    let used = account.charge_more(
        DAY,
        credits(5),
        Some(credits(500)),
        &crate::accounts::account::CountedAs::default(),
    );
    assert_eq!(says(&used, 500), DueReport::Later);
    let spare = |least| account.due_report(at(1_001), idle, lease, credits(least));
    assert_eq!(
        (spare(100), spare(99)),
        (DueReport::Later, DueReport::Report)
    );
    assert_eq!(says(&used, 1_001), DueReport::Report);
    let asked = used.ask(&asking(1_001));
    assert_eq!(
        says(&asked, 1_002),
        DueReport::Later,
        "an answer is awaited"
    );
    assert_eq!(says(&asked, 1_100), DueReport::Report, "none came");
    let gives_back = Asking {
        keeps: Credits::ZERO,
        ..asking(20_000)
    };
    let given_back = account.ask(&gives_back).hear(&granted(2, 0), at(20_001));
    assert_eq!(says(&given_back, 60_000), DueReport::Nothing);
    assert_eq!(Lease::default().share_at(at(0), lease), 0);
    assert_eq!(Moment::of(Timestamp::MIN), Moment(0));
}

#[test]
fn what_a_clock_that_has_stepped_back_left_is_older_than_anything() {
    let moment = Moment::of(at(10_000));
    for (milliseconds, expected) in [
        (10_500, Duration::from_millis(500)),
        (8_000, Duration::ZERO), // a worker that last looked at the time two seconds ago
        (7_999, Duration::MAX),
    ] {
        assert_eq!(moment.age(at(milliseconds)), expected, "{milliseconds}");
    }
    let (idle, lease) = (Seconds::new(10), Seconds::new(30));
    let stepped = leased().due_report(at(-3_600_000), idle, lease, credits(100));
    assert_eq!(stepped, DueReport::GiveBack);
}

#[test]
fn a_share_of_the_calls_in_progress_is_kept_as_far_as_it_was_needed_since_the_last_message() {
    let counting = |in_progress, milliseconds| Asking {
        in_progress: Some(in_progress),
        ..asking(milliseconds)
    };
    let granted = Granted {
        slots: 5,
        ..granted(1, 100)
    };
    let account = Account::opened(DAY)
        .ask(&counting(3, 0))
        .hear(&granted, at(1));
    let share = |account: &Account| account.lease().unwrap().share;
    assert_eq!(share(&account), 5);
    assert_eq!(share(&account.ask(&counting(1, 1_000))), 1, "no calls");
    let called = account.charge_more(
        DAY,
        credits(1),
        Some(credits(500)),
        &crate::accounts::account::CountedAs::default(),
    );
    assert_eq!(share(&called.ask(&counting(1, 1_000))), 3, "some calls");
    let late = called.ask(&counting(1, 40_000));
    assert_eq!(share(&late), 1, "the engine keeps no share for so long");
}
