//! Replies of Redis or Valkey, and commands to them.

use std::collections::BTreeMap;
use std::time::Duration;

use api_credits::model::day::Seconds;
use api_credits::outbound::callout::{CalloutName, Reply};

use api_credits::outbound::engine::{EnvoyId, Message, RespTransport, Transport};

use api_credits::accounts::ledger::{AccountKey, Epoch};
use api_credits::model::namespace::Namespace;
use host_sim::resp::{RespBehaviour, RespReply};

/// Replies are believed if they are just as many lists of seven numbers as there were messages, by a plainer reader too, and never
/// before the last byte. A command is read by another reader as what was meant, whatever is in it.
///
/// The input is what the engine replies, and the password too.
pub fn resp(data: &[u8]) {
    let password = String::from_utf8_lossy(data).into_owned();
    let with_password = transport(vec![vec!["AUTH".to_owned(), password.clone()]]);
    let plain = transport(Vec::new());
    let place = AccountKey::engine(&Namespace::default());
    let greeting = || Message::greeting(&place, &EnvoyId([7; 8]), Epoch(7), Seconds::new(14));
    for count in 1..=2 {
        let messages: Vec<_> = (0..count).map(|_| greeting()).collect();
        let believed = |body: &[u8]| {
            plain
                .answers(
                    &messages,
                    Reply {
                        status: Some(200),
                        body,
                    },
                )
                .map(|heard| heard.len())
                .ok()
        };
        assert_eq!(
            believed(data),
            plainly(data).filter(|lists| *lists == count),
            "{}",
            data.escape_ascii()
        );
        if believed(data).is_some() {
            let mut beginnings = (0..data.len()).map(|length| &data[..length]);
            assert!(beginnings.all(|beginning| believed(beginning).is_none()));
        }
    }
    let body = with_password
        .callout(&[greeting()], "return {}", Duration::from_millis(50))
        .body;
    let answer = server(&password).answer(&body).unwrap();
    assert_eq!(String::from_utf8(answer).unwrap(), "+OK\r\n*0\r\n");
}

fn transport(prelude: Vec<Vec<String>>) -> Transport {
    Transport::Resp(RespTransport {
        cluster: CalloutName::try_from("engine".to_owned()).unwrap(),
        prelude,
    })
}

/// A server that knows the password, as the simulator has it.
fn server(password: &str) -> RespBehaviour {
    let reply = |words: &[&str], text: &str| {
        let exactly = |(place, word): (usize, &&str)| {
            (
                place,
                host_sim::scenario::Pattern::Exactly((*word).to_owned()),
            )
        };
        RespReply {
            words: words
                .iter()
                .enumerate()
                .map(exactly)
                .collect::<BTreeMap<_, _>>(),
            text: text.to_owned(),
        }
    };
    RespBehaviour::Replies(vec![
        reply(&["AUTH", password], "+OK\r\n"),
        reply(&["EVAL", "return {}", "3"], "*0\r\n"),
    ])
}

/// How many lists of seven numbers these bytes are, of which the last one is not negative.
fn plainly(data: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(data).ok()?;
    let lines: Vec<&str> = text.strip_suffix("\r\n")?.split("\r\n").collect();
    let (lists, rest) = lines.as_chunks::<8>();
    for [head, numbers @ ..] in lists {
        let length: i64 = head.strip_prefix('*')?.parse().ok()?;
        let numbers: Option<Vec<i64>> = numbers
            .iter()
            .map(|number| number.strip_prefix(':')?.parse().ok())
            .collect();
        let numbers = numbers?;
        let message = u32::try_from(*numbers.first()?).is_ok();
        if length != 7 || !message || *numbers.last()? < 0 {
            return None;
        }
    }
    rest.is_empty().then_some(lists.len())
}
