//! The settings as they are given: by flags, the environment and the file. Each is declared here, once.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};

use crate::{
    failure::Failure,
    file_permissions::{open_regular, read_text},
    settings::Settings,
};

/// A setting: `max_live_tokens` in the file, `ISSUER_MAX_LIVE_TOKENS`, `--max-live-tokens`.
struct Declared {
    name: &'static str,
    /// The placeholder of the value in the help.
    value: &'static str,
    help: &'static str,
    used_by: Users,
}

/// The commands that use a setting. A wrong value stops no other command, unless it is a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Users {
    Every,
    /// Those that check tokens: issue, verify, revoke and serve.
    Check,
    /// Those that issue tokens: issue and serve.
    Issue,
    Serve,
}

/// The use that a command makes of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Serve,
    Issue,
    /// Check or revoke.
    Check,
    /// Copy: nothing.
    Copy,
}

impl Users {
    fn include(self, purpose: Purpose) -> bool {
        match self {
            Self::Every => true,
            Self::Check => purpose != Purpose::Copy,
            Self::Issue => matches!(purpose, Purpose::Issue | Purpose::Serve),
            Self::Serve => purpose == Purpose::Serve,
        }
    }
}

const SETTINGS: &[Declared] = &[
    Declared {
        name: "data_dir",
        value: "DIR",
        help: "Folder of the keys and, by default, of the store [default: the platform's data folder]",
        used_by: Users::Every,
    },
    Declared {
        name: "store",
        value: "URL",
        help: "Where users and tokens are kept: sqlite:PATH, sled:PATH or memory: [default: SQLite in the data folder]",
        used_by: Users::Check,
    },
    Declared {
        name: "config",
        value: "FILE",
        help: "File of settings, in TOML",
        used_by: Users::Every,
    },
    Declared {
        name: "lifetime",
        value: "DURATION",
        help: "How long a token lives, 1s to 3653d [default: 7d]",
        used_by: Users::Issue,
    },
    Declared {
        name: "max_live_tokens",
        value: "N",
        help: "How many live tokens a user may hold, 1 to 100 [default: 1]",
        used_by: Users::Issue,
    },
    Declared {
        name: "policy",
        value: "POLICY",
        help: "What a request does while the user's tokens live: conflict_while_live refuses it, upsert revokes the oldest \
               [default: conflict_while_live]",
        used_by: Users::Issue,
    },
    Declared {
        name: "refresh_window",
        value: "DURATION",
        help: "A token with less than this left counts as expired when a new one is asked for [default: 0]",
        used_by: Users::Issue,
    },
    Declared {
        name: "issuer",
        value: "TEXT",
        help: "The iss claim of every token [default: none]",
        used_by: Users::Check,
    },
    Declared {
        name: "audience",
        value: "TEXT",
        help: "The aud claim of every token [default: none]",
        used_by: Users::Check,
    },
    Declared {
        name: "listen",
        value: "ADDRESS",
        help: "Address and port to listen on [default: 127.0.0.1:8080]",
        used_by: Users::Serve,
    },
    Declared {
        name: "idle_timeout",
        value: "DURATION",
        help: "How long a connection stays open between an answer and the next request, longer than a proxy keeps its own; 1s to \
               1d [default: 75s]",
        used_by: Users::Serve,
    },
    Declared {
        name: "response_style",
        value: "STYLE",
        help: "How successes are wrapped: flat is the object itself, envelope is {\"RC\":0,\"RM\":\"OK\",\"result\":{...}} \
               [default: flat]",
        used_by: Users::Serve,
    },
    Declared {
        name: "client_key",
        value: "KEY",
        help: "The key that GET /me asks for in IM-CLIENT-KEY; better by the file or the environment, for a flag shows in the list \
               of processes [default: none]",
        used_by: Users::Serve,
    },
    Declared {
        name: "cors_origins",
        value: "ORIGIN",
        help: "Origins whose pages may ask GET /me from a browser, separated by commas [default: none]",
        used_by: Users::Serve,
    },
    Declared {
        name: "cors_headers",
        value: "HEADER",
        help: "Headers that those pages may send besides IM-Authorization and IM-CLIENT-KEY, separated by commas [default: \
               IM-CLIENT-ID,X-Timezone]",
        used_by: Users::Serve,
    },
    Declared {
        name: "file_permissions",
        value: "WHO",
        help: "Who else may reach the files of the data folder: owner is this account alone, group its group too, any is not \
               looked at [default: owner]",
        used_by: Users::Every,
    },
];

/// The file of settings is no setting in the file.
const CONFIG: &str = "config";

