//! The table as a spreadsheet reads it.

use super::*;
use crate::show::usage::details::tests::{legacy, with_clients};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn today_and_the_days_before_are_told_by_client_and_operation() {
    assert_eq!(
        text(&with_clients()).lines().collect::<Vec<_>>(),
        [
            "day,client,operation,calls,credits,refused",
            "2026-11-19,,(a former rule),1,7,0",
            "2026-11-21,importer,list,2,100,0",
            "2026-11-21,,,0,0,1",
            "2026-11-22,importer,list,1000,50000,0",
            "2026-11-22,importer,(not itemized yet),0,100,0",
            "2026-11-22,importer,,0,0,3",
            "2026-11-22,ann@acme.example,list,100,5000,0",
            "2026-11-22,,(not itemized yet),0,248,0",
        ]
    );
}

#[test]
fn the_credits_of_a_day_add_up_to_what_was_used() {
    for details in [legacy(), with_clients()] {
        let today = details.today.to_string();
        let table = text(&details);
        let rows = table.lines().filter(|row| row.starts_with(&today));
        let credits = rows.map(|row| row.split(',').nth(4).unwrap().parse::<u64>().unwrap());
        let used = details.used.get();
        let itemized = details.operations.iter();
        let itemized: u64 = itemized
            .map(|operation| operation.count.credits.get())
            .sum();
        assert_eq!(credits.sum::<u64>(), used.max(itemized));
    }
}

#[test]
fn a_day_of_which_names_were_cut_adds_up_as_well() {
    let mut details = with_clients();
    let operation = |rule: &str, calls, credits| Operation {
        rule: rule.to_owned(),
        count: Count {
            calls,
            credits: Credits::new(credits).unwrap(),
        },
    };
    // The client's rule is among the others of the whole, and one of its others has a name there.
    let day = &mut details.history[1];
    day.operations = vec![operation("list", 5, 9), operation("(others)", 1, 1)];
    day.clients[0].operations = vec![operation("rare", 1, 1), operation("(others)", 2, 4)];
    let table = text(&details);
    let rows = table.lines().filter(|row| row.starts_with("2026-11-21"));
    let credits = rows.map(|row| row.split(',').nth(4).unwrap().parse::<u64>().unwrap());
    assert_eq!(credits.sum::<u64>(), 10, "{table}");
}
