//! The compact serialization of a JWS (RFC 7515 sections 3.1, 5.2 and 7.1), taken apart and verified.

use std::fmt;

use super::{KeySet, MAX_TOKEN_BYTES, SigningKey, VerifyError, buffer::Buffer, header::Header};
use crate::KeyFingerprint;

/// Three segments that nobody has verified: there is no way to the payload but through [`verify`](Self::verify).
///
/// For payloads that are no claims. Tokens with claims go through [`KeySet::verify`].
///
/// ```
/// use issuer::jose::{KeySet, SigningKey, UnverifiedToken, VerifyError};
///
/// // RFC 7515 appendix A.1: a header of another shape than ours, and a payload with line breaks.
/// let keys = KeySet::from_jwks(
///     r#"{"keys":[{"kty":"oct","alg":"HS256",
///     "k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}]}"#,
/// )?;
/// let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
///     .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
///     .dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// let verified = UnverifiedToken::parse(token)?.verify(&keys)?;
/// assert!(verified.payload().starts_with(b"{\"iss\":\"joe\",\r\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct UnverifiedToken<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// Header, dot and payload: what the MAC is over.
    signing_input: &'a str,
}

impl<'a> UnverifiedToken<'a> {
    /// Splits a token. What is in the segments is looked at by [`verify`](Self::verify).
    ///
    /// # Errors
    /// [`VerifyError::Oversized`] over 8,192 bytes; [`VerifyError::Malformed`] unless there are exactly two dots.
    pub fn parse(token: &'a str) -> Result<Self, VerifyError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(VerifyError::Oversized);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(VerifyError::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(VerifyError::Malformed)?;
        if payload.contains('.') {
            return Err(VerifyError::Malformed);
        }
        Ok(Self {
            header,
            payload,
            signature,
            signing_input,
        })
    }

    /// The payload, if the key of this set that the header names made the MAC. Any payload will do, and any `typ`.
    ///
    /// # Errors
    /// `Malformed`, `Extension`, `UnknownKey`, `Algorithm` and `Signature` of [`VerifyError`].
    pub fn verify(&self, keys: &KeySet) -> Result<VerifiedPayload, VerifyError> {
        let authentic = self.authenticate(keys)?;
        let mut verified = VerifiedPayload {
            payload: Payload::new(),
            key: authentic.key.fingerprint(),
        };
        authentic.decode(&mut verified.payload)?;
        Ok(verified)
    }

    pub(super) fn authenticate<'k>(&self, keys: &'k KeySet) -> Result<Authentic<'a, 'k>, VerifyError> {
        let (key, typ) = match keys.that_writes(self.header) {
            Some(key) => (key, TokenType::Jwt),
            None => select_by_parsing(keys, self.header)?,
        };
        key.verify(self.signing_input, self.signature)?;
        Ok(Authentic {
            key,
            typ,
            payload: self.payload,
        })
    }
}

/// A token whose MAC is good, by the quick way where one of the keys may have made it, else by the strict one.
pub(super) fn authenticate<'a, 'k>(
    keys: &'k KeySet,
    token: &'a str,
) -> Result<Authentic<'a, 'k>, VerifyError> {
    if token.len() <= MAX_TOKEN_BYTES
        && let Some((key, [payload, signature, signing_input])) = keys.split(token)
    {
        return match key.verify(signing_input, signature) {
            Ok(()) => Ok(Authentic {
                key,
                typ: TokenType::Jwt,
                payload,
            }),
            // Under a good MAC it is the payload's decoder that refuses a dot.
            Err(_) if payload.contains('.') => Err(VerifyError::Malformed),
            Err(error) => Err(error),
        };
    }
    UnverifiedToken::parse(token)?.authenticate(keys)
}

/// The strict way to the key. A header that a key writes itself gives the same key and type here: all that the exact
/// match saves is the parsing.
fn select_by_parsing<'k>(
    keys: &'k KeySet,
    segment: &str,
) -> Result<(&'k SigningKey, TokenType), VerifyError> {
    let mut bytes = Payload::new();
    let header = Header::parse(bytes.decode(segment).ok_or(VerifyError::Malformed)?)?;
    let typ = match header.typ.as_deref() {
        None => TokenType::Jwt,
        // Media types are compared without case, and `application/` may be left out (RFC 7515 section 4.1.9).
        Some(typ)
            if ["JWT", "application/jwt"]
                .iter()
                .any(|jwt| typ.eq_ignore_ascii_case(jwt)) =>
        {
            TokenType::Jwt
        }
        Some(_) => TokenType::Other,
    };
    Ok((keys.that_is_named_by(&header)?, typ))
}

/// The kind of token by its `typ`: `JWT`, `application/jwt` or none; or something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenType {
    Jwt,
    Other,
}

/// A token whose MAC is good; only now may the payload be decoded.
pub(super) struct Authentic<'a, 'k> {
    pub(super) key: &'k SigningKey,
    pub(super) typ: TokenType,
    payload: &'a str,
}

/// A decoded payload; up to 512 bytes it stays off the heap.
pub(super) type Payload = Buffer<512>;

impl Authentic<'_, '_> {
    pub(super) fn decode<'b>(&self, payload: &'b mut Payload) -> Result<&'b [u8], VerifyError> {
        payload.decode(self.payload).ok_or(VerifyError::Malformed)
    }
}

/// Never the token.
impl fmt::Debug for UnverifiedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnverifiedToken(..)")
    }
}

/// The payload of a token whose MAC was good.
#[derive(Clone)]
pub struct VerifiedPayload {
    payload: Payload,
    key: KeyFingerprint,
}

