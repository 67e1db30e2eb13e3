//! What people take today, each as its documentation says, set to do what `issuer` does.

pub(crate) mod jsonwebtoken;
mod jwt_compact;
mod jwt_simple;

/// The same claims, signed; prepared as far as the peer can prepare them.
pub(crate) type Sign = Box<dyn Fn() -> String>;
/// A token, verified: its subject.
pub(crate) type Verify = Box<dyn Fn(&str) -> String>;

pub(crate) struct Peer {
    /// As its rows are called.
    pub(crate) name: &'static str,
    /// Called before its rows are measured.
    pub(crate) choose: fn(),
    pub(crate) sign: fn() -> Sign,
    pub(crate) verify: fn() -> Verify,
}

pub(crate) const NAMES: [&str; 4] = [
    "jsonwebtoken-aws_lc_rs",
    "jsonwebtoken-rust_crypto",
    "jwt-compact",
    "jwt-simple",
];

pub(crate) const PEERS: [Peer; 4] = [
    Peer {
        name: NAMES[0],
        choose: || jsonwebtoken::choose(jsonwebtoken::BackEnd::AwsLcRs),
        sign: jsonwebtoken::sign,
        verify: jsonwebtoken::verify,
    },
    Peer {
        name: NAMES[1],
        choose: || jsonwebtoken::choose(jsonwebtoken::BackEnd::RustCrypto),
        sign: jsonwebtoken::sign,
        verify: jsonwebtoken::verify,
    },
    Peer {
        name: NAMES[2],
        choose: || {},
        sign: jwt_compact::sign,
        verify: jwt_compact::verify,
    },
    Peer {
        name: NAMES[3],
        choose: || {},
        sign: jwt_simple::sign,
        verify: jwt_simple::verify,
    },
];
