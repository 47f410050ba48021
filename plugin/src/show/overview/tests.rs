//! The overview as documents and as a page, and who gets it.

use super::*;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn credits(number: u64) -> Credits {
    Credits::new(number).unwrap()
}

fn overview() -> Overview {
    let now: Timestamp = "2026-11-30T12:00:00.5Z".parse().unwrap();
    let end: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
    let row = Row {
        organization: "7".to_owned(),
        edition: Some("Demo".to_owned()),
        data_center: Some("EU".to_owned()),
        model: Some(Model::Grandfathered),
        enforced: true,
        total: Some(credits(1_500)),
        used: credits(1_000),
        in_progress: 2,
        concurrency: Some(5),
        refused: 3,
        runs_out_at: Some("2026-11-30T14:05:00Z".parse().unwrap()),
        resets_at: Some(end),
    };
    Overview {
        as_of: now,
        rows: vec![
            row.clone(),
            Row {
                organization: "far,\"away".to_owned(),
                edition: None,
                data_center: None,
                model: None,
                enforced: false,
                total: None,
                concurrency: None,
                refused: 0,
                runs_out_at: None,
                resets_at: None,
                ..row
            },
        ],
        organizations: 40,
        is_incomplete: true,
        elsewhere: Some(Err("it does not answer in time".to_owned())),
    }
}

fn operators() -> Operators {
    let header = ["request", "headers", "x-operator"].map(str::to_owned);
    Operators::new(
        PropertyPath::new(&header).unwrap(),
        vec!["ops".to_owned(), "root".to_owned()],
        UsagePath::operators(),
        Some("Helpdesk & API".to_owned()),
        2,
    )
}

#[test]
fn programs_read_json() {
    let document: Value = serde_json::from_str(&documents::json(&overview())).unwrap();
    let expected = json!({
        "asOf": "2026-11-30T12:00:00Z", "totalOrganizations": 40, "complete": false,
        "elsewhere": {"known": false, "reason": "it does not answer in time"},
        "organizations": [
            {
                "organization": "7", "edition": "Demo", "dataCenter": "EU", "model": "grandfathered", "enforced": true,
                "limit": 1500, "used": 1000, "remaining": 500, "percentageUsed": 66.6, "callsInProgress": 2, "concurrency": 5,
                "refusedCalls": 3, "runsOutAt": "2026-11-30T14:05:00Z", "resetsAt": "2026-12-01T08:00:00Z",
            },
            {
                "organization": "far,\"away", "edition": null, "model": null, "enforced": false, "limit": null, "used": 1000,
                "remaining": null, "percentageUsed": null, "callsInProgress": 2, "refusedCalls": 0, "runsOutAt": null, "resetsAt": null,
            },
        ],
    });
    assert_eq!(document, expected);
}

#[test]
fn spreadsheets_read_csv() {
    assert_eq!(
        documents::csv(&overview()),
        "organization,edition,data_center,model,enforced,limit,used,remaining,percentage_used,calls_in_progress,concurrency,refused_calls,runs_out_at,resets_at\r\n\
         7,Demo,EU,grandfathered,true,1500,1000,500,66.6,2,5,3,2026-11-30T14:05:00Z,2026-12-01T08:00:00Z\r\n\
         \"far,\"\"away\",,,,false,,1000,,,2,,0,,\r\n"
    );
}

#[test]
fn prometheus_reads_open_metrics() {
    let text = documents::open_metrics(&overview());
    let values: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        values,
        [
            "api_credits_organization_used_credits{organization=\"7\"} 1000",
            "api_credits_organization_used_credits{organization=\"far,\\\"away\"} 1000",
            "api_credits_organization_limit_credits{organization=\"7\"} 1500",
            "api_credits_organization_used_ratio{organization=\"7\"} 0.666",
            "api_credits_organization_calls_in_progress{organization=\"7\"} 2",
            "api_credits_organization_calls_in_progress{organization=\"far,\\\"away\"} 2",
            "api_credits_organization_refused_calls{organization=\"7\"} 3",
            "api_credits_organization_refused_calls{organization=\"far,\\\"away\"} 0",
            "api_credits_organization_runs_out_timestamp_seconds{organization=\"7\"} 1796047500",
            "api_credits_organizations 40",
        ]
    );
    assert!(text.ends_with("\n# EOF\n"));
    assert_eq!(text.matches("# TYPE ").count(), 7);
    assert_eq!(text.matches("# UNIT ").count(), 4);
}

#[test]
fn people_read_a_page() {
    let view = View::from_query("search=%3Cb%3E&sort=used&top=2").unwrap();
    let html = page::html(&overview(), &view, Some("Helpdesk & API"), "/api-credits");
    for expected in [
        "Helpdesk &#38; API",
        "2 of 40 organizations",
        "value=\"&#60;b&#62;\"",
        "Demo · EU",
        "66.6 %",
        "1,000",
        "of 1,500",
        "in 2 h 5 min",
        "2 of 5",
        "not enforced",
        "it does not answer in time",
        "too many organizations",
        "href=\"/api-credits?search=%3Cb%3E&#38;sort=refused&#38;top=2\"",
        "As of 12:00 UTC",
    ] {
        assert!(html.contains(expected), "{expected}\n{html}");
    }
    let (_, rest) = html.split_once("<style>").unwrap();
    let (style, _) = rest.split_once("</style>").unwrap();
    let hash = STANDARD.encode(Sha256::digest(style));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    assert_eq!(page::SECURITY_POLICY, policy);
}

#[test]
fn an_operator_states_one_of_the_values() {
    let operators = operators();
    let stated = ["ops", "root", "", "op", "opsx", "Ops", "ops,ops"];
    let admitted: Vec<_> = stated.into_iter().filter(|s| operators.admit(s)).collect();
    assert_eq!(admitted, ["ops", "root"]);
}

#[test]
fn only_the_path_itself_and_what_is_below_are_the_overview() {
    let operators = operators();
    let resource = |target| operators.resource("GET", target);
    assert_eq!(
        resource("/api-credits"),
        Some(Resource::Overview { query: "" })
    );
    assert_eq!(
        resource("/api-credits/?a=b?c"),
        Some(Resource::Overview { query: "a=b?c" })
    );
    assert_eq!(resource("/api-credits/metrics?x"), Some(Resource::Metrics));
    assert_eq!(
        resource("/api-credits/x?y"),
        Some(Resource::Unknown {
            path: "/api-credits/x"
        })
    );
    assert_eq!(resource("/api-creditsx"), None);
    assert_eq!(resource("/API-credits"), None);
    assert_eq!(operators.resource("OPTIONS", "/api-credits"), None);
}

#[test]
fn a_query_asks_for_a_view() {
    let view = |query: &str| View::from_query(query).map_err(|error| error.to_string());
    assert_eq!(view(""), Ok(View::default()));
    assert_eq!(view("search=&sort=&top="), Ok(View::default()));
    let asked = View {
        search: "a b".to_owned(),
        sort: Sort::RunsOut,
        top: 7,
    };
    assert_eq!(view("search=+A%20b&sort=runs_out&top=7"), Ok(asked.clone()));
    assert_eq!(view(&asked.sorted_by(Sort::RunsOut)), Ok(asked));
    for top in ["0", "-1", "100001", "x"] {
        let message = format!("invalid `top` {top:?}, expected a number from 1 to 100000");
        assert_eq!(view(&format!("top={top}")), Err(message));
    }
    assert_eq!(
        view("limit=5"),
        Err("unknown parameter \"limit\": expected one of the parameters: \"search\", \"sort\", \"top\"".to_owned())
    );
}
