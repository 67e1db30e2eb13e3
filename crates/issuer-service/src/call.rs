//! A request on its way through the writer.

use issuer::{
    Digest, Timestamp,
    decide::{self, Decision, Fresh, Issue, IssuedRecord, Refusal, Revoke, Revoked, Rules},
    state::{Commit, Snapshot, UserRecord},
    user::{NewUser, UserId},
};
use issuer_store::Effect;

use crate::{Error, reply::Reply};

/// A call that writes: whose record it is about, what it asks of the store beside, and its rule.
///
/// A new call is an implementation of this for its request, and nothing else here changes.
pub(crate) trait Call: Send {
    type Answer: Send;

    fn user(&self) -> &UserId;

    /// The idempotency key to look up.
    fn replay(&self) -> Option<Digest> {
        None
    }

    /// The digest of an assigned token to look up.
    fn digest(&self) -> Option<Digest> {
        None
    }

    fn decide(
        &self,
        snapshot: &Snapshot,
        rules: &Rules,
        now: Timestamp,
        fresh: Fresh,
    ) -> Decision<Self::Answer>;
}

impl Call for Issue {
    type Answer = IssuedRecord;

    fn user(&self) -> &UserId {
        self.user.id()
    }

    fn replay(&self) -> Option<Digest> {
        self.idempotency_key.map(decide::IdempotencyKey::digest)
    }

    fn decide(
        &self,
        snapshot: &Snapshot,
        rules: &Rules,
        now: Timestamp,
        fresh: Fresh,
    ) -> Decision<IssuedRecord> {
        decide::issue(snapshot, self, rules, now, fresh)
    }
}

impl Call for Revoke {
    type Answer = Revoked;

    fn user(&self) -> &UserId {
        &self.user
    }

    fn decide(&self, snapshot: &Snapshot, rules: &Rules, now: Timestamp, fresh: Fresh) -> Decision<Revoked> {
        decide::revoke(snapshot, self, rules, now, fresh)
    }
}

impl Call for NewUser {
    type Answer = UserRecord;

    fn user(&self) -> &UserId {
        self.id()
    }

    fn decide(&self, snapshot: &Snapshot, _: &Rules, now: Timestamp, fresh: Fresh) -> Decision<UserRecord> {
        decide::write_profile(snapshot, self, now, fresh)
    }
}

/// A call and its caller, whatever the call is.
pub(crate) trait Job: Send {
    fn user(&self) -> &UserId;
    fn replay(&self) -> Option<Digest>;
    fn digest(&self) -> Option<Digest>;

    /// `false`: nobody waits any more, drop it.
    fn begin(&self) -> bool;

    /// Decides and keeps the answer; returns what must be written for it to hold.
    fn decide(&mut self, snapshot: &Snapshot, rules: &Rules, now: Timestamp, fresh: Fresh) -> Option<Commit>;

    /// Gives the answer that was decided last.
    fn settle(self: Box<Self>);

    fn fail(self: Box<Self>, error: Error);
}

pub(crate) struct Caller<C: Call> {
    call: C,
    decided: Option<Result<C::Answer, Refusal>>,
    reply: Reply<C::Answer>,
}

impl<C: Call> Caller<C> {
    pub(crate) const fn new(call: C, reply: Reply<C::Answer>) -> Self {
        Self {
            call,
            decided: None,
            reply,
        }
    }
}

impl<C: Call> Job for Caller<C> {
    fn user(&self) -> &UserId {
        self.call.user()
    }

    fn replay(&self) -> Option<Digest> {
        self.call.replay()
    }

    fn digest(&self) -> Option<Digest> {
        self.call.digest()
    }

    fn begin(&self) -> bool {
        self.reply.begin(Effect::Unknown)
    }

    fn decide(&mut self, snapshot: &Snapshot, rules: &Rules, now: Timestamp, fresh: Fresh) -> Option<Commit> {
        let (commit, decided) = match self.call.decide(snapshot, rules, now, fresh) {
            Decision::Commit(commit, answer) => (Some(commit), Ok(answer)),
            Decision::Answer(answer) => (None, Ok(answer)),
            Decision::Refuse(refusal) => (None, Err(refusal)),
        };
        self.decided = Some(decided);
        commit
    }

    fn settle(self: Box<Self>) {
        let Self { decided, reply, .. } = *self;
        if let Some(decided) = decided {
            reply.send(decided.map_err(Error::from));
        }
    }

    fn fail(self: Box<Self>, error: Error) {
        self.reply.send(Err(error));
    }
}
