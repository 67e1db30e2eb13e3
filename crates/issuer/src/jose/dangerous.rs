//! What gives secrets away. Everything here is for the key file, and for nothing else.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use super::{KeySet, SigningKey};
use crate::base64url;

/// Writes a key, **with its secret**, as a JSON Web Key (RFC 7517) that [`SigningKey::from_jwk`] reads back.
///
/// The text is zeroized when it is dropped; copies of it are the caller's to guard.
///
/// ```
/// use issuer::jose::{SigningKey, dangerous};
///
/// let key = SigningKey::hs256([7; 32])?;
/// let jwk = dangerous::to_jwk(&key);
/// assert_eq!(SigningKey::from_jwk(&jwk)?.fingerprint(), key.fingerprint());
/// # Ok::<(), issuer::jose::KeyError>(())
/// ```
pub fn to_jwk(key: &SigningKey) -> Zeroizing<String> {
    let mut json = Zeroizing::new(String::with_capacity(jwk_len_at_most(key)));
    write_jwk(key, &mut json);
    json
}

/// Writes a key set, **with its secrets**, as a JWK Set (RFC 7517 section 5) that [`KeySet::from_jwks`] reads back:
/// the active key first.
pub fn to_jwks(keys: &KeySet) -> Zeroizing<String> {
    let room = keys.keys().map(|key| jwk_len_at_most(key) + 1).sum::<usize>() + r#"{"keys":[]}"#.len();
    let mut json = Zeroizing::new(String::with_capacity(room));
    json.push_str(r#"{"keys":["#);
    for (index, key) in keys.keys().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write_jwk(key, &mut json);
    }
    json.push_str("]}");
    json
}

/// Enough that the text never moves: a string that grows leaves a copy of the secret behind.
fn jwk_len_at_most(key: &SigningKey) -> usize {
    r#"{"kty":"oct","use":"sig","alg":"HS256","kid":"","k":""}"#.len()
        + key.kid().map_or(0, str::len)
        + base64url::encoded_len(key.secret().len())
}

#[allow(clippy::expect_used, reason = "base64url is ASCII")]
fn write_jwk(key: &SigningKey, json: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(json, r#"{{"kty":"oct","use":"sig","alg":"{}""#, key.algorithm());
    if let Some(kid) = key.kid() {
        let _ = write!(json, r#","kid":"{kid}""#);
    }
    let mut k = Zeroizing::new(Vec::with_capacity(base64url::encoded_len(key.secret().len())));
    base64url::append(key.secret(), &mut k);
    json.push_str(r#","k":""#);
    json.push_str(std::str::from_utf8(&k).expect("base64url is ASCII"));
    json.push_str(r#""}"#);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exported_secret_never_moves_while_it_is_written() {
        let with_kid = SigningKey::hs512([1; 77]).unwrap().with_kid("a-kid").unwrap();
        let without = SigningKey::hs256([2; 32]).unwrap();
        // What has grown has more room than was asked for.
        for key in [&with_kid, &without] {
            let jwk = to_jwk(key);
            assert!(jwk.len() <= jwk_len_at_most(key));
            assert_eq!(jwk.capacity(), jwk_len_at_most(key));
        }
        let room = jwk_len_at_most(&with_kid) + jwk_len_at_most(&without) + r#"{"keys":[,,]}"#.len();
        let keys = KeySet::new(with_kid).verify_also(without).unwrap();
        let jwks = to_jwks(&keys);
        assert!(jwks.len() <= room);
        assert_eq!(jwks.capacity(), room);
    }
}
