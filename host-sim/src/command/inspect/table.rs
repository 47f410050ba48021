//! An inspection as text for people.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};

use super::{Inspection, Memory};
use host_sim::callback::Called;

/// The whole text.
pub(super) fn text(inspection: &Inspection) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", inspection.file.display());
    text.push_str(&table(summary(inspection)));
    text.push_str(&exports(inspection));
    text.push_str(&imports(inspection));
    let _ = writeln!(text, "\nSections, by size");
    let mut sections: Vec<_> = inspection.sections.iter().collect();
    sections.sort_by_key(|section| std::cmp::Reverse(section.size));
    text.push_str(&table(
        sections
            .into_iter()
            .map(|section| [section.name.clone(), format!("{} bytes", section.size)])
            .collect(),
    ));
    text
}

fn summary(inspection: &Inspection) -> Vec<[String; 2]> {
    let mut rows = vec![
        [
            "ABI".to_owned(),
            inspection.abi.clone().unwrap_or_else(|| "none".to_owned()),
        ],
        [
            "size".to_owned(),
            format!(
                "{} bytes, {} functions",
                inspection.bytes, inspection.functions
            ),
        ],
    ];
    if let Some(memory) = inspection.memory {
        rows.push(["memory".to_owned(), shown(memory)]);
    }
    for (field, values) in &inspection.producers {
        rows.push([field.clone(), values.join(", ")]);
    }
    let envoy = format!("Envoy {}", inspection.envoy);
    if inspection.problems.is_empty() {
        rows.push([envoy, "loads it".to_owned()]);
    }
    for problem in &inspection.problems {
        let envoy = format!("Envoy {}", inspection.envoy);
        rows.push([envoy, format!("does not load it: {problem}")]);
    }
    let missing = inspection
        .imports
        .iter()
        .filter(|import| import.in_envoy && !import.simulated);
    let missing: Vec<_> = missing.map(|import| import.name.as_str()).collect();
    let simulated = match &inspection.not_simulated {
        Some(why) => format!("does not run it: {why}"),
        None if missing.is_empty() => {
            "simulates everything that it imports and Envoy has".to_owned()
        }
        None => format!("does not simulate {}", missing.join(", ")),
    };
    rows.push(["host-sim".to_owned(), simulated]);
    rows.push(["crashes".to_owned(), inspection.crashes.to_owned()]);
    rows
}

fn shown(memory: Memory) -> String {
    let limit = match memory.most_pages {
        Some(most) => format!("up to {most}"),
        None => "no limit of its own".to_owned(),
    };
    format!("{} pages of 64 KiB at start, {limit}", memory.pages)
}

fn exports(inspection: &Inspection) -> String {
    let mut text = String::new();
    for called in [
        Called::AtStart,
        Called::ForThePlugin,
        Called::PerRequest,
        Called::PerConnection,
        Called::Never,
    ] {
        let exports = inspection
            .exports
            .iter()
            .filter(|export| export.called == called);
        let rows: Vec<_> = exports
            .map(|export| [export.name.clone(), export.when.to_owned()])
            .collect();
        if !rows.is_empty() {
            let _ = writeln!(text, "\nExports that Envoy {}", called.words());
            text.push_str(&table(rows));
        }
    }
    text
}

fn imports(inspection: &Inspection) -> String {
    let rows = inspection.imports.iter().map(|import| {
        [
            format!("{}.{}", import.module, import.name),
            import.remark.clone(),
        ]
    });
    format!("\nImports\n{}", table(rows.collect()))
}

/// Rows in columns, indented, without lines around them.
fn table(rows: Vec<[String; 2]>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .add_rows(rows);
    let lines = table.lines().map(|line| format!(" {}\n", line.trim_end()));
    lines.collect()
}
