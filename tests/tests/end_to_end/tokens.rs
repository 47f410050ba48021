//! Organizations that a JSON Web Token describes: `envoy/jwt.yaml` and `envoy/jwt.json` on a real Envoy, with tokens that are signed
//! here.

use std::fs;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::root;
use api_credits_tests::client::Response;
use api_credits_tests::example::Example;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

use crate::exactness::{COST, REMAINING};
use crate::{WORKERS, World};

/// The private part of the example's key (RFC 7515, appendix A.3).
pub(crate) const KEY: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
/// Another key.
const FORGERS_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
/// 2100-01-01.
const FAR: u64 = 4_102_444_800;

/// A list of tickets, for three credits.
const LIST: &str = "/api/v1/tickets";

pub(crate) fn a_token_says_what_its_organization_may_use(world: &World) -> anyhow::Result<()> {
    run(world, async |example| {
        // The token that the example tells people to try: 75,000 + 12 x 500 + 500 credits.
        let response = call(example, &printed_token()?).await?;
        expect_charged(&response, 81_497)?;
        assert_eq!(response.body, b"{\"upstream\":\"reached\"}\n");

        // The same organization with more agents: what it used stays used.
        let mut claims = claims();
        set(&mut claims, "agents", json!(20))?;
        let grown = sign(&claims, KEY)?;
        expect_charged(&call(example, &grown).await?, 85_494)?;
        let usage = usage(example, &grown).await?;
        let told = [
            "/organization",
            "/edition",
            "/dataCenter",
            "/day/timeZone",
            "/plan/agents",
            "/limit",
            "/used",
            "/allotment/variable/allotted",
            "/allotment/additional/allotted",
            "/concurrency/limit",
        ];
        assert_eq!(
            told.map(|place| usage.pointer(place).cloned().unwrap_or_default()),
            [
                json!("2389290"),
                json!("Professional"),
                json!("EU"),
                json!("Europe/Berlin"),
                json!(20),
                json!(85_500),
                json!(6),
                json!(10_000),
                json!(500),
                json!(15)
            ]
        );

        // Claims may be texts as well, and all but organization and edition may be missing.
        let modest = json!({ "org": "acme", "edition": "Standard", "agents": "4" });
        let modest = sign(&with_registered_claims(modest)?, KEY)?;
        expect_charged(&call(example, &modest).await?, 50_997)
    })
}

