//! Which refusals client libraries repeat, and when: each is used as its documentation has it repeat calls, and Envoy's access log has every
//! request that it made.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use api_credits_tests::call::Call;
use api_credits_tests::clients::program::Program;
use api_credits_tests::example::{Example, in_front_of};
use api_credits_tests::upstream::{EXCHANGE, Hold, Upstream};
use host_sim::target::{AnswerOverride, Request, UpstreamBehaviour};
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use serde_json::{Map, Value, json};
use tokio::time::{sleep, timeout};

use crate::World;

/// A library, and what its user gets from it.
pub(crate) struct Library {
    pub(crate) name: &'static str,
    /// The program that uses it.
    program: &'static str,
    /// Whether it repeats a 429 that says when to come again, and what its user gets where that is in hours.
    hours: Hours,
    /// Whether it repeats a 429 that says so, when it is soon.
    waits_for_the_day: bool,
    /// Whether it repeats a 429 that does not say when to come again.
    backs_off: bool,
    /// Whether it comes again when a 503 says.
    obeys: bool,
}

/// What a library does when it is to come again in some hours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hours {
    /// Its user gets the 429 at once.
    GivesUp,
    /// Its user waits, and no request is made meanwhile.
    Waits,
}

const OPENAI: Library = Library {
    name: "openai",
    program: "repeat.py",
    hours: Hours::GivesUp,
    waits_for_the_day: true,
    backs_off: true,
    obeys: true,
};

pub(crate) const LIBRARIES: &[Library] = &[
    OPENAI,
    Library {
        name: "urllib3",
        hours: Hours::Waits,
        backs_off: false,
        ..OPENAI
    },
    Library {
        name: "requests",
        hours: Hours::Waits,
        ..OPENAI
    },
    Library {
        name: "httpx-retries",
        hours: Hours::Waits,
        ..OPENAI
    },
    Library {
        name: "stripe",
        waits_for_the_day: false,
        backs_off: false,
        obeys: false,
        ..OPENAI
    },
    Library {
        name: "axios-retry",
        program: "repeat.mjs",
        ..OPENAI
    },
    Library {
        name: "got",
        program: "repeat.mjs",
        ..OPENAI
    },
    Library {
        name: "ky",
        program: "repeat.mjs",
        hours: Hours::Waits,
        ..OPENAI
    },
    Library {
        name: "undici",
        program: "repeat.mjs",
        hours: Hours::Waits,
        ..OPENAI
    },
];

/// What the upstream, which is the directory too, knows the filter's questions by, and the call that holds a place.
const QUESTION: &str = "question";
const HELD: &str = "held";
/// Days end every few seconds, each in a data centre of its own, so that one ends soon whenever a client is ready.
const SOON: i64 = 5;
const DAYS: i64 = 24;

/// A case: its organization and path, what is decided of its requests one after the other, and what the user gets at last; nothing as long
/// as the library waits.
struct Case {
    name: &'static str,
    organization: String,
    path: &'static str,
    verdicts: &'static [&'static str],
    status: Option<u16>,
}

pub(crate) fn reads_refusals_right(world: &World, library: &Library) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(read(world, library))
}

async fn read(world: &World, library: &Library) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("access.log");
    let started = Timestamp::now();
    let upstream = Upstream::start(&host_sim::target::Upstream::default()).await?;
    upstream.plan(QUESTION, &UpstreamBehaviour::Reset, false)?;
    let yaml = yaml(&upstream, &log)?;
    let example = Example::start(&world.artifacts, &yaml, &config(started)?, 1)?;
    let mut command = match library.program {
        program if program.ends_with(".py") => world.clients.python(program),
        program => world.clients.node(program),
    };
    command.arg(library.name);
    let mut program = Program::start(command)?;

    // What takes credits and a place beforehand.
    let soon = day_that_ends_soon(started)?;
    for organization in ["hours", soon.as_str()] {
        let spent = example.get("/all", &[("orgId", organization)]).await?;
        assert_eq!(spent.status, 200);
    }
    let hold = occupy(&example, &upstream).await?;

    let cases = cases(library, soon);
    let told: Map<String, Value> = cases.iter().map(|case| told(case, &example)).collect();
    program.tell(&Value::Object(told))?;
    // Once each has been refused, what it was refused for is over.
    let refused = "wasmcustom.api_credits.calls.refused";
    let at_least_one = async |reason: &str| -> anyhow::Result<()> {
        while example.stat(&format!("{refused}.{reason}")).await? == 0 {
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    };
    let patience = Duration::from_secs(30);
    timeout(patience, at_least_one("too_many_requests")).await??;
    hold.release();
    timeout(patience, at_least_one("directory_unavailable")).await??;
    upstream.plan(QUESTION, &UpstreamBehaviour::Answer(edition()), false)?;

    let mut statuses = BTreeMap::new();
    let over = cases.iter().filter(|case| case.status.is_some()).count();
    while statuses.len() < over {
        let heard = program.hear()?;
        let case = heard.get("case").and_then(Value::as_str);
        let status = heard.get("status").and_then(Value::as_u64);
        let case = case.with_context(|| heard.to_string())?;
        statuses.insert(case.to_owned(), status);
    }
    let requests = requests(&example, &log).await?;
    for case in &cases {
        check(case, library, statuses.get(case.name).copied(), &requests)?;
    }
    Ok(())
}

