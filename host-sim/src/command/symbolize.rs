//! `host-sim symbolize`: what a backtrace in Envoy's log is in the source.

mod reader;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use host_sim::symbols::{Symbols, frame_lines};

use crate::command::output::say;
use reader::{Frame, Reader, Seen};

/// What `host-sim symbolize` is told.
#[derive(Args, Debug)]
pub(crate) struct Symbolize {
    /// The module that Envoy ran, or the same before its names were stripped
    #[arg(long, value_name = "MODULE.wasm", required_unless_present = "plugin")]
    symbols: Option<PathBuf>,
    /// The module that Envoy ran, to make sure that --symbols has the same code
    #[arg(long, value_name = "FILTER.wasm")]
    plugin: Option<PathBuf>,
    /// Envoy's log; without it, what comes from the standard input
    #[arg(value_name = "LOG")]
    log: Option<PathBuf>,
}

impl Symbolize {
    /// Whether there was a backtrace.
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        let symbols = self.symbols()?;
        let (log, name): (Box<dyn BufRead>, _) = match &self.log {
            Some(file) => {
                let name = file.display().to_string();
                let opened = File::open(file).with_context(|| name.clone())?;
                (Box::new(BufReader::new(opened)), name)
            }
            None => (Box::new(io::stdin().lock()), "standard input".to_owned()),
        };
        let mut reader = Reader::default();
        let (mut failures, mut backtraces, mut others) = (0_usize, 0_usize, 0_usize);
        for line in log.split(b'\n') {
            let line = line.with_context(|| name.clone())?;
            for seen in reader.read(&String::from_utf8_lossy(&line)) {
                match seen {
                    Seen::Failure(line) => {
                        failures = failures.saturating_add(1);
                        say!("{line}");
                    }
                    Seen::Backtrace => backtraces = backtraces.saturating_add(1),
                    Seen::Frame(frame) => {
                        let (lines, is_other) = resolved(&symbols, &frame)?;
                        for line in lines {
                            say!("{line}");
                        }
                        others = others.saturating_add(usize::from(is_other));
                    }
                }
            }
        }
        if others > 0 {
            eprintln!(
                "{others} functions have other names in Envoy's log: is this the module that it ran, or the same with its names?"
            );
        }
        if backtraces > 0 {
            if !symbols.has_lines() {
                eprintln!(
                    "the module has no source lines (DWARF): build it with strip = false and debug = 1, and name that \
                     one with --symbols"
                );
            }
            return Ok(true);
        }
        if failures > 0 {
            eprintln!(
                "{name}: a filter failed, and Envoy wrote no backtrace, which it does only of a module with a name section: give Envoy one \
                 that was built with strip = \"debuginfo\""
            );
        } else {
            eprintln!("{name}: no `{}` in it", reader::HEAD);
        }
        Ok(false)
    }

    fn symbols(&self) -> anyhow::Result<Symbols> {
        let read = |file: &PathBuf| std::fs::read(file).with_context(|| file.display().to_string());
        let (of, symbols) = match (&self.plugin, &self.symbols) {
            (Some(plugin), Some(twin)) => (twin, Symbols::with_twin(&read(plugin)?, &read(twin)?)),
            (Some(module), None) | (None, Some(module)) => (module, Symbols::of(&read(module)?)),
            (None, None) => bail!("there is no module: name it with --symbols"),
        };
        symbols.with_context(|| of.display().to_string())
    }
}

/// A frame of Envoy's log as it is in the source, and whether the compiler has called that function something else.
fn resolved(symbols: &Symbols, frame: &Frame) -> anyhow::Result<(Vec<String>, bool)> {
    let at = symbols.function_at(frame.offset);
    let Some(function) = at.filter(|at| frame.index().is_none_or(|index| index == *at)) else {
        let has = at.map_or("no code".to_owned(), |function| {
            format!("function {function}")
        });
        bail!(
            "frame {} is {:#x} in {}, where this module has {has}: expected the module that Envoy ran, or the same with its names",
            frame.number,
            frame.offset,
            frame.name
        );
    };
    let is_other = frame.index().is_none() && !symbols.may_be_called(function, &frame.name);
    let mut sites = symbols.call_sites(&[frame.offset]);
    let sites = sites.pop().unwrap_or_default();
    let mut lines = frame_lines(frame.number, frame.offset, &sites);
    if is_other {
        lines.push(format!("     in Envoy's log: {}", frame.name));
    }
    Ok((lines, is_other))
}
