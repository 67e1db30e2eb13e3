//! A check of a token, before and after the store is asked.

use std::sync::Arc;

use issuer::state::TokenState;

use crate::{Error, engine::Engine, live_tokens::Since, token_text::Claimed};

/// A token that was verified.
pub(crate) enum Check {
    /// It is live: what the store said of it is known.
    Known(Claimed, Arc<TokenState>),
    /// The store must be asked.
    Ask(Claimed, Since),
}

impl Engine {
    pub(crate) fn begin_check(&self, token: &str) -> Result<Check, Error> {
        let settings = self.settings();
        let now = settings.now();
        let claimed = settings.verify(token, now)?;
        self.accepting()?;
        if let Some(state) = settings.live.get(claimed.id) {
            let state = settings.judge(&claimed, Some(state), now)?;
            return Ok(Check::Known(claimed, state));
        }
        let since = settings.live.since(claimed.id);
        Ok(Check::Ask(claimed, since))
    }

    pub(crate) fn end_check(
        &self,
        claimed: Claimed,
        since: Since,
        found: Option<TokenState>,
    ) -> Result<(Claimed, Arc<TokenState>), Error> {
        let settings = self.settings();
        // The clock again: the store may have taken its time.
        let state = settings.judge(&claimed, found.map(Arc::new), settings.now())?;
        settings.live.keep(claimed.id, since, &state);
        Ok((claimed, state))
    }
}
