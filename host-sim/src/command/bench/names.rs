//! What the frames of a profile are called.

use std::path::Path;

use anyhow::Context as _;
use host_sim::profile::Frame;
use host_sim::symbols::Symbols;

/// Names of a module's functions.
#[derive(Debug, Default)]
pub(super) struct Names(Option<Symbols>);

impl Names {
    /// The names of a module, with those of its twin before its own.
    ///
    /// # Errors
    ///
    /// The twin cannot be read, or is another module.
    pub(super) fn of(module: &[u8], twin: Option<&Path>) -> anyhow::Result<Self> {
        let symbols = match twin {
            None => Symbols::of(module)?,
            Some(file) => {
                let place = || file.display().to_string();
                let twin = std::fs::read(file).with_context(place)?;
                Symbols::with_twin(module, &twin).with_context(place)?
            }
        };
        Ok(Self(Some(symbols)))
    }

    /// What a frame is called.
    pub(super) fn name(&self, frame: Frame) -> String {
        match (frame, &self.0) {
            (Frame::Callback(name) | Frame::Hostcall(name), _) => name.to_owned(),
            (Frame::Function(number), Some(symbols)) => symbols.name(number),
            (Frame::Function(number), None) => format!("function {number}"),
        }
    }
}
