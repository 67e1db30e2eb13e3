//! Token in, typed claims out.

use std::hint::black_box;

use criterion::Criterion;
use ring::hmac;

use crate::{
    peer::{NAMES, PEERS},
    table::{Against, Group},
    token::{self, Bare, SUBJECT},
};

pub(crate) const GROUP: Group = Group {
    name: "verify",
    floor: "ring",
    what: "verify HS256 to typed claims, 192 bytes of signing input; floor: ring's hmac::verify of those bytes",
    variants: &["issuer", NAMES[0], NAMES[1], NAMES[2], NAMES[3]],
    against: &Against::each("issuer", NAMES),
};

pub(crate) fn bench(criterion: &mut Criterion) {
    let keys = token::keys();
    let token = keys.sign(&token::claims()).expect("short").into_string();
    let bare = Bare::of(&token);
    let (expected, now) = (token::expected(), token::now());

    let mut group = criterion.benchmark_group(GROUP.name);
    group.bench_function(GROUP.floor, |bencher| {
        let tag = bare.tag.as_ref();
        bencher.iter(|| {
            hmac::verify(&bare.key, black_box(bare.signing_input.as_bytes()), tag).expect("its tag");
        });
    });
    group.bench_function("issuer", |bencher| {
        let verify = || keys.verify(black_box(&token), &expected, now).expect("verifies");
        assert_eq!(verify().subject(), SUBJECT);
        bencher.iter(verify);
    });
    for peer in &PEERS {
        (peer.choose)();
        let verify = (peer.verify)();
        assert_eq!(verify(&token), SUBJECT, "{}", peer.name);
        group.bench_function(peer.name, |bencher| bencher.iter(|| verify(black_box(&token))));
    }
    group.finish();
}
