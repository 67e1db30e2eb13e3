//! Control records that are not guarded, or not kept.

use issuer::state::{Control, Expect, Versioned};
use issuer_store::{MemoryStore, Outcome, Store, StoreError};

use super::{BrokenStore, Fault, broken};
use crate::fixture::version;

pub(super) const STORES: &[BrokenStore] = &[
    BrokenStore {
        name: "replaces control whatever is expected of it",
        rejected_by: &[
            "the_control_record_is_created_once",
            "the_control_record_is_replaced_at_its_version_alone",
            "a_control_record_that_is_not_there_has_no_version",
            "of_many_who_create_the_control_record_one_wins",
        ],
        make: broken::<Unguarded>,
    },
    BrokenStore {
        name: "keeps the first version of control",
        rejected_by: &["the_control_record_is_replaced_at_its_version_alone"],
        make: broken::<FirstVersion>,
    },
    BrokenStore {
        name: "has a control record from the start",
        rejected_by: &["a_new_store_has_no_control_record"],
        make: broken::<EmptyControl>,
    },
    BrokenStore {
        name: "keeps at most ten keys",
        rejected_by: &[
            "the_control_record_comes_back_as_it_went_in",
            "a_control_record_may_hold_a_thousand_keys",
        ],
        make: broken::<TenKeys>,
    },
];

type Read = Result<Option<Versioned<Control>>, StoreError>;
type Written = Result<Outcome, StoreError>;

#[derive(Default)]
struct Unguarded;

impl Fault for Unguarded {
    fn set_control(&self, good: &MemoryStore, _expect: Expect, next: &Versioned<Control>) -> Written {
        good.set_control(Expect::Any, next)
    }
}

#[derive(Default)]
struct FirstVersion;

impl Fault for FirstVersion {
    fn set_control(&self, good: &MemoryStore, expect: Expect, next: &Versioned<Control>) -> Written {
        let found = good.control()?;
        let next = Versioned {
            version: found.map_or(next.version, |found| found.version),
            value: next.value.clone(),
        };
        good.set_control(expect, &next)
    }
}

#[derive(Default)]
struct EmptyControl;

impl Fault for EmptyControl {
    fn control(&self, good: &MemoryStore) -> Read {
        let empty = Versioned {
            version: version(0),
            value: Control::default(),
        };
        Ok(good.control()?.or(Some(empty)))
    }
}

#[derive(Default)]
struct TenKeys;

impl Fault for TenKeys {
    fn set_control(&self, good: &MemoryStore, expect: Expect, next: &Versioned<Control>) -> Written {
        let mut next = next.clone();
        next.value.api_keys.truncate(10);
        good.set_control(expect, &next)
    }
}
