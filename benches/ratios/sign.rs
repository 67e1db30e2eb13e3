//! Claims in, token out.

use std::hint::black_box;

use criterion::Criterion;
use ring::hmac;
use serde_json::Value;

use crate::{
    peer::{NAMES, PEERS, Peer},
    table::{Against, Group},
    token::{self, Bare},
};

pub(crate) const GROUP: Group = Group {
    name: "sign",
    floor: "ring",
    what: "sign HS256, 192 bytes of signing input; floor: ring's hmac::sign of those bytes",
    variants: &["issuer", NAMES[0], NAMES[1], NAMES[2], NAMES[3]],
    against: &Against::each("issuer", NAMES),
};

pub(crate) fn bench(criterion: &mut Criterion) {
    let (keys, claims) = (token::keys(), token::claims());
    let token = keys.sign(&claims).expect("short");
    let bare = Bare::of(token.as_str());
    for peer in &PEERS {
        check(token.as_str(), peer);
    }

    let mut group = criterion.benchmark_group(GROUP.name);
    group.bench_function(GROUP.floor, |bencher| {
        bencher.iter(|| hmac::sign(&bare.key, black_box(bare.signing_input.as_bytes())));
    });
    group.bench_function("issuer", |bencher| {
        bencher.iter(|| keys.sign(black_box(&claims)).expect("short"));
    });
    for peer in &PEERS {
        (peer.choose)();
        group.bench_function(peer.name, |bencher| bencher.iter((peer.sign)()));
    }
    group.finish();
}

/// Both sides do the same work: the same claims in as many bytes, and as long a header.
fn check(ours: &str, peer: &Peer) {
    (peer.choose)();
    let theirs = (peer.sign)()();
    assert_eq!(theirs.len(), ours.len(), "{}", peer.name);
    let keys = token::keys();
    let claims = |token: &str| -> Value {
        let token = issuer::jose::UnverifiedToken::parse(token).and_then(|token| token.verify(&keys));
        serde_json::from_slice(token.expect("it was just signed").payload()).expect("claims")
    };
    assert_eq!(claims(&theirs), claims(ours), "{}", peer.name);
}
