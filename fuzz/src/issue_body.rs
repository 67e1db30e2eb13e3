//! `POST /admin/clients`: 200 exactly when the contract's table says so, and then with what the body says.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use allocation_counter::measure;
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use data_encoding::BASE64URL_NOPAD;
use http_body_util::BodyExt as _;
use issuer::{
    Timestamp,
    jose::{Expected, KeySet, SigningKey},
    state::{Commit, Control, Expect, Snapshot, TokenState, Versioned},
    user::{AvatarUrl, Nickname, UserId},
};
use issuer_service::{ManualClock, TokenService};
use issuer_store::{
    Cursor, Export, Lookup, MemoryStore, Outcome, Page, Store, StoreError, TokenRef, UserPage,
};
use ring::hmac;
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use crate::{
    members::{Raw, find, is_deeper_than, members},
    user_fields::{is_nickname, is_user_id},
};

const API_KEY: &str = "the-api-key-of-a-fuzz-target";
const NOW: i64 = 1_750_000_000;
const SECRET: [u8; 32] = [7; 32];
const MAX_BODY_BYTES: usize = 65_536;
/// What this thread may hold at once for a request: for each byte of the body up to the limit, and beside that.
const BYTES_PER_BYTE: usize = 8;
const BYTES: usize = 16 << 10;

/// The target: any bytes as the body of a request.
pub fn issue_body(data: &[u8]) {
    let server = server();
    server.store.empty();
    let (status, first) = server.post(data, Some("key"));
    let wanted = std::str::from_utf8(data).ok().and_then(wanted);
    if data.len() > MAX_BODY_BYTES {
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    } else if let Some(wanted) = wanted {
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&first));
        server.judge_answer(&first, &wanted);
        let (status, again) = server.post(data, Some("key"));
        assert_eq!(
            (status, again),
            (StatusCode::OK, first),
            "a replay is another answer"
        );
        let (status, _) = server.post(data, None);
        assert_eq!(status, StatusCode::CONFLICT);
        return;
    } else {
        assert_eq!(
            status,
            StatusCode::BAD_REQUEST,
            "{}",
            String::from_utf8_lossy(&first)
        );
    }
    let error: Value = serde_json::from_slice(&first).expect("an error in JSON");
    assert!(error["error"].is_string() && error["message"].is_string());
    assert!(server.store.is_empty(), "a refused request wrote something");
}

/// What a body asks for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    id: String,
    nickname: Option<String>,
    avatar_url: Option<String>,
}

/// Contract sections 0 and 1; `None` where the body is to be refused. Of the avatar's URL, its parser has the word: the
/// target for the fields judges it.
fn wanted(text: &str) -> Option<Wanted> {
    let members = members(text)?;
    let known = [
        "_id",
        "nickname",
        "avatarUrl",
        "issueAccessToken",
        "token",
        "expirationDate",
    ];
    let once = |name: &&str| members.iter().filter(|(member, _)| member == *name).count() <= 1;
    if !known.iter().all(once) || is_deeper_than(text, 64) {
        return None;
    }
    let value = |name: &str| find(&members, name).filter(|value| value.as_written() != "null");
    let id = value("_id")?.text().filter(|id| is_user_id(id))?;
    let nickname = optional(value("nickname"), is_nickname)?;
    let avatar_url = optional(value("avatarUrl"), |url| AvatarUrl::parse(url).is_ok())?;
    let asks = value("issueAccessToken")?.as_written() == "true";
    let sets = value("token").is_some() || value("expirationDate").is_some();
    (asks && !sets).then_some(Wanted {
        id,
        nickname,
        avatar_url,
    })
}

/// A string that fits, or nothing where the field is absent, null or empty.
fn optional(value: Option<&Raw>, fits: impl Fn(&str) -> bool) -> Option<Option<String>> {
    let Some(value) = value else { return Some(None) };
    let text = value.text()?;
    if text.is_empty() {
        return Some(None);
    }
    fits(&text).then_some(Some(text))
}

struct Server {
    store: Arc<Emptied>,
    router: Router,
    runtime: Runtime,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let store = Arc::new(Emptied::default());
        let keys = KeySet::new(SigningKey::hs256(SECRET).expect("long enough"));
        let clock = ManualClock::at(Timestamp::from_unix(NOW).expect("in range"));
        let tokens = TokenService::builder(store.clone(), keys).clock(clock).build();
        let http = issuer_http::router(tokens.expect("the service starts"));
        Server {
            store,
            router: http.api_key(API_KEY).expect("a good key").into_service_router(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime"),
        }
    })
}

