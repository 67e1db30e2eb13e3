//! The procedures of `docs/operations.md`, run word for word: its commands, with other paths.
//!
//! The commands `systemctl start` and `systemctl stop` are carried out here. They need the program `sqlite3`; where it is
//! missing they are skipped, visibly, and `ISSUER_REQUIRE_SQLITE3=1` makes that a failure.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use program::{API_KEY, Done, Server};
use serde_json::Value;
use tempfile::TempDir;

const PAGE: &str = include_str!("../../../docs/operations.md");

/// The commands under a heading, a block each.
fn blocks(heading: &str) -> Vec<&'static str> {
    let section = PAGE
        .split("\n## ")
        .find_map(|section| section.strip_prefix(heading)?.strip_prefix('\n'))
        .unwrap_or_else(|| panic!("no heading {heading}"));
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

/// A machine: its folders, and the service on it.
struct Machine {
    root: TempDir,
    flags: Vec<String>,
    server: Option<Server>,
}

impl Machine {
    fn new() -> Self {
        Self::with(&[])
    }

    /// Flags that are in the file of the service, besides those of the page.
    fn with(flags: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("bin");
        for folder in [
            bin.clone(),
            root.path().join("var/lib"),
            root.path().join("var/backups"),
        ] {
            fs::create_dir_all(folder).unwrap();
        }
        let program = env!("CARGO_BIN_EXE_issuer-server");
        std::os::unix::fs::symlink(program, bin.join("issuer-server")).unwrap();
        let mut machine = Self {
            root,
            flags: Vec::new(),
            server: None,
        };
        machine.flags = flags.iter().map(|flag| machine.here(flag)).collect();
        machine.start();
        machine
    }

    /// The paths of the page, on this machine.
    fn here(&self, text: &str) -> String {
        text.replace("/var/lib", &self.path("var/lib").display().to_string())
            .replace("/var/backups", &self.path("var/backups").display().to_string())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn data(&self) -> PathBuf {
        self.path("var/lib/issuer")
    }

    /// A program with nothing of this test's environment that it could read.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("ISSUER_") {
                command.env_remove(name);
            }
        }
        let path = format!("{}:{}", self.path("bin").display(), env::var("PATH").unwrap());
        command.env("PATH", path).current_dir(self.root.path());
        command
    }

    fn start(&mut self) {
        let mut command = self.service();
        self.server = Some(Server::start(&mut command));
    }

    fn service(&self) -> Command {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_issuer-server")));
        command
            .args(["serve", "--data-dir"])
            .arg(self.data())
            .args(["--listen", "127.0.0.1:0"])
            .args(&self.flags)
            .env("ISSUER_API_KEY", API_KEY);
        command
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    fn stop(&mut self) {
        self.server.take().unwrap().stop();
        let left = |suffix: &str| self.data().join(format!("issuer.db{suffix}")).exists();
        assert!(!left("-wal") && !left("-shm"), "a stopped store is one file");
    }

    fn kill(&mut self) {
        self.server.take().unwrap().kill();
    }

    /// Runs a block of the page; returns what its last commands said.
    #[track_caller]
    fn run(&mut self, block: &str) -> Done {
        let mut said = None;
        let mut commands = String::new();
        for line in block.lines().chain(["systemctl none issuer"]) {
            let Some(verb) = line.strip_prefix("systemctl ") else {
                commands.push_str(line);
                commands.push('\n');
                continue;
            };
            if !commands.is_empty() {
                let mut shell = self.command(Path::new("sh"));
                let done = Done::of(shell.arg("-euc").arg(self.here(&commands)));
                assert_eq!(done.code, Some(0), "{commands}{done:?}");
                said = Some(done);
                commands.clear();
            }
            match verb {
                "stop issuer" => self.stop(),
                "start issuer" => self.start(),
                _ => {}
            }
        }
        said.unwrap()
    }

    #[track_caller]
    fn revoke(&self, user: &str) {
        let ask = program::Ask::delete(&format!("/admin/clients/{user}/token")).key();
        assert_eq!(self.server().ask(&ask).status, 200);
    }

    #[track_caller]
    fn assert_live(&self, token: &str, live: bool) {
        assert_eq!(self.server().me(token).status, if live { 200 } else { 401 });
    }

    /// Three users: one with a live token, one whose token was revoked, one whose token will be.
    fn before_the_backup(&self) -> [String; 3] {
        let tokens = ["live", "revoked", "later"].map(|user| self.server().token(user));
        self.revoke("revoked");
        tokens
    }

    /// After the backup one token is revoked and one issued.
    fn after_the_backup(&self) -> String {
        self.revoke("later");
        let new = self.server().token("new");
        for n in 0..300 {
            self.server().token(&format!("more{n}"));
        }
        new
    }

    /// What the page says of a restore.
    #[track_caller]
    fn assert_restored(&self, [live, revoked, later]: &[String; 3], new: &str) {
        self.assert_live(live, true);
        self.assert_live(revoked, false);
        self.assert_live(later, true);
        self.assert_live(new, false);
    }
}

