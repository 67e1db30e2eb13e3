//! The limit of open files, and how many connections fit under it.

use crate::failure::Failure;

/// Files that are kept for the store, the data folder, the command socket and its commands, the log and the runtime. The store
/// has some 20 open at rest.
pub(crate) const RESERVED: u64 = 128;

/// With fewer connections than these the server does not start.
pub(crate) const MIN_CONNECTIONS: u64 = 64;

/// Connections that may be open at once, whatever the limit. A silent one costs little, but not nothing.
pub(crate) const MAX_CONNECTIONS: u64 = 16_384;

/// The room that this process has; `None` where there is no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    soft_before: Option<u64>,
    soft: Option<u64>,
    hard: Option<u64>,
    connections: u64,
}

impl Room {
    /// Raises the soft limit of this process to the hard one. It fails where too few files are left for connections.
    pub(crate) fn make() -> Result<Self, Failure> {
        let (soft_before, soft, hard) = raise();
        Ok(Self {
            soft_before,
            soft,
            hard,
            connections: connections(soft)?,
        })
    }

    /// The number of connections that may be open at once.
    pub(crate) fn connections(self) -> usize {
        usize::try_from(self.connections).unwrap_or(usize::MAX)
    }

    /// Logs the limits: not before the server has started, for a start that fails says why and no more.
    pub(crate) fn log(self) {
        let told =
            |limit: Option<u64>| limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
        tracing::info!(
            soft_before = told(self.soft_before),
            soft = told(self.soft),
            hard = told(self.hard),
            connections = self.connections,
            "limits of open files"
        );
    }
}

/// `None`: no limit.
fn connections(limit: Option<u64>) -> Result<u64, Failure> {
    let Some(limit) = limit else {
        return Ok(MAX_CONNECTIONS);
    };
    let needed = RESERVED + MIN_CONNECTIONS;
    if limit < needed {
        return Err(Failure::machine(format!(
            "this process may open {limit} files, and the server needs {needed}: raise the hard limit (ulimit -Hn, LimitNOFILE= of \
             systemd, --ulimit nofile= of containers), to 1024 or more"
        )));
    }
    Ok((limit - RESERVED).min(MAX_CONNECTIONS))
}

/// The soft limit before and after it was raised, and the hard one; `None` where there is none.
#[cfg(unix)]
fn raise() -> (Option<u64>, Option<u64>, Option<u64>) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let before = getrlimit(Resource::Nofile);
    let hard = before.maximum;
    // Some systems have no limit on paper, and take no number beyond one of their own.
    let enough = RESERVED + MAX_CONNECTIONS;
    for soft in [hard, Some(hard.map_or(enough, |hard| hard.min(enough)))] {
        let wanted = Rlimit {
            current: soft,
            maximum: hard,
        };
        if before.current == soft || setrlimit(Resource::Nofile, wanted).is_ok() {
            break;
        }
    }
    (before.current, getrlimit(Resource::Nofile).current, hard)
}

#[cfg(not(unix))]
const fn raise() -> (Option<u64>, Option<u64>, Option<u64>) {
    (None, None, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_kept_for_the_store_and_a_limit_that_leaves_too_few_is_refused_with_a_remedy() {
        assert_eq!(connections(None).unwrap(), MAX_CONNECTIONS);
        assert_eq!(connections(Some(1 << 20)).unwrap(), MAX_CONNECTIONS);
        assert_eq!(connections(Some(1_024)).unwrap(), 1_024 - RESERVED);
        assert_eq!(connections(Some(192)).unwrap(), MIN_CONNECTIONS);
        let refused = connections(Some(191)).unwrap_err();
        assert!(refused.message.contains("ulimit -Hn"), "{refused}");
    }
}
