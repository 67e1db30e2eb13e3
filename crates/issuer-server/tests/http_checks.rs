//! Which error comes first, and what a body must be.

mod program;

use program::{Answer, Ask, Server};

fn error(answer: &Answer) -> (u16, String) {
    (answer.status, answer.member("error"))
}

/// A request with every fault at once; each one that is mended shows the next.
#[test]
fn the_checks_of_an_issue_come_in_the_order_of_the_contract() {
    let server = Server::new();
    let fault = |ask: &Ask| error(&server.ask(ask));
    let message = |ask: &Ask| server.ask(ask).member("message");
    let keyed = |path| Ask::post(path).header("Idempotency-Key", "a b");
    let xml = "text/xml";
    let huge = format!("{}{}", "[".repeat(70_000), "]");

    let everything = keyed("/admin/nothing")
        .header("Content-Type", xml)
        .body(huge.as_bytes());
    assert_eq!(fault(&everything), (401, "UNAUTHORIZED".to_owned()));
    assert_eq!(fault(&everything.clone().key()), (404, "NOT_FOUND".to_owned()));
    let put = Ask::new("PUT", "/admin/clients")
        .key()
        .header("Content-Type", xml)
        .body(huge.as_bytes());
    assert_eq!(fault(&put), (405, "METHOD_NOT_ALLOWED".to_owned()));
    let typed = |kind: &str| keyed("/admin/clients").key().header("Content-Type", kind);
    let ask = typed(xml).body(huge.as_bytes());
    assert_eq!(fault(&ask), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()));
    let ask = typed("application/json").body(huge.as_bytes());
    assert_eq!(fault(&ask), (413, "PAYLOAD_TOO_LARGE".to_owned()));
    let with = |body: &str| typed("application/json").body(body.as_bytes());
    assert_eq!(
        message(&with(r#"{"nickname":7"#)),
        "Request body must be valid JSON: error at line 1 column 13"
    );
    assert_eq!(
        message(&with(r#"{"nickname":7,"token":"x"}"#)),
        "Missing required field: _id"
    );
    assert_eq!(
        message(&with(r#"{"nickname":7,"_id":7,"token":"x"}"#)),
        "Missing required field: issueAccessToken"
    );
    assert_eq!(
        message(&with(
            r#"{"nickname":7,"_id":"a","token":"x","issueAccessToken":true}"#
        )),
        "Invalid field: nickname: must be a string or null"
    );
    assert_eq!(
        message(&with(r#"{"_id":"a","token":"x","issueAccessToken":true}"#)),
        "Invalid field: token: must not be set: the server makes it"
    );
    server.token("a");
    assert_eq!(
        message(&with(r#"{"_id":"a","issueAccessToken":true}"#)),
        "Invalid field: Idempotency-Key: must be 1 to 255 visible ASCII characters"
    );
    let last = Ask::post("/admin/clients")
        .key()
        .json(r#"{"_id":"a","issueAccessToken":true}"#);
    assert_eq!(fault(&last), (409, "USER_EXISTS".to_owned()));
}

#[test]
fn the_checks_of_a_revocation_come_in_the_order_of_the_contract() {
    let server = Server::new();
    let huge = "x".repeat(70_000);
    let ask = |method, id: &str| Ask::new(method, &format!("/admin/clients/{id}/token"));
    let told = |ask: &Ask| server.ask(ask).member("message");

    let everything = ask("PUT", "%")
        .header("Content-Type", "a/b")
        .body(huge.as_bytes());
    assert_eq!(told(&everything), "Invalid API key");
    assert_eq!(told(&everything.clone().key()), "Method not allowed");
    let typed = |id, kind: &str| ask("DELETE", id).key().header("Content-Type", kind);
    assert_eq!(
        told(&typed("%", "a/b").body(huge.as_bytes())),
        "Invalid client_id format"
    );
    assert_eq!(
        told(&typed("a", "a/b").body(huge.as_bytes())),
        "Content-Type must be application/json"
    );
    assert_eq!(
        told(&typed("a", "application/json").body(huge.as_bytes())),
        "Request body must be at most 65536 bytes"
    );
    assert_eq!(
        told(&typed("a", "application/json").body(b"x")),
        "Request body must be a JSON object"
    );
    assert_eq!(
        told(&typed("a", "application/json").body(b"{}")),
        "Client with id 'a' not found"
    );
}

#[test]
fn a_body_that_is_needed_is_an_object() {
    let server = Server::new();
    for body in [
        "",
        " ",
        "\n",
        "null",
        "true",
        "7",
        "\"x\"",
        "[]",
        "[{}]",
        "\u{feff}{}",
    ] {
        let answer = server.ask(&Ask::post("/admin/clients").key().json(body));
        assert_eq!(
            answer.brief(),
            (
                400,
                r#"{"error":"INVALID_REQUEST","message":"Request body must be a JSON object"}"#
            ),
            "{body:?}"
        );
    }
    let nothing = server.ask(&Ask::post("/admin/clients").key());
    assert_eq!(nothing.member("message"), "Request body must be a JSON object");
}

#[test]
fn unknown_members_are_ignored_where_they_are_well_formed() {
    let server = Server::new();
    let deep = format!("{}{}", "[".repeat(63), "]".repeat(63));
    for (n, member) in [
        r#""x":{"_id":1,"_id":2}"#,
        r#""x":1,"x":2"#,
        r#""x":1e999999"#,
        r#""x":"\ud800""#,
        r#""_ID":7"#,
        &format!(r#""x":{deep}"#),
    ]
    .iter()
    .enumerate()
    {
        let body = format!(r#"{{{member},"_id":"user{n}","issueAccessToken":true}}"#);
        let answer = server.ask(&Ask::post("/admin/clients").key().json(&body));
        assert_eq!(answer.status, 200, "{body}: {answer:?}");
    }
}

#[test]
fn the_type_of_a_body_is_json_in_any_case_with_or_without_utf_8() {
    let server = Server::with(&["--policy", "upsert"]);
    let with = |kind: &str| {
        let ask = Ask::post("/admin/clients").key().header("Content-Type", kind);
        server
            .ask(&ask.body(br#"{"_id":"a","issueAccessToken":true}"#))
            .status
    };
    for kind in [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        "application/json; charset=UTF-8",
        "application/json ; Charset=\"utf-8\"",
        "application/json;",
        "application/json; \t ;",
        "application/json; charset=utf-8;",
        "application/json; charset=utf-8 ; ",
        "application/json;;charset=utf-8;;",
    ] {
        assert_eq!(with(kind), 200, "{kind}");
    }
    for kind in [
        "",
        "text/plain",
        "application/jsonp",
        "application/json-patch+json",
        "application/problem+json",
        "application/json; charset=\"utf-8",
        "application/json; charset=utf-8\"",
        "application/json; charset=utf-8; charset=utf-8",
        "application/json; version=1",
        "application/json; charset",
        "; application/json",
        "application/json, application/json",
        "application/x-www-form-urlencoded",
        "é",
    ] {
        assert_eq!(with(kind), 415, "{kind}");
    }
}

#[test]
fn a_missing_or_repeated_type_is_415() {
    let server = Server::new();
    let expected = (
        415,
        r#"{"error":"UNSUPPORTED_MEDIA_TYPE","message":"Content-Type must be application/json"}"#,
    );
    let body = br#"{"_id":"a","issueAccessToken":true}"#;
    let none = Ask::post("/admin/clients").key().body(body);
    assert_eq!(server.ask(&none).brief(), expected);
    let two = none
        .header("Content-Type", "application/json")
        .header("Content-Type", "application/json");
    assert_eq!(server.ask(&two).brief(), expected);
}

#[test]
fn a_wrong_charset_is_told_that_it_is_the_charset() {
    let server = Server::new();
    let with = |kind: &str| {
        let ask = Ask::post("/admin/clients").key().header("Content-Type", kind);
        server.ask(&ask.body(br#"{"_id":"a","issueAccessToken":true}"#))
    };
    for charset in ["latin1", "utf-16", "utf8", "\"latin1\"", ""] {
        assert_eq!(
            with(&format!("application/json; charset={charset};")).brief(),
            (
                415,
                r#"{"error":"UNSUPPORTED_MEDIA_TYPE","message":"Content-Type has a charset other than utf-8: send application/json, with charset=utf-8 or without charset"}"#
            ),
            "{charset}"
        );
    }
    // As the message says.
    assert_eq!(with("application/json").status, 200);
}

#[test]
fn a_body_that_is_encoded_is_415() {
    let server = Server::with(&["--policy", "upsert"]);
    let with = |coding: &str| {
        let ask = Ask::post("/admin/clients")
            .key()
            .header("Content-Encoding", coding);
        server.ask(&ask.json(r#"{"_id":"a","issueAccessToken":true}"#))
    };
    for coding in [
        "gzip",
        "br",
        "identity, gzip",
        "gzip, identity",
        "x",
        "chunked",
        "é",
    ] {
        let answer = with(coding);
        assert_eq!(
            answer.brief(),
            (
                415,
                r#"{"error":"UNSUPPORTED_MEDIA_TYPE","message":"Content-Encoding must be identity"}"#
            ),
            "{coding}"
        );
        assert_eq!(answer.header("accept-encoding"), Some("identity"));
    }
    for coding in ["identity", "Identity", "", "identity, identity"] {
        assert_eq!(with(coding).status, 200, "{coding}");
    }
    // The type comes first, and without a body neither is looked at.
    let both = Ask::post("/admin/clients")
        .key()
        .header("Content-Encoding", "gzip");
    assert_eq!(
        server.ask(&both.body(b"{}")).member("message"),
        "Content-Type must be application/json"
    );
    let revoke = Ask::delete("/admin/clients/a/token")
        .key()
        .header("Content-Encoding", "gzip");
    assert_eq!(server.ask(&revoke).status, 200);
}
