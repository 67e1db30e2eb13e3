//! `GET /healthz`: the process runs. `GET /readyz`: the store answers and can be written.

use axum::{extract::State, http::StatusCode, response::Response};
use serde::Serialize;

use crate::{context::Context, error::ApiError, response::json};

#[derive(Serialize)]
struct Answer {
    status: &'static str,
}

pub(crate) async fn healthz() -> Response {
    json(StatusCode::OK, &Answer { status: "ok" })
}

pub(crate) async fn readyz(State(context): State<Context>) -> Result<Response, ApiError> {
    context.tokens().ready().await?;
    Ok(json(StatusCode::OK, &Answer { status: "ready" }))
}
