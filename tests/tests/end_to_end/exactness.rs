//! Promise 1 on a real Envoy: whatever happens at the same time, exactly the allotment is spent, and everybody says so.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use host_sim::target::{Exchange, Request, Session};
use serde_json::{Value, json};

use crate::{WORKERS, World, example, serve};

/// What the organization may spend in these tests.
const ALLOTMENT: u64 = 1_000;
/// How many callers there are at once.
const CALLERS: usize = 64;

/// The example, with a small allotment for two organizations.
fn config() -> anyhow::Result<Value> {
    let mut config = example()?;
    let document = config.as_object_mut().context("no object")?;
    document.insert(
        "editions".to_owned(),
        json!({ "Test": { "base": ALLOTMENT } }),
    );
    document.insert(
        "organizations".to_owned(),
        json!({ "7": { "edition": "Test" }, "8": { "edition": "Test" } }),
    );
    Ok(config)
}

fn call(organization: &str, path: &str) -> Request {
    Request {
        path: path.to_owned(),
        headers: vec![("orgId".to_owned(), organization.to_owned())],
        ..Request::default()
    }
}

/// The value of a counter once nothing is counted any more: the filter tells what it has counted with every tick, a second apart.
fn counted(session: &mut dyn Session, name: &str) -> anyhow::Result<Option<u64>> {
    let mut before = session.metric(name)?;
    loop {
        for _ in 0..30 {
            session.looks_again(1)?;
        }
        let now = session.metric(name)?;
        if std::mem::replace(&mut before, now) == now {
            return Ok(now);
        }
    }
}

/// The number in a response header.
pub(crate) fn number(exchange: &Exchange, header: &str) -> anyhow::Result<u64> {
    let found = exchange.headers.iter().find(|(name, _)| name == header);
    let (_, value) = found.with_context(|| format!("no {header} in {exchange:?}"))?;
    value.parse().with_context(|| format!("{header}: {value}"))
}

pub(crate) const COST: &str = "x-rate-limit-request-weight-v3";
pub(crate) const REMAINING: &str = "x-rate-limit-remaining-v3";

pub(crate) fn callers_at_once_spend_exactly_the_allotment(world: &World) -> anyhow::Result<()> {
    let mut session = serve(world, &config()?)?;
    let calls = vec![call("7", "/api/v1/tickets/4711"); 1_600];
    let exchanges = session.parallel(&calls, CALLERS)?;

    let (admitted, refused): (Vec<_>, Vec<_>) = exchanges
        .iter()
        .partition(|exchange| exchange.status == 200);
    ensure!(
        refused.iter().all(|exchange| exchange.status == 429),
        "neither admitted nor refused: {refused:?}"
    );
    assert_eq!((admitted.len(), refused.len()), (1_000, 600));
    assert_eq!(
        admitted
            .iter()
            .filter(|exchange| exchange.upstream.is_some())
            .count(),
        1_000
    );
    assert_eq!(
        refused
            .iter()
            .filter(|exchange| exchange.upstream.is_some())
            .count(),
        0
    );

    // Every credit was handed out once: what remained after each admitted call is another number.
    let remaining = admitted
        .iter()
        .map(|exchange| number(exchange, REMAINING))
        .collect::<anyhow::Result<BTreeSet<_>>>()?;
    assert_eq!(remaining, (0..ALLOTMENT).collect());
    for exchange in refused {
        assert_eq!(
            (number(exchange, COST)?, number(exchange, REMAINING)?),
            (0, 0)
        );
    }

    assert_eq!(
        counted(&mut *session, "api_credits.credits.charged")?,
        Some(ALLOTMENT)
    );
    assert_eq!(
        counted(&mut *session, "api_credits.calls.admitted")?,
        Some(1_000)
    );
    assert_eq!(
        counted(&mut *session, "api_credits.calls.refused.daily_credits")?,
        Some(600)
    );
    let busy = session.busy_workers(WORKERS)?;
    ensure!(
        busy >= 2,
        "only {busy} worker served all calls, so nothing happened at the same time"
    );
    Ok(())
}

