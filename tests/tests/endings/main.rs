//! What a call costs, whoever ends it: each row of the table in `envoy/endings.md` is produced by a real client on the real Envoy, and the
//! table says what was seen.
//!
//! With `BLESS=1` the table is written anew by what is seen, as long as every call costs what it is to cost.

mod bootstrap;
mod odd;
mod row;
mod rows;
mod scene;
mod special;
mod table;

use std::collections::BTreeMap;
use std::env;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::ensure;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::row::Row;
use crate::scene::Scene;

/// What the tests share.
struct World {
    scene: Scene,
    /// The lines of the table as they are now, by the number of their row.
    lines: Mutex<BTreeMap<usize, String>>,
    blesses: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::from_args();
    let rows = rows::rows();
    let count = rows.len();
    let world = Arc::new(World {
        scene: Scene::start()?,
        lines: Mutex::default(),
        blesses: env::var_os("BLESS").is_some(),
    });
    let mut trials: Vec<_> = rows
        .into_iter()
        .enumerate()
        .map(|(number, row)| {
            let world = Arc::clone(&world);
            Trial::test(format!("{}: {}", row.who, row.how), move || {
                produce(&world, &row, number).map_err(|error| Failed::from(format!("{error:#}")))
            })
        })
        .collect();
    let blesses = world.blesses;
    trials.push(Trial::test("the table has no other rows", move || {
        let lines = table::lines().map_err(|error| Failed::from(format!("{error:#}")))?;
        if !blesses && lines.len() != count {
            return Err(format!(
                "envoy/endings.md has {} rows, and {count} are produced",
                lines.len()
            )
            .into());
        }
        Ok(())
    }));
    let conclusion = libtest_mimic::run(&arguments, trials);
    let lines = world.lines.lock().unwrap_or_else(PoisonError::into_inner);
    if world.blesses && lines.len() == count {
        table::renew(&lines.values().cloned().collect::<Vec<_>>())?;
    }
    Ok(conclusion.exit_code())
}

/// Produces a row, and compares it with what it is to cost and with its line of the table.
fn produce(world: &World, row: &Row, number: usize) -> anyhow::Result<()> {
    let scene = &world.scene;
    let seen = scene.runtime.block_on(scene.produce(row, number))?;
    let calls = u64::try_from(row.calls())?;
    let expected = row.charged.saturating_mul(calls);
    let each = seen.used.checked_div(calls).unwrap_or_default();
    let line = table::line(row, &seen, each);
    ensure!(
        seen.used == expected,
        "{} credits for {calls} calls, expected {expected}: {line}",
        seen.used
    );
    world
        .lines
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(number, line.clone());
    if !world.blesses {
        let lines = table::lines()?;
        ensure!(
            lines.get(number) == Some(&line),
            "envoy/endings.md says\n{}\nand this was seen (BLESS=1 writes it):\n{line}",
            lines.get(number).map_or("nothing", String::as_str)
        );
    }
    Ok(())
}
