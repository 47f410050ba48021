//! What a worker knows from the directory, asks it, and does without it.

use super::*;
use crate::{
    accounts::ledger::HostRefused,
    decide::policy::{Payer, Policy},
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A policy with a directory: answers are new for 60 seconds and serve for 600 more.
fn policy(change: impl FnOnce(&mut serde_json::Value)) -> Policy {
    let mut config = serde_json::json!({
        "identity": {"header": "o"},
        "editions": {"Free": {"base": 10}, "Pro": {"base": 100, "per_agent": 10}},
        "organizations": {"listed": {"edition": "Free"}},
        "directory": {
            "cluster": "crm", "authority": "crm.internal",
            "ttl_seconds": 60, "stale_seconds": 600, "unknown_seconds": 30, "retry_seconds": 5,
        },
        "costs": {"default": 1},
    });
    change(&mut config["directory"]);
    Policy::from_json(config.to_string().as_bytes()).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Who pays for a call of `id`, in words.
fn payer(policy: &Policy, id: &str, second: i64) -> String {
    match policy.payer(Some(id), None, at(second)) {
        Payer::Holder(holder) => format!("{} {}", holder.edition, holder.allotment.total()),
        Payer::Nobody => "nobody".to_owned(),
        Payer::Awaited(organization) => format!("awaited {organization}"),
        Payer::Misdescribed(organization, invalid) => format!("{organization}: {invalid}"),
        Payer::Refused(reason, _) => reason.name().to_owned(),
    }
}

/// Asks whatever is due, and says about whom.
fn ask(policy: &Policy) -> Vec<String> {
    let directory = policy.directory.as_ref().unwrap();
    let due = directory.take_due(at(0)).into_iter();
    due.map(|(subject, _)| {
        let callout = CalloutId(subject.id.as_str().len() as u32 * 4);
        let name = subject.id.to_string();
        directory.note(callout, subject);
        name
    })
    .collect()
}

/// Answers the question about `id`; what an operator is told.
fn answer(policy: &Policy, id: &str, status: u16, body: &str, second: i64) -> Option<String> {
    let reply = Reply {
        status: Some(status),
        body: body.as_bytes(),
    };
    let directory = policy.directory.as_ref().unwrap();
    let callout = CalloutId(id.len() as u32 * 4);
    let answered = directory.learn(callout, reply, &policy.subscriptions, at(second));
    answered.unwrap().trouble
}

const PRO: &str = r#"{"edition": "Pro", "agents": 2}"#;

#[test]
fn only_the_first_call_waits_and_one_question_is_asked_at_a_time() {
    let policy = policy(|_| ());
    assert_eq!(payer(&policy, "listed", 0), "Free 10");
    assert_eq!(ask(&policy), [""; 0]);
    assert_eq!(payer(&policy, "7", 0), "awaited 7");
    assert_eq!(payer(&policy, "7", 0), "awaited 7");
    assert_eq!(ask(&policy), ["7"]);
    assert_eq!(payer(&policy, "7", 0), "awaited 7");
    assert_eq!(ask(&policy), [""; 0], "the answer is on its way");
    assert_eq!(answer(&policy, "7", 200, PRO, 1), None);
    assert_eq!(payer(&policy, "7", 61), "Pro 120");
    assert_eq!(ask(&policy), [""; 0], "60 seconds are new");
}

#[test]
fn an_old_answer_serves_while_it_is_renewed() {
    let policy = policy(|_| ());
    payer(&policy, "7", 0);
    ask(&policy);
    answer(&policy, "7", 200, PRO, 0);
    assert_eq!(payer(&policy, "7", 62), "Pro 120");
    assert_eq!(ask(&policy), ["7"]);
    assert_eq!(payer(&policy, "7", 62), "Pro 120");
    assert_eq!(ask(&policy), [""; 0]);
    answer(&policy, "7", 200, r#"{"edition": "Free"}"#, 63);
    assert_eq!(
        payer(&policy, "7", 63),
        "Free 10",
        "from the very next call on"
    );
}

#[test]
fn an_outage_is_outlived_and_asked_about_now_and_then() {
    let policy = policy(|_| ());
    payer(&policy, "7", 0);
    ask(&policy);
    answer(&policy, "7", 200, PRO, 0);
    payer(&policy, "7", 100);
    assert_eq!(ask(&policy), ["7"]);
    let told = answer(&policy, "7", 503, "upstream connect error", 100);
    assert_eq!(
        told.as_deref(),
        Some(r#"the directory (cluster "crm") has no usable answer about "7": it answered 503"#)
    );
    assert_eq!(payer(&policy, "7", 105), "Pro 120");
    assert_eq!(ask(&policy), [""; 0], "5 seconds of peace");
    assert_eq!(payer(&policy, "7", 106), "Pro 120");
    assert_eq!(ask(&policy), ["7"]);
    assert_eq!(
        answer(&policy, "7", 503, "", 106),
        None,
        "told once a minute"
    );
    assert_eq!(payer(&policy, "7", 660), "Pro 120");
    ask(&policy);
    answer(&policy, "7", 503, "", 660);
    assert_eq!(payer(&policy, "7", 661), "directory_unavailable", "too old");
    assert_eq!(payer(&policy, "7", 666), "awaited 7");
    ask(&policy);
    answer(&policy, "7", 200, PRO, 667);
    assert_eq!(payer(&policy, "7", 667), "Pro 120");
}

#[test]
fn an_unknown_organization_is_a_stranger_for_a_while() {
    let policy = policy(|_| ());
    payer(&policy, "7", 0);
    ask(&policy);
    assert_eq!(answer(&policy, "7", 404, "", 0), None);
    assert_eq!(payer(&policy, "7", 30), "unknown_organization");
    assert_eq!(ask(&policy), [""; 0]);
    assert_eq!(
        payer(&policy, "7", 31),
        "awaited 7",
        "it may have signed up"
    );
}

#[test]
fn without_an_answer_calls_are_treated_as_configured() {
    for (when_down, expected) in [
        (serde_json::json!("refuse"), "directory_unavailable"),
        (serde_json::json!("allow"), "nobody"),
        (serde_json::json!({"edition": "Free"}), "Free 10"),
    ] {
        let policy = policy(|directory| directory["when_down"] = when_down);
        payer(&policy, "7", 0);
        ask(&policy);
        answer(&policy, "7", 500, "", 0);
        assert_eq!(payer(&policy, "7", 0), expected);
        assert_eq!(payer(&policy, "7", 5), expected, "without waiting");
        assert_eq!(payer(&policy, "7", 6), "awaited 7");
    }
}

#[test]
fn an_answer_that_makes_no_sense_is_none() {
    let policy = policy(|_| ());
    payer(&policy, "7", 0);
    ask(&policy);
    assert_eq!(
        answer(&policy, "7", 200, r#"{"edition": "Gold"}"#, 0).as_deref(),
        Some(
            r#"the directory (cluster "crm") has no usable answer about "7": its answer contradicts the configuration: "Gold": expected one of the `editions`: "Free", "Pro""#
        )
    );
    assert_eq!(payer(&policy, "7", 0), "directory_unavailable");
}

#[test]
fn a_question_that_cannot_be_asked_has_failed() {
    let policy = policy(|_| ());
    payer(&policy, "7", 0);
    let directory = policy.directory.as_ref().unwrap();
    let (subject, callout) = directory.take_due(at(0)).remove(0);
    assert_eq!(
        callout.headers[1],
        (":path".to_owned(), "/organizations/7".to_owned())
    );
    let refused = HostRefused {
        call: "proxy_http_call",
        status: 2,
    };
    assert!(directory.is_asked_about(&subject.id));
    let error = LookupError::NotCalled(refused);
    let answered = directory.fail(subject.id, error, &policy.subscriptions, at(0));
    assert_eq!(
        answered.trouble.as_deref().unwrap(),
        r#"the directory (cluster "crm") has no usable answer about "7": it cannot be called: proxy_http_call failed with status 2"#
    );
    assert!(!directory.is_asked_about(&answered.organization));
    assert_eq!(payer(&policy, "7", 0), "directory_unavailable");
}

#[test]
fn a_refusal_is_based_on_an_answer_of_this_very_second() {
    let policy = policy(|_| ());
    let directory = policy.directory.as_ref().unwrap();
    let heard = |id, second| {
        directory
            .must_be_heard(id, at(second))
            .map(|id| id.to_string())
    };
    payer(&policy, "7", 0);
    ask(&policy);
    answer(&policy, "7", 200, PRO, 0);
    assert_eq!(heard("7", 1), None);
    assert_eq!(heard("strangers", 9), None);
    assert_eq!(heard("7", 2).as_deref(), Some("7"));
    assert_eq!(heard("7", 2).as_deref(), Some("7"));
    assert_eq!(ask(&policy), ["7"], "one question");
    answer(&policy, "7", 200, r#"{"edition": "Pro", "agents": 3}"#, 2);
    assert_eq!(payer(&policy, "7", 2), "Pro 130");
    assert_eq!(heard("7", 4).as_deref(), Some("7"));
    ask(&policy);
    answer(&policy, "7", 503, "", 4);
    assert_eq!(heard("7", 9), None, "what is known has to do");
}

#[test]
fn strangers_make_it_forget_no_organization() {
    let policy = policy(|directory| directory["max_organizations"] = serde_json::json!(16));
    payer(&policy, "7", 0);
    ask(&policy);
    answer(&policy, "7", 200, PRO, 0);
    for number in 100..1_000 {
        let id = number.to_string();
        payer(&policy, &id, 0);
        ask(&policy);
        answer(&policy, &id, 404, "", 0);
    }
    assert_eq!(payer(&policy, "7", 1), "Pro 120");
    assert_eq!(payer(&policy, "999", 1), "unknown_organization");
}

#[test]
fn an_organization_may_come_and_go() {
    let policy = policy(|_| ());
    for (second, status, body, expected) in [
        (0, 404, "", "unknown_organization"),
        (100, 200, PRO, "Pro 120"),
        (200, 404, "", "unknown_organization"),
        (300, 200, PRO, "Pro 120"),
    ] {
        payer(&policy, "7", second);
        assert_eq!(ask(&policy), ["7"]);
        answer(&policy, "7", status, body, second);
        assert_eq!(payer(&policy, "7", second), expected);
    }
}

#[test]
fn while_it_does_not_answer_only_who_was_known_has_an_account_of_its_own() {
    let policy = policy(|directory| {
        directory["when_down"] = serde_json::json!({"edition": "Free"});
        directory["stale_seconds"] = 0.into();
    });
    let label = |id: &str, second| match policy.payer(Some(id), None, at(second)) {
        Payer::Holder(holder) => holder.label.clone(),
        other => format!("{other:?}"),
    };
    for (id, status, second) in [
        ("7", 200, 0),
        ("7", 503, 100),
        ("88", 503, 100),
        ("999", 503, 100),
    ] {
        payer(&policy, id, second);
        assert_eq!(ask(&policy), [id]);
        answer(&policy, id, status, PRO, second);
    }
    assert_eq!(payer(&policy, "7", 100), "Free 10");
    let labels = ["7", "88", "999"].map(|id| label(id, 100));
    assert_eq!(labels, ["7", "unconfirmed", "unconfirmed"]);
}

#[test]
fn calls_that_invent_ids_do_not_all_wait() {
    let policy = policy(|directory| directory["max_requests"] = 1.into());
    let payers: Vec<_> = (0..12)
        .map(|number| payer(&policy, &"7".repeat(number + 1), 0))
        .collect();
    assert!(
        payers[..10]
            .iter()
            .all(|payer| payer.starts_with("awaited"))
    );
    assert_eq!(
        payers[10..],
        ["directory_unavailable", "directory_unavailable"]
    );
    assert_eq!(ask(&policy), ["7"]);
    assert_eq!(ask(&policy), [""; 0], "one at a time");
    answer(&policy, "7", 404, "", 0);
    assert_eq!(ask(&policy), ["77"]);
    assert_eq!(payer(&policy, &"7".repeat(12), 0), "awaited 777777777777");
}

#[test]
fn an_answer_that_never_comes_is_not_waited_for_for_ever() {
    let policy = policy(|_| ());
    payer(&policy, "7", 0);
    assert_eq!(ask(&policy), ["7"]);
    payer(&policy, "7", 5);
    assert_eq!(ask(&policy), [""; 0]);
    payer(&policy, "7", 6);
    assert_eq!(ask(&policy), ["7"]);
}

#[test]
fn an_answer_is_learned_once() {
    let policy = policy(|_| ());
    payer(&policy, "7", 0);
    ask(&policy);
    answer(&policy, "7", 200, PRO, 0);
    let directory = policy.directory.as_ref().unwrap();
    let reply = Reply {
        status: Some(404),
        body: b"",
    };
    let callout = CalloutId(4);
    assert!(
        directory
            .learn(callout, reply, &policy.subscriptions, at(0))
            .is_none()
    );
    assert_eq!(payer(&policy, "7", 0), "Pro 120");
}
