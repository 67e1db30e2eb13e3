//! Other libraries take the tokens, with the key that stands in `keys.json`.
//!
//! Where Python or `PyJWT` is missing the tests say on standard error that they were skipped;
//! `ISSUER_REQUIRE_PYJWT=1` makes that a failure.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{
    env,
    io::Write as _,
    process::{Command, Stdio},
};

use program::Home;

/// With nothing but the standard library: RFC 7515 section 5.2, by hand.
const BY_HAND: &str = r#"
import base64, hashlib, hmac, json, sys
def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
key = json.load(open(sys.argv[1]))["keys"][0]
assert key["kty"] == "oct" and key["alg"] == "HS256", sorted(key)
header, claims, signature = sys.argv[2].split(".")
assert decoded(header) == b'{"alg":"HS256","typ":"JWT"}', header
expected = hmac.new(decoded(key["k"]), (header + "." + claims).encode(), hashlib.sha256).digest()
assert hmac.compare_digest(expected, decoded(signature)), "signature"
print(json.dumps(json.loads(decoded(claims))))
"#;

const PYJWT: &str = r#"
import json, sys, jwt
keys = jwt.PyJWKSet.from_json(open(sys.argv[1]).read()).keys
claims = jwt.decode(
    sys.argv[2], keys[0].key, algorithms=["HS256"], issuer="me", audience="us",
    options={"require": ["exp", "iat", "sub", "jti", "iss", "aud"]},
)
print(json.dumps(claims))
"#;

/// Runs Python; `None`, and a word on standard error, where it cannot do this.
fn python(test: &str, arguments: &[&str]) -> Option<Command> {
    let works = Command::new("python3")
        .args(["-c", test])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if works {
        let mut command = Command::new("python3");
        command.arg("-c").args(arguments);
        return Some(command);
    }
    let required = env::var_os("ISSUER_REQUIRE_PYJWT").is_some_and(|value| value == "1");
    assert!(!required, "ISSUER_REQUIRE_PYJWT=1, and python3 cannot: {test}");
    // Not with a macro: the harness hides what a test that passes prints.
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED: python3 cannot: {test}; install it with: pip install PyJWT"
    );
    None
}

fn assert_taken(test: &str, program: &str) {
    let home = Home::new();
    let issued = home
        .run(&["issue", "user001", "--issuer", "me", "--audience", "us"])
        .json();
    let keys = home.data_dir().join("keys.json");
    let token = issued["token"].as_str().unwrap();
    let Some(mut command) = python(test, &[program, keys.to_str().unwrap(), token]) else {
        return;
    };
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let claims: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&claims["sub"], &claims["iss"], &claims["aud"]),
        (&"user001".into(), &"me".into(), &"us".into())
    );

    let (head, signature) = token.rsplit_once('.').unwrap();
    let swapped: String = signature.chars().rev().collect();
    let forged = format!("{head}.{swapped}");
    let mut command = python(test, &[program, keys.to_str().unwrap(), &forged]).unwrap();
    assert!(
        !command.output().unwrap().status.success(),
        "a forged token is taken"
    );
}

#[test]
fn python_takes_a_token_by_hand() {
    assert_taken("import hmac", BY_HAND);
}

#[test]
fn pyjwt_takes_a_token() {
    assert_taken("import jwt", PYJWT);
}
