//! Tests: the numbers in the documentation are those of the constants.

use crate::{database::LEAST_CACHE_BYTES, open::CACHE_BYTES, worker::LONGEST_PAUSE};

#[test]
fn the_documentation_names_the_size_of_the_cache_and_the_longest_wait_for_a_disk_that_works_again() {
    let options = include_str!("open.rs").replace("\n    ///", "");
    let (by_default, least) = (CACHE_BYTES >> 20, LEAST_CACHE_BYTES >> 20);
    let said = format!("{by_default} MiB by default, and at least {least} MiB");
    assert!(options.contains(&said), "{said}");

    assert_eq!(LONGEST_PAUSE.as_secs(), 10);
    let storage = include_str!("../../../docs/storage.md");
    assert!(storage.contains("at most ten seconds after the disk works"));
}
