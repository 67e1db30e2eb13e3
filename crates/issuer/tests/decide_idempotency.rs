//! The rulings on lost replies, one a test.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod given;

use given::{
    DAY, Server, all_of, amy, answered, at, at_most, committed, idempotency_key, idempotent, key, refused,
    rules, seconds,
};
use issuer::{
    decide::{Decision, IDEMPOTENCY_SECONDS, IdempotencyKey, IssuedRecord, Policy, Refusal, Rules},
    user::NewUser,
};

const DEAD: &str = "The token issued for this Idempotency-Key is no longer valid; use a new key";
const REUSED: &str = "Idempotency-Key was used with a different request";

fn conflict(decision: Decision<IssuedRecord>) -> String {
    let refusal = refused(decision);
    assert_eq!(refusal.code(), "IDEMPOTENCY_CONFLICT");
    refusal.to_string()
}

#[test]
fn a_repeated_request_gets_the_very_same_token_and_writes_nothing() {
    for policy in [Policy::ConflictWhileLive, Policy::Upsert] {
        let mut server = Server::new(rules().with_policy(policy));
        let request = idempotent(amy().nickname("Amy").unwrap(), "key", "k");
        let (_, first) = committed(server.issue(request.clone()));
        let before = server.rows.clone();
        server.now = at(3_600);
        assert_eq!(answered(server.issue(request)), first);
        assert_eq!(server.rows, before);
    }
}

#[test]
fn a_replay_shows_the_profile_as_it_is_now() {
    let mut server = Server::new(rules());
    let request = idempotent(amy().nickname("Amy").unwrap(), "key", "k");
    let first = server.token(request.clone());
    let renamed = server.write_profile(&amy().nickname("Amélie").unwrap());
    let replay = answered(server.issue(request));
    assert_eq!(replay.user, renamed);
    assert_eq!(replay.token, first);
}

#[test]
fn a_replay_holds_beside_other_tokens_of_the_user() {
    let mut server = Server::new(rules().with_max_live_tokens(at_most(3)));
    let first = server.token(idempotent(amy(), "key", "1"));
    let second = server.token(idempotent(amy(), "key", "2"));
    server.token(amy());
    assert_eq!(answered(server.issue(idempotent(amy(), "key", "1"))).token, first);
    assert_eq!(
        answered(server.issue(idempotent(amy(), "key", "2"))).token,
        second
    );
}

#[test]
fn a_token_inside_the_refresh_window_is_still_replayed() {
    let mut server = Server::new(rules().with_lifetime(seconds(100)).with_refresh_window(50));
    let first = server.token(idempotent(amy(), "key", "k"));
    server.now = at(99);
    assert_eq!(answered(server.issue(idempotent(amy(), "key", "k"))).token, first);
}

#[test]
fn another_request_under_the_key_is_a_conflict() {
    let mut server = Server::new(rules().with_policy(Policy::Upsert));
    let asked = amy().nickname("Amy").unwrap();
    server.token(idempotent(asked.clone(), "key", "k"));
    let before = server.rows.clone();
    for other in [
        amy(),
        amy().nickname("").unwrap(),
        amy().nickname("amy").unwrap(),
        asked.clone().avatar_url("").unwrap(),
        asked.avatar_url("https://example.com/Amy").unwrap(),
    ] {
        assert_eq!(conflict(server.issue(idempotent(other, "key", "k"))), REUSED);
    }
    assert_eq!(server.rows, before);
}

#[test]
fn a_value_in_the_other_field_is_another_request() {
    let mut server = Server::new(rules());
    let url = "https://example.com/";
    server.token(idempotent(amy().nickname(url).unwrap(), "key", "k"));
    let swapped = amy().avatar_url(url).unwrap();
    assert_eq!(conflict(server.issue(idempotent(swapped, "key", "k"))), REUSED);
}

#[test]
fn an_empty_field_and_a_null_field_are_the_same_request() {
    use issuer::user::{Patch, UserId};
    let mut server = Server::new(rules());
    let empty = amy().nickname("").unwrap().avatar_url("").unwrap();
    let null = NewUser::from_parts(UserId::parse("amy").unwrap(), Patch::Clear, Patch::Clear);
    let first = server.token(idempotent(empty, "key", "k"));
    assert_eq!(answered(server.issue(idempotent(null, "key", "k"))).token, first);
}

#[test]
fn the_same_text_of_another_caller_is_another_key() {
    let mut server = Server::new(rules().with_policy(Policy::Upsert));
    let first = server.token(idempotent(amy(), "one", "k"));
    let (_, second) = committed(server.issue(idempotent(amy(), "two", "k")));
    assert_ne!(second.token, first);
}

#[test]
fn where_the_caller_ends_and_the_key_begins_is_part_of_the_key() {
    assert_ne!(
        idempotency_key("ab", "c").digest(),
        idempotency_key("a", "bc").digest()
    );
}

#[test]
fn the_same_text_for_another_user_is_another_key() {
    let mut server = Server::new(rules());
    server.token(idempotent(amy(), "key", "k"));
    let bob = NewUser::new("bob").unwrap();
    let (_, bobs) = committed(server.issue(idempotent(bob.clone(), "key", "k")));
    assert_eq!(answered(server.issue(idempotent(bob, "key", "k"))), bobs);
}

