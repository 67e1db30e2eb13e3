//! A home for the program, with nothing set but what the test sets.

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::{API_KEY, Done, Server, Store};

/// A home folder, with a data folder that does not exist yet.
pub(crate) struct Home {
    folder: TempDir,
    store: Store,
}

impl Home {
    /// One where the store is [that of this run](Store::of_this_run).
    pub(crate) fn new() -> Self {
        Self::on(Store::of_this_run())
    }

    /// One where the store is of this kind, whatever the run is for.
    pub(crate) fn on(store: Store) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            store,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where `ISSUER_DATA_DIR` points.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Nothing in the data folder is under the name that it had while it was made.
    #[track_caller]
    pub(crate) fn assert_nothing_is_half_made(&self) {
        let names = fs::read_dir(self.data_dir())
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        let half_made: Vec<_> = names
            .filter(|name| name.to_string_lossy().ends_with(".new"))
            .collect();
        assert!(half_made.is_empty(), "{half_made:?}");
    }

    /// The program with this home.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_issuer-server"));
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("ISSUER_") || text.starts_with("XDG_") {
                command.env_remove(name);
            }
        }
        command
            .env("HOME", self.path())
            .env("ISSUER_DATA_DIR", self.data_dir())
            .envs(
                self.store
                    .setting(&self.data_dir())
                    .map(|store| ("ISSUER_STORE", store)),
            )
            .current_dir(self.path())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        Done::of(&mut self.command(arguments))
    }

    /// Runs a command that reads this.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Done {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command need not read all of it.
        let _ = child.stdin.take().unwrap().write_all(input);
        Done::from(child.wait_with_output().unwrap())
    }

    /// Issues a token, which must work.
    #[track_caller]
    pub(crate) fn issue(&self, user: &str) -> String {
        self.run(&["issue", user]).token()
    }

    /// Starts a server on a free port with [`API_KEY`].
    #[track_caller]
    pub(crate) fn serve(&self, flags: &[&str]) -> Server {
        Server::start(
            self.command(&["serve", "--listen", "127.0.0.1:0"])
                .args(flags)
                .env("ISSUER_API_KEY", API_KEY),
        )
    }
}
