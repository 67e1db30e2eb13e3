//! The command line: whatever it is given by mistake, it does not repeat.

use std::fs;

use crate::{
    marks::{API_KEY, CLIENT_KEY, Marks, SIGNING_SECRET, WRONG_API_KEY, WRONG_TOKEN},
    program::{Done, Home, Store},
    requests::keys_json,
    running::{home, look_through, write_private},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

#[track_caller]
fn says_nothing(marks: &Marks, what: &str, done: &Done) {
    assert_ne!(done.code, Some(0), "{what}: {}", done.stdout);
    assert!(!done.stderr.is_empty() || !done.stdout.is_empty(), "{what}");
    marks.are_not_in(&format!("standard error of {what}"), done.stderr.as_bytes());
    marks.are_not_in(&format!("standard output of {what}"), done.stdout.as_bytes());
}

#[test]
fn no_command_repeats_the_token_that_it_refuses() {
    let home = home(Store::of_this_run());
    let mut marks = Marks::new();
    let token = home.issue("amy");
    marks.add_token(&token);
    let changed = format!("{token}x");
    for token in [&changed, WRONG_TOKEN, &WRONG_TOKEN.repeat(1_000), ""] {
        says_nothing(&marks, "verify", &home.run(&["verify", token]));
        says_nothing(
            &marks,
            "verify -",
            &home.run_with_input(&["verify", "-"], token.as_bytes()),
        );
        says_nothing(
            &marks,
            "token revoke",
            &home.run(&["token", "revoke", "amy", token]),
        );
    }
    says_nothing(
        &marks,
        "token revoke of another",
        &home.run(&["token", "revoke", "bob", &token]),
    );
    assert_eq!(home.run(&["token", "revoke", "amy", &token]).code, Some(0));
    says_nothing(&marks, "verify of a dead one", &home.run(&["verify", &token]));
    assert!(look_through(&marks, &home.data_dir()) > 0);
}

#[test]
fn no_start_repeats_the_key_that_it_refuses() {
    let marks = Marks::new();
    let home = home(Store::of_this_run());
    let serve = || home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let file = home.path().join("api-key");
    for wrong in [
        format!("{WRONG_API_KEY} {API_KEY}"),
        format!("{API_KEY}\u{e9}"),
        API_KEY.repeat(20),
    ] {
        says_nothing(
            &marks,
            "ISSUER_API_KEY",
            &Done::of(serve().env("ISSUER_API_KEY", &wrong)),
        );
        write_private(&file, &wrong);
        says_nothing(
            &marks,
            "ISSUER_API_KEY_FILE",
            &Done::of(serve().env("ISSUER_API_KEY_FILE", &file)),
        );
    }
    for wrong in [
        format!("{CLIENT_KEY} x"),
        format!("{CLIENT_KEY}\u{e9}"),
        CLIENT_KEY.repeat(40),
    ] {
        says_nothing(
            &marks,
            "ISSUER_CLIENT_KEY",
            &Done::of(serve().env("ISSUER_CLIENT_KEY", &wrong)),
        );
        says_nothing(
            &marks,
            "--client-key",
            &Done::of(serve().args(["--client-key", &wrong])),
        );
    }
}

#[test]
fn no_message_repeats_a_line_of_a_settings_file_that_holds_a_key() {
    let marks = Marks::new();
    let home = home(Store::of_this_run());
    let file = home.path().join("issuer.toml");
    for wrong in [
        format!("client_key = {CLIENT_KEY}"),
        format!("client_key = \"{CLIENT_KEY}"),
        format!("client_key = \"{CLIENT_KEY}\" \"{API_KEY}\""),
        format!("client_key = [\"{CLIENT_KEY}\"]"),
        format!("client_key = \"{CLIENT_KEY} \""),
        format!("client_key = \"{CLIENT_KEY}\"\nclient_key = \"{CLIENT_KEY}\""),
        format!("[client_key]\nkey = \"{CLIENT_KEY}\""),
    ] {
        fs::write(&file, &wrong).unwrap();
        // The one command that uses the key; an address for documentation (RFC 5737), which no machine has.
        let listen = ["--listen", "192.0.2.1:1"];
        let done = home.run(&["serve", "--config", file.to_str().unwrap(), listen[0], listen[1]]);
        assert_eq!(done.code, Some(2), "{wrong}: {done:?}");
        says_nothing(&marks, "a settings file", &done);
    }
}

#[test]
fn no_message_repeats_a_key_file_that_cannot_be_read() {
    let marks = Marks::new();
    let home = Home::on(Store::of_this_run());
    fs::create_dir(home.data_dir()).unwrap();
    let file = home.data_dir().join("keys.json");
    let good = keys_json();
    let k = URL_SAFE_NO_PAD.encode(SIGNING_SECRET);
    for wrong in [
        good[..good.len() - 1].to_owned(),
        format!("{good}{k}"),
        good.replace("HS256", &k),
        good.replace("HS256", "HS512"),
        good.replace("oct", &k),
        good.replace("\"k\"", &format!("\"{k}\"")),
        good.replace(&k, &format!("{k}=")),
        good.replace("\"keys\"", "\"key\""),
        format!("{{\"keys\":[\"{k}\"]}}"),
        format!("{{\"keys\":[{0},{0}]}}", &good[9..good.len() - 2]),
        k.clone(),
        String::from_utf8_lossy(SIGNING_SECRET).into_owned(),
    ] {
        write_private(&file, &wrong);
        let done = home.run(&["issue", "amy"]);
        assert_eq!(done.code, Some(3), "{wrong}: {done:?}");
        says_nothing(&marks, "a damaged key file", &done);
    }
    // One that others may read, and one that is no text.
    fs::write(&file, [good.as_bytes(), b"\xFF"].concat()).unwrap();
    says_nothing(&marks, "a key file of bytes", &home.run(&["issue", "amy"]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        write_private(&file, &good);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        says_nothing(&marks, "a key file of many", &home.run(&["issue", "amy"]));
    }
}

#[test]
fn no_argument_in_the_wrong_place_is_repeated() {
    let marks = Marks::new();
    let home = home(Store::of_this_run());
    let postgres = format!("postgres://user:{WRONG_TOKEN}@host/db");
    let sqlite = format!("sqlite://user:{WRONG_TOKEN}@host/db");
    let joined = |flag: &str| format!("{flag}={WRONG_TOKEN}");
    let (long, short) = (format!("--{WRONG_TOKEN}"), format!("-x{WRONG_TOKEN}"));
    let settings = [
        "--lifetime",
        "--max-live-tokens",
        "--policy",
        "--refresh-window",
        "--listen",
        "--idle-timeout",
        "--response-style",
        "--cors-origins",
        "--file-permissions",
        "--store",
        "--clientkey",
    ];
    let mut wrong: Vec<Vec<String>> = Vec::new();
    let mut add = |arguments: &[&str]| wrong.push(arguments.iter().map(ToString::to_string).collect());
    for setting in settings {
        add(&["serve", setting, WRONG_TOKEN]);
        add(&["serve", &joined(setting)]);
        add(&[setting, WRONG_TOKEN, "serve"]);
    }
    for place in [
        WRONG_TOKEN,
        &long,
        &short,
        &joined("--nothing"),
        &joined("--new-key"),
        &postgres,
    ] {
        add(&[place]);
        add(&["help", place]);
        add(&["token", place]);
        add(&["token", "revoke", "amy", "a", place]);
        add(&["token", "revoke", "amy", "a", "b", place]);
        add(&["issue", "amy", place]);
        add(&["issue", "amy", "--", "bob", place]);
        add(&["verify", "x", place]);
        add(&["verify", place, "x"]);
        add(&["verify", "x", "y", place]);
        add(&["verify", "Bearer", "x", place]);
        add(&["serve", place]);
        add(&["copy", place]);
        add(&["copy", "--from", place, "--to", "memory:"]);
    }
    for url in [&postgres, &sqlite] {
        add(&["serve", "--store", url]);
        add(&["verify", "x", "--store", url]);
        add(&["copy", "--from", url, "--to", "sled:x"]);
        add(&["copy", "--from", "sled:x", "--to", url]);
    }
    for arguments in &wrong {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        says_nothing(&marks, &format!("{arguments:?}"), &home.run(&arguments));
    }
    let unknown = home.run(&["serve", &joined("--clientkey")]);
    unknown.fails_saying(2, &["argument 2 is not known here", "did you mean --client-key?"]);
}

#[test]
fn a_client_key_on_the_command_line_is_warned_of_and_one_in_the_environment_is_not() {
    let key = "marked-client-key-0123";
    let home = home(Store::of_this_run());
    let log = home.serve(&["--client-key", key]).stop();
    assert!(
        log.contains("--client-key shows the key in the list of processes"),
        "{log}"
    );
    assert!(!log.contains(key), "{log}");
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    command
        .env("ISSUER_API_KEY", API_KEY)
        .env("ISSUER_CLIENT_KEY", key);
    let log = crate::program::Server::start(&mut command).stop();
    assert!(!log.contains("list of processes"), "{log}");
}
