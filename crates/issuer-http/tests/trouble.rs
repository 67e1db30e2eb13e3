//! What a client sees when something behind the router breaks.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod client;
mod troubled;

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
};
use client::{Answer, api, get, get_with, issue, issue_at, revoke_all, send, service};
use futures_util::stream;
use http_body::Frame;
use issuer_service::{Clock, SystemClock, TokenService};
use time::OffsetDateTime;
use troubled::{Trouble, TroubledStore};

const INTERNAL: (u16, &str) = (500, r#"{"error":"INTERNAL_ERROR","message":"Internal error"}"#);
const INTERNAL_OF_ME: (u16, &str) = (
    500,
    r#"{"RC":500,"RM":"Internal Server Error","error":{"code":"INTERNAL_ERROR","message":"Internal error"}}"#,
);
const UNAVAILABLE: (u16, &str) = (
    503,
    r#"{"error":"UNAVAILABLE","message":"The service is temporarily unavailable, please try again"}"#,
);
const UNAVAILABLE_OF_ME: (u16, &str) = (
    503,
    r#"{"RC":503,"RM":"Service Unavailable","error":{"code":"UNAVAILABLE","message":"The service is temporarily unavailable, please try again"}}"#,
);

/// A store, the API over it, and a live token.
async fn running() -> (TroubledStore, Router, String) {
    running_with(Duration::from_secs(30)).await
}

/// The same with this deadline for each request.
async fn running_with(deadline: Duration) -> (TroubledStore, Router, String) {
    let store = TroubledStore::new();
    let tokens = service(store.clone()).deadline(deadline).build().unwrap();
    let app = api(&tokens);
    let token = send(&app, issue()).await.token();
    (store, app, token)
}

#[track_caller]
fn asks_to_come_back(answer: &Answer) {
    assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
    assert!(answer.header("x-request-id").is_some());
}

#[tokio::test]
async fn a_store_that_panics_is_500_in_the_shape_of_each_route_and_the_next_request_is_served() {
    let (store, app, token) = running().await;
    store.meets(Trouble::Panic);
    let revoke = || revoke_all("/admin/clients/a/token");
    assert_eq!(send(&app, issue()).await.brief(), INTERNAL);
    assert_eq!(send(&app, revoke()).await.brief(), INTERNAL);
    assert_eq!(send(&app, get("/readyz")).await.brief(), INTERNAL);
    assert_eq!(send(&app, get_with("/me", &token)).await.brief(), INTERNAL_OF_ME);
    assert_eq!(send(&app, get("/healthz")).await.status, 200);
    store.meets(Trouble::None);
    assert_eq!(send(&app, get_with("/me", &token)).await.status, 200);
    assert_eq!(send(&app, revoke()).await.status, 200);
    assert_eq!(send(&app, issue()).await.status, 200);
}

#[tokio::test]
async fn a_store_that_fails_is_503_and_its_words_stay_here() {
    let (store, app, token) = running().await;
    store.meets(Trouble::Fail);
    for (request, expected) in [
        (issue(), UNAVAILABLE),
        (revoke_all("/admin/clients/a/token"), UNAVAILABLE),
        (get("/readyz"), UNAVAILABLE),
        (get_with("/me", &token), UNAVAILABLE_OF_ME),
    ] {
        let answer = send(&app, request).await;
        assert_eq!(answer.brief(), expected);
        asks_to_come_back(&answer);
    }
    // What needs no store is told at once.
    assert_eq!(send(&app, get_with("/me", "x")).await.status, 401);
}

#[tokio::test]
async fn a_store_that_hangs_is_503_at_the_deadline_and_never_a_hang() {
    // Long enough for a healthy store on a busy machine.
    let (store, app, token) = running_with(Duration::from_secs(1)).await;
    let hanging = store.hangs();
    for (request, expected) in [
        (get_with("/me", &token), UNAVAILABLE_OF_ME),
        (revoke_all("/admin/clients/a/token"), UNAVAILABLE),
    ] {
        let answer = send(&app, request).await;
        assert_eq!(answer.brief(), expected);
        asks_to_come_back(&answer);
    }
    drop(hanging);
    assert_eq!(send(&app, get("/readyz")).await.status, 200);
}

#[tokio::test]
async fn past_the_queue_the_answer_is_503_at_once() {
    let store = TroubledStore::new();
    let tokens = service(store.clone())
        .queue_bound(1)
        .deadline(Duration::from_mins(1))
        .build()
        .unwrap();
    let app = api(&tokens);
    let hanging = store.hangs();
    // One at the store, one in the queue, and no room for the others.
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { send(&app, issue()).await })
        })
        .collect();
    while callers.iter().filter(|caller| caller.is_finished()).count() < 6 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(hanging);
    let mut turned_away = 0;
    for caller in callers {
        let answer = caller.await.unwrap();
        match answer.status.as_u16() {
            503 => {
                turned_away += 1;
                assert_eq!(answer.brief(), UNAVAILABLE);
                asks_to_come_back(&answer);
            }
            200 | 409 => {}
            _ => panic!("{answer:?}"),
        }
    }
    assert!(turned_away >= 6, "{turned_away}");
}

