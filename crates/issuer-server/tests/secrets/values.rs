//! What a host may print by mistake: `Debug` of whatever can hold a secret, and every error with its sources.

use std::{error::Error, fmt::Debug};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use issuer::{
    Digest, Timestamp,
    decide::{IdempotencyKey, Issue, Revoke, RevokeTarget},
    jose::{Claims, Expected, KeySet, SigningKey, UnverifiedToken},
    state::TokenName,
    user::{NewUser, UserId},
};
use issuer_http::ClientKey;
use issuer_service::{ApiKey, TokenService};
use issuer_sqlite::SqliteStore;
use issuer_store::{MemoryStore, Store};

use crate::{
    marks::{API_KEY, CLIENT_KEY, IDEMPOTENCY_KEY, Marks, SIGNING_SECRET},
    requests::{key_set, keys_json},
};

const USER: &str = "amy";

#[track_caller]
fn prints(marks: &Marks, what: &str, value: &dyn Debug) {
    for shown in [
        format!("{value:?}"),
        format!("{value:#?}"),
        format!("{value:02x?}"),
    ] {
        assert!(!shown.is_empty(), "{what}");
        marks.are_not_in(&format!("{what}: {shown}"), shown.as_bytes());
    }
}

#[track_caller]
fn tells(marks: &Marks, error: &dyn Error) {
    let mut next = Some(error);
    while let Some(error) = next {
        let shown = error.to_string();
        marks.are_not_in(&format!("an error: {shown}"), shown.as_bytes());
        prints(marks, "an error", &error);
        next = error.source();
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds).unwrap()
}

fn service(store: impl Store + 'static) -> TokenService {
    TokenService::builder(store, key_set()).build().unwrap()
}

#[test]
fn no_key_and_no_token_prints_itself() {
    let mut marks = Marks::new();
    let keys = key_set();
    let token = keys
        .sign(&Claims {
            issuer: None,
            subject: USER,
            audience: None,
            issued_at: at(1_750_000_000),
            expires_at: at(2_000_000_000),
            token_id: issuer::TokenId::from_bytes([1; 16]),
        })
        .unwrap();
    marks.add_token(token.as_str());
    let parsed = UnverifiedToken::parse(token.as_str()).unwrap();
    prints(&marks, "SigningKey", &SigningKey::hs256(SIGNING_SECRET).unwrap());
    prints(
        &marks,
        "SigningKey with a kid",
        &SigningKey::hs256(SIGNING_SECRET).unwrap().with_kid("a").unwrap(),
    );
    prints(&marks, "KeySet", &keys);
    prints(&marks, "Token", &token);
    prints(&marks, "UnverifiedToken", &parsed);
    prints(&marks, "VerifiedPayload", &parsed.verify(&keys).unwrap());
    let verified = keys.verify(token.as_str(), &Expected::new(), at(1_750_000_000));
    prints(&marks, "Verified", &verified.unwrap());
    prints(&marks, "ApiKey", &ApiKey::parse(API_KEY).unwrap());
    prints(&marks, "ClientKey", &ClientKey::parse(CLIENT_KEY).unwrap());
    let idempotency = IdempotencyKey::new(&[1; 32], IDEMPOTENCY_KEY).unwrap();
    prints(&marks, "IdempotencyKey", &idempotency);
    let amy = NewUser::new(USER).unwrap();
    prints(
        &marks,
        "Issue",
        &Issue::from(amy).with_idempotency_key(idempotency),
    );
    prints(
        &marks,
        "Revoke",
        &Revoke {
            user: UserId::parse(USER).unwrap(),
            target: RevokeTarget::Token(TokenName::Assigned(Digest::of(token.as_str().as_bytes()))),
        },
    );
}

