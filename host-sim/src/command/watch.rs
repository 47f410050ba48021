//! Waiting for files to change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::Context as _;
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

/// How long everything must be left alone before the change counts as complete.
const SETTLED: Duration = Duration::from_millis(200);

/// Somebody who waits for files to change.
pub(crate) struct Watch {
    watcher: RecommendedWatcher,
    changes: Receiver<notify::Result<Event>>,
    files: BTreeSet<PathBuf>,
    /// Folders that are being watched, because editors and compilers replace files.
    folders: BTreeSet<PathBuf>,
}

impl Watch {
    /// Somebody who watches nothing yet.
    ///
    /// # Errors
    ///
    /// When the system does not tell of changes.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let (sender, changes) = mpsc::channel();
        Ok(Self {
            watcher: notify::recommended_watcher(sender)?,
            changes,
            files: BTreeSet::new(),
            folders: BTreeSet::new(),
        })
    }

    /// From now on a change of this file, or of anything in this folder, counts.
    ///
    /// # Errors
    ///
    /// When it cannot be watched.
    pub(crate) fn add(&mut self, path: &Path) -> anyhow::Result<()> {
        let path = absolute(path);
        let (folder, mode) = if path.is_dir() {
            (path.as_path(), RecursiveMode::Recursive)
        } else {
            let folder = path.parent().unwrap_or(Path::new("/"));
            (folder, RecursiveMode::NonRecursive)
        };
        if self.folders.insert(folder.to_owned()) {
            self.watcher
                .watch(folder, mode)
                .with_context(|| folder.display().to_string())?;
        }
        self.files.insert(path);
        Ok(())
    }

    /// Waits until something has changed since the last time.
    ///
    /// # Errors
    ///
    /// When the system stops telling of changes.
    pub(crate) fn until_one_changes(&self) -> anyhow::Result<()> {
        while !self.concerns(&self.changes.recv()??) {}
        // Compilers and editors write in several steps.
        while let Ok(event) = self.changes.recv_timeout(SETTLED) {
            event?;
        }
        Ok(())
    }

    /// Whether this is a change, and one of something that counts. Being read is no change.
    fn concerns(&self, event: &Event) -> bool {
        let counts = |path: &PathBuf| self.files.iter().any(|file| path.starts_with(file));
        !event.kind.is_access() && event.paths.iter().any(counts)
    }
}

fn absolute(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // A file that is just being replaced has no canonical name; its folder has.
    match (absolute.parent(), absolute.file_name()) {
        (Some(folder), Some(name)) => folder
            .canonicalize()
            .map_or_else(|_| absolute.clone(), |folder| folder.join(name)),
        _ => absolute,
    }
}
