//! A check of a token, before and after the store is asked.

use std::sync::Arc;

use issuer::state::TokenState;

use crate::{Error, engine::Engine, live_tokens::Since, token_text::Claimed};

/// What is known of a verified token.
pub(crate) enum Known {
    /// It is live: this is what the store said of it.
    Live(Arc<TokenState>),
    /// The store must be asked.
    Ask(Since),
}

impl Engine {
    /// Verifies a token. By reference from here on: the claims are larger than all else that a check touches.
    #[inline]
    pub(crate) fn claimed(&self, token: &str) -> Result<Claimed, Error> {
        let settings = self.settings();
        match settings.verify(token, settings.now()) {
            Ok(claimed) => Ok(claimed),
            Err(refusal) => Err(refusal.into()),
        }
    }

    pub(crate) fn known(&self, claimed: &Claimed) -> Result<Known, Error> {
        self.accepting()?;
        let settings = self.settings();
        match settings.live.get(claimed.id) {
            Some(state) => settings.judge(claimed, Some(state), claimed.at).map(Known::Live),
            None => Ok(Known::Ask(settings.live.since(claimed.id))),
        }
    }

    pub(crate) fn found(
        &self,
        claimed: &Claimed,
        since: Since,
        found: Option<TokenState>,
    ) -> Result<Arc<TokenState>, Error> {
        let settings = self.settings();
        // The clock again: the store may have taken its time.
        let state = settings.judge(claimed, found.map(Arc::new), settings.now())?;
        settings.live.keep(claimed.id, since, &state);
        Ok(state)
    }
}
