//! Writing a profile, and nothing else.

use super::{Decision, Fresh};
use crate::{
    Timestamp,
    state::{Change, Commit, Expect, Snapshot, TokenMode, UserRecord, Versioned},
    user::NewUser,
};

/// Creates the user or updates the profile; tokens stay as they are.
pub fn write_profile(
    snapshot: &Snapshot,
    user: &NewUser,
    now: Timestamp,
    fresh: Fresh,
) -> Decision<UserRecord> {
    let record = updated(snapshot, user, None, now);
    let commit = commit(snapshot, &record, fresh, Vec::new());
    Decision::Commit(commit, record)
}

/// The user's record once `user` is carried out. Fields that the request does not name stay as they are.
pub(super) fn updated(
    snapshot: &Snapshot,
    user: &NewUser,
    token_mode: Option<TokenMode>,
    now: Timestamp,
) -> UserRecord {
    let stored = snapshot.user.as_ref().map(|user| &user.value);
    UserRecord {
        id: user.id().clone(),
        nickname: user
            .nickname_patch()
            .apply_to(stored.and_then(|user| user.nickname.as_ref())),
        avatar_url: user
            .avatar_url_patch()
            .apply_to(stored.and_then(|user| user.avatar_url.as_ref())),
        token_mode: token_mode
            .or_else(|| stored.map(|user| user.token_mode))
            .unwrap_or_default(),
        created_at: stored.map_or(now, |user| user.created_at),
        updated_at: now,
    }
}

/// The commit that puts `record` and `rows` in the place of what `snapshot` shows.
pub(super) fn commit(snapshot: &Snapshot, record: &UserRecord, fresh: Fresh, rows: Vec<Change>) -> Commit {
    let expect = match &snapshot.user {
        Some(Versioned { version, .. }) => Expect::Version(*version),
        None => Expect::Absent,
    };
    let mut changes = Vec::with_capacity(rows.len() + 1);
    changes.push(Change::PutUser(record.clone()));
    changes.extend(rows);
    Commit {
        user: record.id.clone(),
        expect,
        next: fresh.version,
        claims: Vec::new(),
        changes,
    }
}
