//! The users of a load, the rules that each of them lives under, and the key that all their tokens are signed with.

use issuer::{
    Lifetime, TokenId,
    decide::{IdempotencyKey, Issue, MaxLiveTokens, Policy, Rules},
    jose::{Claims, KeySet, SigningKey},
    state::TokenRecord,
    user::{NewUser, UserId},
};

/// Idempotency keys of a user, which are used again once they are forgotten.
pub(super) const KEYS: u64 = 4;

/// The keys and the rules: the same for every load and every account.
#[derive(Debug)]
pub(super) struct Tenant {
    keys: KeySet,
}

impl Tenant {
    pub(super) fn new() -> Self {
        let key = SigningKey::hs256([0x2A; 32]).expect("a secret of 32 bytes");
        Self {
            keys: KeySet::new(key),
        }
    }

    /// What a user is allowed stands in the id, so that an account needs to be told nothing.
    pub(super) fn user(number: u64) -> UserId {
        let kind = match number % 3 {
            0 => "one",
            1 => "newest",
            _ => "two",
        };
        UserId::parse(&format!("{kind}-{number}")).expect("a valid id")
    }

    /// How many tokens of this user may live.
    pub(super) fn limit(user: &UserId) -> u8 {
        if user.as_str().starts_with("two") { 2 } else { 1 }
    }

    pub(super) fn rules(&self, user: &UserId) -> Rules {
        let policy = if user.as_str().starts_with("newest") {
            Policy::Upsert
        } else {
            Policy::ConflictWhileLive
        };
        let limit = MaxLiveTokens::new(Self::limit(user)).expect("1 or 2");
        Rules::new(self.keys.active_fingerprint())
            .with_issuer("https://issuer.example")
            .with_audience("rooms")
            .with_lifetime(Lifetime::from_seconds(60).expect("a minute"))
            .with_policy(policy)
            .with_max_live_tokens(limit)
    }

    /// The request under this key, which is always the same; without one, the profile stays as it is.
    pub(super) fn request(user: &UserId, key: Option<&str>) -> Issue {
        let Some(key) = key else {
            return NewUser::from(user.clone()).into();
        };
        let named = NewUser::from(user.clone())
            .nickname(&format!("nick-{key}"))
            .expect("a valid nickname");
        Issue::from(named).with_idempotency_key(Self::key(key))
    }

    pub(super) fn key(name: &str) -> IdempotencyKey {
        IdempotencyKey::new(b"load", name).expect("a valid key")
    }

    pub(super) fn key_name(number: u64) -> String {
        format!("k{number}")
    }

    /// The text of a token, or why it cannot be signed again.
    pub(super) fn sign(&self, user: &UserId, token: &TokenRecord) -> Result<String, String> {
        let issued = token.issued().ok_or("it is no issued token")?;
        let claims = Claims {
            issuer: issued.issuer.as_deref(),
            subject: user.as_str(),
            audience: issued.audience.as_deref(),
            issued_at: token.created_at,
            expires_at: token.expires_at,
            token_id: issued.id,
        };
        let text = self.keys.sign_with(issued.key, &claims);
        text.map(|text| text.as_str().to_owned())
            .map_err(|error| error.to_string())
    }

    /// The record of a token of these few values, as the rules make it.
    pub(super) fn token(&self, id: TokenId, times: super::line::Times) -> TokenRecord {
        TokenRecord {
            body: issuer::state::TokenBody::Issued(issuer::state::IssuedToken {
                id,
                key: self.keys.active_fingerprint(),
                issuer: Some("https://issuer.example".into()),
                audience: Some("rooms".into()),
            }),
            created_at: times.created_at,
            expires_at: times.expires_at,
            revoked_at: times.revoked_at,
        }
    }
}
