//! From a record to the text of a token, and back to what the text claims.

use std::sync::Arc;

use issuer::{
    Digest, Timestamp, TokenId,
    decide::{self, Dead, IssuedRecord, Refusal},
    jose::{Claims, Verified, VerifyError},
    state::{TokenBody, TokenName, TokenState},
    user::UserId,
};
use issuer_store::Effect;

use crate::{Error, Issued, engine::Settings, error::ErrorKind};

/// A verified token that has a name.
pub(crate) struct Claimed {
    pub(crate) id: TokenId,
    pub(crate) claims: Verified,
    /// When it was verified.
    pub(crate) at: Timestamp,
}

impl Claimed {
    /// The user whose token it says it is.
    pub(crate) fn user(&self) -> Result<UserId, Refusal> {
        UserId::parse(self.claims.subject()).map_err(|_| Refusal::InvalidToken(Dead::Unverified))
    }
}

impl Settings {
    /// Signs a token from the record that was committed: the same record, the same bytes.
    pub(crate) fn sign(&self, issued: IssuedRecord) -> Result<Issued, Error> {
        let IssuedRecord { user, token } = issued;
        let defect = || Error::new(ErrorKind::Internal).with_effect(Effect::Unknown);
        let TokenBody::Issued(body) = &token.body else {
            return Err(defect());
        };
        let claims = Claims {
            issuer: body.issuer.as_deref(),
            subject: user.id.as_str(),
            audience: body.audience.as_deref(),
            issued_at: token.created_at,
            expires_at: token.expires_at,
            token_id: body.id,
        };
        // The rules let no key but those of the set stand in a live record, and the builder has signed the
        // longest token there is.
        let text = self.keys.sign_with(body.key, &claims).map_err(|_| defect())?;
        Ok(Issued {
            token: text,
            expires_at: token.expires_at,
            user,
        })
    }

    /// What a token claims, if its text, its signature and its claims hold.
    #[inline]
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Claimed, Refusal> {
        match self.keys.verify(token, &self.expected, now) {
            Ok(claims) => match claims.token_id() {
                Some(id) => Ok(Claimed { id, claims, at: now }),
                None => Err(Refusal::InvalidToken(Dead::Unverified)),
            },
            Err(error) => Err(dead(error)),
        }
    }

    /// Whether what the store knows makes the token live.
    pub(crate) fn judge(
        &self,
        claimed: &Claimed,
        found: Option<Arc<TokenState>>,
        now: Timestamp,
    ) -> Result<Arc<TokenState>, Error> {
        let claims = &claimed.claims;
        let is_this = |state: &Arc<TokenState>| {
            let issued = state.token.issued();
            state.user.id.as_str() == claims.subject()
                && state.token.expires_at == claims.expires_at()
                && issued.is_some_and(|issued| issued.key == claims.key())
        };
        let state = found
            .filter(is_this)
            .ok_or(Refusal::InvalidToken(Dead::Unknown))?;
        decide::check(&state.token, &self.rules, now).map_err(Refusal::InvalidToken)?;
        Ok(state)
    }

    /// The name under which a store may know this text: that of a token of ours, if it verifies as one,
    /// else that of an assigned one.
    pub(crate) fn name_of(&self, token: &str) -> TokenName {
        match self.verify(token, self.now()) {
            Ok(claimed) if claimed.user().is_ok() => TokenName::Issued(claimed.id),
            _ => TokenName::Assigned(Digest::of(token.as_bytes())),
        }
    }
}

fn dead(error: VerifyError) -> Refusal {
    Refusal::InvalidToken(match error {
        VerifyError::Expired => Dead::Expired,
        VerifyError::Issuer => Dead::Issuer,
        VerifyError::Audience => Dead::Audience,
        VerifyError::UnknownKey => Dead::KeyGone,
        _ => Dead::Unverified,
    })
}
