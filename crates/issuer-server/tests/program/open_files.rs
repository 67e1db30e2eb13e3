//! Room for many connections.
#![cfg(target_os = "linux")]

use std::{
    fs,
    process::{self, Command},
};

/// Makes room for so many files, in this process and in the server, which inherits it; whether there is.
pub(crate) fn may_open(files: usize) -> bool {
    let allowed = || -> Option<usize> {
        let limits = fs::read_to_string("/proc/self/limits").ok()?;
        let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
        line.split_whitespace().nth(3)?.parse().ok()
    };
    if allowed().is_some_and(|allowed| allowed < files) {
        let _ = Command::new("prlimit")
            .args([format!("--pid={}", process::id()), format!("--nofile={files}:")])
            .status();
    }
    allowed().is_none_or(|allowed| allowed >= files)
}
