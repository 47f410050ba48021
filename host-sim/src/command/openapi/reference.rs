//! References between the parts of documents (`$ref`): a file, and a JSON Pointer into it.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

/// A reference, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// The file; `None` for the one in which the reference stands.
    pub(super) file: Option<PathBuf>,
    /// The keys of the JSON Pointer.
    pub(super) keys: Vec<String>,
}

impl Reference {
    /// Reads a reference that stands in `file`.
    ///
    /// # Errors
    ///
    /// It refers to something that is not looked up; why.
    pub(super) fn read(text: &str, file: &Path) -> Result<Self, String> {
        let (target, fragment) = text.split_once('#').unwrap_or((text, ""));
        if target.contains("://") {
            return Err(format!("`{text}` is not fetched: only files are read"));
        }
        let file = (!target.is_empty()).then(|| {
            let target = percent_decode_str(target).decode_utf8_lossy();
            let folder = file.parent().unwrap_or(Path::new(""));
            normalized(&folder.join(target.as_ref()))
        });
        let fragment = percent_decode_str(fragment).decode_utf8_lossy();
        let keys = match fragment.strip_prefix('/') {
            Some(keys) => keys.split('/').map(unescaped).collect(),
            None if fragment.is_empty() => Vec::new(),
            None => {
                return Err(format!(
                    "`{text}` names an anchor, expected a JSON Pointer behind the `#`"
                ));
            }
        };
        Ok(Self { file, keys })
    }
}

/// A key as a JSON Pointer writes it.
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn unescaped(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

/// The path without `.` and without `..` behind a folder, so that a file has one name.
pub(super) fn normalized(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut normalized = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(
                    normalized.components().next_back(),
                    Some(Component::Normal(_))
                ) =>
            {
                normalized.pop();
            }
            other => normalized.push(other),
        }
    }
    normalized
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_file_and_a_pointer() {
        let check = |text: &str, file: Option<&str>, keys: &[&str]| {
            let expected = Reference {
                file: file.map(PathBuf::from),
                keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            };
            let read = Reference::read(text, Path::new("api/root.yaml"));
            assert_eq!(read, Ok(expected), "{text}");
        };
        check(
            "#/paths/~1a~1%7Bid%7D/get",
            None,
            &["paths", "/a/{id}", "get"],
        );
        check("#/a~01", None, &["a~1"]);
        check("#", None, &[]);
        check("./paths/users.yaml", Some("api/paths/users.yaml"), &[]);
        check("../b%20c.json#/x", Some("b c.json"), &["x"]);
        for (text, error) in [
            (
                "https://a.example/x.yaml#/b",
                "`https://a.example/x.yaml#/b` is not fetched: only files are read",
            ),
            (
                "#name",
                "`#name` names an anchor, expected a JSON Pointer behind the `#`",
            ),
        ] {
            let read = Reference::read(text, Path::new("root.yaml"));
            assert_eq!(read, Err(error.to_owned()));
        }
    }
}
