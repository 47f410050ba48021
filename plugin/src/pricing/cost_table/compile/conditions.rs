//! From the conditions of a rule as they are written to those that a call is compared with.

use super::super::config::{GraphqlCondition, MemberValue, OperationType, When};
use super::super::graphql::{Graphql, Kind, PARTS, PERSISTED};
use super::super::members::{MAX_MEMBERS, Members};
use super::super::name::Name;
use super::super::pointer::InvalidPointer;
use super::super::rule::{Condition, Conditions};
use super::super::stated::Statement;
use super::super::value::Value;
use super::super::wanted::{MemberCondition, Wanted};
use super::json;
use crate::document::config_error::ConfigError;
use crate::model::property_path::PropertyPath;

/// The conditions of a rule; errors are said at `path`. The members of bodies that it goes by come to those of the table.
#[inline(never)]
pub(super) fn compile(
    when: &When,
    path: &str,
    of_table: &mut Members,
) -> Result<Conditions, ConfigError> {
    let mut conditions = Conditions {
        query: query(&when.query, path)?,
        stated: Vec::new(),
        members: members(&when.body, path, of_table)?,
        graphql: None,
    };
    if let Some(condition) = &when.graphql {
        let graphql = graphql(condition, &format!("{path}.graphql"), of_table)?;
        conditions.graphql = Some(graphql);
    }
    for (name, value) in &when.headers {
        let path = format!("{path}.headers");
        let expected = "the name of a request header other than `host`, of which the property `request.host` tells";
        let invalid = || ConfigError::invalid(path.as_str(), json(name), expected);
        let lower = name.to_ascii_lowercase();
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if lower.is_empty() || lower == "host" || !lower.bytes().all(token) {
            return Err(invalid());
        }
        let segments = ["request".to_owned(), "headers".to_owned(), lower];
        let property = PropertyPath::new(&segments).ok_or_else(invalid)?;
        let expected = "each header once (names are compared without case)";
        let twice = || ConfigError::invalid(path.as_str(), json(name), expected);
        add(property, value, &mut conditions.stated, twice)?;
    }
    for (index, condition) in when.properties.iter().enumerate() {
        let path = format!("{path}.properties[{index}].property");
        let invalid = |expected: &str| {
            ConfigError::invalid(path.as_str(), format!("{:?}", condition.property), expected)
        };
        let property = PropertyPath::new(&condition.property).ok_or_else(|| {
            invalid(
                "the segments of a property's path, at least one, none empty and none with a NUL",
            )
        })?;
        let twice = || invalid("each property once");
        add(property, &condition.value, &mut conditions.stated, twice)?;
    }
    Ok(conditions)
}

fn add(
    path: PropertyPath,
    value: &str,
    to: &mut Vec<Statement>,
    twice: impl FnOnce() -> ConfigError,
) -> Result<(), ConfigError> {
    if to.iter().any(|known| known.path == path) {
        return Err(twice());
    }
    to.push(Statement::new(path, wanted(value)));
    Ok(())
}

#[inline(never)]
fn members(
    body: &[(String, MemberValue)],
    path: &str,
    of_table: &mut Members,
) -> Result<Vec<MemberCondition>, ConfigError> {
    let mut conditions = Vec::<MemberCondition>::new();
    for (pointer, value) in body {
        let invalid = |expected: &str| {
            Err(ConfigError::invalid(
                format!("{path}.body"),
                json(pointer),
                expected,
            ))
        };
        if pointer.is_empty() {
            return invalid("a JSON Pointer to a member of the body, such as \"/method\"");
        }
        let member = match of_table.insert(pointer) {
            Ok(member) => member,
            Err(InvalidPointer::Relative) => {
                return invalid("a JSON Pointer to a member of the body, such as \"/method\"");
            }
            Err(expected) => return invalid(&expected.to_string()),
        };
        if conditions.iter().any(|known| known.member == member) {
            return invalid("each member once (keys are compared without case)");
        }
        if of_table.len() > MAX_MEMBERS {
            return invalid(&format!(
                "at most {MAX_MEMBERS} different members in the conditions of all rules"
            ));
        }
        let wanted = match value {
            MemberValue::Text(text) => {
                wanted(text).map_or(Wanted::Anything, |text| Wanted::Text(Value::new(text)))
            }
            MemberValue::Number(number) => Wanted::Number(*number),
            MemberValue::Flag(flag) => Wanted::Flag(*flag),
        };
        conditions.push(MemberCondition { member, wanted });
    }
    Ok(conditions)
}

#[inline(never)]
fn graphql(
    condition: &GraphqlCondition,
    path: &str,
    of_table: &mut Members,
) -> Result<Graphql, ConfigError> {
    let is_name = |name: &str| {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        name.chars().all(is_letter) && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    match &condition.operation {
        Some(name) if name != "*" && (name.is_empty() || !is_name(name)) => {
            let expected = "the name of a GraphQL operation, or \"*\" for any name";
            let path = format!("{path}.operation");
            return Err(ConfigError::invalid(path, json(name), expected));
        }
        None if condition.r#type.is_none() => {
            return Err(ConfigError::invalid(
                path,
                "{}",
                "`operation`, `type`, or both",
            ));
        }
        _ => {}
    }
    let mut member = |part: &str| of_table.insert(&format!("/{part}"));
    let [document, name] = PARTS.map(&mut member);
    let persisted = PERSISTED.map(&mut member);
    if of_table.len() > MAX_MEMBERS {
        let expected = format!(
            "at most {MAX_MEMBERS} different members in the conditions of all rules, of which GraphQL takes six"
        );
        return Err(ConfigError::invalid(path, "…", expected));
    }
    let operation = condition.operation.as_deref();
    Ok(Graphql {
        operation: operation.and_then(wanted).map(Value::new),
        named: operation.is_some(),
        kind: condition.r#type.map(|kind| match kind {
            OperationType::Query => Kind::Query,
            OperationType::Mutation => Kind::Mutation,
            OperationType::Subscription => Kind::Subscription,
        }),
        members: [document.unwrap_or_default(), name.unwrap_or_default()],
        persisted: persisted.map(Result::unwrap_or_default),
        parameters: PARTS.map(Name::new),
    })
}

#[inline(never)]
fn query(query: &[(String, String)], path: &str) -> Result<Vec<Condition>, ConfigError> {
    let mut conditions = Vec::<Condition>::new();
    for (name, value) in query {
        if name.is_empty() {
            return Err(ConfigError::invalid(
                path,
                json(name),
                "the name of a query parameter",
            ));
        }
        let condition = Condition::new(name, wanted(value));
        let twice = |known: &Condition| known.name.is_same(&condition.name);
        if conditions.iter().any(twice) {
            let expected = "each query parameter once (names are compared without case)";
            return Err(ConfigError::invalid(path, json(name), expected));
        }
        conditions.push(condition);
    }
    Ok(conditions)
}

/// The value that is meant; none for any.
fn wanted(value: &str) -> Option<&str> {
    (value != "*").then_some(value)
}
