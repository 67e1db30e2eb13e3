//! Tokens: accepted exactly when a second implementation accepts them, and then read alike.

use std::sync::LazyLock;

use allocation_counter::measure;
use data_encoding::BASE64URL_NOPAD;
use issuer::{
    KeyFingerprint, Timestamp,
    jose::{Expected, KeySet, MAX_TOKEN_BYTES, UnverifiedToken, Verified, VerifyError},
};

use crate::{
    keys::{KNOWN, Known, key_set},
    members::{Raw, find, members_once, optional_text},
};

/// 2025-06-15T15:06:40Z: within the lifetime of the tokens of the corpus.
const NOW: i64 = 1_750_000_000;

/// What a verifier may hold at once: for each byte of the token, and beside that. A list of empty strings costs most: four
/// characters of the token are 24 bytes, and three times that while the list moves to twice its room.
const BYTES_PER_BYTE: usize = 20;
const BYTES: usize = 512;

/// What is asked of `iss` and `aud`.
#[derive(Clone, Copy)]
enum Wanted {
    Absent,
    Is(&'static str),
    Any,
}

struct Case {
    expected: Expected,
    issuer: Wanted,
    audience: Wanted,
    leeway: i64,
}

pub(crate) static KEYS: LazyLock<KeySet> = LazyLock::new(key_set);
static CASES: LazyLock<[Case; 3]> = LazyLock::new(|| {
    let leeway = Expected::new().any_issuer().any_audience().leeway(30);
    [
        Case {
            expected: Expected::new(),
            issuer: Wanted::Absent,
            audience: Wanted::Absent,
            leeway: 0,
        },
        Case {
            expected: Expected::new().issuer("i").audience("a"),
            issuer: Wanted::Is("i"),
            audience: Wanted::Is("a"),
            leeway: 0,
        },
        Case {
            expected: leeway.expect("below the maximum"),
            issuer: Wanted::Any,
            audience: Wanted::Any,
            leeway: 30,
        },
    ]
});

/// What a token says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    issuer: Option<String>,
    subject: String,
    audience: Vec<String>,
    issued_at: Option<i64>,
    expires_at: i64,
    token_id: Option<Vec<u8>>,
    /// Which of [`KNOWN`].
    key: usize,
}

/// What a token is answered in each of the [`CASES`].
pub(crate) fn answers(text: &str) -> Vec<Result<Said, VerifyError>> {
    let now = Timestamp::from_unix(NOW).expect("in range");
    let answer = |case: &Case| Ok(said(&KEYS.verify(text, &case.expected, now)?));
    CASES.iter().map(answer).collect()
}

impl Said {
    /// The key that signed it.
    pub(crate) fn key(&self) -> KeyFingerprint {
        KEYS.fingerprints().nth(self.key).expect("a key of the set")
    }
}

/// The target: any bytes as a token.
pub fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let authentic = authentic(text);
    match UnverifiedToken::parse(text).and_then(|token| token.verify(&KEYS)) {
        Ok(ours) => {
            let theirs = authentic.as_ref().expect("accepted, and its MAC is another");
            assert_eq!(ours.payload(), theirs.payload);
            assert_eq!(Some(ours.key()), KEYS.fingerprints().nth(theirs.key));
        }
        Err(error) => assert!(authentic.is_none(), "refused, and its MAC is good: {error:?}"),
    }
    // Made before anything is counted.
    let keys = &*KEYS;
    for case in &*CASES {
        let now = Timestamp::from_unix(NOW).expect("in range");
        let mut verified = None;
        let counted = measure(|| verified = Some(keys.verify(text, &case.expected, now)));
        let bound = BYTES + BYTES_PER_BYTE * text.len().min(MAX_TOKEN_BYTES);
        assert!(counted.bytes_max <= bound as u64, "{counted:?}");
        let ours = verified.expect("was asked");
        let theirs = authentic.as_ref().and_then(|token| token.judge(case));
        assert_eq!(ours.as_ref().ok().map(said), theirs, "{ours:?}");
    }
}

