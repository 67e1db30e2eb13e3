//! What is no user's: one record, replaced whole.

use issuer::{
    Timestamp,
    state::{ApiKeyRecord, ApiKeyScope, Control, Expect, Versioned},
};
use issuer_store::{Outcome, Store};

use crate::{
    fixture::{at, creating, digest, updating, version},
    probe::{applied, export},
};

use Outcome::{Applied, Conflict};

fn with_keys(number: u64, names: &[&str]) -> Versioned<Control> {
    let key = |name: &&str| ApiKeyRecord {
        name: (*name).to_owned(),
        hash: digest(name),
        scope: ApiKeyScope::Issue,
        created_at: at(0),
        expires_at: None,
        revoked_at: None,
    };
    Versioned {
        version: version(number),
        value: Control {
            api_keys: names.iter().map(key).collect(),
        },
    }
}

fn set(store: &dyn Store, expect: Expect, next: &Versioned<Control>) -> Outcome {
    store.set_control(expect, next).expect("set_control")
}

fn control(store: &dyn Store) -> Option<Versioned<Control>> {
    store.control().expect("control")
}

pub fn a_new_store_has_no_control_record(store: &dyn Store) {
    assert_eq!(control(store), None);
    applied(store, [creating("amy", 1)]);
    assert_eq!(control(store), None);
}

pub fn the_control_record_is_created_once(store: &dyn Store) {
    let first = with_keys(1, &["first"]);
    assert_eq!(set(store, Expect::Absent, &first), Applied);
    assert_eq!(control(store), Some(first.clone()));
    assert_eq!(set(store, Expect::Absent, &with_keys(2, &["second"])), Conflict);
    assert_eq!(control(store), Some(first));
}

pub fn a_control_record_that_is_not_there_has_no_version(store: &dyn Store) {
    assert_eq!(
        set(store, Expect::Version(version(1)), &with_keys(2, &["a"])),
        Conflict
    );
    assert_eq!(control(store), None);
}

pub fn the_control_record_is_replaced_at_its_version_alone(store: &dyn Store) {
    assert_eq!(set(store, Expect::Absent, &with_keys(1, &["a"])), Applied);
    assert_eq!(
        set(store, Expect::Version(version(1)), &with_keys(2, &["a", "b"])),
        Applied
    );
    assert_eq!(
        set(store, Expect::Version(version(1)), &with_keys(3, &["a", "c"])),
        Conflict
    );
    assert_eq!(control(store), Some(with_keys(2, &["a", "b"])));
    assert_eq!(
        set(store, Expect::Version(version(2)), &with_keys(4, &[])),
        Applied
    );
    assert_eq!(control(store), Some(with_keys(4, &[])));
}

pub fn a_control_record_that_expects_nothing_is_set_in_any_case(store: &dyn Store) {
    assert_eq!(set(store, Expect::Any, &with_keys(1, &["a"])), Applied);
    assert_eq!(set(store, Expect::Any, &with_keys(2, &["b"])), Applied);
    assert_eq!(control(store), Some(with_keys(2, &["b"])));
}

pub fn the_control_record_comes_back_as_it_went_in(store: &dyn Store) {
    let scopes = [ApiKeyScope::Read, ApiKeyScope::Issue, ApiKeyScope::Full];
    let names = [
        "",
        "it's \"odd\" \\ 100%",
        "caf\u{e9} \u{1f600}\n",
        "cafe\u{301}",
        "NULL",
    ];
    let times = [None, Some(Timestamp::MIN), Some(Timestamp::MAX)];
    let mut next = with_keys(1, &[]);
    for scope in scopes {
        for name in names {
            for moment in times {
                next.value.api_keys.push(ApiKeyRecord {
                    name: name.to_owned(),
                    hash: digest(name),
                    scope,
                    created_at: moment.unwrap_or(at(0)),
                    expires_at: moment,
                    revoked_at: moment,
                });
            }
        }
    }
    assert_eq!(set(store, Expect::Absent, &next), Applied);
    assert_eq!(control(store), Some(next));
}

pub fn a_control_record_may_hold_a_thousand_keys(store: &dyn Store) {
    let names: Vec<String> = (0..1_000).map(|n| format!("key {n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(set(store, Expect::Absent, &with_keys(1, &names)), Applied);
    assert!(
        control(store) == Some(with_keys(1, &names)),
        "the keys are not those that were put"
    );
}

pub fn commits_and_the_control_record_leave_each_other_alone(store: &dyn Store) {
    assert_eq!(set(store, Expect::Absent, &with_keys(1, &["a"])), Applied);
    applied(store, [creating("amy", 1)]);
    applied(store, [updating("amy", 1, 2)]);
    assert_eq!(
        set(store, Expect::Version(version(1)), &with_keys(3, &["b"])),
        Applied
    );
    applied(store, [updating("amy", 2, 4).erase()]);
    assert_eq!(store.purge(Timestamp::MAX, 100).expect("purge"), 0);
    assert_eq!(control(store), Some(with_keys(3, &["b"])));
    assert_eq!(export(store, 10), [], "an export holds every row but control");
}