#[test]
fn no_service_and_no_store_prints_what_went_through_it() {
    let mut marks = Marks::new();
    let folder = tempfile::tempdir().unwrap();
    let memory = std::sync::Arc::new(MemoryStore::new());
    prints(
        &marks,
        "Builder",
        &TokenService::builder(MemoryStore::new(), key_set()),
    );
    let tokens = TokenService::builder(std::sync::Arc::clone(&memory), key_set())
        .build()
        .unwrap();
    let blocking = tokens.blocking();
    blocking
        .add_api_key("first", ApiKey::parse(API_KEY).unwrap())
        .unwrap();
    let key = IdempotencyKey::new(&[1; 32], IDEMPOTENCY_KEY).unwrap();
    let amy = Issue::from(NewUser::new(USER).unwrap()).with_idempotency_key(key);
    let issued = blocking.issue(amy).unwrap();
    marks.add_token(issued.token());
    prints(&marks, "Issued", &issued);
    prints(&marks, "TokenService", &tokens);
    prints(&marks, "Blocking", &blocking);
    prints(&marks, "ApiCaller", &tokens.authorize(API_KEY).unwrap());
    prints(&marks, "TokenState", &blocking.inspect(issued.token()).unwrap());
    prints(&marks, "MemoryStore", &memory);
    prints(&marks, "Control", &memory.control().unwrap());
    let http = issuer_http::router(tokens.clone()).api_key(API_KEY).unwrap();
    prints(
        &marks,
        "HttpApi",
        &http.client_key(ClientKey::parse(CLIENT_KEY).unwrap()),
    );
    let sqlite = SqliteStore::open(folder.path().join("issuer.db")).unwrap();
    prints(&marks, "SqliteStore", &sqlite);
    let over_sqlite = service(sqlite);
    over_sqlite.blocking().issue(NewUser::new(USER).unwrap()).unwrap();
    prints(&marks, "TokenService over SQLite", &over_sqlite);
}

#[test]
fn no_error_tells_what_it_is_about() {
    let marks = Marks::new();
    let good = keys_json();
    let k = URL_SAFE_NO_PAD.encode(SIGNING_SECRET);
    for wrong in [
        good.replace(&k, &k[..8]),
        good.replace("HS256", &k),
        good.replace("oct", &k),
        good.replace("\"k\"", &format!("\"{k}\"")),
        format!("{good}{k}"),
        k.clone(),
    ] {
        tells(&marks, &KeySet::from_jwks(&wrong).unwrap_err());
    }
    let spaced = |secret: &str| format!("{secret} {secret}");
    tells(&marks, &SigningKey::hs256(&SIGNING_SECRET[..31]).unwrap_err());
    let key = SigningKey::hs256(SIGNING_SECRET).unwrap();
    tells(&marks, &key.with_kid(&spaced(API_KEY)).unwrap_err());
    tells(&marks, &ApiKey::parse(&spaced(API_KEY)).unwrap_err());
    tells(&marks, &ClientKey::parse(&spaced(CLIENT_KEY)).unwrap_err());
    tells(
        &marks,
        &IdempotencyKey::new(&[1; 32], &spaced(IDEMPOTENCY_KEY)).unwrap_err(),
    );
    let tokens = service(MemoryStore::new());
    let blocking = tokens.blocking();
    let mut marks = marks;
    let issued = blocking.issue(NewUser::new(USER).unwrap()).unwrap();
    marks.add_token(issued.token());
    tells(&marks, &blocking.issue(NewUser::new(USER).unwrap()).unwrap_err());
    tells(
        &marks,
        &blocking.inspect(&format!("{}x", issued.token())).unwrap_err(),
    );
    tells(
        &marks,
        &blocking
            .revoke(&UserId::parse("bob").unwrap(), issued.token())
            .unwrap_err(),
    );
    tokens.shutdown();
    tells(&marks, &blocking.issue(NewUser::new("bob").unwrap()).unwrap_err());
    tells(&marks, &tokens.authorize(API_KEY).unwrap_err());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issuer.db");
    std::fs::write(&path, format!("{k}{API_KEY}").repeat(100)).unwrap();
    tells(&marks, &SqliteStore::open(&path).unwrap_err());
}
