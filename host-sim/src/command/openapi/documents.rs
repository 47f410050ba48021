//! The files of a document.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::place::Place;
use super::reference::{Reference, normalized};
use super::tree::{Tree, Value};
use super::{json, yaml};
use crate::command::diagnostic::Pointed;

/// A document, and all files that it refers to.
#[derive(Debug)]
pub(crate) struct Documents {
    /// The document itself first.
    files: Vec<File>,
    numbers: HashMap<PathBuf, usize>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    /// What is in it, or why that cannot be told.
    tree: Result<Tree, String>,
}

impl Documents {
    /// Reads a document and whatever files it refers to.
    ///
    /// # Errors
    ///
    /// The document cannot be read. A file that it refers to and that cannot be read is an error only to whoever follows the reference.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let tree = read(path)?;
        let mut documents = Self {
            files: Vec::new(),
            numbers: HashMap::new(),
        };
        let mut waiting = documents.add(path, Ok(tree));
        while let Some(path) = waiting.pop() {
            if documents.numbers.contains_key(&path) {
                continue;
            }
            let tree = read(&path).map_err(|error| format!("{error:#}"));
            waiting.extend(documents.add(&path, tree));
        }
        Ok(documents)
    }

    /// The whole document.
    pub(crate) fn root(&self) -> Place<'_> {
        Place::new(self, 0, Tree::ROOT, String::new())
    }

    /// Names that are there twice in one object: the file, the name and the line.
    pub(crate) fn repeated(&self) -> impl Iterator<Item = (&Path, &str, usize)> {
        self.files.iter().flat_map(|file| {
            let tree = file.tree.as_ref().ok();
            let repeated = tree.into_iter().flat_map(|tree| &tree.repeated);
            repeated.map(|(name, line)| (file.path.as_path(), name.as_str(), *line))
        })
    }

    pub(super) fn path(&self, file: usize) -> &Path {
        self.files
            .get(file)
            .map_or(Path::new(""), |file| file.path.as_path())
    }

    pub(super) fn tree(&self, file: usize) -> Option<&Tree> {
        self.files.get(file)?.tree.as_ref().ok()
    }

    /// The file of this path.
    ///
    /// # Errors
    ///
    /// It cannot be read; why.
    pub(super) fn file(&self, path: &Path) -> Result<usize, String> {
        let number = self.numbers.get(path);
        let number = *number.ok_or_else(|| format!("{} is not read", path.display()))?;
        match self.files.get(number).map(|file| &file.tree) {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(number),
        }
    }

    /// Adds a file; the files that it refers to.
    fn add(&mut self, path: &Path, tree: Result<Tree, String>) -> Vec<PathBuf> {
        let path = normalized(path);
        let mut others = Vec::new();
        if let Ok(tree) = &tree {
            for node in tree.nodes() {
                if let Value::Object(members) = &node.value
                    && let Some(member) = members.iter().find(|member| member.name == "$ref")
                    && let Some(Value::Text(text)) = tree.node(member.node).map(|node| &node.value)
                    && let Ok(Reference {
                        file: Some(other), ..
                    }) = Reference::read(text, &path)
                {
                    others.push(other);
                }
            }
        }
        self.numbers.insert(path.clone(), self.files.len());
        self.files.push(File { path, tree });
        others
    }
}

/// The tree of a file: JSON if it begins as JSON does, otherwise YAML.
fn read(path: &Path) -> anyhow::Result<Tree> {
    let name = || path.display().to_string();
    let bytes = fs::read(path).with_context(name)?;
    let text = String::from_utf8(bytes)
        .map_err(|error| anyhow!("not UTF-8 (byte {})", error.utf8_error().valid_up_to()))
        .with_context(name)?;
    let text = match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    };
    let pointed = |text: String, place: (usize, usize), message: String| {
        anyhow::Error::from(Pointed::new(path, text, place, message, "here"))
    };
    if text.trim_start().starts_with(['{', '[']) {
        return json::parse(&text).or_else(|error| {
            // A YAML document may begin like this as well.
            yaml::parse(&text).map_err(|_| {
                let place = (error.line(), error.column());
                pointed(text, place, format!("not JSON: {error}"))
            })
        });
    }
    yaml::parse(&text).map_err(|error| {
        let at = error.marker();
        let place = (at.line(), at.col().saturating_add(1));
        let message = format!("not YAML: {}", error.info());
        pointed(text, place, message)
    })
}
