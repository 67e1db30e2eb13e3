//! The JWT Claims Set (RFC 7519 section 4), read.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{
    VerifyError,
    members::{Others, Text, once},
};
use crate::{Timestamp, TokenId};

/// The registered claims of a payload whose MAC was good, borrowed from it.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) struct ClaimsSet<'de> {
    pub(super) issuer: Option<Cow<'de, str>>,
    pub(super) subject: Cow<'de, str>,
    pub(super) audience: Option<Audience<'de>>,
    pub(super) issued_at: Option<Timestamp>,
    pub(super) not_before: Option<Timestamp>,
    pub(super) expires_at: Timestamp,
    pub(super) token_id: Option<TokenId>,
}

/// `aud`: one string or an array of them (RFC 7519 section 4.1.3).
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) enum Audience<'de> {
    One(Cow<'de, str>),
    Many(Vec<Text<'de>>),
}

impl<'de> ClaimsSet<'de> {
    /// The strict way. Claims that are as [`Claims`](super::Claims) writes them read the same here, but slower.
    pub(super) fn parse(json: &'de str) -> Result<Self, VerifyError> {
        serde_json::from_str(json).map_err(|_| VerifyError::Claims)
    }
}

impl<'de> Deserialize<'de> for ClaimsSet<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ClaimsSetVisitor)
    }
}

/// By hand, because a derived struct also reads an array of its fields.
struct ClaimsSetVisitor;

impl<'de> Visitor<'de> for ClaimsSetVisitor {
    type Value = ClaimsSet<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JWT Claims Set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ClaimsSet<'de>, A::Error> {
        let (mut iss, mut sub, mut aud, mut jti) =
            (None::<Text<'de>>, None::<Text<'de>>, None, None::<Text<'de>>);
        let (mut iat, mut nbf, mut exp) = (None, None, None);
        let mut others = Others::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match &*name.0 {
                "iss" => once(&mut iss, &mut map)?,
                "sub" => once(&mut sub, &mut map)?,
                "aud" => once(&mut aud, &mut map)?,
                "iat" => once(&mut iat, &mut map)?,
                "nbf" => once(&mut nbf, &mut map)?,
                "exp" => once(&mut exp, &mut map)?,
                "jti" => once(&mut jti, &mut map)?,
                _ => others.skip(name, &mut map)?,
            }
        }
        Ok(ClaimsSet {
            issuer: iss.map(|Text(iss)| iss),
            subject: sub.ok_or_else(|| A::Error::missing_field("sub"))?.0,
            audience: aud,
            issued_at: iat.map(|NumericDate(iat)| iat),
            not_before: nbf.map(|NumericDate(nbf)| nbf),
            expires_at: exp
                .map(|NumericDate(exp)| exp)
                .ok_or_else(|| A::Error::missing_field("exp"))?,
            token_id: jti.and_then(|Text(jti)| TokenId::parse(&jti)),
        })
    }
}

/// A `NumericDate` (RFC 7519 section 2), stricter than there: an integer, in the range of [`Timestamp`].
struct NumericDate(Timestamp);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // `i64` takes no float, no string, no null and nothing that overflows it.
        let seconds = i64::deserialize(deserializer)?;
        Timestamp::from_unix(seconds)
            .map(Self)
            .ok_or_else(|| D::Error::custom("out of range"))
    }
}

impl<'de> Deserialize<'de> for Audience<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AudienceVisitor)
    }
}

struct AudienceVisitor;

impl<'de> Visitor<'de> for AudienceVisitor {
    type Value = Audience<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Audience<'de>, E> {
        Ok(Audience::One(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Audience<'de>, E> {
        Ok(Audience::One(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Audience<'de>, A::Error> {
        let mut all = Vec::new();
        while let Some(text) = seq.next_element()? {
            all.push(text);
        }
        Ok(Audience::Many(all))
    }
}

impl Audience<'_> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self {
            Self::One(one) => (Some(&**one), [].as_slice()),
            Self::Many(many) => (None, many.as_slice()),
        };
        one.into_iter().chain(many.iter().map(|Text(text)| &**text))
    }
}
