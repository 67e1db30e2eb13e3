//! Numbers, moments and texts as bytes, and back.

use issuer::{Digest, Timestamp, TokenId, state::TokenName, user::UserId};

/// The version of the encoding, with which every value begins.
pub(crate) const ENCODING: u8 = 1;

pub(crate) fn put_moment(out: &mut Vec<u8>, moment: Timestamp) {
    out.extend((moment.as_unix() ^ i64::MIN).to_be_bytes());
}

/// Lengths and numbers of rows.
#[allow(clippy::expect_used, reason = "what is held in memory is far from 4 GiB")]
pub(crate) fn put_length(out: &mut Vec<u8>, length: usize) {
    let length = u32::try_from(length).expect("a value has less than 4 GiB");
    out.extend(length.to_be_bytes());
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend(text.as_bytes());
}

pub(crate) fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            put(out, value);
        }
    }
}

pub(crate) fn put_name(out: &mut Vec<u8>, name: TokenName) {
    match name {
        TokenName::Issued(id) => {
            out.push(1);
            out.extend(id.as_bytes());
        }
        TokenName::Assigned(digest) => {
            out.push(2);
            out.extend(digest.as_bytes());
        }
    }
}

/// What is left to read of a value.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn encoding(mut self) -> Option<Self> {
        (self.byte()? == ENCODING).then_some(self)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.array()?)).ok()
    }

    pub(crate) fn moment(&mut self) -> Option<Timestamp> {
        Timestamp::from_unix(i64::from_be_bytes(self.array()?) ^ i64::MIN)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    #[expect(
        clippy::option_option,
        reason = "whether it can be read, and whether it is there"
    )]
    pub(crate) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }

    /// A user's id, up to the 0 that ends it.
    pub(crate) fn owner(&mut self) -> Option<UserId> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let (id, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        UserId::parse(std::str::from_utf8(id).ok()?).ok()
    }

    pub(crate) fn name(&mut self) -> Option<TokenName> {
        match self.byte()? {
            1 => self.array().map(|id| TokenName::Issued(TokenId::from_bytes(id))),
            2 => self
                .array()
                .map(|digest| TokenName::Assigned(Digest::from_bytes(digest))),
            _ => None,
        }
    }
}
