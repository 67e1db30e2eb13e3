//! What a host may rely on, call by call.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say so by failing")]

use std::error::Error as _;

use issuer::{
    Lifetime, Timestamp,
    decide::{Dead, IdempotencyKey, Issue, MaxLiveTokens, Policy, Refusal},
    jose::{KeySet, SigningKey},
    user::NewUser,
};
use issuer_service::{ApiKey, BuildError, Builder, ManualClock, TokenService};
use issuer_store::MemoryStore;

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::parse_rfc3339("2025-06-23T12:00:00Z").unwrap())
}

fn builder() -> Builder {
    TokenService::builder(
        MemoryStore::new(),
        KeySet::new(SigningKey::hs256([7; 32]).unwrap()),
    )
}

fn amy() -> NewUser {
    NewUser::new("user001").unwrap().nickname("Amy").unwrap()
}

#[test]
fn an_issued_token_authenticates_its_user_until_it_expires() {
    let clock = clock();
    let tokens = builder().clock(clock.clone()).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    assert_eq!(issued.expires_at().to_string(), "2025-06-30T12:00:00Z");
    let user = tokens.blocking().authenticate(issued.token()).unwrap();
    assert_eq!(user.nickname.unwrap().as_str(), "Amy");
    clock.advance(Lifetime::default().as_seconds());
    let error = tokens.blocking().authenticate(issued.token()).unwrap_err();
    assert_eq!(error.refusal(), Some(&Refusal::InvalidToken(Dead::Expired)));
}

#[test]
fn async_callers_need_no_particular_runtime() {
    let tokens = builder().build().unwrap();
    futures_executor::block_on(async {
        let issued = tokens.issue(amy()).await.unwrap();
        assert_eq!(
            tokens.authenticate(issued.token()).await.unwrap().id.as_str(),
            "user001"
        );
        assert_eq!(tokens.revoke_all(amy().id()).await.unwrap().tokens, 1);
        let error = tokens.authenticate(issued.token()).await.unwrap_err();
        assert_eq!(error.refusal(), Some(&Refusal::InvalidToken(Dead::Revoked)));
    });
}

#[test]
fn a_live_token_makes_the_second_issue_a_conflict_that_says_until_when() {
    let clock = clock();
    let tokens = builder().clock(clock.clone()).build().unwrap();
    let first = tokens.blocking().issue(amy()).unwrap();
    let error = tokens.blocking().issue(amy()).unwrap_err();
    let Some(Refusal::UserExists { room_at, .. }) = error.refusal() else {
        panic!("{error:?}")
    };
    assert!(!error.is_retryable());
    assert_eq!(*room_at, first.expires_at());
    clock.advance(Lifetime::default().as_seconds());
    assert_ne!(tokens.blocking().issue(amy()).unwrap().token(), first.token());
}

#[test]
fn a_token_revoked_in_this_very_second_is_dead_and_the_next_one_lives() {
    let tokens = builder().clock(clock()).build().unwrap();
    let first = tokens.blocking().issue(amy()).unwrap();
    assert_eq!(
        tokens
            .blocking()
            .revoke(amy().id(), first.token())
            .unwrap()
            .tokens,
        1
    );
    let second = tokens.blocking().issue(amy()).unwrap();
    assert!(tokens.blocking().authenticate(first.token()).is_err());
    assert!(tokens.blocking().authenticate(second.token()).is_ok());
    let error = tokens.blocking().revoke(amy().id(), first.token()).unwrap_err();
    assert_eq!(error.refusal(), Some(&Refusal::TokenNotFound));
}

#[test]
fn a_retry_under_its_idempotency_key_gets_the_same_bytes() {
    let tokens = builder().build().unwrap();
    let request = || Issue::from(amy()).with_idempotency_key(IdempotencyKey::new(b"caller", "k1").unwrap());
    let first = tokens.blocking().issue(request()).unwrap();
    assert_eq!(tokens.blocking().issue(request()).unwrap().token(), first.token());
}

#[test]
fn of_64_simultaneous_requests_for_one_new_user_exactly_one_is_granted() {
    let tokens = builder().build().unwrap();
    let granted = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..64)
            .map(|_| scope.spawn(|| tokens.blocking().issue(amy()).is_ok()))
            .collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .filter(|granted| *granted)
            .count()
    });
    assert_eq!(granted, 1);
}

#[test]
fn with_upsert_the_newest_of_many_simultaneous_tokens_is_the_only_one_that_lives() {
    let tokens = builder().policy(Policy::Upsert).build().unwrap();
    let issued: Vec<String> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..64)
            .map(|_| scope.spawn(|| tokens.blocking().issue(amy()).unwrap().token().to_owned()))
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let live = issued
        .iter()
        .filter(|token| tokens.blocking().authenticate(token).is_ok())
        .count();
    assert_eq!(live, 1);
}

