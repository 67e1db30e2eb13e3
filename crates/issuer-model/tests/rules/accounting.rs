//! What every answer means for the tokens that should live: kept by the acknowledged meaning of what was applied, and
//! not by the rules.

use issuer::{Timestamp, decide::Policy, state::TokenName};

use crate::{
    state::{Answer, Request, Sent, State},
    table::Rows,
    witnesses::count,
    world::World,
};

impl World {
    /// What a request that was applied means for the tokens of its user.
    pub fn account(&self, state: &mut State, sent: Sent, answer: &Answer, now: Timestamp) {
        let user = sent.request.user();
        let tokens = &mut state.should_live[user];
        let before = tokens.clone();
        match (sent.request, answer) {
            (_, Answer::Refused) => {}
            (Request::Issue { .. }, Answer::Issued(token)) => {
                if tokens.contains(token) {
                    return;
                }
                tokens.retain(|known| now < known.0.expires_at);
                if self.policy == Policy::Upsert {
                    tokens.sort_by_key(|known| (known.0.created_at, known.0.name()));
                    let over = (tokens.len() + 1).saturating_sub(usize::from(self.max_live));
                    tokens.drain(..over);
                }
                tokens.push(token.clone());
            }
            (Request::Erase { .. }, _) => {
                tokens.clear();
                // With the user went the keys.
                for client in state
                    .clients
                    .iter_mut()
                    .filter(|client| client.request.user() == user)
                {
                    client.acknowledged = None;
                }
            }
            _ => tokens.clear(),
        }
        let ended = before
            .iter()
            .filter(|token| !state.should_live[user].contains(token));
        state.ended.extend(ended.map(|token| token.0.name()));
        if matches!((sent.request, answer), (Request::Erase { .. }, Answer::Done)) {
            let of_this_user = |name: &&TokenName| matches!(name, TokenName::Issued(id) if usize::from(id.as_bytes()[1]) == user);
            state.erased.extend(state.ended.iter().filter(of_this_user));
        }
    }

    /// The client learns its answer. `shown` is what the instance had decided on.
    pub fn acknowledge(
        &self,
        state: &mut State,
        sent: Sent,
        answer: Answer,
        shown: Option<(&Rows, Timestamp)>,
    ) {
        let client = state
            .clients
            .iter_mut()
            .find(|client| client.request == sent.request)
            .unwrap();
        match answer {
            // A late reply of a life before.
            Answer::Issued(token) if state.erased.contains(&token.0.name()) => {}
            Answer::Issued(token) => {
                match &client.acknowledged {
                    Some(first) if *first == token => count(&self.seen.replays),
                    // Once its token has expired a key may get another, and the replies may overtake each
                    // other; two tokens of one time it never has.
                    Some(first)
                        if token.0.created_at < first.0.expires_at
                            && first.0.created_at < token.0.expires_at =>
                    {
                        state.broken_replay = true;
                    }
                    Some(_) => count(&self.seen.tokens_under_an_expired_key),
                    None => {}
                }
                client.acknowledged = Some(token);
            }
            Answer::Refused => {
                count(&self.seen.refusals);
                let (Some(first), Some((rows, now))) = (&client.acknowledged, shown) else {
                    return;
                };
                let shown = rows.tokens.get(&first.0.name());
                if shown == Some(first) && now < first.0.expires_at {
                    state.broken_replay = true;
                }
            }
            Answer::Done => count(&self.seen.revocations),
        }
    }
}
