//! Each command: what it prints, where, and how it ends.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{thread, time::Duration};

use program::{Done, Home};
use serde_json::json;

/// The middle part of a token.
fn claims(token: &str) -> serde_json::Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// What `verify` says of a token that it does not take.
#[track_caller]
fn assert_invalid(done: &Done, reason: &str) {
    let line = format!("{{\"valid\":false,\"reason\":\"{reason}\"}}\n");
    assert_eq!((done.code, &*done.stdout, &*done.stderr), (Some(1), &*line, ""));
}

#[test]
fn issue_prints_one_line_with_the_fields_in_the_order_of_the_contract() {
    let home = Home::new();
    let done = home.run(&[
        "issue",
        "user001",
        "--nickname",
        "Amy",
        "--avatar-url",
        "https://example.com/avatar.jpg",
    ]);
    let (token, expiration) = (done.token(), done.json()["expirationDate"].clone());
    assert_eq!(
        done.line(),
        format!(
            "{{\"_id\":\"user001\",\"nickname\":\"Amy\",\"avatarUrl\":\"https://example.com/avatar.jpg\",\
             \"issueAccessToken\":true,\"token\":\"{token}\",\"expirationDate\":{expiration}}}"
        )
    );
    assert!(token.starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."));
    assert_eq!(
        claims(&token)["exp"].as_i64().unwrap() - claims(&token)["iat"].as_i64().unwrap(),
        604_800
    );
}

#[test]
fn a_profile_that_is_not_given_is_kept_and_an_empty_one_cleared() {
    let home = Home::new();
    home.run(&[
        "issue",
        "amy",
        "--nickname",
        "Amy",
        "--avatar-url",
        "https://example.com/a",
    ])
    .line();
    home.run(&["token", "revoke", "amy"]).line();
    let kept = home.run(&["issue", "amy", "--avatar-url", ""]).json();
    assert_eq!((&kept["nickname"], kept.get("avatarUrl")), (&json!("Amy"), None));
}

#[test]
fn issue_refuses_while_a_token_lives() {
    let home = Home::new();
    home.issue("user001");
    home.run(&["issue", "user001"])
        .fails(1, "USER_EXISTS: User with _id 'user001' already exists");
}

#[test]
fn issue_refuses_what_is_no_id_no_nickname_no_url() {
    let home = Home::new();
    for (arguments, start) in [
        (&["issue", ""][..], "INVALID_REQUEST: Invalid field: _id: "),
        (&["issue", ".."], "INVALID_REQUEST: Invalid field: _id: "),
        (&["issue", " amy"], "INVALID_REQUEST: Invalid field: _id: "),
        (&["issue", "a\nb"], "INVALID_REQUEST: Invalid field: _id: "),
        (
            &["issue", "amy", "--nickname", "a\tb"],
            "INVALID_REQUEST: Invalid field: nickname: ",
        ),
        (
            &["issue", "amy", "--avatar-url", "ftp://x/y"],
            "INVALID_REQUEST: Invalid field: avatarUrl: ",
        ),
    ] {
        let done = home.run(arguments);
        done.fails_saying(1, &[start]);
        assert_eq!(done.stderr.lines().count(), 1, "{done:?}");
    }
    home.run(&["token", "revoke", "amy"])
        .fails(1, "CLIENT_NOT_FOUND: Client with id 'amy' not found");
}

#[test]
fn verify_says_whose_token_it_is_and_until_when() {
    let home = Home::new();
    let issued = home.run(&["issue", "user001"]).json();
    let token = issued["token"].as_str().unwrap();
    let expected = format!(
        "{{\"valid\":true,\"sub\":\"user001\",\"expirationDate\":{}}}",
        issued["expirationDate"]
    );
    assert_eq!(home.run(&["verify", token]).line(), expected);
    for input in [token.to_owned(), format!("{token}\n"), format!("  {token}\r\n")] {
        assert_eq!(
            home.run_with_input(&["verify", "-"], input.as_bytes()).line(),
            expected
        );
    }
}

#[test]
fn verify_says_why_a_token_is_not_taken() {
    let home = Home::new();
    let short = home.run(&["issue", "short", "--lifetime", "1s"]).token();
    let revoked = home.issue("revoked");
    home.run(&["token", "revoke", "revoked"]).line();
    assert_invalid(&home.run(&["verify", &revoked]), "revoked");

    let good = home.issue("good");
    let (head, signature) = good.rsplit_once('.').unwrap();
    let other = home.issue("other");
    let forged = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
    for tampered in [
        &forged,
        head,
        &format!("{good}x"),
        "x",
        "",
        "eyJhbGciOiJub25lIn0.e30.",
    ] {
        assert_invalid(
            &home.run(&["verify", tampered]),
            "not a valid token of this server",
        );
    }
    for input in [&b""[..], b"\n", &vec![b'x'; 1 << 20]] {
        assert_invalid(
            &home.run_with_input(&["verify", "-"], input),
            "not a valid token of this server",
        );
    }
    // Signed with the same key, but no store knows it here.
    let elsewhere = format!("sqlite:{}", home.path().join("elsewhere.db").display());
    assert_invalid(&home.run(&["verify", &good, "--store", &elsewhere]), "unknown");
    assert_invalid(
        &home.run(&["verify", &good, "--issuer", "me"]),
        "issued under another issuer",
    );
    assert_invalid(
        &home.run(&["verify", &good, "--audience", "us"]),
        "issued for another audience",
    );

    thread::sleep(Duration::from_secs(2));
    assert_invalid(&home.run(&["verify", &short]), "expired");
    home.issue("short");
}

#[test]
fn standard_input_that_is_no_text_is_wrong_usage() {
    let home = Home::new();
    home.run_with_input(&["verify", "-"], b"\xff\xfe")
        .fails_saying(2, &["standard input"]);
}

#[test]
fn token_revoke_counts_what_it_revoked() {
    let home = Home::new();
    let all = |count: u32| {
        format!(
            "{{\"success\":true,\"message\":\"All tokens revoked successfully\",\"revokedTokens\":{count}}}"
        )
    };
    home.issue("amy");
    assert_eq!(home.run(&["token", "revoke", "amy"]).line(), all(1));
    assert_eq!(home.run(&["token", "revoke", "amy"]).line(), all(0));
}

#[test]
fn token_revoke_of_one_token_takes_the_right_one_only() {
    let home = Home::new();
    let (amy, bob) = (home.issue("amy"), home.issue("bob"));
    let not_found = "TOKEN_NOT_FOUND: Specified token not found for this client";
    home.run(&["token", "revoke", "amy", &bob]).fails(1, not_found);
    // A mistake never widens: nothing is not everything.
    home.run(&["token", "revoke", "amy", ""]).fails(1, not_found);
    home.run_with_input(&["token", "revoke", "amy", "-"], b"")
        .fails(1, not_found);
    home.run(&["verify", &amy]).line();
    let one = home.run_with_input(&["token", "revoke", "amy", "-"], format!("{amy}\n").as_bytes());
    assert_eq!(
        one.line(),
        "{\"success\":true,\"message\":\"Token revoked successfully\",\"revokedTokens\":1}"
    );
    home.run(&["token", "revoke", "amy", &amy]).fails(1, not_found);
    assert_invalid(&home.run(&["verify", &amy]), "revoked");
    home.run(&["verify", &bob]).line();
}

#[test]
fn a_token_revoked_in_this_second_is_dead_and_the_next_of_this_second_lives() {
    let home = Home::new();
    let first = home.issue("amy");
    home.run(&["token", "revoke", "amy"]).line();
    let second = home.issue("amy");
    assert_invalid(&home.run(&["verify", &first]), "revoked");
    home.run(&["verify", &second]).line();
}

#[test]
fn wrong_usage_is_2_and_says_what_is_right() {
    let home = Home::new();
    for (arguments, parts) in [
        (
            &[][..],
            &["Usage:", "issue", "verify", "token", "serve", "Example"][..],
        ),
        (&["nonsense"], &["argument 1 is no command", "Usage:"]),
        (&["issue"], &["<ID>", "Usage:"]),
        (&["issue", "amy", "bob"], &["argument 3", "Usage:"]),
        (&["issue", "amy", "am"], &["argument 3", "Usage:"]),
        (&["issue", "amy", "amy"], &["argument 3", "Usage:"]),
        (&["issue", "amy", "--nope"], &["argument 3", "Usage:"]),
        (&["issue", "amy", "-xyz"], &["argument 3", "Usage:"]),
        (&["verify"], &["<TOKEN|->", "Usage:"]),
        (&["token"], &["revoke", "Usage:"]),
        (&["token", "revoke"], &["<ID>", "Usage:"]),
        (&["serve", "now"], &["argument 2", "Usage:"]),
    ] {
        home.run(arguments).fails_saying(2, parts);
    }
    assert!(!home.data_dir().exists(), "and makes nothing");
}

#[test]
fn the_help_of_every_command_shows_an_example() {
    let home = Home::new();
    for command in [
        &[][..],
        &["issue"],
        &["verify"],
        &["token"],
        &["token", "revoke"],
        &["serve"],
    ] {
        let path = command.join(" ");
        for help in ["--help", "-h"] {
            let text = home.run(&[command, &[help]].concat());
            assert_eq!((text.code, &*text.stderr), (Some(0), ""));
            let example = text
                .stdout
                .split("Example")
                .nth(1)
                .unwrap_or_else(|| panic!("{path} {help}"));
            assert!(
                example.contains("issuer-server ") && example.contains(&path),
                "{path} {help}"
            );
        }
    }
    assert_eq!(
        home.run(&["--version"]).stdout,
        concat!("issuer-server ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn a_standard_output_that_nobody_reads_is_a_failure_of_the_machine() {
    let home = Home::new();
    let mut command = home.command(&["issue", "amy"]);
    let full = std::fs::File::options().write(true).open("/dev/full");
    let Ok(full) = full else { return };
    let done = Done::of(command.stdout(full));
    done.fails_saying(3, &["standard output"]);
}

#[test]
fn values_of_options_may_begin_with_a_hyphen() {
    let home = Home::new();
    let issued = home.run(&["issue", "bob", "--nickname", "-Bob-"]).json();
    assert_eq!(issued["nickname"], "-Bob-");
    let issued = home
        .run(&[
            "issue",
            "dash",
            "--nickname",
            "--",
            "--avatar-url",
            "https://a.example/",
        ])
        .json();
    assert_eq!(
        (&issued["nickname"], &issued["avatarUrl"]),
        (&json!("--"), &json!("https://a.example/"))
    );
    let claims = claims(
        &home
            .run(&["issue", "claims", "--issuer", "-me-", "--audience", "--us"])
            .token(),
    );
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("-me-"), &json!("--us")));
    home.run(&["issue", "bad", "--avatar-url", "-x"])
        .fails_saying(1, &["INVALID_REQUEST: Invalid field: avatarUrl: "]);
}

#[test]
fn what_is_copied_along_with_a_token_is_forgiven() {
    let home = Home::new();
    let token = home.issue("amy");
    for text in [
        format!("Bearer {token}"),
        format!("bearer   {token}"),
        format!("\"{token}\""),
        format!("'{token}'"),
        format!("\"Bearer {token}\""),
        format!("  {token}\n"),
        format!("{token}\r\n"),
        format!("Bearer \"{token}\""),
        format!("'Bearer  {token} '"),
        format!("\u{201c}{token}\u{201d}"),
        format!("\u{feff}{token}\r\n"),
    ] {
        assert_eq!(home.run(&["verify", &text]).json()["valid"], true, "{text:?}");
        assert_eq!(
            home.run_with_input(&["verify", "-"], text.as_bytes()).json()["valid"],
            true,
            "{text:?}"
        );
    }
    // Without quotes around both words.
    assert_eq!(home.run(&["verify", "Bearer", &token]).json()["valid"], true);
    for words in [["Basic", token.as_str()], [token.as_str(), token.as_str()]] {
        let done = home.run(&[&["verify"][..], &words].concat());
        done.fails(2, "one token is needed, and two are given");
        let done = home.run(&[&["token", "revoke", "amy"][..], &words].concat());
        done.fails(2, "one token is needed, and two are given");
    }
    home.run(&["token", "revoke", "amy", &format!("Bearer {token}\n")])
        .line();
    assert_invalid(&home.run(&["verify", &token]), "revoked");
}
