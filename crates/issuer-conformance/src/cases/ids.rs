//! Ids are compared byte for byte.

use issuer::state::Replay;
use issuer_store::{ExportRow, Page, Store};

use crate::{
    fixture::{at, creating, digest, id, issued, replay, user, version},
    probe::{applied, export, find, ids, list, load},
};

/// Ids that some store might fold, escape or cut. They differ pairwise in bytes.
const ODD_IDS: [&str; 22] = [
    "amy",
    "Amy",
    "AMY", // case
    "a%",
    "a_",
    "a*",
    "a?",
    "%",
    "_", // patterns
    "o'brien",
    "say \"hi\"",
    "back\\slash",
    "semi;colon--", // quotes
    "caf\u{e9}",
    "cafe\u{301}", // the same to the eye: NFC and NFD
    "stra\u{df}e",
    "strasse", // the same folded
    "\u{1f600}",
    "\u{10ffff}",
    "\u{feff}bom", // beyond the basic plane, and white space of no kind
    "a/b",
    "0042",
];

pub fn ids_that_look_alike_are_different_users(store: &dyn Store) {
    for (n, name) in (1..).zip(ODD_IDS) {
        applied(
            store,
            [creating(name, n).token(issued(name)).replay(replay_of(name))],
        );
    }
    for (n, name) in (1..).zip(ODD_IDS) {
        let loaded = load(store, name, &["key"], &[]);
        let record = loaded.user.expect(name);
        assert_eq!(record.version, version(n), "{name}");
        assert_eq!(record.value, user(name), "{name}");
        assert_eq!(loaded.tokens, [issued(name)], "{name}");
        assert_eq!(loaded.replays, [(digest("key"), Some(replay_of(name)))], "{name}");
        assert_eq!(
            find(store, name, &issued(name)).map(|found| found.user.id),
            Some(id(name)),
            "{name}"
        );
    }
}

pub fn odd_ids_are_listed_and_exported_as_they_are(store: &dyn Store) {
    applied(store, (1..).zip(ODD_IDS).map(|(n, name)| creating(name, n)));
    let mut bytewise = ODD_IDS;
    bytewise.sort_unstable_by_key(|name| name.as_bytes());
    let page = Page {
        limit: 100,
        ..Page::default()
    };
    assert_eq!(ids(&list(store, &page)), bytewise);
    for (at, name) in bytewise.iter().enumerate() {
        let after = id(name);
        let page = Page {
            after: Some(&after),
            limit: 100,
            ..Page::default()
        };
        assert_eq!(ids(&list(store, &page)), bytewise[at + 1..], "after {name}");
    }
    let rows = export(store, 3);
    let mut exported: Vec<&str> = rows
        .iter()
        .map(|row| match row {
            ExportRow::User(user) => user.value.id.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    exported.sort_unstable();
    assert_eq!(exported, bytewise);
}

fn replay_of(name: &str) -> Replay {
    Replay {
        request: digest(name),
        forgotten_at: at(60),
        ..replay("key")
    }
}
