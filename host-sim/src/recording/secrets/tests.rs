use super::*;

fn of(headers: &[(&str, &str)]) -> Message {
    let headers = headers.iter();
    let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Message {
        headers: headers.collect(),
        ..Message::default()
    }
}

#[test]
fn secrets_become_the_same_words_each_time() {
    let mut message = Message::default();
    let mut expected = Vec::new();
    for (name, value, without) in [
        (
            ":path",
            "/a?x=1&api_key=k1&y=2",
            "/a?x=1&api_key=secret-1&y=2",
        ),
        ("accept", "key=k1", "key=k1"),
        ("authorization", "Bearer k1", "Bearer secret-1"),
        ("authorization", "k2", "secret-2"),
        ("cookie", "a=k1; b=; c", "a=secret-1; b=; secret-3"),
        ("set-cookie", "a=k4; Path=/", "a=secret-4; Path=/"),
        ("x-api-key", "k2", "secret-2"),
        ("x-session-token", "k5", "secret-5"),
        (
            "location",
            "https://h/#id_token=k5",
            "https://h/#id_token=secret-5",
        ),
        ("referer", "https://h/?monkey=1", "https://h/?monkey=1"),
    ] {
        message.headers.push((name.to_owned(), value.to_owned()));
        expected.push((name.to_owned(), without.to_owned()));
    }
    let mut secrets = Secrets::new();
    secrets.take_out(&mut message, Side::Request);
    assert_eq!(message.headers, expected);
    assert_eq!(
        secrets.into_places(),
        [
            "authorization",
            "cookie",
            "location",
            "set-cookie",
            "the query",
            "x-api-key",
            "x-session-token"
        ]
    );
}

#[test]
fn addresses_lose_their_secrets_wherever_these_stand() {
    for (name, value, without) in [
        (":path", "/a?x=1;token=K", "/a?x=1;token=secret-1"),
        (
            ":path",
            "/a?access%5Ftoken=K&b=c",
            "/a?access%5Ftoken=secret-1&b=c",
        ),
        (
            ":path",
            "/a;jsessionid=K/b?c=d",
            "/a;jsessionid=secret-1/b?c=d",
        ),
        (
            ":path",
            "/back?code=K&state=x",
            "/back?code=secret-1&state=x",
        ),
        (":path", "/a?code=DE&key=limit", "/a?code=DE&key=limit"),
        (":path", "/a?mail=b@c&x=d:e@f", "/a?mail=b@c&x=d:e@f"),
        (":authority", "user:K@h:80", "user:secret-1@h:80"),
        (
            "location",
            "http://user:K;&@h/a",
            "http://user:secret-1@h/a",
        ),
        ("referer", "http://user@h/", "http://user@h/"),
        (
            "link",
            "<https://h/?token=K>; rel=\"next\", <https://u:K@h/>; rel=x",
            "<https://h/?token=secret-1>; rel=\"next\", <https://u:secret-1@h/>; rel=x",
        ),
        ("refresh", "0;url='/a?token=K'", "0;url='/a?token=secret-1'"),
        ("content-location", "a?token=K", "a?token=secret-1"),
        ("x-original-url", "/a?token=K", "/a?token=secret-1"),
        ("x-forwarded-uri", "/a?token=K", "/a?token=secret-1"),
    ] {
        for side in [Side::Request, Side::Response] {
            let mut message = of(&[(name, value)]);
            Secrets::new().take_out(&mut message, side);
            assert_eq!(message.headers, of(&[(name, without)]).headers, "{side:?}");
        }
    }
}

#[test]
fn a_token_that_is_known_by_its_shape_is_taken_out_of_any_value() {
    let mut message = of(&[
        ("x-claims", "a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln, b"),
        ("x-other", "eyJhbGciOiJIUzI1NiJ9"),
    ]);
    Secrets::new().take_out(&mut message, Side::Response);
    let expected = [
        ("x-claims", "a secret-1, b"),
        ("x-other", "eyJhbGciOiJIUzI1NiJ9"),
    ];
    assert_eq!(message.headers, of(&expected).headers);
}

#[test]
fn copies_of_a_secret_become_what_stands_for_it() {
    let mut first = of(&[
        (":path", "/a?token=a%2Fb%2Fc12345"),
        ("x-api-key", "k-12345678"),
        ("x-token", "open"),
        ("cookie", "theme=dark; page=5"),
        ("x-secret", "secret-12"),
    ]);
    let mut copies = of(&[
        (":path", "/k-12345678/open"),
        ("x-client-id", "tenant:k-12345678 x"),
        ("x-user", "open"),
        ("x-doors", "open 5"),
        ("x-theme", "dark"),
        ("x-page", "5"),
        ("x-decoded", "a/b/c12345"),
        ("x-raw", "a%2Fb%2Fc12345é"),
        ("x-earlier", "secret-12"),
        ("x-ratelimit-api-key-remaining", "99"),
    ]);
    let mut secrets = Secrets::new();
    secrets.take_out(&mut first, Side::Request);
    secrets.take_out(&mut copies, Side::Response);
    secrets.take_copies_out(&mut copies);
    let expected = of(&[
        (":path", "/secret-2/open"),
        ("x-client-id", "tenant:secret-2 x"),
        ("x-user", "secret-3"),
        ("x-doors", "open 5"),
        ("x-theme", "dark"),
        ("x-page", "5"),
        ("x-decoded", "secret-1"),
        ("x-raw", "secret-1é"),
        ("x-earlier", "secret-12"),
        ("x-ratelimit-api-key-remaining", "99"),
    ]);
    assert_eq!(copies.headers, expected.headers);
}
