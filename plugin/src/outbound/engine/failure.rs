//! Failures: how the engine can fail, told apart for operators.

/// Why a call to the engine failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It cannot be reached: the proxy does not take the call, or answers 503 itself.
    #[error("it cannot be reached ({0})")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("it does not answer in time")]
    TimedOut,
    /// It is a replica, which does not write.
    #[error("it is read-only: {0}")]
    ReadOnly(String),
    /// It does not let the filter in, or not do what it has to.
    #[error("it refuses the filter: {0}")]
    Denied(String),
    /// It is a node of a cluster that has these keys elsewhere, which the RESP transport does not follow.
    #[error("the keys are on another node of a cluster: {0}")]
    Moved(String),
    /// It is reading its data.
    #[error("it is loading its data: {0}")]
    Loading(String),
    /// It has lost everything, and waits until every proxy has said what it holds.
    #[error("it has lost its data, and grants nothing until every proxy has said what it holds")]
    Recovering,
    /// It says something else is wrong.
    #[error("it reports an error: {0}")]
    Reported(String),
    /// Its answer breaks off.
    #[error("its answer breaks off: {0}")]
    BrokenOff(String),
    /// Its answer is none.
    #[error("its answer makes no sense: {0}")]
    Garbage(String),
}

/// The kinds of failures, each counted by a metric of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are those of `Failure`")]
pub enum FailureKind {
    Unreachable,
    TimedOut,
    ReadOnly,
    Denied,
    Moved,
    Loading,
    Recovering,
    Reported,
    BrokenOff,
    Garbage,
}

impl FailureKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Unreachable,
        Self::TimedOut,
        Self::ReadOnly,
        Self::Denied,
        Self::Moved,
        Self::Loading,
        Self::Recovering,
        Self::Reported,
        Self::BrokenOff,
        Self::Garbage,
    ];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::ReadOnly => "read_only",
            Self::Denied => "denied",
            Self::Moved => "moved",
            Self::Loading => "loading",
            Self::Recovering => "recovering",
            Self::Reported => "reported",
            Self::BrokenOff => "broken_off",
            Self::Garbage => "garbage",
        }
    }
}

impl Failure {
    /// How an error begins that denies a command within the script. Its first word is `ERR`, whatever the script was denied
    /// (`scriptVerifyACL` in `src/script.c`: Valkey and Redis since 7.2, and Redis 6 to 7.0, which may begin with where the error is).
    const DENIED_IN_SCRIPT: [&str; 2] = [
        "ACL failure in script: ",
        "The user executing the script can't ",
    ];

    /// The failure that an error of Redis or Valkey means, by its first word (Valkey, `src/server.c`, `createSharedObjects`).
    #[must_use]
    pub fn of_error(text: &str) -> Self {
        let text: String = text.chars().take(200).collect();
        match text.split(' ').next().unwrap_or_default() {
            "ERR"
                if Self::DENIED_IN_SCRIPT
                    .iter()
                    .any(|denied| text.contains(denied)) =>
            {
                Self::Denied(text)
            }
            "READONLY" => Self::ReadOnly(text),
            "NOAUTH" | "WRONGPASS" | "NOPERM" => Self::Denied(text),
            "MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT" | "TRYAGAIN" => Self::Moved(text),
            "LOADING" | "MASTERDOWN" | "BUSY" => Self::Loading(text),
            _ => Self::Reported(text),
        }
    }

    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        match self {
            Self::Unreachable(_) => FailureKind::Unreachable,
            Self::TimedOut => FailureKind::TimedOut,
            Self::ReadOnly(_) => FailureKind::ReadOnly,
            Self::Denied(_) => FailureKind::Denied,
            Self::Moved(_) => FailureKind::Moved,
            Self::Loading(_) => FailureKind::Loading,
            Self::Recovering => FailureKind::Recovering,
            Self::Reported(_) => FailureKind::Reported,
            Self::BrokenOff(_) => FailureKind::BrokenOff,
            Self::Garbage(_) => FailureKind::Garbage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn errors_are_told_apart_by_their_first_word() {
        let kind = |text| Failure::of_error(text).kind();
        for (text, expected) in [
            (
                "READONLY You can't write against a read only replica.",
                FailureKind::ReadOnly,
            ),
            ("NOAUTH Authentication required.", FailureKind::Denied),
            (
                "WRONGPASS invalid username-password pair",
                FailureKind::Denied,
            ),
            ("NOPERM No permissions to run 'eval'", FailureKind::Denied),
            (
                "ERR ACL failure in script: User api_credits has no permissions to run the 'time' command script: on @user_script:4.",
                FailureKind::Denied,
            ),
            (
                "ERR The user executing the script can't run this command or subcommand script: e6e1ad1, on @user_script:4.",
                FailureKind::Denied,
            ),
            (
                "ERR Error running script (call to f_e6e1ad1): @user_script:4: @user_script: 4: \
                 The user executing the script can't run this command or subcommand",
                FailureKind::Denied,
            ),
            ("ERR unknown command 'EVAL'", FailureKind::Reported),
            ("MOVED 3999 127.0.0.1:6381", FailureKind::Moved),
            (
                "LOADING Redis is loading the dataset in memory",
                FailureKind::Loading,
            ),
            ("OOM command not allowed", FailureKind::Reported),
            ("", FailureKind::Reported),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
        for (number, kind) in FailureKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
    }
}