impl Server {
    fn post(&self, body: &[u8], idempotency_key: Option<&str>) -> (StatusCode, Vec<u8>) {
        let mut request = Request::post("/admin/clients")
            .header("IM-API-KEY", API_KEY)
            .header("Content-Type", "application/json");
        if let Some(key) = idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        let request = request.body(Body::from(body.to_vec())).expect("a request");
        let mut answer = None;
        let counted = measure(|| {
            answer = Some(self.runtime.block_on(async {
                let Ok(response) = self.router.clone().oneshot(request).await;
                let status = response.status();
                let body = response.into_body().collect().await.expect("a body");
                (status, body.to_bytes().to_vec())
            }));
        });
        let bound = BYTES + BYTES_PER_BYTE * body.len().min(MAX_BODY_BYTES);
        assert!(
            counted.bytes_max <= bound as u64,
            "{counted:?} for {} bytes",
            body.len()
        );
        answer.expect("was asked")
    }

    fn judge_answer(&self, answer: &[u8], wanted: &Wanted) {
        let answer: Value = serde_json::from_slice(answer).expect("JSON");
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        assert_eq!(text("_id").as_deref(), Some(&*wanted.id));
        assert_eq!(text("nickname"), wanted.nickname);
        assert_eq!(text("avatarUrl"), wanted.avatar_url);
        assert_eq!(answer["issueAccessToken"], true);

        let id = UserId::parse(&wanted.id).expect("was accepted");
        let snapshot = self.store.snapshot(&id);
        let stored = snapshot.user.expect("is stored").value;
        assert_eq!(stored.id.as_str(), wanted.id);
        assert_eq!(
            stored.nickname.as_ref().map(Nickname::as_str),
            wanted.nickname.as_deref()
        );
        assert_eq!(
            stored.avatar_url.as_ref().map(AvatarUrl::as_str),
            wanted.avatar_url.as_deref()
        );
        let [record] = snapshot.tokens.as_slice() else {
            panic!("not one token: {:?}", snapshot.tokens)
        };
        assert_eq!(text("expirationDate"), Some(record.expires_at.to_string()));
        judge_token(&text("token").expect("a token"), &wanted.id, record.expires_at);
    }
}

fn judge_token(token: &str, subject: &str, expires_at: Timestamp) {
    let (input, signature) = token.rsplit_once('.').expect("three segments");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), input.as_bytes());
    assert_eq!(signature, BASE64URL_NOPAD.encode(tag.as_ref()));
    let (_, payload) = input.split_once('.').expect("three segments");
    let payload = BASE64URL_NOPAD.decode(payload.as_bytes()).expect("base64url");
    let claims: Value = serde_json::from_slice(&payload).expect("JSON");
    assert_eq!(claims["sub"], subject);
    assert_eq!(claims["exp"], expires_at.as_unix());
    let keys = KeySet::new(SigningKey::hs256(SECRET).expect("long enough"));
    let now = Timestamp::from_unix(NOW).expect("in range");
    assert!(keys.verify(token, &Expected::new(), now).is_ok());
}

/// A store that forgets all but its control record between two inputs, so that each is judged alone.
#[derive(Default)]
struct Emptied(RwLock<MemoryStore>);

impl Emptied {
    fn empty(&self) {
        let fresh = MemoryStore::new();
        if let Some(control) = self.control().expect("in memory") {
            fresh.set_control(Expect::Absent, &control).expect("in memory");
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }

    fn snapshot(&self, id: &UserId) -> Snapshot {
        self.load(&[Lookup::user(id)]).expect("in memory").remove(0)
    }

    fn is_empty(&self) -> bool {
        self.export(None, 1).expect("in memory").rows.is_empty()
    }

    fn with<T>(&self, work: impl FnOnce(&MemoryStore) -> T) -> T {
        work(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store for Emptied {
    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        self.with(|store| store.load(lookups))
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError> {
        self.with(|store| store.find(tokens))
    }

    fn list(&self, page: &Page<'_>) -> Result<UserPage, StoreError> {
        self.with(|store| store.list(page))
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        self.with(|store| store.export(after, limit))
    }

    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        self.with(|store| store.apply(commits))
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.with(|store| store.purge(dead_before, limit))
    }

    fn control(&self) -> Result<Option<Versioned<Control>>, StoreError> {
        self.with(Store::control)
    }

    fn set_control(&self, expect: Expect, next: &Versioned<Control>) -> Result<Outcome, StoreError> {
        self.with(|store| store.set_control(expect, next))
    }
}
