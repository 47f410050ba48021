//! Which lines of the filter's source the scenarios reach, as a tracefile of lcov and as pages.

mod page;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use host_sim::Module;
use host_sim::coverage::{Coverage, CoverageError, Share};

/// What is to be told of coverage.
#[derive(Args, Debug)]
pub(super) struct CoverageOptions {
    /// Also write which lines of the filter's source were executed, for code review services and editors
    #[arg(long, value_name = "LCOV.info", help_heading = "Coverage")]
    coverage: Option<PathBuf>,
    /// The same as pages, in this folder: index.html and one for each file
    #[arg(long, value_name = "FOLDER", help_heading = "Coverage")]
    coverage_html: Option<PathBuf>,
    /// Only of source files whose path begins so, as the compiler wrote it down; may be repeated. Otherwise of those below the
    /// current directory
    #[arg(long, value_name = "PATH", help_heading = "Coverage")]
    coverage_only: Vec<PathBuf>,
}

/// How one builds a module that tells its lines.
const HOW: &str = "build it with them (Rust: `strip = false` and `debug = 1` in the profile, or \
                   RUSTFLAGS='-Cstrip=none -Cdebuginfo=1'; clang: -g; TinyGo: without -no-debug; AssemblyScript and Go have none)";

/// How many folders are named in which there is source.
const FOLDERS: usize = 8;

impl CoverageOptions {
    /// Whether any is.
    pub(super) fn is_wanted(&self) -> bool {
        self.coverage.is_some() || self.coverage_html.is_some()
    }

    /// The module in this file, whose code is counted.
    ///
    /// # Errors
    ///
    /// It cannot be loaded, or does not tell its source.
    pub(super) fn load(&self, plugin: &Path, has_twin: bool) -> anyhow::Result<Module> {
        let name = plugin.display();
        if has_twin {
            bail!(
                "--symbols: lines are counted in the module itself: name the one that has them with --plugin"
            );
        }
        // What is wrong with the file is said as always.
        if !super::super::load(plugin)?.has_source_lines() {
            bail!("{name}: {}: {HOW}", CoverageError::NoDwarf);
        }
        let bytes = std::fs::read(plugin).with_context(|| name.to_string())?;
        Module::covered(&bytes).with_context(|| name.to_string())
    }

    /// Writes what was executed, and says how much that is.
    pub(super) fn write(&self, module: &Module) -> anyhow::Result<String> {
        let all = module.coverage()?;
        let here = std::env::current_dir()?.canonicalize()?;
        let coverage = self.chosen(&all, &here)?;
        let mut written = Vec::new();
        if let Some(file) = &self.coverage {
            std::fs::write(file, coverage.lcov()).with_context(|| file.display().to_string())?;
            written.push(file.display().to_string());
        }
        if let Some(folder) = &self.coverage_html {
            let index = page::write(&coverage, folder, &here)?;
            written.push(index.display().to_string());
        }
        Ok(format!(
            "coverage: {}, {}: {}",
            told(coverage.line_share(), "lines"),
            told(coverage.function_share(), "functions"),
            written.join(", ")
        ))
    }

    fn chosen(&self, all: &Coverage, here: &Path) -> anyhow::Result<Coverage> {
        let everything = [here.to_owned()];
        let prefixes = if self.coverage_only.is_empty() {
            everything.as_slice()
        } else {
            &self.coverage_only
        };
        // What is relative, on either side, is so to the current directory.
        let is_below = |path: &str| {
            let path = Path::new(path);
            let is_of = |prefix: &PathBuf| {
                path.starts_with(prefix) || here.join(path).starts_with(here.join(prefix))
            };
            prefixes.iter().any(is_of)
        };
        let chosen = all.only(is_below);
        if chosen.files.is_empty() {
            let named: Vec<_> = prefixes
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            let folders: BTreeSet<_> = all.files.keys().map(|path| folder(path)).collect();
            let folders: Vec<_> = folders.into_iter().take(FOLDERS).collect();
            bail!(
                "no source of the module is below {}: name where it is with --coverage-only; it is below {}",
                named.join(" or "),
                folders.join(", ")
            );
        }
        Ok(chosen)
    }
}

/// The first folders of a path.
fn folder(path: &str) -> &str {
    const DEPTH: usize = 4;
    let ends = path.match_indices('/').map(|(end, _)| end);
    let end = ends.take(DEPTH).last().unwrap_or(path.len());
    path.get(..end).unwrap_or(path)
}

fn told(share: Share, what: &str) -> String {
    let Share { hit, all } = share;
    format!("{hit} of {all} {what} ({:.1} %)", share.percent())
}
