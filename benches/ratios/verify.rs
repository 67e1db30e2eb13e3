//! Token in, typed claims out.

use std::hint::black_box;

use criterion::Criterion;
use ring::hmac;

use crate::{
    peer::{self, BACK_ENDS},
    table::{Against, Group},
    token::{self, Bare, SUBJECT},
};

pub(crate) const GROUP: Group = Group {
    name: "verify",
    floor: "ring",
    what: "verify HS256 to typed claims, 192 bytes of signing input; floor: ring's hmac::verify of those bytes",
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
    let keys = token::keys();
    let token = keys.sign(&token::claims()).expect("short").into_string();
    let bare = Bare::of(&token);
    let (expected, now) = (token::expected(), token::now());
    let (key, validation) = (peer::decoding_key(), peer::validation());

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
    for (back_end, name) in BACK_ENDS {
        peer::choose(back_end);
        group.bench_function(name, |bencher| {
            let verify = || {
                let decoded = jsonwebtoken::decode::<peer::Claims>(black_box(&token), &key, &validation);
                decoded.expect("verifies").claims
            };
            assert_eq!(verify().sub, SUBJECT);
            bencher.iter(verify);
        });
    }
    group.finish();
}