fn cases(library: &Library, soon: String) -> [Case; 5] {
    let waits = |waits: bool, verdicts: &'static [&'static str], status: u16| match waits {
        true => (verdicts, Some(200)),
        false => (verdicts.get(..1).unwrap_or_default(), Some(status)),
    };
    let (of_soon, status_of_soon) = waits(
        library.waits_for_the_day,
        &["daily_credits", "admitted"],
        429,
    );
    let (of_busy, status_of_busy) =
        waits(library.backs_off, &["too_many_requests", "admitted"], 429);
    let case = |name, organization: &str, path, verdicts, status| Case {
        name,
        organization: organization.to_owned(),
        path,
        verdicts,
        status,
    };
    let given_up = (library.hours == Hours::GivesUp).then_some(429);
    [
        case(
            "unaffordable",
            "unaffordable",
            "/fifty",
            &["exceeds_allotment"],
            Some(402),
        ),
        case("hours", "hours", "/one", &["daily_credits"], given_up),
        case("soon", &soon, "/one", of_soon, status_of_soon),
        case("busy", "busy", "/one", of_busy, status_of_busy),
        case(
            "unavailable",
            "looked-up",
            "/one",
            &["directory_unavailable", "admitted"],
            Some(200),
        ),
    ]
}

/// What came of a case, by its user and by Envoy's log.
fn check(
    case: &Case,
    library: &Library,
    status: Option<Option<u64>>,
    requests: &BTreeMap<String, Vec<(Timestamp, String)>>,
) -> anyhow::Result<()> {
    let name = case.name;
    let status = status.flatten();
    ensure!(
        status == case.status.map(u64::from),
        "{name}: its user got {status:?}, expected {:?}",
        case.status
    );
    let requests = requests
        .get(name)
        .with_context(|| format!("{name}: no request"))?;
    let mut verdicts: Vec<_> = requests
        .iter()
        .map(|(_, verdict)| verdict.as_str())
        .collect();
    // How often a client comes too early that is not told when to come is its own affair.
    let untold = name == "busy" || (name == "unavailable" && !library.obeys);
    if untold {
        verdicts.dedup();
    }
    ensure!(
        verdicts == case.verdicts,
        "{name}: its requests were {verdicts:?}, expected {:?}",
        case.verdicts
    );
    if name == "unavailable"
        && library.obeys
        && let [(first, _), (second, _)] = requests.as_slice()
    {
        let waited = second.duration_since(*first).as_millis();
        ensure!(waited >= 2000, "{name}: it came again after {waited} ms");
    }
    Ok(())
}

