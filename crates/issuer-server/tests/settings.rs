//! Each setting has one name, in the file, in the environment and among the flags.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::fs;

use program::{API_KEY, Answer, Ask, Done, Home, Server, Store};

/// A setting, and how to tell which of two values holds.
struct Setting {
    name: &'static str,
    /// As the file writes it.
    wins: &'static str,
    loses: &'static str,
    /// Whether `wins` holds.
    holds: fn(&Set<'_>) -> bool,
}

const SETTINGS: &[Setting] = &[
    Setting {
        name: "data_dir",
        wins: r#""here""#,
        loses: r#""there""#,
        holds: |set| {
            set.run(&["issue", "amy"]).line();
            set.home.path().join("here/keys.json").exists() && !set.home.path().join("there").exists()
        },
    },
    Setting {
        name: "store",
        wins: r#""sqlite:here.db""#,
        loses: r#""sqlite:there.db""#,
        holds: |set| {
            set.run(&["issue", "amy"]).line();
            set.home.path().join("here.db").exists() && !set.home.path().join("there.db").exists()
        },
    },
    Setting {
        name: "lifetime",
        wins: r#""1d""#,
        loses: r#""2d""#,
        holds: |set| {
            let claims = set.claims();
            claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() == 86_400
        },
    },
    Setting {
        name: "max_live_tokens",
        wins: "2",
        loses: "1",
        holds: |set| {
            set.run(&["issue", "amy"]).line();
            set.run(&["issue", "amy"]).code == Some(0) && set.run(&["issue", "amy"]).code == Some(1)
        },
    },
    Setting {
        name: "policy",
        wins: r#""upsert""#,
        loses: r#""conflict_while_live""#,
        holds: |set| {
            set.run(&["issue", "amy"]).line();
            set.run(&["issue", "amy"]).code == Some(0)
        },
    },
    Setting {
        name: "refresh_window",
        wins: r#""7d""#,
        loses: r#""6d""#,
        // As long as a token lives by default, which is refused.
        holds: |set| {
            let done = set.run(&["issue", "amy"]);
            done.stderr
                .ends_with(": the refresh window must be shorter than the lifetime\n")
        },
    },
    Setting {
        name: "issuer",
        wins: r#""me""#,
        loses: r#""you""#,
        holds: |set| set.claims()["iss"] == "me",
    },
    Setting {
        name: "audience",
        wins: r#""us""#,
        loses: r#""them""#,
        holds: |set| set.claims()["aud"] == "us",
    },
    Setting {
        name: "listen",
        wins: r#""127.0.0.1:0""#,
        // An address for documentation (RFC 5737), which no machine has.
        loses: r#""192.0.2.1:1""#,
        holds: |set| set.serve().address().ip().is_loopback(),
    },
    Setting {
        name: "idle_timeout",
        wins: r#""1s""#,
        loses: r#""1d""#,
        holds: |set| {
            let server = set.serve();
            let mut connection = server.connect();
            connection.send(&Ask::get("/healthz").bytes());
            connection.answer_to("GET").status == 200 && connection.is_closed()
        },
    },
    Setting {
        name: "response_style",
        wins: r#""envelope""#,
        loses: r#""flat""#,
        holds: |set| set.serve().ask(&Ask::issue("amy")).json()["RC"] == 0,
    },
    Setting {
        name: "client_key",
        wins: r#""sesame""#,
        loses: r#""barley""#,
        holds: |set| set.me("IM-CLIENT-KEY", "sesame").status == 401,
    },
    Setting {
        name: "cors_origins",
        wins: r#"["https://a.example", "https://b.example"]"#,
        loses: r#"["https://c.example"]"#,
        holds: |set| {
            let answer = set.me("Origin", "https://b.example");
            answer.header("access-control-allow-origin") == Some("https://b.example")
        },
    },
    Setting {
        name: "cors_headers",
        wins: r#"["X-A", "X-B"]"#,
        loses: r#"["X-C"]"#,
        holds: |set| {
            let mut command = set.command(&["serve", "--cors-origins", "https://a.example"]);
            command
                .env("ISSUER_LISTEN", "127.0.0.1:0")
                .env("ISSUER_API_KEY", API_KEY);
            let preflight = Ask::new("OPTIONS", "/me")
                .header("Origin", "https://a.example")
                .header("Access-Control-Request-Method", "GET");
            let answer = Server::start(&mut command).ask(&preflight);
            let allowed = answer
                .header("access-control-allow-headers")
                .unwrap_or_default()
                .to_owned();
            allowed.ends_with("x-a,x-b")
        },
    },
    Setting {
        name: "file_permissions",
        wins: r#""group""#,
        loses: r#""owner""#,
        holds: |set| {
            use std::os::unix::fs::PermissionsExt as _;

            set.run(&["issue", "amy"]).line();
            fs::metadata(set.home.data_dir()).unwrap().permissions().mode() & 0o777 == 0o770
        },
    },
];

/// A home where a setting is set in a file, in the environment, or by a flag.
struct Set<'a> {
    home: Home,
    name: &'a str,
    variable: Option<String>,
    flag: Option<String>,
    flag_first: bool,
}

