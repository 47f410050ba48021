//! Tests in the format of Google's Service Extensions (`tests.textpb`), which runs proxy-wasm modules in its load balancers.
//!
//! A file holds tests, each of one request: what goes into each phase, and what the plugin must have made of it. Google's runner calls the
//! module's callbacks by itself, without a proxy; here the request goes through Envoy as any other does. So a few things cannot be as they
//! are there, and a mismatch that comes of one says so:
//!
//! - Envoy knows the whole request. Headers that a test does not give are `GET` (`POST` with a body), `/`, `api.example`, and 200 for an answer;
//!   phases that it does not name take place without expectations.
//! - Envoy adds headers: `:scheme`, `x-forwarded-proto`, `x-request-id`, `date`, `server` and others. Names are in lower case.
//! - A message without a body ends with its headers, and only its last piece ends it. `content-length` says what the body has.
//! - A plugin that pauses is held until it goes on, and what it paused is not passed on; bodies that it holds gather.
//! - The body of an answer cannot be replaced by another answer, since its headers are gone.
//! - Properties that a test does not set are Envoy's.
//!
//! As there, each test has a VM of its own, time stands still, at the Unix epoch unless `time_secs` says otherwise, and only lines of the
//! phase count, of a body in pieces those of the last one. `proxy_on_log` counts as a part of `stream_destroy`.
//!
//! ```
//! use std::path::Path;
//! use host_sim::{EnvoyVersion, Module};
//! use host_sim::service_extensions::Suite;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let module = Module::from_bytes(host_sim::SMALLEST)?;
//! let suite = Suite::from_text(r#"
//!     test {
//!       name: "PassesOn"
//!       request_headers {
//!         input { header { key: ":path" value: "/a" } }
//!         result { has_header { key: ":path" value: "/a" } no_header { key: "x-added" } }
//!       }
//!     }
//! "#, Path::new("tests.textpb"))?;
//! let report = suite.tests()[0].run(&module, b"", EnvoyVersion::NEWEST)?;
//! assert!(report.is_good(), "{report}");
//! # Ok(())
//! # }
//! ```

mod check;
mod http1;
mod phases;
mod suite;
mod text_format;

use std::fs;
use std::path::{Path, PathBuf};

use crate::guest::module::Module;
use crate::model::envoy_version::EnvoyVersion;
use crate::proxy::simulator::{SimulationError, StartError};
use crate::scenario::ScenarioError;
use crate::scenario::report::Report;
use suite::{Case, Env};

/// A file of tests.
#[derive(Clone, Debug)]
pub struct Suite {
    path: PathBuf,
    env: Env,
    tests: Vec<Test>,
    unused: Vec<(usize, String)>,
}

/// One of its tests.
#[derive(Clone, Debug)]
pub struct Test {
    file: PathBuf,
    /// The lines of the file.
    lines: std::sync::Arc<[String]>,
    env: Env,
    case: Case,
}

/// Why a test could not be run to an outcome.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// A file that the test names cannot be read, or holds no headers.
    #[error("{}:{line}: {message}", file.display())]
    Input {
        /// The file of tests.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What, and why.
        message: String,
    },
    /// The module cannot be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The module hangs, or does what the simulator cannot.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
}

impl Suite {
    /// Whether a file of this name holds such tests.
    #[must_use]
    pub fn is_named_like_one(path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("textpb" | "textproto" | "pbtxt" | "txtpb"))
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or something in it is not understood; the error says where, and what was expected.
    pub fn from_file(path: &Path) -> Result<Self, ScenarioError> {
        let text = fs::read_to_string(path).map_err(|source| ScenarioError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::from_text(&text, path)
    }

    /// Reads a text; `path` is for messages and for finding files relative to it.
    ///
    /// # Errors
    ///
    /// When something in it is not understood.
    pub fn from_text(text: &str, path: &Path) -> Result<Self, ScenarioError> {
        let content = suite::read(text, path)?;
        let lines: std::sync::Arc<[String]> = text.lines().map(str::to_owned).collect();
        let test = |case| Test {
            file: path.to_owned(),
            lines: std::sync::Arc::clone(&lines),
            env: content.env.clone(),
            case,
        };
        Ok(Self {
            path: path.to_owned(),
            tests: content.tests.into_iter().map(test).collect(),
            unused: content.unused,
            env: content.env,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its tests, in their order.
    #[must_use]
    pub fn tests(&self) -> &[Test] {
        &self.tests
    }

    /// The module that it names (`wasm_path`).
    #[must_use]
    pub fn module(&self) -> Option<PathBuf> {
        self.env.wasm_path.as_deref().map(|path| self.found(path))
    }

    /// The plugin's configuration that it names (`config_path`).
    #[must_use]
    pub fn configuration(&self) -> Option<PathBuf> {
        self.env.config_path.as_deref().map(|path| self.found(path))
    }

    /// What stands in the file and has no effect here, with its line and why.
    #[must_use]
    pub fn unused(&self) -> &[(usize, String)] {
        &self.unused
    }

    /// A path beside the file, or else from the working directory, where Google's runner starts.
    fn found(&self, path: &str) -> PathBuf {
        let beside = beside(&self.path, path);
        if beside.exists() { beside } else { path.into() }
    }
}

fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}

impl Test {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.case.name
    }

    /// Runs it: a VM of its own, one request, and what differed. Whatever the plugin does is in the report.
    ///
    /// # Errors
    ///
    /// When a file that it names cannot be read, or the module hangs or cannot be simulated.
    pub fn run(
        &self,
        module: &Module,
        configuration: &[u8],
        envoy: EnvoyVersion,
    ) -> Result<Report, TestError> {
        phases::run(self, module, configuration, envoy)
    }
}
