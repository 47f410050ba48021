//! What the filter finds in shared data.

use api_credits::accounts::account::{Account, Admission, Ceiling};
use api_credits::accounts::statistics::{Event, Statistics};
use api_credits::model::credits::Credits;

/// A record that is read is written as it was; no account that it may be is overspent by a call; and what is added to a record of
/// statistics without taking it apart is what is added to one that is taken apart.
pub fn records(data: &[u8]) {
    if let Ok(account) = Account::from_record(data) {
        assert_eq!(
            Account::from_record(&account.to_record()).as_ref(),
            Ok(&account)
        );
        spend(&account, data);
    }
    if let Ok(statistics) = Statistics::from_record(data) {
        let written = statistics.to_record();
        assert_eq!(Statistics::from_record(&written).as_ref(), Ok(&statistics));
        add(&statistics, &written);
        add(&statistics, data);
    }
}

fn spend(account: &Account, data: &[u8]) {
    let number = |at: usize| u64::from(data.get(at).copied().unwrap_or_default());
    let allotment = Credits::saturating(
        account
            .used()
            .get()
            .saturating_add(number(8))
            .saturating_sub(100),
    );
    let admission = Admission {
        cost: Credits::saturating(number(9)),
        allotment: Some(allotment),
        slot: None,
        ceiling: [Ceiling::Allotment, Ceiling::Lease, Ceiling::Alone][data.len() % 3],
        client: None,
        lasting: None,
    };
    match account.admit(&admission) {
        Ok(charged) => {
            assert!(charged.used() <= allotment);
            assert_eq!(
                charged.used().get(),
                account.used().get() + admission.cost.get()
            );
            let refunded = charged.refund(
                charged.day(),
                admission.cost,
                &api_credits::accounts::account::CountedAs::default(),
            );
            assert_eq!(refunded.used(), account.used());
        }
        Err(_) if admission.ceiling == Ceiling::Allotment => {
            assert!(account.remaining(allotment) < admission.cost || account.used() > allotment);
        }
        Err(_) => {}
    }
}

fn add(statistics: &Statistics, record: &[u8]) {
    let mut pending = Statistics::opened(statistics.day());
    pending.add(
        None,
        Event::Charged {
            rule: "single action",
            cost: Credits::ONE,
        },
    );
    pending.add(None, Event::Refunded(Credits::ONE));
    if let Some(added) = Statistics::added_to(record, &pending) {
        let mut merged = statistics.clone();
        merged.merge(&pending);
        assert_eq!(Statistics::from_record(&added), Ok(merged));
    }
}
