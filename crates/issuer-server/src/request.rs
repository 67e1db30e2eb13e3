//! What a command asks, and how it is carried out: in this process, or in the server that holds the store.

use issuer::{
    decide::Refusal,
    user::{NewUser, UserId},
};
use issuer_http::{IssueAnswer, RevokeAnswer};
use issuer_service::TokenService;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// What a command asks.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// `issue`
    Issue {
        /// Who the token is for.
        id: String,
        /// What the user is called; absent keeps what is stored.
        nickname: Option<String>,
        /// Where the user's picture is; absent keeps what is stored.
        avatar_url: Option<String>,
    },
    /// `verify`
    Verify {
        /// The text of the token.
        token: String,
    },
    /// `token revoke`
    Revoke {
        /// Whose token.
        id: String,
        /// Which one; absent: all.
        token: Option<String>,
    },
}

/// A line for standard output, and whether it says no.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) line: String,
    pub(crate) refused: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Verdict<'a> {
    #[serde(rename_all = "camelCase")]
    Valid {
        valid: bool,
        sub: &'a str,
        expiration_date: String,
    },
    Invalid {
        valid: bool,
        reason: String,
    },
}

impl Request {
    /// The command, as the log names it.
    pub(crate) const fn command(&self) -> &'static str {
        match self {
            Self::Issue { .. } => "issue",
            Self::Verify { .. } => "verify",
            Self::Revoke { .. } => "token revoke",
        }
    }

    /// The user whom it is about, where it says so.
    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Self::Issue { id, .. } | Self::Revoke { id, .. } => Some(id),
            Self::Verify { .. } => None,
        }
    }

    /// Carries the request out.
    pub(crate) async fn execute(&self, tokens: &TokenService) -> Result<Outcome, Failure> {
        match self {
            Self::Issue {
                id,
                nickname,
                avatar_url,
            } => {
                let user = new_user(id, nickname.as_deref(), avatar_url.as_deref())?;
                match tokens.issue(user).await {
                    Ok(issued) => done(&IssueAnswer::from(&issued)),
                    Err(error) => {
                        let hint = error.refusal().and_then(|refusal| issue_hint(id, refusal));
                        let failure = Failure::from(error);
                        Err(match hint {
                            Some(hint) => failure.with_hint(hint),
                            None => failure,
                        })
                    }
                }
            }
            Self::Verify { token } => verify(tokens, token).await,
            Self::Revoke { id, token } => {
                let user = user_id(id)?;
                match token {
                    Some(token) => done(&RevokeAnswer::one(tokens.revoke(&user, token).await?)),
                    None => done(&RevokeAnswer::all(tokens.revoke_all(&user).await?)),
                }
            }
        }
    }
}

async fn verify(tokens: &TokenService, token: &str) -> Result<Outcome, Failure> {
    match tokens.inspect(token).await {
        Ok(state) => done(&Verdict::Valid {
            valid: true,
            sub: state.user.id.as_str(),
            expiration_date: state.token.expires_at.to_string(),
        }),
        Err(error) => match error.refusal() {
            Some(Refusal::InvalidToken(dead)) => {
                let outcome = done(&Verdict::Invalid {
                    valid: false,
                    reason: dead.to_string(),
                })?;
                Ok(Outcome {
                    refused: true,
                    ..outcome
                })
            }
            _ => Err(error.into()),
        },
    }
}

fn new_user(id: &str, nickname: Option<&str>, avatar_url: Option<&str>) -> Result<NewUser, Failure> {
    let mut user = NewUser::from(user_id(id)?);
    if let Some(nickname) = nickname {
        user = user.nickname(nickname).map_err(invalid)?;
    }
    if let Some(avatar_url) = avatar_url {
        user = user.avatar_url(avatar_url).map_err(invalid)?;
    }
    Ok(user)
}

fn user_id(id: &str) -> Result<UserId, Failure> {
    UserId::parse(id).map_err(invalid)
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn invalid(error: issuer::FieldError) -> Failure {
    Failure::refused(format!("INVALID_REQUEST: Invalid field: {error}"))
}

fn issue_hint(id: &str, refusal: &Refusal) -> Option<String> {
    let Refusal::UserExists { room_at, .. } = refusal else {
        return None;
    };
    Some(format!(
        "The user's token lives; the next one can be issued from {room_at} on.\nTo issue one now, revoke it first: \
         issuer-server token revoke {}",
        shell_argument(id)
    ))
}

/// The text as an argument in a shell.
pub(crate) fn shell_argument(text: &str) -> String {
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.@+:/".contains(&b));
    let word = if plain {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    };
    // What begins like a flag is taken for one, quoted or not.
    if text.starts_with('-') {
        format!("-- {word}")
    } else {
        word
    }
}

fn done(answer: &impl Serialize) -> Result<Outcome, Failure> {
    let line = serde_json::to_string(answer).map_err(|error| Failure::machine(error.to_string()))?;
    Ok(Outcome { line, refused: false })
}

#[cfg(test)]
mod tests {
    use issuer::Timestamp;

    use super::*;

    #[test]
    fn a_conflict_says_until_when_the_token_lives_and_how_to_revoke_it() {
        let refusal = Refusal::UserExists {
            user: UserId::parse("user 1").unwrap(),
            room_at: Timestamp::parse_rfc3339("2025-06-30T12:00:00Z").unwrap(),
        };
        assert_eq!(
            issue_hint("user 1", &refusal).unwrap(),
            "The user's token lives; the next one can be issued from 2025-06-30T12:00:00Z on.\nTo issue one now, \
             revoke it first: issuer-server token revoke 'user 1'"
        );
        assert_eq!(issue_hint("user 1", &Refusal::TokenNotFound), None);
    }

    #[test]
    fn the_argument_of_a_hint_is_read_back_as_it_is() {
        for (text, argument) in [
            ("user001", "user001"),
            ("a.b@c+d:e/f-_", "a.b@c+d:e/f-_"),
            ("-x", "-- -x"),
            ("-x y", "-- '-x y'"),
            ("$(id)", "'$(id)'"),
            ("it's", r"'it'\''s'"),
            ("Zo\u{eb}", "'Zo\u{eb}'"),
        ] {
            assert_eq!(shell_argument(text), argument);
        }
    }
}
