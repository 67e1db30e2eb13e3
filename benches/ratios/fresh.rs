//! A clock, a token id and a signature: what a token costs that nobody stores.

use std::{
    hint::black_box,
    time::{SystemTime, UNIX_EPOCH},
};

use criterion::Criterion;
use issuer::{Lifetime, Timestamp, TokenId, jose::Claims};
use issuer_service::{Clock as _, SystemClock};
use rand::Rng as _;
use ring::hmac;

use crate::{
    peer::{
        NAMES,
        jsonwebtoken::{self as peer, BackEnd},
    },
    table::{Against, Group},
    token::{self, Bare, ISSUER, SUBJECT},
};

pub(crate) const GROUP: Group = Group {
    name: "fresh",
    floor: "ring",
    what: "clock, token id and sign HS256; floor: ring's hmac::sign of 192 bytes",
    variants: &["issuer", NAMES[0], NAMES[1]],
    against: &[
        Against {
            ours: "issuer",
            peer: NAMES[0],
        },
        Against {
            ours: "issuer",
            peer: NAMES[1],
        },
    ],
};

pub(crate) fn bench(criterion: &mut Criterion) {
    let keys = token::keys();
    let bare = Bare::of(keys.sign(&token::claims()).expect("short").as_str());

    let mut group = criterion.benchmark_group(GROUP.name);
    group.bench_function(GROUP.floor, |bencher| {
        bencher.iter(|| hmac::sign(&bare.key, black_box(bare.signing_input.as_bytes())));
    });
    group.bench_function("issuer", |bencher| {
        bencher.iter(|| keys.sign(&ours(black_box(SUBJECT))).expect("short"));
    });
    for (name, back_end) in [(NAMES[0], BackEnd::AwsLcRs), (NAMES[1], BackEnd::RustCrypto)] {
        peer::choose(back_end);
        let (header, key) = (peer::header(), peer::encoding_key());
        group.bench_function(name, |bencher| {
            bencher
                .iter(|| ::jsonwebtoken::encode(&header, &theirs(black_box(SUBJECT)), &key).expect("signs"));
        });
    }
    group.finish();
}

/// As the service makes them: its clock, and the random bits of the thread's generator.
fn ours(subject: &str) -> Claims<'_> {
    let now = SystemClock::default().now();
    let mut random = [0; 10];
    rand::rng().fill_bytes(&mut random);
    let millis = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    let issued_at = Timestamp::try_from(now).expect("a date of this age");
    Claims {
        issuer: Some(ISSUER),
        subject,
        audience: None,
        issued_at,
        expires_at: issued_at.checked_add(Lifetime::default()).expect("likewise"),
        token_id: TokenId::from_parts(millis, random),
    }
}

/// As a host makes them by hand, with ids as long.
fn theirs(subject: &str) -> peer::Claims {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let iat = i64::try_from(now.as_secs()).expect("a date of this age");
    let mut id = [0; 16];
    rand::rng().fill_bytes(&mut id);
    peer::Claims {
        iss: ISSUER.to_owned(),
        sub: subject.to_owned(),
        iat,
        exp: iat + Lifetime::default().as_seconds(),
        jti: TokenId::from_bytes(id).to_string(),
    }
}
