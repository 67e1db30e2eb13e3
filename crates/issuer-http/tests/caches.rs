//! Shared caches between clients and the host: they may keep no answer that was for one user.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;

use std::collections::HashMap;

use axum::{
    Router,
    body::Body,
    http::{Method, Request, header},
    response::IntoResponse,
    routing::get as on_get,
};
use client::{API_KEY, Answer, WANTED, get, get_with, issue, issue_at, send, service};
use issuer_http::{AuthenticatedUser, CorsOrigin, NoStore};
use issuer_service::TokenService;
use issuer_store::MemoryStore;

/// A shared cache as RFC 9111 section 3 allows it: it stores what nothing forbids to store, whether or not a lifetime is
/// said, and knows `Authorization` and `Vary`, as Varnish does by default.
#[derive(Default)]
struct SharedCache {
    /// By URL.
    stored: HashMap<String, Vec<Stored>>,
}

/// The headers of the request by which the answer varies, and the answer.
type Stored = (Vec<(String, String)>, Answer);

impl SharedCache {
    /// The stored answer, or the origin's. The flag says which.
    async fn ask(&mut self, origin: &Router, request: Request<Body>) -> (bool, Answer) {
        let header_of = |name: &str| {
            let value = request.headers().get(name);
            value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
        };
        let url = request.uri().to_string();
        let stored = self.stored.get(&url).into_iter().flatten();
        let mut fitting =
            stored.filter(|(vary, _)| vary.iter().all(|(name, value)| *value == header_of(name)));
        if let Some((_, answer)) = fitting.next() {
            return (true, copy(answer));
        }
        let is_get = request.method() == Method::GET;
        let has_authorization = request.headers().contains_key(header::AUTHORIZATION);
        let sent = request.headers().clone();
        let answer = send(origin, request).await;
        let control = answer.header("cache-control").unwrap_or_default();
        let may_be_kept = ["no-store", "private"].iter().all(|word| !control.contains(word));
        // RFC 9110 section 15.1: what may be stored without a word about it.
        let is_cacheable =
            [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501].contains(&answer.status.as_u16());
        let vary = answer.headers.get_all(header::VARY).iter();
        let vary: Vec<String> = vary
            .flat_map(|value| value.to_str().unwrap().split(','))
            .map(|name| name.trim().to_owned())
            .collect();
        if is_get && !has_authorization && may_be_kept && is_cacheable {
            let value = |name: &String| {
                sent.get(name)
                    .map_or("", |value| value.to_str().unwrap())
                    .to_owned()
            };
            let vary = vary.iter().map(|name| (name.clone(), value(name))).collect();
            self.stored.entry(url).or_default().push((vary, copy(&answer)));
        }
        (false, answer)
    }
}

fn copy(answer: &Answer) -> Answer {
    Answer {
        status: answer.status,
        headers: answer.headers.clone(),
        text: answer.text.clone(),
    }
}

async fn rooms(user: AuthenticatedUser) -> String {
    format!("the rooms of {}", user.id)
}

async fn stored_rooms(user: AuthenticatedUser) -> impl IntoResponse {
    (
        [("cache-control", "max-age=60")],
        format!("the rooms of {}", user.id),
    )
}

async fn news() -> &'static str {
    "the same for everybody"
}

fn host() -> Router {
    let tokens = service(MemoryStore::new()).build().unwrap();
    let api = issuer_http::router(tokens.clone()).api_key(API_KEY).unwrap();
    Router::new()
        .route("/rooms", on_get(rooms))
        .route("/stored-rooms", on_get(stored_rooms))
        .route("/news", on_get(news))
        .layer(NoStore)
        .with_state(tokens)
        .merge(api)
}

async fn token_of(app: &Router, user: &str) -> String {
    let body = WANTED.replace("\"a\"", &format!("\"{user}\""));
    send(app, issue_at("/admin/clients").body(Body::from(body)).unwrap())
        .await
        .token()
}

#[tokio::test]
async fn behind_a_shared_cache_nobody_gets_what_was_for_another_user() {
    let app = host();
    let (amy, bob) = (token_of(&app, "amy").await, token_of(&app, "bob").await);
    let mut cache = SharedCache::default();
    for path in ["/me", "/me/", "/me?x=1", "/rooms", "/stored-rooms"] {
        let (_, first) = cache.ask(&app, get_with(path, &amy)).await;
        assert!(
            first.status == 200 && first.text.contains("amy"),
            "{path}: {first:?}"
        );
        let (_, second) = cache.ask(&app, get_with(path, &bob)).await;
        assert!(
            second.status == 200 && second.text.contains("bob"),
            "{path}: {second:?}"
        );
        let (_, nobody) = cache.ask(&app, get(path)).await;
        assert_eq!(nobody.status, 401, "{path}");
    }
    // The cache does store: what is for everybody comes from it.
    cache.ask(&app, get("/news")).await;
    assert!(cache.ask(&app, get("/news")).await.0);
    // And what the host lets it store comes from it for the same user.
    assert!(cache.ask(&app, get_with("/stored-rooms", &amy)).await.0);
}

#[tokio::test]
async fn every_answer_of_the_router_is_kept_out_of_caches() {
    let tokens = service(MemoryStore::new()).build().unwrap();
    let app = issuer_http::router(tokens)
        .api_key(API_KEY)
        .unwrap()
        .cors_origin(CorsOrigin::parse("https://a.example").unwrap())
        .into_service_router();
    let preflight = Request::builder()
        .method("OPTIONS")
        .uri("/me")
        .header("Origin", "https://a.example")
        .header("Access-Control-Request-Method", "GET");
    let post = |path: &str| {
        Request::builder()
            .method("POST")
            .uri(path)
            .body(Body::empty())
            .unwrap()
    };
    let mut statuses = Vec::new();
    for request in [
        issue(),
        issue(),
        issue_at("/admin/clients").body(Body::from("{")).unwrap(),
        get("/healthz"),
        get("/readyz"),
        get("/me"),
        get("/nothing"),
        get("/admin/nothing"),
        post("/me"),
        post("/healthz"),
        preflight.body(Body::empty()).unwrap(),
    ] {
        let answer = send(&app, request).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [200, 409, 400, 200, 200, 401, 404, 401, 405, 405, 200]);
}

#[tokio::test]
async fn a_route_of_the_host_that_knows_its_user_is_kept_out_of_caches_unless_the_host_says_otherwise() {
    let app = host();
    let token = token_of(&app, "amy").await;
    let rooms = send(&app, get_with("/rooms", &token)).await;
    assert_eq!(
        (rooms.header("cache-control"), rooms.header("vary")),
        (Some("no-store"), None)
    );
    let refused = send(&app, get("/rooms")).await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("cache-control")),
        (401, Some("no-store"))
    );
    let stored = send(&app, get_with("/stored-rooms", &token)).await;
    assert_eq!(
        (stored.header("cache-control"), stored.header("vary")),
        (Some("max-age=60"), Some("im-authorization"))
    );
    let news = send(&app, get("/news")).await;
    assert_eq!((news.header("cache-control"), news.header("vary")), (None, None));
}

#[tokio::test]
async fn a_route_that_knows_its_user_without_the_layer_answers_nobody() {
    let tokens: TokenService = service(MemoryStore::new()).build().unwrap();
    let api = issuer_http::router(tokens.clone()).api_key(API_KEY).unwrap();
    let app: Router = Router::new()
        .route("/rooms", on_get(rooms))
        .with_state(tokens)
        .merge(api);
    let token = token_of(&app, "amy").await;
    let answer = send(&app, get_with("/rooms", &token)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text.contains("amy")),
        (500, false)
    );
}