/// Every request of a client, by its case: when it came, and what was decided. The log is complete when it has all that Envoy has answered.
async fn requests(
    example: &Example,
    log: &Path,
) -> anyhow::Result<BTreeMap<String, Vec<(Timestamp, String)>>> {
    let lines = async {
        loop {
            let answered = example.stat("http.api.downstream_rq_completed").await?;
            let text = fs::read_to_string(log)?;
            if u64::try_from(text.lines().count())? >= answered {
                return anyhow::Ok(text);
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let text = timeout(Duration::from_secs(10), lines).await;
    let text = text.context("Envoy does not log all calls")??;
    let mut requests = BTreeMap::<_, Vec<_>>::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line)?;
        let field = |name: &str| line.get(name).and_then(Value::as_str);
        let Some(case) = field("case") else { continue };
        let time = field("time").context("no time")?.parse()?;
        let receipt = field("api_credits").context("no receipt")?;
        let verdict = receipt.strip_prefix("verdict=").context("no verdict")?;
        let verdict = verdict.split(' ').next().unwrap_or_default().to_owned();
        requests
            .entry(case.to_owned())
            .or_default()
            .push((time, verdict));
    }
    Ok(requests)
}

/// The request of a case, as the program is told of it.
fn told(case: &Case, example: &Example) -> (String, Value) {
    let url = format!("http://{}{}", example.api, case.path);
    let headers = json!({ "orgId": case.organization, "x-case": case.name });
    let request = json!({ "url": url, "headers": headers });
    (case.name.to_owned(), request)
}

/// A call that has the only place of an organization, until it is released.
async fn occupy(example: &Example, upstream: &Upstream) -> anyhow::Result<Hold> {
    let mut hold = upstream.plan(HELD, &UpstreamBehaviour::default(), true)?;
    let request = Request {
        path: "/one".to_owned(),
        headers: [("orgId", "busy"), (EXCHANGE, HELD)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        ..Request::default()
    };
    let call = Call::begin(example.api, request, || ()).await?;
    hold.arrived().await;
    tokio::spawn(call.response());
    Ok(hold)
}

/// The example, with a log that has the case of each request.
fn yaml(upstream: &Upstream, log: &Path) -> anyhow::Result<String> {
    let yaml = in_front_of("envoy.yaml", upstream.address)?;
    let field = r#"time: "%START_TIME%""#;
    let indentation = " ".repeat(26);
    let yaml = yaml
        .replace(
            field,
            &format!("{field}\n{indentation}case: \"%REQ(X-CASE)%\""),
        )
        .replace("${ACCESS_LOG}", &log.display().to_string());
    ensure!(yaml.contains("X-CASE"), "envoy.yaml logs no {field}");
    Ok(yaml)
}

fn config(started: Timestamp) -> anyhow::Result<Value> {
    let demo = |data_center: Option<&str>| match data_center {
        Some(name) => json!({ "edition": "Demo", "data_center": name }),
        None => json!({ "edition": "Demo" }),
    };
    let mut data_centers = Map::new();
    let mut organizations = Map::from_iter([
        ("unaffordable".to_owned(), demo(None)),
        ("hours".to_owned(), demo(None)),
        ("busy".to_owned(), json!({ "edition": "Single" })),
    ]);
    for day in 0..DAYS {
        let (name, end) = day_of(started, day)?;
        let data_center = json!({ "time_zone": "UTC", "starts_at": time_of_day(end) });
        organizations.insert(name.clone(), demo(Some(&name)));
        data_centers.insert(name, data_center);
    }
    let far = started.checked_add(12.hours())?;
    Ok(json!({
        "identity": { "header": "orgId" },
        "day": { "starts_at": time_of_day(far) },
        "data_centers": data_centers,
        "editions": { "Demo": { "base": 10 }, "Single": { "base": 10, "concurrency": 1 } },
        "organizations": organizations,
        "directory": {
            "cluster": "api", "authority": "crm", "timeout_ms": 10_000, "headers": { EXCHANGE: QUESTION }, "retry_seconds": 2,
        },
        "costs": { "default": 1, "rules": [
            { "name": "all", "operations": ["GET /all"], "cost": 10 },
            { "name": "fifty", "operations": ["GET /fifty"], "cost": 50 },
        ] },
    }))
}

/// What the directory says of the organization that it is asked about.
fn edition() -> AnswerOverride {
    AnswerOverride {
        body: Some(vec![br#"{"edition": "Demo"}"#.to_vec()]),
        ..AnswerOverride::default()
    }
}

/// The name of a day, also of its data centre and organization, and its end.
fn day_of(started: Timestamp, number: i64) -> anyhow::Result<(String, Timestamp)> {
    let seconds = SOON.checked_mul(number).context("no such day")?;
    let end = started.checked_add(seconds.seconds())?;
    Ok((format!("soon-{number}"), end))
}

fn time_of_day(time: Timestamp) -> String {
    let time = time.to_zoned(TimeZone::UTC);
    time.strftime("%H:%M:%S").to_string()
}

/// The day that ends first and in no less than six seconds, which is time enough to use up its credits and to be refused.
fn day_that_ends_soon(started: Timestamp) -> anyhow::Result<String> {
    let earliest = Timestamp::now().checked_add(6.seconds())?;
    for day in 0..DAYS {
        let (name, end) = day_of(started, day)?;
        if end >= earliest {
            return Ok(name);
        }
    }
    anyhow::bail!("the client was not ready before all days were over")
}
