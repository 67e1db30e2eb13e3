//! Whatever the other cases did not think of.

use issuer_store::Store;

use crate::agreement::{agrees_with_memory, steps_of_seed};

pub fn random_steps_leave_what_they_leave_in_the_reference(store: &dyn Store) {
    agrees_with_memory(store, &steps_of_seed(1, 150));
}
