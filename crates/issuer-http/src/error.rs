//! Errors as a client sees them.

use std::{borrow::Cow, error::Error as _};

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use issuer::{
    FieldError,
    decide::{Refusal, RefusalClass},
};
use issuer_service::{Error, ErrorKind};
use serde::Serialize;

use crate::response::json;

/// An error in the shape of all routes but `/me`: `{"error": CODE, "message": TEXT}`.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    /// A header that a client needs beside the body.
    header: Option<(HeaderName, HeaderValue)>,
    /// Seconds to wait, of a caller who asks too often.
    retry_after: Option<u16>,
}

/// The same in the shape of `/me`: `{"RC": STATUS, "RM": REASON, "error": {"code", "message"}}`.
#[derive(Clone, Debug)]
pub(crate) struct MeError(pub(crate) ApiError);

/// One of the two.
pub(crate) type Shape = fn(ApiError) -> Response;

/// RFC 6750 section 3.
const INVALID_TOKEN: &str = r#"Bearer error="invalid_token""#;

/// Seconds after which a refused caller may try again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

impl ApiError {
    pub(crate) const fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self {
            status,
            code,
            message: Cow::Borrowed(message),
            header: None,
            retry_after: None,
        }
    }

    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "INVALID_REQUEST",
            message: message.into(),
            header: None,
            retry_after: None,
        }
    }

    pub(crate) fn missing(field: &str) -> Self {
        Self::invalid(format!("Missing required field: {field}"))
    }

    /// The same with this header.
    pub(crate) fn with_header(self, name: HeaderName, value: &'static str) -> Self {
        Self {
            header: Some((name, HeaderValue::from_static(value))),
            ..self
        }
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "Invalid API key")
            .with_header(header::WWW_AUTHENTICATE, "ApiKey")
    }

    pub(crate) fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    pub(crate) fn too_many_requests(seconds: u16) -> Self {
        let error = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "RATE_LIMIT_EXCEEDED",
            "Too many requests, please try again later",
        );
        Self {
            retry_after: Some(seconds),
            ..error
        }
    }

    pub(crate) const fn insufficient_permissions() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "INSUFFICIENT_PERMISSIONS",
            "API key does not have permission for this operation",
        )
    }

    /// No token was sent: RFC 6750 section 3.1 wants the challenge without an error code then.
    pub(crate) fn no_token() -> Self {
        Self::invalid_token().with_header(header::WWW_AUTHENTICATE, "Bearer")
    }

    /// A token was sent, and it is not live.
    pub(crate) fn invalid_token() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "INVALID_TOKEN",
            "Invalid or expired token",
        )
        .with_header(header::WWW_AUTHENTICATE, INVALID_TOKEN)
    }

    pub(crate) const fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "Not found")
    }

    pub(crate) const fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            "Method not allowed",
        )
    }

    pub(crate) const fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL_ERROR",
            "Internal error",
        )
    }

    pub(crate) const fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "UNAVAILABLE",
            "The service is temporarily unavailable, please try again",
        )
    }

    fn with_headers(&self, mut response: Response) -> Response {
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some((name, value)) = &self.header {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        Self::invalid(format!("Invalid field: {error}"))
    }
}

impl From<&Refusal> for ApiError {
    fn from(refusal: &Refusal) -> Self {
        let (status, header) = match refusal.class() {
            RefusalClass::Conflict => (StatusCode::CONFLICT, None),
            RefusalClass::NotFound => (StatusCode::NOT_FOUND, None),
            RefusalClass::Unauthorized => {
                let challenge = HeaderValue::from_static(INVALID_TOKEN);
                (
                    StatusCode::UNAUTHORIZED,
                    Some((header::WWW_AUTHENTICATE, challenge)),
                )
            }
            RefusalClass::Fault => {
                tracing::error!(%refusal, "the server is not fit to answer");
                return Self::internal();
            }
        };
        Self {
            status,
            code: refusal.code(),
            message: refusal.to_string().into(),
            header,
            retry_after: None,
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Refused(refusal) => refusal.into(),
            ErrorKind::Internal => {
                tracing::error!(%error, "a request failed on a defect");
                Self::internal()
            }
            ErrorKind::Store(kind) => {
                let cause = error.source().map(tracing::field::display);
                tracing::error!(?kind, %error, cause, "the store failed");
                Self::unavailable()
            }
            _ => {
                tracing::warn!(%error, "a request was turned away");
                Self::unavailable()
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            error: &'a str,
            message: &'a str,
            #[serde(rename = "retryAfter", skip_serializing_if = "Option::is_none")]
            retry_after: Option<u16>,
        }
        self.with_headers(json(
            self.status,
            &Body {
                error: self.code,
                message: &self.message,
                retry_after: self.retry_after,
            },
        ))
    }
}

impl<E: Into<ApiError>> From<E> for MeError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for MeError {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(rename = "RC")]
            rc: u16,
            #[serde(rename = "RM")]
            rm: &'a str,
            error: Inner<'a>,
        }
        #[derive(Serialize)]
        struct Inner<'a> {
            code: &'a str,
            message: &'a str,
        }
        let error = Inner {
            code: self.0.code,
            message: &self.0.message,
        };
        let rm = self.0.status.canonical_reason().unwrap_or_default();
        self.0.with_headers(json(
            self.0.status,
            &Body {
                rc: self.0.status.as_u16(),
                rm,
                error,
            },
        ))
    }
}
