//! What access logs read of a call: properties, which Envoy keeps as the filter state `wasm.<name>`.
//!
//! The receipt is one line in logfmt, so that one question to the host tells all of it. Each of its values is a property of its own as well
//! if the configuration names it, which costs a hostcall with each call.

use serde::Deserialize;

use crate::{
    model::{
        balance::Balance,
        decimal::{Decimal, push_number},
    },
    show::receipt::Receipt,
};

/// The property that holds the whole receipt: `verdict=admitted cost=3 remaining=97 organization=acme edition=Growth client=importer client_remaining=20 rule="single action"`.
/// What is not known is left out; `namespace` is there where it is not the default.
pub const RECEIPT: &str = "api_credits.receipt";

/// What access logs can read beside the receipt.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "AccessLog", deny_unknown_fields)]
pub struct AccessLog {
    /// The values of the receipt that are properties of their own: `api_credits.cost` and so on. Each costs a hostcall with each call.
    pub properties: Vec<Property>,
}

crate::document::json::objects!(AccessLog);

impl Default for AccessLog {
    fn default() -> Self {
        let properties = Property::ALL.to_vec();
        Self { properties }
    }
}

/// One value of the receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Property {
    /// Who is charged: an organization's id, `strangers`, `anonymous` or `unconfirmed`.
    Organization,
    /// The edition that gives its credits.
    Edition,
    /// The rule of the cost table.
    Rule,
    /// What is left of the day's credits.
    Remaining,
    /// What the call cost.
    Cost,
    /// What was decided: `admitted`, `refunded`, `answered`, or why it was refused.
    Verdict,
    /// As whom the call's client is counted; not among those that are told if none is named.
    Client,
}

impl Property {
    /// Those that are told if none is named.
    pub const ALL: [Self; 6] = [
        Self::Organization,
        Self::Edition,
        Self::Rule,
        Self::Remaining,
        Self::Cost,
        Self::Verdict,
    ];

    /// The name of the property.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Organization => "api_credits.organization",
            Self::Edition => "api_credits.edition",
            Self::Rule => "api_credits.rule",
            Self::Remaining => "api_credits.remaining",
            Self::Cost => "api_credits.cost",
            Self::Verdict => "api_credits.verdict",
            Self::Client => "api_credits.client",
        }
    }

    /// Hands its value to `tell`, if there is one. `rule` is the name of the receipt's rule.
    pub fn tell(self, receipt: &Receipt, rule: Option<&str>, tell: impl FnOnce(&str)) {
        let mut decimal = Decimal::default();
        let value = match self {
            Self::Organization => receipt.holder.as_ref().map(|holder| holder.label.as_str()),
            Self::Edition => receipt
                .holder
                .as_ref()
                .map(|holder| holder.edition.as_str()),
            Self::Rule => rule,
            Self::Remaining => {
                let balance = receipt.balance.as_ref();
                balance.map(|balance| decimal.format(balance.remaining.get()))
            }
            Self::Cost => Some(decimal.format(receipt.cost.get())),
            Self::Client => {
                let client = receipt.balance.as_ref().and_then(Balance::client);
                client.map(|client| client.id.as_str())
            }
            Self::Verdict => return tell(&receipt.outcome.name()),
        };
        if let Some(value) = value {
            tell(value);
        }
    }
}

/// The receipt as one line of logfmt. `namespace` is `None` for the default one.
#[must_use]
pub fn line(receipt: &Receipt, rule: Option<&str>, namespace: Option<&str>) -> String {
    let mut line = String::with_capacity(224);
    line.push_str("verdict=");
    line.push_str(&receipt.outcome.name());
    line.push_str(" cost=");
    push_number(&mut line, receipt.cost.get());
    if let Some(balance) = &receipt.balance {
        line.push_str(" remaining=");
        push_number(&mut line, balance.remaining.get());
    }
    if let Some(holder) = &receipt.holder {
        line.push_str(" organization=");
        push_text(&mut line, &holder.label);
        line.push_str(" edition=");
        push_text(&mut line, holder.edition.as_str());
    }
    let client = receipt.balance.as_ref().and_then(Balance::client);
    if let Some(client) = client {
        line.push_str(" client=");
        push_text(&mut line, client.id.as_str());
        if let Some(remaining) = client.remaining() {
            line.push_str(" client_remaining=");
            push_number(&mut line, remaining.get());
        }
    }
    if let Some(rule) = rule {
        line.push_str(" rule=");
        push_text(&mut line, rule);
    }
    if let Some(namespace) = namespace {
        line.push_str(" namespace=");
        push_text(&mut line, namespace);
    }
    line
}

