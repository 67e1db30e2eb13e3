//! The table of `docs/security.md`, held against the attacks.

use std::{collections::BTreeSet, fs, path::Path};

/// Below this heading of `docs/security.md` stands the table.
const HEADING: &str = "## Attacks by name";

/// One row: attack, source, test.
fn row(attack: &str, source: &str, test: &str) -> String {
    format!("| {attack} | {source} | `{test}` |")
}

/// A row for each test of a source file: the doc comment above it says what the attack is, and `Source:` whose.
fn rows_of(module: &str, source: &str) -> Result<Vec<String>, String> {
    let mut rows = Vec::new();
    let (mut doc, mut is_test) = (String::new(), false);
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("///") {
            doc.push_str(text);
        } else if line == "#[test]" {
            is_test = true;
        } else {
            if let (true, Some(name)) = (
                is_test,
                line.strip_prefix("fn ").and_then(|rest| rest.split('(').next()),
            ) {
                let (attack, of) = doc
                    .split_once(" Source: ")
                    .ok_or_else(|| format!("{module}::{name} has no source"))?;
                rows.push(row(
                    attack.trim().trim_end_matches('.'),
                    of.trim_end_matches('.'),
                    &format!("{module}::{name}"),
                ));
            }
            doc.clear();
            is_test = false;
        }
    }
    Ok(rows)
}

#[test]
fn every_attack_stands_in_the_table_with_its_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut expected = BTreeSet::new();
    for file in fs::read_dir(root.join("tests/jose_attacks")).unwrap() {
        let path = file.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap();
        if !matches!(module, "main" | "table") {
            expected.extend(rows_of(module, &fs::read_to_string(&path).unwrap()).unwrap());
        }
    }
    assert!(expected.len() >= 45, "{} attacks", expected.len());

    let page = fs::read_to_string(root.join("../../docs/security.md")).unwrap();
    let section = page.split_once(HEADING).unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    let rows = section
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("::"));
    let stands: BTreeSet<String> = rows.map(str::to_owned).collect();

    let missing: Vec<_> = expected.difference(&stands).cloned().collect();
    let stray: Vec<_> = stands.difference(&expected).cloned().collect();
    assert!(
        missing.is_empty() && stray.is_empty(),
        "docs/security.md lacks\n{}\nand has\n{}",
        missing.join("\n"),
        stray.join("\n")
    );
}

#[test]
fn an_attack_without_a_source_is_noticed() {
    let with = "/// A dot\n/// too many.\n/// Source: RFC 7515 section 7.1.\n#[test]\nfn a_test() {\n}\n";
    assert_eq!(
        rows_of("compact", with).unwrap(),
        ["| A dot too many | RFC 7515 section 7.1 | `compact::a_test` |"]
    );
    let without = "/// A dot too many.\n#[test]\nfn a_test() {\n}\n";
    assert_eq!(
        rows_of("compact", without).unwrap_err(),
        "compact::a_test has no source"
    );
}
