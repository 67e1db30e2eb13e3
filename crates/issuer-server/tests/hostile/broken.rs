//! A small server that is broken on purpose, in a process of its own: this one, started again.

use std::{
    env,
    io::{self, Write as _},
    pin::Pin,
    process::{Command, exit},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use issuer::jose::{KeySet, SigningKey};
use issuer_service::TokenService;
use issuer_store::MemoryStore;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

use super::target::Target;
use crate::program::API_KEY;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    None,
    InternalErrors,
    PlainText,
    Panics,
    Dies,
    Leaks,
    Hangs,
    OverlooksChunks,
    ReadsOn,
}

const ALL: [Defect; 9] = [
    Defect::None,
    Defect::InternalErrors,
    Defect::PlainText,
    Defect::Panics,
    Defect::Dies,
    Defect::Leaks,
    Defect::Hangs,
    Defect::OverlooksChunks,
    Defect::ReadsOn,
];

/// Names the defect of the process that is to be broken.
const VARIABLE: &str = "HOSTILE_DEFECT";

/// Starts one.
pub(crate) fn start(defect: Defect) -> Target {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "broken::a_small_server", "--ignored", "--nocapture"])
        .env(VARIABLE, format!("{defect:?}"));
    Target::start(&mut command)
}

#[test]
#[ignore = "it is the broken server: the other tests start it"]
fn a_small_server() {
    let Ok(name) = env::var(VARIABLE) else {
        return;
    };
    let defect = ALL
        .into_iter()
        .find(|defect| format!("{defect:?}") == name)
        .unwrap();
    let tokens = TokenService::builder(
        MemoryStore::new(),
        KeySet::new(SigningKey::hs256([7; 32]).unwrap()),
    )
    .build()
    .unwrap();
    let app = issuer_http::router(tokens)
        .api_key(API_KEY)
        .unwrap()
        .into_service_router()
        .layer(from_fn(move |request, next| spoil(defect, request, next)));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(serve(defect, app));
}

async fn serve(defect: Defect, app: Router) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let line = serde_json::json!({"message": format!("listening on http://{address}"), "address": address});
    let _ = writeln!(io::stderr(), "{line}");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .half_close(true)
            .max_buf_size(32 * 1_024)
            .serve_connection(
                TokioIo::new(Overlooking { stream, defect }),
                TowerToHyperService::new(app.clone()),
            );
        tokio::spawn(async move { drop(connection.await) });
    }
}

/// What is kept for good.
static LEAKED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// From one, so that the first request, which makes the canary, is none of those that are spoiled.
static ANSWERED: AtomicU64 = AtomicU64::new(1);

async fn spoil(defect: Defect, request: Request, next: Next) -> Response {
    let answered = ANSWERED.fetch_add(1, Ordering::Relaxed);
    let is_hundredth = answered.is_multiple_of(100);
    match defect {
        Defect::InternalErrors if is_hundredth => {
            let body = r#"{"error":"INTERNAL_ERROR","message":"Internal error"}"#;
            let headers = [("content-type", "application/json"), ("x-request-id", "a")];
            return (StatusCode::INTERNAL_SERVER_ERROR, headers, body).into_response();
        }
        Defect::PlainText if is_hundredth => {
            return (StatusCode::BAD_REQUEST, [("x-request-id", "a")], "wrong").into_response();
        }
        Defect::Panics if is_hundredth => panic!("on purpose"),
        Defect::Dies if answered == 700 => exit(3),
        Defect::Leaks => LEAKED.lock().unwrap().push(vec![1; 200_000]),
        // The honest client must not wait for ever.
        Defect::Hangs if answered.is_multiple_of(20) && request.uri().path() == "/healthz" => {
            std::future::pending::<()>().await;
        }
        _ => {}
    }
    let mut response = next.run(request).await;
    if defect == Defect::ReadsOn {
        response.headers_mut().remove("connection");
    }
    response
}

/// A connection whose reader does not know one header: its name is another one when it is read.
struct Overlooking {
    stream: TcpStream,
    defect: Defect,
}

impl Overlooking {
    fn overlooked(&self, read: &[u8]) -> &'static [u8] {
        let is_chunked = || {
            read.windows(26)
                .any(|window| window == b"Transfer-Encoding: chunked")
        };
        match self.defect {
            Defect::OverlooksChunks => b"Transfer-Encoding",
            // A reader that sees both closes afterwards (RFC 9112 section 6.3).
            Defect::ReadsOn if is_chunked() => b"Content-Length",
            _ => b"",
        }
    }
}

impl AsyncRead for Overlooking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = &mut buf.filled_mut()[before..];
        let name = self.overlooked(read);
        if !name.is_empty() {
            for at in 0..read.len().saturating_sub(name.len()) {
                if read[at..].starts_with(name) {
                    read[at] = b'X';
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Overlooking {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
