//! How a user record is validated: each field is parsed once, into a type that cannot hold anything else.

mod avatar_url;
mod new_user;
mod nickname;
mod patch;
mod user_id;

pub use avatar_url::AvatarUrl;
pub use new_user::NewUser;
pub use nickname::Nickname;
pub use patch::Patch;
pub use user_id::UserId;
