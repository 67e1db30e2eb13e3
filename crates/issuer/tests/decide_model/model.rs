//! The contract once more, as slow and as simple as it can be written.

use std::collections::BTreeMap;

use issuer::{
    TokenId,
    decide::Policy,
    state::{TokenMode, TokenName},
};

use crate::{
    given::DAY,
    step::{NAMES, Settings, URLS},
};

#[derive(Clone, Debug)]
pub(crate) struct ModelToken {
    pub(crate) user: usize,
    pub(crate) name: TokenName,
    pub(crate) created: i64,
    pub(crate) expires: i64,
    /// When it was revoked or replaced, or its user deleted: dead for good.
    pub(crate) killed: Option<i64>,
    /// Its user was deleted: nothing is known of it any more.
    pub(crate) erased: bool,
    /// The same token was assigned again, and has its row.
    pub(crate) superseded: bool,
    /// `None` of an assigned one.
    pub(crate) signed: Option<(u8, Option<&'static str>, Option<&'static str>)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ModelUser {
    pub(crate) nickname: Option<&'static str>,
    pub(crate) avatar_url: Option<&'static str>,
    pub(crate) mode: TokenMode,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ModelReplay {
    pub(crate) request: (usize, usize),
    pub(crate) token: usize,
    pub(crate) at: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) users: BTreeMap<usize, ModelUser>,
    pub(crate) tokens: Vec<ModelToken>,
    pub(crate) replays: BTreeMap<(usize, usize, usize), ModelReplay>,
    pub(crate) settings: Settings,
    pub(crate) now: i64,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    /// This token, an index, was made now.
    Made(usize),
    /// This token was made before, and nothing is written.
    Again(usize),
    UserExists {
        room_at: i64,
    },
    KeyReused,
    KeysTokenIsDead,
}

impl Model {
    pub(crate) fn lives(&self, token: &ModelToken, now: i64) -> bool {
        let accepted = token.signed.is_none_or(|(key, issuer, audience)| {
            (key == self.settings.signing_key || Some(key) == self.settings.other_key)
                && issuer == self.settings.issuer
                && audience == self.settings.audience
        });
        token.killed.is_none() && now < token.expires && accepted
    }

    /// The tokens that count when another one is asked for.
    pub(crate) fn standing(&self, user: usize, now: i64) -> Vec<usize> {
        (0..self.tokens.len())
            .filter(|at| {
                let token = &self.tokens[*at];
                let inside_window = token.expires - now < i64::from(self.settings.window);
                token.user == user && self.lives(token, now) && !inside_window
            })
            .collect()
    }

    pub(crate) fn live_of(&self, user: usize) -> usize {
        self.tokens
            .iter()
            .filter(|token| token.user == user && self.lives(token, self.now))
            .count()
    }

    pub(crate) fn issue(
        &mut self,
        user: usize,
        patch: (usize, usize),
        idempotency: Option<(usize, usize)>,
        name: TokenId,
    ) -> Said {
        let limit = usize::from(self.settings.limit);
        let place = idempotency.map(|(caller, key)| (user, caller, key));
        if let Some(replay) = place.and_then(|place| self.replays.get(&place)) {
            let token = &self.tokens[replay.token];
            if self.now < (replay.at + DAY).min(token.expires) {
                // "As parsed": an empty field is one that is cleared, and the tables say it in one way only.
                return if replay.request != patch {
                    Said::KeyReused
                } else if self.lives(token, self.now) {
                    Said::Again(replay.token)
                } else {
                    Said::KeysTokenIsDead
                };
            }
        }
        let mut standing = self.standing(user, self.now);
        if standing.len() >= limit {
            if self.settings.policy == Policy::ConflictWhileLive {
                return Said::UserExists {
                    room_at: self.room_at(user),
                };
            }
            // The contract leaves open who is the older of one second: issued ones go first, then by name.
            standing.sort_by_key(|at| (self.tokens[*at].created, self.tokens[*at].name));
            standing.drain(..=standing.len() - limit);
        }
        for at in 0..self.tokens.len() {
            if self.tokens[at].user == user && !standing.contains(&at) {
                self.tokens[at].killed.get_or_insert(self.now);
            }
        }
        self.tokens.push(ModelToken {
            user,
            name: TokenName::Issued(name),
            created: self.now,
            expires: self.now + self.settings.lifetime,
            killed: None,
            erased: false,
            superseded: false,
            signed: Some((
                self.settings.signing_key,
                self.settings.issuer,
                self.settings.audience,
            )),
        });
        let token = self.tokens.len() - 1;
        if let Some(place) = place {
            let replay = ModelReplay {
                request: patch,
                token,
                at: self.now,
            };
            self.replays.insert(place, replay);
        }
        self.write_profile(user, patch, Some(TokenMode::Issued));
        Said::Made(token)
    }

