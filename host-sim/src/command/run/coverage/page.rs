//! Coverage as pages, which work without scripts.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use askama::Template;
use host_sim::coverage::{Coverage, FileCoverage, Share};

#[derive(Template)]
#[template(path = "index.html")]
struct Index {
    css: &'static str,
    lines: Told,
    functions: Told,
    files: Vec<Row>,
}

#[derive(Template)]
#[template(path = "file.html")]
struct Page<'c> {
    css: &'static str,
    path: String,
    lines: Told,
    functions: Told,
    /// The functions that were not called.
    missed: Vec<(u32, &'c str)>,
    source: Vec<Line<'c>>,
}

/// A file in the table.
struct Row {
    path: String,
    page: String,
    lines: Told,
    functions: Told,
}

/// A share as it is shown.
struct Told {
    hit: usize,
    all: usize,
    percent: String,
}

/// A line of a file.
struct Line<'s> {
    number: usize,
    /// How often it was executed; empty of one without code.
    count: String,
    class: &'static str,
    text: &'s str,
}

const CSS: &str = concat!(
    include_str!("../../replay/page.css"),
    include_str!("page.css")
);

impl Told {
    fn of(share: Share) -> Self {
        Self {
            hit: share.hit,
            all: share.all,
            percent: format!("{:.1}", share.percent()),
        }
    }
}

/// Writes the pages into a folder; says which is the first. Paths below `here` are shown from there.
pub(super) fn write(coverage: &Coverage, folder: &Path, here: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let put = |name: &str, text: String| {
        let file = folder.join(name);
        std::fs::write(&file, text).with_context(|| file.display().to_string())?;
        anyhow::Ok(file)
    };
    let mut files = Vec::new();
    for (path, file) in &coverage.files {
        let path = Path::new(path);
        let shown = path
            .strip_prefix(here)
            .unwrap_or(path)
            .display()
            .to_string();
        let page = page_name(&shown);
        // Where the source is not on this machine, its lines are still numbers.
        let text = std::fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        put(&page, page_of(&shown, &text, file).render()?)?;
        files.push(Row {
            path: shown,
            page,
            lines: Told::of(file.line_share()),
            functions: Told::of(file.function_share()),
        });
    }
    let index = Index {
        css: CSS,
        lines: Told::of(coverage.line_share()),
        functions: Told::of(coverage.function_share()),
        files,
    };
    put("index.html", index.render()?)
}

/// What the page of a file is called, without anything that has a meaning in addresses.
fn page_name(path: &str) -> String {
    let plain = |character: char| match character {
        '/' => '-',
        '.' | '-' => character,
        _ if character.is_ascii_alphanumeric() => character,
        _ => '_',
    };
    path.chars().map(plain).chain(".html".chars()).collect()
}

fn page_of<'c>(path: &str, text: &'c str, file: &'c FileCoverage) -> Page<'c> {
    let last = file.lines.keys().next_back().copied().unwrap_or_default();
    let last = usize::try_from(last).unwrap_or(usize::MAX);
    let lines: Vec<_> = text.lines().collect();
    let of = |number: usize| {
        let count = u32::try_from(number).ok();
        let count = count.and_then(|number| file.lines.get(&number));
        Line {
            number,
            count: count.map_or(String::new(), ToString::to_string),
            class: match count {
                None => "",
                Some(0) => "missed",
                Some(_) => "hit",
            },
            text: lines
                .get(number.saturating_sub(1))
                .copied()
                .unwrap_or_default(),
        }
    };
    let functions = file.functions.iter();
    Page {
        css: CSS,
        path: path.to_owned(),
        lines: Told::of(file.line_share()),
        functions: Told::of(file.function_share()),
        missed: functions
            .filter(|function| function.count == 0)
            .map(|function| (function.line, function.name.as_str()))
            .collect(),
        source: (1..=lines.len().max(last)).map(of).collect(),
    }
}
