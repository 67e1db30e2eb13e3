//! Ids that were never used before.

use issuer::{TokenId, decide::Fresh, state::Version};
use rand::Rng as _;
use time::OffsetDateTime;

/// New ids: a token id that sorts by time, and a version.
///
/// From the thread's generator, a stream cipher in user space that the system seeds and reseeds: a system
/// call for each token costs more than its signature.
pub(crate) fn fresh(now: OffsetDateTime) -> Fresh {
    let mut random = [0; 10];
    let mut version = [0; 16];
    let mut generator = rand::rng();
    generator.fill_bytes(&mut random);
    generator.fill_bytes(&mut version);
    // Before 1970 the order is lost, not the uniqueness.
    let millis = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    Fresh {
        token_id: TokenId::from_parts(millis, random),
        version: Version::from_bytes(version),
    }
}

/// A new version alone.
pub(crate) fn version() -> Version {
    let mut version = [0; 16];
    rand::rng().fill_bytes(&mut version);
    Version::from_bytes(version)
}
