//! Real traffic: every operation of a real API, through a real Envoy with the example configuration, at the published price.
//!
//! The prices are computed here from the list of operations alone (tests/data), so that a mistake in the example or in the
//! cost table cannot be repeated.

use std::fs;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::root;
use host_sim::target::{Request, Session as _};
use serde_json::json;

use crate::exactness::{COST, REMAINING, number};
use crate::{World, example, serve};

/// What organization 2389290 has a day: 75,000 + 12 x 500.
pub(crate) const ALLOTMENT: u64 = 81_000;

/// An operation as its API documents it.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    method: String,
    /// With parameters in braces.
    template: String,
    /// Whether it takes `from`, which is how deep into a list it starts.
    has_from: bool,
    /// The array of records in the body of a bulk operation.
    records: Option<String>,
}

/// A call of an operation, and what it must cost.
#[derive(Debug)]
pub(crate) struct Priced {
    pub(crate) request: Request,
    pub(crate) cost: u64,
}

impl Operation {
    pub(crate) fn all() -> anyhow::Result<Vec<Self>> {
        let table = fs::read_to_string(root().join("tests/data/helpdesk-operations.tsv"))?;
        let operations: Vec<_> = table
            .lines()
            .skip(1)
            .map(Self::parse)
            .collect::<anyhow::Result<_>>()?;
        ensure!(
            operations.len() == 290,
            "{} operations, expected 290",
            operations.len()
        );
        Ok(operations)
    }

    fn parse(line: &str) -> anyhow::Result<Self> {
        let columns: Vec<_> = line.split('\t').collect();
        let &[method, template, _resource, query, records] = columns.as_slice() else {
            anyhow::bail!("{line:?} has not five columns");
        };
        Ok(Self {
            method: method.to_owned(),
            template: template.to_owned(),
            has_from: query.split(',').any(|name| name == "from"),
            records: (records != "-").then(|| records.to_owned()),
        })
    }

    fn last_segment(&self) -> &str {
        self.template.rsplit('/').next().unwrap_or_default()
    }

    fn is_list(&self) -> bool {
        self.method == "GET" && (self.has_from || self.last_segment() == "search")
    }

    /// The published price; the first line that fits.
    fn cost(&self, records: u64, from: u64) -> u64 {
        match self.last_segment() {
            "updateMany" => 25,
            "count" if self.method == "GET" && self.template == "/api/v1/tasks/count" => 50,
            "moveToTrash" | "deleteSpam" | "deleteMany" | "restore" => {
                records.max(1).saturating_mul(6)
            }
            _ if self.records.is_some() => records.div_ceil(2).max(1),
            _ if self.is_list() => match from {
                0..=2_000 => 3,
                2_001..=10_000 => 10,
                10_001..=100_000 => 50,
                _ => 100,
            },
            _ => 1,
        }
    }

    /// A call with numbers in place of parameters, this many records, and `from` unless it is 0.
    pub(crate) fn call(&self, records: u64, from: u64) -> Priced {
        let segments = self
            .template
            .split('/')
            .enumerate()
            .map(|(index, segment)| match segment.strip_prefix('{') {
                Some(_) => index.saturating_add(4_000).to_string(),
                None => segment.to_owned(),
            });
        let mut path = segments.collect::<Vec<_>>().join("/");
        if from > 0 {
            path.push_str(&format!("?from={from}"));
        }
        let mut headers = vec![("orgId".to_owned(), "2389290".to_owned())];
        let mut body = Vec::new();
        if let Some(array) = &self.records {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
            let ids: Vec<_> = (0..records)
                .map(|record| (record.saturating_add(31_138_000)).to_string())
                .collect();
            body.push(json!({ (array): ids }).to_string().into_bytes());
        }
        let request = Request {
            method: self.method.clone(),
            path,
            headers,
            body,
            ..Request::default()
        };
        Priced {
            request,
            cost: self.cost(records, from),
        }
    }
}

/// Makes the calls one after another and compares every cost, and what remains.
fn check(world: &World, calls: &[Priced]) -> anyhow::Result<()> {
    let mut session = serve(world, &example()?)?;
    let requests: Vec<_> = calls.iter().map(|call| call.request.clone()).collect();
    let exchanges = session.parallel(&requests, 1)?;
    let mut wrong = Vec::new();
    let mut remaining = ALLOTMENT;
    for (call, exchange) in calls.iter().zip(&exchanges) {
        remaining = remaining
            .checked_sub(call.cost)
            .context("more calls than credits")?;
        let expected = (200, call.cost, remaining);
        let observed = (
            exchange.status,
            number(exchange, COST)?,
            number(exchange, REMAINING)?,
        );
        if observed != expected {
            let Request { method, path, .. } = &call.request;
            wrong.push(format!(
                "{method} {path}: {observed:?}, expected {expected:?} (status, cost, remaining)"
            ));
        }
    }
    ensure!(
        wrong.is_empty(),
        "{} of {} calls went wrong:\n{}",
        wrong.len(),
        calls.len(),
        wrong.join("\n")
    );
    Ok(())
}

pub(crate) fn every_operation_costs_what_the_price_list_says(world: &World) -> anyhow::Result<()> {
    let calls: Vec<_> = Operation::all()?
        .iter()
        .map(|operation| operation.call(5, 0))
        .collect();
    check(world, &calls)
}

pub(crate) fn bulk_calls_are_priced_by_their_records(world: &World) -> anyhow::Result<()> {
    let mut bulk = Operation::all()?;
    bulk.retain(|operation| operation.records.is_some());
    let calls: Vec<_> = bulk
        .iter()
        .flat_map(|operation| [0, 1, 2, 3, 100].map(|records| operation.call(records, 0)))
        .collect();
    check(world, &calls)
}

pub(crate) fn lists_are_priced_by_their_depth(world: &World) -> anyhow::Result<()> {
    let mut lists = Operation::all()?;
    lists.retain(|operation| operation.is_list() && operation.has_from);
    let depths = [1, 2_000, 2_001, 10_000, 10_001, 100_000, 100_001];
    let calls: Vec<_> = lists
        .iter()
        .flat_map(|list| depths.map(|from| list.call(0, from)))
        .collect();
    check(world, &calls)
}
