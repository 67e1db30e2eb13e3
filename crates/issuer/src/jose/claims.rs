//! The claims of a token, written (RFC 7519 section 4.1).

use super::buffer::Buffer;
use crate::{Timestamp, TokenId};

/// What a token says. The JSON has its members in the order of these fields.
///
/// Equal claims under one key give the same token, byte for byte, today and in later releases: a lost reply is
/// answered by signing again.
///
/// ```
/// use issuer::jose::{Claims, KeySet, SigningKey};
/// use issuer::{Lifetime, Timestamp, TokenId};
///
/// let keys = KeySet::new(SigningKey::hs256([7; 32])?);
/// let now = Timestamp::parse_rfc3339("2025-06-23T12:00:00Z")?;
/// let claims = Claims {
///     issuer: None,
///     subject: "user001",
///     audience: None,
///     issued_at: now,
///     expires_at: now.checked_add(Lifetime::default()).ok_or("past the year 9999")?,
///     token_id: TokenId::from_bytes([1; 16]),
/// };
/// let token = keys.sign(&claims)?;
/// assert!(token.as_str().starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims<'a> {
    /// `iss`: who issued it. Left out where there is none.
    pub issuer: Option<&'a str>,
    /// `sub`: the user.
    pub subject: &'a str,
    /// `aud`: who it is for, as one string. Left out where there is none.
    pub audience: Option<&'a str>,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`: the first second at which it is no longer valid.
    pub expires_at: Timestamp,
    /// `jti`.
    pub token_id: TokenId,
}

/// Claims up to this many bytes cost no allocation to write.
pub(super) type ClaimsJson = Buffer<512>;

impl Claims<'_> {
    pub(super) fn write_json(&self, json: &mut ClaimsJson) {
        json.push(b"{");
        if let Some(issuer) = self.issuer {
            json.push(br#""iss":"#);
            push_string(json, issuer);
            json.push(b",");
        }
        json.push(br#""sub":"#);
        push_string(json, self.subject);
        if let Some(audience) = self.audience {
            json.push(br#","aud":"#);
            push_string(json, audience);
        }
        json.push(br#","iat":"#);
        push_integer(json, self.issued_at.as_unix());
        json.push(br#","exp":"#);
        push_integer(json, self.expires_at.as_unix());
        json.push(br#","jti":""#);
        json.push(&self.token_id.encode());
        json.push(br#""}"#);
    }
}

/// Escapes what RFC 8259 section 7 says must be, and nothing else. Written here and not left to a library, because
/// a replay years from now must come out in these very bytes.
fn push_string(json: &mut ClaimsJson, text: &str) {
    json.push(b"\"");
    let mut rest = text.as_bytes();
    // A pass over all of it, which the compiler turns into vector instructions, is faster than stopping at the first.
    if !rest.iter().fold(false, |found, byte| found | needs_escape(*byte)) {
        json.push(rest);
        json.push(b"\"");
        return;
    }
    while let Some(at) = rest.iter().position(|byte| needs_escape(*byte)) {
        let (plain, [special, after @ ..]) = rest.split_at(at) else {
            break;
        };
        json.push(plain);
        push_escape(json, *special);
        rest = after;
    }
    json.push(rest);
    json.push(b"\"");
}

const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn push_escape(json: &mut ClaimsJson, special: u8) {
    match special {
        b'"' => json.push(br#"\""#),
        b'\\' => json.push(br"\\"),
        b'\n' => json.push(br"\n"),
        b'\r' => json.push(br"\r"),
        b'\t' => json.push(br"\t"),
        _ => {
            let hex = |digit: u8| {
                if digit < 10 {
                    b'0' + digit
                } else {
                    b'a' + digit - 10
                }
            };
            json.push(&[b'\\', b'u', b'0', b'0', hex(special >> 4), hex(special & 0xF)]);
        }
    }
}

fn push_integer(json: &mut ClaimsJson, value: i64) {
    if value < 0 {
        json.push(b"-");
    }
    // 20 digits hold every 64-bit number. Two at a time, because each division waits for the last.
    let mut digits = [[b'0'; 2]; 10];
    let mut start = 2 * digits.len();
    let mut rest = value.unsigned_abs();
    for pair in digits.iter_mut().rev() {
        let [two, ..] = (rest % 100).to_le_bytes();
        *pair = [b'0' + two / 10, b'0' + two % 10];
        start -= 2;
        rest /= 100;
        if rest == 0 {
            start += usize::from(two < 10);
            break;
        }
    }
    json.push(digits.as_flattened().get(start..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_json_is_what_a_json_library_reads_back(
            issuer: Option<String>,
            subject: String,
            audience in proptest::option::of("\\PC{0,600}"),
            issued_at in Timestamp::MIN.as_unix()..=Timestamp::MAX.as_unix(),
            token_id: [u8; 16],
        ) {
            let token_id = TokenId::from_bytes(token_id);
            let mut json = ClaimsJson::new();
            Claims {
                issuer: issuer.as_deref(),
                subject: &subject,
                audience: audience.as_deref(),
                issued_at: Timestamp::from_unix(issued_at).unwrap(),
                expires_at: Timestamp::MAX,
                token_id,
            }
            .write_json(&mut json);
            let mut expected = serde_json::json!({
                "sub": subject, "iat": issued_at, "exp": 253_402_300_799_i64, "jti": token_id.to_string(),
            });
            if let Some(issuer) = &issuer {
                expected["iss"] = issuer.as_str().into();
            }
            if let Some(audience) = &audience {
                expected["aud"] = audience.as_str().into();
            }
            prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(json.as_bytes()).unwrap(), expected);
        }
    }

    #[test]
    fn every_escape_is_frozen() {
        let mut json = ClaimsJson::new();
        push_string(&mut json, "\u{0}\u{8}\t\n\u{c}\r\u{1f} \"\\/\u{7f}\u{2028}é");
        let expected = "\"\\u0000\\u0008\\t\\n\\u000c\\r\\u001f \\\"\\\\/\u{7f}\u{2028}é\"";
        assert_eq!(std::str::from_utf8(json.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn integers_are_written_whole() {
        for value in [
            i64::MIN,
            -62_167_219_200,
            -10,
            -1,
            0,
            1,
            9,
            10,
            253_402_300_799,
            i64::MAX,
        ] {
            let mut json = ClaimsJson::new();
            push_integer(&mut json, value);
            assert_eq!(std::str::from_utf8(json.as_bytes()).unwrap(), value.to_string());
        }
    }
}
