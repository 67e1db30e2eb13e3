//! SHA-256: how secrets are recognised without being kept.

use std::fmt;

use ring::digest::{Context, SHA256};

/// A SHA-256 digest (FIPS 180-4): what is stored of an API key, an idempotency key, an assigned token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(bytes);
        Self::finish(context)
    }

    /// The digest of a list of parts: each is preceded by its length, so that no two lists share their bytes.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        Self::finish(context)
    }

    #[allow(clippy::expect_used, reason = "every context here is of SHA-256")]
    fn finish(context: Context) -> Self {
        let digest = context.finish();
        Self(
            digest
                .as_ref()
                .try_into()
                .expect("a digest of SHA-256 has 32 bytes"),
        )
    }

    /// The digest that these bytes are.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The first 16 bits, enough to tell two apart in a failing test.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, ..] = self.0;
        write!(f, "Digest({first:02x}{second:02x}..)")
    }
}
