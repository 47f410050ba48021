//! Headers that a test writes as HTTP/1 does: a first line, and a line for each header.

/// Headers, those of HTTP/2 that begin with a colon included.
pub(super) type Headers = Vec<(String, Vec<u8>)>;

/// The headers of a request.
pub(super) fn request(content: &[u8]) -> Result<Headers, String> {
    let text = String::from_utf8_lossy(content);
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let words: Vec<_> = first.split_ascii_whitespace().collect();
    let [method, target, version] = words.as_slice() else {
        return Err(format!(
            "expected a line such as `GET /things HTTP/1.1`, there is {first:?}"
        ));
    };
    if !version.starts_with("HTTP/") {
        return Err(format!(
            "expected a version such as `HTTP/1.1`, there is {version:?}"
        ));
    }
    let mut headers = vec![(":method".to_owned(), method.as_bytes().to_vec())];
    let mut add =
        |name: &str, value: &str| headers.push((name.to_owned(), value.as_bytes().to_vec()));
    let absolute = target.split_once("://");
    if let Some((scheme, rest)) = absolute {
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        add(":scheme", scheme);
        add(":authority", authority);
        add(":path", if path.is_empty() { "/" } else { path });
    } else if target.starts_with('/') || *target == "*" {
        add(":path", target);
    } else {
        return Err(format!(
            "expected a path or a whole address, there is {target:?}"
        ));
    }
    for line in fields(lines)? {
        match line {
            (name, _) if name == "host" && absolute.is_some() => {}
            (name, value) if name == "host" => headers.push((":authority".to_owned(), value)),
            line => headers.push(line),
        }
    }
    Ok(headers)
}

/// The headers of a response.
pub(super) fn response(content: &[u8]) -> Result<Headers, String> {
    let text = String::from_utf8_lossy(content);
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let mut words = first.split_ascii_whitespace();
    let (version, status) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    if !version.starts_with("HTTP/") || status.len() != 3 || status.parse::<u16>().is_err() {
        return Err(format!(
            "expected a line such as `HTTP/1.1 200 OK`, there is {first:?}"
        ));
    }
    let status = (":status".to_owned(), status.as_bytes().to_vec());
    Ok([vec![status], fields(lines)?].concat())
}

/// Up to the first empty line.
fn fields<'t>(lines: impl Iterator<Item = &'t str>) -> Result<Headers, String> {
    lines
        .take_while(|line| !line.is_empty())
        .map(|line| {
            let (name, value) = line.split_once(':').ok_or_else(|| {
                format!("expected a line such as `name: value`, there is {line:?}")
            })?;
            Ok((
                name.trim().to_ascii_lowercase(),
                value.trim().as_bytes().to_vec(),
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(headers: Result<Headers, String>) -> String {
        match headers {
            Ok(headers) => {
                let line = |(name, value): (String, Vec<u8>)| {
                    format!("{name}={}", String::from_utf8_lossy(&value))
                };
                headers.into_iter().map(line).collect::<Vec<_>>().join(" ")
            }
            Err(error) => error,
        }
    }

    #[test]
    fn a_request_in_either_form() {
        for (content, said) in [
            (
                "GET /a?b HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-A: 2\r\n",
                ":method=GET :path=/a?b :authority=h x-a=1 x-a=2",
            ),
            (
                "GET https://h:80 HTTP/1.1\nHost: other\n\nbody: none",
                ":method=GET :scheme=https :authority=h:80 :path=/",
            ),
            ("GET / HTTP/1.1", ":method=GET :path=/"),
            (
                "GET /",
                "expected a line such as `GET /things HTTP/1.1`, there is \"GET /\"",
            ),
            (
                "GET a HTTP/1.1",
                "expected a path or a whole address, there is \"a\"",
            ),
            (
                "GET / HTTP/1.1\nnone",
                "expected a line such as `name: value`, there is \"none\"",
            ),
        ] {
            assert_eq!(shown(request(content.as_bytes())), said);
        }
    }

    #[test]
    fn a_response() {
        for (content, said) in [
            ("HTTP/1.1 403 Forbidden\nA: b\n", ":status=403 a=b"),
            (
                "403",
                "expected a line such as `HTTP/1.1 200 OK`, there is \"403\"",
            ),
        ] {
            assert_eq!(shown(response(content.as_bytes())), said);
        }
    }
}
