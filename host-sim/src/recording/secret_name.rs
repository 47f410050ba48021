//! Which names of headers and of members of queries stand for secrets.

/// Whole names, without what is between their words.
const NAMES: [&str; 15] = [
    "assertion",
    "clientassertion",
    "codeverifier",
    "cookie",
    "cookie2",
    "csrf",
    "jwt",
    "otp",
    "passcode",
    "pwd",
    "samlresponse",
    "setcookie",
    "sig",
    "token",
    "xsrf",
];

/// How such names end.
const ENDS: [&str; 11] = [
    "authentication",
    "authkey",
    "authorization",
    "cookie",
    "credential",
    "functionskey",
    "pwd",
    "sessid",
    "sessionid",
    "signature",
    "token",
];

/// What stands in such names, wherever.
const PARTS: [&str; 15] = [
    "accesskey",
    "accountkey",
    "amznoidc",
    "apikey",
    "jwt",
    "masterkey",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "securitykey",
    "sharedkey",
    "signingkey",
    "subscriptionkey",
];

/// How names end that say something about a secret.
const ABOUT: [&str; 10] = [
    "age",
    "count",
    "expires",
    "expiresin",
    "length",
    "limit",
    "remaining",
    "reset",
    "type",
    "version",
];

/// Names that stand for secrets as often as not.
const AMBIGUOUS: [&str; 7] = ["auth", "code", "key", "pass", "session", "sid", "ticket"];

/// Headers of responses that hold secrets: what a plugin itself tells there has names of all sorts.
const OF_RESPONSES: [&str; 14] = [
    "accesstoken",
    "authorization",
    "authtoken",
    "refreshtoken",
    "setcookie",
    "token",
    "xaccesstoken",
    "xapikey",
    "xauthtoken",
    "xcsrftoken",
    "xrefreshtoken",
    "xsessiontoken",
    "xsubjecttoken",
    "xxsrftoken",
];

/// Whether what a request says under this name is secret: a header or a member of a query.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    let name = letters(name);
    let name = name.as_str();
    // As in `X-Hub-Signature-256`.
    let unnumbered = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    if AMBIGUOUS.contains(&name) {
        return is_random(value);
    }
    NAMES.contains(&name)
        || ENDS.iter().any(|end| unnumbered.ends_with(end))
        || PARTS.iter().any(|part| name.contains(part))
            && !ABOUT.iter().any(|end| name.ends_with(end))
}

/// Whether a header of a response is secret by its name.
pub(super) fn is_secret_of_response(name: &str) -> bool {
    OF_RESPONSES.contains(&letters(name).as_str())
}

/// Whether a value is long and looks as if somebody had drawn it by lot.
pub(super) fn is_random(value: &str) -> bool {
    let count = |is: fn(&u8) -> bool| value.bytes().filter(is).count();
    value.len() >= 16 && count(u8::is_ascii_digit) >= 2 && count(u8::is_ascii_alphabetic) >= 2
}

/// A name without what is between its words: `api_key`, `Api-Key` and `apiKey` are the same.
fn letters(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_by_their_words_however_they_are_written() {
        for name in [
            "accessToken",
            "access_token",
            "api-key",
            "api_token",
            "auth_token",
            "authentication",
            "authorization",
            "AWSAccessKeyId",
            "cookie",
            "jsessionid",
            "jwt",
            "PHPSESSID",
            "private_token",
            "pwd",
            "session_token",
            "sig",
            "subscription-key",
            "token[]",
            "user[password]",
            "x-amzn-oidc-accesstoken",
            "x-amzn-oidc-data",
            "x-auth-key",
            "x-authorization",
            "x-csrftoken",
            "x-forwarded-authorization",
            "x-functions-key",
            "x-goog-iap-jwt-assertion",
            "X-Goog-Signature",
            "x-hub-signature-256",
            "x-jwt-payload",
            "x-session-id",
        ] {
            assert!(is_secret(name, "K"), "{name}");
        }
        for name in [
            "accept",
            "access-control-allow-credentials",
            "code",
            "idempotency-key",
            "key",
            "max_tokens",
            "monkey",
            "sec-websocket-key",
            "signature-input",
            "token_type",
            "x-api-key-remaining",
            "www-authenticate",
        ] {
            assert!(!is_secret(name, "limit"), "{name}");
        }
    }

    #[test]
    fn an_ambiguous_name_stands_for_a_secret_where_its_value_is_random() {
        assert!(is_secret("key", "AIzaSyD4iE2xVSpkLLOXoyqT-RuPwURN3ddScAI"));
        assert!(is_secret("code", "4/0AX4XfWh9fTz21"));
        assert!(!is_secret("key", "a-long-name-of-a-setting"));
        assert!(!is_secret("key", "2026112212000000"));
        assert!(!is_secret("session", "2026"));
    }

    #[test]
    fn of_responses_only_well_known_names_are_secret() {
        assert!(is_secret_of_response("set-cookie"));
        assert!(is_secret_of_response("x-auth-token"));
        assert!(!is_secret_of_response("x-ratelimit-api-key"));
        assert!(!is_secret_of_response("x-next-page-token"));
    }
}
