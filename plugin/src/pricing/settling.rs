//! Settling: what a response states as the cost of its call, and where.
//!
//! A response goes on to its client piece by piece while it is read. Nothing of it is kept but the number that is looked for, so that a
//! response of any length takes the same memory.

mod events;
mod number;

use events::Events;
use number::Numbers;

use crate::model::credits::Credits;
use crate::model::header_name::HeaderName;

/// Where a response states what its call did cost, and in what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettleFrom {
    /// Where.
    pub source: SettleSource,
    /// What a thousand of what is stated cost; `None` where it is stated in credits.
    pub per_1000: Option<Credits>,
}

/// Where a response states something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettleSource {
    /// A header.
    Header(HeaderName),
    /// A trailer; of a gRPC response without messages, its head.
    Trailer(HeaderName),
    /// A member of its JSON body or, of an event stream, of the last event that has it: the keys that lead there.
    Body(Vec<String>),
}

impl SettleFrom {
    /// What a call costs of which this is stated; `None` if it is no whole number.
    #[must_use]
    pub fn cost(&self, stated: &str) -> Option<Credits> {
        let number = Credits::stated(stated)?;
        let Some(per_1000) = self.per_1000 else {
            return Some(number);
        };
        let cost = u128::from(number.get()).saturating_mul(per_1000.get().into());
        let cost = u64::try_from(cost.div_ceil(1_000)).unwrap_or(u64::MAX);
        Some(Credits::new(cost).unwrap_or(Credits::MAX))
    }
}

/// Reads the body of a response for a number.
#[derive(Debug)]
pub struct BodyReader {
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// JSON texts, one or several.
    Json(Numbers),
    Events(Events),
    /// Nothing that can be read.
    Other,
}

impl BodyReader {
    /// A reader of a body with this content type and encoding, for the member to which `keys` lead.
    #[must_use]
    pub fn new(keys: &[String], content_type: &[u8], content_encoding: &[u8]) -> Self {
        let kind = content_type.split(|byte| *byte == b';').next();
        let kind = kind.unwrap_or_default().trim_ascii();
        let encoding = content_encoding.trim_ascii();
        let form = if !(encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity")) {
            Form::Other
        } else if kind.eq_ignore_ascii_case(b"text/event-stream") {
            Form::Events(Events::new(keys))
        } else {
            Form::Json(Numbers::new(keys))
        };
        Self { form }
    }

    /// Whether there is anything to read: what is compressed, is not.
    #[must_use]
    pub fn reads(&self) -> bool {
        !matches!(self.form, Form::Other)
    }

    /// The next piece of the body.
    pub fn read(&mut self, piece: &[u8]) {
        match &mut self.form {
            Form::Json(numbers) => numbers.read_all(piece),
            Form::Events(events) => piece.iter().for_each(|byte| events.read(*byte)),
            Form::Other => {}
        }
    }

