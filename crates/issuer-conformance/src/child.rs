//! A test's own program again, as another process.
//!
//! A test that wants a second process starts itself: with a path and a number in the environment, the ignored test
//! that it names does the work of the child.
//!
//! ```
//! use issuer_conformance::child;
//!
//! // #[test]
//! fn many_processes_may_use_one_file() {
//!     let path = std::env::temp_dir();
//!     let children: Vec<_> = (0..4).map(|n| child::start(&mut child::command("work_count"), &path, n)).collect();
//!     children.into_iter().for_each(|child| drop(child::finish(child)));
//! }
//!
//! // #[test]
//! // #[ignore = "the work of a child process"]
//! fn work_count() {
//!     let Some((path, number)) = child::told() else { return };
//!     // ...
//! }
//! ```

use std::{
    env,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

const PATH: &str = "ISSUER_CHILD_PATH";
const NUMBER: &str = "ISSUER_CHILD_NUMBER";

/// How to run the ignored test `work` of this program.
#[track_caller]
pub fn command(work: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("a program knows its own path"));
    command.args(arguments(work));
    command
}

/// The arguments that make this program run the ignored test `work`, where it is started through another one.
pub fn arguments(work: &str) -> [&str; 4] {
    [work, "--exact", "--ignored", "--nocapture"]
}

/// Starts this command and tells it a path and a number; what it prints can be read.
#[track_caller]
pub fn start(command: &mut Command, path: &Path, number: u64) -> Child {
    command
        .env(PATH, path)
        .env(NUMBER, number.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a child process")
}

/// Waits for a child, whose work must have succeeded, and returns what it printed.
#[track_caller]
pub fn finish(child: Child) -> String {
    let output = child.wait_with_output().expect("a child can be waited for");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("a child prints text")
}

/// What a child was told; nothing where somebody runs the ignored tests by hand.
pub fn told() -> Option<(PathBuf, u64)> {
    Some((env::var_os(PATH)?.into(), env::var(NUMBER).ok()?.parse().ok()?))
}
