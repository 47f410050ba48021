//! Facts of a configuration that contradict each other, said at their place.

use crate::{
    allotment::AllotmentError,
    config_error::ConfigError,
    credits::Credits,
    day::{Calendar, CalendarError},
    organization::Organization,
    subscription::SubscriptionError,
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
    error: SubscriptionError,
) -> ConfigError {
    let (member, value) = match &error {
        SubscriptionError::UnknownEdition { name, .. } => (".edition", format!("{name:?}")),
        SubscriptionError::UnknownDataCenter { name, .. } => (".data_center", format!("{name:?}")),
        SubscriptionError::Allotment(AllotmentError::AdditionalAboveMaximum {
            additional, ..
        }) => (".additional", additional.to_string()),
        SubscriptionError::Allotment(AllotmentError::TooLarge) => (
            "",
            format!(
                "{} agents and {} additional credits",
                organization.agents, organization.additional
            ),
        ),
    };
    ConfigError::invalid(format!("{path}{member}"), value, expected(&error))
}

/// What would have been right.
pub(super) fn expected(error: &SubscriptionError) -> String {
    match error {
        SubscriptionError::UnknownEdition { known, .. } => {
            format!("one of the `editions`: {known}")
        }
        SubscriptionError::UnknownDataCenter { known, .. } => {
            format!("one of the `data_centers`: {known}")
        }
        SubscriptionError::Allotment(AllotmentError::AdditionalAboveMaximum { max, .. }) => {
            format!("at most {max}, the edition's `additional_max`")
        }
        SubscriptionError::Allotment(AllotmentError::TooLarge) => {
            format!("an allotment of at most {} credits a day", Credits::MAX)
        }
    }
}
