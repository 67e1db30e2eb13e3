//! The fields of a request, checked in the order of the contract: what is missing first, then what is invalid.

use issuer::{
    FieldError,
    user::{AvatarUrl, Nickname, Patch, UserId},
};

use crate::object::{Member, Object};

pub(crate) fn user_id(object: &Object) -> Result<UserId, FieldError> {
    match object.value("_id") {
        Some(Member::Text(text)) => UserId::parse(text),
        _ => Err(FieldError::new("_id", "must be a string")),
    }
}

pub(crate) fn nickname(object: &Object) -> Result<Patch<Nickname>, FieldError> {
    patch(object, "nickname", Nickname::patch)
}

pub(crate) fn avatar_url(object: &Object) -> Result<Patch<AvatarUrl>, FieldError> {
    patch(object, "avatarUrl", AvatarUrl::patch)
}

fn patch<T>(
    object: &Object,
    name: &'static str,
    parse: fn(&str) -> Result<Patch<T>, FieldError>,
) -> Result<Patch<T>, FieldError> {
    match object.get(name) {
        None => Ok(Patch::Keep),
        Some(Member::Null) => Ok(Patch::Clear),
        Some(Member::Text(text)) => parse(text),
        Some(_) => Err(FieldError::new(name, "must be a string or null")),
    }
}

/// `issueAccessToken`; `None` where it is absent or null.
pub(crate) fn issue_access_token(object: &Object) -> Result<Option<bool>, FieldError> {
    match object.value("issueAccessToken") {
        None => Ok(None),
        Some(Member::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(FieldError::new("issueAccessToken", "must be a boolean")),
    }
}
