//! Token in, typed claims out.

use std::{hint::black_box, num::NonZeroUsize};

use criterion::Criterion;
use issuer::user::NewUser;
use issuer_service::TokenService;
use issuer_store::MemoryStore;
use ring::hmac;

use crate::{
    peer::{NAMES, PEERS},
    table::{Against, Group},
    token::{self, Bare, ISSUER, SUBJECT},
};

pub(crate) const GROUP: Group = Group {
    name: "verify",
    floor: "ring",
    what: "verify HS256 to typed claims, 192 bytes of signing input; floor: ring's hmac::verify of those bytes",
    variants: &[
        "issuer",
        WITHOUT_STORE,
        CACHED,
        NAMES[0],
        NAMES[1],
        NAMES[2],
        NAMES[3],
    ],
    against: &Against::each("issuer", NAMES),
};

/// `TokenService::verify_without_store`: the clock, too.
const WITHOUT_STORE: &str = "issuer-service-no-store";
/// `check` of a token that the service keeps in memory: a revocation is seen at once.
const CACHED: &str = "issuer-service-cached";

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
    let tokens = TokenService::builder(MemoryStore::new(), token::keys())
        .issuer(ISSUER)
        .cache_live_tokens(NonZeroUsize::MIN.saturating_add(1 << 20))
        .build()
        .expect("a service");
    let user = NewUser::new(SUBJECT).expect("a valid id");
    let issued = tokens.blocking().issue(user).expect("issues");
    let stored = issued.token();
    assert_eq!(stored.len(), token.len());
    group.bench_function(WITHOUT_STORE, |bencher| {
        let verify = || tokens.verify_without_store(black_box(stored)).expect("verifies");
        assert_eq!(verify().subject(), SUBJECT);
        bencher.iter(verify);
    });
    group.bench_function(CACHED, |bencher| {
        let check = || tokens.blocking().check(black_box(stored)).expect("lives");
        assert_eq!(check().subject(), SUBJECT);
        bencher.iter(check);
    });
    for peer in &PEERS {
        (peer.choose)();
        let verify = (peer.verify)();
        assert_eq!(verify(&token), SUBJECT, "{}", peer.name);
        group.bench_function(peer.name, |bencher| bencher.iter(|| verify(black_box(&token))));
    }
    group.finish();
}
