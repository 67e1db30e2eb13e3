//! A store of many users, each with one live token.
//!
//! Users are stored in the order of their ids, so that ten millions are built in minutes. Everything is then asked of users
//! at random, and those who are new get ids between the others: no page is more likely than any other to be in memory.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use issuer::{
    Timestamp, TokenId,
    jose::{Claims, KeySet},
    state::{Change, Commit, Expect, IssuedToken, TokenBody, TokenMode, TokenRecord, UserRecord, Version},
    user::{NewUser, Nickname, UserId},
};
use issuer_store::{Lookup, Outcome, Store};
use rand::RngExt as _;

use crate::{Result, backend::Backend, host::ISSUER};

/// Of folders that go with what was measured in them.
pub(crate) const COPY_PREFIX: &str = "copy-";

/// Users of one commit slice: some megabytes of a log.
const SLICE: u64 = 5_000;

/// Places for new users between two that are stored: so many that no place is drawn twice, even where few are stored.
const GAP: u64 = 1_000_000_000_000;

/// In June 2025, and in the year 2286: the tokens live whenever they are asked for.
const ISSUED_AT: i64 = 1_750_000_000;
const EXPIRES_AT: i64 = 9_999_999_999;

/// So many users, in a folder of their own that stays as it was built.
#[derive(Clone)]
pub(crate) struct Population {
    pub(crate) backend: Backend,
    pub(crate) users: u64,
    folder: PathBuf,
}

impl Population {
    /// Builds what is missing of it below this folder, and returns it with the time that took.
    pub(crate) fn build(
        backend: Backend,
        users: u64,
        below: &Path,
        keys: &KeySet,
    ) -> Result<(Self, Duration)> {
        let start = Instant::now();
        let folder = below.join(format!("{}-{users}-users", backend.name().to_lowercase()));
        let complete = folder.join("complete");
        if !complete.exists() {
            eprintln!("building {}", folder.display());
            let store = backend.open(&folder)?;
            let mut next = stored(&*store, users)?;
            while next < users {
                let end = (next + SLICE).min(users);
                let slice: Vec<_> = (next..end).map(|number| commit(number, keys)).collect();
                if store.apply(&slice)?.contains(&Outcome::Conflict) {
                    return Err(format!("{} holds something else", folder.display()).into());
                }
                next = end;
            }
            drop(store);
            fs::write(&complete, [])?;
        }
        let population = Self {
            backend,
            users,
            folder,
        };
        Ok((population, start.elapsed()))
    }

    /// The same store once more, to be written to; it goes with its folder.
    pub(crate) fn copy(&self, below: &Path) -> Result<tempfile::TempDir> {
        let copy = tempfile::Builder::new().prefix(COPY_PREFIX).tempdir_in(below)?;
        copy_folder(&self.folder, copy.path())?;
        Ok(copy)
    }

    /// Tokens of stored users at random.
    pub(crate) fn tokens(&self, count: usize, keys: &KeySet) -> Result<Vec<Sample>> {
        let mut random = rand::rng();
        (0..count)
            .map(|_| Sample::of(random.random_range(0..self.users), keys))
            .collect()
    }

    /// A user who is not stored, between two who are.
    pub(crate) fn new_user(&self) -> Result<NewUser> {
        let mut random = rand::rng();
        let (number, place) = (random.random_range(0..self.users), random.random_range(1..GAP));
        Ok(NewUser::new(&id(number, place))?)
    }
}

/// A stored token.
pub(crate) struct Sample {
    pub(crate) user: UserId,
    pub(crate) id: TokenId,
    pub(crate) text: String,
}

impl Sample {
    /// That of the user of this number.
    pub(crate) fn of(number: u64, keys: &KeySet) -> Result<Self> {
        let user = user(number);
        let claims = Claims {
            issuer: Some(ISSUER),
            subject: user.as_str(),
            audience: None,
            issued_at: timestamp(ISSUED_AT),
            expires_at: timestamp(EXPIRES_AT),
            token_id: token_id(number),
        };
        let text = keys.sign(&claims)?.as_str().to_owned();
        Ok(Self {
            id: claims.token_id,
            user,
            text,
        })
    }
}

