//! What happens to every request: its id, its line in the log, and what a panic becomes.

use std::{any::Any, time::Instant};

use axum::{
    extract::{MatchedPath, Request},
    http::HeaderValue,
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    error::{ApiError, MeError},
    headers::{X_REQUEST_ID, only},
};

/// Gives the request an id, or keeps the caller's, and logs one line: the route's template, never the path.
pub(crate) async fn identify_and_log(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&request);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    let route = response.extensions_mut().remove::<MatchedPath>().or(route);
    tracing::info!(
        target: "issuer_http::access",
        method = %method,
        route = route.as_ref().map_or("none", MatchedPath::as_str),
        status = response.status().as_u16(),
        micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        request_id = id.to_str().unwrap_or_default(),
        "answered"
    );
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

/// Tells the log the template of a route that a wider one stands in front of.
pub(crate) async fn name_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

fn request_id(request: &Request) -> HeaderValue {
    let theirs = only(request.headers(), &X_REQUEST_ID)
        .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))
        .and_then(|id| HeaderValue::from_str(id).ok());
    let ours = || HeaderValue::from_str(&format!("{:032x}", rand::random::<u128>()));
    theirs
        .or_else(|| ours().ok())
        .unwrap_or(HeaderValue::from_static("none"))
}

/// A panic in a handler, in the shape of most routes.
pub(crate) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    // The panic's own message has gone to the panic hook; it may hold what a client must not see.
    tracing::error!("a request handler panicked");
    ApiError::internal().into_response()
}

/// The same in the shape of `/me`.
pub(crate) fn panicked_on_me(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a request handler panicked");
    MeError(ApiError::internal()).into_response()
}
