//! Every case is in its list: what a macro does not name is never run.

use std::{collections::BTreeSet, fs, path::Path};

use issuer_conformance::{CASES, DURABLE_CASES, SHARED_CASES};

#[test]
fn every_case_is_listed_under_its_clause() {
    let cases = CASES.iter().map(|case| (case.clause, case.name));
    let durable = DURABLE_CASES
        .iter()
        .chain(SHARED_CASES)
        .map(|case| (case.clause, case.name));
    let listed: BTreeSet<(String, String)> = cases
        .chain(durable)
        .map(|(clause, name)| (clause.to_owned(), name.to_owned()))
        .collect();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cases");
    let mut written = BTreeSet::new();
    for file in fs::read_dir(sources).expect("the sources") {
        let path = file.expect("a file").path();
        let clause = path.file_stem().expect("a name").to_string_lossy().into_owned();
        for line in fs::read_to_string(&path).expect("UTF-8").lines() {
            if let Some((name, _)) = line.strip_prefix("pub fn ").and_then(|rest| rest.split_once('(')) {
                written.insert((clause.clone(), name.to_owned()));
            }
        }
    }
    assert_eq!(written, listed);
}
