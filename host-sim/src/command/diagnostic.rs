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
        render(self, std::io::stderr().is_terminal())
    }
}

fn render(diagnostic: &dyn Diagnostic, colored: bool) -> String {
    let theme = if colored {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let mut rendered = String::new();
    // Writing to a string cannot fail.
    let _ = GraphicalReportHandler::new_themed(theme)
        .with_width(120)
        .render_report(&mut rendered, diagnostic);
    rendered
}

/// A place in a text, without a message: it has been said before.
#[derive(Debug)]
pub(crate) struct Excerpt {
    source: NamedSource<String>,
    label: LabeledSpan,
    /// The file, line and column.
    place: String,
}

impl Excerpt {
    /// The longest line that is shown whole, in characters, and what is shown of longer ones on each side of the place.
    const LONGEST: usize = 160;
    const AROUND: usize = 70;

    /// The place at a line and a column of a text; `None` if the text has none such.
    pub(crate) fn new(name: &str, text: &str, (line, column): (usize, usize)) -> Option<Self> {
        let before = line.checked_sub(1)?;
        let content = text.split('\n').nth(before)?.trim_end_matches('\r');
        let place = column.checked_sub(1)?;
        let characters = content.chars().count();
        if place > characters {
            return None;
        }
        // A configuration that a machine wrote is one line of any length.
        let skipped = if characters > Self::LONGEST {
            place.saturating_sub(Self::AROUND)
        } else {
            0
        };
        let mut shown = content.chars().skip(skipped);
        let mut window: String = shown.by_ref().take(Self::LONGEST).collect();
        let end = if shown.next().is_some() { "…" } else { "" };
        window.push_str(end);
        let start = window.char_indices().nth(place.saturating_sub(skipped));
        let start = start.map_or(window.len(), |(at, _)| at);
        let rest = window.get(start..).unwrap_or_default();
        let length = length_of_token(rest).max(usize::from(!rest.is_empty()));
        let begin = if skipped > 0 { "…" } else { "" };
        // The line keeps its number.
        let source = format!("{}{begin}{window}", "\n".repeat(before));
        let start = before.saturating_add(begin.len()).saturating_add(start);
        Some(Self {
            place: format!("{name}:{line}:{column}"),
            source: NamedSource::new(name, source),
            label: LabeledSpan::new(Some("here".to_owned()), start, length),
        })
    }

    /// As it is shown on the standard output.
    pub(crate) fn rendered(&self) -> String {
        let rendered = render(self, std::io::stdout().is_terminal());
        // What is before the frame is an empty message, and its head counts the columns of what is shown, in bytes.
        let (_, shown) = rendered.split_once('╭').unwrap_or_default();
        let shown = shown.split_once('\n').unwrap_or_default().1;
        let margin = " ".repeat(shown.find('│').unwrap_or_default());
        format!("{margin}╭─[{}]\n{shown}", self.place)
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Excerpt {}

impl Diagnostic for Excerpt {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(self.label.clone())))
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
