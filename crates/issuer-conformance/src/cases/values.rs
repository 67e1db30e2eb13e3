//! Every value comes back as it went in.

use std::sync::Arc;

use issuer::{
    KeyFingerprint, Timestamp, TokenId,
    state::{Commit, Expect, IssuedToken, Replay, TokenBody, TokenMode, TokenRecord, UserRecord, Version},
    user::{AvatarUrl, Nickname, UserId},
};
use issuer_store::{ExportRow, Outcome, Page, Store};

use crate::{
    fixture::{creating, dead_until, digest, id, issued, user, writing},
    probe::{applied, export, find, list, load, snapshot, sorted, tokens, version_of},
};

pub fn the_longest_profile_comes_back_as_it_went_in(store: &dyn Store) {
    let name = "\u{10ffff}".repeat(63) + "abc";
    assert_eq!(name.len(), UserId::MAX_BYTES);
    let url = format!("https://example.com/{}", "a".repeat(AvatarUrl::MAX_BYTES - 20));
    assert_eq!(url.len(), AvatarUrl::MAX_BYTES);
    let nickname = "\u{1f600}".repeat(Nickname::MAX_CHARS);
    let longest = UserRecord {
        nickname: Some(Nickname::parse(&nickname).expect("a nickname")),
        avatar_url: Some(AvatarUrl::parse(&url).expect("a URL")),
        ..user(&name)
    };
    keeps_user(store, &longest);
}

pub fn the_emptiest_profile_comes_back_as_it_went_in(store: &dyn Store) {
    keeps_user(
        store,
        &UserRecord {
            nickname: None,
            avatar_url: None,
            token_mode: TokenMode::Unset,
            ..user("x")
        },
    );
}

pub fn a_nickname_comes_back_byte_for_byte(store: &dyn Store) {
    for text in [
        " ",
        "  two spaces  ",
        "NULL",
        "0",
        "1e3",
        "'; --",
        "caf\u{e9}",
        "cafe\u{301}",
        "\u{feff}",
    ] {
        keeps_user(
            store,
            &UserRecord {
                nickname: Some(Nickname::parse(text).expect("a nickname")),
                ..user("amy")
            },
        );
    }
}

pub fn every_token_mode_comes_back(store: &dyn Store) {
    for token_mode in [TokenMode::Unset, TokenMode::Issued, TokenMode::Assigned] {
        keeps_user(
            store,
            &UserRecord {
                token_mode,
                ..user("amy")
            },
        );
    }
}

pub fn a_user_has_times_at_both_ends_of_the_range(store: &dyn Store) {
    for moment in ENDS {
        keeps_user(
            store,
            &UserRecord {
                created_at: moment,
                updated_at: moment,
                ..user("amy")
            },
        );
    }
    keeps_user(
        store,
        &UserRecord {
            created_at: Timestamp::MIN,
            updated_at: Timestamp::MAX,
            ..user("amy")
        },
    );
}

pub fn a_token_has_times_at_both_ends_of_the_range(store: &dyn Store) {
    for moment in ENDS {
        keeps_token(
            store,
            &TokenRecord {
                created_at: moment,
                expires_at: moment,
                ..issued("t")
            },
        );
        keeps_token(
            store,
            &TokenRecord {
                body: TokenBody::Assigned(digest("t")),
                created_at: moment,
                expires_at: moment,
                revoked_at: None,
            },
        );
    }
}

pub fn a_revoked_token_is_exported_as_it_went_in(store: &dyn Store) {
    let put: Vec<TokenRecord> = ENDS
        .into_iter()
        .flat_map(|moment| {
            [("issued", None), ("assigned", Some(digest(&moment.to_string())))].map(|(kind, digest)| {
                TokenRecord {
                    body: digest
                        .map_or_else(|| issued(&format!("{kind} {moment}")).body, TokenBody::Assigned),
                    revoked_at: Some(moment),
                    ..issued("t")
                }
            })
        })
        .collect();
    applied(
        store,
        [put.iter()
            .fold(creating("amy", 1), |draft, token| draft.token(token.clone()))],
    );
    let exported = export(store, 100)
        .into_iter()
        .filter_map(|row| match row {
            ExportRow::Token(user, token) if user == id("amy") => Some(token),
            _ => None,
        })
        .collect();
    assert_eq!(sorted(exported), sorted(put));
}

pub fn an_issuer_and_an_audience_may_be_missing_empty_or_odd(store: &dyn Store) {
    let texts = [
        None,
        Some(""),
        Some("NULL"),
        Some("it's \"odd\" \\ 100%"),
        Some("caf\u{e9} \u{1f600}"),
    ];
    for issuer in texts {
        for audience in texts {
            keeps_token(
                store,
                &with_body(IssuedToken {
                    issuer: issuer.map(Arc::from),
                    audience: audience.map(Arc::from),
                    ..body()
                }),
            );
        }
    }
}

