//! The settings: each has one name, in the file, the environment and the flags.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{ArgMatches, Args, ValueEnum, parser::ValueSource};
use issuer::{
    decide::{MaxLiveTokens, Policy},
    jose::KeySet,
};
use issuer_http::{ClientKey, CorsOrigin, ResponseStyle};
use issuer_service::{Builder, TokenService};
use issuer_store::Store;

use crate::{
    duration::{LifetimeSetting, WindowSetting, idle_timeout},
    failure::Failure,
    file_permissions::FilePermissions,
    store_url::{self, Access},
    token_settings::{PolicySetting, TokenSettings, max_live_tokens},
};

/// Some 32 MiB once all of them are in use.
const CACHED_LIVE_TOKENS: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// What is set by flags or the environment; what the file says fills the gaps.
///
/// The values of environment variables never stand in the help: one of them may be a secret.
#[allow(
    clippy::doc_markdown,
    reason = "the comments are the help, which knows no backticks"
)]
#[derive(Args, Clone, Default)]
pub(crate) struct Settings {
    /// Folder of the keys and, by default, of the store [default: the platform's data folder]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "ISSUER_DATA_DIR",
        hide_env_values = true
    )]
    pub(crate) data_dir: Option<PathBuf>,

    /// Where users and tokens are kept: sqlite:PATH, sled:PATH or memory: [default: SQLite in the data folder]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "ISSUER_STORE",
        hide_env_values = true,
        value_parser = store_url::check
    )]
    pub(crate) store: Option<String>,

    /// File of settings, in TOML
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "ISSUER_CONFIG",
        hide_env_values = true
    )]
    pub(crate) config: Option<PathBuf>,

    /// How long a token lives, 1s to 3653d [default: 7d]
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        env = "ISSUER_LIFETIME",
        hide_env_values = true
    )]
    pub(crate) lifetime: Option<LifetimeSetting>,

    /// How many live tokens a user may hold, 1 to 100 [default: 1]
    #[arg(long, global = true, value_name = "N", env = "ISSUER_MAX_LIVE_TOKENS", hide_env_values = true,
          value_parser = max_live_tokens)]
    pub(crate) max_live_tokens: Option<MaxLiveTokens>,

    /// What one token more does [default: conflict_while_live]
    #[arg(
        long,
        global = true,
        value_name = "POLICY",
        env = "ISSUER_POLICY",
        hide_env_values = true
    )]
    pub(crate) policy: Option<PolicySetting>,

    /// With less than this left, a token no longer stands in the way of a new one [default: 0]
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        env = "ISSUER_REFRESH_WINDOW",
        hide_env_values = true
    )]
    pub(crate) refresh_window: Option<WindowSetting>,

    /// The iss claim of every token [default: none]
    #[arg(long, global = true, value_name = "TEXT", env = "ISSUER_ISSUER", hide_env_values = true,
          value_parser = claim)]
    pub(crate) issuer: Option<String>,

    /// The aud claim of every token [default: none]
    #[arg(long, global = true, value_name = "TEXT", env = "ISSUER_AUDIENCE", hide_env_values = true,
          value_parser = claim)]
    pub(crate) audience: Option<String>,

    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "ISSUER_LISTEN",
        hide_env_values = true
    )]
    pub(crate) listen: Option<String>,

    /// How long a connection stays open between an answer and the next request, 1s to 1d [default: 75s]
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        env = "ISSUER_IDLE_TIMEOUT",
        hide_env_values = true,
        value_parser = idle_timeout
    )]
    pub(crate) idle_timeout: Option<Duration>,

    /// How successes are wrapped [default: flat]
    #[arg(
        long,
        global = true,
        value_name = "STYLE",
        env = "ISSUER_RESPONSE_STYLE",
        hide_env_values = true
    )]
    pub(crate) response_style: Option<StyleSetting>,

    /// The key that GET /me asks for in IM-CLIENT-KEY [default: none]
    // No parser, for the error of one would show the value: see `checked`.
    #[arg(
        long,
        global = true,
        value_name = "KEY",
        env = "ISSUER_CLIENT_KEY",
        hide_env_values = true
    )]
    pub(crate) client_key: Option<String>,

    /// Origins whose pages may ask GET /me from a browser, separated by commas [default: none]
    #[arg(long, global = true, value_name = "ORIGIN", env = "ISSUER_CORS_ORIGINS", hide_env_values = true,
          value_delimiter = ',', value_parser = origin)]
    pub(crate) cors_origins: Option<Vec<CorsOrigin>>,

    /// Who else may reach the files of the data folder [default: owner]
    #[arg(
        long,
        global = true,
        value_name = "WHO",
        env = "ISSUER_FILE_PERMISSIONS",
        hide_env_values = true
    )]
    pub(crate) file_permissions: Option<FilePermissions>,
}

