//! From a record to the text of a token, and back to what the text claims.

use issuer::{
    Digest, KeyFingerprint, Timestamp, TokenId,
    decide::{self, Dead, IssuedRecord, Refusal},
    jose::{Claims, VerifyError},
    state::{TokenBody, TokenName, TokenState},
    user::UserId,
};
use issuer_store::Effect;

use crate::{Error, Issued, engine::Settings, error::ErrorKind};

/// What a verified token says, owned.
pub(crate) struct Claimed {
    pub(crate) user: UserId,
    pub(crate) id: TokenId,
    expires_at: Timestamp,
    key: KeyFingerprint,
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
    pub(crate) fn verify(&self, token: &str) -> Result<Claimed, Refusal> {
        let unverified = Refusal::InvalidToken(Dead::Unverified);
        let verified = self
            .keys
            .verify(token, &self.expected, self.now())
            .map_err(dead)?;
        Ok(Claimed {
            user: UserId::parse(verified.subject()).map_err(|_| unverified.clone())?,
            id: verified.token_id().ok_or(unverified)?,
            expires_at: verified.expires_at(),
            key: verified.key(),
        })
    }

    /// Whether what the store knows makes the token live.
    pub(crate) fn judge(&self, claimed: &Claimed, found: Option<TokenState>) -> Result<TokenState, Error> {
        let is_this = |state: &TokenState| {
            let issued = state.token.issued();
            state.token.expires_at == claimed.expires_at
                && issued.is_some_and(|issued| issued.key == claimed.key)
        };
        let state = found
            .filter(is_this)
            .ok_or(Refusal::InvalidToken(Dead::Unknown))?;
        decide::check(&state.token, &self.rules, self.now()).map_err(Refusal::InvalidToken)?;
        Ok(state)
    }

    /// The name under which a store may know this text: that of a token of ours, if it verifies as one,
    /// else that of an assigned one.
    pub(crate) fn name_of(&self, token: &str) -> TokenName {
        match self.verify(token) {
            Ok(claimed) => TokenName::Issued(claimed.id),
            Err(_) => TokenName::Assigned(Digest::of(token.as_bytes())),
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
