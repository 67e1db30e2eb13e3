//! What one user's tokens are, as if one caller came after the other.

use issuer::decide::Policy;
use stateright::semantics::SequentialSpec;

pub const LIFETIME_SECONDS: i64 = 10;

/// A call, with what only its answer can tell: which token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Issue {
        key: Option<u8>,
    },
    RevokeAll,
    Check(Text),
    /// The clock is moved to this second, while nobody calls.
    Clock(i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Issued(Text),
    Revoked(usize),
    Alive,
    Dead,
    UserExists,
    KeyIsUsedUp,
    NoSuchUser,
    /// Nothing happened, and nothing was learned.
    GivenUp,
    Moved,
}

/// The text of a token.
pub type Text = std::sync::Arc<str>;

#[derive(Clone, Debug)]
pub struct OneUser {
    pub policy: Policy,
    pub max_live: usize,
    pub now: i64,
    known: bool,
    tokens: Vec<Token>,
    keys: Vec<(u8, Text)>,
}

#[derive(Clone, Debug)]
struct Token {
    text: Text,
    issued_at: i64,
    revoked: bool,
}

impl OneUser {
    pub fn new(policy: Policy, max_live: usize) -> Self {
        Self {
            policy,
            max_live,
            now: 0,
            known: false,
            tokens: Vec::new(),
            keys: Vec::new(),
        }
    }

    fn is_live(&self, token: &Token) -> bool {
        !token.revoked && self.now < token.issued_at + LIFETIME_SECONDS
    }

    fn live(&self) -> usize {
        self.tokens.iter().filter(|token| self.is_live(token)).count()
    }

    fn token(&self, text: &Text) -> Option<&Token> {
        self.tokens.iter().find(|token| token.text == *text)
    }

    /// The token under a key that is not forgotten: as long as its time is not over.
    fn under(&self, key: Option<u8>) -> Option<&Token> {
        let (_, text) = self.keys.iter().find(|(known, _)| Some(*known) == key)?;
        let token = self.token(text)?;
        (self.now < token.issued_at + LIFETIME_SECONDS).then_some(token)
    }

    fn issue(&mut self, key: Option<u8>, said: &Said) -> bool {
        if let Some(token) = self.under(key) {
            return match said {
                Said::Issued(text) => token.text == *text && self.is_live(token),
                Said::KeyIsUsedUp => !self.is_live(token),
                _ => false,
            };
        }
        let full = self.live() >= self.max_live;
        let Said::Issued(text) = said else {
            return *said == Said::UserExists && full && self.policy == Policy::ConflictWhileLive;
        };
        if full && self.policy == Policy::ConflictWhileLive || self.token(text).is_some() {
            return false;
        }
        // What no longer counts is revoked, so that a clock that goes back does not bring it to life. With
        // upsert one token lives here, so that there is no question of which is the oldest.
        let now = self.now;
        for token in &mut self.tokens {
            if full || now >= token.issued_at + LIFETIME_SECONDS {
                token.revoked = true;
            }
        }
        self.tokens.push(Token {
            text: text.clone(),
            issued_at: now,
            revoked: false,
        });
        if let Some(key) = key {
            self.keys.retain(|(known, _)| *known != key);
            self.keys.push((key, text.clone()));
        }
        self.known = true;
        true
    }
}

impl SequentialSpec for OneUser {
    type Op = Call;
    type Ret = Said;

    /// For calls that never returned, of which there are none: the store does not fail here.
    fn invoke(&mut self, _: &Call) -> Said {
        Said::GivenUp
    }

    fn is_valid_step(&mut self, call: &Call, said: &Said) -> bool {
        if *said == Said::GivenUp {
            return true;
        }
        match call {
            Call::Issue { key } => self.issue(*key, said),
            Call::RevokeAll if !self.known => *said == Said::NoSuchUser,
            Call::RevokeAll => {
                let live = self.live();
                self.tokens.iter_mut().for_each(|token| token.revoked = true);
                *said == Said::Revoked(live)
            }
            Call::Check(text) => {
                let alive = self.token(text).is_some_and(|token| self.is_live(token));
                *said == if alive { Said::Alive } else { Said::Dead }
            }
            Call::Clock(second) => {
                self.now = *second;
                *said == Said::Moved
            }
        }
    }
}
