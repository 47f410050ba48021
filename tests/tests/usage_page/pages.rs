//! The pages that are looked at: an organization for each thing that a page can show.

use anyhow::Context as _;
use api_credits::{
    accounts::{
        history::History,
        statistics::{Event, Statistics},
    },
    model::{
        allotment::Allotment,
        client::{ClientBalance, ClientId},
        credits::Credits,
        day::{Calendar, Seconds},
        edition::Edition,
        organization::Organization,
        period::Unit,
        period_balance::PeriodBalance,
        plan::Plan,
        policy_name::PolicyName,
        purchase::PurchaseBalance,
        reason::Reason,
        terms::{Model, Terms},
    },
    pricing::cost_table::{CostTable, CostsConfig},
    show::usage::{
        answer::{Answer, Request, Usage},
        config::UsageConfig,
        details::{Concurrency, Details, Facts},
    },
};
use jiff::Timestamp;
use serde_json::json;

/// A page and what must be read on it.
pub(crate) struct Page {
    /// Its name in tests, in URLs and of screenshots.
    pub(crate) name: &'static str,
    account: Account,
    /// The title of its tab.
    pub(crate) title: &'static str,
    pub(crate) header: &'static str,
    pub(crate) notes: &'static str,
    pub(crate) today: &'static str,
    pub(crate) parts: &'static str,
    pub(crate) operations: &'static str,
    /// Whether its numbers are so large that tables may scroll on a phone.
    pub(crate) may_scroll: bool,
    /// The name of the only image.
    pub(crate) image: &'static str,
}

/// What makes one organization different from another.
struct Account {
    organization: &'static str,
    edition: &'static str,
    product: &'static str,
    model: Model,
    total: u64,
    legacy_limit: Option<u64>,
    used: u64,
    additional: u64,
    enforced: bool,
    zone: &'static str,
    /// Rules, calls and what each of them cost.
    operations: &'static [(&'static str, u32, u64)],
    refusals: &'static [Reason],
    refund: Option<u64>,
    /// Whether it has clients, limits in periods, and purchases.
    beside: bool,
}

const HOSTILE: &str = r#"</title><script>alert("1")</script><b style='color:red'>&amp;"#;

