//! Tokens that were found live, kept so that the next check of one need not ask the store.

use std::sync::Arc;

use issuer::{TokenId, state::TokenState};
use quick_cache::sync::Cache;

use crate::sync::{Mutex, MutexGuard, PoisonError};

/// Tokens share so many counts: enough that few readers are told of the revocation of another token.
const STRIPES: usize = 64;

/// What the store said of tokens, as long as nothing was written since that may make it untrue. Nothing, unless the
/// host says that nobody else writes.
pub(crate) struct LiveTokens(Option<Kept>);

struct Kept {
    found: Cache<TokenId, Arc<TokenState>>,
    /// Whoever keeps or forgets a token holds the lock of its stripe.
    stripes: [Mutex<Stripe>; STRIPES],
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

    /// Keeps about this many; those that nobody asked for lately make room.
    pub(crate) fn at_most(tokens: usize) -> Self {
        Self(Some(Kept {
            found: Cache::new(tokens),
            stripes: std::array::from_fn(|_| Mutex::default()),
        }))
    }

    pub(crate) const fn keeps_any(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn get(&self, token: TokenId) -> Option<Arc<TokenState>> {
        self.0.as_ref()?.found.get(&token)
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
            if stripe.forgotten == since.0 && stripe.written == 0 {
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
        let (live, state) = (LiveTokens::at_most(1_000), found());
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
    fn a_host_that_asks_for_no_memory_has_none() {
        let (live, state, token) = (LiveTokens::none(), found(), TokenId::from_bytes([7; 16]));
        live.keep(token, live.since(token), &state);
        assert!(live.get(token).is_none() && !live.keeps_any());
        assert!(LiveTokens::at_most(1).keeps_any());
    }
}
