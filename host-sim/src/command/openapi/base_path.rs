//! What stands before the paths of a document: the paths of its servers.

use super::place::Place;
use super::remark::Remark;

/// How many URLs the values of a server's variables may make.
const MOST_URLS: usize = 64;

/// The base paths of these servers, without a slash at the end; each once, in their order.
pub(super) fn of_servers(servers: &[Place<'_>], remarks: &mut Vec<Remark>) -> Vec<String> {
    let mut bases = Vec::new();
    for server in servers {
        let Some(url) = server.get("url").and_then(|url| url.text()) else {
            remarks.push(Remark::loss(server.at(), "a server without a URL"));
            continue;
        };
        for url in urls(server, url, remarks) {
            let base = path_of(&url);
            if !bases.contains(&base) {
                bases.push(base);
            }
        }
        if !url.starts_with(['/', '{']) && !url.contains("://") && !matches!(url, "." | "./" | "") {
            let text = format!(
                "the server `{url}` is relative to wherever the document is: taken as `{}` (--base-path says otherwise)",
                path_of(url)
            );
            remarks.push(Remark::note(server.at(), text));
        }
    }
    bases
}

/// The base path of Swagger 2.
pub(super) fn of_swagger(base: &str) -> String {
    path_of(&format!("/{}", base.trim_start_matches('/')))
}

/// The URLs that come of the values of a server's variables.
fn urls(server: &Place<'_>, url: &str, remarks: &mut Vec<Remark>) -> Vec<String> {
    let mut urls = vec![url.to_owned()];
    let variables = server.get("variables");
    let variables = variables.map(|variables| variables.members());
    for (name, variable) in variables.into_iter().flatten() {
        let hole = format!("{{{name}}}");
        let values = variable.get("enum");
        let mut values: Vec<String> = values
            .into_iter()
            .flat_map(|values| values.items())
            .filter_map(|value| value.scalar())
            .collect();
        if values.is_empty() {
            let default = variable.get("default").and_then(|default| default.scalar());
            let default = default.unwrap_or_default();
            let other = format!("{default}-other");
            let with = |value: &str| path_of(&url.replace(&hole, value));
            if with(&default) != with(&other) {
                let text = format!(
                    "the server's variable `{name}` may have any value: its default {default:?} is taken (--base-path says otherwise)"
                );
                remarks.push(Remark::note(variable.at(), text));
            }
            values.push(default);
        }
        let many = urls.iter().flat_map(|url| {
            let values = values.iter();
            values.map(|value| url.replace(&hole, value))
        });
        urls = many.collect();
        if urls.len() > MOST_URLS {
            let text = format!(
                "more than {MOST_URLS} URLs come of the server's variables: the others are left out"
            );
            remarks.push(Remark::loss(server.at(), text));
            urls.truncate(MOST_URLS);
        }
    }
    urls
}

/// The path of a URL, without a slash at the end.
fn path_of(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let path = match url.split_once("//") {
        // With or without a scheme, a host goes before the path.
        Some((scheme, rest)) if scheme.is_empty() || scheme.ends_with(':') => {
            rest.split_once('/').map_or("", |(_, path)| path)
        }
        _ => url.trim_start_matches("./"),
    };
    match path.trim_matches('/') {
        "" | "." => String::new(),
        path => format!("/{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_url_is_what_comes_behind_the_host() {
        for (url, path) in [
            ("https://api.example.com", ""),
            ("https://api.example.com/", ""),
            ("https://api.example.com:8443/v1/", "/v1"),
            ("//api.example.com/a/b?c=d#e", "/a/b"),
            ("/v1", "/v1"),
            ("/", ""),
            (".", ""),
            ("./v2", "/v2"),
            ("v2", "/v2"),
            ("{scheme}://{host}/{tenant}", "/{tenant}"),
        ] {
            let url = url.replace("{scheme}", "https");
            assert_eq!(path_of(&url), path, "{url}");
        }
        assert_eq!(of_swagger("v1/"), "/v1");
        assert_eq!(of_swagger("/"), "");
    }
}
