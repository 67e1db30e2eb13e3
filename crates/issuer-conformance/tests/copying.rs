//! A copy has every row of its source, and nothing is ever lost in a destination.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use issuer::{
    Timestamp,
    state::{
        ApiKeyRecord, ApiKeyScope, Commit, Control, Expect, Holder, Snapshot, TokenMode, TokenState,
        UserRecord, Versioned,
    },
    user::UserId,
};
use issuer_conformance::fixture::{
    assigned, at, creating, dead_until, digest, held_by, id, issued, replay, revoked, until, updating, user,
    version, writing,
};
use issuer_store::{
    Copied, CopyError, Counts, Cursor, Export, ExportRow, Lookup, MemoryStore, Outcome, Page, Phase,
    Progress, Store, StoreError, StoreErrorKind, TokenRef, UserPage, copy,
};

fn apply(store: &dyn Store, commits: &[Commit]) {
    for outcome in store.apply(commits).unwrap() {
        assert_eq!(outcome, Outcome::Applied);
    }
}

fn control(name: &str, number: u64) -> Versioned<Control> {
    let key = ApiKeyRecord {
        name: name.to_owned(),
        hash: digest(name),
        scope: ApiKeyScope::Issue,
        created_at: at(0),
        expires_at: Some(at(9)),
        revoked_at: Some(at(5)),
    };
    Versioned {
        version: version(number),
        value: Control { api_keys: vec![key] },
    }
}

/// A store with a row of every kind.
fn full() -> MemoryStore {
    let store = MemoryStore::new();
    let plain = UserRecord {
        nickname: None,
        avatar_url: None,
        token_mode: TokenMode::Unset,
        ..user("bob")
    };
    apply(
        &store,
        &[
            creating("amy", 1)
                .token(issued("live"))
                .token(revoked(issued("revoked"), at(60)))
                .token(until(issued("of the past"), at(-60)))
                .token(assigned("amys"))
                .replay(replay("a key"))
                .into(),
            writing("bob", Expect::Absent, 2).user(plain).into(),
            // What a call that replaces an assigned token, and one that deletes a user, leave behind.
            creating("cid", 3)
                .token(revoked(assigned("cids"), at(60)))
                .tombstone("cids", at(3_600))
                .into(),
            creating("dan", 4)
                .token(assigned("dans"))
                .replay(replay("a key"))
                .into(),
            updating("dan", 4, 5).tombstone("dans", at(7_200)).erase().into(),
            // Named like the user of the commits that copy tombstones.
            creating("tombstones", 6).token(assigned("another")).into(),
        ],
    );
    assert_eq!(
        store.set_control(Expect::Absent, &control("ops", 7)).unwrap(),
        Outcome::Applied
    );
    store
}

const COUNTS: Counts = Counts {
    users: 4,
    tokens: 6,
    replays: 1,
    tombstones: 2,
    api_keys: 1,
};

fn rows(store: &dyn Store) -> Vec<ExportRow> {
    let export = store.export(None, 1_000_000).unwrap();
    assert_eq!(export.next, None);
    export.rows
}

fn assert_same(a: &dyn Store, b: &dyn Store) {
    assert_eq!(rows(a), rows(b));
    assert_eq!(a.control().unwrap(), b.control().unwrap());
}

fn silently(from: &dyn Store, to: &dyn Store) -> Result<Copied, CopyError> {
    copy(from, to, &mut |_| {})
}

#[test]
fn every_row_is_in_the_copy_as_it_was_and_is_found_there() {
    let (from, to) = (full(), MemoryStore::new());
    let copied = silently(&from, &to).unwrap();
    assert_eq!((copied.counts, copied.written), (COUNTS, 14));
    assert_same(&from, &to);
    let digests = ["amys", "cids", "dans", "unheard of"].map(digest);
    let lookup = Lookup {
        user: &id("amy"),
        replays: &[digest("a key")],
        digests: &digests,
    };
    let snapshot = to.load(&[lookup]).unwrap().remove(0);
    assert_eq!(snapshot.user.unwrap().version, version(1));
    assert_eq!(snapshot.replays, [(digest("a key"), Some(replay("a key")))]);
    let holders: Vec<Option<Holder>> = snapshot.holders.into_iter().map(|(_, holder)| holder).collect();
    assert_eq!(
        holders,
        [
            Some(held_by("amy")),
            Some(dead_until(at(3_600))),
            Some(dead_until(at(7_200))),
            None
        ]
    );
}

