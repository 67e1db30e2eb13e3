//! An account without the rights of the superuser.
#![cfg(unix)]

use std::{
    fs,
    io::Write as _,
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::Path,
    process::{Command, Stdio},
};

use super::Home;

/// `nobody`, on most systems.
const OTHER: u32 = 65_534;

/// The account that a test runs as; another one, where that is the superuser, who may do everything.
pub(crate) struct Account(Option<u32>);

impl Account {
    /// Whether it is not the one that the test runs as.
    pub(crate) fn is_another(&self) -> bool {
        self.0.is_some()
    }

    /// Another one with the same group.
    pub(crate) fn of_the_same_group(&self) -> Self {
        Self(self.0.map(|id| id - 1))
    }

    /// The command, run by this account.
    pub(crate) fn run<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        if let Some(id) = self.0 {
            command.uid(id).gid(OTHER);
        }
        command
    }
}

impl Home {
    /// Gives all that is in this home to an account without the rights of the superuser. `None` where there is none that
    /// can run the program; standard error says so.
    pub(crate) fn unprivileged(&self) -> Option<Account> {
        if fs::metadata("/proc/self").map_or(1, |this| this.uid()) != 0 {
            return Some(Account(None));
        }
        let account = Account(Some(OTHER));
        give(self.path());
        let runs = account
            .run(Command::new(env!("CARGO_BIN_EXE_issuer-server")).arg("--version"))
            .current_dir("/")
            .stdout(Stdio::null())
            .status();
        if runs.is_ok_and(|status| status.success()) {
            return Some(account);
        }
        // Not with a macro: the harness hides what a test that passes prints.
        let _ = writeln!(std::io::stderr(), "SKIPPED: no other account can run the program");
        None
    }
}

fn give(path: &Path) {
    chown(path, Some(OTHER), Some(OTHER)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path());
        }
    }
}
