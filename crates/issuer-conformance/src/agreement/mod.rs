//! Random steps, on which a store must agree with the reference.
//!
//! [`CASES`](crate::CASES) has one long sequence of them. [`sequence_suite!`](crate::sequence_suite!) runs many, as
//! many as `ISSUER_SEQUENCES` says, and shows the shortest sequence on which a store differs:
//!
//! ```
//! use issuer_conformance::agreement::Sequences;
//! use issuer_store::MemoryStore;
//!
//! Sequences::of_seed(1, 10).run(MemoryStore::new)?; // a fresh store of yours
//! # Ok::<(), issuer_conformance::agreement::Difference>(())
//! ```

mod resolve;
mod sequences;
mod step;

use std::collections::BTreeSet;

use issuer::{
    state::{Control, Snapshot, TokenState, Versioned},
    user::UserId,
};
use issuer_store::{ExportRow, Lookup, Page, Store, TokenRef, UserPage};

use crate::{
    cases::export::by_key,
    fixture::{assigned, digest, id, issued},
    probe::{export, reference, sorted},
};
use resolve::Model;
pub use sequences::{Difference, Sequences, sequences_agree};
pub use step::{Step, steps, steps_of_seed};

/// The users of random steps.
const USERS: [&str; 3] = ["amy", "Amy", "bob"];
/// The names of their issued tokens, the texts of their assigned ones, their idempotency keys.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Carries out the same steps on `store`, which is empty, and on a [`MemoryStore`](issuer_store::MemoryStore): after each of them both
/// have answered the same, and show the same.
///
/// # Panics
/// Where they differ, with the number of the step.
pub fn agrees_with_memory(store: &dyn Store, steps: &[Step]) {
    if let Some(difference) = difference(store, steps) {
        panic!("{difference}");
    }
}

/// Where they differ first, and how.
fn difference(store: &dyn Store, steps: &[Step]) -> Option<String> {
    let mut model = Model::default();
    steps.iter().enumerate().find_map(|(number, step)| {
        let (expected, answered) = model.carry_out(step, store);
        if answered != expected {
            return Some(format!(
                "step {number}: answered {answered:?}, and should {expected:?}, to {step:?}"
            ));
        }
        let shown = View::of(store, number);
        let should = View::of(model.store(), number);
        (shown != should).then(|| {
            format!(
                "after step {number}, {step:?}, the store shows\n{shown:#?}\nand should show\n{should:#?}"
            )
        })
    })
}

/// Everything that a store shows.
#[derive(Debug, PartialEq, Eq)]
struct View {
    users: Vec<Snapshot>,
    found: Vec<Option<TokenState>>,
    pages: Vec<UserPage>,
    rows: Vec<ExportRow>,
    control: Option<Versioned<Control>>,
}

impl View {
    /// `number` makes the sizes of the pages differ from one step to the next.
    fn of(store: &dyn Store, number: usize) -> Self {
        let users = USERS.map(id);
        Self {
            users: users_of(store, &users),
            found: tokens_of(store, &users),
            pages: pages_of(store, &users, number % 3),
            rows: by_key(export(store, 1 + number % 7)),
            control: store.control().expect("control"),
        }
    }
}

fn users_of(store: &dyn Store, users: &[UserId]) -> Vec<Snapshot> {
    let asked = NAMES.map(digest);
    let lookups: Vec<_> = users
        .iter()
        .map(|user| Lookup {
            user,
            replays: &asked,
            digests: &asked,
        })
        .collect();
    let mut snapshots = store.load(&lookups).expect("load");
    for snapshot in &mut snapshots {
        snapshot.tokens = sorted(std::mem::take(&mut snapshot.tokens));
    }
    snapshots
}

fn tokens_of(store: &dyn Store, users: &[UserId]) -> Vec<Option<TokenState>> {
    let tokens: Vec<_> = NAMES
        .iter()
        .flat_map(|name| [issued(name), assigned(name)])
        .collect();
    let questions: Vec<TokenRef<'_>> = users
        .iter()
        .flat_map(|user| tokens.iter().map(move |token| reference(user, token)))
        .collect();
    let mut found = store.find(&questions).expect("find");
    for answer in &mut found {
        // A revoked token need not be found.
        if answer
            .as_ref()
            .is_some_and(|state| state.token.revoked_at.is_some())
        {
            *answer = None;
        }
    }
    found
}

fn pages_of(store: &dyn Store, users: &[UserId], skip: usize) -> Vec<UserPage> {
    let after: BTreeSet<Option<&UserId>> = users.iter().map(Some).chain([None]).collect();
    let page = |after| Page {
        after,
        skip,
        limit: 2,
        count_all: skip != 1,
    };
    let mut pages: Vec<_> = after
        .into_iter()
        .map(|after| store.list(&page(after)).expect("list"))
        .collect();
    for entry in pages.iter_mut().flat_map(|page| &mut page.users) {
        entry.tokens = sorted(std::mem::take(&mut entry.tokens));
    }
    pages
}
