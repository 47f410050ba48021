//! Which names of a log fill what a configuration wants to know of a call: those that are given, or else those that are found in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::bail;
use host_sim::access_log::{Fields, Format, Survey};
use host_sim::forecast::{Place, Source};

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Where facts are stated, the organization first.
    pub(super) sources: Vec<Source>,
    /// The headers of answers that say what calls cost.
    pub(super) settling: BTreeSet<String>,
    /// The organizations that each configuration knows.
    pub(super) organizations: Vec<Arc<BTreeSet<String>>>,
}

/// The names found: a header of the same name goes first, then for the organization a name under which only organizations stand that the
/// configuration knows, and then a customary name.
///
/// # Errors
///
/// When several names have values that are organizations, and not the same ones.
pub(super) fn find(
    wanted: &Wanted,
    survey: &Survey,
    format: &Format,
    mut fields: Fields,
    log: &str,
) -> anyhow::Result<Fields> {
    for (number, Source { field, place }) in wanted.sources.iter().enumerate() {
        if fields.maps(field) {
            continue;
        }
        let stated = survey.filled().find(|name| is_of(name, place));
        if let Some(name) = stated {
            fields = fields.mapped(field, name);
            continue;
        }
        if number > 0 {
            continue;
        }
        let among: Vec<_> = survey
            .names_with_values_among(|value| {
                let mut sets = wanted.organizations.iter();
                sets.any(|known| known.contains(value))
            })
            .collect();
        let [first, others @ ..] = among.as_slice() else {
            continue;
        };
        let customary = among
            .iter()
            .find(|name| is_customary(survey, format, &fields, field, name));
        if let Some(name) = customary.or_else(|| {
            let same = others
                .iter()
                .all(|other| survey.have_same_values(first, other));
            same.then_some(first)
        }) {
            fields = fields.mapped(field, name);
            continue;
        }
        bail!(
            "{log}: several values are organizations of the configuration, and not the same ones: {}; say which one names who called: \
             --field {field}=NAME",
            among.join(", ")
        );
    }
    for header in &wanted.settling {
        let answers = survey.filled().find(|name| is_of_answer(name, header));
        if let (false, Some(name)) = (fields.maps(header), answers) {
            fields = fields.mapped(header, name);
        }
    }
    Ok(fields)
}

/// Whether a name of a log is that of a header of the answer.
fn is_of_answer(name: &str, header: &str) -> bool {
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let (name, wanted) = (plain(name), plain(header));
    let Some(before) = name.trim_end_matches(')').strip_suffix(&wanted) else {
        return false;
    };
    const PREFIXES: &[&str] = &[
        "",
        "sent_http_",
        "upstream_http_",
        "sc(",
        "downstream_",
        "origin_",
        "resp_",
        "response_",
    ];
    PREFIXES.contains(&before) || (before.contains("resp") && before.ends_with("headers."))
}

/// Whether a name is taken for the field without anybody saying so.
fn is_customary(
    survey: &Survey,
    format: &Format,
    fields: &Fields,
    field: &str,
    name: &str,
) -> bool {
    let taken = survey.taken(format, fields);
    let of_field = taken.iter().find(|taken| taken.part == field);
    of_field.is_some_and(|taken| taken.names.iter().any(|taken| taken == name))
}

/// Whether a name of a log is that of a request header, or of a claim: by itself, behind what programs put before headers, or in the
/// brackets of the extended log format.
fn is_of(name: &str, place: &Place) -> bool {
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let (name, wanted) = (plain(name), plain(place.name()));
    let Some(before) = name.trim_end_matches(')').strip_suffix(&wanted) else {
        return false;
    };
    const PREFIXES: &[&str] = &[
        "", "http_", "request_", "req_", "cs(", "header_", "jwt_", "claim_",
    ];
    const WITHIN: &[&str] = &[
        "headers.",
        "header.",
        "request.",
        "claims.",
        "payload.",
        "requestheaders.",
    ];
    let is_answer = before.contains("resp");
    PREFIXES.contains(&before)
        || (!is_answer && WITHIN.iter().any(|within| before.ends_with(within)))
}

/// Why nobody is named, and what can be said.
pub(super) fn nobody(field: &str, place: Option<&Place>, names: &[&str]) -> String {
    let taken = place.map_or_else(String::new, |place| {
        format!(" (the configuration takes it from {place})")
    });
    let names = match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    format!(
        "no line of the log names an organization{taken}; the names in the log are {names}: say which one names who called with --field \
         {field}=NAME, or cut it out of the host or the path, as with --field {field}=host --cut '{field}=^([^.]+)\\.'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_known_by_what_programs_call_them() {
        let check = |name: &str, header: &str, expected: bool| {
            let place = Place::Header(header.to_owned());
            assert_eq!(is_of(name, &place), expected, "{name} {header}");
        };
        for name in [
            "orgId",
            "orgid",
            "http_orgid",
            "request.headers.Orgid",
            "request_Orgid",
            "RequestHeaders.orgid",
            "cs(orgId)",
            "req.headers.orgid",
        ] {
            check(name, "orgId", true);
        }
        check("http_x_org_id", "X-Org-Id", true);
        check("resp_headers.Orgid", "orgId", false);
        check("response.headers.orgid", "orgId", false);
        check("myorgid", "orgId", false);
        check("organization", "orgId", false);
    }
}
