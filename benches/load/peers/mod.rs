//! What people use today.

mod mutexed;
mod sa_token;

pub(crate) use mutexed::Mutexed;
pub(crate) use sa_token::SaToken;

/// `jsonwebtoken` takes one back end a process: the one that is faster of its two.
pub(crate) fn install() {
    // It fails only where it was installed before.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}
