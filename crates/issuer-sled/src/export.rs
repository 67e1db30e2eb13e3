//! Every row, a page at a time.
//!
//! User by user in the order of their ids: the record, the tokens in the order of their names, revoked or not, the
//! idempotency records in the order of their keys; and the tombstones at the end. None of these orders ever changes.

use std::{iter::Peekable, ops::Bound, vec};

use issuer::{
    Digest, Timestamp,
    state::{TokenName, TokenRecord, Tombstone},
    user::UserId,
};
use issuer_store::{Cursor, Export, ExportRow, StoreErrorKind};
use sled::IVec;

use crate::{
    codec::{Reader, put_name},
    error::{Fault, Result},
    row::{User, decode_replay, decode_revoked, decode_tombstone},
    table::{Table, after_user, digest, of_user, replay_key, token_key, user_id},
    view::{Rows, View},
};

/// The rows after a cursor.
pub(crate) fn export(view: &View<'_>, after: Option<&Cursor>, limit: usize) -> Result<Export> {
    let start =
        match after {
            None => None,
            Some(cursor) => Some(Place::decode(cursor.as_bytes()).ok_or_else(|| {
                Fault::refused(StoreErrorKind::Invalid, "made no such cursor for its exports")
            })?),
        };
    let mut page = PageOfRows {
        rows: Vec::new(),
        // One more than asked for tells whether this is the end.
        wanted: limit.max(1).saturating_add(1),
    };
    let from_tombstone = match &start {
        Some(Place::Tombstone(digest)) => Some(*digest),
        _ => None,
    };
    if from_tombstone.is_none() {
        users(view, start.as_ref(), &mut page)?;
    }
    tombstones(view, from_tombstone, &mut page)?;
    let more = page.rows.len() == page.wanted;
    if more {
        page.rows.pop();
    }
    let next = page.rows.last().filter(|_| more).map(|(place, _)| place.encode());
    Ok(Export {
        rows: page.rows.into_iter().map(|(_, row)| row).collect(),
        next,
    })
}

struct PageOfRows {
    rows: Vec<(Place, ExportRow)>,
    wanted: usize,
}

impl PageOfRows {
    fn is_full(&self) -> bool {
        self.rows.len() == self.wanted
    }
}

fn users(view: &View<'_>, start: Option<&Place>, page: &mut PageOfRows) -> Result<()> {
    let from = match start {
        // Once more the user whose rows were not all of them read.
        Some(Place::OfUser(id, _)) => Bound::Included(id.as_str().as_bytes().to_vec()),
        _ => Bound::Unbounded,
    };
    for row in view.scan(Table::Users, from, None) {
        if page.is_full() {
            return Ok(());
        }
        let (key, value) = row?;
        let id = user_id(&key, "users")?;
        let after = match start {
            Some(Place::OfUser(user, row)) if *user == id => Some(*row),
            _ => None,
        };
        rows_of_user(view, &id, &value, after, page)?;
    }
    Ok(())
}

fn rows_of_user(
    view: &View<'_>,
    id: &UserId,
    value: &[u8],
    after: Option<Row>,
    page: &mut PageOfRows,
) -> Result<()> {
    let user = User::decode(id, value)?;
    if after.is_none()
        && let Some(record) = user.record
    {
        let place = Place::OfUser(id.clone(), Row::User);
        page.rows.push((place, ExportRow::User(record)));
    }
    let replays_after = match after {
        Some(Row::Replay(key)) => Some(key),
        _ => None,
    };
    if replays_after.is_none() {
        let after = match after {
            Some(Row::Token(name)) => Some(name),
            _ => None,
        };
        tokens(view, id, user.tokens, after, page)?;
    }
    let from = match replays_after {
        None => Bound::Included(of_user(id)),
        Some(key) => Bound::Excluded(replay_key(id, key)),
    };
    let skipped = of_user(id).len();
    for row in view.scan(Table::Replays, from, Some(after_user(id))) {
        if page.is_full() {
            break;
        }
        let (key, value) = row?;
        let key = digest(key.get(skipped..).unwrap_or_default(), "replays")?;
        let place = Place::OfUser(id.clone(), Row::Replay(key));
        let replay = decode_replay(key, &value)?;
        page.rows.push((place, ExportRow::Replay(id.clone(), replay)));
    }
    Ok(())
}

