//! Facts of a configuration that contradict each other, said at their place.

use crate::{
    accounts::subscription::SubscriptionError,
    document::config_error::ConfigError,
    model::{
        allotment::AllotmentError,
        credits::Credits,
        day::{Calendar, CalendarError},
        organization::Organization,
    },
};

/// The calendar that the object at `path` describes.
pub(super) fn calendar(
    path: &str,
    time_zone: &str,
    starts_at: &str,
) -> Result<Calendar, ConfigError> {
    Calendar::new(time_zone, starts_at).map_err(|error| match error {
        CalendarError::UnknownTimeZone { zone } => ConfigError::invalid(
            format!("{path}.time_zone"),
            format!("{zone:?}"),
            "the IANA name of a time zone, such as \"America/Los_Angeles\"",
        ),
        CalendarError::NotATimeOfDay { starts_at } => ConfigError::invalid(
            format!("{path}.starts_at"),
            format!("{starts_at:?}"),
            "a time of day from \"00:00\" to \"23:59:59\"",
        ),
    })
}

/// What is wrong with the organization at `path`.
pub(super) fn contradiction(
    path: &str,
    organization: &Organization,
    error: &SubscriptionError,
) -> ConfigError {
    let member = match error {
        SubscriptionError::UnknownEdition { .. } => ".edition",
        SubscriptionError::UnknownDataCenter { .. } => ".data_center",
        SubscriptionError::Clients(_) => ".clients",
        SubscriptionError::UnknownPeriod { .. } => ".period_limits",
        SubscriptionError::Purchases(_) | SubscriptionError::SharedPurchases => ".purchases",
        SubscriptionError::Allotment(AllotmentError::AdditionalAboveMaximum { .. }) => {
            ".additional"
        }
        SubscriptionError::Allotment(AllotmentError::TooLarge) => {
            let (agents, additional) = (organization.agents, organization.additional);
            let value = format!("{agents} agents and {additional} additional credits");
            return ConfigError::new(path, format!("{value}: {}", expected(error)));
        }
    };
    ConfigError::new(format!("{path}{member}"), expected(error))
}

/// What was given, and what would have been right.
pub(super) fn expected(error: &SubscriptionError) -> String {
    match error {
        SubscriptionError::UnknownEdition { .. }
        | SubscriptionError::UnknownDataCenter { .. }
        | SubscriptionError::UnknownPeriod { .. }
        | SubscriptionError::Purchases(_)
        | SubscriptionError::SharedPurchases
        | SubscriptionError::Clients(_) => error.to_string(),
        SubscriptionError::Allotment(AllotmentError::AdditionalAboveMaximum {
            additional,
            max,
        }) => format!("{additional}: expected at most {max}, the edition's `additional_max`"),
        SubscriptionError::Allotment(AllotmentError::TooLarge) => {
            format!(
                "expected an allotment of at most {} credits a day",
                Credits::MAX
            )
        }
    }
}