impl Set<'_> {
    fn run(&self, command: &[&str]) -> Done {
        Done::of(&mut self.command(command))
    }

    fn command(&self, command: &[&str]) -> std::process::Command {
        let flag = self
            .flag
            .iter()
            .map(|value| format!("--{}={value}", self.name.replace('_', "-")));
        let command = command.iter().map(ToString::to_string);
        let arguments: Vec<String> = if self.flag_first {
            flag.chain(command).collect()
        } else {
            command.chain(flag).collect()
        };
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.home.command(&arguments);
        if self.name == "data_dir" {
            command.env_remove("ISSUER_DATA_DIR");
        }
        let file = self.home.path().join("settings.toml");
        if file.exists() {
            command.env("ISSUER_CONFIG", file);
        }
        if let Some(value) = &self.variable {
            command.env(format!("ISSUER_{}", self.name.to_uppercase()), value);
        }
        command
    }

    fn serve(&self) -> Server {
        let mut command = self.command(&["serve"]);
        if self.name != "listen" {
            command.env("ISSUER_LISTEN", "127.0.0.1:0");
        }
        Server::start(command.env("ISSUER_API_KEY", API_KEY))
    }

    fn claims(&self) -> serde_json::Value {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let token = self.run(&["issue", "amy"]).token();
        let part = token.split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    fn me(&self, header: &str, value: &str) -> Answer {
        let server = self.serve();
        server.ask(&Ask::get("/me").header(header, value))
    }
}

/// The value as the environment and the flags write it.
fn plain(toml: &str) -> String {
    toml.replace(['"', '[', ']', ' '], "")
}

#[test]
fn every_setting_is_taken_from_flags_over_the_environment_over_the_file() {
    for setting in SETTINGS {
        let (wins, loses) = (setting.wins, setting.loses);
        for (file, variable, flag, flag_first) in [
            (Some(wins), None, None, true),
            (Some(loses), Some(wins), None, true),
            (Some(loses), Some(loses), Some(wins), true),
            (Some(loses), Some(loses), Some(wins), false),
            (Some(wins), None, None, false),
        ] {
            let set = Set {
                // Which sets no store by itself.
                home: Home::on(Store::Sqlite),
                name: setting.name,
                variable: variable.map(plain),
                flag: flag.map(plain),
                flag_first,
            };
            if let Some(value) = file {
                fs::write(
                    set.home.path().join("settings.toml"),
                    format!("{} = {value}\n", setting.name),
                )
                .unwrap();
            }
            assert!(
                (setting.holds)(&set),
                "{}: {:?}",
                setting.name,
                (file, variable, flag, flag_first)
            );
        }
    }
}

#[test]
fn the_settings_tested_here_are_all_there_are() {
    let help = Home::new().run(&["serve", "-h"]).stdout;
    let (_, settings) = help.split_once("Settings:\n").unwrap();
    let flags: Vec<&str> = settings
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--")?.split(' ').next())
        .collect();
    let mut tested: Vec<String> = SETTINGS
        .iter()
        .map(|setting| setting.name.replace('_', "-"))
        .collect();
    tested.push("config".to_owned());
    tested.sort();
    let mut found = flags.clone();
    found.sort_unstable();
    assert_eq!(found, tested);
    for flag in flags {
        let variable = format!("[env: ISSUER_{}]", flag.replace('-', "_").to_uppercase());
        assert!(settings.contains(&variable), "{variable}");
    }
}
