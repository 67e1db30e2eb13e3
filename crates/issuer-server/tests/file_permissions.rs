//! `file_permissions`: what is refused, that each remedy works where it is told, and that what one start makes the next
//! one accepts.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::Path,
    process::{Command, Stdio},
};

use program::{Account, Done, Home, Server, Store};

const VALUES: [&str; 3] = ["owner", "group", "any"];

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// A data folder with this mode, which is not the program's own.
fn with_folder(mode: u32) -> Home {
    let home = Home::new();
    fs::create_dir(home.data_dir()).unwrap();
    chmod(&home.data_dir(), mode);
    home
}

fn serve(home: &Home, permissions: &str, account: Option<&Account>) -> Server {
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.args(["--file-permissions", permissions]);
    if let Some(account) = account {
        account.run(&mut command);
    }
    Server::start(&mut command)
}

/// Runs the command that a message tells.
#[track_caller]
fn carry_out(done: &Done) {
    let command = done
        .stderr
        .split("run: ")
        .nth(1)
        .and_then(|rest| rest.split(';').next())
        .unwrap();
    assert!(
        Command::new("sh")
            .args(["-c", command])
            .status()
            .unwrap()
            .success(),
        "{command}"
    );
}

/// The value of the setting that a message tells.
#[track_caller]
fn told(done: &Done) -> &str {
    done.stderr
        .trim_end()
        .rsplit("set --file-permissions ")
        .next()
        .filter(|told| VALUES.contains(told))
        .unwrap()
}

/// The command, under a umask.
fn under_umask(umask: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]);
    shell
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.current_dir(command.get_current_dir().unwrap());
    shell
}

#[test]
fn what_one_start_makes_the_next_accepts_for_every_value_and_umask() {
    for value in VALUES {
        for umask in ["000", "002", "022", "077", "007"] {
            let home = Home::new();
            let flags = ["--file-permissions", value];
            let start = || {
                let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
                Server::start(&mut under_umask(umask, command.args(flags)))
            };
            start().stop();
            let issue = home.command(&[&["issue", "amy"][..], &flags].concat());
            let token = Done::of(&mut under_umask(umask, &issue)).token();
            let server = start();
            assert_eq!(server.me(&token).status, 200);
            server.stop();
            let (folder, file) = if value == "group" {
                (0o770, 0o660)
            } else {
                (0o700, 0o600)
            };
            assert_eq!(mode(&home.data_dir()), folder, "{value} {umask}");
            for name in ["keys.json", "bootstrap-api-key", ".lock"] {
                assert_eq!(mode(&home.data_dir().join(name)), file, "{value} {umask} {name}");
            }
            if Store::of_this_run() == Store::Sqlite {
                assert_eq!(mode(&home.data_dir().join("issuer.db")), file, "{value} {umask}");
            }
        }
    }
}

#[test]
fn a_folder_made_under_umask_002_is_refused_and_accepted_after_the_command_that_is_told() {
    let home = with_folder(0o775);
    let refused = home.run(&["issue", "amy"]);
    refused.fails_saying(
        3,
        &["others may write in this folder (mode 775)", "run: chmod go-w "],
    );
    carry_out(&refused);
    home.issue("amy");

    let home = with_folder(0o775);
    let refused = home.run(&["issue", "amy"]);
    home.run(&["issue", "amy", "--file-permissions", told(&refused)])
        .line();
}