/// Every page.
pub(crate) const PAGES: &[Page] = &[
    Page {
        name: "ordinary",
        account: Account {
            organization: "2389290",
            edition: "Professional",
            product: "Helpdesk",
            model: Model::Credits,
            total: 85_000,
            legacy_limit: None,
            used: 55_348,
            additional: 4_000,
            enforced: true,
            zone: "America/Los_Angeles",
            operations: &[
                ("list, up to 2,000", 6_416, 3),
                ("list, up to 10,000", 1_930, 10),
                ("single action", 9_300, 1),
                ("bulk delete", 120, 60),
                ("count tasks", 6, 50),
            ],
            refusals: &[Reason::BodyTooLarge],
            refund: Some(10),
            beside: false,
        },
        title: "65.1 % of today’s credits used · 2389290",
        header: "Helpdesk\nAPI credits\nOrganization 2389290 · Professional",
        notes: "",
        today: "65.1 %\n29,652 credits left 55,348 of 85,000 used\n\
            Resets in 5 h 12 min, on Monday, 23 November 2026 at 00:00 (America/Los_Angeles, UTC−08:00)",
        parts: "Base Professional | 55,348 | 75,000\nAgents 12 × 500 | 0 | 6,000\nAdditional | 0 | 4,000\nTotal | 55,348 | 85,000",
        operations: "list, up to 10,000 | 1,930 | 19,300\nlist, up to 2,000 | 6,416 | 19,248\nsingle action | 9,300 | 9,300\n\
            bulk delete | 120 | 7,200\ncount tasks | 6 | 300",
        may_scroll: false,
        image: "55,348 of 85,000 credits used, 65.1 percent",
    },
    Page {
        name: "grandfathered",
        account: Account {
            organization: "1009",
            edition: "Professional",
            product: "",
            model: Model::Grandfathered,
            total: 100_000,
            legacy_limit: Some(100_000),
            used: 88_500,
            additional: 4_000,
            enforced: true,
            zone: "Asia/Kolkata",
            operations: &[("list", 29_000, 3), ("single action", 1_500, 1)],
            refusals: &[],
            refund: None,
            beside: false,
        },
        title: "88.5 % of today’s credits used · 1009",
        header: "API credits\nOrganization 1009 · Professional",
        notes: "Your former API limit is higher than the credits of your plan, so you keep its number.",
        today: "88.5 %\n11,500 credits left 88,500 of 100,000 used\n\
            Resets in 15 h 42 min, on Tuesday, 24 November 2026 at 00:00 (Asia/Kolkata, UTC+05:30)",
        parts: "Base Professional | 75,000 | 75,000\nAgents 12 × 500 | 6,000 | 6,000\nAdditional | 4,000 | 4,000\n\
            Former API limit up to 100,000 | 3,500 | 15,000\nTotal | 88,500 | 100,000",
        operations: "list | 29,000 | 87,000\nsingle action | 1,500 | 1,500",
        may_scroll: false,
        image: "88,500 of 100,000 credits used, 88.5 percent",
    },
    Page {
        name: "legacy",
        account: Account {
            organization: "42",
            edition: "Standard",
            product: "Helpdesk",
            model: Model::Legacy,
            total: 15_000,
            legacy_limit: Some(15_000),
            used: 1_448,
            additional: 0,
            enforced: true,
            zone: "UTC",
            operations: &[("list", 1_100, 1), ("single action", 340, 1)],
            refusals: &[],
            refund: None,
            beside: false,
        },
        title: "9.6 % of today’s calls used · 42",
        header: "Helpdesk\nAPI calls\nOrganization 42 · Standard",
        notes: "Every call counts as one against your API limit.",
        today: "9.6 %\n13,552 calls left 1,448 of 15,000 used\n\
            Resets in 21 h 12 min, on Tuesday, 24 November 2026 at 00:00 (UTC)",
        parts: "API limit | 1,448 | 15,000",
        operations: "list | 1,100 | 1,100\nsingle action | 340 | 340\nNot itemized yet calls in progress or just ended | – | 8",
        may_scroll: false,
        image: "1,448 of 15,000 calls used, 9.6 percent",
    },
    Page {
        name: "exhausted",
        account: Account {
            organization: "7",
            edition: "Professional",
            product: "Helpdesk",
            model: Model::Credits,
            total: 81_000,
            legacy_limit: None,
            used: 81_000,
            additional: 0,
            enforced: true,
            zone: "Europe/Berlin",
            operations: &[("list", 27_000, 3)],
            refusals: &[
                Reason::DailyCredits,
                Reason::DailyCredits,
                Reason::ExceedsAllotment,
            ],
            refund: None,
            beside: false,
        },
        title: "100.0 % of today’s credits used · 7",
        header: "Helpdesk\nAPI credits\nOrganization 7 · Professional",
        notes: "All credits of today are used. Calls that cost credits are refused until the reset.",
        today: "100.0 %\n0 credits left 81,000 of 81,000 used\n\
            Resets in 20 h 12 min, on Tuesday, 24 November 2026 at 00:00 (Europe/Berlin, UTC+01:00)",
        parts: "Base Professional | 75,000 | 75,000\nAgents 12 × 500 | 6,000 | 6,000\nAdditional | 0 | 0\nTotal | 81,000 | 81,000",
        operations: "list | 27,000 | 81,000",
        may_scroll: false,
        image: "81,000 of 81,000 credits used, 100.0 percent",
    },
    Page {
        name: "untouched",
        account: Account {
            organization: "8",
            edition: "Professional",
            product: "Helpdesk",
            model: Model::Credits,
            total: 81_000,
            legacy_limit: None,
            used: 0,
            additional: 0,
            enforced: false,
            zone: "America/Los_Angeles",
            operations: &[],
            refusals: &[],
            refund: None,
            beside: false,
        },
        title: "0.0 % of today’s credits used · 8",
        header: "Helpdesk\nAPI credits\nOrganization 8 · Professional",
        notes: "Not enforced: no call is refused, whatever is left.",
        today: "0.0 %\n81,000 credits left 0 of 81,000 used\n\
            Resets in 5 h 12 min, on Monday, 23 November 2026 at 00:00 (America/Los_Angeles, UTC−08:00)",
        parts: "Base Professional | 0 | 75,000\nAgents 12 × 500 | 0 | 6,000\nAdditional | 0 | 0\nTotal | 0 | 81,000",
        operations: "",
        may_scroll: false,
        image: "0 of 81,000 credits used, 0.0 percent",
    },
    Page {
        name: "hostile",
        account: Account {
            organization: HOSTILE,
            edition: HOSTILE,
            product: "AVeryLongProductNameWithoutAnyBlankInItThatWouldNotFitOnTheScreenOfAPhone",
            model: Model::Credits,
            total: 999_999_999_999_999,
            legacy_limit: None,
            used: 999_999_999_999_998,
            additional: 999_999_999_918_999,
            enforced: true,
            zone: "America/Argentina/ComodRivadavia",
            operations: &[
                (HOSTILE, 3, 333_333_333_333_332),
                (
                    "a-rule-name-without-any-blank-that-would-not-fit-on-the-screen-of-a-phone",
                    1,
                    1,
                ),
            ],
            refusals: &[],
            refund: Some(999_999_999_999_999),
            beside: false,
        },
        title: "99.9 % of today’s credits used · </title><script>alert(\"1\")</script><b style='color:red'>&amp;",
        header: "AVeryLongProductNameWithoutAnyBlankInItThatWouldNotFitOnTheScreenOfAPhone\nAPI credits\n\
            Organization </title><script>alert(\"1\")</script><b style='color:red'>&amp; · \
            </title><script>alert(\"1\")</script><b style='color:red'>&amp;",
        notes: "",
        today: "99.9 %\n1 credit left 999,999,999,999,998 of 999,999,999,999,999 used\n\
            Resets in 12 min, on Monday, 23 November 2026 at 00:00 (America/Argentina/ComodRivadavia, UTC−03:00)",
        parts: "Base </title><script>alert(\"1\")</script><b style='color:red'>&amp; | 75,000 | 75,000\n\
            Agents 12 × 500 | 6,000 | 6,000\nAdditional | 999,999,999,918,998 | 999,999,999,918,999\n\
            Total | 999,999,999,999,998 | 999,999,999,999,999",
        operations: "</title><script>alert(\"1\")</script><b style='color:red'>&amp; | 3 | 999,999,999,999,996\n\
            a-rule-name-without-any-blank-that-would-not-fit-on-the-screen-of-a-phone | 1 | 1\n\
            Not itemized yet calls in progress or just ended | – | 1",
        may_scroll: true,
        image: "999,999,999,999,998 of 999,999,999,999,999 credits used, 99.9 percent",
    },
    Page {
        name: "beside",
        account: Account {
            organization: "2389290",
            edition: "Professional",
            product: "Helpdesk",
            model: Model::Credits,
            total: 145_000,
            legacy_limit: None,
            used: 91_000,
            additional: 4_000,
            enforced: true,
            zone: "America/Los_Angeles",
            operations: &[("list", 30_000, 3), ("single action", 1_000, 1)],
            refusals: &[Reason::PeriodLimit],
            refund: None,
            beside: true,
        },
        title: "62.7 % of today’s credits used · 2389290",
        header: "Helpdesk\nAPI credits\nOrganization 2389290 · Professional",
        notes: "",
        today: "62.7 %\n54,000 credits left 91,000 of 145,000 used\n\
            Resets in 5 h 12 min, on Monday, 23 November 2026 at 00:00 (America/Los_Angeles, UTC−08:00)",
        parts: "Base Professional | 75,000 | 75,000\nAgents 12 × 500 | 6,000 | 6,000\nAdditional | 4,000 | 4,000\n\
            Purchased | 6,000 | 60,000\nTotal | 91,000 | 145,000",
        operations: "list | 30,000 | 90,000\nsingle action | 1,000 | 1,000",
        may_scroll: false,
        image: "91,000 of 145,000 credits used, 62.7 percent",
    },
];

