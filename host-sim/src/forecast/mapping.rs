//! Where a module tells what a forecast is made of.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::body::BodyRule;
use super::directory::DirectoryMapping;
use super::sources::{IdentityMapping, MetadataValue};
use super::template::Template;

/// Where things are: in a line of the log, in the filter state, in a refusal, in the details, and in the configuration. The defaults
/// are the API credits filter's; a mapping that names any of these tables has nothing but what it names there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// Who calls: `%organization` is the field of that name.
    pub organization: Template,
    /// Where the configuration says that this and more is stated.
    pub identity: IdentityMapping,
    /// The service that describes organizations which the configuration does not list.
    pub directory: DirectoryMapping,
    /// What is sent.
    pub request: RequestMapping,
    /// Keys of the filter state.
    pub properties: Properties,
    /// What they say.
    pub verdicts: Verdicts,
    /// What a refusal tells.
    pub refusal: Refusal,
    /// What an organization is told of its account.
    pub details: DetailsMapping,
    /// Where the module tells the price of a call.
    pub price: PriceMapping,
    /// What is in the configuration.
    pub configuration: ConfigurationMapping,
}

/// How a line was read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestMapping {
    /// Headers by name. One whose values the line does not have is left out.
    pub headers: BTreeMap<String, Template>,
    /// What filters before the module say of the call. A value whose fields the line does not have is left out.
    #[serde(skip)]
    pub metadata: Vec<MetadataValue>,
    /// Bodies for calls whose body decides what they cost; logs have none. A field `body` of the log goes before them.
    pub bodies: Vec<BodyRule>,
}

/// Keys of the filter state, without `wasm.`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Properties {
    /// What became of the call.
    pub verdict: Option<String>,
    /// What it was charged.
    pub cost: Option<String>,
    /// What kind of call it was.
    pub operation: Option<String>,
    /// The organization's plan.
    pub plan: Option<String>,
}

/// What verdicts mean.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Verdicts {
    /// No refusals.
    pub passed: Vec<String>,
    /// What stands before a refusal that is only noted.
    pub shadow: Option<String>,
    /// Refusals for want of what calls cost.
    pub by_cost: Vec<String>,
    /// Refusals for too many calls at once.
    pub by_concurrency: Vec<String>,
    /// Refusals of whoever the module does not know.
    pub by_identity: Vec<String>,
    /// What people read in place of a verdict: how `refused: …` goes on.
    pub words: BTreeMap<String, String>,
}

/// JSON Pointers into the body of a refusal.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Refusal {
    /// What the call would have cost.
    pub cost: Option<String>,
}

/// The call that the module answers with an organization's account, and JSON Pointers into the answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetailsMapping {
    /// Its path.
    pub path: Option<String>,
    /// Where the configuration says another one: a JSON Pointer.
    pub path_in_configuration: Option<String>,
    /// Where the configuration says in which zone days are counted (an IANA name): a JSON Pointer. People are told times in it.
    pub zone_in_configuration: Option<String>,
    /// How much may be used in a day.
    pub limit: Option<String>,
    /// What limits and costs are counted in: a word, no pointer.
    pub unit: Option<String>,
    /// What has been used.
    pub used: Option<String>,
    /// The plan.
    pub plan: Option<String>,
    /// How many calls may be in progress.
    pub concurrency: Option<String>,
    /// When the day ends: RFC 3339.
    pub day_ends: Option<String>,
    /// How much of the limit is only there because of what used to be (grandfathering).
    pub protection: Option<String>,
    /// How much of the limit was bought on top.
    pub purchased: Option<String>,
    /// How much can be bought.
    pub purchasable: Option<String>,
}

/// A call that the module answers with the price of another one. Asked of calls that were only not refused, whose price nothing else tells.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PriceMapping {
    /// What stands behind the path of the details; `%method` and `%path` are those of the call.
    pub path: Option<Template>,
    /// The price in the answer: a JSON Pointer.
    pub cost: Option<String>,
    /// What kind of call it is: a JSON Pointer.
    pub operation: Option<String>,
}