/// The commit that stores the user of this number, with a live token.
pub(crate) fn commit(number: u64, keys: &KeySet) -> Commit {
    let user = user(number);
    let record = UserRecord {
        id: user.clone(),
        nickname: Nickname::parse(&format!("Nick {number}")).ok(),
        avatar_url: None,
        token_mode: TokenMode::Issued,
        created_at: timestamp(ISSUED_AT),
        updated_at: timestamp(ISSUED_AT),
    };
    let token = token(
        token_id(number),
        timestamp(ISSUED_AT),
        timestamp(EXPIRES_AT),
        keys,
    );
    Commit {
        user,
        expect: Expect::Absent,
        next: version(number),
        claims: Vec::new(),
        changes: vec![Change::PutUser(record), Change::PutToken(token)],
    }
}

/// Stores so many tokens that died just now, each of the user whose number `owner` says.
pub(crate) fn bury(store: &dyn Store, count: u64, owner: impl Fn(u64) -> u64, keys: &KeySet) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let died = timestamp(i64::try_from(now)?);
    let mut next = 0;
    while next < count {
        let end = (next + SLICE).min(count);
        let dead = (next..end).map(|number| {
            let mut random = [0; 10];
            random[..8].copy_from_slice(&number.to_be_bytes());
            // Ascending, and before all that are issued from now on.
            let id = TokenId::from_parts((now - 3_600) * 1_000 + number / 1_000, random);
            let owner = owner(number);
            let mut token = token(id, timestamp(ISSUED_AT), timestamp(EXPIRES_AT), keys);
            token.revoked_at = Some(died);
            Commit {
                user: user(owner),
                expect: Expect::Any,
                next: version(owner),
                claims: Vec::new(),
                changes: vec![Change::PutToken(token)],
            }
        });
        store.apply(&dead.collect::<Vec<_>>())?;
        next = end;
    }
    Ok(())
}

/// The stored user of this number.
pub(crate) fn user(number: u64) -> UserId {
    UserId::parse(&id(number, 0)).expect("a valid id")
}

/// In the order of numbers and places.
fn id(number: u64, place: u64) -> String {
    format!("user{number:08}{place:012}")
}

fn token(id: TokenId, created_at: Timestamp, expires_at: Timestamp, keys: &KeySet) -> TokenRecord {
    TokenRecord {
        body: TokenBody::Issued(IssuedToken {
            id,
            key: keys.active_fingerprint(),
            issuer: Some(ISSUER.into()),
            audience: None,
        }),
        created_at,
        expires_at,
        revoked_at: None,
    }
}

/// Ascending with the number, as the ids of tokens do with time.
fn token_id(number: u64) -> TokenId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    TokenId::from_parts(ISSUED_AT.unsigned_abs() * 1_000 + number / 8, random)
}

fn version(number: u64) -> Version {
    Version::from_bytes((u128::from(number) << 64 | 1).to_be_bytes())
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds).expect("in range")
}

/// How many users an interrupted run has stored: they come in order, so that the first who is missing says it.
fn stored(store: &dyn Store, users: u64) -> Result<u64> {
    let (mut there, mut missing) = (0, users);
    while there < missing {
        let middle = there + (missing - there) / 2;
        let found = store.load(&[Lookup::user(&user(middle))])?;
        if found.iter().any(|snapshot| snapshot.user.is_some()) {
            there = middle + 1;
        } else {
            missing = middle;
        }
    }
    Ok(there)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            // Or the system would write all of it while something is measured.
            File::open(&target)?.sync_all()?;
        }
    }
    Ok(())
}

/// Opens a store of its own copy.
pub(crate) fn open_copy(
    population: &Population,
    below: &Path,
) -> Result<(tempfile::TempDir, Arc<dyn Store>)> {
    let folder = population.copy(below)?;
    let store = population.backend.open(folder.path())?;
    Ok((folder, store))
}

#[cfg(test)]
mod tests {
    use issuer_store::MemoryStore;

    use super::*;
    use crate::host;

    #[test]
    fn an_interrupted_build_goes_on_where_it_stopped() {
        let (keys, store) = (host::keys(), MemoryStore::new());
        for there in [0, 1, 6, 7] {
            let missing: Vec<_> = (stored(&store, there).unwrap()..there)
                .map(|number| commit(number, &keys))
                .collect();
            store.apply(&missing).unwrap();
            assert_eq!(stored(&store, 7).unwrap(), there);
        }
    }

    #[test]
    fn the_tokens_of_stored_users_are_live() {
        let (keys, store) = (host::keys(), MemoryStore::new());
        store.apply(&[commit(3, &keys)]).unwrap();
        let tokens = host::service(Arc::new(store)).build().unwrap();
        let sample = Sample::of(3, &keys).unwrap();
        let found = tokens.blocking().authenticate(&sample.text).unwrap();
        assert_eq!(found.id, sample.user);
    }
}
