//! An account tells a store that keeps its word from one that does not.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::collections::BTreeMap;

use issuer::{
    Timestamp, TokenId,
    state::{Commit, Expect, TokenBody, TokenRecord, UserRecord, Version},
};
use issuer_conformance::{
    crash::{Account, Load, Promise},
    fixture::{Draft, writing},
    probe::export,
};
use issuer_store::{ExportRow, MemoryStore, Store};

/// A store that was through a load, and the lines of it.
fn loaded(seed: u64) -> (MemoryStore, Vec<u8>) {
    let store = MemoryStore::new();
    let mut lines = Vec::new();
    Load::new(seed).steps(200).run(&store, &mut lines).unwrap();
    (store, lines)
}

#[test]
fn a_store_that_keeps_its_word_is_accepted_cycle_after_cycle() {
    for threads in [1, 4] {
        let store = MemoryStore::new();
        let mut account = Account::new();
        for seed in 0..30 {
            let mut lines = Vec::new();
            let load = Load::new(seed).starting_at(account.now()).threads(threads);
            load.steps(100).run(&store, &mut lines).unwrap();
            account.read(&*lines).unwrap();
            account.check(&store).unwrap();
        }
        let figures = account.figures();
        assert!(figures.acknowledged > 1_000, "{figures:?}");
        assert!(figures.replayed > 100, "{figures:?}");
        assert!(figures.refused > 100, "{figures:?}");
        assert_eq!(figures.failed, 0, "{figures:?}");
    }
}

#[test]
fn a_load_is_the_same_for_the_same_seed() {
    assert_eq!(loaded(1).1, loaded(1).1);
    assert_ne!(loaded(1).1, loaded(2).1);
}

#[test]
fn wherever_the_lines_break_off_what_was_open_may_have_happened_or_not() {
    let (store, whole) = loaded(3);
    let lines: Vec<&str> = std::str::from_utf8(&whole).unwrap().lines().collect();
    let last = lines.iter().rposition(|line| line.contains(" applied ")).unwrap();
    let begun = lines.iter().rposition(|line| line.contains(" begin ")).unwrap();
    // Before the last answer, and in the middle of it.
    for end in [
        lines[..last].join("\n") + "\n",
        lines[..=last].join("\n")[..lines[..last].join("\n").len() + 9].to_owned(),
    ] {
        let mut account = Account::new();
        account.read(end.as_bytes()).unwrap();
        let figures = account.check(&store).unwrap();
        assert_eq!((figures.open_done, figures.open_undone), (1, 0));
        // What was found is owed from now on.
        let figures = account.check(&store).unwrap();
        assert_eq!((figures.open_done, figures.open_undone), (1, 0));
        assert_eq!(
            account.check(&MemoryStore::new()).unwrap_err().promise(),
            Promise::NothingIsLost
        );
    }
    // A write that was begun, in a store that it never reached.
    let mut account = Account::new();
    let first = lines.iter().position(|line| line.contains(" begin ")).unwrap();
    account.read_line(lines[first]);
    let figures = account.check(&MemoryStore::new()).unwrap();
    assert_eq!((figures.open_done, figures.open_undone), (0, 1));
    assert!(begun > first);
}

/// The rows of a load's store, to be put into another one with a defect.
struct Rows {
    lines: Vec<u8>,
    now: Timestamp,
    users: BTreeMap<String, (UserRecord, Version)>,
    tokens: Vec<(String, TokenRecord)>,
    others: Vec<ExportRow>,
}

impl Rows {
    fn of(seed: u64) -> Self {
        let (store, lines) = loaded(seed);
        let mut account = Account::new();
        account.read(&*lines).unwrap();
        let mut rows = Self {
            lines,
            now: account.now(),
            users: BTreeMap::new(),
            tokens: Vec::new(),
            others: Vec::new(),
        };
        for row in export(&store, 100) {
            match row {
                ExportRow::User(user) => {
                    let name = user.value.id.as_str().to_owned();
                    rows.users.insert(name, (user.value, user.version));
                }
                ExportRow::Token(user, token) => rows.tokens.push((user.as_str().to_owned(), token)),
                other => rows.others.push(other),
            }
        }
        rows
    }