#[test]
fn keys_that_others_may_read_are_accepted_after_the_command_that_is_told_or_with_the_setting_that_is() {
    for wide in [0o640, 0o660, 0o644, 0o666, 0o604] {
        // Where no store is set, for the data folder has another name: what is told stands in a line for a shell.
        let home = Home::on(Store::Sqlite);
        let folder = home.path().join("it's a folder");
        let issue = |user: &str, setting: &[&str]| {
            home.run(&[&["issue", user, "--data-dir", folder.to_str().unwrap()], setting].concat())
        };
        issue("amy", &[]).line();
        let keys = folder.join("keys.json");
        chmod(&keys, wide);
        let refused = issue("bob", &[]);
        refused.fails_saying(3, &["keys.json: others may read or write it"]);
        issue("bob", &["--file-permissions", told(&refused)]).line();
        carry_out(&refused);
        issue("eve", &[]).line();
        assert_eq!(mode(&keys), 0o600);
        // For the group there is a command, too.
        chmod(&keys, wide | 0o004);
        let refused = issue("joe", &["--file-permissions", "group"]);
        refused.fails_saying(3, &["keys.json: others may read or write it"]);
        carry_out(&refused);
        issue("joe", &["--file-permissions", "group"]).line();
    }
}

/// `emptyDir` of Kubernetes: of the superuser, 0777, so that the program may not change it.
#[test]
fn a_folder_of_the_superuser_in_which_all_may_write_is_accepted_with_the_setting_that_is_told() {
    let home = with_folder(0o777);
    let Some(account) = home.unprivileged().filter(Account::is_another) else {
        return;
    };
    chown(home.data_dir(), Some(0), Some(0)).unwrap();
    let refused = Done::of(account.run(&mut home.command(&["issue", "amy"])));
    refused.fails_saying(3, &["(mode 777)", "belongs to another account"]);
    assert!(!refused.stderr.contains("chmod"), "{refused:?}");
    assert_eq!(told(&refused), "any");
    for _ in 0..3 {
        let log = serve(&home, "any", Some(&account)).stop();
        assert!(log.contains("file_permissions is any"), "{log}");
    }
    // A folder in it is an answer as well.
    let below = home.data_dir().join("issuer");
    let mut command = home.command(&["issue", "amy", "--store", "sqlite:other.db", "--data-dir"]);
    Done::of(account.run(command.arg(&below))).line();
    assert_eq!(mode(&below), 0o700);
}

/// `fsGroup` of Kubernetes: 2770, and before each start every file is opened to the group.
#[test]
fn a_volume_of_a_group_is_accepted_with_the_setting_that_is_told_by_every_account_of_the_group() {
    // A file of sled's is made with the umask.
    let home = Home::on(Store::Sqlite);
    fs::create_dir(home.data_dir()).unwrap();
    let Some(account) = home.unprivileged().filter(Account::is_another) else {
        return;
    };
    chown(home.data_dir(), Some(0), None).unwrap();
    chmod(&home.data_dir(), 0o2770);
    let refused = Done::of(account.run(&mut home.command(&["issue", "amy"])));
    refused.fails_saying(3, &["(mode 770)", "belongs to another account"]);
    assert_eq!(told(&refused), "group");
    let second = account.of_the_same_group();
    let mut token: Option<String> = None;
    for account in [&account, &account, &second, &account] {
        let server = serve(&home, "group", Some(account));
        if let Some(token) = &token {
            assert_eq!(server.me(token).status, 200);
        }
        // From beside it, as another container of the pod.
        let mut command = home.command(&["verify", "x", "--file-permissions", "group"]);
        assert_eq!(Done::of(second.run(&mut command)).code, Some(1));
        let log = server.stop();
        assert!(!log.contains("WARN"), "{log}");
        let mut command = home.command(&[
            "issue",
            "amy",
            "--file-permissions",
            "group",
            "--policy",
            "upsert",
        ]);
        token = Some(Done::of(account.run(&mut command)).token());
        for entry in fs::read_dir(home.data_dir()).unwrap() {
            let path = entry.unwrap().path();
            chmod(&path, mode(&path) | 0o660);
        }
    }
}

#[test]
fn any_is_a_warning_of_the_server_and_the_others_are_none() {
    for value in VALUES {
        let log = serve(&Home::new(), value, None).stop();
        assert_eq!(log.contains("file_permissions is any"), value == "any", "{log}");
    }
}
