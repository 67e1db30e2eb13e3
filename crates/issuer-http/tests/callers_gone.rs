//! The line in the log of a request whose caller has gone. A test alone in its process: which lines are wanted is known to all
//! threads of a process at once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod troubled;

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use client::{api, issue, issue_at, revoke_all, send, service};
use http_body::Frame;
use tracing::{
    Event, Metadata,
    field::{Field, Visit},
    span,
};
use troubled::TroubledStore;

/// A body that never ends.
struct Endless;

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Pending
    }
}

/// The lines of requests, as route and status.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl tracing::Subscriber for Lines {
    fn enabled(&self, event: &Metadata<'_>) -> bool {
        event.target() == "issuer_http::access"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Said(String);
        impl Visit for Said {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                if ["method", "route", "status", "message"].contains(&field.name()) {
                    self.0.push_str(&format!("{value:?} ").replace('"', ""));
                }
            }
        }
        let mut said = Said(String::new());
        event.record(&mut said);
        self.0.lock().unwrap().push(said.0.trim().to_owned());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn a_request_whose_caller_has_gone_has_its_line_in_the_log() {
    let store = TroubledStore::new();
    let tokens = service(store.clone()).build().unwrap();
    let app = api(&tokens);
    send(&app, issue()).await;
    send(&app, revoke_all("/admin/clients/a/token")).await;
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let hanging = store.hangs();
    let gone = tokio::time::timeout(Duration::from_millis(20), send(&app, issue())).await;
    assert!(gone.is_err(), "nobody waits for the answer any more");
    assert_eq!(lines.take(), ["not answered POST /admin/clients 499"]);
    drop(hanging);
    // It was carried out: the token lives.
    let revoked = send(&app, revoke_all("/admin/clients/a/token")).await;
    assert!(revoked.text.contains(r#""revokedTokens":1"#), "{revoked:?}");
    assert_eq!(
        lines.take(),
        ["answered DELETE /admin/clients/{client_id}/token 200"]
    );
    // In the middle of its body nothing has happened yet, and there is a line all the same.
    let request = issue_at("/admin/clients").body(Body::new(Endless)).unwrap();
    let gone = tokio::time::timeout(Duration::from_millis(20), send(&app, request)).await;
    assert!(gone.is_err());
    assert_eq!(lines.take(), ["not answered POST /admin/clients 499"]);
}
