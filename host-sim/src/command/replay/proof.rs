//! Replays what is recommended before it is printed: the calls of those concerned once more, with the plan or the purchase that is to spare
//! them their refusals. What does not is not recommended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use host_sim::forecast::{Mapping, Organization, Remedy, Tally, Wish, with_wishes};
use serde_json::Value;

/// How often something else is tried for those whom a recommendation does not spare.
const MOST_ROUNDS: usize = 4;

/// How many purchases are tried one by one where the module takes not all of them.
const MOST_ALONE: usize = 200;

/// What a proof is about.
pub(super) struct Proof<'p> {
    pub(super) organizations: &'p [Box<Organization>],
    pub(super) mapping: &'p Mapping,
    pub(super) configuration: &'p Value,
    /// Whether the module takes a configuration.
    pub(super) is_taken: &'p dyn Fn(&[u8]) -> bool,
    /// Replays what is tried.
    pub(super) replay: Replaying<'p>,
}

type Replaying<'r> = &'r dyn Fn(&[Trial]) -> anyhow::Result<Vec<Tally>>;

/// All calls of the organizations at these places under a configuration.
pub(super) struct Trial {
    pub(super) configuration: Arc<[u8]>,
    pub(super) numbers: BTreeSet<usize>,
}

/// Whether it is about plans or about purchases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Plans,
    Purchases,
}

impl Proof<'_> {
    /// Leaves only what suffices. An organization for which nothing does has no remedy.
    pub(super) fn of(self, remedies: &mut BTreeMap<usize, Remedy>) -> anyhow::Result<()> {
        for _ in 0..MOST_ROUNDS {
            let plans = self.tried(remedies, About::Plans);
            let purchases = self.tried(remedies, About::Purchases);
            let rounds: Vec<_> = [(About::Plans, plans), (About::Purchases, purchases)]
                .into_iter()
                .filter(|(_, wishes)| !wishes.is_empty())
                .collect();
            if rounds.is_empty() {
                break;
            }
            let trials = rounds.iter().map(|(_, wishes)| Trial {
                configuration: self.configuration_with(wishes.iter()).into(),
                numbers: wishes.keys().copied().collect(),
            });
            let tallies = (self.replay)(&trials.collect::<Vec<_>>())?;
            for ((about, wishes), tally) in rounds.iter().zip(&tallies) {
                for number in wishes.keys() {
                    self.judge(remedies, *about, *number, tally);
                }
            }
        }
        for (number, remedy) in &mut *remedies {
            let wishes = [remedy.unproven_plan(), remedy.unproven_purchase()];
            if wishes
                .iter()
                .flatten()
                .any(|wish| self.changes_something(*number, wish))
            {
                remedy.drop_unproven();
            }
        }
        remedies.retain(|_, remedy| remedy.is_any());
        Ok(())
    }

    /// What is recommended and not proven yet.
    fn tried(&self, remedies: &mut BTreeMap<usize, Remedy>, about: About) -> BTreeMap<usize, Wish> {
        let wish = |remedy: &Remedy| match about {
            About::Plans => remedy.unproven_plan(),
            About::Purchases => remedy.unproven_purchase(),
        };
        let wishes: BTreeMap<_, _> = remedies
            .iter()
            .filter_map(|(number, remedy)| Some((*number, wish(remedy)?)))
            .filter(|(number, wish)| self.changes_something(*number, wish))
            .collect();
        if wishes.is_empty() || (self.is_taken)(&self.configuration_with(wishes.iter())) {
            return wishes;
        }
        // One that the module does not take says nothing of the others.
        let mut taken = BTreeMap::new();
        for (number, wish) in wishes {
            let alone = self.configuration_with(std::iter::once((&number, &wish)));
            if taken.len() < MOST_ALONE && (self.is_taken)(&alone) {
                taken.insert(number, wish);
            } else if let Some(remedy) = remedies.get_mut(&number) {
                match about {
                    About::Plans => remedy.refute_plan(),
                    About::Purchases => remedy.refute_purchase(),
                }
            }
        }
        taken
    }

    /// Whether the configuration is where this would be said: a directory knows organizations that it does not.
    fn changes_something(&self, number: usize, wish: &Wish) -> bool {
        let organization = self.organizations.get(number);
        organization.is_some_and(|organization| {
            wish.changes(self.configuration, self.mapping, &organization.name)
        })
    }

    fn configuration_with<'w>(
        &self,
        wishes: impl Iterator<Item = (&'w usize, &'w Wish)>,
    ) -> Vec<u8> {
        let named = wishes.filter_map(|(number, wish)| {
            Some((self.organizations.get(*number)?.name.as_str(), wish.clone()))
        });
        with_wishes(self.configuration, self.mapping, &named.collect::<Vec<_>>())
    }

    /// Takes what came of a recommendation.
    fn judge(
        &self,
        remedies: &mut BTreeMap<usize, Remedy>,
        about: About,
        number: usize,
        tally: &Tally,
    ) {
        let (Some(after), Some(remedy)) = (tally.organization(number), remedies.get_mut(&number))
        else {
            return;
        };
        let refused = after
            .refused_by_cost()
            .saturating_add(after.refused_by_concurrency());
        let before = self.organizations.get(number);
        let is_new = before.is_some_and(|before| self.is_refused_otherwise(before, after));
        match (about, refused) {
            (About::Purchases, _) if is_new => remedy.refute_purchase(),
            (About::Plans, 0) if !is_new => remedy.prove_plan(),
            (About::Plans, _) => remedy.refute_plan(),
            (About::Purchases, 0) => remedy.prove_purchase(),
            (About::Purchases, _) => remedy.raise_purchase(after),
        }
    }

    /// Whether calls are refused for what is no want of credits and not too many at once, and were not before.
    fn is_refused_otherwise(&self, before: &Organization, after: &Organization) -> bool {
        let verdicts = &self.mapping.verdicts;
        let is_spared = |reason: &str| {
            let mut spared = verdicts.by_cost.iter().chain(&verdicts.by_concurrency);
            spared.any(|spared| spared == reason)
        };
        let mut reasons = after.refusals.iter();
        reasons.any(|(reason, calls)| !is_spared(reason) && calls > before.refusals.of(reason))
    }
}
