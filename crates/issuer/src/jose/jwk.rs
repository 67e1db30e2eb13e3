//! JSON Web Keys and sets of them (RFC 7517), read.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use zeroize::Zeroizing;

use super::{
    Algorithm, KeyError, KeySet, SigningKey,
    members::{Others, Text, once},
};
use crate::base64url;

pub(super) fn read_key(json: &str) -> Result<SigningKey, KeyError> {
    let jwk: Jwk<'_> = serde_json::from_str(json).map_err(|_| KeyError::Malformed)?;
    jwk.into_key()
}

/// The first key of the set is the active one.
pub(super) fn read_set(json: &str) -> Result<KeySet, KeyError> {
    let set: JwkSet<'_> = serde_json::from_str(json).map_err(|_| KeyError::Malformed)?;
    let mut keys = set.keys.into_iter().map(Jwk::into_key);
    let active = keys.next().ok_or(KeyError::Empty)??;
    keys.try_fold(KeySet::new(active), |set, key| set.verify_also(key?))
}

/// The members of a JWK that decide whether it is a key for us.
#[derive(Default)]
struct Jwk<'de> {
    kty: Option<Text<'de>>,
    alg: Option<Text<'de>>,
    kid: Option<Text<'de>>,
    /// Borrowed: a secret written with escapes would be copied on its way, into memory that nobody zeroizes.
    k: Option<&'de str>,
    r#use: Option<Text<'de>>,
    key_ops: Option<Vec<Text<'de>>>,
}

impl Jwk<'_> {
    fn into_key(self) -> Result<SigningKey, KeyError> {
        let kty = self.kty.ok_or(KeyError::Malformed)?;
        if kty.0 != "oct" {
            return Err(KeyError::KeyType);
        }
        // RFC 7517 section 4.4 leaves `alg` optional; here a key without one would leave the choice to the token.
        let algorithm = self
            .alg
            .and_then(|alg| Algorithm::from_name(&alg.0))
            .ok_or(KeyError::Algorithm)?;
        if self.r#use.is_some_and(|r#use| r#use.0 != "sig") {
            return Err(KeyError::Use);
        }
        if self
            .key_ops
            .is_some_and(|ops| !holds(&ops, "sign") || !holds(&ops, "verify"))
        {
            return Err(KeyError::Use);
        }
        let k = self.k.ok_or(KeyError::Malformed)?;
        let mut secret = Zeroizing::new(vec![0; base64url::decoded_len(k.len())]);
        base64url::decode(k, &mut secret).ok_or(KeyError::Malformed)?;
        let key = SigningKey::new(algorithm, &secret)?;
        match self.kid {
            Some(Text(kid)) => key.with_kid(&kid),
            None => Ok(key),
        }
    }
}

fn holds(ops: &[Text<'_>], op: &str) -> bool {
    ops.iter().any(|text| text.0 == Cow::Borrowed(op))
}

impl<'de> Deserialize<'de> for Jwk<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(JwkVisitor)
    }
}

struct JwkVisitor;

impl<'de> Visitor<'de> for JwkVisitor {
    type Value = Jwk<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON Web Key")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Jwk<'de>, A::Error> {
        let mut jwk = Jwk::default();
        let mut others = Others::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match &*name.0 {
                "kty" => once(&mut jwk.kty, &mut map)?,
                "alg" => once(&mut jwk.alg, &mut map)?,
                "kid" => once(&mut jwk.kid, &mut map)?,
                "k" => once(&mut jwk.k, &mut map)?,
                "use" => once(&mut jwk.r#use, &mut map)?,
                "key_ops" => once(&mut jwk.key_ops, &mut map)?,
                _ => others.skip(name, &mut map)?,
            }
        }
        Ok(jwk)
    }
}

struct JwkSet<'de> {
    keys: Vec<Jwk<'de>>,
}

impl<'de> Deserialize<'de> for JwkSet<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(JwkSetVisitor)
    }
}

struct JwkSetVisitor;

impl<'de> Visitor<'de> for JwkSetVisitor {
    type Value = JwkSet<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JWK Set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JwkSet<'de>, A::Error> {
        let mut keys = None;
        let mut others = Others::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match &*name.0 {
                "keys" => once(&mut keys, &mut map)?,
                _ => others.skip(name, &mut map)?,
            }
        }
        keys.map(|keys| JwkSet { keys })
            .ok_or_else(|| serde::de::Error::missing_field("keys"))
    }
}
