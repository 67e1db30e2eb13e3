//! What a host may rely on that merges the router into its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;

use axum::{
    Extension, Router,
    body::Body,
    extract::FromRef,
    http::{Request, StatusCode},
    routing,
};
use client::{API_KEY, WANTED, get, get_with, issue, issue_at, revoke_all, send, service};
use issuer::decide::MaxLiveTokens;
use issuer::state::ApiKeyScope;
use issuer_http::{AuthenticatedUser, HttpApi, NoStore, RequireApiKey};
use issuer_service::{ApiCaller, TokenService};
use issuer_store::MemoryStore;

/// The state of a host, with the service in it.
#[derive(Clone)]
struct Host {
    tokens: TokenService,
    name: &'static str,
}

impl FromRef<Host> for TokenService {
    fn from_ref(host: &Host) -> Self {
        host.tokens.clone()
    }
}

async fn rooms(user: AuthenticatedUser) -> String {
    let nickname = user.nickname.as_ref().map_or("-", |name| name.as_str());
    format!("{} {nickname}", user.id)
}

async fn lost() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "the host does not know")
}

fn tokens() -> TokenService {
    service(MemoryStore::new()).build().unwrap()
}

fn http(tokens: &TokenService) -> HttpApi {
    issuer_http::router(tokens.clone()).api_key(API_KEY).unwrap()
}

/// A host with a route, a state and a fallback of its own.
fn host(tokens: &TokenService) -> Router {
    let state = Host {
        tokens: tokens.clone(),
        name: "host",
    };
    let name = |axum::extract::State(host): axum::extract::State<Host>| async move { host.name };
    Router::new()
        .route("/rooms", routing::get(rooms))
        .route("/name", routing::get(name))
        .layer(NoStore)
        .fallback(lost)
        .merge(http(tokens))
        .with_state(state)
}

