//! What a module tells an organization of its account.

use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::mapping::{DetailsMapping, Mapping};
use super::organization::Terms;
use crate::http::stream::Ending;
use crate::model::Request;
use crate::proxy::simulator::{SimulationError, Simulator};

/// What was told; `None` what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// How much may be used in a day.
    pub limit: Option<u64>,
    /// What has been used.
    pub used: Option<u64>,
    /// The plan.
    pub plan: Option<String>,
    /// How many calls may be in progress.
    pub concurrency: Option<u64>,
    /// When the day ends.
    pub day_ends: Option<Timestamp>,
    /// How much of the limit is only there because of what used to be.
    pub protection: Option<u64>,
    /// How much of the limit was bought.
    pub purchased: Option<u64>,
    /// How much can be bought.
    pub purchasable: Option<u64>,
}

impl Details {
    /// The terms of a day that has begun at that instant.
    pub(super) fn terms(self, from: Timestamp) -> Terms {
        Terms {
            ends: self.day_ends.filter(|ends| *ends > from),
            plan: self.plan,
            limit: self.limit,
            protection: self.protection.filter(|protection| *protection > 0),
            purchased: self.purchased,
            purchasable: self.purchasable,
            concurrency: self.concurrency,
        }
    }

    /// Reads the answer of a module, as the mapping says.
    pub(super) fn read(mapping: &DetailsMapping, body: &[u8]) -> Self {
        let Ok(document) = serde_json::from_slice::<Value>(body) else {
            return Self::default();
        };
        let at = |pointer: &Option<String>| document.pointer(pointer.as_deref()?);
        let number = |pointer| at(pointer).and_then(Value::as_u64);
        let text = |pointer| at(pointer).and_then(Value::as_str);
        Self {
            limit: number(&mapping.limit),
            used: number(&mapping.used),
            plan: text(&mapping.plan).map(str::to_owned),
            concurrency: number(&mapping.concurrency),
            day_ends: text(&mapping.day_ends).and_then(|text| text.parse().ok()),
            protection: number(&mapping.protection),
            purchased: number(&mapping.purchased),
            purchasable: number(&mapping.purchasable),
        }
    }
}

/// Asks the module for the account of an organization that is known by these headers.
pub(super) fn ask(
    simulator: &mut Simulator,
    mapping: &Mapping,
    path: &str,
    headers: Vec<(String, String)>,
) -> Result<Details, SimulationError> {
    let answer = answer(simulator, path, headers)?;
    Ok(answer.map_or_else(Details::default, |body| {
        Details::read(&mapping.details, &body)
    }))
}

/// What a module tells of the price of a call; `None` what it does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// What the call would cost.
    pub cost: Option<u64>,
    /// What kind of call it is.
    pub operation: Option<String>,
}

/// Asks a module for the price of a call, with the headers of the organization whose call it is; `None` if the module does not answer.
/// `details_path` is where it answers with an organization's account.
///
/// # Errors
///
/// When the module needs what host-sim cannot do, or never returns.
pub fn price_of(
    simulator: &mut Simulator,
    mapping: &Mapping,
    details_path: &str,
    call: &Request,
) -> Result<Option<Price>, SimulationError> {
    let Some(template) = &mapping.price.path else {
        return Ok(None);
    };
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (method, of_path) = (encoded(&call.method), encoded(&call.path));
    let mut path = details_path.to_owned();
    let complete = template.write(&mut path, |name| match name {
        "method" => Some(method.as_str()),
        "path" => Some(of_path.as_str()),
        _ => None,
    });
    if !complete {
        return Ok(None);
    }
    let answer = answer(simulator, &path, call.headers.clone())?;
    let document = answer.and_then(|body| serde_json::from_slice::<Value>(&body).ok());
    Ok(document.map(|document| {
        let at = |pointer: &Option<String>| document.pointer(pointer.as_deref()?);
        Price {
            cost: at(&mapping.price.cost).and_then(Value::as_u64),
            operation: at(&mapping.price.operation)
                .and_then(Value::as_str)
                .map(str::to_owned),
        }
    }))
}

/// What the module itself answers to this, if it is 200.
fn answer(
    simulator: &mut Simulator,
    path: &str,
    headers: Vec<(String, String)>,
) -> Result<Option<Vec<u8>>, SimulationError> {
    let pending = simulator.pass(&Request {
        path: path.to_owned(),
        headers,
        ..Request::default()
    })?;
    let answered = pending.is_answered();
    let mut ending = Ending::default();
    simulator.end(&pending, Some(404), &[""; 0], &mut ending)?;
    Ok((answered && ending.status == 200).then_some(ending.body))
}

/// A number in a refusal.
pub(super) fn number_in(body: &[u8], pointer: Option<&str>) -> Option<u64> {
    let document: Value = serde_json::from_slice(body).ok()?;
    document.pointer(pointer?)?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_read() {
        let mapping = Mapping::from_toml(Mapping::DEFAULT).unwrap().details;
        let body = br#"{"limit":10,"edition":"Demo","day":{"endsAt":"2026-11-23T00:00:00-08:00"},"plan":{},
            "allotment":{"grandfathered":{"allotted":3}}}"#;
        let details = Details {
            limit: Some(10),
            plan: Some("Demo".to_owned()),
            day_ends: Some("2026-11-23T08:00:00Z".parse().unwrap()),
            protection: Some(3),
            ..Details::default()
        };
        assert_eq!(Details::read(&mapping, body), details);
        assert_eq!(Details::read(&mapping, b"upstream"), Details::default());
        assert_eq!(number_in(br#"{"cost":3}"#, Some("/cost")), Some(3));
    }
}
