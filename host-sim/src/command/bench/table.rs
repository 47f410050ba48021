//! Measurements as text for people.

use comfy_table::{CellAlignment, Table, presets};

use super::Measurements;

/// The whole text.
pub(super) fn text(measurements: &Measurements) -> String {
    let Measurements {
        requests,
        microseconds,
        hostcalls_per_request,
        callbacks_per_request,
        fuel_per_request,
        memory,
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
    text.push_str(if memory.grows {
        "LEAK: the memory grew in both halves of the run\n"
    } else {
        "no leak: the memory did not grow in both halves of the run\n"
    });
    text
}
