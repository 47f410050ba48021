//! Metrics: what operators graph and alert on.
//!
//! One list of counters, all defined when the plugin is configured and none per organization: metrics of a proxy never expire, so a
//! label that callers choose would be a memory leak that callers control. Envoy shows them as `wasmcustom.<name>`.

use crate::{
    model::{credits::Credits, reason::Reason},
    outbound::engine::FailureKind,
};

/// Makes the enum of all counters from the one table of those without a reason.
macro_rules! metrics {
    ($($(#[$doc:meta])* $metric:ident = $name:literal,)*) => {
        /// A counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric {
            $($(#[$doc])* $metric,)*
            /// Calls to the engine without a usable answer, by the kind of failure.
            EngineFailures(FailureKind),
            /// Calls refused, by reason.
            CallsRefused(Reason),
            /// Calls forwarded although the policy refuses them, because it is not enforced, by reason.
            CallsNotRefused(Reason),
        }

        /// The places of those without a reason.
        #[derive(Clone, Copy)]
        enum Place {
            $($metric,)*
        }

        impl Metric {
            /// The counters without a reason, each at its place, with their names.
            const PLAIN: &[(Self, &str)] = &[$((Self::$metric, $name),)*];

            /// Where the counter is in the list of all.
            #[must_use]
            pub fn index(self) -> usize {
                let reasons = Reason::ALL.len();
                let (after, place) = match self {
                    $(Self::$metric => return Place::$metric as usize,)*
                    Self::CallsRefused(reason) => (0, reason as usize),
                    Self::CallsNotRefused(reason) => (reasons, reason as usize),
                    Self::EngineFailures(kind) => (reasons.saturating_mul(2), kind as usize),
                };
                Self::PLAIN.len().saturating_add(after).saturating_add(place)
            }
        }
    };
}

metrics! {
    /// Credits charged.
    CreditsCharged = "credits.charged",
    /// Credits given back: of calls that the platform failed, and of those that did cost less than their estimate.
    CreditsRefunded = "credits.refunded",
    /// Credits that calls cost more in the end than was left.
    CreditsUncollected = "credits.uncollected",
    /// Credits charged beyond the day's, where that is allowed; what was given back of them is not taken off.
    CreditsOverage = "credits.overage",
    /// Costs that an upstream stated and that are no whole number, so that the estimate stayed.
    CostsUnreadable = "costs.unreadable",
    /// How often another worker was faster at changing an account, so that a step was tried again.
    CasRetries = "cas.retries",
    /// Calls forwarded to the upstream, free ones included.
    CallsAdmitted = "calls.admitted",
    /// Warnings of organizations that have reached a share of their day.
    Warnings = "warnings",
    /// Warnings that the webhook accepted.
    WebhookTold = "webhook.told",
    /// Warnings that the webhook did not accept.
    WebhookGivenUp = "webhook.given_up",
    /// Usage events that were accepted.
    UsageEventsAccepted = "usage_events.accepted",
    /// Batches of usage events that were not accepted, each to be sent again.
    UsageEventsFailures = "usage_events.failures",
    /// Usage events that are never sent again.
    UsageEventsLost = "usage_events.lost",
    /// Answers of the directory, that it does not know an organization among them.
    DirectoryAnswers = "directory.answers",
    /// Questions that the directory did not answer, or not so that it makes sense.
    DirectoryFailures = "directory.failures",
    /// Calls to the engine that it answered.
    EngineAnswers = "engine.answers",
    /// Calls of clients that waited for the engine.
    EngineWaits = "engine.waits",
}

impl Metric {
    /// How many counters there are.
    pub const COUNT: usize = Reason::ALL.len() * 2 + Self::PLAIN.len() + FailureKind::ALL.len();

    /// Every counter, each at its [`Metric::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        (Self::PLAIN.iter().map(|(metric, _)| *metric))
            .chain(Reason::ALL.into_iter().map(Self::CallsRefused))
            .chain(Reason::ALL.into_iter().map(Self::CallsNotRefused))
            .chain(FailureKind::ALL.into_iter().map(Self::EngineFailures))
    }

    /// The counter's name, as defined at the host.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::EngineFailures(kind) => format!("api_credits.engine.failures.{}", kind.name()),
            Self::CallsRefused(reason) => format!("api_credits.calls.refused.{}", reason.name()),
            Self::CallsNotRefused(reason) => {
                format!("api_credits.calls.not_refused.{}", reason.name())
            }
            plain => {
                let name = Self::PLAIN.get(plain.index()).map(|(_, name)| *name);
                ["api_credits.", name.unwrap_or_default()].concat()
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
    /// The credits of those charged that are beyond the day's.
    pub overage: Credits,
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
        add(Metric::CreditsOverage, self.overage.get());
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