/// Of each byte, what a text with it needs: nothing, quotes, or to be escaped within them.
const NEEDS: [u8; 256] = {
    let mut needs = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(
            clippy::indexing_slicing,
            reason = "the table is made when this is compiled"
        )]
        let need = &mut needs[byte];
        *need = match byte as u8 {
            b' ' | b'=' => QUOTES,
            b'"' | b'\\' | 0..=b' ' | 0x7f.. => ESCAPES,
            _ => 0,
        };
        byte += 1;
    }
    needs
};
const QUOTES: u8 = 1;
const ESCAPES: u8 = 2;

/// Writes a text, in quotes if it is not a plain word.
fn push_text(line: &mut String, text: &str) {
    let need = |byte: u8| NEEDS.get(usize::from(byte)).copied().unwrap_or(ESCAPES);
    let needs = text.bytes().fold(0, |needs, byte| needs | need(byte));
    if needs == 0 && !text.is_empty() {
        return line.push_str(text);
    }
    line.push('"');
    if needs & ESCAPES == 0 {
        line.push_str(text);
    } else {
        for character in text.chars() {
            match character {
                '"' | '\\' => line.extend(['\\', character]),
                character if character.is_control() => line.extend(character.escape_unicode()),
                character => line.push(character),
            }
        }
    }
    line.push('"');
}

/// The account holder that another instance of the filter, of the same namespace, has told in its receipt for this call.
#[must_use]
pub fn decided_for(line: &str, namespace: Option<&str>) -> Option<String> {
    let told = |key: &str| {
        let start = line.find(key)?.checked_add(key.len())?;
        value(line.get(start..)?)
    };
    (told(" namespace=").as_deref() == namespace)
        .then(|| told(" organization="))
        .flatten()
}

/// The value that a text begins with.
fn value(text: &str) -> Option<String> {
    let Some(quoted) = text.strip_prefix('"') else {
        return text.split(' ').next().map(str::to_owned);
    };
    let mut characters = quoted.chars();
    let mut value = String::new();
    loop {
        match characters.next()? {
            '"' => return Some(value),
            '\\' => value.push(characters.next()?),
            character => value.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decide::policy::Policy,
        model::{credits::Credits, enforcement::Enforcement, reason::Reason},
        show::receipt::Outcome,
    };
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn receipt(edition: &str, outcome: Outcome) -> Receipt {
        let config = format!(
            r#"{{"identity":{{"header":"o"}},"editions":{{"{edition}":{{"base":100}}}},
            "organizations":{{"a=c":{{"edition":"{edition}"}}}},"costs":{{"default":1}}}}"#
        );
        let policy = Policy::from_json(config.as_bytes()).unwrap();
        Receipt {
            holder: Some(std::rc::Rc::clone(&policy.organizations["a=c"])),
            rule: None,
            cost: Credits::new(3).unwrap(),
            balance: None,
            outcome,
            enforcement: Enforcement::Enforce,
        }
    }

    #[test]
    fn a_receipt_is_a_line_of_logfmt() {
        let admitted = receipt("Growth", Outcome::Admitted);
        assert_eq!(
            line(&admitted, Some("single action"), None),
            r#"verdict=admitted cost=3 organization="a=c" edition=Growth rule="single action""#
        );
        let refused = receipt(r"G 1\\", Outcome::Refused(Reason::DailyCredits));
        assert_eq!(
            line(&refused, Some("a\n\u{7f}ä"), Some("b.1")),
            r#"verdict=daily_credits cost=3 organization="a=c" edition="G 1\\" rule="a\u{a}\u{7f}ä" namespace=b.1"#
        );
    }

    #[test]
    fn another_instance_reads_for_whom_a_call_was_decided() {
        let admitted = receipt("Growth", Outcome::Admitted);
        for namespace in [None, Some("other")] {
            let line = line(&admitted, Some(" organization=x"), namespace);
            assert_eq!(decided_for(&line, namespace).as_deref(), Some("a=c"));
            assert_eq!(decided_for(&line, Some("third")), None);
        }
        assert_eq!(decided_for("verdict=no_organization cost=0", None), None);
        assert_eq!(decided_for("", None), None);
    }
}
