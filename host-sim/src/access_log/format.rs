//! Which format a log is in, and what it is wrapped in.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use super::directives::Directives;
use super::fields::Fields;
use super::formats;
use super::json;
use super::known::{Known, Shape};
use super::layout::Layout;
use super::pieces::{Pieces, Whole};
use super::separated::Table;
use super::wrapper::{self, Wrapper};

/// A format of access logs.
#[derive(Clone, Debug)]
pub struct Format {
    pub(super) known: &'static Known,
    /// What separates the columns of a table.
    pub(super) delimiter: u8,
    /// How many values stand behind the format's own, where that is the same in a whole log.
    pub(super) extras: Option<usize>,
    /// What its lines are wrapped in, the outermost first.
    pub(super) wrappers: Vec<Wrapper>,
    /// A layout of somebody's own.
    pub(super) line: Option<String>,
}

/// The most wrappers around each other.
const MOST_WRAPPERS: usize = 3;

/// All values of a line under their names.
pub(super) type Pairs = Vec<(String, String)>;

impl Format {
    /// The format of this name, as [`names`](Self::names) has them.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let known = formats::ALL.iter().find(|known| known.name == name)?;
        Some(Self::of(known))
    }

    /// Lines of this layout, in which `<name>` is a value without blanks, `<name*>` one that may have some, and `"<name>"` one in quotation
    /// marks; names are the customary ones.
    #[must_use]
    pub fn of_line(line: &str) -> Self {
        Self {
            line: Some(line.to_owned()),
            ..Self::of(&formats::LINE)
        }
    }

    /// The names of all formats.
    pub fn names() -> impl Iterator<Item = &'static str> {
        formats::ALL.iter().map(|known| known.name)
    }

    fn of(known: &'static Known) -> Self {
        Self {
            known,
            delimiter: b',',
            extras: None,
            wrappers: Vec::new(),
            line: None,
        }
    }

    /// Tells the format by the beginning of a log, of which each line counts: the one is taken that reads most of them. `None` when no line
    /// is of any. A heading is known by customary names, and those that are mapped.
    #[must_use]
    pub fn detect(beginning: &[u8], fields: &Fields) -> Option<Self> {
        Self::best(beginning, fields, &|_| true)
    }

    /// The same of a log whose format is known, but not what it is wrapped in, nor what stands behind its values.
    #[must_use]
    pub fn found_in(self, beginning: &[u8], fields: &Fields) -> Self {
        if self.line.is_some() {
            return self;
        }
        let name = self.known.name;
        Self::best(beginning, fields, &|known| known.name == name).unwrap_or(self)
    }

    fn best(beginning: &[u8], fields: &Fields, is_meant: &dyn Fn(&Known) -> bool) -> Option<Self> {
        let text = String::from_utf8_lossy(beginning);
        let lines: Vec<Cow<'_, str>> = text
            .trim_start_matches('\u{feff}')
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(Cow::Borrowed)
            .collect();
        let heading = lines.first().and_then(|line| heading(line, fields));
        if let Some(delimiter) = heading.filter(|_| is_meant(&formats::COLUMNS)) {
            return Some(Self {
                delimiter,
                ..Self::of(&formats::COLUMNS)
            });
        }
        let mut best: Option<(usize, Self)> = None;
        let mut wrapped: Vec<(Vec<Wrapper>, Vec<Cow<'_, str>>)> = vec![(Vec::new(), lines)];
        for _ in 0..=MOST_WRAPPERS {
            for (wrappers, lines) in &wrapped {
                let Some((read, known)) = most_read(lines, fields, is_meant) else {
                    continue;
                };
                if best.as_ref().is_none_or(|(other, _)| read > *other) {
                    let format = Self {
                        wrappers: wrappers.clone(),
                        ..Self::of(known)
                    };
                    best = Some((read, format.counted(lines, fields)));
                }
            }
            let all = wrapped.iter().map(|(_, lines)| lines.len()).max();
            // Most lines are read: nothing is hidden in a wrapper.
            if best
                .as_ref()
                .is_some_and(|(read, _)| read.saturating_mul(2) >= all.unwrap_or_default())
            {
                break;
            }
            wrapped = wrapped.iter().flat_map(unwrapped).collect();
        }
        best.map(|(_, format)| format).or_else(|| {
            // Objects with names of somebody's own.
            let mut lines = text
                .lines()
                .filter(|line| !line.trim().is_empty())
                .peekable();
            let objects = lines.peek().is_some() && lines.all(|line| line.trim().starts_with('{'));
            (objects && is_meant(&formats::JSON)).then(|| Self::of(&formats::JSON))
        })
    }

    /// The same with as many values behind its own as most lines have. Whoever sends a quotation mark can only make them more: of numbers
    /// that a tenth of the lines have, it is the smallest.
    fn counted(mut self, lines: &[Cow<'_, str>], fields: &Fields) -> Self {
        let Some(mut layout) = self.layout(fields).filter(Layout::is_bare) else {
            return self;
        };
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        let mut all = 0_usize;
        for line in lines {
            let is_call = layout.entry(line, false, &mut Vec::new()).is_ok();
            if let (true, Some(extras)) = (is_call, layout.count_extras(line)) {
                let count = counts.entry(extras).or_default();
                *count = count.saturating_add(1);
                all = all.saturating_add(1);
            }
        }
        let mut often = counts
            .iter()
            .filter(|(_, count)| count.saturating_mul(10) >= all);
        self.extras = often.next().map(|(extras, _)| *extras);
        self
    }

    /// The layout of its lines, if it is one of text.
    pub(super) fn layout(&self, fields: &Fields) -> Option<Layout> {
        let Shape::Text {
            line,
            required,
            quotes,
        } = self.known.shape
        else {
            return None;
        };
        let of = fields.of(self.known);
        Some(match &self.line {
            Some(line) => Layout::new(&of, line, usize::MAX, quotes),
            None => Layout::new(&of, line, required, quotes).with_extras(self.extras),
        })
    }

    /// All values of each line at the beginning of a log, under their names.
    pub(super) fn pairs(&self, beginning: &[u8], fields: &Fields) -> Vec<Pairs> {
        if let Shape::Columns = self.known.shape {
            return Table::pairs(self.delimiter, beginning);
        }
        let text = String::from_utf8_lossy(beginning);
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let mut pieces = Pieces::new(&self.wrappers);
        let inside: Vec<_> = lines
            .filter(|line| !line.is_empty())
            .filter_map(|line| match pieces.whole(line) {
                Whole::Line(line) => Some(line),
                Whole::GoesOn | Whole::NotWrapped(_) => None,
            })
            .collect();
        match self.known.shape {
            Shape::Json(_) => inside
                .iter()
                .filter_map(|line| json::Names::pairs(line))
                .collect(),
            Shape::Directives => Directives::pairs(inside.iter().map(AsRef::as_ref)),
            Shape::Text { .. } | Shape::Columns => {
                let Some(layout) = self.layout(fields) else {
                    return Vec::new();
                };
                let pairs = |line: &Cow<'_, str>| {
                    let pairs = layout.pairs(line)?.into_iter();
                    Some(
                        pairs
                            .map(|(name, value)| (name.into_owned(), value.into_owned()))
                            .collect(),
                    )
                };
                inside.iter().filter_map(pairs).collect()
            }
        }
    }
}

