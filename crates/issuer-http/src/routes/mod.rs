//! One file a call.

pub(crate) mod health;
pub(crate) mod issue;
pub(crate) mod me;
pub(crate) mod revoke;
