//! The `{client_id}` of a path.

use axum::http::Uri;
use issuer::user::UserId;
use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// Which segment of `/admin/clients/{client_id}/...` holds the id; the first one is before the first slash.
const SEGMENT: usize = 3;

/// The user that a path names, percent-decoded once.
pub(crate) fn client_id(uri: &Uri) -> Result<UserId, ApiError> {
    let invalid = || ApiError::invalid("Invalid client_id format");
    let raw = uri.path().split('/').nth(SEGMENT).ok_or_else(invalid)?;
    if !escapes_are_whole(raw) {
        return Err(invalid());
    }
    let text = percent_decode_str(raw).decode_utf8().map_err(|_| invalid())?;
    UserId::parse(&text).map_err(|_| invalid())
}

/// Whether each `%` has its two hexadecimal digits (RFC 3986 section 2.1).
fn escapes_are_whole(raw: &str) -> bool {
    raw.split('%').skip(1).all(|rest| {
        let mut digits = rest.bytes();
        matches!((digits.next(), digits.next()), (Some(a), Some(b)) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(path: &str) -> Option<String> {
        client_id(&path.parse().unwrap())
            .ok()
            .map(|id| id.as_str().to_owned())
    }

    #[test]
    fn an_id_is_decoded_once_and_a_bad_escape_or_bad_utf8_is_refused() {
        assert_eq!(id("/admin/clients/a%2Fb/token").as_deref(), Some("a/b"));
        assert_eq!(id("/admin/clients/a%2541/token").as_deref(), Some("a%41"));
        assert_eq!(id("/admin/clients/%E4%BD%A0/token").as_deref(), Some("你"));
        for bad in ["%", "%4", "%zz", "%ff", "a%00b", "%20a", ".", "%2e%2E"] {
            assert_eq!(id(&format!("/admin/clients/{bad}/token")), None, "{bad}");
        }
    }
}
