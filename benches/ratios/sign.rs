//! Claims in, token out.

use std::hint::black_box;

use criterion::Criterion;
use ring::hmac;

use crate::{
    peer::{self, BACK_ENDS, BackEnd},
    table::{Against, Group},
    token::{self, Bare},
};

pub(crate) const GROUP: Group = Group {
    name: "sign",
    floor: "ring",
    what: "sign HS256, 192 bytes of signing input; floor: ring's hmac::sign of those bytes",
    variants: &["issuer", BACK_ENDS[0].1, BACK_ENDS[1].1],
    against: &[
        Against {
            ours: "issuer",
            peer: BACK_ENDS[0].1,
        },
        Against {
            ours: "issuer",
            peer: BACK_ENDS[1].1,
        },
    ],
};

pub(crate) fn bench(criterion: &mut Criterion) {
    let (keys, claims) = (token::keys(), token::claims());
    let token = keys.sign(&claims).expect("short");
    let bare = Bare::of(token.as_str());
    let (header, their_claims, key) = (peer::header(), peer::Claims::new(), peer::encoding_key());
    check(token.as_str(), BackEnd::AwsLcRs);
    check(token.as_str(), BackEnd::RustCrypto);

    let mut group = criterion.benchmark_group(GROUP.name);
    group.bench_function(GROUP.floor, |bencher| {
        bencher.iter(|| hmac::sign(&bare.key, black_box(bare.signing_input.as_bytes())));
    });
    group.bench_function("issuer", |bencher| {
        bencher.iter(|| keys.sign(black_box(&claims)).expect("short"));
    });
    for (back_end, name) in BACK_ENDS {
        peer::choose(back_end);
        group.bench_function(name, |bencher| {
            bencher.iter(|| jsonwebtoken::encode(&header, black_box(&their_claims), &key).expect("signs"));
        });
    }
    group.finish();
}

/// Both sides do the same work: the same claims, byte for byte, and as long a header.
fn check(ours: &str, back_end: BackEnd) {
    peer::choose(back_end);
    let theirs = jsonwebtoken::encode(&peer::header(), &peer::Claims::new(), &peer::encoding_key());
    let theirs = theirs.expect("signs");
    assert_eq!(theirs.split('.').nth(1), ours.split('.').nth(1));
    assert_eq!(theirs.len(), ours.len());
    let verified = token::keys().verify(&theirs, &token::expected(), token::now());
    assert!(verified.is_ok(), "{verified:?}");
}
