//! A service whose answers stand in files, for whatever runs a plugin without a scenario.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::service::ServiceTable;
use crate::model::pattern::Pattern;
use crate::model::{Service, ServiceAnswer, ServiceBehaviour, Upstream};

/// Why there is no such service.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A file or a folder cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not say what a service does.
    #[error("{}: no service: {}", path.display(), source.to_string().trim_end())]
    Invalid {
        /// Which one.
        path: PathBuf,
        /// Where in it, and what was expected.
        source: Box<toml::de::Error>,
    },
}

impl Service {
    /// The service behind a cluster, with answers from files.
    ///
    /// A folder answers with its files: `organizations/7.json` in it, or `organizations/7`, is the answer to `/organizations/7`, with the status
    /// 200; every other path is answered 404. A TOML file says what scenarios say of a service, without its cluster: `answers = […]`
    /// or `down = …` (see [`scenario`](crate::scenario)).
    ///
    /// # Errors
    ///
    /// When something cannot be read, or the file is no such TOML file.
    pub fn from_path(cluster: &str, path: &Path) -> Result<Self, ServiceError> {
        let behaviour = if path.is_dir() {
            let mut answers = Vec::new();
            add_folder(path, "", &mut answers)?;
            ServiceBehaviour::Answers(answers)
        } else {
            let text = fs::read_to_string(path).map_err(|source| reading(path, source))?;
            let invalid = |source| ServiceError::Invalid {
                path: path.to_owned(),
                source: Box::new(source),
            };
            let mut table: toml::Table = toml::from_str(&text).map_err(invalid)?;
            table.insert("cluster".to_owned(), cluster.into());
            let ServiceTable(service) = table.try_into().map_err(invalid)?;
            service.behaviour
        };
        Ok(Self {
            cluster: cluster.to_owned(),
            behaviour,
        })
    }
}

fn reading(path: &Path, source: io::Error) -> ServiceError {
    ServiceError::Read {
        path: path.to_owned(),
        source,
    }
}

/// Adds the answers of a folder whose URLs begin with this.
fn add_folder(
    folder: &Path,
    url: &str,
    answers: &mut Vec<ServiceAnswer>,
) -> Result<(), ServiceError> {
    let entries = fs::read_dir(folder).map_err(|source| reading(folder, source))?;
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| reading(folder, source))?;
    names.sort();
    for name in names {
        let path = folder.join(&name);
        let url = format!("{url}/{}", name.to_string_lossy());
        if path.is_dir() {
            add_folder(&path, &url, answers)?;
            continue;
        }
        let body = fs::read(&path).map_err(|source| reading(&path, source))?;
        let json = url.strip_suffix(".json");
        let headers = json.map(|_| ("content-type".to_owned(), "application/json".to_owned()));
        answers.push(ServiceAnswer {
            path: Pattern::Exactly(json.unwrap_or(&url).to_owned()),
            answer: Upstream {
                status: 200,
                headers: headers.into_iter().collect(),
                body,
                ..Upstream::default()
            },
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(service: &Service, path: &str) -> (u16, String) {
        let answer = service.behaviour.answer(path).unwrap();
        (answer.status, String::from_utf8(answer.body).unwrap())
    }

    #[test]
    fn a_folder_answers_with_its_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("organizations")).unwrap();
        fs::write(folder.path().join("organizations/7.json"), "{}").unwrap();
        fs::write(folder.path().join("health"), "well").unwrap();
        let service = Service::from_path("crm", folder.path()).unwrap();
        assert_eq!(service.cluster, "crm");
        assert_eq!(body(&service, "/organizations/7"), (200, "{}".to_owned()));
        assert_eq!(body(&service, "/health"), (200, "well".to_owned()));
        assert_eq!(body(&service, "/organizations/8"), (404, String::new()));
    }

    #[test]
    fn a_toml_file_says_what_scenarios_say() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("crm.toml");
        fs::write(
            &file,
            "answers = [{ path = { matches = '/o/.*' }, body_json = { edition = 'Free' } }]",
        )
        .unwrap();
        let service = Service::from_path("crm", &file).unwrap();
        let free = r#"{"edition":"Free"}"#.to_owned();
        assert_eq!(body(&service, "/o/1"), (200, free));

        fs::write(&file, "answer = []").unwrap();
        let error = Service::from_path("crm", &file).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{}: no service: unknown field `answer`, expected one of `cluster`, `protocol`, `answers`, `replies`, `says`, `down`",
                file.display()
            )
        );
        let error = Service::from_path("crm", &folder.path().join("none")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{}: No such file or directory (os error 2)",
                folder.path().join("none").display()
            )
        );
    }
}
