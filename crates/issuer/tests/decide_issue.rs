//! The rulings on issuing, one a test.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod given;

use given::{
    DAY, Server, all_of, amy, assigned, at, at_most, committed, fresh, id, key, one_of, refused, rules,
    seconds,
};
use issuer::{
    Lifetime, Timestamp,
    decide::{self, Dead, Decision, MaxLiveTokens, Policy, Refusal},
    state::{Change, Expect, Snapshot, TokenMode, TokenName},
    user::NewUser,
};

fn room_at(decision: Decision<decide::IssuedRecord>) -> Timestamp {
    match refused(decision) {
        Refusal::UserExists { room_at, .. } => room_at,
        other => panic!("wanted USER_EXISTS, got {other:?}"),
    }
}

#[test]
fn a_new_user_gets_a_token_of_seven_days_that_carries_the_settings_of_now() {
    let rules = rules()
        .with_issuer("https://issuer.example")
        .with_audience("chat");
    let fresh = fresh(at(5), 1);
    let decision = decide::issue(&Snapshot::default(), &amy().into(), &rules, at(5), fresh);
    let (commit, issued) = committed(decision);

    assert_eq!(issued.token.created_at, at(5));
    assert_eq!(issued.token.expires_at, at(5 + 7 * DAY));
    assert_eq!(issued.token.revoked_at, None);
    let body = issued.token.issued().unwrap();
    assert_eq!(body.id, fresh.token_id);
    assert_eq!(body.key, key(1));
    assert_eq!(body.issuer.as_deref(), Some("https://issuer.example"));
    assert_eq!(body.audience.as_deref(), Some("chat"));
    assert_eq!(issued.user.token_mode, TokenMode::Issued);

    assert_eq!(commit.user, id("amy"));
    assert_eq!(commit.expect, Expect::Absent);
    assert_eq!(commit.next, fresh.version);
    assert_eq!(
        commit.changes,
        [Change::PutUser(issued.user), Change::PutToken(issued.token)]
    );
}

#[test]
fn a_commit_on_a_known_user_expects_the_version_that_it_was_decided_on() {
    let mut server = Server::new(rules());
    server.write_profile(&amy());
    let version = server.rows.users[&id("amy")].0;
    let (commit, _) = committed(server.issue(amy()));
    assert_eq!(commit.expect, Expect::Version(version));
}

#[test]
fn every_lifetime_from_the_shortest_to_the_longest_is_exp_minus_iat() {
    for lifetime in [Lifetime::MIN, seconds(59), Lifetime::default(), Lifetime::MAX] {
        let token = Server::new(rules().with_lifetime(lifetime)).token(amy());
        assert_eq!(
            token.expires_at.seconds_since(token.created_at),
            lifetime.as_seconds()
        );
    }
}

#[test]
fn a_live_token_makes_the_second_issue_a_conflict() {
    let mut server = Server::new(rules());
    server.token(amy());
    let refusal = refused(server.issue(amy()));
    assert_eq!(refusal.code(), "USER_EXISTS");
    assert_eq!(refusal.to_string(), "User with _id 'amy' already exists");
}

#[test]
fn a_refused_issue_writes_nothing_not_even_the_profile() {
    let mut server = Server::new(rules());
    server.token(amy().nickname("Amy").unwrap());
    let before = server.rows.clone();
    refused(server.issue(amy().nickname("Mallory").unwrap()));
    assert_eq!(server.rows, before);
}

#[test]
fn the_token_stands_in_the_way_until_its_last_second_and_not_at_exp() {
    let mut server = Server::new(rules().with_lifetime(seconds(60)));
    server.token(amy());
    server.now = at(59);
    assert_eq!(room_at(server.issue(amy())), at(60));
    server.now = at(60);
    server.token(amy());
}

#[test]
fn an_imported_user_has_room() {
    let mut server = Server::new(rules());
    let imported = server.write_profile(&amy().nickname("Amy").unwrap());
    assert_eq!(imported.token_mode, TokenMode::Unset);
    let (_, issued) = committed(server.issue(amy()));
    assert_eq!(issued.user.nickname, imported.nickname);
    assert_eq!(issued.user.token_mode, TokenMode::Issued);
}

