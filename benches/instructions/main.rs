//! How many instructions a call takes, counted by valgrind: figures that nothing else on the machine changes.
//!
//! Each row is run under callgrind, and its count held against `counts.toml`; with `--write` it is written there.

mod count;
mod rows;
mod table;

use std::{error::Error, fs, path::Path, process::ExitCode};

use crate::{
    count::Count,
    rows::NAMES,
    table::{Counted, Table},
};

/// How cargo and this program call it.
const ROW: &str = "--row";
const WRITE: &str = "--write";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name, calls] = arguments.as_slice()
        && flag == ROW
    {
        rows::run(name, calls.parse()?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut counted = Counted::default();
    for name in NAMES {
        counted.put(name, Count::of(name)?);
    }
    let counted = counted.in_blocks();
    print!("{counted}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("counts.toml");
    if arguments.iter().any(|argument| argument == WRITE) {
        fs::write(file, counted.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let complaints = counted.beyond(&Table::parse(&fs::read_to_string(file)?)?);
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    Ok(ExitCode::from(u8::from(!complaints.is_empty())))
}
