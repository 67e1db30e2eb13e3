//! Members of a JSON object: no name twice (RFC 7515 section 4, RFC 7519 section 4), no nested value read.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// A string, borrowed from the JSON text where no escape stands in it.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) struct Text<'de>(pub(super) Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

/// Reads the value of a known member into its slot.
///
/// `null` is a value of the wrong type here, never "absent".
pub(super) fn once<'de, T, A>(slot: &mut Option<T>, map: &mut A) -> Result<(), A::Error>
where
    T: Deserialize<'de>,
    A: MapAccess<'de>,
{
    if slot.is_some() {
        return Err(A::Error::custom("a member stands twice"));
    }
    *slot = Some(map.next_value()?);
    Ok(())
}

/// The members that nobody asked for: their names are remembered, their values skipped.
#[derive(Default)]
pub(super) struct Others<'de>(Vec<Cow<'de, str>>);

impl<'de> Others<'de> {
    /// So that comparing every name with every other stays a matter of microseconds. RFC 7515 registers 11 header
    /// parameters, and large identity providers send some 40 claims.
    const MAX: usize = 128;

    /// Skips the value of the member `name`. The parser skips without recursion, whatever the value nests.
    pub(super) fn skip<A: MapAccess<'de>>(&mut self, name: Text<'de>, map: &mut A) -> Result<(), A::Error> {
        if self.0.contains(&name.0) {
            return Err(A::Error::custom("a member stands twice"));
        }
        if self.0.len() == Self::MAX {
            return Err(A::Error::custom("too many members"));
        }
        map.next_value::<IgnoredAny>()?;
        self.0.push(name.0);
        Ok(())
    }
}