impl Page {
    /// The levels of its headings and the headings.
    pub(crate) fn outline(&self) -> &'static str {
        match self.account.model {
            Model::Legacy => {
                "1 API calls\n2 Used today\n2 By operation\n2 Plan\n2 Refused and refunded today"
            }
            _ if self.account.beside => {
                "1 API credits\n2 Used today\n2 By operation\n2 Limits beside the day’s\n2 Purchased credits\n2 By client\n2 Plan\n\
                 2 Refused and refunded today"
            }
            Model::Credits | Model::Grandfathered => {
                "1 API credits\n2 Used today\n2 By operation\n2 Plan\n2 Refused and refunded today"
            }
        }
    }

    /// The answer that the filter gives to a browser, under the page's name.
    ///
    /// # Errors
    ///
    /// When the example is not one.
    pub(crate) fn rendered(&self) -> anyhow::Result<(&'static str, Answer)> {
        let path = format!("/{}", self.name);
        let product = Some(self.account.product).filter(|product| !product.is_empty());
        let config: UsageConfig = serde_json::from_value(json!({"path": path, "title": product}))?;
        let usage = Usage::new(config, Some("orgId"));
        let request = Request {
            method: "GET",
            accept: Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            if_none_match: None,
        };
        let costs: CostsConfig = serde_json::from_value(json!({"default": 1, "rules": []}))?;
        let resource = usage.resource("GET", &path).context("not our path")?;
        let costs = CostTable::compile(&costs)?;
        let answer = usage.answer(resource, &request, &self.account.details()?, &costs);
        Ok((self.name, answer))
    }
}

