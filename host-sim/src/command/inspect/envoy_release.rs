//! What the releases of Envoy differ in, as far as a module's imports and exports go.
//!
//! The lists are what the programs of these releases offer modules, read out of the programs themselves: 1.36.2 and 1.38.3 have the
//! first list, 1.39.3 and 1.40.0 both. The functions of `env` are the same in all of them.

use std::fmt;
use std::str::FromStr;

/// A release of Envoy that is known well enough to judge modules by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EnvoyRelease(u32);

const OLDEST: u32 = 36;
const NEWEST: u32 = 40;

/// The first release with [`WASI_LATER`].
const WITH_ALL_OF_WASI: u32 = 39;

impl EnvoyRelease {
    /// The newest one, which host-sim follows.
    pub(crate) const NEWEST: Self = Self(NEWEST);

    /// Whether it offers this import of WASI.
    pub(crate) fn has_wasi(self, name: &str) -> bool {
        WASI_EARLY.contains(&name) || self.0 >= WITH_ALL_OF_WASI && WASI_LATER.contains(&name)
    }

    /// The releases that offer this import of WASI, in words; `None` when there are none.
    pub(crate) fn with_wasi(name: &str) -> Option<String> {
        if WASI_EARLY.contains(&name) {
            Some(format!("1.{OLDEST} to 1.{NEWEST}"))
        } else if WASI_LATER.contains(&name) {
            Some(format!("1.{WITH_ALL_OF_WASI} to 1.{NEWEST}"))
        } else {
            None
        }
    }
}

impl fmt::Display for EnvoyRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

impl FromStr for EnvoyRelease {
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
                format!("host-sim knows what Envoy 1.{OLDEST} to 1.{NEWEST} offer modules")
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
    fn releases_are_named_as_envoy_names_them() {
        let unknown = || Err("host-sim knows what Envoy 1.36 to 1.40 offer modules".to_owned());
        for (text, expected) in [
            ("1.40", Ok(EnvoyRelease(40))),
            ("v1.36.2", Ok(EnvoyRelease(36))),
            ("1.35", unknown()),
            ("2.40", unknown()),
            ("latest", unknown()),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
    }

    #[test]
    fn later_functions_are_later() {
        let of = |text: &str| text.parse::<EnvoyRelease>().unwrap();
        assert!(of("1.38").has_wasi("fd_write"));
        assert!(!of("1.38").has_wasi("fd_pread"));
        assert!(of("1.39").has_wasi("fd_pread"));
        assert!(!of("1.40").has_wasi("fd_fly"));
        assert_eq!(
            ["fd_write", "fd_pread", "fd_fly"].map(EnvoyRelease::with_wasi),
            [
                Some("1.36 to 1.40".to_owned()),
                Some("1.39 to 1.40".to_owned()),
                None
            ]
        );
    }
}
