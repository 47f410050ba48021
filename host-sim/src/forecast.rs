//! Forecasts: what a plugin with some configuration would have done to the calls of an access log, told by organization.
//!
//! Nothing here knows what a module is about. The very module is run over the log's calls, at their times and with their overlaps
//! ([`Replay`]), and what it says of each is taken from where it tells operators and customers anyway: the filter state that access logs
//! show (`wasm.*`), the bodies of its refusals, and the details that it gives of a customer's account. A [`Mapping`] names these places;
//! the default ones are those of the API credits filter, and any other module is forecast with a mapping of its own:
//!
//! ```toml
//! [identity]                                     # JSON Pointers into the configuration, which says where it is stated who calls
//! sources = ["/caller"]                          # a member such as { "header": "x-customer" }, which a line's value then fills
//! header = "/header"
//!
//! [request]
//! headers = { x-region = "eu" }                  # what else is sent; `%name` is the field of that name
//!
//! [properties]                                   # keys that the module gives to proxy_set_property
//! verdict = "quota.outcome"                      # what became of the call
//! cost = "quota.tokens"                          # what it was charged: a whole number
//! operation = "quota.class"                      # what kind of call it was
//! plan = "quota.plan"
//!
//! [verdicts]
//! passed = ["ok"]                                # every other one is a refusal
//! by_cost = ["no_tokens"]                        # refusals that a higher limit would have spared
//! by_concurrency = ["too_many"]                  # refusals that a higher concurrency limit would have spared
//!
//! [details]                                      # a call that the module answers itself, and JSON Pointers into the answer
//! path = "/quota"
//! limit = "/tokens/limit"
//! day_ends = "/tokens/reset"
//!
//! [price]                                        # what another call would cost, asked of those that were only not refused
//! path = "/price?method=%method&path=%path"      # goes behind the path of the details
//! cost = "/tokens"
//! ```
//!
//! What a mapping leaves out is not told. A call without a verdict counts as refused when the module answered it itself with a status of
//! 400 or more.
//!
//! The state that is kept does not grow with the number of lines: it is one record for each organization, its days and its operations,
//! the calls in progress, and the lines that wait for their turn ([`Reordering`]).

mod body;
mod bound;
mod departure;
mod details;
mod directory;
mod error;
mod mapping;
mod organization;
mod outcome;
mod outgoing;
mod pricer;
mod prices;
mod reasons;
mod remedy;
mod reordering;
mod replay;
mod report;
mod roll;
mod series;
mod sources;
mod strays;
mod talk;
mod tally;
mod template;
mod wish;

pub use body::BodyRule;
pub use details::{Details, Price, price_of};
pub use directory::{Directory, DirectoryMapping};
pub use error::ForecastError;
pub use mapping::{
    ConfigurationMapping, DetailsMapping, Mapping, MappingError, PriceMapping, Properties, Refusal,
    RequestMapping, Verdicts,
};
pub use organization::{Day, FirstRefusal, Operation, Organization};
pub use pricer::ConfigurationOf;
pub use prices::PriceChange;
pub use reasons::Reasons;
pub use remedy::{Plan, Remedy, Start, remedies};
pub use reordering::Reordering;
pub use replay::Replay;
pub use report::{Change, Forecast, Prospect};
pub use roll::{Caller, Roll, Who};
pub use series::{Bucket, Series};
pub use sources::{IdentityMapping, MetadataValue, Place, Source, put_member};
pub use strays::Strays;
pub use tally::Tally;
pub use template::Template;
pub use wish::{Wish, with_wishes};
