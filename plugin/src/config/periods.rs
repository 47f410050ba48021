//! The periods of a configuration, each by itself and with what else it says.

use std::{collections::BTreeMap, rc::Rc};

use super::contradiction::calendar;
use crate::{
    document::{
        config_error::{ConfigError, ConfigErrors},
        json::member,
    },
    model::{
        day::CalendarError,
        period::{InvalidPeriod, Period, PeriodConfig, Shape},
        policy_name::PolicyName,
    },
    show::response_headers::CLIENT_POLICY,
};

/// The most periods.
const MOST: usize = 8;

/// The periods, of an engine's proxies if they are `shared`, beside the day, which is called `day`.
///
/// # Errors
/// When one cannot be, or not beside the others.
pub(super) fn periods(
    configured: BTreeMap<PolicyName, PeriodConfig>,
    day: &PolicyName,
    shared: bool,
) -> Result<Vec<Rc<Period>>, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    if configured.len() > MOST {
        let expected = format!("at most {MOST} periods");
        let periods = configured.len().to_string();
        errors.add(ConfigError::invalid("periods", periods, expected));
    }
    let taken = [
        day.as_str(),
        CLIENT_POLICY,
        "concurrency",
        "client-concurrency",
    ];
    let mut periods = Vec::new();
    for (name, config) in configured {
        let path = member("periods", name.as_str());
        if taken.contains(&name.as_str()) {
            let expected = "a name that is no other policy's";
            errors.add(ConfigError::invalid(
                &path,
                format!("{:?}", name.as_str()),
                expected,
            ));
        }
        let period = config.into_period(name).map_err(|invalid| match invalid {
            InvalidPeriod::TimeZone(CalendarError::UnknownTimeZone { zone }) => {
                let error = calendar(&path, &zone, "00:00").err();
                error.unwrap_or_else(|| ConfigError::new(&path, zone))
            }
            _ => {
                let key = invalid.key().map(|key| format!(".{key}"));
                ConfigError::new(path.clone() + &key.unwrap_or_default(), invalid.to_string())
            }
        });
        let Some(period) = errors.take(period) else {
            continue;
        };
        if shared && !matches!(period.shape, Shape::Rolling(_)) {
            errors.add(ConfigError::new(
                &path,
                "what is used in a week or month is counted by each Envoy for itself, expected none where `engine` is set",
            ));
        }
        periods.push(Rc::new(period));
    }
    errors.into_result()?;
    Ok(periods)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::decide::policy::Policy;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// What is wrong with a configuration that has this.
    fn errors(patch: serde_json::Value) -> String {
        let mut config = json!({
            "identity": {"header": "orgId"},
            "periods": {"monthly": {"month_from": 1}},
            "editions": {"Free": {"base": 5000}},
            "organizations": {"7": {"edition": "Free"}},
            "costs": {"default": 1},
        });
        for (key, value) in patch.as_object().unwrap() {
            config[key] = value.clone();
        }
        let error = Policy::from_json(config.to_string().as_bytes()).unwrap_err();
        let text = error.to_string();
        let text = text.strip_prefix("invalid configuration at ").unwrap();
        let (path, rest) = text.split_once(" (line ").unwrap();
        format!("{path}{}", rest.split_once(')').unwrap().1)
    }

    #[test]
    fn a_period_that_cannot_be_is_told_at_its_place() {
        for (patch, expected) in [
            (
                json!({"periods": {"m": {"month_from": 0}}}),
                "`periods.m.month_from`: invalid value 0, expected a day of the month from 1 to 31",
            ),
            (
                json!({"periods": {"w": {"week_from": "monday", "time_zone": "Mars/Base"}}}),
                "`periods.w.time_zone`: \"Mars/Base\": expected the IANA name of a time zone, such as \"America/Los_Angeles\"",
            ),
            (
                json!({"periods": {"r": {"seconds": 2_678_401}}}),
                "`periods.r.seconds`: invalid value 2678401, expected from 1 to 2678400 seconds",
            ),
            (
                json!({"periods": {"daily": {"month_from": 1}}}),
                "`periods.daily`: \"daily\": expected a name that is no other policy's",
            ),
            (
                json!({"editions": {"Free": {"base": 1, "period_limits": {"montly": 5}}}}),
                "`editions.Free.period_limits`: \"montly\": did you mean \"monthly\"? expected one of the `periods`: \"monthly\"",
            ),
            (
                json!({"organizations": {"7": {"edition": "Free", "period_limits": {"weekly": 5}}}}),
                "`organizations.7.period_limits`: \"weekly\": expected one of the `periods`: \"monthly\"",
            ),
            (
                json!({"organizations": {"7": {"edition": "Free", "purchases": {"a": {"credits": 1, "from": "2026-11-02", "until": "2026-11-01"}}}}}),
                "`organizations.7.purchases`: \"a\" is until 2026-11-01, expected a day that is not before its first one, 2026-11-02",
            ),
        ] {
            assert_eq!(errors(patch), expected);
        }
    }

    #[test]
    fn what_several_proxies_would_have_to_count_together_is_refused() {
        let engine = json!({"transport": {"resp": {"cluster": "e"}}, "envoys": 2});
        assert_eq!(
            errors(json!({"engine": engine})),
            "`periods.monthly`: what is used in a week or month is counted by each Envoy for itself, expected none where `engine` is set"
        );
        let bought = json!({"a": {"credits": 1, "from": "2026-11-01", "until": "2026-11-01"}});
        let organizations = json!({"7": {"edition": "Free", "purchases": bought}});
        assert_eq!(
            errors(json!({"engine": engine, "periods": {}, "organizations": organizations})),
            "`organizations.7.purchases`: what is used of a purchase is counted by each Envoy for itself, expected none where `engine` is set"
        );
    }
}