pub(crate) fn tokens_that_describe_nobody_are_charged_to_nobody(
    world: &World,
) -> anyhow::Result<()> {
    run(world, async |example| {
        let claims = claims();
        let good = sign(&claims, KEY)?;
        expect_charged(&call(example, &good).await?, 81_497)?;

        // Envoy itself refuses what is not signed with the key, for whatever reason.
        let (head, rest) = good.split_once('.').context("no token")?;
        let (_, signature) = rest.split_once('.').context("no token")?;
        let mut richer = claims.clone();
        set(&mut richer, "additional", json!(100_000))?;
        let unsigned = BASE64.encode(r#"{"alg":"none"}"#);
        let forged = [
            sign(&claims, FORGERS_KEY)?,
            format!("{head}.{}.{signature}", encode(&richer)),
            format!("{unsigned}.{}.", encode(&richer)),
        ];
        let mut expired = claims.clone();
        set(&mut expired, "exp", json!(1_600_000_000))?;
        for token in forged.into_iter().chain([sign(&expired, KEY)?]) {
            let response = call(example, &token).await?;
            assert_eq!(response.status, 401, "{token}");
            ensure!(
                !response.headers.contains_key(COST),
                "the filter has seen {token}"
            );
        }

        // The filter refuses what is signed and describes nobody.
        // Contradictions are the platform's mistake.
        let contradiction = (503, "TEMPORARILY_UNAVAILABLE");
        for (claim, value, expected) in [
            ("org", None, (401, "ORGANIZATION_REQUIRED")),
            ("edition", None, (403, "UNKNOWN_ORGANIZATION")),
            ("edition", Some(json!("Gold")), contradiction),
            ("agents", Some(json!(-1)), contradiction),
            ("agents", Some(json!(1.5)), contradiction),
            ("additional", Some(json!(100_001)), contradiction),
            ("data_center", Some(json!("MOON")), contradiction),
        ] {
            let mut odd = claims.clone();
            match value.clone() {
                Some(value) => set(&mut odd, claim, value)?,
                None => drop(odd.as_object_mut().and_then(|odd| odd.remove(claim))),
            }
            let response = call(example, &sign(&odd, KEY)?).await?;
            let body: Value = serde_json::from_slice(&response.body)?;
            let code = body.get("errorCode").and_then(Value::as_str);
            assert_eq!(
                (response.status, code.unwrap_or_default()),
                expected,
                "{claim}: {value:?}"
            );
        }

        let usage = usage(example, &good).await?;
        assert_eq!(usage.get("used"), Some(&json!(3)));
        Ok(())
    })
}

fn run(
    world: &World,
    test: impl AsyncFnOnce(&Example) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let file = |name: &str| {
        fs::read_to_string(root().join("envoy").join(name))
            .with_context(|| format!("cannot read envoy/{name}"))
    };
    let filter = serde_json::from_str(&file("jwt.json")?)?;
    let example = Example::start(&world.artifacts, &file("jwt.yaml")?, &filter, WORKERS)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(test(&example))
}

/// The token in the comment at the top of `envoy/jwt.yaml`.
fn printed_token() -> anyhow::Result<String> {
    let yaml = fs::read_to_string(root().join("envoy/jwt.yaml"))?;
    let token = yaml
        .lines()
        .find_map(|line| line.strip_prefix("#   TOKEN="));
    Ok(token.context("envoy/jwt.yaml shows no token")?.to_owned())
}

/// The claims of that token.
pub(crate) fn claims() -> Value {
    json!({
        "iss": "https://accounts.example", "aud": "helpdesk-api", "exp": FAR,
        "org": 2_389_290, "edition": "Professional", "agents": 12, "additional": 500, "data_center": "EU",
    })
}

fn with_registered_claims(mut described: Value) -> anyhow::Result<Value> {
    for (claim, value) in [
        ("iss", json!("https://accounts.example")),
        ("aud", json!("helpdesk-api")),
        ("exp", json!(FAR)),
    ] {
        set(&mut described, claim, value)?;
    }
    Ok(described)
}

fn set(claims: &mut Value, claim: &str, value: Value) -> anyhow::Result<()> {
    let claims = claims.as_object_mut().context("no object")?;
    claims.insert(claim.to_owned(), value);
    Ok(())
}

fn encode(claims: &Value) -> String {
    BASE64.encode(claims.to_string())
}

/// The token in its compact form (RFC 7515, section 7.1), signed with ES256.
pub(crate) fn sign(claims: &Value, key: &str) -> anyhow::Result<String> {
    let head = BASE64.encode(r#"{"alg":"ES256","kid":"example"}"#);
    let message = format!("{head}.{}", encode(claims));
    let key = SigningKey::from_slice(&BASE64.decode(key)?)?;
    let signature: Signature = key.sign(message.as_bytes());
    Ok(format!("{message}.{}", BASE64.encode(signature.to_bytes())))
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

async fn call(example: &Example, token: &str) -> anyhow::Result<Response> {
    example
        .get(LIST, &[("authorization", &bearer(token))])
        .await
}

async fn usage(example: &Example, token: &str) -> anyhow::Result<Value> {
    example.usage(&[("authorization", &bearer(token))]).await
}

/// The call was paid for with three credits.
fn expect_charged(response: &Response, remaining: u64) -> anyhow::Result<()> {
    let number = |name: &str| -> anyhow::Result<u64> {
        let value = response.headers.get(name);
        let value = value.with_context(|| format!("no {name} in {response:?}"))?;
        Ok(value.to_str()?.parse()?)
    };
    assert_eq!(
        (response.status, number(COST)?, number(REMAINING)?),
        (200, 3, remaining)
    );
    Ok(())
}
