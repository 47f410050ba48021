//! The page as text. How it looks, the tests in a browser see.

use super::*;
use crate::{
    model::client::ClientId,
    show::usage::details::tests::{grandfathered, legacy, ordinary, shared, with_clients},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn html(details: &Details) -> String {
    Page::new(details, Some("Helpdesk"), "/usage").to_html()
}

/// What of the page is read, with blanks between the elements.
fn words(html: &str) -> String {
    let body = html.split_once("<body>").unwrap().1;
    let texts = body
        .split('<')
        .filter_map(|element| element.split_once('>'))
        .map(|(_, text)| text.trim());
    let words: Vec<_> = texts.filter(|text| !text.is_empty()).collect();
    words.join(" | ")
}

#[test]
fn the_policy_allows_the_style_of_the_page_and_nothing_else() {
    let html = html(&ordinary());
    let (_, rest) = html.split_once("<style>").unwrap();
    let (style, _) = rest.split_once("</style>").unwrap();
    let hash = STANDARD.encode(Sha256::digest(style));
    assert_eq!(
        SECURITY_POLICY,
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    );
    for forbidden in [
        "style=", "<script", "<link", "<img", "url(", "@import", "http:", "https:", " on",
    ] {
        let attribute = forbidden == " on" && !html.contains(" on=");
        assert!(attribute || !html.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn an_ordinary_day_is_told() {
    assert_eq!(
        words(&html(&ordinary())),
        "Helpdesk | API credits | Organization 2389290 · Professional | \
         Used today | 65.1 | % | 29,652 | credits left | 55,348 of 85,000 used | \
         55,348 of 85,000 credits used, 65.1 percent | \
         Today’s credits by where they come from | Source | Used | Of | \
         Base | Professional | 55,348 | 75,000 | Agents | 12 × 500 | 0 | 6,000 | Additional | 0 | 4,000 | \
         Total | 55,348 | 85,000 | \
         Resets in | 5 h 12 min | , on | Monday, 23 November 2026 at 00:00 | (America/Los_Angeles, UTC−08:00) | \
         By operation | Today’s charged calls by operation | Operation | Calls | Credits | \
         list | 1,100 | 55,000 | single action | 348 | 348 | (a former rule) | 2 | 10 | \
         Plan | Edition | Professional | Data centre | US | Agents | 12 | Light agents | 3 | Credits per agent | 500 | \
         Additional credits at most | 20,000 | Calls in progress | 2 of 15 | \
         Refused and refunded today | Not enough credits left | 2 | Body too large to be priced | 1 | \
         Refunded calls | 1 | Credits given back | 10 | \
         As of 18:48. A call is listed by operation within a few seconds of its end. Looking here is free. | \
         Programs get the same as JSON from | /usage | , a table from | /usage/usage.csv | , and the price of a call before making it from | \
         /usage/cost?method=GET&amp;path=…"
    );
}

#[test]
fn what_is_not_itemized_yet_is_shown_as_such() {
    let operations = |details: &Details| {
        let words = words(&html(details));
        let (_, section) = words.split_once("By operation | ").unwrap();
        section.split_once(" | Plan").unwrap().0.to_owned()
    };
    let mut first = ordinary();
    first.operations.clear();
    first.not_itemized = Credits::saturating(1_009);
    assert_eq!(
        operations(&first),
        "Today’s charged calls by operation | Operation | Calls | Credits | \
         Not itemized yet | calls in progress or just ended | – | 1,009"
    );
    first.not_itemized = Credits::ZERO;
    assert_eq!(operations(&first), "No charged calls today.");
    let mut later = ordinary();
    later.operations.truncate(1);
    later.not_itemized = Credits::saturating(5_000);
    let rows = operation_rows(&later);
    assert_eq!(rows[0].share.to_string(), "91.66");
    assert!(operations(&later).ends_with(
        "list | 1,100 | 55,000 | Not itemized yet | calls in progress or just ended | – | 5,000"
    ));
}

#[test]
fn the_bar_shows_each_part_and_how_much_of_it_is_used() {
    let bars = |details: &Details| {
        let bars = bars(&details.parts);
        let shown = |bar: Bar| format!("{} {}+{} {}", bar.kind, bar.start, bar.allotted, bar.used);
        bars.into_iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(
        bars(&grandfathered()),
        [
            "base 0.00+75.00 75.00",
            "variable 75.00+6.00 6.00",
            "additional 81.00+4.00 4.00",
            "grandfathered 85.00+15.00 1.00",
        ]
    );
    assert_eq!(bars(&legacy()), ["limit 0.00+100.00 9.65"]);
}

#[test]
fn what_a_reader_should_know_is_noted() {
    let check = |details: &Details, expected: &[(&str, &str)]| {
        let notes: Vec<_> = notes(details)
            .iter()
            .map(|note| (note.class, note.text))
            .collect();
        assert_eq!(notes, expected);
    };
    const LEGACY: (&str, &str) = ("", "Every call counts as one against your API limit.");
    check(&ordinary(), &[]);
    check(
        &grandfathered(),
        &[(
            "",
            "Your former API limit is higher than the credits of your plan, so you keep its number.",
        )],
    );
    let mut more = ordinary();
    more.model = Model::Grandfathered;
    check(
        &more,
        &[(
            "",
            "Your plan gives you more credits than your former API limit.",
        )],
    );
    check(&legacy(), &[LEGACY]);
    let mut used_up = legacy();
    used_up.remaining = Credits::ZERO;
    used_up.spendable = Credits::ZERO;
    let no_calls = "All calls of today are used. Further calls are refused until the reset.";
    check(&used_up, &[("alarm", no_calls), LEGACY]);
    let mut used_up = ordinary();
    used_up.remaining = Credits::ZERO;
    used_up.spendable = Credits::ZERO;
    let no_credits =
        "All credits of today are used. Calls that cost credits are refused until the reset.";
    check(&used_up, &[("alarm", no_credits)]);
    used_up.enforced = false;
    let shadow = "Not enforced: no call is refused, whatever is left.";
    check(&used_up, &[("", shadow)]);
}

#[test]
fn one_credit_is_one() {
    let mut details = ordinary();
    details.remaining = Credits::ONE;
    let words = words(&html(&details));
    assert_eq!(words.matches("| 1 | credit left |").count(), 1);
}

#[test]
fn whatever_is_filled_in_is_text() {
    let hostile = r#"<script>alert("1")</script>&amp;'"#;
    let mut details = ordinary();
    details.organization = hostile.to_owned();
    details.edition = hostile.to_owned();
    details.data_center = Some(hostile.to_owned());
    details.operations[0].rule = hostile.to_owned();
    let html = Page::new(&details, Some(hostile), hostile).to_html();
    assert!(!html.contains("<script"));
    // Title and heading; heading and row and plan; data centre; rule; product; the path three times.
    let escaped = "&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#38;amp;&#39;";
    assert_eq!(html.matches(escaped).count(), 11);
}

#[test]
fn numbers_are_grouped_by_thousands() {
    for (number, expected) in [
        (0, "0"),
        (999, "999"),
        (1_000, "1,000"),
        (85_000, "85,000"),
        (999_999_999_999_999, "999,999,999,999,999"),
    ] {
        assert_eq!(grouped(number), expected);
    }
}

#[test]
fn a_day_that_several_servers_share_says_what_the_others_did_and_when_that_was() {
    let words = words(&html(&shared()));
    assert!(
        words.contains("| 28,000 | credits left | 55,348 of 85,000 used |"),
        "{words}"
    );
    let (_, footer) = words.split_once("Credits given back | 10 | ").unwrap();
    assert_eq!(
        footer.split(" | ").next(),
        Some(
            "20,348 of these credits were used through other servers, and 1,652 more are reserved there, as of 1 s ago. \
             What is told by operation, by client and of other days is of the server that answers."
        )
    );
}

#[test]
fn clients_and_the_days_before_have_a_table_each_and_a_chart() {
    let html = html(&with_clients());
    let words = words(&html);
    let (_, clients) = words.split_once("By client | ").unwrap();
    assert!(
        clients.starts_with(
            "Today’s credits by client | Client | Used | Of | Refused | \
             importer | Operations | list: 1,000 calls, 50,000 credits | not itemized yet: 100 credits | 50,100 | 60,000 | 3 | \
             ann@acme.example | Operations | list: 100 calls, 5,000 credits | 5,000 | – | 0 | \
             The last 31 days | 2026-11-19: 7 credits | 2026-11-21: 100 credits | 2026-11-22: 55,348 credits | \
             Numbers | Calls and credits by day | Day | Calls | Credits | Refused | 2026-11-19 | 1 | 7 | 0 | "
        ),
        "{clients}"
    );
    // Three days ago and today, each at its place of 32, as high as its part of the highest.
    assert!(
        html.contains(r#"x="87.50%" y="99.98%" width="2.7%" height="0.01%""#),
        "{html}"
    );
    assert!(
        html.contains(r#"x="96.87%" y="0.00%" width="2.7%" height="100.00%""#),
        "{html}"
    );
}

#[test]
fn a_hostile_client_is_text() {
    let mut details = with_clients();
    let clients = details.clients.as_mut().unwrap();
    clients[0].balance.id = ClientId::stated(Some("<script>alert(1)</script>"));
    let html = html(&details);
    assert!(!html.contains("<script"));
    assert!(html.contains("&#60;script&#62;alert(1)&#60;/script&#62;"));
}
