//! Users whose tokens fill more than half a megabyte: sled keeps each such page in a file of its own.

use std::{env, io::Write, path::PathBuf};

use issuer::state::TokenBody;
use issuer_conformance::{
    fixture::{Draft, creating, issued, updating},
    probe::applied,
};
use issuer_sled::SledStore;

pub(crate) const USERS: u64 = 3;
pub(crate) const TOKENS: usize = 100;
const COMMITS: u64 = 9;
const SAID: &str = "applied commit ";

/// Where the work is to be done.
pub(crate) const PATH: &str = "ISSUER_FAULTS_TEST_PATH";

pub(crate) fn name(user: u64) -> String {
    format!("user {user}")
}

/// What a line says was applied.
pub(crate) fn applied_number(line: &str) -> Option<u64> {
    line.strip_prefix(SAID)?.parse().ok()
}

/// Every user in turn, first with all tokens, then again and again as it is.
pub(crate) fn work() {
    let Some(path) = env::var_os(PATH).map(PathBuf::from) else {
        return;
    };
    let store = SledStore::open(path).unwrap();
    for number in 0..COMMITS {
        let name = name(number % USERS);
        let commit = if number < USERS {
            (0..TOKENS).fold(creating(&name, number), |draft, n| long_token(draft, &name, n))
        } else {
            updating(&name, number - USERS, number)
        };
        applied(&store, [commit]);
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{SAID}{number}").unwrap();
        out.flush().unwrap();
    }
}

fn long_token(draft: Draft, user: &str, number: usize) -> Draft {
    let mut token = issued(&format!("{user} {number}"));
    if let TokenBody::Issued(issued) = &mut token.body {
        issued.audience = Some(format!("{number:06000}").into());
    }
    draft.token(token)
}
