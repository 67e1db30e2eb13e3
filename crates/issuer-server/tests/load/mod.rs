//! A load whose every answer is written down, and what must still be true of it after the server was killed.

use std::{io, net::SocketAddr};

pub(crate) use crate::program::Random;
use crate::program::{Answer, Client};

/// Users of one worker, whom nobody else touches.
const OWN_USERS: u64 = 24;

/// Users whom all workers fight over.
const SHARED_USERS: u64 = 4;

/// A token that the server has acknowledged: status 200, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) idempotency_key: String,
    pub(crate) body: String,
    pub(crate) token: String,
}

impl Grant {
    pub(crate) fn new(idempotency_key: &str, answer: &Answer) -> Self {
        Self {
            idempotency_key: idempotency_key.to_owned(),
            body: answer.text().to_owned(),
            token: answer.member("token"),
        }
    }
}

/// A request that got no answer: it has happened, wholly or not at all.
#[derive(Clone, Debug)]
pub(crate) enum Open {
    Issue { idempotency_key: String },
    Revoke,
}

/// What the server has acknowledged about one user.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) live: Option<Grant>,
    /// Those whose revocation was acknowledged.
    pub(crate) dead: Vec<Grant>,
    pub(crate) open: Option<Open>,
    pub(crate) keys: u64,
}

impl Account {
    pub(crate) fn new(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            ..Self::default()
        }
    }

    fn fresh_key(&mut self) -> String {
        self.keys += 1;
        format!("{}-{}", self.user, self.keys)
    }

    /// Compares the server with what it has acknowledged, and finds out about the request that is open.
    ///
    /// `deep` is how many of the revoked tokens are looked at, from the last.
    pub(crate) fn check(&mut self, client: &mut Client, deep: usize) -> io::Result<Vec<String>> {
        let mut wrong = Vec::new();
        match self.open.take() {
            Some(Open::Issue { idempotency_key }) => {
                let answer = client.issue(&self.user, Some(&idempotency_key))?;
                if answer.status == 200 {
                    self.live = Some(Grant::new(&idempotency_key, &answer));
                } else {
                    wrong.push(format!("{}: a retry got {answer:?}", self.user));
                }
            }
            Some(Open::Revoke) => {
                if let Some(live) = self.live.take_if(|_| true) {
                    match client.me(&live.token)?.status {
                        200 => self.live = Some(live),
                        _ => self.dead.push(live),
                    }
                }
            }
            None => {}
        }
        if let Some(live) = &self.live {
            self.check_live(live, client, &mut wrong)?;
        }
        for dead in self.dead.iter().rev().take(deep) {
            self.check_dead(dead, client, &mut wrong)?;
        }
        Ok(wrong)
    }

    fn check_live(&self, live: &Grant, client: &mut Client, wrong: &mut Vec<String>) -> io::Result<()> {
        let me = client.me(&live.token)?;
        if me.status != 200 || me.json()["result"]["_id"] != *self.user {
            wrong.push(format!("{}: an acknowledged token is lost: {me:?}", self.user));
        }
        let again = client.issue(&self.user, Some(&live.idempotency_key))?;
        if again.brief() != (200, &live.body) {
            wrong.push(format!(
                "{}: a retry is not the same: {again:?}, was {}",
                self.user, live.body
            ));
        }
        let second = client.issue(&self.user, None)?;
        if second.status != 409 || second.json()["error"] != "USER_EXISTS" {
            wrong.push(format!(
                "{}: a second token beside a live one: {second:?}",
                self.user
            ));
        }
        Ok(())
    }

    fn check_dead(&self, dead: &Grant, client: &mut Client, wrong: &mut Vec<String>) -> io::Result<()> {
        let me = client.me(&dead.token)?;
        if me.status != 401 {
            wrong.push(format!("{}: a revoked token lives: {me:?}", self.user));
        }
        let again = client.issue(&self.user, Some(&dead.idempotency_key))?;
        if again.status != 409 || again.json()["error"] != "IDEMPOTENCY_CONFLICT" {
            wrong.push(format!(
                "{}: a retry for a revoked token got {again:?}",
                self.user
            ));
        }
        Ok(())
    }
}

/// One client that does all it can, and writes down what it was told.
pub(crate) struct Worker {
    random: Random,
    pub(crate) accounts: Vec<Account>,
    /// Of the users whom all workers share: tokens whose revocation was acknowledged to this one.
    shared_dead: Vec<(String, String)>,
    shared_keys: u64,
    number: u64,
    pub(crate) wrong: Vec<String>,
    pub(crate) acknowledged: usize,
    pub(crate) left_open: usize,
}