    /// The first second from now on with room, found by looking at every second in which anything changes.
    pub(crate) fn room_at(&self, user: usize) -> i64 {
        let limit = usize::from(self.settings.limit);
        let window = i64::from(self.settings.window);
        self.tokens
            .iter()
            .flat_map(|token| [token.expires, token.expires - window, token.expires - window + 1])
            .filter(|second| *second > self.now && self.standing(user, *second).len() < limit)
            .min()
            .unwrap()
    }

    /// How many died, or `None` where there is no such user or token.
    pub(crate) fn revoke(&mut self, user: usize, token: Option<TokenName>) -> Option<usize> {
        let now = self.now;
        let live = self.live_of(user);
        let one = token.map(|name| {
            self.tokens
                .iter()
                .position(|token| token.user == user && token.name == name && self.lives(token, now))
        });
        let (died, kill): (usize, Vec<usize>) = match one {
            None => (
                live,
                (0..self.tokens.len())
                    .filter(|at| self.tokens[*at].user == user && self.tokens[*at].killed.is_none())
                    .collect(),
            ),
            Some(found) => (1, vec![found?]),
        };
        for at in &kill {
            self.tokens[*at].killed = Some(now);
        }
        let record = self.users.get_mut(&user)?;
        if !kill.is_empty() {
            record.updated = now;
        }
        Some(died)
    }

    pub(crate) fn write_profile(&mut self, user: usize, patch: (usize, usize), mode: Option<TokenMode>) {
        let now = self.now;
        let record = self.users.entry(user).or_insert(ModelUser {
            nickname: None,
            avatar_url: None,
            mode: TokenMode::Unset,
            created: now,
            updated: now,
        });
        let patched = |stored, given: Option<&'static str>| match given {
            None => stored,
            Some("") => None,
            Some(text) => Some(text),
        };
        record.nickname = patched(record.nickname, NAMES[patch.0]);
        record.avatar_url = patched(record.avatar_url, URLS[patch.1]);
        record.mode = mode.unwrap_or(record.mode);
        record.updated = now;
    }

    /// The host brings a token, perhaps one that it brought before.
    pub(crate) fn assign(&mut self, user: usize, name: TokenName, lifetime: i64) {
        let now = self.now;
        for known in self.tokens.iter_mut().filter(|known| known.name == name) {
            known.killed.get_or_insert(now);
            known.superseded = true;
        }
        self.tokens.push(ModelToken {
            user,
            name,
            created: now,
            expires: now + lifetime,
            killed: None,
            erased: false,
            superseded: false,
            signed: None,
        });
        self.write_profile(user, (0, 0), None);
    }

    pub(crate) fn erase(&mut self, user: usize) {
        self.users.remove(&user);
        self.replays.retain(|(owner, _, _), _| *owner != user);
        for token in self.tokens.iter_mut().filter(|token| token.user == user) {
            token.killed.get_or_insert(self.now);
            token.erased = true;
        }
    }
}
