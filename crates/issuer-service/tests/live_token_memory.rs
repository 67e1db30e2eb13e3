//! The memory that live tokens take which are kept for later checks.
#![allow(clippy::unwrap_used, reason = "tests say so by failing")]

mod given;

use std::num::NonZeroUsize;

use allocation_counter::measure;
use given::{over, user};
use issuer::user::NewUser;
use issuer_store::MemoryStore;

/// The longest profile, and one of a few bytes.
fn profile(number: usize, is_long: bool) -> NewUser {
    if !is_long {
        return user(&format!("{number}"));
    }
    let padding = 250 - number.to_string().len();
    user(&format!("{number}{}", "u".repeat(padding)))
        .nickname(&"\u{1f600}".repeat(256))
        .unwrap()
        .avatar_url(&format!("https://example.com/{}", "a".repeat(2_000)))
        .unwrap()
}

#[test]
fn tokens_that_are_kept_take_no_more_memory_than_was_allowed_however_long_the_profiles() {
    const ALLOWED: usize = 4 << 20;

    for (is_long, users) in [(true, 3_000), (false, 12_000)] {
        let tokens = over(MemoryStore::new())
            .cache_live_tokens(NonZeroUsize::new(ALLOWED).unwrap())
            .build()
            .unwrap();
        let blocking = tokens.blocking();
        let issued: Vec<_> = (0..users)
            .map(|number| blocking.issue(profile(number, is_long)).unwrap())
            .collect();
        // The reads of blocking calls, and so the allocations, are on this thread.
        let checked = measure(|| {
            for one in &issued {
                blocking.check(one.token()).unwrap();
            }
        });
        let kept = usize::try_from(checked.bytes_current).unwrap();
        assert!(kept <= ALLOWED, "{kept} bytes are kept, long profiles: {is_long}");
        // It is used, too: a control of the measurement.
        assert!(
            kept >= ALLOWED / 3,
            "{kept} bytes are kept, long profiles: {is_long}"
        );
    }
}
