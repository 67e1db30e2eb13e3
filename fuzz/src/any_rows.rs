//! A store whose rows say anything: each call answers or says that the store is damaged, and none panics.

use issuer::{
    Digest, KeyFingerprint, Lifetime, Timestamp, TokenId,
    decide::{self, Decision, Fresh, IdempotencyKey, Issue, Rules},
    state::{Change, Claim, Commit, Expect, IssuedToken, TokenBody, TokenRecord, Tombstone, Version},
    user::{NewUser, UserId},
};
use issuer_store::{Lookup, Page, Store, StoreError, StoreErrorKind, TokenRef};

const NOW: i64 = 1_750_000_000;

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix(NOW).expect("in range")
}

/// The user whose rows are in [`filled`].
fn amy() -> UserId {
    UserId::parse("amy").expect("an id")
}

fn key() -> IdempotencyKey {
    IdempotencyKey::new(b"caller", "key").expect("a key")
}

fn assigned() -> Digest {
    Digest::of(b"a token of the host's")
}

fn fresh(byte: u8) -> Fresh {
    Fresh {
        token_id: TokenId::from_bytes([byte; 16]),
        version: Version::from_bytes([byte; 16]),
    }
}

fn issue(id: &str, idempotency_key: Option<IdempotencyKey>) -> Issue {
    let user = NewUser::new(id).and_then(|user| user.nickname("Amy"));
    Issue {
        user: user.expect("a user"),
        idempotency_key,
    }
}

/// A row of each kind, in a new store.
pub(crate) fn fill(store: &dyn Store) {
    let rules = Rules::new(KeyFingerprint::from_bytes([7; 16])).with_issuer("issuer");
    let empty = issuer::state::Snapshot::default();
    let Decision::Commit(mut commit, _) =
        decide::issue(&empty, &issue("amy", Some(key())), &rules, now(), fresh(1))
    else {
        panic!("a new user has room");
    };
    let later = now().checked_add(Lifetime::default()).expect("in range");
    let token = |body, revoked_at| TokenRecord {
        body,
        created_at: now(),
        expires_at: later,
        revoked_at,
    };
    let issued = TokenBody::Issued(IssuedToken {
        id: TokenId::from_bytes([2; 16]),
        key: KeyFingerprint::from_bytes([7; 16]),
        issuer: Some("issuer".into()),
        audience: Some("audience".into()),
    });
    commit.claims.push(Claim {
        digest: assigned(),
        holder: None,
    });
    commit.changes.push(Change::PutToken(token(issued, Some(now()))));
    commit
        .changes
        .push(Change::PutToken(token(TokenBody::Assigned(assigned()), None)));
    commit.changes.push(Change::PutTombstone(Tombstone {
        digest: Digest::of(b"a dead token"),
        until: later,
    }));
    store.apply(&[commit]).expect("a new store takes it");
    let control = issuer::state::Versioned {
        version: Version::from_bytes([1; 16]),
        value: issuer::state::Control::default(),
    };
    store
        .set_control(Expect::Absent, &control)
        .expect("a new store takes it");
}

/// Asks for everything, and writes.
pub(crate) fn exercise(store: &dyn Store) {
    let (amy, replays) = (amy(), [key().digest()]);
    let digests = [assigned(), Digest::of(b"a dead token")];
    let lookup = Lookup {
        user: &amy,
        replays: &replays,
        digests: &digests,
    };
    let snapshots = judged(store.load(&[lookup]));
    for id in [1, 2] {
        let id = TokenId::from_bytes([id; 16]);
        judged(store.find(&[TokenRef::Issued { user: &amy, id }]));
    }
    judged(store.find(&[TokenRef::Assigned(assigned())]));
    judged(store.list(&Page {
        limit: 10,
        count_all: true,
        ..Page::default()
    }));
    let mut cursor = None;
    // Few rows, a few at a time: a cursor that goes round would never end.
    for round in 0.. {
        assert!(round < 100, "an export has no end");
        let Some(export) = judged(store.export(cursor.as_ref(), 2)) else {
            break;
        };
        cursor = export.next;
        if cursor.is_none() {
            break;
        }
    }
    judged(store.control());
    let rules = Rules::new(KeyFingerprint::from_bytes([7; 16])).with_issuer("issuer");
    for snapshot in snapshots.into_iter().flatten() {
        for (request, byte) in [(issue("amy", Some(key())), 3), (issue("amy", None), 4)] {
            if let Decision::Commit(commit, _) =
                decide::issue(&snapshot, &request, &rules, now(), fresh(byte))
            {
                judged(store.apply(&[commit]));
            }
        }
    }
    let erase = Commit {
        changes: vec![Change::EraseUser],
        ..commit_of(&amy)
    };
    judged(store.purge(now(), 10));
    judged(store.apply(&[erase]));
    judged(store.purge(Timestamp::MAX, 100));
}

fn commit_of(user: &UserId) -> Commit {
    Commit {
        user: user.clone(),
        expect: Expect::Any,
        claims: Vec::new(),
        next: Version::from_bytes([9; 16]),
        changes: Vec::new(),
    }
}

/// The answer, if there is one; an error says that the store is damaged.
pub(crate) fn judged<T>(answer: Result<T, StoreError>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(error) => {
            assert_eq!(error.kind(), StoreErrorKind::Damaged, "{error:?}");
            None
        }
    }
}
