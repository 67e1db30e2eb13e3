//! The table of `docs/dependencies.md`, held against the manifests.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

/// Each dependency that is none of ours, with the crates that name it, as the table writes them.
fn named() -> BTreeMap<String, String> {
    // Without the dependencies' own metadata, so that nothing is fetched.
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    // Crate by crate; `true` where more than tests need it.
    let mut named = BTreeMap::<String, BTreeMap<String, bool>>::new();
    for package in metadata["packages"].as_array().unwrap() {
        for dependency in package["dependencies"].as_array().unwrap() {
            if dependency["path"].is_null() {
                let by = named
                    .entry(dependency["name"].as_str().unwrap().to_owned())
                    .or_default();
                *by.entry(package["name"].as_str().unwrap().to_owned())
                    .or_default() |= dependency["kind"] != "dev";
            }
        }
    }
    let cell = |by: BTreeMap<String, bool>| {
        let crates: Vec<String> = by
            .into_iter()
            .map(|(name, always)| if always { name } else { format!("{name} (tests)") })
            .collect();
        crates.join(", ")
    };
    named.into_iter().map(|(name, by)| (name, cell(by))).collect()
}

#[test]
fn every_dependency_stands_in_the_table_with_who_names_it() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/dependencies.md");
    let page = fs::read_to_string(page).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").collect())
        .filter(|row: &Vec<&str>| row[0] != "dependency" && row[0] != "---")
        .collect();
    assert!(
        rows.iter()
            .all(|row| row.len() == 5 && row.iter().all(|cell| !cell.is_empty()))
    );
    let stands: BTreeSet<(String, String)> = rows
        .iter()
        .map(|row| (row[0].to_owned(), row[1].to_owned()))
        .collect();
    assert_eq!(stands.len(), rows.len(), "a row stands twice");
    let named: BTreeSet<(String, String)> = named().into_iter().collect();
    let missing: Vec<_> = named.difference(&stands).collect();
    let stray: Vec<_> = stands.difference(&named).collect();
    assert!(
        missing.is_empty() && stray.is_empty(),
        "docs/dependencies.md lacks {missing:#?} and has {stray:#?}"
    );
}