fn said(verified: &Verified) -> Said {
    Said {
        issuer: verified.issuer().map(str::to_owned),
        subject: verified.subject().to_owned(),
        audience: verified.audience().map(str::to_owned).collect(),
        issued_at: verified.issued_at().map(Timestamp::as_unix),
        expires_at: verified.expires_at().as_unix(),
        token_id: verified.token_id().map(|id| id.as_bytes().to_vec()),
        key: KEYS
            .fingerprints()
            .position(|key| key == verified.key())
            .expect("a key of the set"),
    }
}

/// A token with a good MAC.
struct Authentic {
    payload: Vec<u8>,
    key: usize,
    typ: Option<String>,
}

/// RFC 7515 section 5.2, with `alg` and `kid` as of [`KNOWN`]. `data_encoding` decodes canonical text alone.
fn authentic(text: &str) -> Option<Authentic> {
    let segments: Vec<&str> = text.split('.').collect();
    let [header, payload, signature] = segments.as_slice() else {
        return None;
    };
    if text.len() > MAX_TOKEN_BYTES {
        return None;
    }
    let decode = |segment: &str| BASE64URL_NOPAD.decode(segment.as_bytes()).ok();
    let json = String::from_utf8(decode(header)?).ok()?;
    let members = members_once(&json, &["alg", "kid", "typ", "crit", "b64"])?;
    if find(&members, "crit").is_some() || find(&members, "b64").is_some() {
        return None;
    }
    let alg = find(&members, "alg")?.text()?;
    let kid = optional_text(&members, "kid")?;
    let typ = optional_text(&members, "typ")?;
    let named = |key: &Known| key.kid == kid.as_deref() && key.algorithm == alg;
    let key = KNOWN.iter().position(named)?;
    let mac = KNOWN[key].mac(format!("{header}.{payload}").as_bytes());
    (decode(signature)? == mac.as_ref()).then_some(())?;
    Some(Authentic {
        payload: decode(payload)?,
        key,
        typ,
    })
}

impl Authentic {
    /// RFC 7519 section 7.2, as strict as the library says that it is.
    fn judge(&self, case: &Case) -> Option<Said> {
        if self.typ.as_ref().is_some_and(|typ| typ.to_lowercase() != "jwt") {
            return None;
        }
        let json = std::str::from_utf8(&self.payload).ok()?;
        let claims = members_once(json, &["iss", "sub", "aud", "iat", "nbf", "exp", "jti"])?;
        let date = |name: &str| match find(&claims, name) {
            None => Some(None),
            Some(value) => value
                .integer()
                .filter(|seconds| (-62_167_219_200..=253_402_300_799).contains(seconds))
                .map(Some),
        };
        let (issued_at, not_before, expires_at) = (date("iat")?, date("nbf")?, date("exp")??);
        let issuer = optional_text(&claims, "iss")?;
        let subject = find(&claims, "sub")?.text()?;
        let audience = match find(&claims, "aud") {
            None => None,
            Some(value) => Some(audience(value)?),
        };
        let token_id = optional_text(&claims, "jti")?;
        let held: Vec<String> = issuer.clone().into_iter().collect();
        case.issuer
            .allows(issuer.as_ref().map(|_| held.as_slice()))
            .then_some(())?;
        case.audience.allows(audience.as_deref()).then_some(())?;
        let begun = not_before.is_none_or(|nbf| nbf - case.leeway <= NOW);
        (begun && NOW < expires_at + case.leeway).then_some(())?;
        Some(Said {
            issuer,
            subject,
            audience: audience.unwrap_or_default(),
            issued_at,
            expires_at,
            token_id: token_id
                .and_then(|id| BASE64URL_NOPAD.decode(id.as_bytes()).ok())
                .filter(|id| id.len() == 16),
            key: self.key,
        })
    }
}

fn audience(value: &Raw) -> Option<Vec<String>> {
    value.text().map(|one| vec![one]).or_else(|| value.texts())
}

impl Wanted {
    fn allows(self, held: Option<&[String]>) -> bool {
        match self {
            Self::Absent => held.is_none(),
            Self::Is(wanted) => held.is_some_and(|held| held.iter().any(|one| one == wanted)),
            Self::Any => true,
        }
    }
}
