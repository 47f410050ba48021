//! Metrics: what operators graph and alert on.
//!
//! One list of counters, all defined when the plugin is configured and none per organization: metrics of a proxy never expire, so a
//! label that callers choose would be a memory leak that callers control. Envoy shows them as `wasmcustom.<name>`.

use crate::{
    model::{credits::Credits, reason::Reason},
    outbound::engine::FailureKind,
};

/// A counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Credits charged.
    CreditsCharged,
    /// Credits given back: of calls that the platform failed, and of those that did cost less than their estimate.
    CreditsRefunded,
    /// Credits that calls cost more in the end than was left.
    CreditsUncollected,
    /// Costs that an upstream stated and that are no whole number, so that the estimate stayed.
    CostsUnreadable,
    /// How often another worker was faster at changing an account, so that a step was tried again.
    CasRetries,
    /// Calls forwarded to the upstream, free ones included.
    CallsAdmitted,
    /// Warnings of organizations that have reached a share of their day.
    Warnings,
    /// Warnings that the webhook was told.
    WebhookTold,
    /// Warnings that the webhook could not be told.
    WebhookGivenUp,
    /// Answers of the directory, that it does not know an organization among them.
    DirectoryAnswers,
    /// Questions that the directory did not answer, or not so that it makes sense.
    DirectoryFailures,
    /// Calls to the engine that it answered.
    EngineAnswers,
    /// Calls of clients that waited for the engine.
    EngineWaits,
    /// Calls to the engine that were of no use, by the kind of failure.
    EngineFailures(FailureKind),
    /// Calls refused, by reason.
    CallsRefused(Reason),
    /// Calls forwarded although the policy refuses them, because it is not enforced, by reason.
    CallsNotRefused(Reason),
}

impl Metric {
    /// The counters without a reason, in the order of their indices.
    const PLAIN: [Self; 13] = [
        Self::CreditsCharged,
        Self::CreditsRefunded,
        Self::CreditsUncollected,
        Self::CasRetries,
        Self::CallsAdmitted,
        Self::Warnings,
        Self::WebhookTold,
        Self::WebhookGivenUp,
        Self::DirectoryAnswers,
        Self::DirectoryFailures,
        Self::CostsUnreadable,
        Self::EngineAnswers,
        Self::EngineWaits,
    ];

    /// How many counters there are.
    pub const COUNT: usize = Reason::ALL.len() * 2 + Self::PLAIN.len() + FailureKind::ALL.len();

    /// Every counter, each at its [`Metric::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        Self::PLAIN
            .into_iter()
            .chain(Reason::ALL.into_iter().map(Self::CallsRefused))
            .chain(Reason::ALL.into_iter().map(Self::CallsNotRefused))
            .chain(FailureKind::ALL.into_iter().map(Self::EngineFailures))
    }

    /// Where the counter is in the list of all.
    #[must_use]
    pub fn index(self) -> usize {
        let plain = Self::PLAIN.len();
        match self {
            Self::CreditsCharged => 0,
            Self::CreditsRefunded => 1,
            Self::CreditsUncollected => 2,
            Self::CasRetries => 3,
            Self::CallsAdmitted => 4,
            Self::Warnings => 5,
            Self::WebhookTold => 6,
            Self::WebhookGivenUp => 7,
            Self::DirectoryAnswers => 8,
            Self::DirectoryFailures => 9,
            Self::CostsUnreadable => 10,
            Self::EngineAnswers => 11,
            Self::EngineWaits => 12,
            Self::EngineFailures(kind) => plain
                .saturating_add(Reason::ALL.len())
                .saturating_add(Reason::ALL.len())
                .saturating_add(kind as usize),
            Self::CallsRefused(reason) => plain.saturating_add(reason as usize),
            Self::CallsNotRefused(reason) => plain
                .saturating_add(Reason::ALL.len())
                .saturating_add(reason as usize),
        }
    }

    /// The counter's name, as defined at the host.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::CreditsCharged => "api_credits.credits.charged".to_owned(),
            Self::CreditsRefunded => "api_credits.credits.refunded".to_owned(),
            Self::CreditsUncollected => "api_credits.credits.uncollected".to_owned(),
            Self::CostsUnreadable => "api_credits.costs.unreadable".to_owned(),
            Self::CasRetries => "api_credits.cas.retries".to_owned(),
            Self::CallsAdmitted => "api_credits.calls.admitted".to_owned(),
            Self::Warnings => "api_credits.warnings".to_owned(),
            Self::WebhookTold => "api_credits.webhook.told".to_owned(),
            Self::WebhookGivenUp => "api_credits.webhook.given_up".to_owned(),
            Self::DirectoryAnswers => "api_credits.directory.answers".to_owned(),
            Self::DirectoryFailures => "api_credits.directory.failures".to_owned(),
            Self::EngineAnswers => "api_credits.engine.answers".to_owned(),
            Self::EngineWaits => "api_credits.engine.waits".to_owned(),
            Self::EngineFailures(kind) => format!("api_credits.engine.failures.{}", kind.name()),
            Self::CallsRefused(reason) => format!("api_credits.calls.refused.{}", reason.name()),
            Self::CallsNotRefused(reason) => {
                format!("api_credits.calls.not_refused.{}", reason.name())
            }
        }
    }
}

/// What one decision adds to the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The call, if it was decided.
    pub call: Option<Metric>,
    /// The credits charged for it.
    pub charged: Credits,
    /// The credits given back.
    pub refunded: Credits,
    /// The credits that it cost more than was left.
    pub uncollected: Credits,
    /// The warnings.
    pub warnings: u64,
    /// Whether the upstream stated a cost that is none.
    pub unreadable_cost: bool,
    /// The races lost on the way.
    pub cas_retries: u32,
}

impl Counts {
    /// Tells the counters that change, each with what to add; never 0, which hosts refuse.
    pub fn tell(self, mut tell: impl FnMut(Metric, u64)) {
        let mut add = |metric, count| {
            if count > 0 {
                tell(metric, count);
            }
        };
        if let Some(call) = self.call {
            add(call, 1);
        }
        add(Metric::CreditsCharged, self.charged.get());
        add(Metric::CreditsRefunded, self.refunded.get());
        add(Metric::CreditsUncollected, self.uncollected.get());
        add(Metric::Warnings, self.warnings);
        add(Metric::CostsUnreadable, u64::from(self.unreadable_cost));
        add(Metric::CasRetries, u64::from(self.cas_retries));
    }

    /// The counters that change, each with what to add.
    #[cfg(test)]
    pub(crate) fn additions(self) -> Vec<(Metric, u64)> {
        let mut additions = Vec::new();
        self.tell(|metric, count| additions.push((metric, count)));
        additions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_counter_has_its_place_and_a_name_of_its_own() {
        let all: Vec<_> = Metric::all().collect();
        assert_eq!(all.len(), Metric::COUNT);
        for (index, metric) in all.iter().enumerate() {
            assert_eq!(metric.index(), index, "{metric:?}");
        }
        let mut names: Vec<_> = all.iter().map(|metric| metric.name()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Metric::COUNT);
    }

    #[test]
    fn nothing_is_added_where_nothing_happened() {
        assert_eq!(Counts::default().additions(), []);
        let counts = Counts {
            call: Some(Metric::CallsAdmitted),
            ..Counts::default()
        };
        assert_eq!(counts.additions(), [(Metric::CallsAdmitted, 1)]);
    }
}
