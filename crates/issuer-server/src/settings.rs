//! The settings as commands use them: parsed, each with its rule.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, Ipv6Addr, TcpListener},
    num::NonZeroUsize,
    path::PathBuf,
    time::Duration,
};

use axum::http::HeaderName;
use clap::ValueEnum;
use issuer::{
    decide::{MaxLiveTokens, Policy},
    jose::KeySet,
};
use issuer_http::{ClientKey, CorsOrigin, ResponseStyle};
use issuer_service::{BuildError, Builder, TokenService};
use issuer_store::Store;

use crate::{
    data_dir::DataDir,
    duration::{LifetimeSetting, WindowSetting, idle_timeout},
    failure::Failure,
    file_permissions::FilePermissions,
    given::{Value, check_path_text},
    store_url::{Access, StoreName},
    token_settings::{PolicySetting, TokenSettings, max_live_tokens},
};

/// Bytes of the live tokens that are kept in memory: some 80,000 of users with short profiles.
const LIVE_TOKEN_BYTES: NonZeroUsize = NonZeroUsize::new(32 << 20).unwrap();

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
    pub(crate) listen: Option<String>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) response_style: Option<StyleSetting>,
    pub(crate) client_key: Option<ClientKey>,
    pub(crate) cors_origins: Option<Vec<CorsOrigin>>,
    pub(crate) cors_headers: Option<Vec<HeaderName>>,
    pub(crate) file_permissions: Option<FilePermissions>,
    /// The flag, the variable or the file that each value comes from, by the name of the setting.
    origins: BTreeMap<String, String>,
}

pub(crate) const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

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
            "listen" => self.listen = Some(address(value)?),
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
                let parsed = headers.iter().map(|header| HeaderName::try_from(header.as_str()));
                let parsed = parsed.collect::<Result<_, _>>();
                self.cors_headers =
                    Some(parsed.map_err(|_| "must be names of headers, such as X-Timezone".to_owned())?);
            }
            "file_permissions" => {
                self.file_permissions = Some(one_of(value, "must be owner, group or any")?);
            }
            _ => return Err("is no setting".to_owned()),
        }
        self.origins.insert(name.to_owned(), origin.to_owned());
        Ok(())
    }

    /// A failure that the value of a setting has led to, with where that comes from.
    fn blame(&self, name: &str, failure: Failure) -> Failure {
        match self.origins.get(name) {
            Some(origin) => Failure {
                message: format!("{origin}: {}", failure.message),
                ..failure
            },
            None => failure,
        }
    }

    /// True if the client key is on the command line, where every account of the machine sees it.
    pub(crate) fn shows_client_key(&self) -> bool {
        self.origins
            .get("client_key")
            .is_some_and(|origin| origin.starts_with("--"))
    }

    /// The data folder, which is made where it does not exist.
    pub(crate) fn open_data_dir(&self) -> Result<DataDir, Failure> {
        DataDir::open(self.data_dir.as_deref(), self.file_permissions())
            .map_err(|failure| self.blame("data_dir", failure))
    }

    /// The socket that the server listens on.
    pub(crate) fn open_listener(&self) -> Result<TcpListener, Failure> {
        let address = self.listen.as_deref().unwrap_or(DEFAULT_LISTEN);
        let listener = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        listener.map_err(|error| {
            let what = match error.kind() {
                io::ErrorKind::AddrInUse => {
                    "another program has that port; choose one with --listen ADDRESS:PORT".to_owned()
                }
                _ => error.to_string(),
            };
            self.blame("listen", Failure::machine(format!("{address}: {what}")))
        })
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
            Access::Exclusive => builder.cache_live_tokens(LIVE_TOKEN_BYTES),
        };
        builder.build().map_err(|error| {
            let name = match &error {
                BuildError::Rules(_) => "refresh_window",
                _ => return error.into(),
            };
            self.blame(name, error.into())
        })
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
            Ok(parts.map(|part| part.trim().to_owned()).collect())
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
    check_path_text(&path)?;
    Ok(path)
}

/// A host and a port. Whether there is such a host the system says.
fn address(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    let (host, port) = text.rsplit_once(':').unwrap_or_default();
    let is_port = port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    if is_port && is_host(host) {
        Ok(text)
    } else {
        Err(
            "must be ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080, or 0.0.0.0:8080 for every address"
                .to_owned(),
        )
    }
}

fn is_host(host: &str) -> bool {
    if let Some(literal) = host.strip_prefix('[') {
        let address = literal.strip_suffix(']').unwrap_or_default();
        // RFC 4007 section 11: the zone of a link-local address.
        let (address, _) = address.split_once('%').unwrap_or((address, ""));
        return address.parse::<Ipv6Addr>().is_ok();
    }
    if host.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    host.chars().all(|c| c.is_alphanumeric() || "-._".contains(c))
}

/// RFC 7519 section 2: any text; here one that can be read in a log.
fn claim(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    if text.is_empty() || text.len() > 1_024 || text.chars().any(char::is_control) {
        return Err("must be 1 to 1024 bytes without control characters".to_owned());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_on_design_says_how_much_memory_live_tokens_take() {
        let said = format!("in about {} MiB", LIVE_TOKEN_BYTES.get() >> 20);
        assert!(include_str!("../../../docs/design.md").contains(&said), "{said}");
    }
}
