//! The settings on which a command and the server that holds its store must agree.

use clap::ValueEnum;
use issuer::{Lifetime, decide::MaxLiveTokens};
use serde::{Deserialize, Serialize};

/// `policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[value(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum PolicySetting {
    /// A conflict while the user's tokens live
    ConflictWhileLive,
    /// The oldest token goes
    Upsert,
}

/// The settings that decide over tokens, as far as they are set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenSettings {
    pub(crate) lifetime_seconds: Option<i64>,
    pub(crate) max_live_tokens: Option<usize>,
    pub(crate) policy: Option<PolicySetting>,
    pub(crate) refresh_window_seconds: Option<u32>,
    pub(crate) issuer: Option<String>,
    pub(crate) audience: Option<String>,
}

impl TokenSettings {
    /// The same with the defaults in the gaps.
    pub(crate) fn with_defaults(self) -> Self {
        Self {
            lifetime_seconds: self
                .lifetime_seconds
                .or_else(|| Some(Lifetime::default().as_seconds())),
            max_live_tokens: self
                .max_live_tokens
                .or_else(|| Some(MaxLiveTokens::default().get())),
            policy: self.policy.or(Some(PolicySetting::ConflictWhileLive)),
            refresh_window_seconds: self.refresh_window_seconds.or(Some(0)),
            ..self
        }
    }

    /// The first setting that is set here and is another one there.
    pub(crate) fn disagreement(&self, there: &Self) -> Option<&'static str> {
        fn differs<T: PartialEq>(here: Option<&T>, there: Option<&T>) -> bool {
            here.is_some() && here != there
        }
        [
            (
                "lifetime",
                differs(self.lifetime_seconds.as_ref(), there.lifetime_seconds.as_ref()),
            ),
            (
                "max_live_tokens",
                differs(self.max_live_tokens.as_ref(), there.max_live_tokens.as_ref()),
            ),
            ("policy", differs(self.policy.as_ref(), there.policy.as_ref())),
            (
                "refresh_window",
                differs(
                    self.refresh_window_seconds.as_ref(),
                    there.refresh_window_seconds.as_ref(),
                ),
            ),
            ("issuer", differs(self.issuer.as_ref(), there.issuer.as_ref())),
            (
                "audience",
                differs(self.audience.as_ref(), there.audience.as_ref()),
            ),
        ]
        .into_iter()
        .find_map(|(name, differs)| differs.then_some(name))
    }
}

pub(crate) fn max_live_tokens(text: &str) -> Result<MaxLiveTokens, String> {
    text.parse()
        .ok()
        .and_then(MaxLiveTokens::new)
        .ok_or_else(|| "must be a number from 1 to 100".to_owned())
}
