//! Questions to a store, each with its one answer.

use issuer::{
    TokenId,
    state::{Commit, Holder, Snapshot, TokenName, TokenRecord, TokenState, Version},
    user::UserId,
};
use issuer_store::{Cursor, ExportRow, Lookup, Outcome, Page, Store, TokenRef, UserPage};

use crate::fixture::{Draft, digest, id};

/// Applies one slice.
#[track_caller]
pub fn apply(store: &dyn Store, drafts: impl IntoIterator<Item = Draft>) -> Vec<Outcome> {
    let commits: Vec<Commit> = drafts.into_iter().map(Commit::from).collect();
    let outcomes = store.apply(&commits).expect("apply");
    assert_eq!(outcomes.len(), commits.len(), "an outcome for each commit");
    outcomes
}

/// Applies one slice, of which every commit must be applied.
#[track_caller]
pub fn applied(store: &dyn Store, drafts: impl IntoIterator<Item = Draft>) {
    for (index, outcome) in apply(store, drafts).into_iter().enumerate() {
        assert_eq!(outcome, Outcome::Applied, "commit {index} of the slice");
    }
}

/// Applies one commit, which must be a conflict.
#[track_caller]
pub fn conflicts(store: &dyn Store, draft: Draft) {
    assert_eq!(apply(store, [draft]), [Outcome::Conflict]);
}

/// The user alone.
#[track_caller]
pub fn snapshot(store: &dyn Store, user: &str) -> Snapshot {
    load(store, user, &[], &[])
}

/// The user, and what was asked beside: idempotency keys and the texts of assigned tokens.
#[track_caller]
pub fn load(store: &dyn Store, user: &str, keys: &[&str], texts: &[&str]) -> Snapshot {
    let replays: Vec<_> = keys.iter().map(|key| digest(key)).collect();
    let digests: Vec<_> = texts.iter().map(|text| digest(text)).collect();
    let lookup = Lookup {
        user: &id(user),
        replays: &replays,
        digests: &digests,
    };
    let mut snapshots = store.load(&[lookup]).expect("load");
    assert_eq!(snapshots.len(), 1, "a snapshot for each lookup");
    snapshots.remove(0)
}

/// Which commit wrote the user last.
#[track_caller]
pub fn version_of(store: &dyn Store, user: &str) -> Option<Version> {
    snapshot(store, user).user.map(|user| user.version)
}

/// The user's tokens that are not revoked, in the order of their names.
#[track_caller]
pub fn tokens(store: &dyn Store, user: &str) -> Vec<TokenRecord> {
    sorted(snapshot(store, user).tokens)
}

/// Tokens in the order of their names.
#[track_caller]
pub fn sorted(mut tokens: Vec<TokenRecord>) -> Vec<TokenRecord> {
    tokens.sort_unstable_by_key(TokenRecord::name);
    tokens
}

/// Who holds the assigned token `text`.
#[track_caller]
pub fn holder(store: &dyn Store, text: &str) -> Option<Holder> {
    let loaded = load(store, "nobody in particular", &[], &[text]);
    assert_eq!(loaded.holders.len(), 1, "a holder for each digest");
    assert_eq!(loaded.holders[0].0, digest(text));
    loaded.holders[0].1.clone()
}

/// One token; an issued one among those of `user`.
#[track_caller]
pub fn find(store: &dyn Store, user: &str, token: &TokenRecord) -> Option<TokenState> {
    let user = id(user);
    let mut found = store.find(&[reference(&user, token)]).expect("find");
    assert_eq!(found.len(), 1, "an answer for each token");
    found.remove(0)
}

/// How to ask for a token.
#[track_caller]
pub fn reference<'a>(user: &'a UserId, token: &TokenRecord) -> TokenRef<'a> {
    match token.name() {
        TokenName::Issued(id) => TokenRef::Issued { user, id },
        TokenName::Assigned(digest) => TokenRef::Assigned(digest),
    }
}

/// The `jti` of an issued token.
#[track_caller]
pub fn jti(token: &TokenRecord) -> TokenId {
    token.issued().expect("an issued token").id
}

/// One page of users.
#[track_caller]
pub fn list(store: &dyn Store, page: &Page<'_>) -> UserPage {
    store.list(page).expect("list")
}

/// The ids of a page, in its order.
#[track_caller]
pub fn ids(page: &UserPage) -> Vec<&str> {
    page.users.iter().map(|entry| entry.user.id.as_str()).collect()
}

/// Every row of the store, `limit` at a time.
///
/// # Panics
/// Where a page is longer than `limit`, or the export does not end.
#[track_caller]
pub fn export(store: &dyn Store, limit: usize) -> Vec<ExportRow> {
    export_while(store, limit, |_| {})
}

/// As [`export`]; `meanwhile` is called after each page but the last, with the number of pages so far.
///
/// # Panics
/// As [`export`].
#[track_caller]
pub fn export_while(store: &dyn Store, limit: usize, mut meanwhile: impl FnMut(usize)) -> Vec<ExportRow> {
    let mut rows = Vec::new();
    let mut cursor: Option<Cursor> = None;
    for page in 1..100_000 {
        let export = store.export(cursor.as_ref(), limit).expect("export");
        assert!(
            export.rows.len() <= limit,
            "a page of an export is at most `limit` rows"
        );
        rows.extend(export.rows);
        let Some(next) = export.next else { return rows };
        // What travels between two calls is the bytes alone.
        cursor = Some(Cursor::new(next.as_bytes().to_vec()));
        meanwhile(page);
    }
    panic!("the export does not end");
}
