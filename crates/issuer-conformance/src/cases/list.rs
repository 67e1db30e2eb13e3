//! Users in the order of the bytes of their ids.

use issuer::{state::Expect, user::UserId};
use issuer_store::{Page, Store};

use crate::{
    fixture::{assigned, at, creating, id, issued, replay, revoked, until, updating, user, writing},
    probe::{applied, ids, list, sorted},
};

const ALL: Page<'static> = Page {
    after: None,
    skip: 0,
    limit: 100,
    count_all: false,
};

fn three(store: &dyn Store) {
    applied(store, [creating("b", 1), creating("c", 2), creating("a", 3)]);
}

fn after<'a>(user: &'a UserId, page: &Page<'a>) -> Page<'a> {
    Page {
        after: Some(user),
        ..*page
    }
}

pub fn an_empty_store_lists_nobody(store: &dyn Store) {
    let page = list(
        store,
        &Page {
            count_all: true,
            ..ALL
        },
    );
    assert_eq!((page.users, page.total), (vec![], Some(0)));
}

pub fn users_are_listed_in_the_order_of_their_bytes(store: &dyn Store) {
    let sorted = [
        "B",
        "Z",
        "_",
        "a",
        "aa",
        "ab",
        "b",
        "caf\u{e9}",
        "z",
        "\u{e9}",
        "\u{ff21}",
        "\u{10000}",
    ];
    // U+FF21 sorts before U+10000 in UTF-8 and after it in UTF-16.
    applied(
        store,
        (1..).zip(sorted.iter().rev()).map(|(n, name)| creating(name, n)),
    );
    assert_eq!(ids(&list(store, &ALL)), sorted);
}

pub fn a_listed_user_comes_with_the_record_and_the_tokens_that_are_not_revoked(store: &dyn Store) {
    let expired = until(issued("old"), at(-60));
    applied(
        store,
        [
            creating("amy", 1)
                .token(issued("a"))
                .token(assigned("b"))
                .token(expired.clone())
                .token(revoked(issued("c"), at(1)))
                .token(revoked(assigned("d"), at(1)))
                .replay(replay("key")),
            creating("bob", 2),
        ],
    );
    let page = list(store, &ALL);
    assert_eq!(page.users.len(), 2);
    assert_eq!(page.users[0].user, user("amy"));
    assert_eq!(
        sorted(page.users[0].tokens.clone()),
        sorted(vec![issued("a"), assigned("b"), expired])
    );
    assert_eq!(page.users[1].user, user("bob"));
    assert_eq!(page.users[1].tokens, []);
}

pub fn a_page_begins_after_the_user_it_names(store: &dyn Store) {
    three(store);
    assert_eq!(ids(&list(store, &after(&id("a"), &ALL))), ["b", "c"]);
    assert_eq!(ids(&list(store, &after(&id("b"), &ALL))), ["c"]);
    assert_eq!(list(store, &after(&id("c"), &ALL)).users, []);
}

pub fn a_page_may_begin_after_a_user_who_is_not_there(store: &dyn Store) {
    three(store);
    assert_eq!(ids(&list(store, &after(&id("0"), &ALL))), ["a", "b", "c"]);
    assert_eq!(ids(&list(store, &after(&id("aa"), &ALL))), ["b", "c"]);
    assert_eq!(list(store, &after(&id("d"), &ALL)).users, []);
}

pub fn a_page_skips_users(store: &dyn Store) {
    three(store);
    assert_eq!(ids(&list(store, &Page { skip: 1, ..ALL })), ["b", "c"]);
    assert_eq!(
        ids(&list(
            store,
            &Page {
                skip: 1,
                ..after(&id("a"), &ALL)
            }
        )),
        ["c"]
    );
    assert_eq!(list(store, &Page { skip: 3, ..ALL }).users, []);
    assert_eq!(
        list(
            store,
            &Page {
                skip: usize::MAX,
                ..ALL
            }
        )
        .users,
        []
    );
}

pub fn a_page_is_no_longer_than_its_limit(store: &dyn Store) {
    three(store);
    assert_eq!(ids(&list(store, &Page { limit: 2, ..ALL })), ["a", "b"]);
    assert_eq!(
        ids(&list(
            store,
            &Page {
                limit: 1,
                skip: 1,
                ..ALL
            }
        )),
        ["b"]
    );
    assert_eq!(ids(&list(store, &Page { limit: 3, ..ALL })), ["a", "b", "c"]);
    assert_eq!(
        ids(&list(
            store,
            &Page {
                limit: usize::MAX,
                ..ALL
            }
        )),
        ["a", "b", "c"]
    );
}

pub fn a_page_of_limit_0_is_empty(store: &dyn Store) {
    three(store);
    let page = list(
        store,
        &Page {
            limit: 0,
            count_all: true,
            ..ALL
        },
    );
    assert_eq!((page.users, page.total), (vec![], Some(3)));
}

pub fn a_page_counts_all_users_where_it_was_asked_to(store: &dyn Store) {
    three(store);
    assert_eq!(list(store, &ALL).total, None);
    let a = id("a");
    let narrow = Page {
        skip: 1,
        limit: 1,
        count_all: true,
        ..after(&a, &ALL)
    };
    let page = list(store, &narrow);
    assert_eq!((ids(&page), page.total), (vec!["c"], Some(3)));
    assert_eq!(
        list(
            store,
            &Page {
                count_all: true,
                ..after(&id("z"), &ALL)
            }
        )
        .total,
        Some(3)
    );
}

pub fn the_count_follows_what_is_created_and_erased(store: &dyn Store) {
    three(store);
    let count = || {
        list(
            store,
            &Page {
                limit: 0,
                count_all: true,
                ..ALL
            },
        )
        .total
    };
    applied(store, [updating("a", 3, 4).user(user("a"))]);
    assert_eq!(count(), Some(3));
    applied(store, [updating("a", 4, 5).erase()]);
    assert_eq!(count(), Some(2));
    applied(
        store,
        [writing("nobody", Expect::Absent, 6).tombstone("t", at(9))],
    );
    assert_eq!(count(), Some(2));
    applied(store, [creating("a", 7)]);
    assert_eq!(count(), Some(3));
}

pub fn page_after_page_shows_everybody_once(store: &dyn Store) {
    let names: Vec<String> = (0..25).map(|n| format!("user{n:02}")).collect();
    applied(
        store,
        (0..)
            .zip(&names)
            .map(|(n, name)| creating(name, n).token(issued(name)).token(assigned(name))),
    );
    let mut seen = Vec::new();
    let mut last: Option<UserId> = None;
    loop {
        let page = list(
            store,
            &Page {
                after: last.as_ref(),
                limit: 7,
                ..ALL
            },
        );
        let Some(end) = page.users.last() else { break };
        assert!(page.users.iter().all(|entry| entry.tokens.len() == 2));
        last = Some(end.user.id.clone());
        seen.extend(
            page.users
                .into_iter()
                .map(|entry| entry.user.id.as_str().to_owned()),
        );
    }
    assert_eq!(seen, names);
}