/// What is in the configuration: JSON Pointers, in which `{organization}` is the organization's name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigurationMapping {
    /// Members that the configuration gets where it has none, so that the module tells what is asked of it.
    pub defaults: BTreeMap<String, Value>,
    /// Members that the configuration gets whatever it says, for the same reason.
    pub overrides: BTreeMap<String, Value>,
    /// The array of all kinds of calls.
    pub operations: Option<String>,
    /// The name of one, as the module tells it; a pointer into the array's element.
    pub operation_name: Option<String>,
    /// What an element has whose calls are priced by their body: an object; pointers into it.
    #[serde(deserialize_with = "one_or_more")]
    pub priced_by_body: Vec<String>,
    /// What an element has whose calls are priced by their headers, or by what filters before the module say: an object or an array.
    #[serde(deserialize_with = "one_or_more")]
    pub priced_by_head: Vec<String>,
    /// What an element has whose calls are settled by a header of their answer: its name; pointers into it.
    #[serde(deserialize_with = "one_or_more")]
    pub settled_by: Vec<String>,
    /// What an element has whose calls are settled by something else of their answer; pointers into it.
    #[serde(deserialize_with = "one_or_more")]
    pub settled_unseen: Vec<String>,
    /// The operations of an element; a pointer into it.
    pub templates: Option<String>,
    /// Their price; a pointer into it.
    pub price: Option<String>,
    /// When that is their price; a pointer into it.
    pub condition: Option<String>,
    /// The price of whatever no element names.
    pub default_price: Option<String>,
    /// The object that has a member for each plan.
    pub plans: Option<String>,
    /// The name of an organization's plan.
    pub plan_of: Option<String>,
    /// How many calls of an organization may be in progress at once.
    pub concurrency_of: Option<String>,
    /// What an organization has bought; taken away where another plan does not allow it.
    pub purchased_by: Option<String>,
}

/// Why there is no mapping.
#[derive(Debug, thiserror::Error)]
#[error("not a mapping: {}", .0.trim_end())]
pub struct MappingError(String);

const DEFAULT: &str = include_str!("../../../envoy/forecast.toml");

impl Mapping {
    /// The default mapping, to be changed: that of the API credits filter.
    pub const DEFAULT: &'static str = DEFAULT;

    /// Reads a mapping.
    ///
    /// # Errors
    ///
    /// When the text is none.
    pub fn from_toml(text: &str) -> Result<Self, MappingError> {
        toml::from_str(text).map_err(|error: toml::de::Error| MappingError(error.to_string()))
    }

    /// The kinds of calls that this configuration prices by their body, and those among whose prices the body decides.
    #[must_use]
    pub fn priced_by_body(&self, configuration: &Value) -> BTreeSet<String> {
        self.marked(configuration, &self.configuration.priced_by_body)
    }

    /// The kinds of calls among whose prices headers decide, or what filters before the module say.
    #[must_use]
    pub fn priced_by_head(&self, configuration: &Value) -> BTreeSet<String> {
        self.marked(configuration, &self.configuration.priced_by_head)
    }

    /// The kinds of calls that have an object or an array at one of these places, or an operation in common with one that has.
    fn marked(&self, configuration: &Value, marks: &[String]) -> BTreeSet<String> {
        let of = &self.configuration;
        let all = || self.kinds(configuration);
        let is_marked = |kind: &&Value| {
            let mut found = marks.iter().filter_map(|mark| kind.pointer(mark));
            found.any(|found| found.is_object() || found.is_array())
        };
        let operations = |kind: &Value| {
            let operations = kind.pointer(of.templates.as_deref()?)?.as_array()?;
            let texts = operations.iter().filter_map(Value::as_str);
            Some(texts.map(str::to_owned).collect::<BTreeSet<_>>())
        };
        let marked = all().filter(is_marked);
        let theirs: BTreeSet<String> = marked.filter_map(operations).flatten().collect();
        let shares = |kind: &&Value| {
            operations(kind).is_some_and(|operations| !operations.is_disjoint(&theirs))
        };
        let kinds = all().filter(|kind| is_marked(kind) || shares(kind));
        let names = kinds.filter_map(|kind| kind.pointer(of.operation_name.as_deref()?)?.as_str());
        names.map(str::to_owned).collect()
    }

    /// The kinds of calls that this configuration settles by a header of their answer, and that header in lower case; none for something
    /// else of the answer.
    #[must_use]
    pub fn settling(&self, configuration: &Value) -> BTreeMap<String, String> {
        let of = &self.configuration;
        let settled = self.kinds(configuration).filter_map(|kind| {
            let name = kind.pointer(of.operation_name.as_deref()?)?.as_str()?;
            let mut headers = of.settled_by.iter();
            let header = headers.find_map(|by| kind.pointer(by)?.as_str());
            let mut others = of.settled_unseen.iter();
            let unseen = others.any(|by| kind.pointer(by).is_some());
            let header = header.or(unseen.then_some(""))?.to_ascii_lowercase();
            Some((name.to_owned(), header))
        });
        settled.collect()
    }

