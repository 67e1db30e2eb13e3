//! What happens to every request: its id, its line in the log, and what a panic becomes.

use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use axum::{
    extract::Request,
    http::{HeaderValue, Method},
    response::Response,
};
use pin_project_lite::pin_project;
use tower::Service;

use crate::{
    error::{ApiError, Shape},
    headers::{X_REQUEST_ID, only},
};

/// A route as the world meets it.
#[derive(Clone)]
pub(crate) struct Edge<S> {
    /// The route's template: a path may hold what no log may.
    pub(crate) route: &'static str,
    pub(crate) shape: Shape,
    pub(crate) inner: S,
}

impl<S> Service<Request> for Edge<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Answering {
            begun: Instant::now(),
            id: request_id(&request),
            method: request.method().clone(),
            route: self.route,
            shape: self.shape,
            answer: catch_unwind(AssertUnwindSafe(|| self.inner.call(request))).ok(),
        }
    }
}

pin_project! {
    /// A request on its way to its answer.
    pub(crate) struct Answering<F> {
        begun: Instant,
        id: HeaderValue,
        method: Method,
        route: &'static str,
        shape: Shape,
        // None: it panicked.
        #[pin]
        answer: Option<F>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Answering<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = this
            .answer
            .as_pin_mut()
            .and_then(|answer| catch_unwind(AssertUnwindSafe(|| answer.poll(context))).ok());
        let mut response = match polled {
            Some(polled) => ready!(polled)?,
            None => panicked(*this.shape),
        };
        tracing::info!(
            target: "issuer_http::access",
            method = this.method.as_str(),
            route = *this.route,
            status = response.status().as_u16(),
            micros = u64::try_from(this.begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            request_id = this.id.to_str().unwrap_or_default(),
            "answered"
        );
        // Moved out: nobody polls this again.
        let id = std::mem::replace(this.id, HeaderValue::from_static("none"));
        response.headers_mut().insert(X_REQUEST_ID, id);
        Poll::Ready(Ok(response))
    }
}

/// The panic's own message has gone to the panic hook; it may hold what a client must not see.
fn panicked(shape: Shape) -> Response {
    tracing::error!("a request handler panicked");
    shape(ApiError::internal())
}

/// The caller's id where it is fit to be logged, or a new one.
fn request_id(request: &Request) -> HeaderValue {
    let theirs = only(request.headers(), &X_REQUEST_ID)
        .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))
        .and_then(|id| HeaderValue::from_str(id).ok());
    let ours = || HeaderValue::try_from(format!("{:032x}", rand::random::<u128>()));
    theirs
        .or_else(|| ours().ok())
        .unwrap_or(HeaderValue::from_static("none"))
}