    /// The number that is there so far: the last one.
    #[must_use]
    pub fn found(&mut self) -> Option<&str> {
        match &mut self.form {
            Form::Json(numbers) => numbers.end(),
            Form::Events(events) => events.end(),
            Form::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn found(kind: &str, body: &str) -> Option<String> {
        let keys = ["usage".to_owned(), "total_tokens".to_owned()];
        let mut whole = BodyReader::new(&keys, kind.as_bytes(), b"");
        whole.read(body.as_bytes());
        let whole = whole.found().map(str::to_owned);
        let mut pieces = BodyReader::new(&keys, kind.as_bytes(), b"");
        for byte in body.bytes() {
            pieces.read(&[byte]);
        }
        assert_eq!(pieces.found().map(str::to_owned), whole, "{body}");
        whole
    }

    #[test]
    fn a_member_of_a_json_body_is_found() {
        let check = |body: &str, expected: Option<&str>| {
            assert_eq!(
                found("application/json", body).as_deref(),
                expected,
                "{body}"
            );
        };
        check(r#"{"usage":{"total_tokens":1234}}"#, Some("1234"));
        check("\u{feff}{\"usage\":{\"total_tokens\":1234}}", Some("1234"));
        check(
            r#" { "a" : [ {"usage":{"total_tokens":1}}, "x\"}" ], "usage" : { "x" : { "total_tokens" : 2 } , "total_tokens" : 3.0e1 } , "b" : {} } "#,
            Some("3.0e1"),
        );
        check(r#"{"us\u0061ge":{"total\u005ftokens":"77"}}"#, Some("77"));
        check(
            r#"{"usage":{"total_tokens":1},"usage":{"total_tokens":2}}"#,
            Some("2"),
        );
        check(r#"{"usage":{"total_tokens":null}}"#, None);
        check(r#"{"usage":{"total_tokens":[5]}}"#, None);
        check(r#"{"usage":{"total_tokens":true}}"#, Some("true"));
        check(r#"{"usage":[{"total_tokens":5}],"total_tokens":6}"#, None);
        check(r#"{"choices":["usage","total_tokens"],"usage":{}}"#, None);
        check(r#"{"usage":{"total_tokens":12"#, None);
        check(r#"{"usage":{"total_tokens":12,"#, Some("12"));
        check("usage total_tokens 5", None);
        check("}{\"usage\":{\"total_tokens\":5}}", None);
        check("", None);
        let deep = format!("{}{}", "[".repeat(500), r#"{"usage":{"total_tokens":5}}"#);
        check(&deep, None);
        let long = "9".repeat(500);
        check(&format!("{{\"usage\":{{\"total_tokens\":{long}}}}}"), None);
        // Several texts, one behind the other.
        check(
            "{\"usage\":null}\n{\"usage\":{\"total_tokens\":4}}\n{\"done\":true}\n",
            Some("4"),
        );
    }

    #[test]
    fn the_last_event_that_has_it_counts() {
        let check = |body: &str, expected: Option<&str>| {
            let kind = "text/event-stream; charset=utf-8";
            assert_eq!(found(kind, body).as_deref(), expected, "{body:?}");
            let other = body.replace('\n', "\r\n");
            assert_eq!(found(kind, &other).as_deref(), expected, "{other:?}");
            let other = body.replace('\n', "\r");
            assert_eq!(found(kind, &other).as_deref(), expected, "{other:?}");
        };
        check(
            "\u{feff}data: {\"choices\":[]}\n\nevent: message\nid: 7\ndata: {\"usage\":{\"total_tokens\":5}}\n\n: note\n\ndata: [DONE]\n\n",
            Some("5"),
        );
        check(
            "data: {\"usage\":{\"total_tokens\":5}}\n\ndata:{\"usage\":{\"total_tokens\":9}}\n\ndata: {\"usage\":null}\n\n",
            Some("9"),
        );
        // The lines of an event are one text.
        check(
            "data: {\"usage\":\ndata: {\"total_tokens\":\ndata: 8}}\n\n",
            Some("8"),
        );
        check("data: {\"usage\":\n\ndata: {\"total_tokens\":8}}\n\n", None);
        check(
            "dat: {\"usage\":{\"total_tokens\":5}}\ndatas: {\"usage\":{\"total_tokens\":5}}\n\n",
            None,
        );
        check("data\ndata: {\"usage\":{\"total_tokens\":3}}", Some("3"));
        check(
            "data: {broken\n\ndata: {\"usage\":{\"total_tokens\":6}}\n\n",
            Some("6"),
        );
    }

    #[test]
    fn what_is_compressed_cannot_be_read() {
        let keys = ["a".to_owned()];
        let mut reader = BodyReader::new(&keys, b"application/json", b"gzip");
        reader.read(b"{\"a\":5}");
        assert_eq!(reader.found(), None);
        assert!(!reader.reads());
        let mut reader = BodyReader::new(&keys, b"", b"Identity");
        reader.read(b"{\"a\":5}");
        assert_eq!(reader.found(), Some("5"));
    }

    #[test]
    fn a_thousand_cost_so_much_rounded_up() {
        let settle = |per_1000: Option<u64>| SettleFrom {
            source: SettleSource::Body(Vec::new()),
            per_1000: per_1000.and_then(Credits::new),
        };
        let cost = |per_1000, stated| settle(per_1000).cost(stated).map(Credits::get);
        assert_eq!(cost(None, "5"), Some(5));
        assert_eq!(cost(Some(2), "0"), Some(0));
        assert_eq!(cost(Some(2), "1"), Some(1));
        assert_eq!(cost(Some(2), "1500"), Some(3));
        assert_eq!(cost(Some(2), "1501"), Some(4));
        assert_eq!(cost(Some(2), "1.5"), None);
        assert_eq!(cost(Some(2), "many"), None);
        assert_eq!(
            cost(Some(999_999_999_999_999), "999999999999999"),
            Some(Credits::MAX.get())
        );
    }
}
