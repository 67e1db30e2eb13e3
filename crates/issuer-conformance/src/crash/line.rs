//! What a load writes down, one line each.
//!
//! A line is words with a space between, and begins with a mark, so that whatever else a child prints is passed
//! over. `on` is the version of the user's record that a decision rests on: it settles what became of a write
//! whose answer never came.

use std::fmt;

use issuer::{
    Timestamp, TokenId,
    state::{Change, Commit, Snapshot, Version},
    user::UserId,
};

const MARK: &str = "load:";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// This commit is about to be applied.
    Begin {
        seen: Seen,
        commit: Version,
        rows: Vec<Row>,
    },
    /// It was, and the request was answered with this token.
    Applied { commit: Version, token: Option<String> },
    /// It was not.
    Conflict { commit: Version },
    /// An error without an effect.
    FailedWithoutEffect { commit: Version },
    /// An error with an unknown effect.
    FailedUnknown { commit: Version },
    /// A request was answered with this token, and wrote nothing.
    Replayed { seen: Seen, key: String, token: String },
    /// A request was answered, and wrote nothing.
    Nothing { seen: Seen },
    /// A request was refused for this reason.
    Refused { seen: Seen, code: String },
    /// What died by then is about to be purged.
    Purge { dead_before: Timestamp },
    /// A read failed.
    NotRead,
}

/// What a decision rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) user: UserId,
    pub(super) now: Timestamp,
    pub(super) on: Option<Version>,
}

/// A row of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    User {
        nickname: Option<String>,
        created_at: Timestamp,
        updated_at: Timestamp,
    },
    Token(TokenId, Times),
    Replay {
        key: String,
        token: TokenId,
        forgotten_at: Timestamp,
    },
}

#[expect(clippy::struct_field_names, reason = "the names of a token's record")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) revoked_at: Option<Timestamp>,
}

impl Line {
    pub(super) fn begin(snapshot: &Snapshot, commit: &Commit, now: Timestamp, key: Option<&str>) -> Self {
        let rows = commit.changes.iter().filter_map(|change| row(change, key));
        Self::Begin {
            seen: Seen::of(&commit.user, snapshot, now),
            commit: commit.next,
            rows: rows.collect(),
        }
    }

    /// Reads a whole line; `None` where it is not a load's.
    ///
    /// # Errors
    /// Where it has the mark and is none all the same.
    pub(super) fn parse(line: &str) -> Option<Result<Self, String>> {
        let words = line.strip_prefix(MARK)?;
        let mut words = Words(words.split_ascii_whitespace());
        Some(words.line().ok_or_else(|| format!("{line:?}")))
    }
}

impl Seen {
    pub(super) fn of(user: &UserId, snapshot: &Snapshot, now: Timestamp) -> Self {
        Self {
            user: user.clone(),
            now,
            on: snapshot.user.as_ref().map(|user| user.version),
        }
    }
}

/// The rules of a load write no other rows.
fn row(change: &Change, key: Option<&str>) -> Option<Row> {
    Some(match change {
        Change::PutUser(user) => Row::User {
            nickname: user.nickname.as_ref().map(|name| name.as_str().to_owned()),
            created_at: user.created_at,
            updated_at: user.updated_at,
        },
        Change::PutToken(token) => Row::Token(
            token.issued()?.id,
            Times {
                created_at: token.created_at,
                expires_at: token.expires_at,
                revoked_at: token.revoked_at,
            },
        ),
        Change::PutReplay(replay) => Row::Replay {
            key: key?.to_owned(),
            token: replay.token,
            forgotten_at: replay.forgotten_at,
        },
        Change::PutTombstone(_) | Change::EraseUser => return None,
    })
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK} ")?;
        match self {
            Self::Begin { seen, commit, rows } => {
                write!(f, "begin {} {seen}", hex(*commit))?;
                rows.iter().try_for_each(|row| write!(f, " {row}"))
            }
            Self::Applied { commit, token } => {
                write!(f, "applied {} {}", hex(*commit), token.as_deref().unwrap_or("-"))
            }
            Self::Conflict { commit } => write!(f, "conflict {}", hex(*commit)),
            Self::FailedWithoutEffect { commit } => write!(f, "failed {} none", hex(*commit)),
            Self::FailedUnknown { commit } => write!(f, "failed {} unknown", hex(*commit)),
            Self::Replayed { seen, key, token } => write!(f, "replayed {seen} {key} {token}"),
            Self::Nothing { seen } => write!(f, "nothing {seen}"),
            Self::Refused { seen, code } => write!(f, "refused {seen} {code}"),
            Self::Purge { dead_before } => write!(f, "purge {}", dead_before.as_unix()),
            Self::NotRead => f.write_str("unread"),
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = self.on.map_or_else(|| "-".to_owned(), hex);
        write!(f, "{} at {} on {on}", self.user.as_str(), self.now.as_unix())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User {
                nickname,
                created_at,
                updated_at,
            } => {
                let nickname = nickname.as_deref().unwrap_or("-");
                write!(
                    f,
                    "user {nickname} {} {}",
                    created_at.as_unix(),
                    updated_at.as_unix()
                )
            }
            Self::Token(id, times) => {
                let (created, expires) = (times.created_at.as_unix(), times.expires_at.as_unix());
                write!(f, "token {id} {created} {expires} ")?;
                match times.revoked_at {
                    Some(revoked) => revoked.as_unix().fmt(f),
                    None => f.write_str("-"),
                }
            }
            Self::Replay {
                key,
                token,
                forgotten_at,
            } => {
                write!(f, "replay {key} {token} {}", forgotten_at.as_unix())
            }
        }
    }
}