    /// The elements of the array of all kinds of calls.
    fn kinds<'c>(&self, configuration: &'c Value) -> impl Iterator<Item = &'c Value> {
        let all = self.configuration.operations.as_deref();
        let all = all.and_then(|all| configuration.pointer(all)?.as_array());
        all.into_iter().flatten()
    }

    /// The fields that lines must have for it.
    #[must_use]
    pub fn wanted(&self) -> Vec<String> {
        let headers = self.request.headers.values();
        let metadata = self.request.metadata.iter().map(|metadata| &metadata.value);
        let mut wanted: Vec<String> = std::iter::once(&self.organization)
            .chain(headers)
            .chain(metadata)
            .flat_map(Template::names)
            .map(str::to_owned)
            .chain(std::iter::once("body".to_owned()))
            .collect();
        wanted.sort();
        wanted.dedup();
        wanted
    }
}

impl ConfigurationMapping {
    /// The members of an organization that wishes set.
    pub(super) fn wished(&self) -> Vec<String> {
        let pointers = [&self.plan_of, &self.concurrency_of, &self.purchased_by];
        let members = pointers.into_iter().flatten().filter_map(|pointer| {
            let (_, behind) = pointer.split_once("{organization}/")?;
            behind.split('/').next()
        });
        members
            .map(|member| member.replace("~1", "/").replace("~0", "~"))
            .collect()
    }
}

/// A text or a list of texts.
fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    Ok(match OneOrMore::deserialize(deserializer)? {
        OneOrMore::One(text) => vec![text],
        OneOrMore::More(texts) => texts,
    })
}

impl Default for Mapping {
    /// An empty one: what is read from a text begins with it.
    fn default() -> Self {
        Self {
            organization: Template::field("organization"),
            identity: IdentityMapping::default(),
            directory: DirectoryMapping::default(),
            request: RequestMapping::default(),
            properties: Properties::default(),
            verdicts: Verdicts::default(),
            refusal: Refusal::default(),
            details: DetailsMapping::default(),
            price: PriceMapping::default(),
            configuration: ConfigurationMapping::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_a_mapping() {
        let mapping = Mapping::from_toml(Mapping::DEFAULT).unwrap();
        assert_eq!(mapping.wanted(), ["body", "organization"]);
        assert_eq!(mapping.properties.cost.as_deref(), Some("api_credits.cost"));
        let configuration = serde_json::json!({ "costs": { "rules": [
            { "name": "one", "cost": 1 },
            { "name": "bulk", "cost": { "per_record": { "credits": 6 } } },
            { "name": "rpc", "operations": ["POST /mcp"], "cost": 2, "settle_from": { "trailer": "x-used" } },
            { "name": "tool", "operations": ["POST /mcp"], "when": { "body": { "/method": "x" } }, "cost": 5 },
            { "name": "deep", "operations": ["GET /a"], "when": { "headers": { "x": "y" } }, "cost": 5, "settle_from": { "header": "X-Used" } },
            { "name": "parameter", "operations": ["GET /b"], "when": { "headers": "y", "body": "z" }, "cost": 5, "settle_from": "x-old" },
        ] } });
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let by_body: BTreeSet<String> = names(&["bulk", "rpc", "tool"]);
        assert_eq!(mapping.priced_by_body(&configuration), by_body);
        let by_head: BTreeSet<String> = names(&["deep"]);
        assert_eq!(mapping.priced_by_head(&configuration), by_head);
        let settling = [("deep", "x-used"), ("parameter", "x-old"), ("rpc", "")];
        let settling = settling.map(|(kind, header)| (kind.to_owned(), header.to_owned()));
        assert_eq!(mapping.settling(&configuration), BTreeMap::from(settling));
    }

    #[test]
    fn a_name_that_nobody_knows_is_an_error() {
        let error = Mapping::from_toml("[properties]\ncosts = 'a'\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "not a mapping: TOML parse error at line 2, column 1\n  |\n2 | costs = 'a'\n  | ^^^^^\n\
             unknown field `costs`, expected one of `verdict`, `cost`, `operation`, `plan`"
        );
    }
}
