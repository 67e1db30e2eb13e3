//! The JOSE header (RFC 7515 section 4).

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{
    Algorithm, VerifyError,
    members::{Others, Text, once},
};
use crate::base64url;

/// The header segment of every token that a key signs: `{"alg":"HS256","typ":"JWT"}` in base64url, with `kid`
/// last where the key has one.
pub(super) fn encode(algorithm: Algorithm, kid: Option<&str>) -> String {
    let json = match kid {
        // A kid holds nothing that JSON escapes: `SigningKey::with_kid` saw to that.
        Some(kid) => format!(r#"{{"alg":"{algorithm}","typ":"JWT","kid":"{kid}"}}"#),
        None => format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#),
    };
    base64url::encode(json.as_bytes())
}

/// What a header of another shape than ours says. `jku`, `jwk`, `x5u` and `x5c` are skipped like any unknown
/// parameter: they lead nowhere (RFC 8725 section 3.10).
pub(super) struct Header<'de> {
    pub(super) alg: Cow<'de, str>,
    pub(super) kid: Option<Cow<'de, str>>,
    pub(super) typ: Option<Cow<'de, str>>,
}

impl<'de> Header<'de> {
    /// # Errors
    /// `Malformed` where this is no JSON object in UTF-8, where a member stands twice, `alg` is missing, or `alg`,
    /// `kid` or `typ` is no string. `Extension` on `crit` and `b64`, whatever they say.
    pub(super) fn parse(bytes: &'de [u8]) -> Result<Self, VerifyError> {
        // Checked as a whole: the JSON parser does not look at what it skips.
        let json = std::str::from_utf8(bytes).map_err(|_| VerifyError::Malformed)?;
        let members: Members<'_> = serde_json::from_str(json).map_err(|_| VerifyError::Malformed)?;
        // RFC 7515 section 4.1.11: we understand no extension, so that each one that must be understood is refused.
        // RFC 7797 section 6 wants `b64` in `crit`; alone it is refused as well, rather than read as if it were not there.
        if members.crit.is_some() || members.b64.is_some() {
            return Err(VerifyError::Extension);
        }
        let Some(Text(alg)) = members.alg else {
            return Err(VerifyError::Malformed);
        };
        Ok(Self {
            alg,
            kid: members.kid.map(|Text(kid)| kid),
            typ: members.typ.map(|Text(typ)| typ),
        })
    }
}

#[derive(Default)]
struct Members<'de> {
    alg: Option<Text<'de>>,
    kid: Option<Text<'de>>,
    typ: Option<Text<'de>>,
    crit: Option<IgnoredAny>,
    b64: Option<IgnoredAny>,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// By hand, because a derived struct also reads an array of its fields.
struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Members::default();
        let mut others = Others::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match &*name.0 {
                "alg" => once(&mut members.alg, &mut map)?,
                "kid" => once(&mut members.kid, &mut map)?,
                "typ" => once(&mut members.typ, &mut map)?,
                "crit" => once(&mut members.crit, &mut map)?,
                "b64" => once(&mut members.b64, &mut map)?,
                _ => others.skip(name, &mut map)?,
            }
        }
        Ok(members)
    }
}
