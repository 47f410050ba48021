//! A client that leaves, as scenarios write it: the name of the call alone, or a table that says how.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::expect::Expect;
use crate::model::{Departure, ErrorCode, HttpVersion};

/// A client leaves.
#[derive(Clone, Debug)]
pub struct Disconnect {
    /// Which calls are left.
    pub call: String,
    /// How.
    pub departure: Departure,
    /// What must be seen of each of them.
    pub expect: Box<Expect>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    call: String,
    by: Option<By>,
    reset: Option<Reset>,
    #[serde(default)]
    expect: Box<Expect>,
}

/// What the client does; see [`Departure::names`].
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct By(Departure);

impl TryFrom<String> for By {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Departure::named(&name).map(Self).ok_or_else(|| {
            let names: Vec<_> = Departure::names().collect();
            format!(
                "`{name}` is no way to leave, expected one of `{}`",
                names.join("`, `")
            )
        })
    }
}

/// The name of an error code of HTTP/2.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Reset(ErrorCode);

impl TryFrom<String> for Reset {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        ErrorCode::named(&name).map(Self).ok_or_else(|| {
            let names = ErrorCode::names().join("`, `");
            format!("`{name}` is no error code of HTTP/2, expected one of `{names}`")
        })
    }
}

impl TryFrom<Table> for Disconnect {
    type Error = &'static str;

    fn try_from(table: Table) -> Result<Self, Self::Error> {
        Ok(Self {
            call: table.call,
            departure: match (table.by, table.reset) {
                (None, None) => Departure::Usual,
                (Some(By(departure)), None) => departure,
                (None, Some(Reset(code))) => Departure::Reset(code),
                (Some(_), Some(_)) => return Err("expected at most one of `by` and `reset`"),
            },
            expect: table.expect,
        })
    }
}

impl<'de> Deserialize<'de> for Disconnect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DisconnectVisitor;

        impl<'de> Visitor<'de> for DisconnectVisitor {
            type Value = Disconnect;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an open call, or a table with `call`, `by` or `reset`, and `expect`")
            }

            fn visit_str<E: de::Error>(self, call: &str) -> Result<Disconnect, E> {
                Ok(Disconnect {
                    call: call.to_owned(),
                    departure: Departure::Usual,
                    expect: Box::default(),
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Disconnect, A::Error> {
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                Disconnect::try_from(table).map_err(de::Error::custom)
            }
        }

        deserializer.deserialize_any(DisconnectVisitor)
    }
}

impl Disconnect {
    /// Why a call over this version of HTTP cannot be left so in the step of this number.
    pub(super) fn check(&self, step: usize, http: HttpVersion) -> Result<(), String> {
        match self.departure.only_over() {
            Some(only) if only != http => {
                let version = |http| match http {
                    HttpVersion::One => 1,
                    HttpVersion::Two => 2,
                };
                Err(format!(
                    "the call `{}` in `step[{step}]` goes over HTTP/{}, and `{}` needs HTTP/{}",
                    self.call,
                    version(http),
                    self.departure,
                    version(only)
                ))
            }
            _ => Ok(()),
        }
    }
}
