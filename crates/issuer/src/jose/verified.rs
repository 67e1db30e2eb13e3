//! What a verified token says.

use std::fmt;

use super::{
    buffer::Buffer,
    claims_set::{Audience, ClaimsSet},
};
use crate::{KeyFingerprint, Timestamp, TokenId};

/// The claims of a token that was verified: the only type that has any. [`KeySet::verify`](super::KeySet::verify)
/// makes it, and nothing else.
///
/// It owns what it holds; while the strings are short, and in ordinary tokens they are, it does so without the heap.
#[derive(Clone)]
pub struct Verified {
    /// The strings, one after the other, each closed by [`END`].
    strings: Buffer<128>,
    subject_len: usize,
    issuer_len: Option<usize>,
    issued_at: Option<Timestamp>,
    expires_at: Timestamp,
    token_id: Option<TokenId>,
    key: KeyFingerprint,
}

/// A byte that stands nowhere in UTF-8.
const END: u8 = 0xFF;

impl Verified {
    pub(super) fn new(claims: &ClaimsSet<'_>, key: KeyFingerprint) -> Self {
        let mut strings = Buffer::new();
        let audience = claims.audience.iter().flat_map(Audience::iter);
        for text in std::iter::once(&*claims.subject)
            .chain(claims.issuer.as_deref())
            .chain(audience)
        {
            strings.push(text.as_bytes());
            strings.push(&[END]);
        }
        Self {
            strings,
            subject_len: claims.subject.len(),
            issuer_len: claims.issuer.as_ref().map(|issuer| issuer.len()),
            issued_at: claims.issued_at,
            expires_at: claims.expires_at,
            token_id: claims.token_id,
            key,
        }
    }

    /// `sub`: the user.
    pub fn subject(&self) -> &str {
        self.text(0, self.subject_len)
    }

    /// `iss`, where the token has one.
    pub fn issuer(&self) -> Option<&str> {
        Some(self.text(self.subject_len + 1, self.issuer_len?))
    }

    /// `aud`: none, one or several.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        let mut start = self.subject_len + 1 + self.issuer_len.map_or(0, |len| len + 1);
        std::iter::from_fn(move || {
            // By bytes: with the ends in it the whole is no UTF-8.
            let rest = self.strings.as_bytes().get(start..)?;
            let len = rest.iter().position(|byte| *byte == END)?;
            let text = self.text(start, len);
            start += len + 1;
            Some(text)
        })
    }

    /// A part that `new` copied; the check is what reading it as a string costs without `unsafe`.
    #[allow(
        clippy::expect_used,
        reason = "`new` wrote the parts and their lengths, and nobody changes either"
    )]
    fn text(&self, start: usize, len: usize) -> &str {
        let part = self.strings.as_bytes().get(start..start + len);
        std::str::from_utf8(part.expect("a part lies in what was copied"))
            .expect("a part was copied from a string")
    }

    /// `iat`, where the token has one.
    pub const fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at
    }

    /// `exp`: the first second at which it is no longer valid.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// `jti`, where the token has one in the form that this library gives it. Others name their tokens otherwise.
    pub const fn token_id(&self) -> Option<TokenId> {
        self.token_id
    }

    /// The key that signed it.
    pub const fn key(&self) -> KeyFingerprint {
        self.key
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("subject", &self.subject())
            .field("expires_at", &self.expires_at)
            .field("token_id", &self.token_id)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
