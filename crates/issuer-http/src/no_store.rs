//! Keeping the answers of a host's own routes out of shared caches.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::http::{Extensions, HeaderMap, HeaderValue, Request, Response, header};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::response::keep_out_of_caches;

/// A layer for the routes that use [`AuthenticatedUser`](crate::AuthenticatedUser): their answers carry
/// `Cache-Control: no-store`.
///
/// Shared caches (a proxy, a CDN) store the answer to a GET that has no `Authorization`, and give it to whoever asks for the
/// same URL: one user would get the answer that was for another. A token comes in `IM-Authorization`, which such a cache does
/// not know.
///
/// The layer changes only the answers of routes that asked for the user; others pass as they are. An answer that has a
/// `Cache-Control` of its own keeps it and gets `Vary: IM-Authorization`. The extractor answers 500 where the layer is
/// missing, so that it cannot be forgotten. `Router::layer` covers the routes that were added before it:
///
/// ```
/// use axum::{Router, routing::get};
/// use issuer_http::{AuthenticatedUser, NoStore};
/// use issuer_service::TokenService;
///
/// async fn rooms(user: AuthenticatedUser) -> String {
///     format!("the rooms of {}", user.id)
/// }
///
/// let routes: Router<TokenService> = Router::new().route("/rooms", get(rooms)).layer(NoStore);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStore;

impl<S> Layer<S> for NoStore {
    type Service = NoStoreService<S>;

    fn layer(&self, inner: S) -> NoStoreService<S> {
        NoStoreService { inner }
    }
}

/// The service of [`NoStore`].
#[derive(Clone, Copy, Debug)]
pub struct NoStoreService<S> {
    inner: S,
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for NoStoreService<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
{
    type Response = Response<ResponseBody>;
    type Error = S::Error;
    type Future = NoStoreFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let is_personal = Personal::default();
        request.extensions_mut().insert(is_personal.clone());
        NoStoreFuture {
            is_personal,
            answer: self.inner.call(request),
        }
    }
}

pin_project! {
    /// The future of [`NoStoreService`].
    #[derive(Debug)]
    pub struct NoStoreFuture<F> {
        is_personal: Personal,
        #[pin]
        answer: F,
    }
}

impl<F, ResponseBody, E> Future for NoStoreFuture<F>
where
    F: Future<Output = Result<Response<ResponseBody>, E>>,
{
    type Output = Result<Response<ResponseBody>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.answer.poll(context))?;
        if this.is_personal.0.load(Ordering::Relaxed) {
            protect(response.headers_mut());
        }
        Poll::Ready(Ok(response))
    }
}

fn protect(headers: &mut HeaderMap) {
    keep_out_of_caches(headers);
    let is_stored = headers
        .get(header::CACHE_CONTROL)
        .is_some_and(|value| value.as_bytes() != b"no-store");
    if is_stored {
        headers.append(header::VARY, HeaderValue::from_static("im-authorization"));
    }
}

/// A mark: the answer depends on whose token came. An extractor sees the request alone; the layer reads this once the answer
/// is there.
#[derive(Clone, Debug, Default)]
struct Personal(Arc<AtomicBool>);

/// Notes that the answer depends on whose token came; `false` where no [`NoStore`] is around the route.
pub(crate) fn note_personal(extensions: &Extensions) -> bool {
    match extensions.get::<Personal>() {
        Some(Personal(is_personal)) => {
            is_personal.store(true, Ordering::Relaxed);
            true
        }
        None => false,
    }
}