impl Account {
    fn details(&self) -> anyhow::Result<Details> {
        let edition: Edition = serde_json::from_value(json!({"base": 75_000, "per_agent": 500}))?;
        let organization: Organization = serde_json::from_value(
            json!({"edition": "Professional", "agents": 12, "additional": self.additional}),
        )?;
        let calendar = Calendar::new(self.zone, "00:00")?;
        let now: Timestamp = "2026-11-23T02:48:00Z".parse()?;
        let day = calendar.day(now);
        let credits = |amount| Credits::new(amount).context("too many credits");
        let facts = Facts {
            organization: self.organization,
            edition: self.edition,
            data_center: None,
            plan: Plan {
                agents: Some(12),
                light_agents: Some(3),
                credits_per_agent: Some(credits(500)?),
                additional_max: Some(credits(20_000)?),
            },
            allotment: Allotment::of(&organization, &edition)?,
            terms: Terms::new(self.model, credits(self.total)?),
            legacy_limit: self.legacy_limit.map(credits).transpose()?,
            used: credits(self.used)?,
            elsewhere: None,
            day,
            time_zone: calendar.time_zone(),
            now,
            concurrency: Some(Concurrency {
                limit: 15,
                in_progress: 2,
            }),
            enforced: self.enforced,
            clients: self.beside.then(clients),
            periods: if self.beside {
                periods(now)
            } else {
                Vec::new()
            },
            purchased: credits(if self.beside { 60_000 } else { 0 })?,
            purchases: if self.beside {
                purchases()?
            } else {
                Vec::new()
            },
        };
        let mut statistics = Statistics::opened(day.number);
        for &(rule, calls, cost) in self.operations {
            let cost = credits(cost)?;
            (0..calls).for_each(|_| statistics.add(None, Event::Charged { rule, cost }));
        }
        for &reason in self.refusals {
            statistics.add(None, Event::Refused(reason));
        }
        if let Some(refund) = self.refund {
            statistics.add(None, Event::Refunded(credits(refund)?));
        }
        let rules = self.operations.iter().map(|&(rule, ..)| rule);
        Ok(Details::new(
            &facts,
            &statistics,
            &History::default(),
            rules,
        ))
    }
}

/// Two clients, of which one has used up its part.
fn clients() -> Vec<ClientBalance> {
    let client = |id, cap: Option<u64>, used| ClientBalance {
        id: ClientId::stated(Some(id)),
        cap: cap.map(Credits::saturating),
        used: Credits::saturating(used),
    };
    vec![
        client("nightly importer", Some(80_000), 80_000),
        client("ann@acme.example", None, 11_000),
    ]
}

/// A month, and a short-term limit that is used up.
fn periods(now: Timestamp) -> Vec<PeriodBalance> {
    let period = |name, unit, limit, used, seconds, length| PeriodBalance {
        name: PolicyName::known(name),
        unit,
        limit,
        used,
        resets_at: Seconds::new(seconds).after(now),
        length: Seconds::new(length),
    };
    vec![
        period(
            "monthly",
            Unit::Credits,
            2_500_000,
            1_806_000,
            623_000,
            2_592_000,
        ),
        period("any minute", Unit::Requests, 600, 600, 12, 60),
    ]
}

/// One that is used up, one in use, and one that is over.
fn purchases() -> anyhow::Result<Vec<PurchaseBalance>> {
    let bought = |name: &str, credits, from, until, used| {
        let purchase = json!({"credits": credits, "from": from, "until": until});
        anyhow::Ok(PurchaseBalance {
            name: name.to_owned(),
            purchase: serde_json::from_value(purchase)?,
            used: Credits::saturating(used),
            is_usable: until > "2026-11-22",
        })
    };
    Ok(vec![
        bought("order-977", 50_000, "2026-01-01", "2026-06-30", 12_000)?,
        bought("order-1042", 100_000, "2026-10-01", "2026-12-31", 46_000)?,
    ])
}
