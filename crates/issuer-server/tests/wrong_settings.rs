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

use program::{Done, Home, Server, Store};

/// A home with this file of settings, and what a command says to it.
fn with_file(text: impl AsRef<[u8]>) -> (Done, PathBuf) {
    // Which sets no store by itself.
    let home = Home::on(Store::Sqlite);
    let path = home.path().join("settings.toml");
    fs::write(&path, &text).unwrap();
    // It uses every setting, and could not listen.
    let mut command = home.command(&["--config", path.to_str().unwrap(), "serve"]);
    let listens = text.as_ref().starts_with(b"listen");
    if !listens {
        command.env("ISSUER_LISTEN", "192.0.2.1:1");
    }
    if text.as_ref().starts_with(b"data_dir") {
        command.env_remove("ISSUER_DATA_DIR");
    }
    let done = Done::of(&mut command);
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
        "cors_headers",
        r#"["X Timezone"]"#,
        "must be names of headers, such as X-Timezone",
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
        // The command that uses it. A flag is looked at by every command.
        let command: &[&str] = if [
            "response_style",
            "client_key",
            "cors_origins",
            "cors_headers",
            "listen",
        ]
        .contains(name)
        {
            &["serve"]
        } else {
            &["issue", "amy"]
        };
        let by_flag = home.run(&["issue", "amy", &format!("{flag}={value}")]);
        by_flag.fails_saying(2, &[&format!("{flag}: ")]);
        let variable = format!("ISSUER_{}", name.to_uppercase());
        // An empty variable counts as unset.
        if value.is_empty() {
            continue;
        }
        let by_variable = Done::of(home.command(command).env(&variable, &value));
        by_variable.fails_saying(2, &[&format!("{variable}: ")]);
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

#[test]
fn a_wrong_setting_stops_no_command_that_does_not_use_it() {
    let home = Home::new();
    let with = |name: &str, value: &str, command: &[&str]| Done::of(home.command(command).env(name, value));
    for (name, value) in [
        ("ISSUER_LISTEN", "nonsense"),
        ("ISSUER_CLIENT_KEY", "open sesame"),
        ("ISSUER_CORS_ORIGINS", "*"),
        ("ISSUER_RESPONSE_STYLE", "fancy"),
        ("ISSUER_LIFETIME", "7"),
        ("ISSUER_MAX_LIVE_TOKENS", "0"),
        ("ISSUER_POLICY", "none"),
        ("ISSUER_REFRESH_WINDOW", "1"),
    ] {
        let token = home.issue("amy");
        with(name, value, &["verify", &token]).line();
        with(name, value, &["token", "revoke", "amy"]).line();
        with(name, value, &["serve"]).fails_saying(2, &[&format!("{name}: ")]);
    }
    for (name, value) in [("ISSUER_LISTEN", "nonsense"), ("ISSUER_RESPONSE_STYLE", "fancy")] {
        with(name, value, &["issue", &format!("user of {name}")]).line();
    }
}

#[test]
fn an_empty_variable_counts_as_unset_whatever_the_setting() {
    let home = Home::new();
    let mut command = home.command(&["issue", "amy"]);
    for name in [
        "STORE",
        "CONFIG",
        "LIFETIME",
        "MAX_LIVE_TOKENS",
        "POLICY",
        "REFRESH_WINDOW",
        "ISSUER",
        "AUDIENCE",
        "LISTEN",
        "IDLE_TIMEOUT",
        "RESPONSE_STYLE",
        "CLIENT_KEY",
        "CORS_ORIGINS",
        "CORS_HEADERS",
        "FILE_PERMISSIONS",
    ] {
        command.env(format!("ISSUER_{name}"), "");
    }
    Done::of(&mut command).line();
    // And so the platform's folder is the one.
    let mut command = home.command(&["issue", "amy"]);
    command.env("ISSUER_DATA_DIR", "");
    Done::of(&mut command).line();
    assert!(home.path().join(".local/share/issuer/keys.json").exists());
}

#[test]
fn an_error_names_the_flag_the_variable_or_the_file_that_the_value_came_from() {
    let home = Home::new();
    let file = home.path().join("issuer.toml");
    fs::write(&file, "lifetime = \"7\"\n").unwrap();
    let rule = "must be a number with s, m, h or d, such as 7d";
    home.run(&["issue", "amy", "--lifetime", "7"])
        .fails(2, &format!("--lifetime: {rule}"));
    Done::of(home.command(&["issue", "amy"]).env("ISSUER_LIFETIME", "7"))
        .fails(2, &format!("ISSUER_LIFETIME: {rule}"));
    Done::of(home.command(&["issue", "amy"]).env("ISSUER_CONFIG", &file))
        .fails(2, &format!("{}: lifetime: {rule}", file.display()));
    Done::of(home.command(&["issue", "amy"]).env("ISSUER_CONFIG", "none.toml"))
        .fails_saying(2, &["ISSUER_CONFIG none.toml: cannot be read"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    Done::of(home.command(&["serve"]).env("ISSUER_LISTEN", &address)).fails_saying(
        3,
        &[&format!(
            "ISSUER_LISTEN: {address}: another program has that port"
        )],
    );
}

#[test]
fn an_address_that_is_none_is_wrong_usage_and_told_the_form() {
    let home = Home::new();
    for address in [
        "http://127.0.0.1:8080",
        "*:80",
        " 127.0.0.1:80",
        "127.0.0.1:80 ",
        ":80",
        "127.0.0.1",
        "127.0.0.1:",
        "8080",
        "127.0.0.1:65536",
        "127.0.0.1:http",
        "localhost:80/",
        "127.0.0.1:+80",
        "127.0.0.1:8080:80",
        "256.0.0.1:80",
        "1.2.3:80",
        "::1:80",
        "::8080",
        "[::1:80",
        "[::g]:80",
        "a,b:80",
    ] {
        home.run(&["serve", &format!("--listen={address}")])
            .fails_saying(2, &["--listen: must be ADDRESS:PORT, such as 127.0.0.1:8080"]);
    }
}

#[test]
fn forms_of_other_tools_are_never_taken_for_the_name_of_a_file() {
    let home = Home::new();
    for (name, told) in [
        ("sqlite://users.db", "write sqlite:users.db"),
        (
            "sqlite:///users.db",
            "write sqlite:/users.db for a path from the root, sqlite:users.db for one from the working folder",
        ),
        ("sqlite:////tmp/users.db", "write sqlite:/tmp/users.db"),
        ("sqlite::memory:", "must be memory:"),
        ("sqlite://:memory:", "must be memory:"),
        ("sqlite:///:memory:", "must be memory:"),
        ("sqlite:file::memory:?cache=shared", "must be memory:"),
        ("sqlite::MEMORY:", "must be memory:"),
        ("sqlite::memory", "must be memory:"),
        (":memory:", "must be memory:"),
        ("memory", "must be memory:"),
        ("sqlite:users.db?mode=rwc", "write sqlite:users.db\n"),
        ("sqlite://users.db?mode=rwc", "write sqlite:users.db\n"),
        ("sqlite:////tmp/users.db?mode=rwc", "write sqlite:/tmp/users.db\n"),
        (
            "sqlite:///users.db?mode=rwc",
            "write sqlite:/users.db for a path from the root, sqlite:users.db for one from the working folder",
        ),
        ("sqlite:users.db?mode=memory&cache=shared", "must be memory:"),
        ("sqlite:?mode=memory", "must be sqlite:PATH, sled:PATH or memory:"),
        ("sqlite:file:users.db", "write sqlite:users.db\n"),
        ("sqlite:file:users.db?mode=rwc", "write sqlite:users.db\n"),
        (
            "sqlite:FILE:/tmp/users.db?mode=ro",
            "write sqlite:/tmp/users.db\n",
        ),
        ("sqlite:file:///tmp/users.db", "write sqlite:/tmp/users.db\n"),
        (
            "sqlite:file://localhost/tmp/users.db",
            "write sqlite:/tmp/users.db\n",
        ),
        ("sqlite://", "must be sqlite:PATH, sled:PATH or memory:"),
        ("sqlite:///", "must be sqlite:PATH, sled:PATH or memory:"),
        ("file:users.db", "must be sqlite:PATH, sled:PATH or memory:"),
        (
            "sqlite+pysqlite:///users.db",
            "must be sqlite:PATH, sled:PATH or memory:",
        ),
        (
            "jdbc:sqlite:users.db",
            "must be sqlite:PATH, sled:PATH or memory:",
        ),
        (
            "sqlite://me:sesame@host/users.db",
            "must be sqlite:PATH, sled:PATH or memory:",
        ),
        ("sled:///tmp/users", "write sled:/tmp/users\n"),
        (
            "sqlite: users.db",
            "must not begin or end with white space or quotes",
        ),
        (
            "sqlite:users.db\n",
            "must not begin or end with white space or quotes",
        ),
        (
            "sqlite:\"users.db\"",
            "must not begin or end with white space or quotes",
        ),
        (
            "sqlite:~bob/users.db",
            "no shell has expanded the ~bob here; write the whole path",
        ),
        (
            "sqlite:$STATE/users.db",
            "no shell has expanded the $STATE here; write the whole path",
        ),
        ("sqlite:~/users.db", "no shell has expanded the ~ here; write "),
        ("sled:~/users", "no shell has expanded the ~ here; write "),
        ("sled://users", "write sled:users"),
        ("sqlite:", "must be sqlite:PATH, sled:PATH or memory:"),
        ("users.db", "must be sqlite:PATH, sled:PATH or memory:"),
        ("/var/lib/users.db", "must be sqlite:PATH, sled:PATH or memory:"),
        (
            "mysql://a:sesame@b/c",
            "must be sqlite:PATH, sled:PATH or memory:",
        ),
        ("postgres://a:sesame@b/c", "PostgreSQL is not in this version"),
    ] {
        let done = home.run(&["issue", "amy", "--store", name]);
        done.fails_saying(2, &["--store: ", told]);
        assert!(!done.stderr.contains("sesame"), "{done:?}");
        let copied = home.run(&["copy", "--from", name, "--to", "memory:"]);
        copied.fails_saying(2, &["--from: ", told]);
        assert!(!copied.stderr.contains("sesame"), "{copied:?}");
    }
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    // What the messages say works.
    home.run(&["issue", "amy", "--store", "sqlite:users.db"]).line();
    assert!(home.path().join("users.db").exists());
    home.run(&["issue", "amy", "--store", "SQLite:other.db"]).line();
    home.run(&["issue", "amy", "--store", "memory:"]).line();
    home.run(&["issue", "amy", "--store", "sqlite:./~bob"]).line();
    assert!(home.path().join("~bob").exists());
}

#[test]
fn a_tilde_that_no_shell_expanded_is_told_the_whole_path() {
    // Which sets no store by itself: that would be in the other data folder.
    let home = Home::on(Store::Sqlite);
    let whole = home.path().join("data here");
    let right = format!("write {} (", whole.display());
    let by_flag = home.run(&["issue", "amy", "--data-dir=~/data here"]);
    by_flag.fails_saying(2, &["--data-dir: ", &right]);
    let by_variable = Done::of(
        home.command(&["issue", "amy"])
            .env("ISSUER_DATA_DIR", "~/data here"),
    );
    by_variable.fails_saying(2, &["ISSUER_DATA_DIR: ", &right]);
    let by_file = home.path().join("issuer.toml");
    fs::write(&by_file, "data_dir = \"$HOME/data here\"\n").unwrap();
    let done = Done::of(
        home.command(&["issue", "amy"])
            .env_remove("ISSUER_DATA_DIR")
            .env("ISSUER_CONFIG", &by_file),
    );
    done.fails_saying(2, &["issuer.toml: data_dir: ", &right]);
    fs::remove_file(by_file).unwrap();
    for wrong in ["~bob/x", "$STATE/x", "${STATE}/x"] {
        home.run(&["issue", "amy", &format!("--data-dir={wrong}")])
            .fails_saying(
                2,
                &["--data-dir: ", "no shell has expanded", "write the whole path"],
            );
    }
    let by_config = home.run(&["issue", "amy", "--config=~/issuer.toml"]);
    by_config.fails_saying(2, &["--config: ", "no shell has expanded the ~ here"]);
    assert!(fs::read_dir(home.path()).unwrap().next().is_none());
    home.run(&["issue", "amy", &format!("--data-dir={}", whole.display())])
        .line();
}

#[test]
fn a_path_with_white_space_or_quotes_around_it_makes_nothing() {
    let home = Home::new();
    let here = home.path().to_str().unwrap().to_owned();
    for path in [
        format!(" {here}/data"),
        format!("{here}/data "),
        format!("{here}/data\n"),
        format!("\"{here}/data\""),
        format!("'{here}/data'"),
    ] {
        let rule = "must not begin or end with white space or quotes";
        Done::of(home.command(&["issue", "amy"]).env("ISSUER_DATA_DIR", &path))
            .fails(2, &format!("ISSUER_DATA_DIR: {rule}"));
        Done::of(home.command(&["issue", "amy"]).env("ISSUER_CONFIG", &path))
            .fails(2, &format!("ISSUER_CONFIG: {rule}"));
    }
    assert!(fs::read_dir(home.path()).unwrap().next().is_none());
}

#[test]
fn an_error_that_a_value_leads_to_later_names_where_it_came_from_as_well() {
    let home = Home::new();
    let rule = "the refresh window must be shorter than the lifetime";
    home.run(&["issue", "amy", "--refresh-window", "7d"])
        .fails(2, &format!("--refresh-window: {rule}"));
    let mut command = home.command(&["issue", "amy", "--lifetime", "1h"]);
    Done::of(command.env("ISSUER_REFRESH_WINDOW", "1h")).fails(2, &format!("ISSUER_REFRESH_WINDOW: {rule}"));
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    Done::of(home.command(&["issue", "amy"]).env("ISSUER_DATA_DIR", &file)).fails_saying(
        2,
        &[&format!("ISSUER_DATA_DIR: {}: is not a folder", file.display())],
    );
}

#[test]
fn lists_may_have_white_space_behind_their_commas() {
    let home = Home::new();
    let origins = "https://a.example, https://b.example";
    let mut command = home.command(&["serve", "--listen=127.0.0.1:0", "--cors-headers=X-A, X-B"]);
    Server::start(command.env("ISSUER_CORS_ORIGINS", origins)).stop();
}
