//! Who and what is let in to a route.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
    time::Instant,
};

use axum::{
    extract::Request,
    http::{HeaderValue, Method, header},
    response::Response,
};
use futures_util::future::Either;
use issuer_service::{ApiCaller, TokenService};
use tower::Service;

use crate::{
    access_log::{Acting, peer},
    auth::caller,
    error::{ApiError, Shape},
    failed_keys::FailedKeys,
    headers,
};

/// What a request must bring to reach a route.
#[derive(Clone)]
pub(crate) struct Rule {
    pub(crate) key: Key,
    pub(crate) methods: Methods,
    pub(crate) shape: Shape,
}

/// The key that a route asks for.
#[derive(Clone)]
pub(crate) enum Key {
    /// None, or one that the route itself looks at.
    None,
    /// An API key. A caller without one learns nothing, not even which paths and methods there are.
    Api(TokenService, FailedKeys),
}

#[derive(Clone, Copy)]
pub(crate) enum Methods {
    Any,
    /// These, and how `Allow` names them (RFC 9110 section 10.2.1).
    Only(&'static [Method], &'static str),
}

impl Methods {
    pub(crate) const GET: Self = Self::Only(&[Method::GET, Method::HEAD], "GET,HEAD");
    pub(crate) const POST: Self = Self::Only(&[Method::POST], "POST");
    pub(crate) const DELETE: Self = Self::Only(&[Method::DELETE], "DELETE");
}

impl Rule {
    /// Puts itself before a route.
    pub(crate) const fn before<S>(self, route: S) -> Door<S> {
        Door { rule: self, route }
    }

    /// The answer to a request that does not come in. One that does has its caller beside it.
    fn refuse(&self, request: &mut Request) -> Option<Response> {
        if let Key::Api(tokens, failed) = &self.key {
            match admit(tokens, failed, request) {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                }
                Err(error) => return Some((self.shape)(error)),
            }
        }
        // A parameter of a route matches an empty segment, too: `//` is a path that nobody knows.
        if request.uri().path().contains("//") {
            return Some((self.shape)(ApiError::not_found()));
        }
        match self.methods {
            Methods::Only(methods, allow) if !methods.contains(request.method()) => {
                let mut response = (self.shape)(ApiError::method_not_allowed());
                response
                    .headers_mut()
                    .insert(header::ALLOW, HeaderValue::from_static(allow));
                Some(response)
            }
            _ => None,
        }
    }
}

/// The caller of a request with a good API key. A key that was sent and is not good counts against its address; none is no guess.
pub(crate) fn admit<B>(
    tokens: &TokenService,
    failed: &FailedKeys,
    request: &axum::http::Request<B>,
) -> Result<ApiCaller, ApiError> {
    match caller(tokens, request.headers()) {
        Ok(caller) => {
            Acting::note(request.extensions(), &caller);
            Ok(caller)
        }
        Err(error)
            if error.is_unauthorized()
                && headers::only(request.headers(), &headers::IM_API_KEY).is_some() =>
        {
            let wait = failed.count(peer(request.extensions()), Instant::now());
            Err(wait.map_or(error, ApiError::too_many_requests))
        }
        Err(error) => Err(error),
    }
}

/// A route behind its rule.
#[derive(Clone)]
pub(crate) struct Door<S> {
    rule: Rule,
    route: S,
}

impl<S> Service<Request> for Door<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.route.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        match self.rule.refuse(&mut request) {
            Some(refusal) => Either::Left(ready(Ok(refusal))),
            None => Either::Right(self.route.call(request)),
        }
    }
}