/// The lines of a beginning in each wrapper in which most of them are.
fn unwrapped<'l>(
    (wrappers, lines): &(Vec<Wrapper>, Vec<Cow<'l, str>>),
) -> Vec<(Vec<Wrapper>, Vec<Cow<'l, str>>)> {
    let inside = |wrapper: Wrapper| {
        let mut pieces = Pieces::new(&[wrapper]);
        let mut found: Vec<Cow<'l, str>> = Vec::new();
        let mut others = 0_usize;
        for line in lines {
            match pieces.whole(line) {
                Whole::Line(line) => found.push(Cow::Owned(line.into_owned())),
                Whole::GoesOn => {}
                Whole::NotWrapped(_) => others = others.saturating_add(1),
            }
        }
        let most = !found.is_empty() && others.saturating_mul(2) < lines.len();
        let mut wrappers = wrappers.clone();
        wrappers.push(wrapper);
        most.then_some((wrappers, found))
    };
    wrapper::ALL
        .iter()
        .filter_map(|wrapper| inside(*wrapper))
        .collect()
}

/// The format that reads most lines, and how many.
fn most_read(
    lines: &[Cow<'_, str>],
    fields: &Fields,
    is_meant: &dyn Fn(&Known) -> bool,
) -> Option<(usize, &'static Known)> {
    let meant = formats::ALL.iter().copied().filter(|known| is_meant(known));
    let objects: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with('{'))
        .filter_map(|line| Some((line.as_ref(), json::Names::pairs(line)?)))
        .collect();
    let read = meant.map(|known| (lines_read(known, lines, &objects, fields), known));
    read.filter(|(read, _)| *read > 0)
        .rev()
        .max_by_key(|(read, _)| *read)
}