#[test]
fn copying_again_writes_nothing_and_a_copy_of_a_copy_has_the_same_digest() {
    let (from, to, third) = (full(), MemoryStore::new(), MemoryStore::new());
    let first = silently(&from, &to).unwrap();
    let again = silently(&from, &to).unwrap();
    assert_eq!(
        (again.written, again.counts, again.digest),
        (0, COUNTS, first.digest)
    );
    assert_eq!(silently(&to, &third).unwrap(), first);
    assert_eq!(silently(&from, &from).unwrap().written, 0, "onto itself");
}

#[test]
fn an_empty_store_is_copied_into_an_empty_one_and_nowhere_else() {
    let empty = MemoryStore::new();
    let copied = silently(&empty, &MemoryStore::new()).unwrap();
    assert_eq!((copied.counts, copied.written), (Counts::default(), 0));
    assert_eq!(copied.digest.as_bytes(), &[0; 32]);
    assert!(matches!(
        silently(&empty, &full()),
        Err(CopyError::Occupied { rows: 14 })
    ));
}

/// Each of these is one row that the source does not have.
fn others() -> Vec<(&'static str, Commit)> {
    vec![
        ("another user", creating("eve", 9).into()),
        (
            "the same user, written by another commit",
            creating("amy", 9).into(),
        ),
        (
            "the same token, revoked",
            updating("amy", 1, 1).token(revoked(issued("live"), at(1))).into(),
        ),
        (
            "the same token, live",
            updating("amy", 1, 1).token(issued("revoked")).into(),
        ),
        (
            "another idempotency record",
            updating("amy", 1, 1).replay(replay("another key")).into(),
        ),
        (
            "another tombstone",
            writing("nobody", Expect::Absent, 9).tombstone("x", at(1)).into(),
        ),
        (
            "a longer tombstone",
            writing("nobody", Expect::Absent, 9)
                .tombstone("dans", at(7_201))
                .into(),
        ),
    ]
}

#[test]
fn a_destination_that_holds_something_else_is_refused_and_untouched() {
    for (what, other) in others() {
        let (from, to, before) = (full(), MemoryStore::new(), MemoryStore::new());
        for store in [&to, &before] {
            if let Expect::Version(_) = other.expect {
                apply(store, &[creating("amy", 1).into()]);
            }
            apply(store, std::slice::from_ref(&other));
        }
        let error = silently(&from, &to).unwrap_err();
        assert!(
            matches!(error, CopyError::Occupied { rows: 1 }),
            "{what}: {error:?}"
        );
        assert_same(&to, &before);
    }
    let (from, to) = (full(), MemoryStore::new());
    to.set_control(Expect::Absent, &control("others", 7)).unwrap();
    assert!(matches!(
        silently(&from, &to),
        Err(CopyError::Occupied { rows: 1 })
    ));
    assert_eq!(
        (rows(&to), to.control().unwrap()),
        (vec![], Some(control("others", 7)))
    );
}

/// `users` users with a token each, and a tombstone for every tenth.
fn many(users: u32) -> MemoryStore {
    let store = MemoryStore::new();
    let commits: Vec<Commit> = (0..users)
        .map(|number| {
            let name = format!("user{number}");
            let draft = creating(&name, u64::from(number)).token(issued(&name));
            let draft = if number % 10 == 0 {
                draft.tombstone(&name, at(1))
            } else {
                draft
            };
            draft.into()
        })
        .collect();
    apply(&store, &commits);
    store
}

