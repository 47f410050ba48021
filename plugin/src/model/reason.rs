//! The reasons for which calls are refused.

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The rest of the day's credits cannot pay for it.
    DailyCredits,
    /// Not even a whole day's credits could pay for it.
    ExceedsAllotment,
    /// Too many calls of the organization are in progress.
    TooManyRequests,
    /// The organization is not configured.
    UnknownOrganization,
    /// The call states no organization.
    NoOrganization,
    /// The call states something that cannot name one organization, such as two of them.
    InvalidOrganization,
    /// What is stated about the organization makes no subscription.
    InvalidSubscription,
    /// The body whose records are priced is larger than the filter reads.
    BodyTooLarge,
    /// The body whose records are priced cannot be read as JSON with those records.
    BodyUnreadable,
    /// Other workers changed the account each time that a charge was tried.
    Contended,
    /// The account cannot be read or changed.
    AccountUnavailable,
    /// The directory that knows the organization does not answer.
    DirectoryUnavailable,
    /// The engine that counts for several proxies does not answer.
    EngineUnavailable,
    /// The body whose records are priced has not been complete in time.
    BodyTimeout,
    /// The rest of what the client may use of the day's credits cannot pay for it.
    ClientCredits,
    /// Not even all that the client may use in a day could pay for it.
    ExceedsClientCredits,
    /// Too many calls of the client are in progress.
    ClientTooManyRequests,
    /// What is left in a period, such as a month or any minute, cannot pay for it.
    PeriodLimit,
    /// Not even all that may be used in a period could pay for it.
    ExceedsPeriodLimit,
}

impl Reason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 19] = [
        Self::DailyCredits,
        Self::ExceedsAllotment,
        Self::TooManyRequests,
        Self::UnknownOrganization,
        Self::NoOrganization,
        Self::InvalidOrganization,
        Self::InvalidSubscription,
        Self::BodyTooLarge,
        Self::BodyUnreadable,
        Self::Contended,
        Self::AccountUnavailable,
        Self::DirectoryUnavailable,
        Self::EngineUnavailable,
        Self::BodyTimeout,
        Self::ClientCredits,
        Self::ExceedsClientCredits,
        Self::ClientTooManyRequests,
        Self::PeriodLimit,
        Self::ExceedsPeriodLimit,
    ];

    /// The reason's name in metrics and access logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DailyCredits => "daily_credits",
            Self::ExceedsAllotment => "exceeds_allotment",
            Self::TooManyRequests => "too_many_requests",
            Self::UnknownOrganization => "unknown_organization",
            Self::NoOrganization => "no_organization",
            Self::InvalidOrganization => "invalid_organization",
            Self::InvalidSubscription => "invalid_subscription",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyUnreadable => "body_unreadable",
            Self::Contended => "contended",
            Self::AccountUnavailable => "account_unavailable",
            Self::DirectoryUnavailable => "directory_unavailable",
            Self::EngineUnavailable => "engine_unavailable",
            Self::BodyTimeout => "body_timeout",
            Self::ClientCredits => "client_credits",
            Self::ExceedsClientCredits => "exceeds_client_credits",
            Self::ClientTooManyRequests => "client_too_many_requests",
            Self::PeriodLimit => "period_limit",
            Self::ExceedsPeriodLimit => "exceeds_period_limit",
        }
    }
}