/// Five clients of an organization call at once, each of which has a part of its day.
pub(crate) fn clients_at_once_spend_exactly_their_parts(world: &World) -> anyhow::Result<()> {
    let mut config = config()?;
    let document = config.as_object_mut().context("no object")?;
    document.insert(
        "clients".to_owned(),
        json!({
            "identity": {"header": "x-client-id"},
            "limits": {"default": {"percent": 15}, "named": {"small": {"credits": 7}, "big": {}}},
            "max_clients": 3,
        }),
    );
    let mut session = serve(world, &config)?;
    // Three that are counted apart, one by name, and one that is counted with the others.
    let clients = ["a", "b", "c", "small", "late"];
    for client in ["a", "b", "c"] {
        let first = session.exchange(&call_of(client))?;
        assert_eq!(first.status, 200);
    }
    let calls: Vec<_> = (clients.iter().cycle().take(2_500))
        .map(|client| call_of(client))
        .collect();
    let exchanges = session.parallel(&calls, CALLERS)?;
    let admitted = |client: &str| {
        let of_client = exchanges.iter().zip(&calls).filter(|(exchange, call)| {
            exchange.status == 200 && call.headers.iter().any(|(_, value)| value == client)
        });
        of_client.count()
    };
    let counts = clients.map(admitted);
    // Each of the first three had paid one credit before.
    assert_eq!(counts, [149, 149, 149, 7, 150]);
    // One whose part is everything takes what is left, to the last credit.
    let calls = vec![call_of("big"); 600];
    let exchanges = session.parallel(&calls, CALLERS)?;
    let admitted = exchanges.iter().filter(|exchange| exchange.status == 200);
    assert_eq!(admitted.count(), 1_000 - 3 - 604);
    assert_eq!(
        counted(&mut *session, "api_credits.credits.charged")?,
        Some(ALLOTMENT)
    );
    let busy = session.busy_workers(WORKERS)?;
    ensure!(busy >= 2, "only {busy} worker served all calls");
    Ok(())
}

fn call_of(client: &str) -> Request {
    let mut call = call("7", "/api/v1/tickets/4711");
    call.headers
        .push(("x-client-id".to_owned(), client.to_owned()));
    call
}

pub(crate) fn what_was_charged_is_what_was_admitted(world: &World) -> anyhow::Result<()> {
    let mut session = serve(world, &config()?)?;
    let paths = [
        "/api/v1/tickets/4711",
        "/api/v1/tickets",
        "/api/v1/tickets?from=9000",
        "/api/v1/tickets?from=90000",
    ];
    let calls: Vec<_> = paths
        .iter()
        .cycle()
        .take(640)
        .map(|path| call("7", path))
        .collect();
    let exchanges = session.parallel(&calls, CALLERS)?;

    let mut charged = 0_u64;
    for exchange in &exchanges {
        charged = charged
            .checked_add(number(exchange, COST)?)
            .context("overflow")?;
        assert_eq!(exchange.upstream.is_some(), exchange.status == 200);
    }
    assert_eq!(
        counted(&mut *session, "api_credits.credits.charged")?,
        Some(charged)
    );
    ensure!(charged <= ALLOTMENT, "{charged} credits were charged");

    // Calls for one credit take what is left, to the last one.
    let left = ALLOTMENT.checked_sub(charged).context("overspent")?;
    let singles = vec![call("7", "/api/v1/tickets/4711"); 80];
    let exchanges = session.parallel(&singles, CALLERS)?;
    let admitted = exchanges
        .iter()
        .filter(|exchange| exchange.status == 200)
        .count();
    assert_eq!(u64::try_from(admitted)?, left.min(80));
    Ok(())
}

pub(crate) fn organizations_do_not_touch_each_other(world: &World) -> anyhow::Result<()> {
    let mut session = serve(world, &config()?)?;
    let calls: Vec<_> = ["7", "8"]
        .into_iter()
        .cycle()
        .take(1_000)
        .map(|id| call(id, "/api/v1/tickets/4711"))
        .collect();
    let exchanges = session.parallel(&calls, CALLERS)?;
    ensure!(
        exchanges.iter().all(|exchange| exchange.status == 200),
        "a call was refused"
    );
    for organization in ["7", "8"] {
        let exchange = session.exchange(&call(organization, "/api/v1/tickets/4711"))?;
        assert_eq!(number(&exchange, REMAINING)?, 499);
    }
    assert_eq!(
        counted(&mut *session, "api_credits.credits.charged")?,
        Some(1_002)
    );
    Ok(())
}
