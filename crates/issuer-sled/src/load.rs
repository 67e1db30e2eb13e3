//! What reads show: snapshots, tokens, pages of users.

use std::ops::Bound;

use issuer::{
    Digest,
    state::{Holder, Snapshot, TokenName, TokenRecord, TokenState},
    user::UserId,
};
use issuer_store::{Lookup, Page, TokenRef, UserEntry, UserPage};

use crate::{
    error::{Fault, Result},
    row::{User, decode_replay, decode_revoked, decode_tombstone},
    state::State,
    table::{STATE, Table, replay_key, token_key, user_id},
    view::{Rows, View},
};

/// A user with all that was asked beside.
pub(crate) fn snapshot(view: &View<'_>, lookup: &Lookup<'_>) -> Result<Snapshot> {
    let user = user(view, lookup.user)?;
    let mut snapshot = Snapshot {
        user: user.record,
        tokens: user.tokens,
        ..Snapshot::default()
    };
    for key in lookup.replays {
        let found = view.get(Table::Replays, &replay_key(lookup.user, *key))?;
        let found = found.map(|value| decode_replay(*key, &value)).transpose()?;
        snapshot.replays.push((*key, found));
    }
    for digest in lookup.digests {
        snapshot.holders.push((*digest, holder(view, *digest)?));
    }
    Ok(snapshot)
}

/// Who holds a digest: a token that is not revoked, else the tombstone.
pub(crate) fn holder(rows: &impl Rows, digest: Digest) -> Result<Option<Holder>> {
    if let Some(owner) = rows.get(Table::Assigned, digest.as_bytes())? {
        let owner = user_id(&owner, "assigned")?;
        if let Some(token) = user(rows, &owner)?.token(TokenName::Assigned(digest)) {
            let expires_at = token.expires_at;
            return Ok(Some(Holder::Token {
                user: owner,
                expires_at,
            }));
        }
    }
    let tombstone = rows.get(Table::Tombstones, digest.as_bytes())?;
    tombstone
        .map(|value| {
            let until = decode_tombstone(&value)?;
            Ok(Holder::Tombstone { until })
        })
        .transpose()
}

/// A token with its user.
pub(crate) fn find(view: &View<'_>, token: &TokenRef<'_>) -> Result<Option<TokenState>> {
    match token {
        TokenRef::Issued { user, id } => find_of_user(view, user, TokenName::Issued(*id)),
        TokenRef::Assigned(digest) => match view.get(Table::Assigned, digest.as_bytes())? {
            Some(owner) => find_of_user(view, &user_id(&owner, "assigned")?, TokenName::Assigned(*digest)),
            None => Ok(None),
        },
    }
}

fn find_of_user(view: &View<'_>, id: &UserId, name: TokenName) -> Result<Option<TokenState>> {
    let user = user(view, id)?;
    let token = user.token(name).cloned();
    let Some(record) = user.record else {
        return Ok(None);
    };
    let token = match token {
        Some(token) => Some(token),
        None => revoked(view, id, name)?,
    };
    Ok(token.map(|token| TokenState {
        token,
        user: record.value,
    }))
}

fn revoked(view: &View<'_>, id: &UserId, name: TokenName) -> Result<Option<TokenRecord>> {
    let found = view.get(Table::Revoked, &token_key(id, name))?;
    found.map(|value| decode_revoked(&value)).transpose()
}

/// A page of users.
pub(crate) fn list(view: &View<'_>, page: &Page<'_>) -> Result<UserPage> {
    let after = page.after.map_or(Bound::Unbounded, |id| {
        Bound::Excluded(id.as_str().as_bytes().to_vec())
    });
    let mut to_skip = page.skip;
    let mut users = Vec::new();
    let mut rows = view.scan(Table::Users, after, None);
    while users.len() < page.limit {
        let Some(row) = rows.next() else { break };
        let (key, value) = row?;
        if !User::has_record(&value) {
            continue;
        }
        if to_skip > 0 {
            to_skip -= 1;
            continue;
        }
        let user = User::decode(&user_id(&key, "users")?, &value)?;
        if let Some(record) = user.record {
            users.push(UserEntry {
                user: record.value,
                tokens: user.tokens,
            });
        }
    }
    let total = page.count_all.then(|| count(view)).transpose()?;
    Ok(UserPage { users, total })
}

fn count(view: &View<'_>) -> Result<u64> {
    match view.get(Table::Own, STATE)? {
        Some(value) => Ok(State::decode(&value)?.users),
        None => Err(Fault::row("its own tree")),
    }
}

fn user(rows: &impl Rows, id: &UserId) -> Result<User> {
    match rows.get(Table::Users, id.as_str().as_bytes())? {
        Some(value) => User::decode(id, &value),
        None => Ok(User::default()),
    }
}