#[tokio::test]
async fn a_server_that_stops_turns_requests_away() {
    let store = TroubledStore::new();
    let tokens = service(store).build().unwrap();
    let app = api(&tokens);
    tokens.shutdown();
    let answer = send(&app, issue()).await;
    assert_eq!(answer.brief(), UNAVAILABLE);
    asks_to_come_back(&answer);
}

/// A clock that breaks: a panic in the handler itself, and not in a thread of the service.
#[derive(Clone, Default)]
struct BrokenClock(Arc<AtomicBool>);

impl Clock for BrokenClock {
    fn now(&self) -> OffsetDateTime {
        assert!(!self.0.load(Ordering::SeqCst), "the clock broke");
        SystemClock::default().now()
    }
}

#[tokio::test]
async fn a_handler_that_panics_is_500_in_the_shape_of_its_route() {
    let clock = BrokenClock::default();
    let tokens = service(TroubledStore::new())
        .clock(clock.clone())
        .build()
        .unwrap();
    let app = api(&tokens);
    let token = send(&app, issue()).await.token();
    clock.0.store(true, Ordering::SeqCst);
    let flat = send(&app, issue()).await;
    assert_eq!(flat.brief(), INTERNAL);
    assert!(flat.header("x-request-id").is_some());
    let of_me = send(&app, get_with("/me", &token)).await;
    assert_eq!(of_me.brief(), INTERNAL_OF_ME);
    assert!(of_me.header("x-request-id").is_some());
}

/// A body of which a byte comes now and then, and the end never.
struct Trickle(Pin<Box<tokio::time::Sleep>>);

impl Trickle {
    const PAUSE: Duration = Duration::from_secs(7);

    fn new() -> Self {
        Self(Box::pin(tokio::time::sleep(Self::PAUSE)))
    }
}

impl HttpBody for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.0.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.0 = Box::pin(tokio::time::sleep(Self::PAUSE));
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_takes_longer_than_thirty_seconds_is_408() {
    let tokens = service(TroubledStore::new()).build().unwrap();
    let app = api(&tokens);
    let started = tokio::time::Instant::now();
    let request = issue_at("/admin/clients")
        .body(Body::new(Trickle::new()))
        .unwrap();
    let answer = send(&app, request).await;
    assert_eq!(started.elapsed().as_secs(), 30);
    assert_eq!(
        answer.brief(),
        (
            408,
            r#"{"error":"REQUEST_TIMEOUT","message":"The request body took too long to arrive"}"#
        )
    );
    assert!(answer.header("x-request-id").is_some());
}

fn in_single_bytes(text: &str) -> axum::http::Request<Body> {
    let bytes = text.bytes().map(|byte| Ok::<_, Infallible>(vec![byte]));
    let bytes: Vec<_> = bytes.collect();
    issue_at("/admin/clients")
        .body(Body::from_stream(stream::iter(bytes)))
        .unwrap()
}

