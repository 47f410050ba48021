//! Answers of the directory.

use std::cell::RefCell;
use std::rc::Rc;

use api_credits::decide::policy::{Payer, Policy};
use api_credits::model::allotment::Allotment;
use api_credits::model::organization::OrganizationId;
use api_credits::outbound::callout::{CalloutId, Reply};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The members of an answer that mean something.
const MEMBERS: [&str; 9] = [
    "edition",
    "agents",
    "light_agents",
    "additional",
    "data_center",
    "signed_up",
    "legacy_limit",
    "concurrency",
    "enforcement",
];

fn configuration() -> Value {
    json!({
        "identity": { "header": "o" },
        "editions": { "Free": { "base": 10 }, "Pro": { "base": 100, "per_agent": 10, "additional_max": 1000, "concurrency": 5 } },
        "data_centers": { "EU": { "time_zone": "Europe/Berlin" } },
        "organizations": {},
        "directory": { "cluster": "crm", "authority": "crm.internal" },
        "costs": { "default": 1 },
    })
}

/// The policy that asks, and the day.
struct Asker {
    policy: Rc<Policy>,
    day: i64,
}

impl Asker {
    const FIRST_DAY: i64 = 20_000;

    fn new() -> Self {
        let policy = Policy::from_json(configuration().to_string().as_bytes()).unwrap();
        Self {
            policy: Rc::new(policy),
            day: Self::FIRST_DAY,
        }
    }
}

thread_local! {
    /// The directory forgets nothing within a day, so each answer has days of its own, and each thousand years a directory.
    static ASKER: RefCell<Asker> = RefCell::new(Asker::new());
}

/// What the directory says of an organization is believed if and only if the configuration might say it, and then means the same; the
/// question names the organization and nobody else.
///
/// The input is a line with the id, and the body of the answer.
pub fn directory(data: &[u8]) {
    let ([id], body) = crate::lines(data);
    let id = String::from_utf8_lossy(id).into_owned();
    let Ok(id) = OrganizationId::try_from(id) else {
        return;
    };
    let learned = ask(&id, body);
    let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else {
        assert_eq!(learned, None, "{} is no object", body.escape_ascii());
        return;
    };
    let anew = ask(&id, Value::Object(members.clone()).to_string().as_bytes());
    members.retain(|name, value| MEMBERS.contains(&name.as_str()) && !value.is_null());
    // In a configuration alone it is taken for a mistake.
    if members.get("concurrency") == Some(&json!(0)) {
        return;
    }
    let mut configuration = configuration();
    configuration["organizations"][id.as_str()] = Value::Object(members);
    let configured = Policy::from_json(configuration.to_string().as_bytes()).ok();
    let configured = configured.map(|policy| said_of(&policy.organizations[&id]));
    assert_eq!(anew, configured, "{}", body.escape_ascii());
    // Of two equal members it wants to know which one is meant, which the other reader does not mind.
    assert!(
        learned.is_none() || learned == configured,
        "{}",
        body.escape_ascii()
    );
}

type Said = (String, Allotment, Option<u32>);

fn said_of(holder: &api_credits::accounts::holder::AccountHolder) -> Said {
    (
        holder.edition.to_string(),
        holder.allotment,
        holder.concurrency,
    )
}

/// What is learned of an organization from an answer.
fn ask(id: &OrganizationId, body: &[u8]) -> Option<Said> {
    let (policy, day) = ASKER.with_borrow_mut(|asker| {
        asker.day += 3;
        if asker.day > Asker::FIRST_DAY + 365_000 {
            *asker = Asker::new();
        }
        (Rc::clone(&asker.policy), asker.day)
    });
    let directory = policy.directory.as_ref().unwrap();
    let now = Timestamp::from_second(day * 86_400).unwrap();
    let Payer::Awaited(awaited) = policy.payer(Some(id.as_str()), None, now) else {
        panic!("{id} is not awaited");
    };
    assert_eq!(&awaited, id);
    let mut due = directory.take_due(now);
    let (subject, question) = due.pop().unwrap();
    assert!(due.is_empty());
    let path = question
        .headers
        .iter()
        .find(|(name, _)| name == ":path")
        .unwrap();
    let asked = path.1.strip_prefix("/organizations/").unwrap();
    assert!(!asked.contains(['/', '?', '#']));
    assert_eq!(
        percent_encoding::percent_decode_str(asked)
            .decode_utf8()
            .unwrap(),
        id.as_str()
    );
    directory.note(CalloutId(4), subject);
    let reply = Reply {
        status: Some(200),
        body,
    };
    let answered = directory
        .learn(CalloutId(4), reply, &policy.subscriptions, now)
        .unwrap();
    match policy.payer(Some(id.as_str()), None, now) {
        Payer::Holder(holder) if !answered.failed => Some(said_of(&holder)),
        Payer::Holder(_) => panic!("an answer that failed is believed"),
        _ => {
            assert!(answered.failed, "an answer is not believed");
            None
        }
    }
}
