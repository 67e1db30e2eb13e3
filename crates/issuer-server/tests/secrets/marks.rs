//! What is looked for, and in which forms.

use std::fmt::Write as _;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use memchr::memmem;

/// The API key of these servers; it decodes to 32 bytes that are a mark as well.
pub(crate) const API_KEY: &str = "bWFya2VkIEFQSSBrZXkgd2l0aCAzMiBieXRlcyAhISE=";
/// Presented as an API key by somebody who has none.
pub(crate) const WRONG_API_KEY: &str = "marked~wrong~api~key";
/// The secret of the signing key.
pub(crate) const SIGNING_SECRET: &[u8; 40] = b"marked signing secret, of forty bytes..!";
pub(crate) const IDEMPOTENCY_KEY: &str = "marked~idempotency~key";
pub(crate) const CLIENT_KEY: &str = "marked~client~key";
/// Presented as a token.
pub(crate) const WRONG_TOKEN: &str = "marked~wrong~token";

/// A secret, and what to call it when it is found.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    name: &'static str,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Mark {
    pub(crate) fn new(name: &'static str, secret: &[u8]) -> Self {
        let mut hex = String::new();
        let mut percent = String::new();
        for byte in secret {
            write!(hex, "{byte:02x}").unwrap();
            write!(percent, "%{byte:02X}").unwrap();
        }
        let list = format!("{secret:?}");
        let sparing = percent_encoded(secret);
        let mut forms = vec![
            ("as it is", secret.to_vec()),
            ("in hex", hex.clone().into_bytes()),
            ("in upper-case hex", hex.to_uppercase().into_bytes()),
            ("percent-encoded", percent.clone().into_bytes()),
            (
                "percent-encoded in lower case",
                percent.to_lowercase().into_bytes(),
            ),
            ("percent-encoded where it must be", sparing.clone().into_bytes()),
            (
                "percent-encoded where it must be, in lower case",
                with_lower_case_escapes(&sparing).into_bytes(),
            ),
            ("as a list of bytes", list.trim_matches(['[', ']']).into()),
        ];
        // Inside a longer text base64 has one of three forms, by where the secret begins; what is shared with the
        // neighbours is cut off.
        for before in 0..3 {
            let mut text = vec![b'x'; before];
            text.extend_from_slice(secret);
            let whole = text.len() / 3 * 4;
            let from = if before == 0 { 0 } else { 4 };
            forms.push(("in base64", STANDARD.encode(&text)[from..whole].into()));
            forms.push(("in base64url", URL_SAFE_NO_PAD.encode(&text)[from..whole].into()));
        }
        Self { name, forms }
    }

    /// In which form the mark stands in these bytes, if it does.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Option<&'static str> {
        self.forms
            .iter()
            .find(|(_, form)| memmem::find(bytes, form).is_some())
            .map(|(how, _)| *how)
    }
}

fn percent_encoded(secret: &[u8]) -> String {
    secret.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(*byte));
        } else {
            write!(text, "%{byte:02X}").unwrap();
        }
        text
    })
}

fn with_lower_case_escapes(text: &str) -> String {
    let mut parts = text.split('%');
    let start = parts.next().unwrap().to_owned();
    parts.fold(start, |all, part| {
        let (escape, rest) = part.split_at(2);
        format!("{all}%{}{rest}", escape.to_lowercase())
    })
}

/// Every secret of these tests; tokens are added as they are issued.
#[derive(Clone, Debug)]
pub(crate) struct Marks(Vec<Mark>);

impl Marks {
    pub(crate) fn new() -> Self {
        Self(vec![
            Mark::new("the API key", API_KEY.as_bytes()),
            Mark::new("the bytes of the API key", &STANDARD.decode(API_KEY).unwrap()),
            Mark::new("a wrong API key", WRONG_API_KEY.as_bytes()),
            Mark::new("the signing secret", SIGNING_SECRET),
            Mark::new("an idempotency key", IDEMPOTENCY_KEY.as_bytes()),
            Mark::new("the client key", CLIENT_KEY.as_bytes()),
            Mark::new("a wrong token", WRONG_TOKEN.as_bytes()),
        ])
    }

    /// What makes a token a secret is its MAC: the claims are in the store, too.
    pub(crate) fn add_token(&mut self, token: &str) {
        let mac = token.rsplit('.').next().unwrap();
        self.0.push(Mark::new("a token", mac.as_bytes()));
        if let Ok(bytes) = URL_SAFE_NO_PAD.decode(mac) {
            self.0.push(Mark::new("the MAC of a token", &bytes));
        }
    }

    /// Nothing of what was marked stands in these bytes.
    #[track_caller]
    pub(crate) fn are_not_in(&self, place: &str, bytes: &[u8]) {
        for mark in &self.0 {
            if let Some(how) = mark.found_in(bytes) {
                panic!("{} stands {how} in {place}", mark.name);
            }
        }
    }
}

#[test]
fn a_mark_is_found_in_each_form_and_anywhere() {
    let escaped = |secret: &[u8]| {
        secret
            .iter()
            .fold(String::new(), |text, byte| format!("{text}%{byte:02X}"))
    };
    for secret in [
        SIGNING_SECRET.as_slice(),
        API_KEY.as_bytes(),
        IDEMPOTENCY_KEY.as_bytes(),
    ] {
        let mark = Mark::new("a secret", secret);
        for form in [
            String::from_utf8_lossy(secret).into_owned(),
            format!("{secret:?}"),
            format!("{secret:02x?}").replace(", ", ""),
            format!("{secret:02X?}").replace(", ", ""),
            STANDARD.encode(secret),
            STANDARD.encode([b"ab", secret, b"c"].concat()),
            URL_SAFE_NO_PAD.encode([b"a", secret].concat()),
            escaped(secret),
            escaped(secret).to_lowercase(),
            percent_encoded(secret),
            with_lower_case_escapes(&percent_encoded(secret)),
        ] {
            let log = format!(r#"{{"message":"said too much: {form}!"}}"#);
            assert!(mark.found_in(log.as_bytes()).is_some(), "{log}");
        }
        assert_eq!(mark.found_in(b"nothing of the kind"), None);
    }
}