#[test]
fn a_user_whose_token_was_revoked_in_this_very_second_has_room() {
    let mut server = Server::new(rules());
    let first = server.token(amy());
    server.revoke(&one_of("amy", first.name()));
    let second = server.token(amy());
    assert_eq!(server.check("amy", &first), Err(Dead::Revoked));
    assert_eq!(server.check("amy", &second), Ok(()));
}

#[test]
fn the_profile_fields_given_are_updated_and_the_others_kept() {
    let mut server = Server::new(rules());
    server.token(
        amy()
            .nickname("Amy")
            .unwrap()
            .avatar_url("https://example.com/a.jpg")
            .unwrap(),
    );
    server.revoke(&all_of("amy"));
    server.now = at(9);
    let (_, issued) = committed(server.issue(amy().nickname("Amélie").unwrap()));
    assert_eq!(issued.user.nickname.unwrap().as_str(), "Amélie");
    assert_eq!(
        issued.user.avatar_url.unwrap().as_str(),
        "https://example.com/a.jpg"
    );
    assert_eq!(issued.user.created_at, at(0));
    assert_eq!(issued.user.updated_at, at(9));

    server.revoke(&all_of("amy"));
    let cleared = amy().nickname("").unwrap().avatar_url("").unwrap();
    let (_, issued) = committed(server.issue(cleared));
    assert_eq!(issued.user.nickname, None);
    assert_eq!(issued.user.avatar_url, None);
}

#[test]
fn issued_and_assigned_tokens_count_alike() {
    let mut server = Server::new(rules());
    server.write_profile(&amy());
    server.assign("amy", &assigned(1, at(0), at(50)));
    assert_eq!(room_at(server.issue(amy())), at(50));

    server.rules = rules().with_max_live_tokens(at_most(2));
    server.token(amy());
    assert_eq!(server.live("amy"), 2);
    refused(server.issue(amy()));
}

#[test]
fn up_to_the_limit_every_issue_gives_a_token_and_kills_none() {
    let mut server = Server::new(rules().with_max_live_tokens(at_most(100)));
    for count in 1..=100 {
        server.token(amy());
        assert_eq!(server.live("amy"), count);
    }
    refused(server.issue(amy()));
    assert_eq!(server.live("amy"), 100);
}

#[test]
fn the_limit_is_1_to_100() {
    assert_eq!(MaxLiveTokens::new(0), None);
    assert_eq!(MaxLiveTokens::new(101), None);
    assert_eq!(MaxLiveTokens::new(100).map(MaxLiveTokens::get), Some(100));
    assert_eq!(MaxLiveTokens::default().get(), 1);
}

#[test]
fn a_limit_that_was_lowered_makes_a_conflict_until_fewer_live() {
    let mut server = Server::new(
        rules()
            .with_lifetime(seconds(100))
            .with_max_live_tokens(at_most(4)),
    );
    for second in [0, 10, 20, 30] {
        server.now = at(second);
        server.token(amy());
    }
    server.rules = rules()
        .with_lifetime(seconds(100))
        .with_max_live_tokens(at_most(2));
    // Three of the four must go before one of at most two can come.
    assert_eq!(room_at(server.issue(amy())), at(120));
    server.now = at(119);
    refused(server.issue(amy()));
    server.now = at(120);
    server.token(amy());
    assert_eq!(server.live("amy"), 2);
}

#[test]
fn room_at_is_the_first_second_with_room_whatever_the_window() {
    for (window, room) in [(0, 100), (1, 100), (2, 99), (60, 41), (99, 2)] {
        let rules = rules().with_lifetime(seconds(100)).with_refresh_window(window);
        assert!(rules.check().is_ok());
        let mut server = Server::new(rules);
        server.token(amy());
        assert_eq!(room_at(server.issue(amy())), at(room), "window {window}");
        server.now = at(room - 1);
        refused(server.issue(amy()));
        server.now = at(room);
        server.token(amy());
    }
}

