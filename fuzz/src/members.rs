//! The members of a JSON object as they stand there: all of them, in order, their values unread.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A value, unread.
pub(crate) struct Raw(Box<RawValue>);

/// The members of an object; `None` where the text is no JSON object.
pub(crate) fn members(json: &str) -> Option<Vec<(String, Raw)>> {
    let Members(members) = serde_json::from_str(json).ok()?;
    Some(members)
}

/// The members of an object that has no name twice, and at most 128 that are not `known`.
pub(crate) fn members_once(json: &str, known: &[&str]) -> Option<Vec<(String, Raw)>> {
    let members = members(json)?;
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    let others = names.iter().filter(|name| !known.contains(name)).count();
    names.sort_unstable();
    let repeated = names.windows(2).any(|pair| pair[0] == pair[1]);
    (!repeated && others <= 128).then_some(members)
}

/// The value of this name, if the object has one.
pub(crate) fn find<'a>(members: &'a [(String, Raw)], name: &str) -> Option<&'a Raw> {
    members
        .iter()
        .find(|(member, _)| member == name)
        .map(|(_, value)| value)
}

/// An optional member that must be a string where it is there: `None` where it is anything else.
pub(crate) fn optional_text(members: &[(String, Raw)], name: &str) -> Option<Option<String>> {
    match find(members, name) {
        None => Some(None),
        Some(value) => value.text().map(Some),
    }
}

impl Raw {
    /// The value as it is written.
    pub(crate) fn as_written(&self) -> &str {
        self.0.get()
    }

    /// The string that it is, if it is one.
    pub(crate) fn text(&self) -> Option<String> {
        serde_json::from_str(self.as_written()).ok()
    }

    /// The strings of the array that it is, if it is one of strings alone.
    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        serde_json::from_str(self.as_written()).ok()
    }

    /// The values of the array that it is, if it is one.
    pub(crate) fn elements(&self) -> Option<Vec<Self>> {
        let elements: Vec<Box<RawValue>> = serde_json::from_str(self.as_written()).ok()?;
        Some(elements.into_iter().map(Self).collect())
    }

    /// The integer that it is, if it is one that is written as one.
    pub(crate) fn integer(&self) -> Option<i64> {
        let digits = self.as_written().strip_prefix('-').unwrap_or(self.as_written());
        // Minus zero is no integer of any language that tokens come from.
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && self.as_written() != "-0";
        plain.then(|| self.as_written().parse().ok()).flatten()
    }
}

/// Whether a JSON value nests deeper than `levels`.
pub(crate) fn is_deeper_than(json: &str, levels: usize) -> bool {
    let inner: Vec<Box<RawValue>> = match json.trim_start().bytes().next() {
        Some(b'{') => match serde_json::from_str(json) {
            Ok(Values(values)) => values,
            Err(_) => return false,
        },
        Some(b'[') => match serde_json::from_str(json) {
            Ok(values) => values,
            Err(_) => return false,
        },
        _ => return false,
    };
    levels == 0 || inner.iter().any(|value| is_deeper_than(value.get(), levels - 1))
}

struct Members(Vec<(String, Raw)>);
struct Values(Vec<Box<RawValue>>);
struct MembersVisitor;
struct ValuesVisitor;

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry()? {
            members.push((name, Raw(value)));
        }
        Ok(Members(members))
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ValuesVisitor)
    }
}

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some((IgnoredAny, value)) = map.next_entry()? {
            values.push(value);
        }
        Ok(Values(values))
    }
}