#[test]
fn the_progress_counts_every_row_up_to_its_total() {
    let (from, to) = (many(1_500), MemoryStore::new());
    let mut seen: Vec<Progress> = Vec::new();
    copy(&from, &to, &mut |progress| seen.push(progress)).unwrap();
    assert!(seen.is_sorted_by_key(|progress| (progress.phase, progress.done)));
    let last = |phase| *seen.iter().rfind(|progress| progress.phase == phase).unwrap();
    assert_eq!(
        (last(Phase::Source).done, last(Phase::Source).total),
        (3_150, None)
    );
    assert_eq!(
        (last(Phase::Writing).done, last(Phase::Writing).total),
        (3_150, Some(3_150))
    );
    assert_eq!(
        (last(Phase::Comparing).done, last(Phase::Comparing).total),
        (6_300, Some(6_300))
    );
    assert_same(&from, &to);
}

/// What happens when a store is called.
type Event = Box<dyn FnMut(usize, &MemoryStore) -> Result<(), StoreError> + Send>;

/// A store in which something happens right before each write (of rows or of control), or each page of an export.
struct Eventful {
    inner: MemoryStore,
    writes: AtomicUsize,
    pages: AtomicUsize,
    before_write: Mutex<Event>,
    before_page: Mutex<Event>,
    /// Users before tokens, tokens before the rest, as SQLite has it.
    by_table: bool,
}

impl Eventful {
    fn over(inner: MemoryStore) -> Self {
        Self {
            inner,
            writes: AtomicUsize::new(0),
            pages: AtomicUsize::new(0),
            before_write: Mutex::new(Box::new(|_, _| Ok(()))),
            before_page: Mutex::new(Box::new(|_, _| Ok(()))),
            by_table: false,
        }
    }

    fn before_write(
        self,
        event: impl FnMut(usize, &MemoryStore) -> Result<(), StoreError> + Send + 'static,
    ) -> Self {
        *self.before_write.lock().unwrap() = Box::new(event);
        self
    }

    fn before_page(
        self,
        event: impl FnMut(usize, &MemoryStore) -> Result<(), StoreError> + Send + 'static,
    ) -> Self {
        *self.before_page.lock().unwrap() = Box::new(event);
        self
    }

    fn write_begins(&self) -> Result<(), StoreError> {
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        (self.before_write.lock().unwrap())(number, &self.inner)
    }
}

impl Store for Eventful {
    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        self.inner.load(lookups)
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError> {
        self.inner.find(tokens)
    }

    fn list(&self, page: &Page<'_>) -> Result<UserPage, StoreError> {
        self.inner.list(page)
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        let number = self.pages.fetch_add(1, Ordering::Relaxed);
        (self.before_page.lock().unwrap())(number, &self.inner)?;
        if !self.by_table {
            return self.inner.export(after, limit);
        }
        let start = after.map_or(0, |cursor| {
            usize::from_be_bytes(cursor.as_bytes().try_into().unwrap())
        });
        let mut rows = rows(&self.inner);
        rows.sort_by_key(|row| match row {
            ExportRow::User(_) => 0,
            ExportRow::Token(..) => 1,
            ExportRow::Replay(..) => 2,
            ExportRow::Tombstone(_) => 3,
        });
        let end = start.saturating_add(limit);
        let next = (end < rows.len()).then(|| Cursor::new(end.to_be_bytes().to_vec()));
        let rows = rows.into_iter().skip(start).take(limit).collect();
        Ok(Export { rows, next })
    }

    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        self.write_begins()?;
        self.inner.apply(commits)
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.inner.purge(dead_before, limit)
    }

    fn control(&self) -> Result<Option<Versioned<Control>>, StoreError> {
        self.inner.control()
    }

    fn set_control(&self, expect: Expect, next: &Versioned<Control>) -> Result<Outcome, StoreError> {
        self.write_begins()?;
        self.inner.set_control(expect, next)
    }
}

