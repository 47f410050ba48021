//! How a proxy logs a call.

use std::io::{self, Write};

use jiff::fmt::strtime;
use serde_json::json;

use super::Call;
use super::organization::Organization;

/// A format of access logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, as Envoy's `json_format` writes with the operators that are customary.
    EnvoyJson,
    /// Envoy's default format, with the organization behind the rest, as `"%REQ(ORGID)%"` adds it.
    EnvoyText,
    /// NCSA combined, with the organization as the user.
    Combined,
    /// Comma-separated values under named columns.
    Csv,
}

impl Format {
    /// What stands before the first call.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn begin(self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Csv => writeln!(
                out,
                "time,organization,method,path,status,duration_ms,request_bytes,response_bytes"
            ),
            Self::EnvoyJson | Self::EnvoyText | Self::Combined => Ok(()),
        }
    }

    /// One call.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn put(
        self,
        out: &mut impl Write,
        call: &Call,
        organizations: &[Organization],
    ) -> io::Result<()> {
        let organization = organizations.get(call.organization);
        let organization = organization.map_or("-", |organization| organization.id.as_str());
        let Call {
            at,
            operation,
            status,
            response_bytes,
            ..
        } = call;
        let (method, path) = (operation.method, operation.path.as_str());
        let (request_bytes, duration) = (operation.request_bytes, call.duration.as_millis());
        match self {
            Self::EnvoyJson => {
                let line = json!({
                    "start_time": format!("{at:.3}"),
                    "method": method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "response_code": status,
                    "bytes_received": request_bytes,
                    "bytes_sent": response_bytes,
                    "duration": duration,
                    "organization": organization,
                });
                writeln!(out, "{line}")
            }
            Self::EnvoyText => writeln!(
                out,
                "[{at:.3}] \"{method} {path} HTTP/1.1\" {status} - {request_bytes} {response_bytes} {duration} {duration} \"-\" \
                 \"helpdesk-sdk/2.4\" \"-\" \"api.example\" \"10.0.0.7:8080\" \"{organization}\""
            ),
            Self::Combined => {
                let time = strtime::format(
                    "%d/%b/%Y:%H:%M:%S %z",
                    &at.to_zoned(jiff::tz::TimeZone::UTC),
                );
                let time = time.map_err(io::Error::other)?;
                writeln!(
                    out,
                    "203.0.113.9 - {organization} [{time}] \"{method} {path} HTTP/1.1\" {status} {response_bytes} \"-\" \"helpdesk-sdk/2.4\""
                )
            }
            Self::Csv => writeln!(
                out,
                "{at:.3},{organization},{method},{path},{status},{duration},{request_bytes},{response_bytes}"
            ),
        }
    }
}
