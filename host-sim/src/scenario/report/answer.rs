//! An answer as a client gets it, written for people.

use std::fmt;

use crate::model::Exchange;
use crate::scenario::Hex;

/// So much of a body is shown, in bytes.
const MOST: usize = 2000;

/// What the client got of an exchange.
pub(super) struct Answer<'a>(pub(super) &'a Exchange);

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = self.0;
        if answer.status == 0 {
            return writeln!(f, "no answer");
        }
        writeln!(f, "{}", answer.status)?;
        for (name, value) in &answer.headers {
            writeln!(f, "{name}: {}", printable(value))?;
        }
        if !answer.body.is_empty() {
            writeln!(f)?;
            body(&answer.body, f)?;
        }
        if !answer.trailers.is_empty() {
            writeln!(f)?;
        }
        for (name, value) in &answer.trailers {
            writeln!(f, "{name}: {} (a trailer)", printable(value))?;
        }
        if answer.aborted {
            writeln!(f, "(cut off)")?;
        }
        Ok(())
    }
}

/// A value whose control characters are escaped.
fn printable(value: &str) -> String {
    let characters = value.chars().map(|character| {
        if character.is_control() {
            character.escape_default().to_string()
        } else {
            character.to_string()
        }
    });
    characters.collect()
}

/// The beginning of a body, in hexadecimal if it is no text.
fn body(body: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let shown = body.get(..MOST).unwrap_or(body);
    match std::str::from_utf8(body) {
        Ok(_) => {
            let text = String::from_utf8_lossy(shown);
            writeln!(f, "{}", text.trim_end_matches('\n'))?;
        }
        Err(_) => writeln!(f, "{} (in hexadecimal)", Hex(shown.to_vec()))?,
    }
    if shown.len() < body.len() {
        writeln!(f, "(the first {MOST} of {} bytes)", body.len())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_trailers_and_what_is_missing_are_told() {
        let exchange = Exchange {
            status: 200,
            headers: vec![("x-a".to_owned(), "1\u{7}".to_owned())],
            body: vec![0xff, 0],
            trailers: vec![("grpc-status".to_owned(), "0".to_owned())],
            aborted: true,
            ..Exchange::default()
        };
        assert_eq!(
            Answer(&exchange).to_string(),
            "200\nx-a: 1\\u{7}\n\nff00 (in hexadecimal)\n\ngrpc-status: 0 (a trailer)\n(cut off)\n"
        );
        assert_eq!(Answer(&Exchange::default()).to_string(), "no answer\n");
        let long = Exchange {
            body: vec![b'a'; MOST + 1],
            ..exchange
        };
        let text = Answer(&long).to_string();
        assert!(
            text.contains("a\n(the first 2000 of 2001 bytes)\n"),
            "{text}"
        );
    }
}