pub fn a_long_issuer_and_audience_come_back(store: &dyn Store) {
    let text: Arc<str> = Arc::from("\u{1f600}".repeat(1_000));
    keeps_token(
        store,
        &with_body(IssuedToken {
            issuer: Some(Arc::clone(&text)),
            audience: Some(text),
            ..body()
        }),
    );
}

pub fn every_byte_of_an_id_counts(store: &dyn Store) {
    let edges = [[0; 16], [0xff; 16], first_bit(), last_bit()];
    let draft = edges.into_iter().fold(creating("amy", 1), |draft, bytes| {
        draft.token(with_body(IssuedToken {
            id: TokenId::from_bytes(bytes),
            key: KeyFingerprint::from_bytes(bytes),
            ..body()
        }))
    });
    applied(store, [draft]);
    let mut found: Vec<_> = tokens(store, "amy")
        .iter()
        .filter_map(TokenRecord::issued)
        .map(|token| (*token.id.as_bytes(), *token.key.as_bytes()))
        .collect();
    found.sort_unstable();
    let mut expected = edges.map(|bytes| (bytes, bytes));
    expected.sort_unstable();
    assert_eq!(found, expected);
}

pub fn every_byte_of_a_version_counts(store: &dyn Store) {
    for bytes in [[0; 16], [0xff; 16], first_bit(), last_bit()] {
        let mut commit: Commit = writing("amy", Expect::Any, 0).user(user("amy")).into();
        commit.next = Version::from_bytes(bytes);
        assert_eq!(store.apply(&[commit]).expect("apply"), [Outcome::Applied]);
        assert_eq!(version_of(store, "amy"), Some(Version::from_bytes(bytes)));
    }
}

pub fn an_idempotency_record_comes_back_as_it_went_in(store: &dyn Store) {
    for (n, moment) in (1..).zip(ENDS) {
        let put = Replay {
            key: digest("key"),
            request: digest(&format!("request {n}")),
            token: TokenId::from_bytes([0xff; 16]),
            forgotten_at: moment,
        };
        applied(
            store,
            [writing("amy", Expect::Any, n).user(user("amy")).replay(put)],
        );
        assert_eq!(
            load(store, "amy", &["key"], &[]).replays,
            [(digest("key"), Some(put))]
        );
    }
}

pub fn a_tombstone_has_times_at_both_ends_of_the_range(store: &dyn Store) {
    for (n, moment) in (1..).zip(ENDS) {
        applied(store, [writing("amy", Expect::Any, n).tombstone("text", moment)]);
        let holders = load(store, "amy", &[], &["text"]).holders;
        assert_eq!(holders, [(digest("text"), Some(dead_until(moment)))]);
    }
}

/// Both ends of the range, and what lies beside the epoch and a 32-bit clock.
const ENDS: [Timestamp; 6] = [
    Timestamp::MIN,
    second(-1),
    second(0),
    second(0x7fff_ffff),
    second(0x8000_0000),
    Timestamp::MAX,
];

const fn second(unix: i64) -> Timestamp {
    Timestamp::from_unix(unix).expect("within the range")
}

fn keeps_user(store: &dyn Store, record: &UserRecord) {
    let name = record.id.as_str();
    applied(store, [writing(name, Expect::Any, 1).user(record.clone())]);
    assert_eq!(
        snapshot(store, name).user.map(|user| user.value).as_ref(),
        Some(record)
    );
    let listed = list(
        store,
        &Page {
            limit: 100,
            ..Page::default()
        },
    );
    assert!(
        listed.users.iter().any(|entry| entry.user == *record),
        "{name} is listed"
    );
}

fn keeps_token(store: &dyn Store, token: &TokenRecord) {
    applied(
        store,
        [writing("amy", Expect::Any, 1)
            .user(user("amy"))
            .token(token.clone())],
    );
    assert!(tokens(store, "amy").contains(token), "{token:?}");
    assert_eq!(
        find(store, "amy", token).map(|found| found.token).as_ref(),
        Some(token)
    );
}

fn body() -> IssuedToken {
    issued("t").issued().expect("an issued token").clone()
}

fn with_body(body: IssuedToken) -> TokenRecord {
    TokenRecord {
        body: TokenBody::Issued(body),
        ..issued("t")
    }
}

const fn first_bit() -> [u8; 16] {
    (1_u128 << 127).to_be_bytes()
}

const fn last_bit() -> [u8; 16] {
    1_u128.to_be_bytes()
}
