//! Errors that point at a place in a file.

use std::fmt;
use std::io::IsTerminal as _;
use std::path::Path;

use host_sim::scenario::ScenarioError;
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

/// An error and the place in the file that it is about.
#[derive(Debug)]
pub(crate) struct Pointed {
    message: String,
    source: NamedSource<String>,
    label: LabeledSpan,
}

impl Pointed {
    /// An error at a line and a column of a text, both counted from 1.
    pub(crate) fn new(
        path: &Path,
        text: String,
        (line, column): (usize, usize),
        message: String,
        label: &str,
    ) -> Self {
        let start = offset(&text, line, column);
        let length = length_of_token(text.get(start..).unwrap_or_default());
        Self {
            message,
            label: LabeledSpan::new(Some(label.to_owned()), start, length),
            source: NamedSource::new(path.display().to_string(), text),
        }
    }

    /// An error of a scenario, with its file.
    pub(crate) fn of_scenario(error: ScenarioError) -> anyhow::Error {
        let ScenarioError::Invalid {
            path,
            line,
            column,
            key,
            message,
        } = &error
        else {
            return anyhow::Error::msg(error);
        };
        let Ok(text) = std::fs::read_to_string(path) else {
            return anyhow::Error::msg(error);
        };
        let label = if key == "." { "here" } else { key };
        Self::new(path, text, (*line, *column), message.clone(), label).into()
    }

    /// As it is shown on the standard error output.
    pub(crate) fn rendered(&self) -> String {
        let theme = if std::io::stderr().is_terminal() {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let mut rendered = String::new();
        // Writing to a string cannot fail.
        let _ = GraphicalReportHandler::new_themed(theme)
            .with_width(120)
            .render_report(&mut rendered, self);
        rendered
    }
}

/// Where a place is, in bytes from the beginning; columns count characters.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let mut start = 0_usize;
    for (number, content) in (1_usize..).zip(text.split_inclusive('\n')) {
        if number == line {
            let before = content.chars().take(column.saturating_sub(1));
            return start.saturating_add(before.map(char::len_utf8).sum());
        }
        start = start.saturating_add(content.len());
    }
    text.len()
}

/// How long the value is that begins here: a string with its quotes, or what goes on until a separator.
fn length_of_token(text: &str) -> usize {
    let quote = text.chars().next().filter(|c| ['"', '\''].contains(c));
    let end = match quote {
        Some(quote) => text
            .char_indices()
            .skip(1)
            .find(|(_, c)| *c == quote || *c == '\n')
            .map(|(at, c)| at.saturating_add(c.len_utf8())),
        None => text
            .char_indices()
            .find(|(at, c)| *at > 0 && (c.is_whitespace() || ",}]=:".contains(*c)))
            .map(|(at, _)| at),
    };
    end.unwrap_or(text.len())
}

impl fmt::Display for Pointed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Pointed {}

impl Diagnostic for Pointed {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(self.label.clone())))
    }
}
