//! Which format a log is in.

use std::fmt;

use super::fields::Fields;
use super::json::Names;
use super::text::Layout;

/// A format of access logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// Envoy's default: `[time] "GET /path HTTP/1.1" 200 - 0 5 8 7 "-" "agent" "id" "authority" "host"`, and whatever stands behind that.
    EnvoyText,
    /// NCSA common or combined: `address ident user [time] "GET /path HTTP/1.1" 200 5 "referrer" "agent"`, and whatever stands behind
    /// that.
    Combined,
    /// Values under named columns, separated by this character.
    Separated(u8),
}

/// How many lines are looked at to tell a format.
const LOOKED_AT: usize = 20;

impl Format {
    /// Tells the format by the beginning of a log; `None` when no line of it is of any. A heading is known by customary names, and those
    /// that are mapped.
    #[must_use]
    pub fn detect(beginning: &[u8], fields: &Fields) -> Option<Self> {
        let lines = || {
            beginning
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.trim_ascii().is_empty())
                .take(LOOKED_AT)
        };
        if let Some(delimiter) = lines().next().and_then(|line| heading(line, fields)) {
            return Some(Self::Separated(delimiter));
        }
        let (mut json, envoy, ncsa) = (
            Names::new(fields),
            Layout::envoy(fields),
            Layout::ncsa(fields),
        );
        lines()
            .find_map(|line| {
                if json.entry(line).is_ok() {
                    return Some(Self::Json);
                }
                if envoy.entry(line).is_ok() {
                    return Some(Self::EnvoyText);
                }
                ncsa.entry(line).is_ok().then_some(Self::Combined)
            })
            // Objects with names of somebody's own.
            .or_else(|| {
                let begins = |line: &[u8]| line.starts_with(b"{");
                let objects = lines().next().is_some() && lines().all(begins);
                objects.then_some(Self::Json)
            })
    }
}

/// The delimiter of a line with names of columns.
fn heading(line: &[u8], fields: &Fields) -> Option<u8> {
    let line = std::str::from_utf8(line).ok()?;
    [b',', b';', b'\t'].into_iter().find(|delimiter| {
        let names = line.split(char::from(*delimiter));
        let names = names.map(|name| name.trim_matches(['\u{feff}', '"', ' ', '\r']));
        let known = |name: &&str| Fields::is_customary(name) || !fields.slots(name).is_empty();
        names.filter(known).count() >= 2
    })
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON",
            Self::EnvoyText => "Envoy's default text",
            Self::Combined => "NCSA combined",
            Self::Separated(b'\t') => "tab-separated values",
            Self::Separated(b';') => "semicolon-separated values",
            Self::Separated(_) => "comma-separated values",
        })
    }
}
