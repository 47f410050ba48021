//! Makes steps that break a plugin as few and as plain as they get.

use std::time::Duration;

use super::act::Act;
use super::execution::{self, Execution};
use super::fault::Fault;
use super::{Base, Fuzzer};
use crate::model::{Departure, HttpVersion, Request, UpstreamBehaviour};

/// More attempts than this take too long; those at growing memory take more time each.
const ATTEMPTS: usize = 1500;
const ATTEMPTS_TO_GROW: usize = 60;

/// The smallest steps with the same fault that were found; how many calls that took is added.
pub(super) fn smallest(
    base: &Base,
    acts: &[Act],
    fault: &Fault,
    fuzzer: &Fuzzer,
    calls: &mut u64,
) -> Vec<Act> {
    let mut search = Search {
        base,
        fault,
        fuzzer,
        left: if matches!(fault, Fault::Leak(_)) {
            ATTEMPTS_TO_GROW
        } else {
            ATTEMPTS
        },
        calls,
    };
    let mut best = acts.to_vec();
    loop {
        let before = search.left;
        search.remove(&mut best);
        let shorter = search.simplify(&mut best);
        if !shorter || search.left == 0 || search.left == before {
            return best;
        }
    }
}

struct Search<'s> {
    base: &'s Base,
    fault: &'s Fault,
    fuzzer: &'s Fuzzer,
    left: usize,
    calls: &'s mut u64,
}

