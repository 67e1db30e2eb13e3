//! What `GET /me` asks for in `IM-CLIENT-KEY`.

use constant_time_eq::constant_time_eq_32;
use issuer::{Digest, FieldError};

/// A client key: 1 to 512 visible ASCII characters, so that a header can carry it. Only its digest is held.
///
/// It stands in every copy of the client, so that it keeps out what is not meant to call, and nobody who
/// means to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientKey(Digest);

impl ClientKey {
    /// Characters of the longest key.
    pub const MAX_CHARS: usize = 512;

    /// # Errors
    /// [`FieldError`] for `IM-CLIENT-KEY`: not 1 to 512 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > Self::MAX_CHARS || !visible {
            return Err(FieldError::new(
                "IM-CLIENT-KEY",
                "must be 1 to 512 visible ASCII characters",
            ));
        }
        Ok(Self(Digest::of(text.as_bytes())))
    }

    /// Whether this is the key, in the same time whether it is or not.
    pub(crate) fn is(&self, presented: &str) -> bool {
        constant_time_eq_32(Digest::of(presented.as_bytes()).as_bytes(), self.0.as_bytes())
    }
}
