//! When is warned, and of what.

use super::*;
use crate::show::usage::details::tests::ordinary;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

fn thresholds(percentages: &[u64]) -> Thresholds {
    Thresholds::try_from(percentages.to_vec()).unwrap()
}

/// What is told at each of these steps of what is used, of 1,000 unless the step says otherwise.
fn told(thresholds: &Thresholds, steps: &[(u64, u64)]) -> Vec<Vec<u8>> {
    let mut told = Told::default();
    let step = |&(used, total): &(u64, u64)| {
        let before = told;
        told = thresholds.told_at(credits(used), credits(total), before);
        let new = thresholds.newly_told(before, told);
        new.map(Threshold::percent).collect()
    };
    steps.iter().map(step).collect()
}

#[test]
fn each_threshold_is_told_once() {
    let steps = [499, 500, 799, 800, 899, 950, 999, 1_000, 1_000].map(|used| (used, 1_000));
    let expected: [&[u8]; 9] = [&[], &[50], &[], &[80], &[], &[90], &[], &[100], &[]];
    assert_eq!(told(&Thresholds::default(), &steps), expected);
}

#[test]
fn one_dear_call_can_pass_several() {
    assert_eq!(
        told(&Thresholds::default(), &[(0, 1_000), (1_000, 1_000)]),
        [vec![], vec![50, 80, 90, 100]]
    );
}

#[test]
fn a_purchase_or_a_refund_untells_nothing_and_a_lowered_allotment_tells() {
    let steps = [
        (850, 1_000),   // 85 %
        (850, 2_000),   // after a purchase
        (700, 1_000),   // after a refund
        (1_650, 2_000), // 82.5 %, told before
        (1_650, 1_800), // 91.6 %
    ];
    let expected: [&[u8]; 5] = [&[50, 80], &[], &[], &[], &[90]];
    assert_eq!(told(&Thresholds::default(), &steps), expected);
}

#[test]
fn nobody_is_warned_of_nothing() {
    assert_eq!(told(&Thresholds::default(), &[(0, 0)]), [vec![0_u8; 0]]);
    assert_eq!(told(&thresholds(&[]), &[(10, 10)]), [vec![0_u8; 0]]);
}

#[test]
fn eight_thresholds_and_the_largest_numbers_fit() {
    let eight = thresholds(&[1, 2, 3, 4, 5, 6, 7, 100]);
    let most = Credits::MAX.get();
    assert_eq!(
        told(&eight, &[(most - 1, most), (most, most)]),
        [vec![1, 2, 3, 4, 5, 6, 7], vec![100]]
    );
}

#[test]
fn what_are_no_thresholds_is_said() {
    for percentages in [
        vec![0],
        vec![101],
        vec![80, 50],
        vec![50, 50],
        vec![300],
        (1..=9).collect(),
    ] {
        let error = Thresholds::try_from(percentages.clone()).unwrap_err();
        let expected = format!(
            "invalid thresholds {percentages:?}, expected at most 8 ascending percentages from 1 to 100"
        );
        assert_eq!(error.to_string(), expected);
    }
}

fn warning(details: &crate::show::usage::details::Details) -> Warning<'_> {
    Warning {
        client: None,
        organization: &details.organization,
        edition: &details.edition,
        threshold: Threshold(80),
        used: credits(68_010),
        terms: Terms::new(details.model, details.total),
        resets_at: details.resets_at.clone(),
        resets_in: details.resets_in,
    }
}

#[test]
fn the_log_line_says_who_has_what_left_until_when() {
    assert_eq!(
        warning(&ordinary()).log_line(),
        "organization \"2389290\" (Professional) has used 80 % of its credits of the day: 68010 of 85000, 16990 are left until \
         2026-11-23T00:00:00-08:00"
    );
}

#[test]
fn the_webhook_is_told_the_same() {
    let body: serde_json::Value = serde_json::from_str(&warning(&ordinary()).document()).unwrap();
    let expected = serde_json::json!({
        "event": "api_credits.threshold_reached",
        "id": "2389290/2026-11-23T00:00:00-08:00/80",
        "organization": "2389290",
        "edition": "Professional",
        "model": "credits",
        "threshold": 80,
        "limit": 85_000,
        "used": 68_010,
        "remaining": 16_990,
        "percentageUsed": 80,
        "resetsAt": "2026-11-23T00:00:00-08:00",
        "resetsInSeconds": 18_720,
    });
    assert_eq!(body, expected);
}
