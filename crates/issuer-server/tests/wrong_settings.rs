//! A setting that is wrong is refused by its name and its rule, and never by its value where that is a secret.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{fs, path::PathBuf};

use program::{Done, Home};

/// A home with this file of settings, and what a command says to it.
fn with_file(text: impl AsRef<[u8]>) -> (Done, PathBuf) {
    let home = Home::new();
    let path = home.path().join("settings.toml");
    fs::write(&path, text).unwrap();
    let done = home.run(&["--config", path.to_str().unwrap(), "issue", "amy"]);
    assert!(!home.data_dir().exists(), "nothing is made: {done:?}");
    (done, path)
}

#[test]
fn a_file_with_an_unknown_setting_is_refused_by_its_name() {
    for name in [
        "max_live_token",
        "MAX_LIVE_TOKENS",
        "max-live-tokens",
        "config",
        "api_key",
    ] {
        let (done, path) = with_file(format!("{name} = \"2\"\n"));
        done.fails(2, &format!("{}: {name}: is no setting", path.display()));
    }
    let (done, path) = with_file("[serve]\nlisten = \"127.0.0.1:1\"\n");
    done.fails(2, &format!("{}: serve: is no setting", path.display()));
}

#[test]
fn a_file_that_is_no_toml_is_refused_by_its_line_and_never_by_its_content() {
    for (text, line) in [
        ("lifetime = \"1d\"\nclient_key = \"sesame\n", 2),
        ("client_key = sesame\n", 1),
        ("\n\nclient_key \"sesame\"\n", 3),
        ("client_key = \"sesame\"\nclient_key = \"sesame\"\n", 2),
    ] {
        let (done, path) = with_file(text);
        done.fails(2, &format!("{}: line {line} is not valid TOML", path.display()));
    }
    let (done, path) = with_file(b"client_key = \"\xff\"\n");
    done.fails_saying(2, &[path.to_str().unwrap(), "cannot be read"]);
}

#[test]
fn a_file_that_is_not_there_is_refused_by_the_name_of_the_setting() {
    let home = Home::new();
    home.run(&["--config", "none.toml", "issue", "amy"])
        .fails_saying(2, &["--config none.toml: cannot be read"]);
}

/// What is wrong, and the rule it is told by.
const WRONG: &[(&str, &str, &str)] = &[
    ("data_dir", r#""""#, "must name a folder"),
    (
        "store",
        r#""postgres:x""#,
        "must be sqlite:PATH, sled:PATH or memory:",
    ),
    (
        "store",
        r#""sqlite:""#,
        "must be sqlite:PATH, sled:PATH or memory:",
    ),
    ("lifetime", r#""7""#, "must be a number with s, m, h or d"),
    ("lifetime", r#""0s""#, "must be 1s to 3653d"),
    ("lifetime", r#""3654d""#, "must be 1s to 3653d"),
    ("lifetime", "7", "must be a number with s, m, h or d"),
    ("lifetime", "true", "must be a string or a number"),
    ("max_live_tokens", "0", "must be a number from 1 to 100"),
    ("max_live_tokens", "101", "must be a number from 1 to 100"),
    ("policy", r#""Upsert""#, "must be conflict_while_live or upsert"),
    ("refresh_window", r#""1""#, "must be a number with s, m, h or d"),
    (
        "issuer",
        r#""""#,
        "must be 1 to 1024 bytes without control characters",
    ),
    (
        "audience",
        r#""a\nb""#,
        "must be 1 to 1024 bytes without control characters",
    ),
    ("response_style", r#""fancy""#, "must be flat or envelope"),
    ("client_key", r#""""#, "must be 1 to 512 visible ASCII characters"),
    (
        "client_key",
        r#""open sesame""#,
        "must be 1 to 512 visible ASCII characters",
    ),
    (
        "cors_origins",
        r#"["a.example"]"#,
        "must be an origin such as https://app.example.com",
    ),
    (
        "cors_origins",
        r#"["https://a.example/"]"#,
        "must be an origin such as https://app.example.com",
    ),
    (
        "cors_origins",
        r#""https://a.example""#,
        "must be a list of strings",
    ),
    ("file_permissions", r#""all""#, "must be owner, group or any"),
];

#[test]
fn a_wrong_value_is_refused_by_the_name_of_the_setting_and_its_rule() {
    for (name, value, rule) in WRONG {
        let (done, path) = with_file(format!("{name} = {value}\n"));
        done.fails_saying(2, &[path.to_str().unwrap(), name, rule]);
        assert!(!done.stderr.contains("sesame"), "{done:?}");
    }
}

#[test]
fn a_wrong_flag_or_variable_is_refused_by_its_name() {
    for (name, value, _) in WRONG {
        // What is right as text, and wrong as TOML only.
        if *value == "true" || (*name == "cors_origins" && !value.starts_with('[')) {
            continue;
        }
        let value = value.trim_matches(['[', ']', '"']).replace("\\n", "\n");
        let flag = format!("--{}", name.replace('_', "-"));
        let home = Home::new();
        let by_flag = home.run(&["issue", "amy", &format!("{flag}={value}")]);
        by_flag.fails_saying(2, &[&flag]);
        let variable = format!("ISSUER_{}", name.to_uppercase());
        let by_variable = Done::of(home.command(&["issue", "amy"]).env(variable, &value));
        by_variable.fails_saying(2, &[&flag]);
        assert!(!home.data_dir().exists(), "nothing is made: {name}");
        for done in [by_flag, by_variable] {
            assert!(!done.stderr.contains("sesame"), "{done:?}");
        }
    }
}

#[test]
fn a_client_key_is_shown_nowhere() {
    let home = Home::new();
    for arguments in [
        &["--help"][..],
        &["serve", "-h"],
        &["serve", "--nope"],
        &["serve", "--client-key", "sesame", "--client-key", "sesame"],
        &["serve", "--listen", "nonsense", "--client-key", "sesame"],
        &["serve", "--client-key", "open sesame", "--listen", "nonsense"],
        &["serve", "--lifetime", "0s", "--client-key=sesame"],
        &["issue", "..", "--client-key", "sesame"],
    ] {
        for key in ["sesame", "open sesame"] {
            let done = Done::of(home.command(arguments).env("ISSUER_CLIENT_KEY", key));
            assert!(!format!("{done:?}").contains("sesame"), "{done:?}");
        }
    }
}
