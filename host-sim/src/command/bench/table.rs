//! Measurements as text for people.

use comfy_table::{CellAlignment, Table, presets};

use super::{Called, Measurements};

/// The whole text.
pub(super) fn text(measurements: &Measurements) -> String {
    let Measurements {
        requests,
        microseconds,
        hostcalls_per_request,
        callbacks_per_request,
        fuel_per_request,
        memory,
        callbacks,
        hostcalls,
        functions,
    } = measurements;
    let mut table = Table::new();
    table.load_style(presets::NOTHING).add_rows([
        ["requests", &requests.to_string(), ""],
        ["time, median", &microseconds.median.to_string(), "µs"],
        ["time, mean", &microseconds.mean.to_string(), "µs"],
        ["time, 90 %", &microseconds.p90.to_string(), "µs"],
        ["time, 99 %", &microseconds.p99.to_string(), "µs"],
        ["time, most", &microseconds.most.to_string(), "µs"],
        [
            "callbacks",
            &callbacks_per_request.to_string(),
            "per request",
        ],
        [
            "hostcalls",
            &hostcalls_per_request.to_string(),
            "per request",
        ],
        [
            "fuel",
            &fuel_per_request.to_string(),
            "instructions per request",
        ],
        [
            "memory after warming up",
            &memory.after_warm_up.to_string(),
            "bytes",
        ],
        ["memory halfway", &memory.halfway.to_string(), "bytes"],
        ["memory at the end", &memory.at_the_end.to_string(), "bytes"],
    ]);
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text: String = table
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    text.push_str(&of_calls("callback", callbacks));
    text.push_str(&of_calls("hostcall", hostcalls));
    if let Some(functions) = functions {
        let most = functions.get(..MOST_FUNCTIONS).unwrap_or(functions);
        text.push_str(&of_calls("function", most));
    }
    text.push_str(if memory.grows {
        "LEAK: the memory grew in both halves of the run\n"
    } else {
        "no leak: the memory did not grow in both halves of the run\n"
    });
    text
}

/// How many functions are shown.
const MOST_FUNCTIONS: usize = 20;

/// What is called in a request, on the average.
fn of_calls(kind: &str, called: &[Called]) -> String {
    if called.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).add_row([
        kind,
        "calls",
        "instructions",
        "its own",
        "µs",
        "bytes",
        "hostcalls",
    ]);
    for one in called {
        table.add_row([
            one.name.clone(),
            one.calls.to_string(),
            one.instructions.to_string(),
            one.own_instructions.to_string(),
            one.microseconds.to_string(),
            one.bytes.to_string(),
            one.hostcalls.to_string(),
        ]);
    }
    for column in 1..7 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines = table.lines().map(|line| format!("{}\n", line.trim_end()));
    format!("\n{}\n", lines.collect::<String>())
}