/// Whether the shell of SQLite is there.
fn sqlite3_is_there() -> bool {
    let there = Command::new("sqlite3").arg("--version").output().is_ok();
    if !there {
        let required = env::var_os("ISSUER_REQUIRE_SQLITE3").is_some_and(|value| value == "1");
        assert!(!required, "ISSUER_REQUIRE_SQLITE3=1, and there is no sqlite3");
        eprintln!("SKIPPED: the program sqlite3 is not there");
    }
    there
}

#[test]
fn a_backup_of_a_running_server_is_whole_and_restores() {
    if !sqlite3_is_there() {
        return;
    }
    let mut machine = Machine::new();
    let tokens = machine.before_the_backup();
    let backup = blocks("Back up while the server runs");
    machine.run(backup[0]);
    assert_eq!(machine.run(backup[1]).stdout, "ok\n3\n");
    let new = machine.after_the_backup();
    let restore = blocks("Restore");
    machine.run(restore[0]);
    machine.assert_restored(&tokens, &new);

    // A new key ends every token, and says how many.
    let said = machine.run(restore[1]);
    assert!(said.stderr.contains('2'), "{said:?}");
    let issued: Value = serde_json::from_str(&said.stdout).unwrap();
    for token in &tokens {
        machine.assert_live(token, false);
    }
    machine.assert_live(issued["token"].as_str().unwrap(), true);
}

#[test]
fn a_backup_of_a_stopped_server_restores_also_after_a_kill() {
    let mut machine = Machine::new();
    let tokens = machine.before_the_backup();
    machine.run(blocks("Back up while the server is stopped")[0]);
    let new = machine.after_the_backup();
    machine.kill();
    // A kill instead of the stop of the page.
    let restore = blocks("Restore")[0]
        .strip_prefix("systemctl stop issuer\n")
        .unwrap();
    machine.run(restore);
    machine.assert_restored(&tokens, &new);
    assert!(machine.data().join("before-restore/issuer.db-wal").exists());
}

#[test]
fn a_backup_that_was_put_beside_an_old_log_is_refused_and_restores_as_the_message_says() {
    let mut machine = Machine::new();
    let tokens = machine.before_the_backup();
    machine.run(blocks("Back up while the server is stopped")[0]);
    let new = machine.after_the_backup();
    machine.kill();
    fs::copy(
        machine.path("var/backups/issuer/issuer.db"),
        machine.data().join("issuer.db"),
    )
    .unwrap();
    let refused = Done::of(&mut machine.service());
    assert_eq!(refused.code, Some(3), "{refused:?}");
    let quoted = PAGE.split("```text\n").nth(1).unwrap().lines().next().unwrap();
    assert!(refused.stderr.contains(&machine.here(quoted)), "{refused:?}");
    let away = machine.path("away");
    fs::create_dir(&away).unwrap();
    for suffix in ["-wal", "-shm"] {
        let name = format!("issuer.db{suffix}");
        fs::rename(machine.data().join(&name), away.join(&name)).unwrap();
    }
    machine.start();
    machine.assert_restored(&tokens, &new);
}

#[test]
fn a_folder_of_sled_is_backed_up_and_restored_as_a_whole() {
    let mut machine = Machine::with(&["--store", "sled:/var/lib/issuer/users.sled"]);
    let tokens = machine.before_the_backup();
    machine.run(blocks("Back up while the server is stopped")[0]);
    let new = machine.after_the_backup();
    machine.run(blocks("Restore")[2]);
    machine.assert_restored(&tokens, &new);
}

#[test]
fn a_server_moves_to_another_machine_with_everything() {
    let mut old = Machine::new();
    let [live, revoked, _] = old.before_the_backup();
    let steps = blocks("Move to another machine");
    old.run(steps[0]);
    let mut new = Machine::new();
    new.stop();
    fs::remove_dir_all(new.data()).unwrap();
    fs::copy(
        old.path("var/backups/issuer.tar"),
        new.path("var/backups/issuer.tar"),
    )
    .unwrap();
    new.run(steps[1]);
    new.assert_live(&live, true);
    new.assert_live(&revoked, false);
    assert_eq!(
        new.server()
            .issue(&serde_json::json!({"_id": "live", "issueAccessToken": true}))
            .status,
        409
    );
}