#[tokio::test]
async fn the_router_merges_into_one_with_a_state_routes_and_a_fallback() {
    let tokens = tokens();
    let app = host(&tokens);
    let token = send(&app, issue()).await.token();
    assert_eq!(send(&app, get_with("/me", &token)).await.status, 200);
    assert_eq!(send(&app, get("/name")).await.brief(), (200, "host"));
    for path in ["/nothing", "/me/nothing", "/admin"] {
        let answer = send(&app, get(path)).await;
        assert_eq!(answer.brief(), (404, "the host does not know"), "{path}");
        assert_eq!(
            answer.header("x-request-id"),
            None,
            "the host's answers are the host's"
        );
    }
    let unknown = send(&app, get("/admin/nothing")).await;
    assert_eq!(
        unknown.brief(),
        (401, r#"{"error":"UNAUTHORIZED","message":"Invalid API key"}"#)
    );
}

#[tokio::test]
async fn without_a_fallback_an_unknown_path_is_the_frameworks() {
    let app: Router = Router::new().merge(http(&tokens()));
    assert_eq!(send(&app, get("/nothing")).await.brief(), (404, ""));
}

#[tokio::test]
async fn a_route_of_the_host_knows_whose_token_came() {
    let tokens = tokens();
    let app = host(&tokens);
    let body = r#"{"_id":"user001","nickname":"Amy","issueAccessToken":true}"#;
    let issued = send(&app, issue_at("/admin/clients").body(Body::from(body)).unwrap()).await;
    let token = issued.token();
    assert_eq!(
        send(&app, get_with("/rooms", &token)).await.brief(),
        (200, "user001 Amy")
    );
    let bearer = format!("bearer  {token}");
    assert_eq!(send(&app, get_with("/rooms", &bearer)).await.status, 200);
    send(&app, revoke_all("/admin/clients/user001/token")).await;
    assert_eq!(send(&app, get_with("/rooms", &token)).await.status, 401);
}

#[tokio::test]
async fn a_route_of_the_host_refuses_as_me_does() {
    let app = host(&tokens());
    let expected = (
        401,
        r#"{"RC":401,"RM":"Unauthorized","error":{"code":"INVALID_TOKEN","message":"Invalid or expired token"}}"#,
    );
    for request in [
        get("/rooms"),
        get_with("/rooms", "x"),
        get_with("/rooms", "Bearer"),
    ] {
        let answer = send(&app, request).await;
        assert_eq!(answer.brief(), expected);
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    let elsewhere = Request::builder()
        .uri("/rooms")
        .header("Authorization", "Bearer x");
    let answer = send(&app, elsewhere.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.brief(), expected);
}

/// What a merge panics with.
fn collision(host: Router, api: HttpApi) -> String {
    let merge = std::panic::AssertUnwindSafe(|| host.merge(api));
    let panic = std::panic::catch_unwind(merge).unwrap_err();
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap()
}

#[tokio::test]
async fn a_route_that_the_host_has_as_well_is_named_when_the_two_are_merged() {
    async fn own() -> &'static str {
        "the host's"
    }
    let tokens = tokens();
    for path in ["/me", "/healthz", "/readyz", "/admin/clients", "/me/"] {
        for (method, filter) in [
            ("GET", routing::MethodFilter::GET),
            ("POST", routing::MethodFilter::POST),
            ("PATCH", routing::MethodFilter::PATCH),
        ] {
            let host = Router::new().route(path, routing::on(filter, own));
            let said = collision(host, http(&tokens));
            assert!(said.contains(&format!("`{method} {path}`")), "{said}");
        }
        let host = Router::new().route(path, routing::any(own));
        assert!(collision(host, http(&tokens)).contains("fallback"));
    }
}

#[tokio::test]
async fn a_host_keeps_its_own_me_and_health_where_it_leaves_out_ours() {
    let tokens = tokens();
    let own = || routing::get(async || "the host's");
    let app: Router = Router::new()
        .route("/me", own())
        .route("/healthz", own())
        .merge(http(&tokens).without_me().without_health());
    for path in ["/me", "/healthz"] {
        assert_eq!(send(&app, get(path)).await.brief(), (200, "the host's"));
    }
    assert_eq!(send(&app, get("/readyz")).await.status, 404);
    assert_eq!(send(&app, issue()).await.status, 200);
    // The other remedy: a prefix.
    let app: Router = Router::new()
        .route("/me", own())
        .nest("/chat", Router::from(http(&tokens)));
    assert_eq!(send(&app, get("/me")).await.brief(), (200, "the host's"));
    assert_eq!(send(&app, get("/chat/me")).await.status, 401);
}

/// A route that no documentation of ours knows.
fn report() -> Router {
    let report = async |Extension(caller): Extension<ApiCaller>| format!("for {}", caller.name());
    Router::new().route("/admin/report", routing::get(report))
}

fn get_with_key(path: &str, key: &str) -> Request<Body> {
    let request = Request::builder().uri(path).header("IM-API-KEY", key);
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_route_of_the_host_under_admin_asks_for_no_key_without_the_layer_and_refuses_as_ours_with_it() {
    let tokens = tokens();
    let open: Router = Router::new()
        .route("/admin/report", routing::get(async || "open"))
        .merge(http(&tokens));
    assert_eq!(send(&open, get("/admin/report")).await.brief(), (200, "open"));

    let layer = RequireApiKey::new(tokens.clone(), ApiKeyScope::Full);
    let app: Router = report().route_layer(layer).merge(http(&tokens));
    let ours = send(&app, get("/admin/clients")).await;
    for request in [get("/admin/report"), get_with_key("/admin/report", "another key")] {
        let refused = send(&app, request).await;
        assert_eq!(refused.brief(), ours.brief());
        for header in ["www-authenticate", "cache-control", "content-type"] {
            assert_eq!(refused.header(header), ours.header(header), "{header}");
        }
    }
    let twice = Request::builder()
        .uri("/admin/report")
        .header("IM-API-KEY", API_KEY);
    let twice = twice.header("IM-API-KEY", API_KEY).body(Body::empty()).unwrap();
    assert_eq!(send(&app, twice).await.status, 401);
    let mut limited = None;
    for _ in 0..100 {
        limited = Some(send(&app, get_with_key("/admin/report", "another key")).await);
    }
    let limited = limited.unwrap();
    assert_eq!(
        (limited.status.as_u16(), limited.header("retry-after")),
        (429, Some("1"))
    );
    let answer = send(&app, get_with_key("/admin/report", API_KEY)).await;
    assert_eq!(answer.brief(), (200, "for host"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_host_with_parameters_under_admin_leaves_out_the_answer_to_unknown_paths() {
    let tokens = tokens();
    let host = || Router::new().route("/admin/{page}", routing::get(async || "the host's page"));
    let said = collision(host(), http(&tokens));
    assert!(said.contains("/admin/{"), "{said}");
    let app: Router = host().merge(http(&tokens).without_admin_fallback());
    assert_eq!(
        send(&app, get("/admin/page")).await.brief(),
        (200, "the host's page")
    );
    assert_eq!(send(&app, get("/admin/two/parts")).await.status, 404);
    assert_eq!(send(&app, get("/admin/clients")).await.status, 401);
    assert_eq!(send(&app, issue()).await.status, 200);
    // The other remedy: a prefix.
    let app: Router = host().nest("/chat", Router::from(http(&tokens)));
    assert_eq!(
        send(&app, get("/admin/page")).await.brief(),
        (200, "the host's page")
    );
    assert_eq!(send(&app, get("/chat/admin/page")).await.status, 401);
}

#[tokio::test]
async fn the_router_works_under_a_prefix() {
    let tokens = tokens();
    let app: Router = Router::new().nest("/chat/v1", Router::from(http(&tokens)));
    let body = r#"{"_id":"a/b","issueAccessToken":true}"#;
    let issue = issue_at("/chat/v1/admin/clients").body(Body::from(body)).unwrap();
    let token = send(&app, issue).await.token();
    assert_eq!(send(&app, get_with("/chat/v1/me", &token)).await.status, 200);
    let revoked = send(&app, revoke_all("/chat/v1/admin/clients/a%2Fb/token")).await;
    assert!(revoked.text.contains(r#""revokedTokens":1"#), "{revoked:?}");
    assert_eq!(send(&app, get("/chat/v1/admin/nothing")).await.status, 401);
    assert_eq!(send(&app, get("/me")).await.status, 404);
}

#[tokio::test]
async fn layers_of_the_host_wrap_the_routes() {
    let app: Router = Router::new()
        .merge(http(&tokens()))
        .layer(axum::middleware::map_response(
            async |mut response: axum::response::Response| {
                response.headers_mut().insert("x-host", "yes".parse().unwrap());
                response
            },
        ));
    let answer = send(&app, get("/admin/nothing")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-host")),
        (401, Some("yes"))
    );
}

#[tokio::test]
async fn an_idempotency_key_is_that_of_its_api_key() {
    let tokens = service(MemoryStore::new())
        .max_live_tokens(MaxLiveTokens::new(2).unwrap())
        .build()
        .unwrap();
    let other = "YW5vdGhlciBhcGkga2V5LCBhbHNvIDMyIGJ5dGVzICE=";
    let app: Router = http(&tokens).api_key(other).unwrap().into_service_router();
    let keyed = |api_key| {
        Request::builder()
            .method("POST")
            .uri("/admin/clients")
            .header("IM-API-KEY", api_key)
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", "one")
            .body(Body::from(WANTED))
            .unwrap()
    };
    let first = send(&app, keyed(API_KEY)).await.token();
    let second = send(&app, keyed(other)).await.token();
    assert_ne!(first, second);
    assert_eq!(send(&app, keyed(API_KEY)).await.token(), first);
    assert_eq!(send(&app, keyed(other)).await.token(), second);
}

#[tokio::test]
async fn a_key_that_no_header_can_carry_is_refused_when_the_host_starts() {
    for key in ["", "a b", "é", &"x".repeat(513)] {
        let refused = issuer_http::router(tokens()).api_key(key);
        assert!(refused.is_err(), "{key}");
    }
    let app: Router = issuer_http::router(tokens()).into_service_router();
    let request = issue_at("/admin/clients").body(Body::from(WANTED)).unwrap();
    assert_eq!(
        send(&app, request).await.status,
        401,
        "without a key nobody is let in"
    );
}