#[test]
fn room_at_is_never_past_the_last_second_of_rfc_3339() {
    let end = Timestamp::MAX;
    let mut server = Server::new(rules().with_lifetime(seconds(1)));
    server.now = end.checked_add_seconds(-1).unwrap();
    server.token(amy());
    assert_eq!(room_at(server.issue(amy())), end);
}

#[test]
fn a_token_with_exactly_the_window_left_still_counts_and_with_less_it_is_replaced() {
    let mut server = Server::new(rules().with_lifetime(seconds(100)).with_refresh_window(10));
    let first = server.token(amy());
    server.now = at(90);
    refused(server.issue(amy()));
    server.now = at(91);
    assert_eq!(
        server.check("amy", &first),
        Ok(()),
        "the window holds for issuing alone"
    );
    let second = server.token(amy());
    assert_eq!(server.check("amy", &first), Err(Dead::Revoked));
    assert_eq!(server.check("amy", &second), Ok(()));
}

#[test]
fn all_tokens_inside_the_window_are_revoked_by_the_next_issue_also_where_there_was_room() {
    let rules = rules()
        .with_lifetime(seconds(100))
        .with_refresh_window(10)
        .with_max_live_tokens(at_most(4));
    let mut server = Server::new(rules);
    let old = [server.token(amy()), server.token(amy())];
    server.now = at(50);
    let young = server.token(amy());
    server.now = at(95);
    let next = server.token(amy());
    for token in &old {
        assert_eq!(server.check("amy", token), Err(Dead::Revoked));
    }
    assert_eq!(server.check("amy", &young), Ok(()));
    assert_eq!(server.check("amy", &next), Ok(()));
}

#[test]
fn a_window_as_long_as_the_lifetime_is_refused() {
    let rules = rules().with_lifetime(seconds(60));
    assert!(rules.clone().with_refresh_window(59).check().is_ok());
    let error = rules.with_refresh_window(60).check().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the refresh window must be shorter than the lifetime"
    );
}

#[test]
fn upsert_always_gives_a_token_and_the_one_before_stops_at_once() {
    let mut server = Server::new(rules().with_policy(Policy::Upsert));
    let mut last = server.token(amy());
    for _ in 0..3 {
        let next = server.token(amy());
        assert_eq!(server.check("amy", &last), Err(Dead::Revoked));
        assert_eq!(server.live("amy"), 1);
        last = next;
    }
}

#[test]
fn upsert_drops_the_oldest_by_creation_not_by_date() {
    let rules = rules()
        .with_policy(Policy::Upsert)
        .with_max_live_tokens(at_most(2));
    let mut server = Server::new(rules.clone().with_lifetime(seconds(1_000)));
    let oldest = server.token(amy());
    server.now = at(1);
    server.rules = rules.with_lifetime(seconds(100));
    let shorter = server.token(amy());
    server.now = at(2);
    server.token(amy());
    assert_eq!(server.check("amy", &oldest), Err(Dead::Revoked));
    assert_eq!(server.check("amy", &shorter), Ok(()));
}

#[test]
fn upsert_within_one_second_drops_the_oldest_by_token_id() {
    let rules = rules()
        .with_policy(Policy::Upsert)
        .with_max_live_tokens(at_most(2));
    let mut server = Server::new(rules);
    let tokens: Vec<_> = (0..4).map(|_| server.token(amy())).collect();
    let dead: Vec<bool> = tokens
        .iter()
        .map(|token| server.check("amy", token).is_err())
        .collect();
    assert_eq!(dead, [true, true, false, false]);
}

#[test]
fn upsert_under_a_lowered_limit_drops_down_to_it_in_one_commit() {
    let rules = rules().with_policy(Policy::Upsert);
    let mut server = Server::new(rules.clone().with_max_live_tokens(at_most(4)));
    let tokens: Vec<_> = (0..4)
        .map(|second| {
            server.now = at(second);
            server.token(amy())
        })
        .collect();
    server.rules = rules.with_max_live_tokens(at_most(2));
    server.token(amy());
    assert_eq!(server.live("amy"), 2);
    assert_eq!(server.check("amy", &tokens[3]), Ok(()));
}

