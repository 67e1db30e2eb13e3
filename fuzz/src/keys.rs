//! The keys of the token targets. They guard nothing.

use data_encoding::BASE64URL_NOPAD;
use issuer::jose::{KeySet, SigningKey};
use ring::hmac;

use crate::members::members;

/// A key, in the words of a second implementation.
pub struct Known {
    /// `alg`.
    pub algorithm: &'static str,
    /// `kid`.
    pub kid: Option<&'static str>,
    secret: &'static [u8],
    hmac: hmac::Algorithm,
}

/// The keys, the active one first.
pub static KNOWN: [Known; 3] = [
    Known {
        algorithm: "HS256",
        kid: None,
        secret: &[1; 32],
        hmac: hmac::HMAC_SHA256,
    },
    Known {
        algorithm: "HS384",
        kid: Some("july"),
        secret: &[2; 48],
        hmac: hmac::HMAC_SHA384,
    },
    Known {
        algorithm: "HS512",
        kid: Some("june"),
        secret: &[3; 64],
        hmac: hmac::HMAC_SHA512,
    },
];

impl Known {
    /// The MAC of a signing input.
    pub fn mac(&self, signing_input: &[u8]) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(self.hmac, self.secret), signing_input)
    }
}

/// The same keys, as the library holds them.
pub fn key_set() -> KeySet {
    let [active, july, june] = &KNOWN;
    let key = SigningKey::hs256(active.secret).expect("long enough");
    let july = SigningKey::hs384(july.secret).and_then(|key| key.with_kid("july"));
    let june = SigningKey::hs512(june.secret).and_then(|key| key.with_kid("june"));
    KeySet::new(key)
        .verify_also(july.expect("long enough"))
        .and_then(|set| set.verify_also(june.expect("long enough")))
        .expect("distinct kids")
}

/// A token of this header and payload, whatever they hold, signed with the key that the header names by `kid` or by
/// `alg`, or with the first one: how mutations get past the MAC.
pub fn sign(header: &[u8], payload: &[u8]) -> String {
    let input = format!(
        "{}.{}",
        BASE64URL_NOPAD.encode(header),
        BASE64URL_NOPAD.encode(payload)
    );
    let tag = named_by(header).mac(input.as_bytes());
    format!("{input}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
}

fn named_by(header: &[u8]) -> &'static Known {
    let [active, ..] = &KNOWN;
    let Some(members) = std::str::from_utf8(header).ok().and_then(members) else {
        return active;
    };
    let says = |name: &str, value: Option<&str>| {
        value.is_some()
            && members
                .iter()
                .any(|(n, v)| n == name && v.text().as_deref() == value)
    };
    KNOWN
        .iter()
        .find(|key| says("kid", key.kid))
        .or_else(|| KNOWN.iter().find(|key| says("alg", Some(key.algorithm))))
        .unwrap_or(active)
}
