//! One state of what is explored: the store, who is at work on what, and what should live.

use std::collections::BTreeSet;

use issuer::{
    Timestamp,
    state::{Commit, TokenName, TokenRecord},
};

use crate::table::{Row, Rows, Table};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    Issue { user: u8, key: u8 },
    Revoke { user: u8 },
    Erase { user: u8 },
}

impl Request {
    pub fn user(self) -> usize {
        let (Self::Issue { user, .. } | Self::Revoke { user } | Self::Erase { user }) = self;
        usize::from(user)
    }

    /// How often its client sends it: a lost reply to an issue request may be asked for again.
    pub fn max_sends(self) -> u8 {
        match self {
            Self::Issue { .. } => 2,
            Self::Revoke { .. } | Self::Erase { .. } => 1,
        }
    }
}

/// One sending of a request. Its ids are named after it, so that states meet however they were reached.
///
/// A request that lost a race is decided again with the ids that it had: nobody has seen them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sent {
    pub request: Request,
    pub number: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub seconds: u8,
    pub table: Table,
    /// The instances that are at work, in an order of their own: which is which makes no difference.
    pub working: Vec<Work>,
    pub clients: Vec<Client>,
    /// For each user the tokens that should live, unless their time is over: kept by the acknowledged
    /// meaning of what was applied, and not by the rules.
    pub should_live: Vec<Vec<Row<TokenRecord>>>,
    /// The tokens that were on that account and are so no more.
    pub ended: BTreeSet<TokenName>,
    /// Those of them whose user was erased, and with the user the keys.
    pub erased: BTreeSet<TokenName>,
    pub broken_replay: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    pub request: Request,
    pub sends: u8,
    pub acknowledged: Option<Row<TokenRecord>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Work {
    pub batch: Vec<Sent>,
    pub stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    Loaded(Rows),
    /// What was decided follows from this: the rules are pure.
    Decided(Rows, Timestamp),
    Applied(Vec<(Sent, Answer)>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    Issued(Row<TokenRecord>),
    Done,
    Refused,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// An instance that is idle takes these requests of one user, and loads the user.
    Load(Vec<Request>),
    /// It decides them, and answers what needs no write.
    Decide(usize),
    /// It applies the commit; if it lost a race it loads again, for what it had decided can never be applied.
    Apply(usize),
    Answer(usize),
    Crash(usize),
    Tick,
}

pub struct Decided {
    pub early: Vec<(Sent, Answer)>,
    pub commit: Option<Commit>,
    pub late: Vec<(Sent, Answer)>,
}

impl State {
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix(1_750_680_000 + i64::from(self.seconds)).unwrap()
    }

    pub fn send(&mut self, request: Request) -> Option<Sent> {
        let client = self.clients.iter_mut().find(|client| client.request == request)?;
        let number = client.sends;
        client.sends += 1;
        Some(Sent { request, number })
    }
}
