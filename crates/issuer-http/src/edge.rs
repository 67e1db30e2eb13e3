//! The layer around every route: the rules of HTTP/1.1, its id, its line in the log, and what a panic becomes.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{self, Context, Poll},
    time::Instant,
};

use axum::{
    extract::Request,
    http::{HeaderValue, header},
    response::Response,
};
use futures_util::future::Either;
use pin_project_lite::pin_project;
use tower::Service;

use crate::{
    access_log::{AccessLog, Client, Line, known_method},
    error::{ApiError, Shape},
    headers::{X_REQUEST_ID, only},
    http1::{self, MissingHost},
    response::keep_out_of_caches,
};

/// The status in the line of a request whose answer nobody waits for any more, as nginx has it. The answer itself is not known.
const NOT_ANSWERED: u16 = 499;

/// A route as the world meets it.
#[derive(Clone)]
pub(crate) struct Edge<S> {
    /// The route's template: a path may hold what no log may.
    pub(crate) route: &'static str,
    pub(crate) shape: Shape,
    pub(crate) missing_host: MissingHost,
    pub(crate) log: AccessLog,
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

    fn call(&mut self, mut request: Request) -> Self::Future {
        Answering {
            begun: Instant::now(),
            id: request_id(&request),
            method: known_method(request.method()),
            client: Client::of(request.extensions_mut()),
            log: self.log.clone(),
            route: self.route,
            shape: self.shape,
            ends_connection: http1::ends_connection(&request),
            is_logged: false,
            answer: match http1::check(&request, self.missing_host) {
                Ok(()) => catch_unwind(AssertUnwindSafe(|| Either::Right(self.inner.call(request)))).ok(),
                Err(error) => Some(Either::Left(ready(Ok((self.shape)(error))))),
            },
        }
    }
}

pin_project! {
    /// A request on its way to its answer.
    pub(crate) struct Answering<F> {
        begun: Instant,
        id: HeaderValue,
        method: &'static str,
        client: Client,
        log: AccessLog,
        route: &'static str,
        shape: Shape,
        ends_connection: bool,
        is_logged: bool,
        // None: it panicked.
        #[pin]
        answer: Option<Either<Ready<Result<Response, Infallible>>, F>>,
    }

    impl<F> PinnedDrop for Answering<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // The caller has gone, or the server stops. What the service was asked for happens all the same.
            if !*this.is_logged {
                this.log.write(
                    &Line {
                        begun: *this.begun,
                        method: this.method,
                        route: this.route,
                        status: NOT_ANSWERED,
                        request_id: this.id.to_str().unwrap_or_default(),
                        message: "not answered",
                    },
                    this.client,
                );
            }
        }
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
            Some(polled) => task::ready!(polled)?,
            None => panicked(*this.shape),
        };
        this.log.write(
            &Line {
                begun: *this.begun,
                method: this.method,
                route: this.route,
                status: response.status().as_u16(),
                request_id: this.id.to_str().unwrap_or_default(),
                message: "answered",
            },
            this.client,
        );
        *this.is_logged = true;
        let headers = response.headers_mut();
        keep_out_of_caches(headers);
        if *this.ends_connection {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        // Moved out: nobody polls this again.
        let id = std::mem::replace(this.id, HeaderValue::from_static("none"));
        headers.insert(X_REQUEST_ID, id);
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
