//! The settings as commands use them: parsed, each with its rule.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use axum::http::HeaderName;
use clap::ValueEnum;
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
    given::{Value, refuse_tilde},
    store_url::{Access, StoreName},
    token_settings::{PolicySetting, TokenSettings, max_live_tokens},
};

/// Some 32 MiB once all of them are in use.
const CACHED_LIVE_TOKENS: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// The settings that a command uses; `None`: the default. What each means is declared in `given.rs`.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) store: Option<StoreName>,
    pub(crate) lifetime: Option<LifetimeSetting>,
    pub(crate) max_live_tokens: Option<MaxLiveTokens>,
    pub(crate) policy: Option<PolicySetting>,
    pub(crate) refresh_window: Option<WindowSetting>,
    pub(crate) issuer: Option<String>,
    pub(crate) audience: Option<String>,
    pub(crate) listen: Option<Listen>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) response_style: Option<StyleSetting>,
    pub(crate) client_key: Option<ClientKey>,
    pub(crate) cors_origins: Option<Vec<CorsOrigin>>,
    pub(crate) cors_headers: Option<Vec<HeaderName>>,
    pub(crate) file_permissions: Option<FilePermissions>,
}

pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// Where to listen, and what said so.
#[derive(Clone)]
pub(crate) struct Listen {
    pub(crate) address: String,
    pub(crate) origin: String,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: DEFAULT_LISTEN.to_owned(),
            origin: "--listen".to_owned(),
        }
    }
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
    /// Parses a setting that is given; the error is the rule that it breaks, and holds nothing of the value.
    pub(crate) fn set(&mut self, name: &str, value: &Value, origin: &str) -> Result<(), String> {
        match name {
            "data_dir" => self.data_dir = Some(folder(value)?),
            "store" => self.store = Some(StoreName::parse(&text(value)?)?),
            "lifetime" => self.lifetime = Some(text(value)?.parse()?),
            "max_live_tokens" => self.max_live_tokens = Some(max_live_tokens(&text(value)?)?),
            "policy" => {
                self.policy = Some(one_of(value, "must be conflict_while_live or upsert")?);
            }
            "refresh_window" => self.refresh_window = Some(text(value)?.parse()?),
            "issuer" => self.issuer = Some(claim(value)?),
            "audience" => self.audience = Some(claim(value)?),
            "listen" => {
                self.listen = Some(Listen {
                    address: address(value)?,
                    origin: origin.to_owned(),
                });
            }
            "idle_timeout" => self.idle_timeout = Some(idle_timeout(&text(value)?)?),
            "response_style" => self.response_style = Some(one_of(value, "must be flat or envelope")?),
            "client_key" => {
                let key = ClientKey::parse(&text(value)?);
                self.client_key = Some(key.map_err(|error| error.rule().to_owned())?);
            }
            "cors_origins" => {
                let origins = list(value)?;
                let parsed = origins.iter().map(|origin| CorsOrigin::parse(origin));
                let parsed = parsed.collect::<Result<_, _>>();
                self.cors_origins = Some(parsed.map_err(|error| error.rule().to_owned())?);
            }
            "cors_headers" => {
                let headers = list(value)?;
                let parsed = headers.iter().map(|header| HeaderName::try_from(header.trim()));
                let parsed = parsed.collect::<Result<_, _>>();
                self.cors_headers =
                    Some(parsed.map_err(|_| "must be names of headers, such as X-Timezone".to_owned())?);
            }
            "file_permissions" => {
                self.file_permissions = Some(one_of(value, "must be owner, group or any")?);
            }
            _ => return Err("is no setting".to_owned()),
        }
        Ok(())
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

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::Text(text) => text.to_str().map(str::to_owned).ok_or("must be UTF-8".to_owned()),
        Value::Toml(toml::Value::String(text)) => Ok(text.clone()),
        Value::Toml(toml::Value::Integer(number)) => Ok(number.to_string()),
        Value::Toml(_) => Err("must be a string or a number".to_owned()),
    }
}

/// Separated by commas in flags and variables, a list in the file.
fn list(value: &Value) -> Result<Vec<String>, String> {
    let rule = || "must be a list of strings".to_owned();
    match value {
        Value::Text(_) => {
            let text = text(value)?;
            let parts = text.split(',').filter(|_| !text.is_empty());
            Ok(parts.map(str::to_owned).collect())
        }
        Value::Toml(toml::Value::Array(values)) => values
            .iter()
            .map(|value| value.as_str().map(str::to_owned).ok_or_else(rule))
            .collect(),
        Value::Toml(_) => Err(rule()),
    }
}

fn one_of<T: ValueEnum>(value: &Value, rule: &str) -> Result<T, String> {
    T::from_str(&text(value)?, false).map_err(|_| rule.to_owned())
}

fn folder(value: &Value) -> Result<PathBuf, String> {
    let path = match value {
        // A path need not be UTF-8.
        Value::Text(path) => PathBuf::from(path),
        Value::Toml(_) => PathBuf::from(text(value)?),
    };
    if path.as_os_str().is_empty() {
        return Err("must name a folder".to_owned());
    }
    refuse_tilde(&path)?;
    Ok(path)
}

/// A host and a port. Whether there is such a host the system says.
fn address(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    let is_of_an_address = |c: char| c.is_alphanumeric() || "-._:[]%".contains(c);
    let (host, port) = text.rsplit_once(':').unwrap_or_default();
    if host.is_empty() || port.parse::<u16>().is_err() || !host.chars().all(is_of_an_address) {
        return Err(
            "must be ADDRESS:PORT, such as 127.0.0.1:8080, or 0.0.0.0:8080 for every address".to_owned(),
        );
    }
    Ok(text)
}

/// RFC 7519 section 2: any text; here one that can be read in a log.
fn claim(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    if text.is_empty() || text.len() > 1_024 || text.chars().any(char::is_control) {
        return Err("must be 1 to 1024 bytes without control characters".to_owned());
    }
    Ok(text)
}