impl Worker {
    pub(crate) fn new(number: u64, seed: u64) -> Self {
        Self {
            random: Random(seed ^ (number << 32)),
            accounts: (0..OWN_USERS)
                .map(|user| Account::new(&format!("w{number}-u{user}")))
                .collect(),
            shared_dead: Vec::new(),
            shared_keys: 0,
            number,
            wrong: Vec::new(),
            acknowledged: 0,
            left_open: 0,
        }
    }

    /// Asks until the server no longer answers.
    pub(crate) fn load(&mut self, address: SocketAddr) {
        let mut client = Client::new(address);
        while self.step(&mut client).is_ok() {}
    }

    /// Compares the server with all that it has acknowledged to this worker.
    pub(crate) fn check(&mut self, address: SocketAddr, deep: usize) {
        let mut client = Client::new(address);
        for account in &mut self.accounts {
            self.left_open += usize::from(account.open.is_some());
            self.wrong.extend(account.check(&mut client, deep).unwrap());
        }
        for (user, token) in self.shared_dead.iter().rev().take(deep) {
            let me = client.me(token).unwrap();
            if me.status != 401 {
                self.wrong.push(format!("{user}: a revoked token lives: {me:?}"));
            }
        }
    }

    fn step(&mut self, client: &mut Client) -> io::Result<()> {
        if self.random.below(8) == 0 {
            return self.fight(client);
        }
        let at = usize::try_from(self.random.below(OWN_USERS)).unwrap();
        let choice = self.random.below(8);
        let account = &mut self.accounts[at];
        let user = account.user.clone();
        let Some(live) = account.live.clone() else {
            let idempotency_key = account.fresh_key();
            account.open = Some(Open::Issue {
                idempotency_key: idempotency_key.clone(),
            });
            let answer = answered(client.issue(&user, Some(&idempotency_key)))?;
            account.open = None;
            self.acknowledged += 1;
            match answer.status {
                200 => account.live = Some(Grant::new(&idempotency_key, &answer)),
                _ => self.wrong.push(format!("{user}: nothing lives, yet {answer:?}")),
            }
            return Ok(());
        };
        match choice {
            0..=3 => {
                account.open = Some(Open::Revoke);
                let token = (choice == 0).then_some(live.token.as_str());
                let answer = answered(client.revoke(&user, token))?;
                account.open = None;
                self.acknowledged += 1;
                match answer.status {
                    200 if answer.json()["revokedTokens"] == 1 => account.dead.extend(account.live.take()),
                    _ => self
                        .wrong
                        .push(format!("{user}: one token lives, yet {answer:?}")),
                }
            }
            4..=5 => account.check_live(&live, client, &mut self.wrong)?,
            _ => {
                if let Some(dead) = account.dead.last() {
                    account.check_dead(dead, client, &mut self.wrong)?;
                }
            }
        }
        Ok(())
    }

    /// Issues and revokes for a user whom others issue and revoke for at the same time.
    fn fight(&mut self, client: &mut Client) -> io::Result<()> {
        let user = format!("shared-{}", self.random.below(SHARED_USERS));
        self.shared_keys += 1;
        let idempotency_key = format!("w{}-{}", self.number, self.shared_keys);
        let issued = answered(client.issue(&user, Some(&idempotency_key)))?;
        match issued.status {
            200 => {
                let token = issued.member("token");
                let revoked = answered(client.revoke(&user, Some(&token)))?;
                match revoked.status {
                    200 => self.shared_dead.push((user, token)),
                    404 => {}
                    _ => self.wrong.push(format!("{user}: {revoked:?}")),
                }
            }
            409 => {
                let revoked = answered(client.revoke(&user, None))?;
                if revoked.status != 200 {
                    self.wrong.push(format!("{user}: {revoked:?}"));
                }
            }
            _ => self.wrong.push(format!("{user}: {issued:?}")),
        }
        self.acknowledged += 2;
        Ok(())
    }
}

/// "Unavailable" acknowledges nothing, just as no answer does.
fn answered(answer: io::Result<Answer>) -> io::Result<Answer> {
    match answer {
        Ok(answer) if answer.status == 503 => Err(io::ErrorKind::TimedOut.into()),
        answer => answer,
    }
}
