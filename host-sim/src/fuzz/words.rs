//! Words that mean something to the plugin: found in its data, in its configuration, and in what it asks the host for.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::host::trace::{TraceEvent, TraceKind};
use crate::model::Request;
use crate::model::random::Random;
use crate::scenario::target::Setup;

/// Words by what they are for.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// Names of headers.
    pub(super) names: List,
    /// Values, of headers and parameters.
    pub(super) values: List,
    pub(super) paths: List,
    pub(super) clusters: List,
    /// Configurations that are accepted.
    pub(super) configurations: List,
}

/// Words in the order in which they were found, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    words: Vec<String>,
    known: BTreeSet<String>,
}

impl List {
    fn insert(&mut self, word: String) {
        if self.known.insert(word.clone()) {
            self.words.push(word);
        }
    }

    fn len(&self) -> usize {
        self.words.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// One of them.
    pub(super) fn one(&self, random: &mut Random) -> Option<&str> {
        let number = random.below(self.words.len());
        self.words.get(number).map(String::as_str)
    }
}

/// More words from a module's data are mostly messages.
const MOST: usize = 4096;

impl Words {
    /// From the data of a module: what is written in it and could be a word.
    pub(super) fn of_module(code: &[u8]) -> Self {
        let mut words = Self::default();
        for payload in wasmparser::Parser::new(0).parse_all(code).flatten() {
            let wasmparser::Payload::DataSection(section) = payload else {
                continue;
            };
            for data in section.into_iter().flatten() {
                words.add_data(data.data);
            }
        }
        words
    }

    fn add_data(&mut self, data: &[u8]) {
        let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./:%".contains(byte);
        for word in data.split(|byte| !is_of_word(byte)) {
            let Ok(word) = std::str::from_utf8(word) else {
                continue;
            };
            if (2..=32).contains(&word.len()) && self.values.len() < MOST {
                self.add_word(word);
            }
        }
    }

    fn add_word(&mut self, word: &str) {
        self.values.insert(word.to_owned());
        if word.starts_with('/') {
            self.paths.insert(word.to_owned());
        }
        let lower = word.to_ascii_lowercase();
        if lower.starts_with("x-") && lower.len() > 2 && is_name(&lower) {
            self.names.insert(lower);
        }
    }

    /// From the configuration of a scenario, and from its services.
    pub(super) fn add_setup(&mut self, setup: &Setup) {
        for filter in &setup.filters {
            let text = filter
                .config
                .at(crate::scenario::sim_target::start_of(setup.clock));
            if let Ok(text) = String::from_utf8(text) {
                if let Ok(value) = serde_json::from_str::<Value>(&text) {
                    self.add_json(&value);
                }
                if !text.is_empty() {
                    self.configurations.insert(text);
                }
            }
        }
        let clusters = setup.services.iter().map(|service| service.cluster.clone());
        self.add_clusters(clusters);
    }

    fn add_json(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.len() <= 256 => {
                self.add_word(text);
                let lower = text.to_ascii_lowercase();
                if lower.len() <= 40 && is_name(&lower) {
                    self.names.insert(lower);
                }
            }
            Value::Number(number) => {
                self.values.insert(number.to_string());
            }
            Value::Array(items) => items.iter().for_each(|item| self.add_json(item)),
            Value::Object(members) => {
                for (key, value) in members {
                    if key.len() <= 64 {
                        self.add_word(key);
                    }
                    self.add_json(value);
                }
            }
            _ => {}
        }
    }

    pub(super) fn add_clusters(&mut self, clusters: impl Iterator<Item = String>) {
        clusters.for_each(|cluster| self.clusters.insert(cluster));
    }

    pub(super) fn add_request(&mut self, request: &Request) {
        self.paths.insert(request.path.clone());
        for (name, value) in &request.headers {
            self.names.insert(name.to_ascii_lowercase());
            self.values.insert(value.clone());
        }
    }

    /// From what the plugin asked the host for.
    pub(super) fn add_trace(&mut self, trace: &[TraceEvent]) {
        for event in trace {
            let TraceKind::Hostcall {
                function: name,
                arguments,
                ..
            } = &event.kind
            else {
                continue;
            };
            let Some(quoted) = arguments.split('"').nth(1) else {
                continue;
            };
            if name.contains("_header_map_value") && is_name(quoted) {
                self.names.insert(quoted.to_ascii_lowercase());
            }
            if name == "proxy_http_call" {
                self.clusters.insert(quoted.to_owned());
            }
        }
    }
}

/// Whether it can be the name of a header that a client may send.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
