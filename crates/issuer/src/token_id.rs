//! The name of one issued token: its `jti`.

use std::fmt;

use crate::base64url::fixed;

/// 128 bits that name one issued token for ever: the `jti` claim (RFC 7519 section 4.1.7), written as
/// 22 characters of unpadded base64url.
///
/// [`TokenId::from_parts`] makes ids that ascend with time, so that a store appends its rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; 16]);

impl TokenId {
    /// Characters of a `jti`.
    pub const TEXT_LEN: usize = 22;

    /// The id of these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// An id that sorts by time: the low 48 bits of `unix_millis`, then 80 random bits.
    ///
    /// `random` must come from a cryptographically secure source.
    #[expect(clippy::indexing_slicing, reason = "both bounds are constants")]
    pub const fn from_parts(unix_millis: u64, random: [u8; 10]) -> Self {
        let random = {
            let mut wide = [0; 16];
            let mut at = 0;
            while at < 10 {
                wide[6 + at] = random[at];
                at += 1;
            }
            u128::from_be_bytes(wide)
        };
        Self((((unix_millis as u128) << 80) | random).to_be_bytes())
    }

    /// Reads a `jti` as this library writes it.
    ///
    /// `None` on anything but 22 characters of canonical unpadded base64url.
    pub fn parse(text: &str) -> Option<Self> {
        fixed::decode::<{ Self::TEXT_LEN }, 16, 3>(text.as_bytes().as_array()?).map(Self)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The text of the `jti` claim, as ASCII, without the heap.
    pub fn encode(&self) -> [u8; Self::TEXT_LEN] {
        fixed::encode::<16, { Self::TEXT_LEN }, 3>(&self.0)
    }
}

impl fmt::Display for TokenId {
    #[allow(clippy::expect_used, reason = "`encode` writes letters, digits, `-` and `_`")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.encode()).expect("base64url is ASCII"))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenId({self})")
    }
}
