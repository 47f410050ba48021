//! Envoy's own log, and the plugin's lines in it.

use host_sim::target::{LogLevel, LogLine};

/// Begins every record, so that a message of several lines stays one.
const RECORD: char = '\u{1e}';
/// Stands between a record's level and its message.
const UNIT: char = '\u{1f}';

/// The value of Envoy's `--log-format` for which [`plugin_lines`] is made.
pub(super) fn format() -> String {
    format!("{RECORD}%l{UNIT}%v")
}

/// What the plugin logged, oldest first. Envoy writes it as `wasm log <name> <root id> <vm id>: <text>`, without those that
/// are empty or, before a plugin is bound to its VM, not known.
pub(super) fn plugin_lines(log: &str) -> Vec<LogLine> {
    log.split(RECORD)
        .filter_map(|record| {
            let (level, message) = record.split_once(UNIT)?;
            let (_names, text) = message.strip_prefix("wasm log")?.split_once(": ")?;
            let text = text.strip_suffix('\n').unwrap_or(text).to_owned();
            Some(LogLine {
                level: parse_level(level)?,
                text,
            })
        })
        .collect()
}

fn parse_level(name: &str) -> Option<LogLevel> {
    match name {
        "trace" => Some(LogLevel::Trace),
        "debug" => Some(LogLevel::Debug),
        "info" => Some(LogLevel::Info),
        "warning" => Some(LogLevel::Warn),
        "error" => Some(LogLevel::Error),
        "critical" => Some(LogLevel::Critical),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugins_lines_are_found_without_envoys_prefix() {
        let log = "\u{1e}warning\u{1f}no limit\n\
                   \u{1e}error\u{1f}wasm log name root vm: bad: `a`\nsecond line\n\
                   \u{1e}info\u{1f}wasm log: plain\n\
                   \u{1e}critical\u{1f}Plugin failed to load\n";
        assert_eq!(
            plugin_lines(log),
            [
                LogLine {
                    level: LogLevel::Error,
                    text: "bad: `a`\nsecond line".to_owned()
                },
                LogLine {
                    level: LogLevel::Info,
                    text: "plain".to_owned()
                },
            ]
        );
    }
}
