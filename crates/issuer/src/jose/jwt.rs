//! Claims in, token out, and back (RFC 7519 sections 7.1 and 7.2).

use super::{
    Claims, Expected, KeySet, MAX_TOKEN_BYTES, SignError, SigningKey, Token, Verified, VerifyError,
    as_written,
    claims::ClaimsJson,
    claims_set::ClaimsSet,
    jws::{Payload, TokenType, authenticate},
};
use crate::{KeyFingerprint, Timestamp};

impl KeySet {
    /// Signs claims with the active key.
    ///
    /// # Errors
    /// [`SignError::Oversized`] where the token would be longer than 8,192 bytes.
    pub fn sign(&self, claims: &Claims<'_>) -> Result<Token, SignError> {
        sign(self.active(), claims)
    }

    /// Signs claims with the key of this fingerprint, active or retiring: how a lost token is written again, in the
    /// same bytes, after the active key has changed.
    ///
    /// # Errors
    /// [`SignError::UnknownKey`] where the set has no such key; [`SignError::Oversized`] as in [`KeySet::sign`].
    pub fn sign_with(&self, key: KeyFingerprint, claims: &Claims<'_>) -> Result<Token, SignError> {
        sign(self.with_fingerprint(key).ok_or(SignError::UnknownKey)?, claims)
    }

    /// Verifies a token and its claims at the moment `now`. Nothing in the payload is looked at, nor decoded, before
    /// the MAC is good.
    ///
    /// `typ` must be `JWT` or `application/jwt`, in any case, or absent (RFC 8725 section 3.11: other kinds of JWT are not ours); `sub` and
    /// `exp` must be there. `iat` may lie in the future: RFC 7519 gives it no say.
    ///
    /// # Errors
    /// [`VerifyError`] with the first rule that the token breaks.
    ///
    /// ```
    /// use issuer::jose::{Claims, Expected, KeySet, SigningKey, VerifyError};
    /// use issuer::{Timestamp, TokenId};
    ///
    /// let keys = KeySet::new(SigningKey::hs256([7; 32])?);
    /// let at = |second| Timestamp::from_unix(second).ok_or("out of range");
    /// let token = keys.sign(&Claims {
    ///     issuer: Some("https://chat.example.com"),
    ///     subject: "user001",
    ///     audience: None,
    ///     issued_at: at(1_750_000_000)?,
    ///     expires_at: at(1_750_003_600)?,
    ///     token_id: TokenId::from_bytes([1; 16]),
    /// })?;
    ///
    /// let expected = Expected::new().issuer("https://chat.example.com");
    /// let verified = keys.verify(token.as_str(), &expected, at(1_750_003_599)?)?;
    /// assert_eq!(verified.subject(), "user001");
    ///
    /// let too_late = keys.verify(token.as_str(), &expected, at(1_750_003_600)?);
    /// assert_eq!(too_late.unwrap_err(), VerifyError::Expired);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(&self, token: &str, expected: &Expected, now: Timestamp) -> Result<Verified, VerifyError> {
        let authentic = authenticate(self, token)?;
        if authentic.typ != TokenType::Jwt {
            return Err(VerifyError::Type);
        }
        let mut payload = Payload::new();
        // Checked as a whole: the JSON parser does not look at what it skips.
        let json = std::str::from_utf8(authentic.decode(&mut payload)?).map_err(|_| VerifyError::Claims)?;
        let claims = match as_written::read(json) {
            Some(claims) => claims,
            None => ClaimsSet::parse(json)?,
        };
        expected.check(&claims, now)?;
        Ok(Verified::new(&claims, authentic.key.fingerprint()))
    }
}

fn sign(key: &SigningKey, claims: &Claims<'_>) -> Result<Token, SignError> {
    let mut json = ClaimsJson::new();
    claims.write_json(&mut json);
    if key.token_len(json.as_bytes().len()) > MAX_TOKEN_BYTES {
        return Err(SignError::Oversized);
    }
    Ok(Token::new(key.sign(&json, claims.shared_len())))
}