impl Search<'_> {
    /// Whether these steps have the fault as well.
    fn has_it(&mut self, acts: &[Act]) -> bool {
        let Some(left) = self.left.checked_sub(1) else {
            return false;
        };
        self.left = left;
        let run = match self.fault {
            Fault::Leak(_) => execution::growth(self.base, acts, self.fuzzer),
            _ => Execution::of(self.base, acts, self.fuzzer),
        };
        *self.calls = self.calls.saturating_add(run.calls);
        run.fault.is_some_and(|fault| fault.is_like(self.fault))
    }

    /// Takes away as many steps as it can: halves first, then less and less.
    fn remove(&mut self, best: &mut Vec<Act>) {
        let mut size = best.len().div_ceil(2);
        while size > 0 {
            let mut start = 0_usize;
            while start < best.len() {
                let end = start.saturating_add(size).min(best.len());
                let mut fewer = best.clone();
                fewer.drain(start..end);
                if !fewer.is_empty() && self.has_it(&fewer) {
                    *best = fewer;
                } else {
                    start = end;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    /// Makes each step plainer. Says whether any is.
    fn simplify(&mut self, best: &mut [Act]) -> bool {
        let mut any = false;
        for index in 0..best.len() {
            while let Some(plainer) = self.plainer(best, index) {
                let Some(act) = best.get_mut(index) else {
                    break;
                };
                *act = plainer;
                any = true;
            }
        }
        any
    }

    /// A plainer step in this place with which the fault is still there.
    fn plainer(&mut self, best: &[Act], index: usize) -> Option<Act> {
        let candidates = candidates(best.get(index)?);
        candidates.into_iter().find(|candidate| {
            let mut changed = best.to_vec();
            if let Some(act) = changed.get_mut(index) {
                *act = candidate.clone();
            }
            self.has_it(&changed)
        })
    }
}

/// Steps that are a little plainer, the plainest first.
fn candidates(act: &Act) -> Vec<Act> {
    match act {
        Act::Call(request) => requests(request)
            .into_iter()
            .map(|request| Act::Call(Box::new(request)))
            .collect(),
        Act::Open(number, request) => {
            let call = Act::Call(request.clone());
            let plainer = requests(request).into_iter();
            let plainer = plainer.map(|request| Act::Open(*number, Box::new(request)));
            std::iter::once(call).chain(plainer).collect()
        }
        Act::Calls(calls) => {
            let alone = calls
                .iter()
                .map(|request| Act::Call(Box::new(request.clone())));
            let fewer = (0..calls.len()).filter(|_| calls.len() > 2).map(|index| {
                let mut fewer = calls.clone();
                fewer.remove(index);
                Act::Calls(fewer)
            });
            let plainer = calls.iter().enumerate().flat_map(|(index, request)| {
                requests(request)
                    .into_iter()
                    .map(move |request| (index, request))
            });
            let plainer = plainer.map(|(index, request)| {
                let mut changed = calls.clone();
                if let Some(place) = changed.get_mut(index) {
                    *place = request;
                }
                Act::Calls(changed)
            });
            alone.chain(fewer).chain(plainer).collect()
        }
        Act::Leave(number, departure) if *departure != Departure::Usual => {
            vec![Act::Finish(*number), Act::Leave(*number, Departure::Usual)]
        }
        Act::Advance(by) => {
            let rounder = [1, 60, 3600, 86_400].map(Duration::from_secs);
            rounder
                .into_iter()
                .filter(|other| other < by)
                .map(Act::Advance)
                .collect()
        }
        Act::CasConflicts(count) => (1..*count).map(Act::CasConflicts).collect(),
        Act::Configure(text) => shorter(text).into_iter().map(Act::Configure).collect(),
        Act::Leave(..) | Act::Finish(_) | Act::Service(_) => Vec::new(),
    }
}

/// The same document without one of its members.
fn shorter(text: &str) -> Vec<String> {
    let Ok(serde_json::Value::Object(members)) = serde_json::from_str(text) else {
        return Vec::new();
    };
    let without = |key: &String| {
        let mut fewer = members.clone();
        fewer.remove(key);
        serde_json::Value::Object(fewer).to_string()
    };
    members.keys().map(without).collect()
}

fn requests(request: &Request) -> Vec<Request> {
    let mut plainer = Vec::new();
    let plain = Request::default();
    let mut add = |change: &dyn Fn(&mut Request)| {
        let mut changed = request.clone();
        change(&mut changed);
        if changed != *request {
            plainer.push(changed);
        }
    };
    add(&|request| {
        *request = Request {
            path: request.path.clone(),
            headers: request.headers.clone(),
            ..Request::default()
        }
    });
    add(&|request| request.upstream = UpstreamBehaviour::default());
    add(&|request| request.body.clear());
    add(&|request| request.trailers.clear());
    add(&|request| request.unfinished = false);
    add(&|request| request.worker = None);
    add(&|request| request.headers.clear());
    for index in 0..request.headers.len() {
        add(&|request| {
            request.headers.remove(index);
        });
    }
    if request.trailers.is_empty() {
        add(&|request| request.http = HttpVersion::One);
    }
    add(&|request| request.method.clone_from(&plain.method));
    add(&|request| request.path.clone_from(&plain.path));
    add(&|request| {
        if let Some((path, _)) = request.path.clone().split_once('?') {
            path.clone_into(&mut request.path);
        }
    });
    let length = request.path.len();
    for cut in [length.div_euclid(2), length.saturating_sub(1)] {
        if cut > 0 && request.path.is_char_boundary(cut) {
            add(&|request| request.path.truncate(cut));
        }
    }
    add(&|request| {
        request.body = vec![request.body.concat()]
            .into_iter()
            .filter(|body| !body.is_empty())
            .collect()
    });
    let bytes: usize = request.body.iter().map(Vec::len).sum();
    for cut in [bytes.div_euclid(2), bytes.saturating_sub(1)] {
        add(&|request| {
            let mut whole = request.body.concat();
            whole.truncate(cut);
            request.body = vec![whole]
                .into_iter()
                .filter(|body| !body.is_empty())
                .collect();
        });
    }
    for index in 0..request.headers.len() {
        add(&|request| {
            if let Some((_, value)) = request.headers.get_mut(index)
                && value.len() > 1
            {
                let half = value.chars().count().div_euclid(2);
                *value = value.chars().take(half).collect();
            }
        });
    }
    if let UpstreamBehaviour::Answer(answer) = &request.upstream {
        let mut less = answer.clone();
        less.headers = None;
        add(&|request| request.upstream = UpstreamBehaviour::Answer(less.clone()));
        let mut less = answer.clone();
        less.body = None;
        add(&|request| request.upstream = UpstreamBehaviour::Answer(less.clone()));
        let mut less = answer.clone();
        less.status = None;
        add(&|request| request.upstream = UpstreamBehaviour::Answer(less.clone()));
    }
    plainer
}