    /// What an account says of a store with these rows.
    fn judge(&self, lines: &[u8]) -> Result<(), (Promise, String)> {
        let store = MemoryStore::new();
        for (name, (user, version)) in &self.users {
            let mut draft: Draft = writing(name, Expect::Any, 1).user(user.clone());
            for (_, token) in self.tokens.iter().filter(|(owner, _)| owner == name) {
                draft = draft.token(token.clone());
            }
            for row in &self.others {
                match row {
                    ExportRow::Replay(owner, replay) if owner.as_str() == name => {
                        draft = draft.replay(*replay);
                    }
                    _ => {}
                }
            }
            let mut commit = Commit::from(draft);
            commit.next = *version;
            store.apply(&[commit]).unwrap();
        }
        let mut account = Account::new();
        account.read(lines).unwrap();
        match account.check(&store) {
            Ok(_) => Ok(()),
            Err(breach) => {
                assert!(breach.user().is_some(), "{breach}");
                Err((breach.promise(), breach.to_string()))
            }
        }
    }

    fn expect(&self, promise: Promise) {
        let (found, said) = self.judge(&self.lines).unwrap_err();
        assert_eq!(found, promise, "{said}");
    }

    /// A token that lives.
    fn live(&self) -> usize {
        let lives = |(_, token): &(_, TokenRecord)| token.revoked_at.is_none() && token.expires_at > self.now;
        self.tokens.iter().rposition(lives).unwrap()
    }

    fn revoked(&self) -> usize {
        let lives = |(_, token): &(_, TokenRecord)| token.revoked_at.is_some();
        self.tokens.iter().rposition(lives).unwrap()
    }
}

#[test]
fn the_same_rows_in_another_store_are_accepted() {
    let rows = Rows::of(4);
    rows.judge(&rows.lines).unwrap();
}

#[test]
fn a_lost_token_is_found_out() {
    let mut rows = Rows::of(4);
    let live = rows.live();
    rows.tokens.remove(live);
    rows.expect(Promise::NothingIsLost);
}

#[test]
fn a_lost_user_is_found_out() {
    let mut rows = Rows::of(4);
    rows.users.pop_last();
    rows.expect(Promise::NothingIsLost);
}

#[test]
fn a_write_that_went_back_is_found_out() {
    let mut rows = Rows::of(4);
    rows.users.values_mut().next().unwrap().1 = Version::from_bytes([1; 16]);
    rows.expect(Promise::NothingIsLost);
}

#[test]
fn a_lost_idempotency_key_is_found_out() {
    let mut rows = Rows::of(4);
    let live =
        |row: &ExportRow| matches!(row, ExportRow::Replay(_, replay) if replay.forgotten_at > rows.now);
    let live = rows.others.iter().position(live).unwrap();
    rows.others.remove(live);
    rows.expect(Promise::NothingIsLost);
}

#[test]
fn a_revived_token_is_found_out() {
    let mut rows = Rows::of(4);
    let revoked = rows.revoked();
    rows.tokens[revoked].1.revoked_at = None;
    rows.expect(Promise::NothingIsRevived);
}

#[test]
fn a_doubled_token_is_found_out() {
    let mut rows = Rows::of(4);
    let (owner, mut token) = rows.tokens[rows.live()].clone();
    if let TokenBody::Issued(issued) = &mut token.body {
        issued.id = TokenId::from_bytes([1; 16]);
    }
    rows.tokens.push((owner, token));
    rows.expect(Promise::NothingIsDoubled);
}

#[test]
fn an_altered_token_is_found_out() {
    let mut rows = Rows::of(4);
    let live = rows.live();
    rows.tokens[live].1.created_at = rows.now;
    rows.tokens[live].1.expires_at = rows.now.saturating_add_seconds(59);
    rows.expect(Promise::NothingIsAltered);
}

#[test]
fn an_altered_profile_is_found_out() {
    let mut rows = Rows::of(4);
    rows.users.values_mut().next().unwrap().0.nickname = None;
    rows.users.values_mut().next().unwrap().0.updated_at = rows.now;
    rows.expect(Promise::NothingIsAltered);
}

#[test]
fn an_altered_request_of_an_idempotency_key_is_found_out() {
    let mut rows = Rows::of(4);
    let now = rows.now;
    for row in &mut rows.others {
        if let ExportRow::Replay(_, replay) = row
            && replay.forgotten_at > now
        {
            replay.request = issuer::Digest::of(b"another request");
        }
    }
    rows.expect(Promise::NothingIsAltered);
}