#[test]
fn a_refresh_window_as_long_as_the_lifetime_is_refused() {
    let built = builder()
        .lifetime(Lifetime::from_seconds(60).unwrap())
        .refresh_window(60)
        .build();
    assert!(built.is_err());
}

#[test]
fn issuer_and_audience_that_would_make_a_token_too_long_are_refused_at_the_start() {
    assert!(builder().issuer(&"x".repeat(8_000)).build().is_err());
}

#[test]
fn an_empty_issuer_or_audience_is_refused_at_the_start() {
    for build in [builder().issuer("").build(), builder().audience("").build()] {
        assert!(matches!(build, Err(BuildError::EmptyClaim)));
    }
}

#[test]
fn a_service_that_cannot_be_built_says_why() {
    let window = builder()
        .lifetime(Lifetime::from_seconds(60).unwrap())
        .refresh_window(60);
    for (build, words, has_source) in [
        (
            window.build(),
            "the refresh window must be shorter than the lifetime",
            // The message is that of the error below.
            false,
        ),
        (
            builder().issuer("").build(),
            "issuer and audience must not be empty; leave them out instead",
            false,
        ),
        (
            builder().audience(&"x".repeat(8_000)).build(),
            "issuer and audience are too long: no token would be accepted",
            true,
        ),
    ] {
        let error = build.unwrap_err();
        assert_eq!(error.to_string(), words);
        assert_eq!(error.source().is_some(), has_source, "{words}");
    }
}

#[test]
fn debug_of_a_builder_shows_its_settings() {
    let shown = format!("{:?}", builder().queue_bound(77));
    assert!(shown.contains("queue_bound: 77"), "{shown}");
}

#[test]
fn debug_names_what_it_is_and_shows_no_token() {
    let tokens = builder().clock(clock()).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    let shown = format!("{issued:?}");
    assert!(
        shown.starts_with("Issued") && shown.contains("user001"),
        "{shown}"
    );
    assert!(!shown.contains(issued.token()), "{shown}");
    assert!(format!("{tokens:?}").starts_with("TokenService"));
    assert!(format!("{:?}", tokens.blocking()).starts_with("Blocking"));
}

#[test]
fn a_token_whose_key_is_gone_says_so() {
    let [theirs, ours] = [("retired", [8; 32]), ("active", [7; 32])].map(|(kid, secret)| {
        let key = SigningKey::hs256(secret).unwrap().with_kid(kid).unwrap();
        let service = TokenService::builder(MemoryStore::new(), KeySet::new(key));
        service.build().unwrap()
    });
    let issued = theirs.blocking().issue(amy()).unwrap();
    let error = ours.blocking().authenticate(issued.token()).unwrap_err();
    assert_eq!(error.refusal(), Some(&Refusal::InvalidToken(Dead::KeyGone)));
}

#[test]
fn an_api_key_is_22_to_512_visible_ascii_characters() {
    let long = "0123456789abcdef".repeat(ApiKey::MAX_CHARS / 16);
    for text in ["0123456789abcdefghijkl", &long, "!~0123456789abcdefghij"] {
        assert!(ApiKey::parse(text).is_ok(), "{text:?}");
    }
    for text in ["", &format!("{long}k"), "a key", " k", "k\n", "k\u{7f}", "clé"] {
        assert!(ApiKey::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn an_api_key_authorizes_once_it_was_added_and_no_other_does() {
    let tokens = builder().build().unwrap();
    assert!(!tokens.blocking().has_api_keys());
    tokens
        .blocking()
        .add_api_key("first", ApiKey::parse("correct-horse-battery-staple").unwrap())
        .unwrap();
    let caller = tokens.authorize("correct-horse-battery-staple").unwrap().unwrap();
    assert_eq!(caller.name(), "first");
    assert!(tokens.authorize("wrong").unwrap().is_none());
}

#[test]
fn of_tokens_that_were_issued_in_one_moment_the_first_is_the_oldest() {
    let tokens = builder()
        .clock(clock())
        .policy(Policy::Upsert)
        .max_live_tokens(MaxLiveTokens::new(2).unwrap())
        .build()
        .unwrap();
    for user in 0..20 {
        let user = NewUser::new(&format!("user {user}")).unwrap();
        let issued = [(); 3].map(|()| tokens.blocking().issue(user.clone()).unwrap());
        let live = issued.map(|issued| tokens.blocking().authenticate(issued.token()).is_ok());
        assert_eq!(live, [false, true, true]);
    }
}
