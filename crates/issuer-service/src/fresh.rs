//! Ids that were never used before.

use std::cell::Cell;

use issuer::{TokenId, decide::Fresh, state::Version};
use rand::Rng as _;
use time::OffsetDateTime;

/// Makes the ids of one writer: token ids that sort by time and, within a millisecond, in the order in which they were
/// made, so that of two tokens the older one is known.
///
/// From the thread's generator, a stream cipher in user space that the system seeds and reseeds: a system
/// call for each token costs more than its signature.
#[derive(Default)]
pub(crate) struct Ids {
    last: Cell<[u8; 16]>,
}

impl Ids {
    pub(crate) fn fresh(&self, now: OffsetDateTime) -> Fresh {
        let mut random = [0; 10];
        rand::rng().fill_bytes(&mut random);
        // Before 1970 the order is lost, not the uniqueness.
        let millis = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        Fresh {
            token_id: self.after_the_last(TokenId::from_parts(millis, random)),
            version: version(),
        }
    }

    /// This id; in the millisecond of the last one, the one that follows that, if this would come before it. What is
    /// added to is random, too.
    fn after_the_last(&self, id: TokenId) -> TokenId {
        let (last, this) = (self.last.get(), *id.as_bytes());
        let next = if this.first_chunk::<6>() == last.first_chunk() && this <= last {
            u128::from_be_bytes(last).wrapping_add(1).to_be_bytes()
        } else {
            this
        };
        self.last.set(next);
        TokenId::from_bytes(next)
    }
}

/// A new version alone.
pub(crate) fn version() -> Version {
    let mut version = [0; 16];
    rand::rng().fill_bytes(&mut version);
    Version::from_bytes(version)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ids_of_one_millisecond_ascend_in_the_order_in_which_they_were_made() {
        let ids = Ids::default();
        let now = OffsetDateTime::from_unix_timestamp(1_750_680_000).unwrap();
        let made: Vec<TokenId> = (0..1_000).map(|_| ids.fresh(now).token_id).collect();
        assert!(made.is_sorted_by(|one, next| one < next));
        let later = ids.fresh(now + time::Duration::milliseconds(1)).token_id;
        assert!(made.iter().all(|id| *id < later));
    }

    #[test]
    fn an_id_begins_with_the_milliseconds_of_its_moment_also_after_the_clock_went_back() {
        let ids = Ids::default();
        for millis in [1_750_680_000_123_u64, 1_750_680_000_124, 1_750_680_000_007, 0] {
            let now = OffsetDateTime::UNIX_EPOCH + Duration::from_millis(millis);
            let id = ids.fresh(now).token_id;
            assert_eq!(id.as_bytes()[..6], millis.to_be_bytes()[2..]);
        }
    }
}
