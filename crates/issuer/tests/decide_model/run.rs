//! One history, told to the rules and to the model at once.

use std::collections::BTreeMap;

use issuer::{
    Digest, Timestamp,
    decide::{self, Dead, Decision, IssuedRecord, Refusal, Revoke, RevokeTarget},
    state::{
        Change, Claim, Commit, Expect, Holder, TokenBody, TokenName, TokenRecord, Tombstone, UserRecord,
    },
    user::{AvatarUrl, NewUser, Nickname, Patch},
};

use crate::{
    given::{DAY, Rows, START, committed, fresh, id, idempotency_key, key, sorted},
    model::{Model, ModelToken, ModelUser, Said},
    step::{CALLERS, DIGESTS, KEYS, LIFETIMES, Moment, NAMES, Settings, Step, URLS, USERS},
};

pub(crate) struct Run {
    model: Model,
    rows: Rows,
    /// Written by folds of some commits at a time, on the snapshot before the first of them.
    folded_rows: Rows,
    fold: Option<Commit>,
    used: u64,
}

impl Run {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            model: Model {
                users: BTreeMap::new(),
                tokens: Vec::new(),
                replays: BTreeMap::new(),
                settings,
                now: START,
            },
            rows: Rows::default(),
            folded_rows: Rows::default(),
            fold: None,
            used: 0,
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.model.now).unwrap()
    }

    fn fresh(&mut self) -> decide::Fresh {
        self.used += 1;
        fresh(self.now(), self.used)
    }

    fn load(&self, user: usize) -> issuer::state::Snapshot {
        let keys: Vec<Digest> = CALLERS
            .iter()
            .flat_map(|caller| KEYS.map(|key| idempotency_key(caller, key).digest()))
            .collect();
        let digests: Vec<Digest> = (0..DIGESTS).map(brought).collect();
        sorted(self.rows.load(&id(USERS[user]), &keys, &digests))
    }

    /// Writes, and holds against each other: the rows, `Snapshot::after`, and `Commit::fold`.
    fn write(&mut self, user: usize, commit: &Commit) {
        if self.fold.as_ref().is_some_and(|fold| fold.user != commit.user) {
            self.end_fold();
        }
        let after = self.load(user).after(commit);
        self.rows.apply(commit);
        assert_eq!(sorted(after), self.load(user), "after {commit:#?}");
        match &mut self.fold {
            Some(fold) => fold.fold(commit.clone()),
            None => self.fold = Some(commit.clone()),
        }
    }

    pub(crate) fn end_fold(&mut self) {
        if let Some(fold) = self.fold.take() {
            self.folded_rows.apply(&fold);
        }
        assert_eq!(self.folded_rows, self.rows, "a fold of commits writes other rows");
    }

    pub(crate) fn step(&mut self, step: &Step) {
        match step {
            Step::Issue {
                user,
                nickname,
                avatar_url,
                idempotency,
            } => self.issue(*user, (*nickname, *avatar_url), *idempotency),
            Step::Revoke { user, token } => {
                // A foreign token and one that is long dead are asked for as well as one that lives.
                let name = match token {
                    None => None,
                    Some(back) => match self.model.tokens.iter().rev().nth(*back) {
                        Some(token) => Some(token.name),
                        None => return,
                    },
                };
                self.revoke(*user, name);
            }
            Step::WriteProfile {
                user,
                nickname,
                avatar_url,
            } => {
                let patch = (*nickname, *avatar_url);
                let fresh = self.fresh();
                let decision =
                    decide::write_profile(&self.load(*user), &request(*user, patch), self.now(), fresh);
                let (commit, record) = committed(decision);
                self.model.write_profile(*user, patch, None);
                assert_eq!(known_as(&record), self.model.users[user]);
                self.write(*user, &commit);
            }
            Step::Assign {
                user,
                digest,
                lifetime,
            } => self.assign(*user, brought(*digest), LIFETIMES[*lifetime]),
            Step::Erase { user } => self.erase(*user),
            Step::Clock { seconds } => self.model.now += seconds,
            Step::ClockNear { token, moment, delta } => {
                if let Some(token) = self.model.tokens.iter().rev().nth(*token) {
                    let moment = match moment {
                        Moment::Created => token.created,
                        Moment::Forgotten => token.created + DAY,
                        Moment::Window => token.expires - i64::from(self.model.settings.window),
                        Moment::Expired => token.expires,
                    };
                    self.model.now = moment + delta;
                }
            }
            Step::Settings(settings) => self.model.settings = settings.clone(),
        }
        self.agree();
    }

    fn issue(&mut self, user: usize, patch: (usize, usize), idempotency: Option<(usize, usize)>) {
        let mut asked = decide::Issue::from(request(user, patch));
        if let Some((caller, key)) = idempotency {
            asked = asked.with_idempotency_key(idempotency_key(CALLERS[caller], KEYS[key]));
        }
        let fresh = self.fresh();
        let rules = self.model.settings.rules();
        let decision = decide::issue(&self.load(user), &asked, &rules, self.now(), fresh);
        let said = self.model.issue(user, patch, idempotency, fresh.token_id);
        match (&said, decision) {
            (Said::Made(token), Decision::Commit(commit, answer)) => {
                let lifetime = answer.token.expires_at.seconds_since(answer.token.created_at);
                assert_eq!(lifetime, self.model.settings.lifetime);
                assert_eq!(answer.token.created_at, self.now());
                self.answers(&answer, *token);
                self.write(user, &commit);
                let stored = self.rows.token(&answer.user.id, answer.token.name());
                assert_eq!(stored, Some(&answer.token));
                assert!(self.model.live_of(user) <= usize::from(self.model.settings.limit));
            }
            (Said::Again(token), Decision::Answer(answer)) => {
                self.answers(&answer, *token);
                let stored = self.rows.token(&answer.user.id, answer.token.name());
                assert_eq!(stored, Some(&answer.token), "a replay is the very same record");
            }
            (Said::UserExists { room_at }, Decision::Refuse(refusal)) => assert_eq!(
                refusal,
                Refusal::UserExists {
                    user: id(USERS[user]),
                    room_at: Timestamp::from_unix(*room_at).unwrap()
                }
            ),
            (Said::KeyReused, Decision::Refuse(refusal)) => {
                assert_eq!(refusal, Refusal::IdempotencyKeyReused);
            }
            (Said::KeysTokenIsDead, Decision::Refuse(refusal)) => {
                assert_eq!(refusal, Refusal::IdempotentTokenDead);
            }
            (said, decision) => panic!("the model says {said:?}, the rules {decision:?}"),
        }
    }

    fn answers(&self, answer: &IssuedRecord, token: usize) {
        let token = &self.model.tokens[token];
        assert_eq!(answer.user.id, id(USERS[token.user]));
        assert_eq!(known_as(&answer.user), self.model.users[&token.user]);
        assert_eq!(seen_as(&answer.token), expected(token));
        assert_eq!(answer.token.revoked_at, None);
    }

    fn revoke(&mut self, user: usize, token: Option<TokenName>) {
        let asked = Revoke {
            user: id(USERS[user]),
            target: token.map_or(RevokeTarget::All, RevokeTarget::Token),
        };
        let rules = self.model.settings.rules();
        let fresh = self.fresh();
        let decision = decide::revoke(&self.load(user), &asked, &rules, self.now(), fresh);
        let known = self.model.users.contains_key(&user);
        let died = self.model.revoke(user, token);
        match (died, decision) {
            (Some(died), Decision::Commit(commit, answer)) => {
                assert_eq!(answer.tokens, died);
                self.write(user, &commit);
            }
            (Some(0), Decision::Answer(answer)) => assert_eq!(answer.tokens, 0),
            (None, Decision::Refuse(Refusal::ClientNotFound { user: named })) => {
                assert!(!known);
                assert_eq!(named, asked.user);
            }
            (None, Decision::Refuse(Refusal::TokenNotFound)) => assert!(known),
            (died, decision) => panic!("{died:?} by the model, the rules {decision:?}"),
        }
    }

    fn assign(&mut self, user: usize, digest: Digest, lifetime: i64) {
        let snapshot = self.load(user);
        let (_, holder) = snapshot
            .holders
            .iter()
            .find(|(asked, _)| *asked == digest)
            .unwrap();
        let is_free = match holder {
            None => true,
            Some(Holder::Token { user: owner, .. }) => *owner == id(USERS[user]),
            Some(Holder::Tombstone { until }) => *until <= self.now(),
        };
        if !is_free {
            return;
        }
        let fresh = self.fresh();
        let token = TokenRecord {
            body: TokenBody::Assigned(digest),
            created_at: self.now(),
            expires_at: self.now().checked_add_seconds(lifetime).unwrap(),
            revoked_at: None,
        };
        let asked = request(user, (0, 0));
        let (mut commit, _) = committed(decide::write_profile(&snapshot, &asked, self.now(), fresh));
        commit.claims.push(Claim {
            digest,
            holder: holder.clone(),
        });
        commit.changes.push(Change::PutToken(token));
        self.model.assign(user, TokenName::Assigned(digest), lifetime);
        self.write(user, &commit);
    }

    fn erase(&mut self, user: usize) {
        let snapshot = self.load(user);
        let Some(stored) = &snapshot.user else { return };
        let tombstones = snapshot.tokens.iter().filter_map(|token| match token.body {
            TokenBody::Assigned(digest) => Some(Change::PutTombstone(Tombstone {
                digest,
                until: token.expires_at,
            })),
            TokenBody::Issued(_) => None,
        });
        let commit = Commit {
            user: id(USERS[user]),
            expect: Expect::Version(stored.version),
            next: self.fresh().version,
            claims: Vec::new(),
            changes: tombstones.chain([Change::EraseUser]).collect(),
        };
        self.model.erase(user);
        self.write(user, &commit);
    }

    /// What must hold at any time: the rows are what the model knows, and every token has the fate it says.
    fn agree(&self) {
        let rules = self.model.settings.rules();
        assert_eq!(self.rows.users.len(), self.model.users.len());
        for (user, record) in &self.model.users {
            assert_eq!(known_as(&self.rows.users[&id(USERS[*user])].1), *record);
        }
        let known = || self.model.tokens.iter().filter(|token| !token.superseded);
        for token in known() {
            self.agree_on_tombstone(token);
            let stored = self.rows.token(&id(USERS[token.user]), token.name);
            let Some(stored) = stored else {
                assert!(token.erased, "{token:?} is gone");
                continue;
            };
            assert!(!token.erased, "{token:?} is still there");
            assert_eq!(seen_as(stored), expected(token));
            let verdict = decide::check(stored, &rules, self.now());
            assert_eq!(
                verdict.is_ok(),
                self.model.lives(token, self.model.now),
                "{token:?}"
            );
            assert_eq!(verdict == Err(Dead::Revoked), token.killed.is_some(), "{token:?}");
        }
        assert_eq!(
            self.rows.tokens.len(),
            known().filter(|token| !token.erased).count()
        );
    }
}

