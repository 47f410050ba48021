//! What goes wrong.

use std::fmt;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A VM died: it trapped, broke the ABI, or did what crashes Envoy.
    Died(String),
    /// A callback did not return.
    Endless(String),
    /// A call is held by the plugin, and nothing is left that could resume it.
    Forgotten(String),
    /// The same scenario over and over takes more memory each time, or more keys of shared data.
    Leak(String),
    /// An invariant does not hold.
    Broken {
        /// Which, as in `invariant[0].status`.
        what: String,
        /// What it says.
        expected: String,
        /// What was seen.
        observed: String,
    },
}

impl Fault {
    /// Whether it is the same, whatever the values are.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Died(own), Self::Died(other)) | (Self::Endless(own), Self::Endless(other)) => {
                own == other
            }
            (Self::Forgotten(_), Self::Forgotten(_)) | (Self::Leak(_), Self::Leak(_)) => true,
            (Self::Broken { what: own, .. }, Self::Broken { what: other, .. }) => own == other,
            _ => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Died(how) | Self::Endless(how) | Self::Forgotten(how) | Self::Leak(how) => {
                f.write_str(how)
            }
            Self::Broken {
                what,
                expected,
                observed,
            } => {
                write!(f, "{what}: expected {expected}, observed {observed}")
            }
        }
    }
}