impl VerifiedPayload {
    /// The bytes that were signed. They need not be JSON, nor text.
    pub fn payload(&self) -> &[u8] {
        self.payload.as_bytes()
    }

    /// The key that signed them.
    pub const fn key(&self) -> KeyFingerprint {
        self.key
    }
}

/// The key, not the payload.
impl fmt::Debug for VerifiedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedPayload")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base64url;

    fn key_set(kids: &[Option<String>]) -> KeySet {
        let mut keys = kids.iter().enumerate().map(|(index, kid)| {
            let byte = u8::try_from(index + 1).unwrap();
            let key = match index % 3 {
                0 => SigningKey::hs256([byte; 32]),
                1 => SigningKey::hs384([byte; 48]),
                _ => SigningKey::hs512([byte; 64]),
            }
            .unwrap();
            match kid {
                Some(kid) => key.with_kid(kid).unwrap(),
                None => key,
            }
        });
        let set = KeySet::new(keys.next().unwrap());
        keys.fold(set, |set, key| set.verify_also(key).unwrap())
    }

    /// Distinct names, and perhaps one key without.
    fn kids() -> impl Strategy<Value = Vec<Option<String>>> {
        let kid = proptest::option::of("[!#-\\[\\]-~]{1,128}");
        proptest::collection::hash_set(kid, 1..6).prop_map(|kids| kids.into_iter().collect())
    }

    proptest! {
        #[test]
        fn the_exact_match_takes_the_key_that_parsing_takes(kids in kids()) {
            let keys = key_set(&kids);
            for key in keys.keys() {
                let segment = crate::jose::header::encode(key.algorithm(), key.kid());
                let exact = keys.that_writes(&segment).unwrap();
                let (parsed, typ) = select_by_parsing(&keys, &segment).unwrap();
                prop_assert_eq!(exact.fingerprint(), key.fingerprint());
                prop_assert_eq!(parsed.fingerprint(), key.fingerprint());
                prop_assert_eq!(typ, TokenType::Jwt);
            }
        }

        #[test]
        fn whatever_matches_exactly_is_accepted_by_parsing(
            kids in kids(),
            which: prop::sample::Index,
            at: prop::sample::Index,
            change in prop_oneof![Just(0_u8), any::<u8>()],
        ) {
            let keys = key_set(&kids);
            let all: Vec<_> = keys.keys().collect();
            let key = which.get(&all);
            let mut segment = crate::jose::header::encode(key.algorithm(), key.kid()).into_bytes();
            let at = at.index(segment.len());
            segment[at] ^= change & 0x7F;
            let segment = String::from_utf8(segment).unwrap();
            if let Some(exact) = keys.that_writes(&segment) {
                prop_assert_eq!(select_by_parsing(&keys, &segment).unwrap().0.fingerprint(), exact.fingerprint());
            } else if let Ok((parsed, _)) = select_by_parsing(&keys, &segment) {
                // Another text of a header with the same meaning, such as another member order: never another alg or kid.
                let mut bytes = Payload::new();
                let header = Header::parse(bytes.decode(&segment).unwrap()).unwrap();
                prop_assert_eq!(&*header.alg, parsed.algorithm().name());
                prop_assert_eq!(header.kid.as_deref(), parsed.kid());
            }
        }
    }

    /// A token of one of two keys, changed in one place, cut or made longer.
    fn near_a_token() -> impl Strategy<Value = String> {
        let change = prop_oneof![
            Just(String::new()),
            Just(".".to_owned()),
            "[A-Za-z0-9_-]",
            "[.=+/]{1,44}",
            "\\PC"
        ];
        let payload = prop_oneof!["[a-z.]{0,60}", "[A-Za-z0-9_-]{0,60}"];
        (
            0..2_usize,
            payload,
            any::<prop::sample::Index>(),
            0..3_usize,
            change,
        )
            .prop_map(|(which, payload, at, cut, change)| {
                let keys = key_set(&[None, Some("b".into())]);
                let key = keys.keys().nth(which).unwrap();
                let mut signed = crate::jose::header::encode(key.algorithm(), key.kid());
                signed = signed + "." + &payload;
                let token = signed.clone() + "." + &key.sign_text(&signed);
                let characters: Vec<char> = token.chars().collect();
                let at = at.index(characters.len());
                let after = characters.iter().skip(at + cut);
                characters[..at]
                    .iter()
                    .copied()
                    .chain(change.chars())
                    .chain(after.copied())
                    .collect()
            })
    }

    proptest! {
        #[test]
        fn the_quick_split_accepts_and_refuses_as_the_strict_one(token in near_a_token()) {
            let keys = key_set(&[None, Some("b".into())]);
            let answer = |result: Result<Authentic<'_, '_>, VerifyError>| {
                let authentic = result?;
                // A payload that is no base64url is refused when it is decoded, by either way.
                let mut payload = Payload::new();
                let payload = authentic.decode(&mut payload)?.to_vec();
                Ok::<_, VerifyError>((authentic.key.fingerprint(), authentic.typ, payload))
            };
            let strict = UnverifiedToken::parse(&token).and_then(|token| token.authenticate(&keys));
            prop_assert_eq!(answer(authenticate(&keys, &token)), answer(strict));
        }
    }

    #[test]
    fn a_header_in_another_order_names_the_same_key() {
        let keys = key_set(&[None, Some("b".into())]);
        let mut segment = Vec::new();
        base64url::append(br#" {"kid" : "\u0062", "x":[{}], "alg":"HS384"}"#, &mut segment);
        let segment = std::str::from_utf8(&segment).unwrap();
        assert!(keys.that_writes(segment).is_none());
        assert_eq!(select_by_parsing(&keys, segment).unwrap().0.kid(), Some("b"));
    }
}
