//! Tokens that were found live, kept so that the next check of one need not ask the store.

use std::sync::{Arc, atomic::Ordering};

use issuer::{
    Timestamp, TokenId,
    state::TokenState,
    user::{AvatarUrl, Nickname},
};
use quick_cache::{Weighter, sync::Cache};

use crate::sync::{AtomicI64, Mutex, MutexGuard, PoisonError};

/// Tokens share so many counts: enough that few readers are told of the revocation of another token.
const STRIPES: usize = 64;

/// Bytes of a token whose user has a short name and an avatar.
const TYPICAL_BYTES: usize = 400;

/// Bytes that the cache and the allocator need for an entry beside what is counted: an index of the hash table, the lists of
/// the cache, the counts of the `Arc`, and the rounding of each allocation.
const OVERHEAD_BYTES: usize = 160;

/// The weight of an entry: the bytes that it takes in memory, rounded up.
#[derive(Clone)]
struct Bytes;

impl Weighter<TokenId, Arc<TokenState>> for Bytes {
    fn weight(&self, _: &TokenId, state: &Arc<TokenState>) -> u64 {
        let TokenState { token, user } = &**state;
        let texts = [
            Some(user.id.as_str()),
            user.nickname.as_ref().map(Nickname::as_str),
            user.avatar_url.as_ref().map(AvatarUrl::as_str),
            token.issued().and_then(|issued| issued.issuer.as_deref()),
            token.issued().and_then(|issued| issued.audience.as_deref()),
        ];
        let texts: usize = texts.into_iter().flatten().map(str::len).sum();
        // An allocator rounds each text up.
        (OVERHEAD_BYTES + size_of::<(TokenId, TokenState)>() + texts + texts / 4) as u64
    }
}

/// What the store said of tokens, as long as nothing was written since that may make it untrue. Nothing, unless the
/// host says that nobody else writes.
pub(crate) struct LiveTokens(Option<Kept>);

struct Kept {
    found: Cache<TokenId, Arc<TokenState>, Bytes>,
    /// Whoever keeps or forgets a token holds the lock of its stripe.
    stripes: [Mutex<Stripe>; STRIPES],
    /// Rows of tokens that end at this time or before it may have been purged, in seconds of Unix time. A token of such a row is
    /// unknown to the store, and a revocation does not find it: were the clock turned back, only this keeps the token dead.
    purged_until: AtomicI64,
}

#[derive(Clone, Copy, Default)]
struct Stripe {
    /// The number of times that a token of the stripe was forgotten.
    forgotten: u64,
    /// The number of its tokens that are being written.
    written: usize,
}

/// Tokens that are being written: until this is dropped none of them is kept.
pub(crate) struct Forgotten<'a> {
    kept: Option<&'a Kept>,
    tokens: Vec<TokenId>,
}

/// When a reader turned to the store.
#[derive(Clone, Copy)]
pub(crate) struct Since(u64);

impl LiveTokens {
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    /// Keeps tokens of about this many bytes in memory; those that nobody asked for lately make room.
    pub(crate) fn at_most(bytes: usize) -> Self {
        // The cache is prepared for so many.
        let tokens = (bytes / TYPICAL_BYTES).max(1);
        Self(Some(Kept {
            found: Cache::with_weighter(tokens, bytes as u64, Bytes),
            stripes: std::array::from_fn(|_| Mutex::default()),
            purged_until: AtomicI64::new(i64::MIN),
        }))
    }

    pub(crate) const fn keeps_any(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn get(&self, token: TokenId) -> Option<Arc<TokenState>> {
        let kept = self.0.as_ref()?;
        kept.found.get(&token).filter(|state| kept.has_row(state))
    }

    /// To be called before rows are purged that were dead at this time.
    pub(crate) fn purges(&self, dead_before: Timestamp) {
        if let Some(kept) = &self.0 {
            kept.purged_until
                .fetch_max(dead_before.as_unix(), Ordering::SeqCst);
        }
    }

    /// To be called before the store is asked for the token.
    pub(crate) fn since(&self, token: TokenId) -> Since {
        Since(self.0.as_ref().map_or(0, |kept| kept.stripe(token).forgotten))
    }

    /// Keeps what the store said, unless a token of the stripe was forgotten since it was asked, or is being written: it may
    /// be this one, and the answer older than the write.
    pub(crate) fn keep(&self, token: TokenId, since: Since, state: &Arc<TokenState>) {
        if let Some(kept) = &self.0 {
            let stripe = kept.stripe(token);
            if stripe.forgotten == since.0 && stripe.written == 0 && kept.has_row(state) {
                kept.found.insert(token, state.clone());
            }
        }
    }

    /// To be called before a write to these tokens or their users, and held until it has ended: whoever sees the write in the
    /// store, before its caller does, finds none of them kept.
    pub(crate) fn forget(&self, tokens: impl IntoIterator<Item = TokenId>) -> Forgotten<'_> {
        let Some(kept) = &self.0 else {
            return Forgotten {
                kept: None,
                tokens: Vec::new(),
            };
        };
        let tokens: Vec<TokenId> = tokens.into_iter().collect();
        for token in &tokens {
            let mut stripe = kept.stripe(*token);
            stripe.written += 1;
            kept.found.remove(token);
        }
        Forgotten {
            kept: Some(kept),
            tokens,
        }
    }
}

