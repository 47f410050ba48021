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
                if json.entry(line, &mut Vec::new()).is_ok() {
                    return Some(Self::Json);
                }
                if envoy.entry(line, &mut Vec::new()).is_ok() {
                    return Some(Self::EnvoyText);
                }
                ncsa.entry(line, &mut Vec::new())
                    .is_ok()
                    .then_some(Self::Combined)
            })
            // Objects with names of somebody's own.
            .or_else(|| {
                let begins = |line: &[u8]| line.starts_with(b"{");
                let objects = lines().next().is_some() && lines().all(begins);
                objects.then_some(Self::Json)
            })
    }
}

impl Format {
    /// The names that the values of a log of this format have, by its beginning.
    #[must_use]
    pub fn names(self, beginning: &[u8]) -> Vec<String> {
        let none = Fields::new(&[] as &[&str]);
        let mut lines = beginning.split(|byte| *byte == b'\n');
        let owned = str::to_owned;
        match self {
            Self::Json => {
                let mut names = Names::new(&none);
                for line in lines.take(LOOKED_AT) {
                    // Only the names matter.
                    let _ = names.entry(line, &mut Vec::new());
                }
                names.known().map(owned).collect()
            }
            Self::EnvoyText => Layout::envoy(&none).names().map(owned).collect(),
            Self::Combined => Layout::ncsa(&none).names().map(owned).collect(),
            Self::Separated(delimiter) => {
                let heading = String::from_utf8_lossy(lines.next().unwrap_or_default());
                names_in(&heading, delimiter).map(owned).collect()
            }
        }
    }
}

/// The names in a heading without what may stand around them.
fn names_in(line: &str, delimiter: u8) -> impl Iterator<Item = &str> {
    let names = line.split(char::from(delimiter));
    names.map(|name| name.trim_matches(['\u{feff}', '"', ' ', '\r']))
}

/// The delimiter of a line with names of columns.
fn heading(line: &[u8], fields: &Fields) -> Option<u8> {
    let line = std::str::from_utf8(line).ok()?;
    [b',', b';', b'\t'].into_iter().find(|delimiter| {
        let names = names_in(line, *delimiter);
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
