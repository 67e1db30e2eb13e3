//! Tests: the numbers in the documentation are those of the constants.

use issuer::{
    Lifetime, TokenId,
    decide::{IDEMPOTENCY_SECONDS, IdempotencyKey, MaxLiveTokens},
    jose::{Expected, MAX_TOKEN_BYTES, SigningKey},
    user::{AvatarUrl, Nickname, UserId},
};

/// As one line, without the marks of comments.
fn words(page: &str) -> String {
    let words = page
        .split_whitespace()
        .filter(|word| !matches!(*word, "///" | "//!"));
    words.collect::<Vec<_>>().join(" ")
}

/// 2048 as 2,048.
fn grouped(number: usize) -> String {
    match number {
        1_000.. => format!("{},{:03}", number / 1_000, number % 1_000),
        _ => number.to_string(),
    }
}

#[test]
fn the_pages_and_the_comments_name_the_limits() {
    let compatibility = include_str!("../../../docs/compatibility.md");
    let design = include_str!("../../../docs/design.md");
    let security = include_str!("../../../docs/security.md");
    let user_id = include_str!("../src/user/user_id.rs");
    let nickname = include_str!("../src/user/nickname.rs");
    let avatar_url = include_str!("../src/user/avatar_url.rs");
    let jwt = include_str!("../src/jose/jwt.rs");
    let jws = include_str!("../src/jose/jws.rs");
    let key = include_str!("../src/jose/signing_key.rs");
    let expected = include_str!("../src/jose/expected.rs");
    let lifetime = include_str!("../src/lifetime.rs");
    let idempotency = include_str!("../src/decide/idempotency.rs");
    let id_bytes = UserId::MAX_BYTES;
    let key_chars = IdempotencyKey::MAX_CHARS;
    let hours = IDEMPOTENCY_SECONDS / 3_600;
    let token_bytes = grouped(MAX_TOKEN_BYTES);
    let days = grouped(usize::try_from(Lifetime::MAX.as_seconds() / 86_400).unwrap_or_default());
    for (page, said) in [
        (compatibility, format!("`_id`: 1 to {id_bytes} bytes")),
        (user_id, format!("1 to {id_bytes} bytes of UTF-8")),
        (
            nickname,
            format!("1 to {} Unicode scalar values", Nickname::MAX_CHARS),
        ),
        (
            avatar_url,
            format!("at most {} bytes", grouped(AvatarUrl::MAX_BYTES)),
        ),
        (compatibility, format!("{key_chars} visible ASCII characters")),
        (idempotency, format!("1 to {key_chars} visible ASCII characters")),
        (compatibility, format!("forgotten after {hours} hours")),
        (idempotency, format!("expires before: {hours} hours")),
        (
            security,
            format!("a token over {} KiB is refused", MAX_TOKEN_BYTES >> 10),
        ),
        (jwt, format!("longer than {token_bytes} bytes")),
        (jws, format!("over {token_bytes} bytes")),
        (
            key,
            format!("outside 32 to {} bytes", grouped(SigningKey::MAX_SECRET_BYTES)),
        ),
        (expected, format!("over {} seconds", Expected::MAX_LEEWAY_SECONDS)),
        (
            design,
            format!("at most {} seconds", Expected::MAX_LEEWAY_SECONDS),
        ),
        (lifetime, format!("outside 1 to {days} days")),
        (design, "at most 100 tokens are ever loaded".to_owned()),
    ] {
        assert!(words(page).contains(&said), "{said}");
    }
    assert!(MaxLiveTokens::new(100).is_some() && MaxLiveTokens::new(101).is_none());
    assert_eq!(TokenId::from_bytes([7; 16]).to_string().len(), TokenId::TEXT_LEN);
}
