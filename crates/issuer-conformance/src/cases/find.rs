//! A token and its user, by the token's name.

use issuer::state::UserRecord;
use issuer_store::{Store, TokenRef};

use crate::{
    fixture::{assigned, at, creating, digest, id, issued, replay, revoked, until, updating, user},
    probe::{applied, find, jti, reference},
};

pub fn an_issued_token_is_found_with_its_user(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(issued("a"))]);
    let found = find(store, "amy", &issued("a")).expect("the token");
    assert_eq!((found.token, found.user), (issued("a"), user("amy")));
}

pub fn an_assigned_token_is_found_with_its_user(store: &dyn Store) {
    applied(
        store,
        [
            creating("amy", 1).token(assigned("a")),
            creating("bob", 2).token(assigned("b")),
        ],
    );
    let found = find(store, "amy", &assigned("b")).expect("the token");
    assert_eq!((found.token, found.user), (assigned("b"), user("bob")));
}

pub fn an_expired_token_is_found(store: &dyn Store) {
    let expired = until(issued("a"), at(-1_000_000_000));
    applied(store, [creating("amy", 1).token(expired.clone())]);
    assert_eq!(
        find(store, "amy", &expired).map(|found| found.token),
        Some(expired)
    );
}

pub fn an_unknown_token_is_not_found(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1).token(issued("a")).token(assigned("b"))],
    );
    assert_eq!(find(store, "amy", &issued("b")), None);
    assert_eq!(find(store, "amy", &assigned("a")), None);
    assert_eq!(find(store, "nobody", &issued("a")), None);
}

pub fn an_issued_token_is_not_found_under_another_user(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(issued("a")), creating("bob", 2)]);
    assert_eq!(find(store, "bob", &issued("a")), None);
    assert_eq!(find(store, "Amy", &issued("a")), None);
}

pub fn an_idempotency_key_is_no_token(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1).replay(replay("a")).tombstone("b", at(9))],
    );
    assert_eq!(find(store, "amy", &assigned("a")), None);
    assert_eq!(find(store, "amy", &assigned("b")), None);
}

pub fn a_revoked_token_is_found_with_its_revocation_or_not_at_all(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1).token(issued("a")).token(assigned("b"))],
    );
    applied(
        store,
        [updating("amy", 1, 2)
            .token(revoked(issued("a"), at(5)))
            .token(revoked(assigned("b"), at(6)))],
    );
    for token in [revoked(issued("a"), at(5)), revoked(assigned("b"), at(6))] {
        let found = find(store, "amy", &token).map(|found| found.token);
        assert!(
            found.is_none() || found.as_ref() == Some(&token),
            "found alive: {found:?}"
        );
    }
}

pub fn a_token_is_found_with_its_user_as_of_now(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(issued("a"))]);
    let renamed = UserRecord {
        nickname: None,
        updated_at: at(9),
        ..user("amy")
    };
    applied(store, [updating("amy", 1, 2).user(renamed.clone())]);
    assert_eq!(
        find(store, "amy", &issued("a")).map(|found| found.user),
        Some(renamed)
    );
}

pub fn no_questions_have_no_answers(store: &dyn Store) {
    assert_eq!(store.find(&[]).expect("find"), []);
}

pub fn answers_come_in_the_order_of_the_questions(store: &dyn Store) {
    applied(
        store,
        [
            creating("amy", 1).token(issued("a")).token(assigned("b")),
            creating("bob", 2).token(issued("c")),
        ],
    );
    let (amy, bob) = (id("amy"), id("bob"));
    let questions = [
        TokenRef::Issued {
            user: &bob,
            id: jti(&issued("c")),
        },
        TokenRef::Assigned(digest("unknown")),
        TokenRef::Assigned(digest("b")),
        TokenRef::Issued {
            user: &bob,
            id: jti(&issued("a")),
        },
        TokenRef::Issued {
            user: &amy,
            id: jti(&issued("a")),
        },
        TokenRef::Issued {
            user: &bob,
            id: jti(&issued("c")),
        },
    ];
    let answers: Vec<_> = store
        .find(&questions)
        .expect("find")
        .into_iter()
        .map(|found| found.map(|found| (found.token, found.user.id)))
        .collect();
    let bobs = Some((issued("c"), bob.clone()));
    assert_eq!(
        answers,
        [
            bobs.clone(),
            None,
            Some((assigned("b"), amy.clone())),
            None,
            Some((issued("a"), amy.clone())),
            bobs,
        ]
    );
}

pub fn many_tokens_are_found_in_one_call(store: &dyn Store) {
    let mine: Vec<_> = (0..1_000)
        .map(|n| match n % 2 {
            0 => issued(&format!("token {n}")),
            _ => assigned(&format!("token {n}")),
        })
        .collect();
    applied(
        store,
        [mine
            .iter()
            .fold(creating("amy", 1), |draft, token| draft.token(token.clone()))],
    );
    let amy = id("amy");
    let questions: Vec<_> = mine.iter().map(|token| reference(&amy, token)).collect();
    let answers = store.find(&questions).expect("find");
    let found: Vec<_> = answers
        .into_iter()
        .map(|found| found.map(|found| found.token))
        .collect();
    assert_eq!(found, mine.into_iter().map(Some).collect::<Vec<_>>());
}
