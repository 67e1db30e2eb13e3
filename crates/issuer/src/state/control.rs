//! What is no user's: one small record, read whole and replaced whole.

use std::{cmp::Ordering, fmt};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{Digest, Timestamp};

/// The record that every server of a store shares: the API keys, as hashes.
///
/// A store keeps it as the text of [`Control::to_json`] and knows nothing of its members, so that a later
/// member needs no change to any store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// The API keys, revoked and expired ones among them.
    pub api_keys: Vec<ApiKeyRecord>,
}

/// What is stored of an API key: never the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// What an operator calls it.
    pub name: String,
    /// The SHA-256 of the key's text.
    pub hash: Digest,
    /// What it may do.
    pub scope: ApiKeyScope,
    /// When it was added.
    pub created_at: Timestamp,
    /// The first second in which it no longer works; `None`: it does not expire.
    pub expires_at: Option<Timestamp>,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
}

/// What an API key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiKeyScope {
    /// Read users.
    Read,
    /// Read users and issue tokens.
    Issue,
    /// Everything.
    Full,
}

impl ApiKeyRecord {
    /// Whether the key works at `now`: not revoked, not expired.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

const FORMAT: u32 = 1;

impl Control {
    /// The record as a store keeps it: one JSON object, readable by a person.
    ///
    /// # Errors
    /// [`ControlError`] where it cannot be written, which no content of it brings about.
    pub fn to_json(&self) -> Result<String, ControlError> {
        let file = File {
            format: FORMAT,
            api_keys: self.api_keys.iter().map(KeyEntry::from).collect(),
        };
        serde_json::to_string(&file).map_err(|_| ControlError::Damaged)
    }

    /// Reads what [`Control::to_json`] wrote.
    ///
    /// # Errors
    /// [`ControlError::Newer`] for the record of a newer version of this library, [`ControlError::Damaged`]
    /// for anything else that is not such a record.
    pub fn from_json(text: &str) -> Result<Self, ControlError> {
        let Format { format } = serde_json::from_str(text).map_err(|_| ControlError::Damaged)?;
        match format.cmp(&FORMAT) {
            Ordering::Equal => {}
            Ordering::Greater => return Err(ControlError::Newer),
            Ordering::Less => return Err(ControlError::Damaged),
        }
        let file: File = serde_json::from_str(text).map_err(|_| ControlError::Damaged)?;
        let api_keys = file
            .api_keys
            .into_iter()
            .map(ApiKeyRecord::try_from)
            .collect::<Result<_, _>>()?;
        Ok(Self { api_keys })
    }
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    api_keys: Vec<KeyEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    name: String,
    sha256: String,
    scope: ApiKeyScope,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl From<&ApiKeyRecord> for KeyEntry {
    fn from(key: &ApiKeyRecord) -> Self {
        Self {
            name: key.name.clone(),
            sha256: URL_SAFE_NO_PAD.encode(key.hash.as_bytes()),
            scope: key.scope,
            created_at: key.created_at.as_unix(),
            expires_at: key.expires_at.map(Timestamp::as_unix),
            revoked_at: key.revoked_at.map(Timestamp::as_unix),
        }
    }
}

impl TryFrom<KeyEntry> for ApiKeyRecord {
    type Error = ControlError;

    fn try_from(entry: KeyEntry) -> Result<Self, ControlError> {
        let moment = |seconds| Timestamp::from_unix(seconds).ok_or(ControlError::Damaged);
        let hash = URL_SAFE_NO_PAD
            .decode(entry.sha256)
            .map_err(|_| ControlError::Damaged)?;
        Ok(Self {
            name: entry.name,
            hash: Digest::from_bytes(hash.try_into().map_err(|_| ControlError::Damaged)?),
            scope: entry.scope,
            created_at: moment(entry.created_at)?,
            expires_at: entry.expires_at.map(moment).transpose()?,
            revoked_at: entry.revoked_at.map(moment).transpose()?,
        })
    }
}

/// A control record that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlError {
    /// A newer version of this library wrote it.
    Newer,
    /// It is no control record.
    Damaged,
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Newer => "the control record was written by a newer version",
            Self::Damaged => "the control record is damaged",
        })
    }
}

impl std::error::Error for ControlError {}