/// The lines without the last answer that came with a token: its commit is open.
fn with_an_open_issue(lines: &[u8]) -> (String, String) {
    let lines: Vec<&str> = std::str::from_utf8(lines).unwrap().lines().collect();
    let is_issue = |line: &&str| line.contains(" applied ") && !line.ends_with(" -");
    let answer = lines.iter().rposition(is_issue).unwrap();
    let commit = lines[answer].split(' ').nth(2).unwrap();
    let begun = lines
        .iter()
        .find(|line| line.contains(&format!(" begin {commit} ")))
        .unwrap();
    let user = begun.split(' ').nth(3).unwrap();
    // Nothing that came after it for this user, either.
    let kept = lines
        .iter()
        .enumerate()
        .filter(|(at, line)| *at < answer || (*at > answer && line.contains(" applied ")))
        .map(|(_, line)| *line);
    (kept.collect::<Vec<&str>>().join("\n") + "\n", user.to_owned())
}

#[test]
fn half_a_commit_is_found_out_whichever_half() {
    let seed = (0..100)
        .find(|seed| {
            let lines = loaded(*seed).1;
            // The last line that matters is an issue under a key.
            let text = String::from_utf8(lines).unwrap();
            let last: Vec<&str> = text.lines().rev().take(2).collect();
            last[0].contains(" applied ") && !last[0].ends_with(" -") && last[1].contains(" replay ")
        })
        .unwrap();
    let whole = Rows::of(seed);
    let (lines, user) = with_an_open_issue(&whole.lines);
    whole.judge(lines.as_bytes()).unwrap();
    let newest = |rows: &Rows| {
        let of_user = |(owner, token): &(String, TokenRecord)| *owner == user && token.revoked_at.is_none();
        rows.tokens.iter().rposition(of_user).unwrap()
    };
    let torn = |rows: &Rows| {
        let (promise, said) = rows.judge(lines.as_bytes()).unwrap_err();
        assert_eq!(promise, Promise::NothingIsTorn, "{said}");
    };

    let mut no_token = Rows::of(seed);
    no_token.tokens.remove(newest(&no_token));
    torn(&no_token);

    let mut no_key = Rows::of(seed);
    let id = no_key.tokens[newest(&no_key)].1.issued().unwrap().id;
    no_key
        .others
        .retain(|row| !matches!(row, ExportRow::Replay(_, replay) if replay.token == id));
    torn(&no_key);

    let mut old_profile = Rows::of(seed);
    old_profile.users.get_mut(&user).unwrap().0.updated_at = Timestamp::MIN;
    torn(&old_profile);
}

#[test]
fn other_bytes_for_a_token_are_found_out() {
    let (store, lines) = loaded(5);
    let text = String::from_utf8(lines).unwrap();
    let answer = text.lines().find(|line| line.contains(" replayed ")).unwrap();
    let other = format!("{}x", &answer[..answer.len() - 1]);
    for (line, promise) in [
        (other.as_str(), Promise::NothingIsAltered),
        ("load: applied 00", Promise::TheLinesMakeSense),
        ("load: what?", Promise::TheLinesMakeSense),
    ] {
        let mut account = Account::new();
        account.read(text.replace(answer, line).as_bytes()).unwrap();
        assert_eq!(account.check(&store).unwrap_err().promise(), promise);
    }
}

#[test]
fn a_read_that_shows_what_nobody_wrote_is_found_out_by_the_lines_alone() {
    let (store, lines) = loaded(6);
    let text = String::from_utf8(lines).unwrap();
    // The first write of a user who has another one later goes unmentioned.
    let first = text.lines().find(|line| line.contains(" begin ")).unwrap();
    let commit = first.split(' ').nth(2).unwrap();
    let unmentioned = [format!(" begin {commit}"), format!(" applied {commit}")];
    let others: Vec<&str> = text
        .lines()
        .filter(|line| !unmentioned.iter().any(|what| line.contains(what)))
        .collect();
    let without = others.join("\n") + "\n";
    let mut account = Account::new();
    account.read(without.as_bytes()).unwrap();
    assert_eq!(
        account.check(&store).unwrap_err().promise(),
        Promise::NothingIsLost
    );
}
