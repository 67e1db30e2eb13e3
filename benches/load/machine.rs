//! What the figures were measured on.

use std::{fmt, fs, process::Command, thread};

use serde::{Deserialize, Serialize};

/// The machine, and what else it was doing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    processor: String,
    processors: usize,
    memory_gib: u64,
    system: String,
    rustc: String,
    /// Of the minute before the run.
    load_before: f64,
}

impl Machine {
    /// This one, now.
    pub(crate) fn here() -> Self {
        let processor =
            field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
        let memory = field("/proc/meminfo", "MemTotal");
        let memory = memory.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split_whitespace().next().and_then(|load| load.parse().ok());
        Self {
            processor,
            processors: thread::available_parallelism().map_or(1, usize::from),
            memory_gib: memory.unwrap_or(0).div_ceil(1 << 20),
            system: said_by("uname", &["-sr"]),
            rustc: said_by("rustc", &["--version"]),
            load_before: load.unwrap_or(0.0),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} processors ({}), {} GiB, {}, {}; load of the minute before: {}",
            self.processors, self.processor, self.memory_gib, self.system, self.rustc, self.load_before
        )
    }
}

/// Bytes of memory that a process has resident, as the kernel counts them now.
pub(crate) fn resident_bytes(process: u32) -> Option<f64> {
    let kib = field(&format!("/proc/{process}/status"), "VmRSS")?;
    let kib: f64 = kib.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1_024.0)
}

/// The first value of this name in a file of lines such as `name: value`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then(|| value.trim().to_owned())
    })
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    output.unwrap_or_default()
}
