//! The claims of a token, written (RFC 7519 section 4.1).

use super::{buffer::Buffer, json_string::plain_len};
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
        if let Some(issuer) = self.issuer {
            json.push(br#"{"iss":""#);
            push_escaped(json, issuer);
            json.push(br#"","sub":""#);
        } else {
            json.push(br#"{"sub":""#);
        }
        push_escaped(json, self.subject);
        if let Some(audience) = self.audience {
            json.push(br#"","aud":""#);
            push_escaped(json, audience);
        }
        json.push(br#"","iat":"#);
        push_date(json, self.issued_at);
        json.push(br#","exp":"#);
        push_date(json, self.expires_at);
        json.push(br#","jti":""#);
        json.push(&self.token_id.encode());
        json.push(br#""}"#);
    }

    /// Bytes at the start of the JSON that are the same for every token of this issuer, at the least: up to the subject.
    pub(super) fn shared_len(&self) -> usize {
        match self.issuer {
            // As long as it is written, or longer where something in it is escaped.
            Some(issuer) => r#"{"iss":"","sub":""#.len() + issuer.len(),
            None => r#"{"sub":""#.len(),
        }
    }
}

/// Escapes what RFC 8259 section 7 says must be, and nothing else. Written here and not left to a library, because
/// a replay years from now must come out in these very bytes.
fn push_escaped(json: &mut ClaimsJson, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_len(rest));
        json.push(plain);
        let [special, after @ ..] = special else {
            break;
        };
        push_escape(json, *special);
        rest = after;
    }
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

/// Seconds since the epoch. A date has at most twelve digits (see [`Timestamp::MAX`]): two groups of eight.
#[allow(clippy::expect_used, reason = "the branches above count to fifteen")]
fn push_date(json: &mut ClaimsJson, date: Timestamp) {
    const GROUP: u64 = 100_000_000;
    if date.as_unix() < 0 {
        json.push(b"-");
    }
    let seconds = date.as_unix().unsigned_abs();
    let (upper, lower) = (eight_digits(seconds / GROUP), eight_digits(seconds % GROUP));
    let zeros = match upper {
        // The last digit stands also where it is a zero.
        0 => 8 + (lower.leading_zeros() / 8).min(7),
        _ => upper.leading_zeros() / 8,
    };
    let digits = [upper, lower].map(|digits| (digits | u64::from_be_bytes([b'0'; 8])).to_be_bytes());
    let digits = digits.as_flattened().get(zeros as usize..);
    json.push(digits.expect("at most fifteen of the sixteen digits are left out"));
}

/// The decimal digits of a number below 10^8, the first one in the highest byte: halved, halved again, and again, all
/// parts at once. Multiplying by 10486 / 2^20 divides by 100 what is below 10^4, by 103 / 2^10 by 10 what is below 10^2.
const fn eight_digits(number: u64) -> u64 {
    let fours = ((number / 10_000) << 32) | (number % 10_000);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let twos = (hundreds << 16) | (fours - hundreds * 100);
    let tens = ((twos * 103) >> 10) & 0x000F_000F_000F_000F;
    (tens << 8) | (twos - tens * 10)
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

    proptest! {
        #[test]
        fn what_is_said_to_be_shared_is_decided_by_the_issuer_alone(
            issuer: Option<String>,
            subjects: [String; 2],
            dates in [0..=1_i64, 0..=1_i64],
        ) {
            let [one, other] = [0, 1].map(|index: usize| Claims {
                issuer: issuer.as_deref(),
                subject: &subjects[index],
                audience: None,
                issued_at: Timestamp::from_unix(dates[index]).unwrap(),
                expires_at: Timestamp::MAX,
                token_id: TokenId::from_bytes([9; 16]),
            });
            let [one_json, other_json] = [one, other].map(|claims| {
                let mut json = ClaimsJson::new();
                claims.write_json(&mut json);
                json.as_bytes()[..claims.shared_len()].to_vec()
            });
            prop_assert_eq!(one_json, other_json);
        }
    }

    #[test]
    fn what_is_said_to_be_shared_reaches_to_the_subject() {
        for issuer in [None, Some(""), Some("https://issuer.example")] {
            let claims = Claims {
                issuer,
                subject: "amy",
                audience: None,
                issued_at: Timestamp::MIN,
                expires_at: Timestamp::MAX,
                token_id: TokenId::from_bytes([9; 16]),
            };
            let mut json = ClaimsJson::new();
            claims.write_json(&mut json);
            let (shared, rest) = json.as_bytes().split_at(claims.shared_len());
            assert!(shared.ends_with(br#""sub":""#), "{issuer:?}");
            assert!(rest.starts_with(b"amy"), "{issuer:?}");
        }
    }

    #[test]
    fn every_escape_is_frozen() {
        let mut json = ClaimsJson::new();
        push_escaped(
            &mut json,
            "\u{0}\u{8}\t\n\u{c}\r\u{19}\u{1a}\u{1f} \"\\/\u{7f}\u{2028}é",
        );
        let expected = "\\u0000\\u0008\\t\\n\\u000c\\r\\u0019\\u001a\\u001f \\\"\\\\/\u{7f}\u{2028}é";
        assert_eq!(std::str::from_utf8(json.as_bytes()).unwrap(), expected);
    }

    fn written(date: i64) -> String {
        let mut json = ClaimsJson::new();
        push_date(&mut json, Timestamp::from_unix(date).unwrap());
        String::from_utf8(json.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_date_is_written_as_a_number_from_its_first_digit_to_its_last() {
        let powers = (0..12).map(|power| 10_i64.pow(power));
        let beside = powers.flat_map(|power| [power - 1, power, power + 1, 5 * power]);
        let ends = [Timestamp::MAX.as_unix(), -Timestamp::MIN.as_unix()];
        let dates = beside
            .chain(ends)
            .filter(|date| *date <= Timestamp::MAX.as_unix());
        for date in dates {
            assert_eq!(written(date), date.to_string());
            if date <= -Timestamp::MIN.as_unix() {
                assert_eq!(written(-date), (-date).to_string());
            }
        }
    }

    #[test]
    fn every_group_of_four_digits_is_taken_apart() {
        for number in 0..10_000 {
            for number in [number, number * 10_000 + 9_999] {
                let digits: Vec<u8> = format!("{number:08}").bytes().map(|digit| digit - b'0').collect();
                assert_eq!(eight_digits(number).to_be_bytes(), digits.as_slice());
            }
        }
    }
}
