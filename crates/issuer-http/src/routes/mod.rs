//! Which routes there are, and one file a call.

mod health;
mod issue;
mod me;
mod revoke;

use std::convert::Infallible;

use axum::{
    Router,
    extract::Request,
    handler::{Handler as _, HandlerWithoutStateExt as _},
    http::{HeaderName, Method},
    response::{IntoResponse as _, Response},
    routing::{MethodFilter, MethodRouter, any_service},
};
use tower::{Layer as _, Service};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{
    CorsOrigin,
    access_log::AccessLog,
    context::Context,
    door::{Key, Methods, Rule},
    edge::Edge,
    error::{ApiError, MeError, Shape},
    failed_keys::FailedKeys,
    headers::{IM_AUTHORIZATION, IM_CLIENT_KEY, X_REQUEST_ID},
    http1::MissingHost,
};

const SHAPE: Shape = ApiError::into_response;
const SHAPE_OF_ME: Shape = |error| MeError(error).into_response();

/// Which routes there are, and how they are asked.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) me: bool,
    pub(crate) health: bool,
    /// Answer unknown paths under `/admin/`.
    pub(crate) admin_fallback: bool,
    pub(crate) missing_host: MissingHost,
    pub(crate) log: AccessLog,
    pub(crate) cors_origins: Vec<CorsOrigin>,
    /// Which headers their pages may send, besides those of the route.
    pub(crate) cors_headers: Vec<HeaderName>,
}

/// All routes of this choice, and by default every other path under `/admin/`.
pub(crate) fn all(context: &Context, choice: Choice) -> Router {
    let anybody = Rule {
        key: Key::None,
        methods: Methods::GET,
        shape: SHAPE,
    };
    let of_me = Rule {
        shape: SHAPE_OF_ME,
        ..anybody.clone()
    };
    let failed_keys = FailedKeys::default();
    let of_admins = |methods| Rule {
        key: Key::Api(context.tokens().clone(), failed_keys.clone()),
        methods,
        shape: SHAPE,
    };

    let healthz = anybody.clone().before(health::healthz.into_service());
    let readyz = anybody.before(health::readyz.with_state(context.clone()));
    let me = of_me.before(me::me.with_state(context.clone()));
    let issue = of_admins(Methods::POST).before(issue::issue.with_state(context.clone()));
    let revoke = of_admins(Methods::DELETE).before(revoke::revoke.with_state(context.clone()));
    let unknown = of_admins(Methods::Any).before(not_found.into_service());

    let around = &(choice.missing_host, choice.log);
    let mut routes = Router::new();
    if choice.health {
        routes = add(routes, "/healthz", |path| route(path, SHAPE, around, healthz));
        routes = add(routes, "/readyz", |path| route(path, SHAPE, around, readyz));
    }
    if choice.me {
        routes = add(routes, "/me", |path| {
            match cors(choice.cors_origins, choice.cors_headers) {
                Some(cors) => route(path, SHAPE_OF_ME, around, cors.layer(me)),
                None => route(path, SHAPE_OF_ME, around, me),
            }
        });
    }
    let routes = add(routes, "/admin/clients", |path| route(path, SHAPE, around, issue));
    let routes = add(routes, "/admin/clients/{client_id}/token", |path| {
        route(path, SHAPE, around, revoke)
    });
    if !choice.admin_fallback {
        return routes;
    }
    // What remains. Its own template would say nothing.
    let unknown = route(NO_ROUTE, SHAPE, around, unknown);
    routes
        .route("/admin/", unknown.clone())
        .route("/admin/{*any}", unknown)
}

/// A route for all that no other route is for.
pub(crate) fn unknown(choice: &Choice) -> MethodRouter {
    let around = &(choice.missing_host, choice.log.clone());
    route(NO_ROUTE, SHAPE, around, not_found.into_service())
}

/// What the log says of a path that nobody knows.
const NO_ROUTE: &str = "none";

/// A route that answers every method.
///
/// Each one is named: axum lets a host's method take the place of a service for "any" without a word, and refuses to merge
/// what both name.
fn route<S>(
    template: &'static str,
    shape: Shape,
    (missing_host, log): &(MissingHost, AccessLog),
    service: S,
) -> MethodRouter
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    let edge = Edge {
        route: template,
        shape,
        missing_host: *missing_host,
        log: log.clone(),
        inner: service,
    };
    let every = MethodFilter::CONNECT
        .or(MethodFilter::DELETE)
        .or(MethodFilter::GET)
        .or(MethodFilter::HEAD)
        .or(MethodFilter::OPTIONS)
        .or(MethodFilter::PATCH)
        .or(MethodFilter::POST)
        .or(MethodFilter::PUT)
        .or(MethodFilter::TRACE);
    // Beside them those that only their users know.
    any_service(edge.clone()).on_service(every, edge)
}

/// One trailing slash is accepted.
fn add(routes: Router, path: &'static str, route: impl FnOnce(&'static str) -> MethodRouter) -> Router {
    let route = route(path);
    routes
        .route(path, route.clone())
        .route(&format!("{path}/"), route)
}

/// For the pages of these origins; `None` where there are none.
fn cors(origins: Vec<CorsOrigin>, headers: Vec<HeaderName>) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let origins = origins.into_iter().map(CorsOrigin::into_header);
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers(
            [IM_AUTHORIZATION, IM_CLIENT_KEY]
                .into_iter()
                .chain(headers)
                .collect::<Vec<_>>(),
        )
        .expose_headers([X_REQUEST_ID]);
    Some(cors)
}

async fn not_found() -> ApiError {
    ApiError::not_found()
}
