//! Reads for async callers: off their threads, and many in one call.

use std::panic::{AssertUnwindSafe, catch_unwind};

use issuer::{TokenId, state::TokenState, user::UserId};
use issuer_store::{Effect, Store, TokenRef};

use crate::{Error, guard, queue::Queue, reply::Reply};

/// Reads of one batch.
const MAX_BATCH: usize = 256;

pub(crate) enum Read {
    /// Finds a token; those that wait together are looked up together.
    Find(Find),
    /// Whatever else is asked of the store.
    Ask(Question),
}

type Question = Box<dyn FnOnce(&dyn Store) + Send>;

pub(crate) struct Find {
    pub(crate) user: UserId,
    pub(crate) id: TokenId,
    pub(crate) reply: Reply<Option<TokenState>>,
}

/// Works until the queue is closed and empty.
pub(crate) fn run(store: &dyn Store, queue: &Queue<Read>) {
    while let Some(batch) = queue.take(MAX_BATCH) {
        // A panic drops the batch, and each reply that is dropped tells its caller.
        let _ = catch_unwind(AssertUnwindSafe(|| work(store, batch)));
    }
}

fn work(store: &dyn Store, batch: Vec<Read>) {
    let mut finds = Vec::with_capacity(batch.len());
    for read in batch {
        match read {
            Read::Find(find) if find.reply.begin(Effect::None) => finds.push(find),
            Read::Find(_) => {}
            Read::Ask(ask) => ask(store),
        }
    }
    if finds.is_empty() {
        return;
    }
    let tokens: Vec<TokenRef<'_>> = finds
        .iter()
        .map(|find| TokenRef::Issued {
            user: &find.user,
            id: find.id,
        })
        .collect();
    match guard::read_all(tokens.len(), || store.find(&tokens)) {
        Ok(found) => finds
            .into_iter()
            .zip(found)
            .for_each(|(find, state)| find.reply.send(Ok(state))),
        Err(error) => finds
            .into_iter()
            .for_each(|find| find.reply.send(Err(error.clone()))),
    }
}

/// Asks the store for something else and answers with it; it may leave `effect` behind.
pub(crate) fn ask<T: Send + 'static>(
    reply: Reply<T>,
    effect: Effect,
    question: impl FnOnce(&dyn Store) -> Result<T, Error> + Send + 'static,
) -> Read {
    Read::Ask(Box::new(move |store| {
        if reply.begin(effect) {
            reply.send(question(store));
        }
    }))
}
