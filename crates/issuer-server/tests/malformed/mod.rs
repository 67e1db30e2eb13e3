//! The malformed requests, by what refuses them.
#![allow(clippy::too_many_lines, reason = "tables")]

pub(crate) mod bodies;
pub(crate) mod heads;
pub(crate) mod requests;

/// A request that would create user `a` if its fault were overlooked.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) status: u16,
    pub(crate) shape: Shape,
}

/// What an error looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `{"error": CODE, "message": TEXT}`
    Flat,
    /// `{"RC": STATUS, "RM": REASON, "error": {"code", "message"}}`
    Me,
    /// The parser's: a status, and no more.
    Bare,
}

pub(crate) const WANTED: &str = r#"{"_id":"a","issueAccessToken":true}"#;

fn case(name: &str, bytes: impl Into<Vec<u8>>, status: u16, shape: Shape) -> Case {
    Case {
        name: name.to_owned(),
        bytes: bytes.into(),
        status,
        shape,
    }
}
