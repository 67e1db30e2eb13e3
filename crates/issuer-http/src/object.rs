//! The JSON object of a request: strict where it matters, deaf to what it does not know.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::error::ApiError;

/// Levels of nesting that a body may have, its own object counted.
pub(crate) const MAX_DEPTH: usize = 64;

/// The members of a request's object that its route knows.
pub(crate) struct Object {
    members: Vec<(&'static str, Member)>,
    /// Whether there were members that the route does not know.
    pub(crate) has_others: bool,
}

/// The value of a member, as far as any route cares.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Member {
    Null,
    Bool(bool),
    Text(String),
    Other,
}

impl Object {
    /// Reads a body whose members of interest are `known`.
    pub(crate) fn parse(body: &[u8], known: &'static [&'static str]) -> Result<Self, ApiError> {
        let text =
            std::str::from_utf8(body).map_err(|_| ApiError::invalid("Request body must be valid UTF-8"))?;
        if !text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{') {
            return Err(ApiError::invalid("Request body must be a JSON object"));
        }
        if is_deeper_than(text, MAX_DEPTH) {
            return Err(ApiError::invalid(
                "Request body must not be nested deeper than 64 levels",
            ));
        }
        let mut repeated = None;
        let seed = ObjectSeed {
            known,
            repeated: &mut repeated,
        };
        let mut json = serde_json::Deserializer::from_str(text);
        let read = seed
            .deserialize(&mut json)
            .and_then(|object| json.end().map(|()| object));
        match (read, repeated) {
            (_, Some(field)) => Err(ApiError::invalid(format!(
                "Invalid field: {field}: must not be repeated"
            ))),
            (Ok(object), None) => Ok(object),
            // The kind and the place of the error, and none of the text: it may hold a secret.
            (Err(error), None) => Err(ApiError::invalid(format!(
                "Request body must be valid JSON: error at line {} column {}",
                error.line(),
                error.column()
            ))),
        }
    }

    /// The object of a body that was not sent.
    pub(crate) const fn empty() -> Self {
        Self {
            members: Vec::new(),
            has_others: false,
        }
    }

    /// The member of this name; `None` where it is absent.
    pub(crate) fn get(&self, name: &str) -> Option<&Member> {
        self.members
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// The member of this name; `None` where it is absent or null.
    pub(crate) fn value(&self, name: &str) -> Option<&Member> {
        self.get(name).filter(|value| **value != Member::Null)
    }
}

/// Whether a JSON text opens more than `limit` levels: the parser skips what it does not know without a limit
/// of its own. On text that is no JSON it may say anything; the parser has the last word.
fn is_deeper_than(text: &str, limit: usize) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

struct ObjectSeed<'a> {
    known: &'static [&'static str],
    repeated: &'a mut Option<&'static str>,
}

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_> {
    type Value = Object;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_> {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut object = Object::empty();
        while let Some(name) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            let Some(known) = self.known.iter().find(|known| **known == name) else {
                object.has_others = true;
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if object.get(known).is_some() {
                *self.repeated = Some(known);
                return Err(A::Error::custom("repeated member"));
            }
            object.members.push((known, map.next_value()?));
        }
        Ok(object)
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberVisitor)
    }
}

struct MemberVisitor;

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Member, E> {
        Ok(Member::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Member, E> {
        Ok(Member::Bool(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Member, E> {
        Ok(Member::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Member, E> {
        Ok(Member::Text(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Member, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Member::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Member, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Member::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_strings_only() {
        assert!(!is_deeper_than(r#"{"a":"[[[[\"[[["}"#, 1));
        assert!(is_deeper_than(r#"{"a":[]}"#, 1));
        assert!(!is_deeper_than(
            &format!("{}{}", "[".repeat(64), "]".repeat(64)),
            64
        ));
        assert!(is_deeper_than(&"[".repeat(65), 64));
    }
}
