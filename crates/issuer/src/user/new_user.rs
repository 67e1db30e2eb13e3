//! The user of a request.

use super::{AvatarUrl, Nickname, Patch, UserId};
use crate::FieldError;

/// A user to create, or to update where the id is known: what an issue request says of the user.
///
/// ```
/// use issuer::user::NewUser;
///
/// let amy = NewUser::new("user001")?.nickname("Amy")?.avatar_url("https://example.com/avatar.jpg")?;
/// assert_eq!(amy.id().as_str(), "user001");
/// # Ok::<(), issuer::FieldError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    id: UserId,
    nickname: Patch<Nickname>,
    avatar_url: Patch<AvatarUrl>,
}

impl NewUser {
    /// A user with this id; a stored profile stays as it is.
    ///
    /// # Errors
    /// As [`UserId::parse`].
    pub fn new(id: &str) -> Result<Self, FieldError> {
        UserId::parse(id).map(Self::from)
    }

    /// Sets the nickname; `""` clears a stored one.
    ///
    /// # Errors
    /// As [`Nickname::parse`].
    pub fn nickname(self, text: &str) -> Result<Self, FieldError> {
        Ok(Self {
            nickname: Nickname::patch(text)?,
            ..self
        })
    }

    /// Sets the avatar's URL; `""` clears a stored one.
    ///
    /// # Errors
    /// As [`AvatarUrl::parse`].
    pub fn avatar_url(self, text: &str) -> Result<Self, FieldError> {
        Ok(Self {
            avatar_url: AvatarUrl::patch(text)?,
            ..self
        })
    }

    /// The user of parts that were parsed before.
    pub const fn from_parts(id: UserId, nickname: Patch<Nickname>, avatar_url: Patch<AvatarUrl>) -> Self {
        Self {
            id,
            nickname,
            avatar_url,
        }
    }

    /// Whose record this is.
    pub const fn id(&self) -> &UserId {
        &self.id
    }

    /// What becomes of the nickname.
    pub const fn nickname_patch(&self) -> &Patch<Nickname> {
        &self.nickname
    }

    /// What becomes of the avatar's URL.
    pub const fn avatar_url_patch(&self) -> &Patch<AvatarUrl> {
        &self.avatar_url
    }
}

impl From<UserId> for NewUser {
    fn from(id: UserId) -> Self {
        Self {
            id,
            nickname: Patch::Keep,
            avatar_url: Patch::Keep,
        }
    }
}
