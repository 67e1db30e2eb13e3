//! What answers a repeated request.

use crate::{Digest, Timestamp, TokenId};

/// A request that was carried out under an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The caller and its key.
    pub key: Digest,
    /// The request as it was parsed.
    pub request: Digest,
    /// The token that it was answered with.
    pub token: TokenId,
    /// From when on the key counts as never used.
    pub forgotten_at: Timestamp,
}