impl Run {
    /// An assigned token that was killed holds its digest until its date, whoever's it was. After its date
    /// as well, though nobody asks then: the clock may step back.
    fn agree_on_tombstone(&self, token: &ModelToken) {
        let TokenName::Assigned(digest) = token.name else {
            return;
        };
        let holder = match token.killed {
            None => Holder::Token {
                user: id(USERS[token.user]),
                expires_at: Timestamp::from_unix(token.expires).unwrap(),
            },
            Some(_) => Holder::Tombstone {
                until: Timestamp::from_unix(token.expires).unwrap(),
            },
        };
        assert_eq!(self.rows.holder(digest), Some(holder), "{token:?}");
    }
}

fn brought(number: usize) -> Digest {
    Digest::of(&number.to_be_bytes())
}

fn request(user: usize, patch: (usize, usize)) -> NewUser {
    let mut asked = NewUser::new(USERS[user]).unwrap();
    if let Some(text) = NAMES[patch.0] {
        asked = asked.nickname(text).unwrap();
    }
    if let Some(text) = URLS[patch.1] {
        asked = asked.avatar_url(text).unwrap();
    }
    assert_eq!(*asked.nickname_patch() == Patch::Keep, NAMES[patch.0].is_none());
    asked
}

fn known_as(record: &UserRecord) -> ModelUser {
    let text = |known: Option<&str>, table: [Option<&'static str>; 4]| {
        known.map(|known| table.into_iter().flatten().find(|text| *text == known).unwrap())
    };
    ModelUser {
        nickname: text(record.nickname.as_ref().map(Nickname::as_str), NAMES),
        avatar_url: text(record.avatar_url.as_ref().map(AvatarUrl::as_str), URLS),
        mode: record.token_mode,
        created: record.created_at.as_unix(),
        updated: record.updated_at.as_unix(),
    }
}

type Seen = (
    TokenName,
    i64,
    i64,
    Option<(Digest, Option<String>, Option<String>)>,
);

fn seen_as(token: &TokenRecord) -> Seen {
    let signed = token.issued().map(|issued| {
        (
            Digest::of(issued.key.as_bytes()),
            issued.issuer.as_deref().map(str::to_owned),
            issued.audience.as_deref().map(str::to_owned),
        )
    });
    (
        token.name(),
        token.created_at.as_unix(),
        token.expires_at.as_unix(),
        signed,
    )
}

fn expected(token: &ModelToken) -> Seen {
    let signed = token.signed.map(|(number, issuer, audience)| {
        (
            Digest::of(key(number).as_bytes()),
            issuer.map(str::to_owned),
            audience.map(str::to_owned),
        )
    });
    (token.name, token.created, token.expires, signed)
}
