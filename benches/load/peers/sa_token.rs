//! The nearest peer that keeps tokens behind a storage trait: `sa-token-core`, with its storage in memory.

use std::sync::Arc;

use sa_token_core::{
    SaTokenConfig, SaTokenManager,
    config::{SaTokenConfigBuilder, TokenStyle},
    token::TokenValue,
};
use sa_token_storage_memory::MemoryStorage;
use tokio::runtime::Handle;

use crate::{Result, host::ISSUER};

const LIFETIME_SECONDS: i64 = 604_800;

/// Nothing of it is durable: no row of it stands beside a sync. Any number of tokens of a user may live, for it keeps no
/// record of a dead one.
pub(crate) struct SaToken {
    manager: SaTokenManager,
    runtime: Handle,
}

impl SaToken {
    /// Its tokens are JWTs, as ours are.
    pub(crate) fn with_jwt(secret: &[u8], runtime: Handle) -> Result<Self> {
        let config = SaTokenConfig::builder()
            .token_style(TokenStyle::Jwt)
            .jwt_secret_key(std::str::from_utf8(secret)?)
            .jwt_algorithm("HS256")
            .jwt_issuer(ISSUER);
        Self::start(config, runtime)
    }

    /// Its tokens are random text: its JWTs have no id, so that it cannot make many for one user within a second.
    pub(crate) fn with_random_text(runtime: Handle) -> Result<Self> {
        Self::start(
            SaTokenConfig::builder().token_style(TokenStyle::Random64),
            runtime,
        )
    }

    fn start(config: SaTokenConfigBuilder, runtime: Handle) -> Result<Self> {
        let _within = runtime.enter();
        let manager = config
            .storage(Arc::new(MemoryStorage::new()))
            .timeout(LIFETIME_SECONDS)
            .is_concurrent(true)
            .is_share(false)
            .max_login_count(-1)
            .is_log(false)
            .try_build()?;
        Ok(Self { manager, runtime })
    }

    pub(crate) fn issue(&self, user: &str) -> Result<TokenValue> {
        Ok(self.runtime.block_on(self.manager.login(user))?)
    }

    pub(crate) fn check(&self, token: &TokenValue) -> Result<()> {
        self.runtime.block_on(self.manager.get_token_info(token))?;
        Ok(())
    }

    pub(crate) fn revoke_all(&self, user: &str) -> Result<()> {
        Ok(self
            .runtime
            .block_on(self.manager.logout_by_login_id("default", user))?)
    }
}