#[test]
fn an_assigned_token_that_upsert_drops_leaves_a_tombstone_until_its_date() {
    let mut server = Server::new(rules().with_policy(Policy::Upsert));
    server.write_profile(&amy());
    let brought = assigned(1, at(0), at(500));
    server.assign("amy", &brought);
    server.token(amy());
    assert_eq!(server.check("amy", &brought), Err(Dead::Revoked));
    let TokenName::Assigned(digest) = brought.name() else {
        panic!("not assigned");
    };
    assert_eq!(server.rows.tombstones.get(&digest), Some(&at(500)));
}

#[test]
fn a_token_of_another_issuer_audience_or_key_stands_in_no_ones_way() {
    let named = rules().with_issuer("a").with_audience("b");
    for (now_in_force, why) in [
        (named.clone().with_issuer("other"), Dead::Issuer),
        (named.clone().with_audience("other"), Dead::Audience),
        (rules().with_audience("b"), Dead::Issuer),
        (rules().with_issuer("a"), Dead::Audience),
        (
            decide::Rules::new(key(2)).with_issuer("a").with_audience("b"),
            Dead::KeyGone,
        ),
    ] {
        let mut server = Server::new(named.clone());
        let first = server.token(amy());
        server.rules = now_in_force;
        assert_eq!(server.check("amy", &first), Err(why));
        server.token(amy());
        server.rules = named.clone();
        assert_eq!(
            server.check("amy", &first),
            Err(Dead::Revoked),
            "it must not live again once the settings are as before"
        );
    }
}

#[test]
fn a_token_of_a_retiring_key_lives_and_counts() {
    let mut server = Server::new(rules());
    let first = server.token(amy());
    server.rules = decide::Rules::new(key(2)).with_other_key(key(1));
    assert_eq!(server.check("amy", &first), Ok(()));
    refused(server.issue(amy()));
}

#[test]
fn a_token_that_was_replaced_after_its_end_stays_dead_when_the_clock_steps_back() {
    let mut server = Server::new(rules().with_lifetime(seconds(60)));
    let first = server.token(amy());
    server.now = at(60);
    server.token(amy());
    server.now = at(30);
    assert_eq!(server.check("amy", &first), Err(Dead::Revoked));
}

#[test]
fn a_token_lives_while_now_is_before_exp_and_not_one_second_more() {
    let mut server = Server::new(rules().with_lifetime(seconds(1)));
    let token = server.token(amy());
    assert_eq!(server.check("amy", &token), Ok(()));
    server.now = at(1);
    assert_eq!(server.check("amy", &token), Err(Dead::Expired));
}

#[test]
fn a_clock_past_the_range_of_dates_is_a_refusal_and_no_panic() {
    let decision = decide::issue(
        &Snapshot::default(),
        &amy().into(),
        &rules(),
        Timestamp::MAX,
        fresh(at(0), 1),
    );
    assert_eq!(refused(decision), Refusal::ClockOutOfRange);
}

#[test]
fn the_last_token_that_rfc_3339_can_date_is_issued() {
    let mut server = Server::new(rules().with_lifetime(seconds(1)));
    server.now = Timestamp::MAX.checked_add_seconds(-1).unwrap();
    assert_eq!(server.token(amy()).expires_at, Timestamp::MAX);
    server.now = Timestamp::MAX;
    server.revoke(&all_of("amy"));
    assert_eq!(refused(server.issue(amy())), Refusal::ClockOutOfRange);
}

#[test]
fn users_do_not_stand_in_each_others_way() {
    let mut server = Server::new(rules());
    server.token(amy());
    server.token(NewUser::new("Amy").unwrap());
    server.token(NewUser::new("amy2").unwrap());
    refused(server.issue(amy()));
}

#[test]
fn writing_a_profile_leaves_tokens_and_the_mode_alone() {
    let mut server = Server::new(rules());
    let token = server.token(amy());
    server.now = at(3);
    let record = server.write_profile(&amy().nickname("Amy").unwrap());
    assert_eq!(record.token_mode, TokenMode::Issued);
    assert_eq!((record.created_at, record.updated_at), (at(0), at(3)));
    assert_eq!(server.check("amy", &token), Ok(()));
}