#[test]
fn a_replay_after_the_token_was_revoked_is_a_conflict() {
    let mut server = Server::new(rules());
    server.token(idempotent(amy(), "key", "k"));
    server.revoke(&all_of("amy"));
    assert_eq!(conflict(server.issue(idempotent(amy(), "key", "k"))), DEAD);
    server.token(idempotent(amy(), "key", "another"));
}

#[test]
fn a_replay_after_the_token_was_replaced_is_a_conflict() {
    let mut server = Server::new(rules().with_policy(Policy::Upsert));
    server.token(idempotent(amy(), "key", "k"));
    server.token(amy());
    assert_eq!(conflict(server.issue(idempotent(amy(), "key", "k"))), DEAD);
}

#[test]
fn a_replay_after_the_settings_killed_the_token_is_a_conflict_and_works_once_they_are_back() {
    let before = rules().with_issuer("a").with_audience("b");
    for after in [
        before.clone().with_issuer("other"),
        before.clone().with_audience("other"),
        Rules::new(key(2)).with_issuer("a").with_audience("b"),
    ] {
        let mut server = Server::new(before.clone());
        let first = server.token(idempotent(amy(), "key", "k"));
        server.rules = after.clone();
        assert_eq!(conflict(server.issue(idempotent(amy(), "key", "k"))), DEAD);
        server.rules = after.with_other_key(key(1)).with_issuer("a").with_audience("b");
        assert_eq!(answered(server.issue(idempotent(amy(), "key", "k"))).token, first);
    }
}

#[test]
fn a_key_is_forgotten_after_24_hours() {
    let mut server = Server::new(rules());
    server.token(idempotent(amy(), "key", "k"));
    server.now = at(DAY - 1);
    answered(server.issue(idempotent(amy(), "key", "k")));
    server.now = at(DAY);
    assert_eq!(IDEMPOTENCY_SECONDS, DAY);
    // The request is a new one now, and its token of seven days still lives.
    assert_eq!(
        refused(server.issue(idempotent(amy(), "key", "k"))).code(),
        "USER_EXISTS"
    );
}

#[test]
fn a_replay_does_not_make_the_key_last_longer() {
    let mut server = Server::new(rules().with_policy(Policy::Upsert));
    let first = server.token(idempotent(amy(), "key", "k"));
    server.now = at(DAY / 2);
    answered(server.issue(idempotent(amy(), "key", "k")));
    server.now = at(DAY);
    let (_, next) = committed(server.issue(idempotent(amy(), "key", "k")));
    assert_ne!(next.token, first);
}

#[test]
fn a_key_is_forgotten_at_exp_where_that_comes_first() {
    let mut server = Server::new(rules().with_lifetime(seconds(60)));
    let first = server.token(idempotent(amy(), "key", "k"));
    server.now = at(59);
    assert_eq!(answered(server.issue(idempotent(amy(), "key", "k"))).token, first);
    server.now = at(60);
    let (_, next) = committed(server.issue(idempotent(amy(), "key", "k")));
    assert_ne!(next.token, first);
    // From now on the key stands for the new token.
    assert_eq!(answered(server.issue(idempotent(amy(), "key", "k"))), next);
}

#[test]
fn a_forgotten_key_may_come_with_another_request() {
    let mut server = Server::new(rules().with_lifetime(seconds(60)));
    server.token(idempotent(amy(), "key", "k"));
    server.now = at(60);
    server.token(idempotent(amy().nickname("Amy").unwrap(), "key", "k"));
}

#[test]
fn a_refused_request_stores_no_key() {
    let mut server = Server::new(rules());
    server.token(amy());
    assert!(matches!(
        refused(server.issue(idempotent(amy(), "key", "k"))),
        Refusal::UserExists { .. }
    ));
    assert!(server.rows.replays.is_empty());
    server.revoke(&all_of("amy"));
    committed(server.issue(idempotent(amy().nickname("Amy").unwrap(), "key", "k")));
}

#[test]
fn the_key_is_written_in_the_commit_of_its_token() {
    let mut server = Server::new(rules());
    let (commit, issued) = committed(server.issue(idempotent(amy(), "key", "k")));
    let replay = commit.changes.iter().find_map(|change| match change {
        issuer::state::Change::PutReplay(replay) => Some(*replay),
        _ => None,
    });
    let replay = replay.unwrap();
    assert_eq!(replay.key, idempotency_key("key", "k").digest());
    assert_eq!(Some(replay.token), issued.token.issued().map(|token| token.id));
    assert_eq!(replay.forgotten_at, at(DAY));
}

#[test]
fn a_key_is_1_to_255_visible_ascii_characters() {
    for good in ["k", "!~", &"x".repeat(255)] {
        assert!(IdempotencyKey::new(b"key", good).is_ok(), "{good:?}");
    }
    for bad in ["", " ", "a b", "a\tb", "\u{7f}", "é", "k\n", &"x".repeat(256)] {
        assert_eq!(
            IdempotencyKey::new(b"key", bad).unwrap_err().to_string(),
            "Idempotency-Key: must be 1 to 255 visible ASCII characters",
            "{bad:?}"
        );
    }
}
