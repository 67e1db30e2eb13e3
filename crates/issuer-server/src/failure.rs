//! How a command ends when it does not end well.

use std::{fmt, iter, process::ExitCode};

use issuer_service::{BuildError, Error};
use issuer_store::StoreError;
use serde::{Deserialize, Serialize};

/// What goes to standard error, and the exit code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// One line: what is wrong and, where the caller can do something, what.
    pub(crate) message: String,
    /// What a person at a terminal may want to do next.
    pub(crate) hint: Option<String>,
}

/// The exit codes of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailureKind {
    /// 1: the rules say no.
    Refused,
    /// 2: the command or a setting is wrong.
    Usage,
    /// 3: the store or the machine failed.
    Machine,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Usage,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn machine(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Machine,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Refused,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            FailureKind::Refused => 1,
            FailureKind::Usage => 2,
            FailureKind::Machine => 3,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// `CODE: message`, as over HTTP.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.refusal() {
            Some(refusal) => Self::refused(format!("{}: {refusal}", refusal.code())),
            None if error.is_retryable() => Self::machine(format!("UNAVAILABLE: {}", with_causes(&error)))
                .with_hint("Try again in a moment."),
            None => Self::machine(with_causes(&error)),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::machine(with_causes(&error))
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Rules(_) | BuildError::EmptyClaim | BuildError::Claims(_) => {
                Self::usage(error.to_string())
            }
            _ => Self::machine(with_causes(&error)),
        }
    }
}

/// The message of an error and, in parentheses, those of its causes, such as the words of SQLite.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes: Vec<String> = iter::successors(error.source(), |&cause| cause.source())
        .map(ToString::to_string)
        .collect();
    if causes.is_empty() {
        error.to_string()
    } else {
        format!("{error} ({})", causes.join(": "))
    }
}
