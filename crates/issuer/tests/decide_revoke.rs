//! The rulings on revoking, one a test.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod given;

use given::{
    Server, all_of, amy, answered, assigned, at, at_most, committed, id, key, one_of, refused, rules, seconds,
};
use issuer::{
    Digest,
    decide::{Dead, Refusal, Rules},
    state::{Change, Holder},
    user::NewUser,
};

fn digest(number: u8) -> Digest {
    Digest::from_bytes([number; 32])
}

#[test]
fn revoking_all_kills_every_token_and_says_how_many_lived() {
    let mut server = Server::new(rules().with_max_live_tokens(at_most(4)));
    let issued = [server.token(amy()), server.token(amy())];
    let brought = assigned(1, at(0), at(500));
    server.assign("amy", &brought);
    let (_, revoked) = committed(server.revoke(&all_of("amy")));
    assert_eq!(revoked.tokens, 3);
    for token in issued.iter().chain([&brought]) {
        assert_eq!(server.check("amy", token), Err(Dead::Revoked));
    }
}

#[test]
fn revoking_all_counts_only_tokens_that_lived_but_kills_the_sleeping_ones_too() {
    let mut server = Server::new(rules().with_max_live_tokens(at_most(4)));
    let sleeping = server.token(amy());
    server.rules = Rules::new(key(2)).with_lifetime(seconds(9));
    server.assign("amy", &assigned(1, at(0), at(5)));
    server.now = at(5);
    let (_, revoked) = committed(server.revoke(&all_of("amy")));
    assert_eq!(revoked.tokens, 0);
    server.rules = rules();
    assert_eq!(server.check("amy", &sleeping), Err(Dead::Revoked));
}

#[test]
fn revoking_all_where_nothing_is_left_is_an_answer_of_none_and_writes_nothing() {
    let mut server = Server::new(rules());
    server.write_profile(&amy());
    assert_eq!(answered(server.revoke(&all_of("amy"))).tokens, 0);
    server.token(amy());
    committed(server.revoke(&all_of("amy")));
    let before = server.rows.clone();
    assert_eq!(answered(server.revoke(&all_of("amy"))).tokens, 0);
    assert_eq!(server.rows, before);
}

#[test]
fn revoking_one_leaves_the_others() {
    let mut server = Server::new(rules().with_max_live_tokens(at_most(2)));
    let (one, other) = (server.token(amy()), server.token(amy()));
    let (_, revoked) = committed(server.revoke(&one_of("amy", one.name())));
    assert_eq!(revoked.tokens, 1);
    assert_eq!(server.check("amy", &one), Err(Dead::Revoked));
    assert_eq!(server.check("amy", &other), Ok(()));
}

#[test]
fn revoking_holds_in_the_very_second_of_the_issue() {
    let mut server = Server::new(rules());
    let token = server.token(amy());
    assert_eq!(server.check("amy", &token), Ok(()));
    committed(server.revoke(&one_of("amy", token.name())));
    assert_eq!(server.now, token.created_at);
    assert_eq!(server.check("amy", &token), Err(Dead::Revoked));
}

#[test]
fn a_token_of_the_same_second_as_a_revocation_of_all_lives() {
    let mut server = Server::new(rules());
    server.token(amy());
    committed(server.revoke(&all_of("amy")));
    let next = server.token(amy());
    assert_eq!(server.check("amy", &next), Ok(()));
}

#[test]
fn a_revoked_token_stays_dead_when_the_clock_steps_back_before_its_revocation() {
    let mut server = Server::new(rules());
    let token = server.token(amy());
    server.now = at(100);
    committed(server.revoke(&all_of("amy")));
    server.now = at(1);
    assert_eq!(server.check("amy", &token), Err(Dead::Revoked));
}

#[test]
fn an_unknown_user_is_not_found() {
    let mut server = Server::new(rules());
    let token = server.token(amy());
    for request in [all_of("user002"), one_of("user002", token.name())] {
        let refusal = refused(server.revoke(&request));
        assert_eq!(refusal, Refusal::ClientNotFound { user: id("user002") });
        assert_eq!(refusal.code(), "CLIENT_NOT_FOUND");
        assert_eq!(refusal.to_string(), "Client with id 'user002' not found");
    }
}

#[test]
fn a_dead_a_foreign_and_an_unknown_token_are_not_found_alike() {
    let mut server = Server::new(
        rules()
            .with_lifetime(seconds(10))
            .with_max_live_tokens(at_most(2)),
    );
    let (revoked, expiring) = (server.token(amy()), server.token(amy()));
    let foreign = server.token(NewUser::new("bob").unwrap());
    committed(server.revoke(&one_of("amy", revoked.name())));
    let before = server.rows.clone();
    for name in [revoked.name(), foreign.name(), assigned(9, at(0), at(1)).name()] {
        let refusal = refused(server.revoke(&one_of("amy", name)));
        assert_eq!(refusal, Refusal::TokenNotFound);
        assert_eq!(refusal.code(), "TOKEN_NOT_FOUND");
        assert_eq!(refusal.to_string(), "Specified token not found for this client");
    }
    server.now = at(10);
    assert_eq!(
        refused(server.revoke(&one_of("amy", expiring.name()))),
        Refusal::TokenNotFound
    );
    server.now = at(0);
    server.rules = Rules::new(key(2));
    assert_eq!(
        refused(server.revoke(&one_of("amy", expiring.name()))),
        Refusal::TokenNotFound
    );
    assert_eq!(server.rows, before);
    server.rules = rules();
    assert_eq!(server.check("bob", &foreign), Ok(()));
}

#[test]
fn an_assigned_token_that_is_revoked_leaves_a_tombstone_until_its_date() {
    let mut server = Server::new(rules());
    server.write_profile(&amy());
    let brought = assigned(1, at(0), at(500));
    server.assign("amy", &brought);
    server.now = at(499);
    committed(server.revoke(&one_of("amy", brought.name())));
    assert_eq!(
        server.rows.holder(digest(1)),
        Some(Holder::Tombstone { until: at(500) })
    );
}

#[test]
fn an_assigned_token_that_is_revoked_after_its_date_is_not_free_when_the_clock_steps_back() {
    let mut server = Server::new(rules());
    server.write_profile(&amy());
    server.assign("amy", &assigned(1, at(0), at(500)));
    server.now = at(500);
    assert_eq!(committed(server.revoke(&all_of("amy"))).1.tokens, 0);
    server.now = at(499);
    assert_eq!(
        server.rows.holder(digest(1)),
        Some(Holder::Tombstone { until: at(500) })
    );
}

#[test]
fn a_revocation_touches_the_date_of_the_record_and_nothing_else_of_the_profile() {
    let mut server = Server::new(rules());
    let named = amy().nickname("Amy").unwrap().avatar_url("http://a/").unwrap();
    let (_, issued) = committed(server.issue(named));
    server.now = at(7);
    let (commit, _) = committed(server.revoke(&all_of("amy")));
    let Some(Change::PutUser(record)) = commit.changes.first() else {
        panic!("no record first: {commit:?}");
    };
    let mut expected = issued.user;
    expected.updated_at = at(7);
    assert_eq!(*record, expected);
}