/// How many lines a format reads.
fn lines_read(
    known: &'static Known,
    lines: &[Cow<'_, str>],
    objects: &[(&str, Pairs)],
    fields: &Fields,
) -> usize {
    let fields = fields.of(known);
    let mut spare = Vec::new();
    match known.shape {
        Shape::Json(marks) => {
            let mut names = json::Names::new(&fields);
            let is_marked = |pairs: &Pairs| {
                let has = |mark: &&str| pairs.iter().any(|(name, _)| name == mark);
                marks.iter().all(|group| group.iter().any(has))
            };
            let marked = objects.iter().filter(|(_, pairs)| is_marked(pairs));
            let read = marked.filter(|(line, _)| names.entry(line, false, &mut spare).is_ok());
            read.count()
        }
        Shape::Text {
            line,
            required,
            quotes,
        } => {
            let mut layout = Layout::new(&fields, line, required, quotes);
            let mut read = |layout: &mut Layout| {
                let mut is_read =
                    |line: &Cow<'_, str>| layout.entry(line, false, &mut spare).is_ok();
                lines.iter().filter(|line| is_read(line)).count()
            };
            let found = read(&mut layout);
            // Lines with quotation marks of clients are read by what the others are like.
            let counted = (found > 0 && layout.is_bare())
                .then(|| Format::of(known).counted(lines, &fields).layout(&fields));
            match counted.flatten() {
                Some(mut layout) => read(&mut layout),
                None => found,
            }
        }
        Shape::Directives => {
            let Some(named) = lines.iter().find(|line| Directives::names_fields(line)) else {
                return 0;
            };
            let is_iis = |line: &Cow<'_, str>| {
                line.starts_with("#Software: Microsoft")
                    || (line.starts_with('#') && line.contains("sc-win32-status"))
            };
            let is_special = match known.name {
                "iis" => lines.iter().any(is_iis),
                "cloudfront" => named.contains("x-edge-"),
                _ => true,
            };
            if !is_special {
                return 0;
            }
            let mut directives = Directives::new(&fields);
            let is_read = |line: &&Cow<'_, str>| {
                let entry = directives.entry(line, false, &mut spare);
                entry.is_some_and(|entry| entry.is_ok())
            };
            lines.iter().filter(is_read).count()
        }
        Shape::Columns => 0,
    }
}

/// The delimiter of a line with names of columns.
fn heading(line: &str, fields: &Fields) -> Option<u8> {
    [b',', b';', b'\t'].into_iter().find(|delimiter| {
        let names = line.split(char::from(*delimiter));
        let names = names.map(|name| name.trim_matches(['"', ' ', '\r']));
        let known = |name: &&str| Fields::is_customary(name) || !fields.slots(name).is_empty();
        names.filter(known).count() >= 2
    })
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.known.shape, self.delimiter) {
            (Shape::Columns, b'\t') => f.write_str("tab-separated values")?,
            (Shape::Columns, b';') => f.write_str("semicolon-separated values")?,
            _ => f.write_str(self.known.title)?,
        }
        self.wrappers
            .iter()
            .rev()
            .try_for_each(|wrapper| write!(f, " in {}", wrapper.name()))
    }
}
