//! Access logs: what proxies and web servers wrote down of calls, line by line.
//!
//! Four formats are read: JSON objects (as Envoy's `json_format` writes them, and nginx's and others'), Envoy's default text, NCSA
//! combined, and comma-separated values under named columns. [`Format::detect`] tells which one a file is in, [`Fields`] which of
//! its names stands for what, and a [`Reader`] gives one [`Entry`] after the other. What cannot be read is told as an [`Unread`], never
//! passed over.
//!
//! ```
//! use host_sim::access_log::{Fields, Format, Reader};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let log = br#"{"start_time":"2026-11-22T12:00:00.250Z","method":"GET","path":"/a","response_code":200,"duration":40,"org":"7"}
//! oops
//! "#;
//! let fields = Fields::new(&["organization"]).mapped("organization", "org");
//! let mut reader = Reader::new(&log[..], Format::Json, &fields);
//! let entry = reader.next_line()?.ok_or("no line")??;
//! assert_eq!((entry.method.as_str(), entry.path.as_str(), entry.duration.as_millis()), ("GET", "/a", 40));
//! assert_eq!(entry.values, [Some("7".to_owned())]);
//! let unread = reader.next_line()?.ok_or("no line")?.unwrap_err();
//! assert_eq!(unread.to_string(), "line 2: not JSON: expected value at column 1");
//! # Ok(())
//! # }
//! ```

mod column;
mod entry;
mod fields;
mod format;
mod json;
mod reader;
mod separated;
mod source;
mod text;
mod time;

pub use entry::{Entry, Unread, WhyUnread};
pub use fields::{Fields, NOT_IN_LOG};
pub use format::Format;
pub use reader::Reader;
pub use source::{Progress, Source};