#[tokio::test]
async fn a_body_in_single_bytes_is_read_and_limited_as_any_other() {
    let (_, app, _) = running().await;
    let padding = |length: usize| {
        format!(
            r#"{{"_id":"b","issueAccessToken":true,"x":"{}"}}"#,
            "x".repeat(length)
        )
    };
    let least = padding(0).len();
    let answer = send(&app, in_single_bytes(&padding(65_536 - least))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = send(&app, in_single_bytes(&padding(65_537 - least))).await;
    assert_eq!(answer.status, 413, "{answer:?}");
}

/// A body that sends this text at once, and ends when it is told to.
fn held(text: String, is_over: &Arc<AtomicBool>) -> Body {
    let (mut begin, is_over) = (Some(text), Arc::clone(is_over));
    Body::from_stream(stream::poll_fn(move |context| match begin.take() {
        Some(text) => Poll::Ready(Some(Ok::<_, Infallible>(text))),
        None if is_over.load(Ordering::SeqCst) => Poll::Ready(None),
        None => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }))
}

#[tokio::test]
async fn past_the_memory_for_bodies_those_that_began_first_are_503_and_the_others_are_served() {
    let (_, app, _) = running().await;
    let is_over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..300)
        .map(|n| {
            let body = format!(
                r#"{{"_id":"{n}","issueAccessToken":true,"x":"{}"}}"#,
                "x".repeat(65_000)
            );
            let body = held(body, &is_over);
            let (app, request) = (app.clone(), issue_at("/admin/clients").body(body).unwrap());
            tokio::spawn(async move { send(&app, request).await })
        })
        .collect();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    // An honest client comes in between.
    assert_eq!(
        send(&app, in_single_bytes(r#"{"_id":"b","issueAccessToken":true}"#))
            .await
            .status,
        200
    );
    is_over.store(true, Ordering::SeqCst);
    let mut statuses = Vec::new();
    for caller in callers {
        let answer = caller.await.unwrap();
        if answer.status == 503 {
            assert_eq!(answer.brief(), UNAVAILABLE);
            asks_to_come_back(&answer);
        }
        statuses.push(answer.status.as_u16());
    }
    let refused = statuses.iter().take_while(|status| **status == 503).count();
    assert!((165..180).contains(&refused), "{refused}");
    assert!(
        statuses.iter().skip(refused).all(|status| *status == 200),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn a_client_that_goes_away_in_mid_request_leaves_it_whole_or_not_begun() {
    let (store, app, _) = running().await;
    for round in 0..20 {
        send(&app, revoke_all("/admin/clients/a/token")).await;
        let keyed = || {
            issue_at("/admin/clients")
                .header("Idempotency-Key", format!("round {round}").replace(' ', "-"))
                .body(Body::from(client::WANTED))
                .unwrap()
        };
        let hanging = store.hangs();
        let gone = tokio::time::timeout(Duration::from_millis(2), send(&app, keyed())).await;
        assert!(gone.is_err(), "nobody waits for the answer any more");
        drop(hanging);
        // The same request again: it has happened, or it happens now.
        let answer = send(&app, keyed()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(send(&app, get_with("/me", &answer.token())).await.status, 200);
        let revoked = send(&app, revoke_all("/admin/clients/a/token")).await;
        assert!(
            revoked.text.contains(r#""revokedTokens":1"#),
            "exactly one: {revoked:?}"
        );
    }
}

/// The service outlives every router over it.
#[tokio::test]
async fn two_routers_may_share_one_service() {
    let tokens: TokenService = service(TroubledStore::new()).build().unwrap();
    let (one, two) = (api(&tokens), api(&tokens));
    let token = send(&one, issue()).await.token();
    drop(one);
    assert_eq!(send(&two, get_with("/me", &token)).await.status, 200);
}