/// `response_style`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum StyleSetting {
    /// The object itself
    Flat,
    /// {"RC":0,"RM":"OK","result":{...}}
    Envelope,
}

impl Settings {
    /// Fills what neither a flag nor the environment says from the file, if there is one.
    pub(crate) fn with_file(mut self) -> Result<Self, Failure> {
        let Some(path) = self.config.clone() else {
            return self.checked();
        };
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Failure::usage(format!("--config {}: cannot be read: {error}", path.display()))
        })?;
        let table: toml::Table = text.parse().map_err(|error| syntax_error(&path, &text, &error))?;
        for (name, value) in &table {
            self.fill(name, value)
                .map_err(|why| Failure::usage(format!("{}: {name}: {why}", path.display())))?;
        }
        self.checked()
    }

    /// What is not checked where it is parsed.
    fn checked(self) -> Result<Self, Failure> {
        if let Some(key) = &self.client_key {
            client_key(key).map_err(|why| Failure::usage(format!("--client-key: {why}")))?;
        }
        Ok(self)
    }

    fn fill(&mut self, name: &str, value: &toml::Value) -> Result<(), String> {
        match name {
            "data_dir" => fill(&mut self.data_dir, value, folder),
            "store" => fill(&mut self.store, value, store_url::check),
            "lifetime" => fill(&mut self.lifetime, value, str::parse),
            "max_live_tokens" => fill(&mut self.max_live_tokens, value, max_live_tokens),
            "policy" => fill(&mut self.policy, value, |text| {
                PolicySetting::from_str(text, false)
                    .map_err(|_| "must be conflict_while_live or upsert".to_owned())
            }),
            "refresh_window" => fill(&mut self.refresh_window, value, str::parse),
            "issuer" => fill(&mut self.issuer, value, claim),
            "audience" => fill(&mut self.audience, value, claim),
            "listen" => fill(&mut self.listen, value, |text| Ok(text.to_owned())),
            "idle_timeout" => fill(&mut self.idle_timeout, value, idle_timeout),
            "response_style" => fill(&mut self.response_style, value, |text| {
                StyleSetting::from_str(text, false).map_err(|_| "must be flat or envelope".to_owned())
            }),
            "client_key" => fill(&mut self.client_key, value, client_key),
            "cors_origins" => fill_list(&mut self.cors_origins, value, origin),
            "file_permissions" => fill(&mut self.file_permissions, value, |text| {
                FilePermissions::from_str(text, false).map_err(|_| "must be owner, group or any".to_owned())
            }),
            _ => Err("is no setting".to_owned()),
        }
    }

    /// A service over this store that signs with these keys. Checks of a store that is `whose` alone are kept in memory.
    pub(crate) fn service(
        &self,
        store: impl Store + 'static,
        whose: Access,
        keys: KeySet,
    ) -> Result<TokenService, Failure> {
        let builder = self.applied_to(TokenService::builder(store, keys));
        let builder = match whose {
            Access::Shared => builder,
            Access::Exclusive => builder.cache_live_tokens(CACHED_LIVE_TOKENS),
        };
        Ok(builder.build()?)
    }

    fn applied_to(&self, mut builder: Builder) -> Builder {
        if let Some(LifetimeSetting(lifetime)) = self.lifetime {
            builder = builder.lifetime(lifetime);
        }
        if let Some(limit) = self.max_live_tokens {
            builder = builder.max_live_tokens(limit);
        }
        if let Some(WindowSetting(seconds)) = self.refresh_window {
            builder = builder.refresh_window(seconds);
        }
        if let Some(issuer) = &self.issuer {
            builder = builder.issuer(issuer);
        }
        if let Some(audience) = &self.audience {
            builder = builder.audience(audience);
        }
        builder.policy(match self.policy {
            Some(PolicySetting::Upsert) => Policy::Upsert,
            Some(PolicySetting::ConflictWhileLive) | None => Policy::ConflictWhileLive,
        })
    }

    /// The settings that decide over tokens and were given as flags.
    pub(crate) fn only_flags(&self, matches: &ArgMatches) -> TokenSettings {
        fn flag<T: Clone>(matches: &ArgMatches, name: &str, value: Option<&T>) -> Option<T> {
            value
                .filter(|_| matches.value_source(name) == Some(ValueSource::CommandLine))
                .cloned()
        }
        Self {
            lifetime: flag(matches, "lifetime", self.lifetime.as_ref()),
            max_live_tokens: flag(matches, "max_live_tokens", self.max_live_tokens.as_ref()),
            policy: flag(matches, "policy", self.policy.as_ref()),
            refresh_window: flag(matches, "refresh_window", self.refresh_window.as_ref()),
            issuer: flag(matches, "issuer", self.issuer.as_ref()),
            audience: flag(matches, "audience", self.audience.as_ref()),
            ..Self::default()
        }
        .token_settings()
    }

    pub(crate) fn file_permissions(&self) -> FilePermissions {
        self.file_permissions.unwrap_or_default()
    }

    pub(crate) fn response_style(&self) -> ResponseStyle {
        match self.response_style {
            Some(StyleSetting::Envelope) => ResponseStyle::Envelope,
            Some(StyleSetting::Flat) | None => ResponseStyle::Flat,
        }
    }

    /// What decides over tokens: a command must agree with the server that holds its store.
    pub(crate) fn token_settings(&self) -> TokenSettings {
        TokenSettings {
            lifetime_seconds: self
                .lifetime
                .map(|LifetimeSetting(lifetime)| lifetime.as_seconds()),
            max_live_tokens: self.max_live_tokens.map(MaxLiveTokens::get),
            policy: self.policy,
            refresh_window_seconds: self.refresh_window.map(|WindowSetting(seconds)| seconds),
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
        }
    }
}