#[test]
fn a_store_that_gives_all_users_before_all_tokens_is_copied_too() {
    let by_table = |inner| Eventful {
        by_table: true,
        ..Eventful::over(inner)
    };
    for inner in [full(), many(2_500)] {
        let (from, to) = (by_table(inner), MemoryStore::new());
        silently(&from, &to).unwrap();
        assert_same(&from.inner, &to);
        // And back, where the order of the rows is another one.
        let back = by_table(MemoryStore::new());
        silently(&to, &back).unwrap();
        assert_same(&from.inner, &back.inner);
    }
}

#[test]
fn a_copy_that_was_interrupted_at_any_write_is_completed_by_the_next_one() {
    for by_table in [false, true] {
        let inner = many(1_200);
        inner.set_control(Expect::Absent, &control("ops", 1)).unwrap();
        let from = Eventful {
            by_table,
            ..Eventful::over(inner)
        };
        for interrupted_at in 0..4 {
            let to = Eventful::over(MemoryStore::new()).before_write(move |number, _| {
                if number == interrupted_at {
                    return Err(StoreError::new(StoreErrorKind::Full, "no space left"));
                }
                Ok(())
            });
            let error = silently(&from, &to).unwrap_err();
            assert!(matches!(error, CopyError::Destination(_)), "{error:?}");
            assert_eq!(to.inner.control().unwrap(), None, "the API keys come last");
            let there = rows(&to.inner).len() as u64;
            assert_eq!(there, (interrupted_at as u64 * 1_000).min(2_520));
            let copied = silently(&from, &to).unwrap();
            assert_eq!(copied.written, 2_521 - there);
            assert_same(&from.inner, &to.inner);
        }
    }
}

fn issue_to(store: &MemoryStore, name: &str) {
    let found = store.load(&[Lookup::user(&id(name))]).unwrap().remove(0).user;
    let draft = match found {
        Some(user) => writing(name, Expect::Version(user.version), 99_999).user(user.value),
        None => creating(name, 99_999),
    };
    apply(store, &[draft.token(issued("written meanwhile")).into()]);
}

#[test]
fn what_somebody_else_writes_into_the_destination_is_not_written_over() {
    // A user that is to be copied in the second slice is there by then; and one is changed that has been copied.
    for name in ["user1100", "user0"] {
        let from = Eventful {
            by_table: true,
            ..Eventful::over(many(1_200))
        };
        let to = Eventful::over(MemoryStore::new()).before_write(move |number, inner| {
            if number == 1 {
                issue_to(inner, name);
            }
            Ok(())
        });
        let names: Vec<UserId> = vec![id(name)];
        let error = silently(&from, &to).unwrap_err();
        assert!(matches!(error, CopyError::Changed), "{name}: {error:?}");
        let lookups: Vec<Lookup<'_>> = names.iter().map(Lookup::user).collect();
        let found = to.inner.load(&lookups).unwrap().remove(0);
        assert_eq!(found.user.unwrap().version, version(99_999));
        assert!(found.tokens.contains(&issued("written meanwhile")));
        assert!(matches!(silently(&from, &to), Err(CopyError::Occupied { .. })));
    }
}

#[test]
fn a_source_that_is_written_to_meanwhile_is_noticed_whenever_it_is() {
    // 1,200 users are 2,520 rows and three pages: pages 0 to 2 are counted, 3 to 5 are copied, 6 to 8 are compared.
    for page in 1..=6 {
        for name in ["user0", "user999", "nobody before"] {
            let from = Eventful::over(many(1_200)).before_page(move |number, inner| {
                if number == page {
                    issue_to(inner, name);
                }
                Ok(())
            });
            let to = MemoryStore::new();
            match silently(&from, &to) {
                Err(CopyError::Changed) => {}
                Ok(_) => assert_same(&from.inner, &to),
                Err(error) => panic!("{page}, {name}: {error:?}"),
            }
        }
    }
}