/// The tokens of a user: those that are not revoked and those that are, merged, so that one which is revoked
/// between two pages keeps its place.
fn tokens(
    view: &View<'_>,
    id: &UserId,
    unrevoked: Vec<TokenRecord>,
    after: Option<TokenName>,
    page: &mut PageOfRows,
) -> Result<()> {
    let from = match after {
        None => Bound::Included(of_user(id)),
        Some(name) => Bound::Excluded(token_key(id, name)),
    };
    let mut revoked = view
        .scan(Table::Revoked, from, Some(after_user(id)))
        .map(|row| row.and_then(|(_, value)| decode_revoked(&value)));
    let mut next_revoked = revoked.next().transpose()?;
    let mut unrevoked: Peekable<vec::IntoIter<TokenRecord>> = unrevoked.into_iter().peekable();
    while unrevoked
        .next_if(|token| after.is_some_and(|after| token.name() <= after))
        .is_some()
    {}
    while !page.is_full() {
        let revoked_first = match (&next_revoked, unrevoked.peek()) {
            (Some(revoked), Some(unrevoked)) => revoked.name() < unrevoked.name(),
            (found, _) => found.is_some(),
        };
        let token = if revoked_first {
            std::mem::replace(&mut next_revoked, revoked.next().transpose()?)
        } else {
            unrevoked.next()
        };
        let Some(token) = token else { break };
        let place = Place::OfUser(id.clone(), Row::Token(token.name()));
        page.rows.push((place, ExportRow::Token(id.clone(), token)));
    }
    Ok(())
}

fn tombstones(view: &View<'_>, after: Option<Digest>, page: &mut PageOfRows) -> Result<()> {
    let from = after.map_or(Bound::Unbounded, |digest| {
        Bound::Excluded(digest.as_bytes().to_vec())
    });
    for row in view.scan(Table::Tombstones, from, None) {
        if page.is_full() {
            break;
        }
        let (key, value): (IVec, IVec) = row?;
        let digest = digest(&key, "tombstones")?;
        let until: Timestamp = decode_tombstone(&value)?;
        let row = ExportRow::Tombstone(Tombstone { digest, until });
        page.rows.push((Place::Tombstone(digest), row));
    }
    Ok(())
}

/// Where a row stands in an export.
#[derive(Clone, Debug)]
enum Place {
    OfUser(UserId, Row),
    Tombstone(Digest),
}

#[derive(Clone, Copy, Debug)]
enum Row {
    User,
    Token(TokenName),
    Replay(Digest),
}

impl Place {
    /// A tag for the kind of row; the id of the user and a 0; the row's own key.
    fn encode(&self) -> Cursor {
        let mut bytes = Vec::new();
        match self {
            Self::OfUser(id, row) => {
                bytes.push(match row {
                    Row::User => 1,
                    Row::Token(_) => 2,
                    Row::Replay(_) => 3,
                });
                bytes.extend(of_user(id));
                match row {
                    Row::User => {}
                    Row::Token(name) => put_name(&mut bytes, *name),
                    Row::Replay(key) => bytes.extend(key.as_bytes()),
                }
            }
            Self::Tombstone(digest) => {
                bytes.push(4);
                bytes.extend(digest.as_bytes());
            }
        }
        Cursor::new(bytes)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let tag = reader.byte()?;
        let place = if tag == 4 {
            Self::Tombstone(Digest::from_bytes(reader.array()?))
        } else {
            let id = reader.owner()?;
            let row = match tag {
                1 => Row::User,
                2 => Row::Token(reader.name()?),
                3 => Row::Replay(Digest::from_bytes(reader.array()?)),
                _ => return None,
            };
            Self::OfUser(id, row)
        };
        reader.0.is_empty().then_some(place)
    }
}
