//! Choices between names: what is said to somebody who has given one that there is not.

/// The most names that are listed.
const MOST: usize = 20;

/// What was expected in place of `found`, which is none of `known`, with the one that was probably meant: `did you mean "Free"?
/// expected one of the `editions`: "Free", "Pro"`.
#[cold]
#[inline(never)]
#[must_use]
pub fn expected_one_of<'a>(found: &str, of: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    expected_one_among(found, of, &known)
}

// Once for all iterators.
fn expected_one_among(found: &str, of: &str, known: &[&str]) -> String {
    let mut text = did_you_mean(found, '"', known.iter().copied());
    let listed = known.iter().take(MOST).map(|name| format!("{name:?}"));
    let listed: Vec<_> = listed.collect();
    if listed.is_empty() {
        text.push_str(&format!(
            "expected one of the {of}, of which there are none"
        ));
        return text;
    }
    text.push_str(&format!("expected one of the {of}: {}", listed.join(", ")));
    let more = known.len().saturating_sub(MOST);
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

/// `did you mean …? `, with the name in quotes, if one of the names is like the one that was found.
#[must_use]
pub(crate) fn did_you_mean<'a>(
    found: &str,
    quote: char,
    known: impl Iterator<Item = &'a str>,
) -> String {
    match closest(found, known) {
        Some(meant) => format!("did you mean {quote}{meant}{quote}? "),
        None => String::new(),
    }
}

/// The name that is most like `found`, if one is: a quarter of its letters may be wrong, its case and separators do not matter, and a
/// name that has the other one in it is like it.
fn closest<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Whoever gives a name of hundreds of letters has made no typing error.
    if found.len() > 64 {
        return None;
    }
    let found = plain(found);
    let rated = known.filter_map(|name| {
        let name_plain = plain(name);
        let (shorter, longer) = if found.len() < name_plain.len() {
            (&found, &name_plain)
        } else {
            (&name_plain, &found)
        };
        let wrong = strsim::osa_distance(&found, &name_plain);
        let allowed = match longer.chars().count() {
            0..=2 => 0,
            letters => (letters / 4).max(1),
        };
        let singular = shorter.trim_end_matches('s');
        let begins = singular.len() >= 3 && longer.starts_with(singular);
        let within = begins || shorter.len() >= 3 && longer.contains(shorter.as_str());
        (wrong <= allowed || within).then_some((wrong, name))
    });
    rated.min_by_key(|(wrong, _)| *wrong).map(|(_, name)| name)
}

/// A name without case and separators.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '.'));
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const KEYS: [&str; 6] = [
        "time_zone",
        "starts_at",
        "editions",
        "organizations",
        "base",
        "refuse",
    ];

    #[test]
    fn the_name_that_was_meant_is_found() {
        for (found, meant) in [
            ("zone", Some("time_zone")),
            ("timezone", Some("time_zone")),
            ("timeZone", Some("time_zone")),
            ("time-zone", Some("time_zone")),
            ("start_at", Some("starts_at")),
            ("edition", Some("editions")),
            ("organisations", Some("organizations")),
            ("orgs", Some("organizations")),
            ("bsae", Some("base")),
            ("Refuse", Some("refuse")),
            ("allow", None),
            ("", None),
            ("e", None),
            ("something_else", None),
        ] {
            assert_eq!(closest(found, KEYS.into_iter()), meant, "{found}");
        }
    }

    #[test]
    fn names_are_listed_up_to_a_point() {
        let one_of = |found, known: &[&'static str]| {
            expected_one_of(found, "`editions`", known.iter().copied())
        };
        assert_eq!(
            one_of("Fre", &["Free", "Pro"]),
            "did you mean \"Free\"? expected one of the `editions`: \"Free\", \"Pro\""
        );
        assert_eq!(
            one_of("Gold", &[]),
            "expected one of the `editions`, of which there are none"
        );
        let many = ["x"; 25];
        assert!(one_of("Gold", &many).ends_with("\"x\", \"x\" and 5 more"));
    }
}
