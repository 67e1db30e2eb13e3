//! Throughput, latency, growth, memory and start of all that issues and checks tokens, each beside its floor and its peers.
//!
//! Things that are compared are measured side by side in several rounds, so that a machine whose mood changes changes all of
//! them; each round gives a ratio, and the table shows the median with the middle half.

mod backend;
mod bare_select;
mod counted;
mod floor;
mod host;
mod http;
mod machine;
mod measure;
mod options;
mod peers;
mod population;
mod report;
mod rows;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::Parser as _;

use crate::{
    machine::Machine,
    options::{Command, Options},
    report::{Report, draw},
    rows::{Context, run_opened},
};

/// Whatever went wrong: nobody but a reader of the message deals with it.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    match &options.command {
        None => measure(options),
        Some(Command::Plots) => plot(&read(options)?, options),
        Some(Command::Table) => {
            print!("{}", read(options)?);
            Ok(())
        }
        Some(Command::Echo { issue_body, me_body }) => http::serve_echo(issue_body, me_body),
        Some(Command::Opened {
            backend,
            path,
            users,
            checks,
        }) => {
            println!(
                "{}",
                serde_json::to_string(&run_opened(*backend, path, *users, *checks)?)?
            );
            Ok(())
        }
    }
}

fn measure(options: &Options) -> Result<()> {
    peers::install();
    let start = Instant::now();
    let folder = folder(options);
    let _alone = own(&folder)?;
    let mut report = Report {
        arguments: arguments(),
        machine: Machine::here(),
        seconds: 0,
        sections: Vec::new(),
    };
    let measured = Context::new(options, &folder)?.measure(|sections| {
        report.sections.extend(sections);
        report.seconds = start.elapsed().as_secs();
        // After each row: an hour is long, and a run may be interrupted.
        Ok(fs::write(json(options), serde_json::to_vec_pretty(&report)?)?)
    });
    print!("{report}");
    if options.plots {
        plot(&report, options)?;
    }
    measured
}

/// Makes the folder, takes it for as long as the file that is returned is open, and removes what an interrupted run left.
fn own(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder)?;
    let lock = File::create(folder.join("lock"))?;
    lock.try_lock()
        .map_err(|_| format!("another run uses {}", folder.display()))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if rows::TEMPORARY
            .iter()
            .any(|prefix| entry.file_name().to_string_lossy().starts_with(prefix))
        {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(lock)
}

/// As they were given, but for paths, which say nothing to a reader elsewhere.
fn arguments() -> Vec<String> {
    let shown = |argument: String| {
        if argument.contains('/') {
            "PATH".to_owned()
        } else {
            argument
        }
    };
    std::env::args().skip(1).map(shown).collect()
}

fn plot(report: &Report, options: &Options) -> Result<()> {
    let into = options.plots_into.clone();
    let into = into.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance"));
    eprintln!("{} charts in {}", draw(report, &into)?, into.display());
    Ok(())
}

fn read(options: &Options) -> Result<Report> {
    let file = json(options);
    let text = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(serde_json::from_slice(&text)?)
}

/// On the disk where the project is built; `/tmp` may be none.
fn folder(options: &Options) -> PathBuf {
    let folder = options.folder.clone();
    folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/load"))
}

fn json(options: &Options) -> PathBuf {
    options
        .json
        .clone()
        .unwrap_or_else(|| folder(options).join("report.json"))
}
