//! Who knows whom: between the crates, and inside this one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The crates of the workspace, each with those it may know. Dev-dependencies are free.
const MAY_KNOW: [(&str, &[&str]); 10] = [
    ("issuer", &[]),
    ("issuer-store", &["issuer"]),
    ("issuer-sqlite", &["issuer", "issuer-store"]),
    ("issuer-sled", &["issuer", "issuer-store"]),
    ("issuer-conformance", &["issuer", "issuer-store"]),
    ("issuer-service", &["issuer", "issuer-store"]),
    (
        "issuer-faults",
        &[
            "issuer",
            "issuer-store",
            "issuer-sqlite",
            "issuer-sled",
            "issuer-conformance",
        ],
    ),
    ("issuer-model", &["issuer", "issuer-store"]),
    ("issuer-http", &["issuer", "issuer-store", "issuer-service"]),
    (
        "issuer-server",
        &[
            "issuer",
            "issuer-store",
            "issuer-service",
            "issuer-http",
            "issuer-sqlite",
            "issuer-sled",
        ],
    ),
];

/// Everything that the pure core is built from.
const DEPENDENCIES_OF_THE_CORE: [&str; 6] = ["base64", "ring", "serde", "serde_json", "time", "zeroize"];

/// The areas of this crate, each with those it may know. The values at the root are everybody's, and know
/// no area.
const AREA_MAY_KNOW: [(&str, &[&str]); 4] = [
    ("jose", &[]),
    ("user", &[]),
    ("state", &["user"]),
    ("decide", &["user", "state"]),
];

/// What would bring a clock, chance, threads or I/O into the pure core.
const IMPURE: [&str; 23] = [
    "SystemTime",
    "Instant",
    "now_utc",
    "now_local",
    "SystemRandom",
    "SecureRandom",
    "getrandom",
    "RandomState",
    "std::env",
    "std::fs",
    "std::io",
    "std::process",
    "std::thread",
    "thread_local",
    "Mutex",
    "RwLock",
    "Condvar",
    "mpsc",
    "TcpStream",
    "UdpSocket",
    "async",
    "println",
    "dbg",
];

fn crate_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Each crate of the workspace with the names of its dependencies; those for tests alone are left out.
fn workspace() -> BTreeMap<String, BTreeSet<String>> {
    // Without the dependencies' own metadata, so that nothing is fetched.
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(crate_root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            let names = dependencies
                .iter()
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
                .collect();
            (package["name"].as_str().unwrap().to_owned(), names)
        })
        .collect()
}

#[test]
fn the_pure_core_is_built_from_six_crates_and_no_other() {
    let expected = DEPENDENCIES_OF_THE_CORE.map(str::to_owned);
    assert_eq!(workspace()["issuer"], BTreeSet::from(expected));
}

#[test]
fn arrows_between_the_crates_run_one_way() {
    let workspace = workspace();
    for (name, dependencies) in &workspace {
        let Some((_, may_know)) = MAY_KNOW.iter().find(|(known, _)| known == name) else {
            panic!("nothing is said of whom {name} may know: add it to this test");
        };
        for dependency in dependencies.iter().filter(|name| workspace.contains_key(*name)) {
            assert!(
                may_know.contains(&dependency.as_str()),
                "{name} must not know {dependency}"
            );
        }
    }
}

#[test]
fn arrows_between_the_areas_of_the_core_run_one_way() {
    let src = crate_root().join("src");
    let mut seen = BTreeSet::new();
    for file in sources(&src) {
        let area = area_of(&file, &src);
        let may_know = match AREA_MAY_KNOW.iter().find(|(name, _)| *name == area) {
            Some((_, may_know)) => {
                seen.insert(area.clone());
                *may_know
            }
            None => &[],
        };
        let code = code_of(&file);
        for (known, _) in AREA_MAY_KNOW {
            let allowed = known == area || may_know.contains(&known);
            let depth = file.strip_prefix(&src).unwrap().components().count();
            assert!(
                allowed || !names_of_the_root(&code, depth).contains(known),
                "{} must not know {known}",
                file.display()
            );
        }
    }
    assert_eq!(
        seen,
        AREA_MAY_KNOW.map(|(name, _)| name.to_owned()).into(),
        "an area is missing"
    );
}

#[test]
fn the_core_has_no_clock_no_chance_no_threads_and_no_io() {
    for file in sources(&crate_root().join("src")) {
        let code = code_of(&file);
        for word in IMPURE {
            assert!(!has_word(&code, word), "{} must not use {word}", file.display());
        }
    }
}

#[test]
fn this_test_sees_an_arrow_in_every_form() {
    for arrow in [
        "use crate::jose::KeySet;",
        "use crate::{\n    Timestamp,\n    jose::{KeySet, SigningKey},\n};",
        "use crate::{state::{Commit, Change}, jose};",
        "fn f() -> crate::jose::KeySet {}",
        "use super::super::jose;",
        "use super::super::{Timestamp, jose::KeySet};",
    ] {
        assert!(names_of_the_root(arrow, 2).contains("jose"), "{arrow}");
    }
    for none in [
        "use crate::{\n    Timestamp,\n    state::{jose},\n};",
        "use super::jose;",
        "let jose = 1;",
    ] {
        assert!(!names_of_the_root(none, 2).contains("jose"), "{none}");
    }
    assert!(has_word("let x = Instant::now();", "Instant"));
    assert!(!has_word("instantiate Instants", "Instant"));
    assert!(has_word("use std::fs;", "std::fs"));
}

/// Every source file below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}

/// The first folder or module below `src`: `decide` of `decide/issue.rs`, `digest` of `digest.rs`.
fn area_of(file: &Path, src: &Path) -> String {
    let below = file.strip_prefix(src).unwrap();
    let first = below.components().next().unwrap().as_os_str();
    Path::new(first).file_stem().unwrap().to_str().unwrap().to_owned()
}

/// The source without its comments, for what a comment says is no arrow.
fn code_of(file: &Path) -> String {
    fs::read_to_string(file)
        .unwrap()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The names that `code` takes from the root of the crate, where `super` reaches it after `depth` steps.
fn names_of_the_root(code: &str, depth: usize) -> BTreeSet<&str> {
    let from_below = "super::".repeat(depth);
    ["crate::", &from_below]
        .iter()
        .flat_map(|root| code.split(*root).skip(1))
        .flat_map(names_at)
        .collect()
}

/// The first name of a path, or of each path of a group.
fn names_at(path: &str) -> Vec<&str> {
    let Some(group) = path.strip_prefix('{') else {
        return vec![first_name(path)];
    };
    let mut names = vec![first_name(group)];
    let mut open = 1;
    for (at, character) in group.char_indices() {
        match character {
            '{' => open += 1,
            '}' => open -= 1,
            ',' if open == 1 => names.push(first_name(&group[at + 1..])),
            _ => {}
        }
        if open == 0 {
            break;
        }
    }
    names
}

fn first_name(path: &str) -> &str {
    let path = path.trim_start();
    path.split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or_default()
}

fn has_word(code: &str, word: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(word).any(|(at, _)| {
        !inside(code[..at].chars().next_back()) && !inside(code[at + word.len()..].chars().next())
    })
}
