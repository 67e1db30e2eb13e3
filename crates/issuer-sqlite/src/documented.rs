//! Tests: the numbers in the documentation are those of the constants.

use crate::{
    checkpoints::CHECKPOINT_AT_PAGES,
    connection::{LOG_BYTES_KEPT, PAGE_BYTES, READER_CACHE_KIB},
};

#[test]
fn the_documentation_names_the_sizes_of_the_log_and_of_a_cache() {
    let page = include_str!("lib.rs").replace("\n//!", "");
    let at = (i64::from(CHECKPOINT_AT_PAGES) * PAGE_BYTES) >> 20;
    for said in [
        format!("Once that has {at} MiB a thread copies it"),
        format!("is cut to {} MiB after it", LOG_BYTES_KEPT >> 20),
    ] {
        assert!(page.contains(&said), "{said}");
    }
    let options = include_str!("open.rs");
    let said = format!("up to {} MiB of cache", READER_CACHE_KIB >> 10);
    assert!(options.contains(&said), "{said}");
}
