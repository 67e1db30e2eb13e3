//! Tests: the numbers in the documentation are those of the sources.

use crate::copy::ROWS_A_SLICE;

const STORAGE: &str = include_str!("../../../docs/storage.md");

#[test]
fn the_documentation_names_the_rows_of_a_copy_that_are_durable_together() {
    assert_eq!(ROWS_A_SLICE, 1_000);
    assert!(STORAGE.contains("Slices of 1,000 rows are durable one by one"));
}

#[test]
fn the_documentation_counts_the_methods_of_a_store() {
    let of_the_trait = include_str!("store.rs").split("pub trait Store").nth(1);
    let methods = of_the_trait
        .and_then(|rest| rest.split("\n}").next())
        .map(|methods| methods.matches("\n    fn ").count());
    assert_eq!(methods, Some(8));
    let design = include_str!("../../../docs/design.md");
    for page in [include_str!("lib.rs"), STORAGE, design] {
        assert!(page.contains("eight methods"));
    }
}