fn folder(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("must name a folder".to_owned());
    }
    Ok(PathBuf::from(text))
}

/// RFC 7519 section 2: any text; here one that can be read in a log.
fn claim(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 1_024 || text.chars().any(char::is_control) {
        return Err("must be 1 to 1024 bytes without control characters".to_owned());
    }
    Ok(text.to_owned())
}

fn client_key(text: &str) -> Result<String, String> {
    ClientKey::parse(text)
        .map(|_| text.to_owned())
        .map_err(|error| error.rule().to_owned())
}

fn origin(text: &str) -> Result<CorsOrigin, String> {
    CorsOrigin::parse(text).map_err(|error| error.rule().to_owned())
}

fn fill<T>(
    setting: &mut Option<T>,
    value: &toml::Value,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<(), String> {
    let parsed = match value {
        toml::Value::String(text) => parse(text)?,
        toml::Value::Integer(number) => parse(&number.to_string())?,
        _ => return Err("must be a string or a number".to_owned()),
    };
    if setting.is_none() {
        *setting = Some(parsed);
    }
    Ok(())
}

fn fill_list<T>(
    setting: &mut Option<Vec<T>>,
    value: &toml::Value,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<(), String> {
    let Some(values) = value.as_array() else {
        return Err("must be a list of strings".to_owned());
    };
    let parsed = values
        .iter()
        .map(|value| {
            value
                .as_str()
                .ok_or_else(|| "must be a list of strings".to_owned())
                .and_then(&parse)
        })
        .collect::<Result<_, _>>()?;
    if setting.is_none() {
        *setting = Some(parsed);
    }
    Ok(())
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
