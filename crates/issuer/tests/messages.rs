//! What errors, reasons and settings say in words: operators read it, and nothing else tells them what is wrong.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use issuer::{
    KeyFingerprint, Timestamp, TokenId,
    decide::{Dead, MaxLiveTokens, Policy, Refusal, Rules},
    jose::{Claims, Expected, KeyError, KeySet, SignError, SigningKey, UnverifiedToken, VerifyError},
    state::{ControlError, Version},
    user::UserId,
};

#[test]
fn a_dead_token_says_why_it_is_dead() {
    for (dead, words) in [
        (Dead::Unverified, "not a valid token of this server"),
        (Dead::Unknown, "unknown"),
        (Dead::Revoked, "revoked"),
        (Dead::Expired, "expired"),
        (Dead::KeyGone, "signed with a key that is no longer in use"),
        (Dead::Issuer, "issued under another issuer"),
        (Dead::Audience, "issued for another audience"),
    ] {
        assert_eq!(dead.to_string(), words);
    }
}

#[test]
fn an_error_names_the_rule_that_was_broken() {
    for (said, words) in [
        (KeyError::Empty.to_string(), "a JWK Set must hold a key"),
        (
            SignError::Oversized.to_string(),
            "the token would be longer than 8192 bytes",
        ),
        (VerifyError::Expired.to_string(), "the token has expired"),
        (
            Timestamp::parse_rfc3339("today").unwrap_err().to_string(),
            "must be an RFC 3339 date in the years 0000 to 9999",
        ),
        (
            ControlError::Newer.to_string(),
            "the control record was written by a newer version",
        ),
        (
            Expected::new().leeway(301).unwrap_err().to_string(),
            "a leeway must be at most 300 seconds",
        ),
        (
            Refusal::ClockOutOfRange.to_string(),
            "The clock of the server is out of range",
        ),
    ] {
        assert_eq!(said, words);
    }
}

#[test]
fn a_field_error_has_its_field_and_its_rule_apart() {
    let error = UserId::parse("").unwrap_err();
    assert_eq!(error.field(), "_id");
    assert_eq!(error.to_string(), format!("_id: {}", error.rule()));
    assert!(error.rule().starts_with("must"), "{}", error.rule());
}

#[test]
fn the_limit_of_live_tokens_is_written_as_its_number() {
    assert_eq!(MaxLiveTokens::new(100).unwrap().to_string(), "100");
}

#[test]
fn a_version_shows_all_of_itself() {
    let version = Version::from_bytes([0xAB; 16]);
    assert!(format!("{version:?}").contains(&"ab".repeat(16)), "{version:?}");
}

#[test]
fn rules_tell_what_they_were_given() {
    let rules = Rules::new(KeyFingerprint::from_bytes([7; 16]));
    assert_eq!(rules.policy(), Policy::ConflictWhileLive);
    assert_eq!((rules.issuer(), rules.audience()), (None, None));
    let rules = rules
        .with_policy(Policy::Upsert)
        .with_issuer("https://issuer.example")
        .with_audience("chat");
    assert_eq!(rules.policy(), Policy::Upsert);
    assert_eq!(rules.issuer(), Some("https://issuer.example"));
    assert_eq!(rules.audience(), Some("chat"));
}

#[test]
fn debug_tells_keys_and_tokens_apart_and_shows_no_secret_of_them() {
    let key = SigningKey::hs256([7; 32]).unwrap().with_kid("a").unwrap();
    assert_eq!(
        format!("{key:?}"),
        r#"SigningKey { algorithm: Hs256, kid: Some("a"), .. }"#
    );
    let fingerprint = key.fingerprint();
    let keys = KeySet::new(key);
    let token = keys
        .sign(&Claims {
            issuer: None,
            subject: "amy",
            audience: None,
            issued_at: Timestamp::MIN,
            expires_at: Timestamp::MAX,
            token_id: TokenId::from_bytes([9; 16]),
        })
        .unwrap();
    let verified = keys
        .verify(token.as_str(), &Expected::new(), Timestamp::MIN)
        .unwrap();
    assert_eq!(
        format!("{verified:?}"),
        format!(
            r#"Verified {{ subject: "amy", expires_at: {:?}, token_id: Some({:?}), key: {fingerprint:?}, .. }}"#,
            verified.expires_at(),
            TokenId::from_bytes([9; 16]),
        )
    );
    let payload = UnverifiedToken::parse(token.as_str())
        .unwrap()
        .verify(&keys)
        .unwrap();
    assert_eq!(
        format!("{payload:?}"),
        format!("VerifiedPayload {{ key: {fingerprint:?}, .. }}")
    );
    assert_eq!(token.clone().into_string(), token.as_str());
}
