//! Access logs: what proxies and web servers wrote down of calls, line by line.
//!
//! [`Format::detect`] tells by the beginning of a log which of the known formats it is in, and what has been wrapped around its lines;
//! each format is an entry of a table, with where its fields are published. [`Fields`] says which of its names stands for what, a
//! [`Survey`] what that comes to for a log, and a [`Reader`] gives one [`Entry`] after the other. What cannot be read is told as an
//! [`Unread`], never passed over.
//!
//! ```
//! use host_sim::access_log::{Fields, Format, Reader};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let log = br#"{"start_time":"2026-11-22T12:00:00.250Z","method":"GET","path":"/a","response_code":200,"duration":40,"org":"7"}
//! oops
//! "#;
//! let fields = Fields::new(&["organization"]).mapped("organization", "org");
//! let format = Format::detect(log, &fields).ok_or("no format")?;
//! assert_eq!(format.to_string(), "Envoy's or Istio's JSON");
//! let mut reader = Reader::new(&log[..], &format, &fields);
//! let entry = reader.next_line()?.ok_or("no line")??;
//! assert_eq!((entry.method.as_str(), entry.path.as_str()), ("GET", "/a"));
//! assert_eq!(entry.duration, Some(std::time::Duration::from_millis(40)));
//! assert_eq!(entry.values, [Some("7".to_owned())]);
//! let unread = reader.next_line()?.ok_or("no line")?.unwrap_err();
//! assert_eq!(unread.to_string(), "line 2: not JSON: expected value at column 1");
//! # Ok(())
//! # }
//! ```

mod column;
mod directives;
mod duration;
mod entry;
mod fields;
mod format;
mod formats;
mod json;
mod known;
mod layout;
mod part;
mod pieces;
mod reader;
mod separated;
mod source;
mod survey;
mod time;
mod wrapper;

pub use entry::{Entry, Unread, WhyUnread};
pub use fields::{Fields, NOT_IN_LOG, TimesAre};
pub use format::Format;
pub use reader::Reader;
pub use source::{CutOff, Progress, Source};
pub use survey::{Survey, Taken};
