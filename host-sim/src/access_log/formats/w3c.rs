//! The extended log file format, in which `#Fields:` names the columns: <https://www.w3.org/TR/WD-logfile.html>. Date and time are those at
//! which a call was completed, in UTC, and `time-taken` is in seconds unless the program says otherwise.

use super::super::known::{Known, Shape};
use super::super::part::{Part, Unit};

/// Whatever program wrote it.
pub(super) const EXTENDED: Known = Known {
    name: "w3c",
    title: "W3C extended",
    shape: Shape::Directives,
    names: &[
        ("date", Part::Date),
        ("time", Part::End),
        ("cs-method", Part::Method),
        ("cs-uri", Part::Path),
        ("cs-uri-stem", Part::Path),
        ("cs-uri-query", Part::Query),
        ("sc-status", Part::Status),
        ("time-taken", Part::Duration(Unit::Seconds)),
    ],
    departed: &[],
};

/// IIS, whose `time-taken` is in milliseconds.
/// <https://learn.microsoft.com/en-us/previous-versions/windows/it-pro/windows-server-2012-R2-and-2012/hh831775(v=ws.11)>
pub(super) const IIS: Known = Known {
    name: "iis",
    title: "IIS",
    shape: Shape::Directives,
    names: &[
        ("date", Part::Date),
        ("time", Part::End),
        ("cs-method", Part::Method),
        ("cs-uri-stem", Part::Path),
        ("cs-uri-query", Part::Query),
        ("sc-status", Part::Status),
        ("time-taken", Part::Duration(Unit::Milliseconds)),
    ],
    departed: &[],
};

/// CloudFront's standard logs: when it finished answering, and seconds.
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html>
pub(super) const CLOUDFRONT: Known = Known {
    name: "cloudfront",
    title: "AWS CloudFront",
    shape: Shape::Directives,
    names: CLOUDFRONT_NAMES,
    departed: &[],
};

/// The same as JSON.
pub(super) const CLOUDFRONT_JSON: Known = Known {
    name: "cloudfront-json",
    title: "AWS CloudFront JSON",
    shape: Shape::Json(&[&["cs-method"], &["sc-status"]]),
    names: CLOUDFRONT_NAMES,
    departed: &[],
};

const CLOUDFRONT_NAMES: &[(&str, Part)] = &[
    ("timestamp(ms)", Part::End),
    ("timestamp", Part::End),
    ("date", Part::Date),
    ("time", Part::End),
    ("cs-method", Part::Method),
    ("cs-uri-stem", Part::Path),
    ("cs-uri-query", Part::Query),
    ("sc-status", Part::Status),
    ("time-taken", Part::Duration(Unit::Seconds)),
];
