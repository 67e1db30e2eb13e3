//! What the handlers share.

use std::sync::Arc;

use issuer_service::TokenService;

use crate::{ClientKey, ResponseStyle, arriving_bodies::ArrivingBodies};

/// The service, and what can be set about its answers. Clones share one.
#[derive(Clone)]
pub(crate) struct Context(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) tokens: TokenService,
    pub(crate) style: ResponseStyle,
    pub(crate) client_key: Option<ClientKey>,
    pub(crate) bodies: ArrivingBodies,
}

impl Context {
    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    pub(crate) fn tokens(&self) -> &TokenService {
        &self.0.tokens
    }

    pub(crate) fn bodies(&self) -> &ArrivingBodies {
        &self.0.bodies
    }

    pub(crate) fn style(&self) -> ResponseStyle {
        self.0.style
    }

    pub(crate) fn client_key(&self) -> Option<&ClientKey> {
        self.0.client_key.as_ref()
    }
}