/// The values that are given, by name. A value is parsed when a command uses it: see [`Given::settings`].
#[derive(Clone, Default)]
pub(crate) struct Given(BTreeMap<&'static str, (Value, Origin)>);

/// A value as it is given.
#[derive(Clone)]
pub(crate) enum Value {
    /// By a flag or a variable.
    Text(OsString),
    /// By the file.
    Toml(toml::Value),
}

/// Where a value comes from, as errors say it.
#[derive(Clone)]
enum Origin {
    Flag(&'static str),
    Environment(&'static str),
    File(PathBuf, &'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{}", flag(name)),
            Self::Environment(name) => f.write_str(&variable(name)),
            Self::File(path, name) => write!(f, "{}: {name}", path.display()),
        }
    }
}

fn flag(name: &str) -> String {
    name.replace('_', "-")
}

fn variable(name: &str) -> String {
    format!("ISSUER_{}", name.to_uppercase())
}

/// The value of an environment variable; an empty one counts as unset.
pub(crate) fn environment(variable: &str) -> Option<OsString> {
    env::var_os(variable).filter(|value| !value.is_empty())
}

impl Args for Given {
    fn augment_args(mut command: Command) -> Command {
        for setting in SETTINGS {
            // The values of variables never stand in the help: one of them may be a secret.
            let help = format!("{} [env: {}]", setting.help, variable(setting.name));
            let arg = Arg::new(setting.name)
                .long(flag(setting.name))
                .value_name(setting.value)
                .help(help)
                .global(true)
                // Of any text. In place of a path or a number, `-x` is more likely the next flag.
                .allow_hyphen_values(matches!(setting.value, "TEXT" | "KEY"))
                .value_parser(value_parser!(OsString));
            command = command.arg(arg);
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Self::default();
        given.update_from_arg_matches(matches)?;
        Ok(given)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for Declared { name, .. } in SETTINGS {
            if let Some(text) = matches.get_one::<OsString>(name) {
                self.0
                    .insert(name, (Value::Text(text.clone()), Origin::Flag(name)));
            }
        }
        Ok(())
    }
}

impl Given {
    /// Fills what no flag says from the environment, and what that does not say from the file, if there is one.
    pub(crate) fn with_environment_and_file(mut self) -> Result<Self, Failure> {
        for Declared { name, .. } in SETTINGS {
            if let Some(text) = environment(&variable(name)) {
                self.0
                    .entry(name)
                    .or_insert((Value::Text(text), Origin::Environment(name)));
            }
        }
        let Some((Value::Text(file), origin)) = self.0.get(CONFIG) else {
            return Ok(self);
        };
        let (path, origin) = (PathBuf::from(file), origin.to_string());
        self.with_file(&path, &origin)
    }

    /// Fills what is not given yet from a file, which a flag or a variable has named.
    pub(crate) fn with_file(mut self, path: &Path, origin: &str) -> Result<Self, Failure> {
        check_path_text(path).map_err(|why| Failure::usage(format!("{origin}: {why}")))?;
        let text = open_regular(path).and_then(|file| read_text(&file));
        let text = text.map_err(|error| {
            Failure::usage(format!("{origin} {}: cannot be read: {error}", path.display()))
        })?;
        let table: toml::Table = text.parse().map_err(|error| syntax_error(path, &text, &error))?;
        for (name, value) in table {
            let declared = SETTINGS
                .iter()
                .find(|setting| setting.name == name && name != CONFIG)
                .ok_or_else(|| Failure::usage(format!("{}: {name}: is no setting", path.display())))?;
            self.0
                .entry(declared.name)
                .or_insert_with(|| (Value::Toml(value), Origin::File(path.to_owned(), declared.name)));
        }
        Ok(self)
    }

    /// The settings that a command uses, and those that were given to it as flags.
    pub(crate) fn settings(&self, purpose: Purpose) -> Result<Settings, Failure> {
        self.parsed(|setting, origin| setting.used_by.include(purpose) || matches!(origin, Origin::Flag(_)))
    }

    /// The settings that were given as flags.
    pub(crate) fn flags(&self) -> Result<Settings, Failure> {
        self.parsed(|_, origin| matches!(origin, Origin::Flag(_)))
    }

    fn parsed(&self, is_wanted: impl Fn(&Declared, &Origin) -> bool) -> Result<Settings, Failure> {
        let mut settings = Settings::default();
        for setting in SETTINGS {
            let Some((value, origin)) = self.0.get(setting.name) else {
                continue;
            };
            if setting.name != CONFIG && is_wanted(setting, origin) {
                settings
                    .set(setting.name, value, &origin.to_string())
                    .map_err(|why| Failure::usage(format!("{origin}: {why}")))?;
            }
        }
        Ok(settings)
    }
}

/// Refuses a path that most likely names nothing that anybody has: what a shell would have expanded or taken away, and does
/// not in `--data-dir=~/x`, in a file, or in a unit of systemd.
pub(crate) fn check_path_text(path: &Path) -> Result<(), String> {
    let text = path.to_string_lossy();
    let is_quoted = |quote| text.starts_with(quote) || text.ends_with(quote);
    if text.trim() != text || is_quoted('"') || is_quoted('\'') {
        return Err("must not begin or end with white space or quotes".to_owned());
    }
    let first = path
        .components()
        .next()
        .map(|first| first.as_os_str().to_string_lossy());
    let Some(first) = first.filter(|first| first.starts_with(['~', '$'])) else {
        return Ok(());
    };
    let home = environment("HOME").map_or_else(|| "/home/NAME".into(), PathBuf::from);
    let whole = match &*first {
        "~" | "$HOME" | "${HOME}" => {
            let rest: PathBuf = path.components().skip(1).collect();
            home.join(rest).display().to_string()
        }
        _ => "the whole path".to_owned(),
    };
    Err(format!(
        "no shell has expanded the {first} here; write {whole} (what is called so is ./{first})"
    ))
}

/// The line and the kind of error, and nothing of the line: it may hold a secret.
fn syntax_error(path: &Path, text: &str, error: &toml::de::Error) -> Failure {
    let before = error
        .span()
        .and_then(|span| text.get(..span.start))
        .unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    Failure::usage(format!("{}: line {line} is not valid TOML", path.display()))
}
