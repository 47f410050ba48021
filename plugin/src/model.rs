//! The words of the domain: values without behaviour beyond their own rules.

pub mod agents;
pub mod allotment;
pub mod balance;
pub mod calendar_date;
pub mod client;
pub mod client_limits;
pub mod credits;
pub mod data_center;
pub mod day;
pub mod decimal;
pub mod edition;
pub mod enforcement;
pub mod header_map;
pub mod header_name;
pub mod instant;
pub mod legacy_limit;
pub mod namespace;
pub mod organization;
pub mod plan;
pub mod property_path;
pub mod reason;
pub mod refunds;
pub mod sorted;
pub mod spread;
pub mod terms;
pub mod zone;
