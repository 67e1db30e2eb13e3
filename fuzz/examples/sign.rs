//! Signs a header and a payload with a key of the token targets: how inputs for their corpora are made.
//!
//! `cargo run --example sign -- '{"alg":"HS256"}' '{"sub":"user001","exp":1750000001}'`

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().unwrap_or_default();
    let (header, payload) = (next(), next());
    print!(
        "{}",
        issuer_fuzz::keys::sign(header.as_bytes(), payload.as_bytes())
    );
}