fn hex(version: Version) -> String {
    format!("{:032x}", u128::from_be_bytes(*version.as_bytes()))
}

struct Words<'a>(std::str::SplitAsciiWhitespace<'a>);

impl<'a> Words<'a> {
    fn line(&mut self) -> Option<Line> {
        let line = match self.0.next()? {
            "begin" => Line::Begin {
                commit: self.version()?,
                seen: self.seen()?,
                rows: self.rows()?,
            },
            "applied" => Line::Applied {
                commit: self.version()?,
                token: self.text()?,
            },
            "conflict" => Line::Conflict {
                commit: self.version()?,
            },
            "failed" => {
                let commit = self.version()?;
                match self.0.next()? {
                    "none" => Line::FailedWithoutEffect { commit },
                    "unknown" => Line::FailedUnknown { commit },
                    _ => return None,
                }
            }
            "replayed" => Line::Replayed {
                seen: self.seen()?,
                key: self.text()??,
                token: self.text()??,
            },
            "nothing" => Line::Nothing { seen: self.seen()? },
            "refused" => Line::Refused {
                seen: self.seen()?,
                code: self.text()??,
            },
            "purge" => Line::Purge {
                dead_before: self.moment()?,
            },
            "unread" => Line::NotRead,
            _ => return None,
        };
        self.0.next().is_none().then_some(line)
    }

    fn seen(&mut self) -> Option<Seen> {
        let user = UserId::parse(self.0.next()?).ok()?;
        self.word("at")?;
        let now = self.moment()?;
        self.word("on")?;
        let on = match self.0.next()? {
            "-" => None,
            text => Some(version(text)?),
        };
        Some(Seen { user, now, on })
    }

    fn rows(&mut self) -> Option<Vec<Row>> {
        let mut rows = Vec::new();
        while let Some(kind) = self.0.next() {
            rows.push(match kind {
                "user" => Row::User {
                    nickname: self.text()?,
                    created_at: self.moment()?,
                    updated_at: self.moment()?,
                },
                "token" => Row::Token(
                    TokenId::parse(self.0.next()?)?,
                    Times {
                        created_at: self.moment()?,
                        expires_at: self.moment()?,
                        revoked_at: match self.0.next()? {
                            "-" => None,
                            text => Some(moment(text)?),
                        },
                    },
                ),
                "replay" => Row::Replay {
                    key: self.text()??,
                    token: TokenId::parse(self.0.next()?)?,
                    forgotten_at: self.moment()?,
                },
                _ => return None,
            });
        }
        Some(rows)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        (self.0.next()? == word).then_some(())
    }

    /// A word, or `-` for none.
    #[expect(clippy::option_option, reason = "no word at all, and the word for nothing")]
    fn text(&mut self) -> Option<Option<String>> {
        let text: &'a str = self.0.next()?;
        Some((text != "-").then(|| text.to_owned()))
    }

    fn version(&mut self) -> Option<Version> {
        version(self.0.next()?)
    }

    fn moment(&mut self) -> Option<Timestamp> {
        moment(self.0.next()?)
    }
}

fn version(text: &str) -> Option<Version> {
    let number = u128::from_str_radix(text, 16).ok()?;
    Some(Version::from_bytes(number.to_be_bytes()))
}

fn moment(text: &str) -> Option<Timestamp> {
    Timestamp::from_unix(text.parse().ok()?)
}
