//! The floor of the server: the same framework with the same settings, which reads a request whole and answers with a
//! fixed body.

use std::{io::Write as _, time::Duration};

use axum::{
    Router,
    body::Bytes,
    http::header::CONTENT_TYPE,
    routing::{get, post},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::TcpListener;

use crate::Result;

/// As `issuer-server` has them.
const HEAD_TIME: Duration = Duration::from_secs(10);
const MAX_HEAD_BYTES: usize = 32 * 1_024;

const JSON: [(axum::http::HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json")];

/// Serves until it is killed, after it has printed its address.
pub(crate) fn serve(issue_body: &str, me_body: &str) -> Result<()> {
    let (issue_body, me_body) = (issue_body.to_owned(), me_body.to_owned());
    let (issue_body, me_body) = (Bytes::from(issue_body), Bytes::from(me_body));
    let app = Router::new()
        .route(
            "/admin/clients",
            post(async move |_: Bytes| (JSON, issue_body.clone())),
        )
        .route("/me", get(async move || (JSON, me_body.clone())));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut out = std::io::stdout();
        writeln!(out, "{}", listener.local_addr()?)?;
        out.flush()?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME)
                .max_buf_size(MAX_HEAD_BYTES)
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app.clone()));
            tokio::spawn(async move { drop(connection.await) });
        }
    })
}
