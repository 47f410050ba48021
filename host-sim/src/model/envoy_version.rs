//! The versions of Envoy that host-sim follows, and what they differ in.
//!
//! All rules of host-sim are those of 1.40; here are the exceptions of older versions. They were found by running every scenario of the project
//! on 1.36.4, 1.37.0 and 1.39.3 (`make test-envoys`). No program of 1.38 that runs modules is published: it is taken to be as 1.37. The imports are
//! what the programs of these versions offer modules, read out of the programs themselves; of 1.38 as well. The functions of `env` are the same
//! in all of them.

use std::fmt;
use std::str::FromStr;

/// A version of Envoy.
///
/// ```
/// use host_sim::EnvoyVersion;
///
/// let version: EnvoyVersion = "1.37.0".parse()?;
/// assert_eq!(version.to_string(), "1.37");
/// assert!(version < EnvoyVersion::NEWEST);
/// assert!("1.20".parse::<EnvoyVersion>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnvoyVersion(u32);

const OLDEST: u32 = 36;
const NEWEST: u32 = 40;

/// The first version with [`WASI_LATER`].
const WITH_ALL_OF_WASI: u32 = 39;

impl Default for EnvoyVersion {
    fn default() -> Self {
        Self::NEWEST
    }
}

impl EnvoyVersion {
    /// The newest one, which is followed unless another is named.
    pub const NEWEST: Self = Self(NEWEST);

    /// Whether it offers this import of WASI.
    #[must_use]
    pub fn has_wasi(self, name: &str) -> bool {
        WASI_EARLY.contains(&name) || self.0 >= WITH_ALL_OF_WASI && WASI_LATER.contains(&name)
    }

    /// The versions that offer this import of WASI, in words; `None` when there are none.
    #[must_use]
    pub fn with_wasi(name: &str) -> Option<String> {
        if WASI_EARLY.contains(&name) {
            Some(format!("1.{OLDEST} to 1.{NEWEST}"))
        } else if WASI_LATER.contains(&name) {
            Some(format!("1.{WITH_ALL_OF_WASI} to 1.{NEWEST}"))
        } else {
            None
        }
    }

    /// What the body of a 503 says behind `remote connection failure` when a connection was refused.
    pub(crate) fn why_refused(self) -> &'static str {
        match self.0 {
            ..39 => ", transport failure reason: delayed connect error: Connection refused",
            _ => "",
        }
    }

    /// Whether an upstream that resets a stream of HTTP/2 with `PROTOCOL_ERROR` counts as one that breaks the protocol (502), and not as any
    /// that resets (503).
    pub(crate) fn tells_protocol_errors_apart(self) -> bool {
        self.0 >= 37
    }

    /// Whether streams of HTTP/2 that Envoy resets are told the client as failed (`INTERNAL_ERROR`), and not by `NO_ERROR`, which most clients take
    /// for the end of the answer.
    #[must_use]
    pub fn resets_with_errors(self) -> bool {
        self.0 >= 37
    }

    /// Whether a client that overflows a window of HTTP/2 counts as one that breaks the protocol, and not as one that resets.
    pub(crate) fn tells_overflows_apart(self) -> bool {
        self.0 >= 37
    }

    /// Whether a client that resets with `NO_ERROR` behind its request counts as one that has just left, without flag and details.
    pub(crate) fn tells_no_error_apart(self) -> bool {
        self.0 >= 39
    }

    /// Whether `keep-alive` ends with the upstream's connection. Otherwise filters see it, and it is taken out behind them, theirs as well.
    pub(crate) fn ends_keep_alive_early(self) -> bool {
        self.0 >= 39
    }

    /// Whether dots before a parameter, as in `..;a`, are resolved in a path that is made canonical.
    pub(crate) fn resolves_dots_with_parameters(self) -> bool {
        self.0 >= 39
    }

    /// Whether plugins with other environments live in other VMs.
    pub(crate) fn tells_environments_apart(self) -> bool {
        self.0 >= 39
    }

    /// Whether plugins of one VM that differ in nothing but their failure policy have a context each.
    pub(crate) fn tells_policies_apart(self) -> bool {
        self.0 >= 40
    }

    /// Whether `QUERY` is a method.
    pub(crate) fn knows_query(self) -> bool {
        self.0 >= 40
    }
}

impl fmt::Display for EnvoyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

impl FromStr for EnvoyVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.trim_start_matches('v').split('.');
        let minor = match (parts.next(), parts.next()) {
            (Some("1"), Some(minor)) => minor.parse().ok(),
            _ => None,
        };
        minor
            .filter(|minor| (OLDEST..=NEWEST).contains(minor))
            .map(Self)
            .ok_or_else(|| {
                format!(
                    "`{text}` is no version that host-sim knows, expected 1.{OLDEST} to 1.{NEWEST}"
                )
            })
    }
}

/// The functions of WASI that all known releases have.
const WASI_EARLY: &[&str] = &[
    "args_get",
    "args_sizes_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_close",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_read",
    "fd_seek",
    "fd_write",
    "path_open",
    "poll_oneoff",
    "proc_exit",
    "random_get",
    "sched_yield",
];

/// The functions of WASI that came with 1.39. Most of them do nothing but say so.
const WASI_LATER: &[&str] = &[
    "clock_res_get",
    "fd_advise",
    "fd_allocate",
    "fd_datasync",
    "fd_fdstat_set_rights",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_pwrite",
    "fd_readdir",
    "fd_renumber",
    "fd_sync",
    "fd_tell",
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_link",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_named_as_envoy_names_them() {
        let unknown = |text: &str| {
            Err(format!(
                "`{text}` is no version that host-sim knows, expected 1.36 to 1.40"
            ))
        };
        for (text, expected) in [
            ("1.40", Ok(EnvoyVersion(40))),
            ("v1.36.2", Ok(EnvoyVersion(36))),
            ("1.35", unknown("1.35")),
            ("2.40", unknown("2.40")),
            ("latest", unknown("latest")),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
    }

    #[test]
    fn later_functions_are_later() {
        let of = |text: &str| text.parse::<EnvoyVersion>().unwrap();
        assert!(of("1.38").has_wasi("fd_write"));
        assert!(!of("1.38").has_wasi("fd_pread"));
        assert!(of("1.39").has_wasi("fd_pread"));
        assert!(!of("1.40").has_wasi("fd_fly"));
        assert_eq!(
            ["fd_write", "fd_pread", "fd_fly"].map(EnvoyVersion::with_wasi),
            [
                Some("1.36 to 1.40".to_owned()),
                Some("1.39 to 1.40".to_owned()),
                None
            ]
        );
    }
}
