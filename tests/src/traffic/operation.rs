//! What is called: operations of the example API, as often as such APIs see them.

use rand::Rng;
use rand::RngExt as _;

/// A call's method and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// The length of the request's body, in bytes.
    pub request_bytes: u32,
}

/// Templates with how often each is called, in a thousand. `#` is a record's id.
const USUAL: &[(u32, &str, &str)] = &[
    (240, "GET", "/api/v1/tickets/#"),
    (90, "GET", "/api/v1/tickets/#/conversations"),
    (120, "GET", "/api/v1/tickets"),
    (60, "GET", "/api/v1/tickets/search"),
    (90, "PATCH", "/api/v1/tickets/#"),
    (60, "POST", "/api/v1/tickets"),
    (50, "POST", "/api/v1/tickets/#/comments"),
    (80, "GET", "/api/v1/contacts/#"),
    (40, "GET", "/api/v1/contacts/search"),
    (30, "POST", "/api/v1/contacts"),
    (30, "GET", "/api/v1/accounts/#"),
    (25, "GET", "/api/v1/agents"),
    (15, "GET", "/api/v1/departments"),
    (12, "GET", "/api/v1/tasks/count"),
    (20, "GET", "/api/v1/activities/search"),
    (12, "POST", "/api/v1/tickets/updateMany"),
    (10, "POST", "/api/v1/closeTickets"),
    (6, "POST", "/api/v1/tickets/moveToTrash"),
    (8, "OPTIONS", "/api/v1/tickets"),
    (2, "GET", "/api/v2/unknown"),
];

/// How far apart the pages of a list are.
pub(super) const PAGE: u32 = 100;

impl Operation {
    /// One of the usual ones.
    pub(super) fn draw(rng: &mut impl Rng) -> Self {
        let all: u32 = USUAL.iter().map(|(weight, ..)| weight).sum();
        let mut left = rng.random_range(0..all);
        let drawn = USUAL.iter().find(|(weight, ..)| {
            let here = left < *weight;
            left = left.saturating_sub(*weight);
            here
        });
        let (_, method, template) = drawn.copied().unwrap_or((0, "GET", "/api/v1/tickets"));
        let id = rng.random_range(100_000_u64..99_999_999);
        let mut path = template.replace('#', &id.to_string());
        if method == "GET" && !template.contains('#') && rng.random_bool(0.4) {
            // Most look at the first pages.
            let page = (rng.random::<f64>().powi(4) * 60.0) as u32;
            path.push_str(&format!("?from={}&limit={PAGE}", page.saturating_mul(PAGE)));
        }
        let request_bytes = match method {
            "POST" | "PATCH" => rng.random_range(60..4_000),
            _ => 0,
        };
        Self {
            method,
            path,
            request_bytes,
        }
    }

    /// A page of a list that somebody reads to its end.
    pub(super) fn page(number: u32) -> Self {
        let from = number.saturating_mul(PAGE);
        Self {
            method: "GET",
            path: format!("/api/v1/tickets?from={from}&limit={PAGE}&sortBy=createdTime"),
            request_bytes: 0,
        }
    }

    /// A bulk call of a nightly clean-up.
    pub(super) fn clean_up(rng: &mut impl Rng) -> Self {
        Self {
            method: "POST",
            path: "/api/v1/tickets/moveToTrash".to_owned(),
            request_bytes: rng.random_range(300..2_000),
        }
    }
}