impl Drop for Forgotten<'_> {
    /// From now on the store is believed again: by whoever asks it after this.
    fn drop(&mut self) {
        for token in &self.tokens {
            let stripe = self.kept.map(|kept| kept.stripe(*token));
            if let Some(mut stripe) = stripe {
                stripe.written -= 1;
                stripe.forgotten = stripe.forgotten.wrapping_add(1);
            }
        }
    }
}

impl Kept {
    /// False for a token whose row may have been purged since the store was asked.
    fn has_row(&self, state: &TokenState) -> bool {
        state.token.expires_at.as_unix() > self.purged_until.load(Ordering::SeqCst)
    }

    /// By the last byte, which is random.
    fn stripe(&self, token: TokenId) -> MutexGuard<'_, Stripe> {
        let [.., last] = *token.as_bytes();
        let [first, ..] = &self.stripes;
        self.stripes
            .get(usize::from(last) % STRIPES)
            .unwrap_or(first)
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use issuer::{
        KeyFingerprint, Timestamp,
        state::{IssuedToken, TokenBody, TokenMode, TokenRecord, UserRecord},
        user::UserId,
    };

    use super::*;

    /// What a store may say of a token.
    fn found() -> Arc<TokenState> {
        let token = IssuedToken {
            id: TokenId::from_bytes([7; 16]),
            key: KeyFingerprint::from_bytes([7; 16]),
            issuer: None,
            audience: None,
        };
        Arc::new(TokenState {
            token: TokenRecord {
                body: TokenBody::Issued(token),
                created_at: Timestamp::MIN,
                expires_at: Timestamp::MAX,
                revoked_at: None,
            },
            user: UserRecord {
                id: UserId::parse("amy").unwrap(),
                nickname: None,
                avatar_url: None,
                token_mode: TokenMode::Issued,
                created_at: Timestamp::MIN,
                updated_at: Timestamp::MIN,
            },
        })
    }

    #[test]
    fn a_token_that_is_forgotten_keeps_one_in_64_of_the_others_from_being_kept() {
        let (live, state) = (LiveTokens::at_most(1 << 20), found());
        let token = |last| TokenId::from_bytes([7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, last]);
        let asked: Vec<_> = (0..=255)
            .map(|last| (token(last), live.since(token(last))))
            .collect();
        drop(live.forget([token(5)]));
        for (token, since) in &asked {
            live.keep(*token, *since, &state);
        }
        let kept = asked
            .iter()
            .filter(|(token, _)| live.get(*token).is_some())
            .count();
        assert_eq!(kept, 256 - 4);
        assert!(live.get(token(5)).is_none());
    }

    #[test]
    fn a_token_weighs_what_the_documentation_of_the_builder_says() {
        let weight = |nickname: &str, avatar_url: &str| {
            let mut state = (*found()).clone();
            state.user.nickname = Some(Nickname::parse(nickname).unwrap());
            state.user.avatar_url = Some(AvatarUrl::parse(avatar_url).unwrap());
            Bytes.weight(&TokenId::from_bytes([7; 16]), &Arc::new(state))
        };
        let short = weight("Amy", "https://example.com/avatar.jpg");
        assert!((350..=450).contains(&short), "{short}");
        let url = format!("https://example.com/{}", "a".repeat(2_028));
        let longest = weight(&"\u{1f600}".repeat(256), &url) + 254 + 254 / 4;
        assert!((4_000..5 << 10).contains(&longest), "{longest}");
    }

    #[test]
    fn nothing_that_ends_before_the_latest_purge_is_believed_or_kept() {
        let (live, state, id) = (
            LiveTokens::at_most(1 << 20),
            found(),
            TokenId::from_bytes([7; 16]),
        );
        let until = |seconds| {
            let mut state = (*state).clone();
            state.token.expires_at = Timestamp::from_unix(seconds).unwrap();
            Arc::new(state)
        };
        live.keep(id, live.since(id), &until(1_000));
        live.purges(Timestamp::from_unix(999).unwrap());
        assert!(live.get(id).is_some());
        live.purges(Timestamp::from_unix(1_000).unwrap());
        // The clock was corrected.
        live.purges(Timestamp::from_unix(10).unwrap());
        assert!(live.get(id).is_none());
        live.keep(id, live.since(id), &until(1_000));
        assert!(live.get(id).is_none());
        live.keep(id, live.since(id), &until(1_001));
        assert!(live.get(id).is_some());
    }

    #[test]
    fn a_host_that_asks_for_no_memory_has_none() {
        let (live, state, token) = (LiveTokens::none(), found(), TokenId::from_bytes([7; 16]));
        live.keep(token, live.since(token), &state);
        assert!(live.get(token).is_none() && !live.keeps_any());
        assert!(LiveTokens::at_most(500).keeps_any());
    }
}
