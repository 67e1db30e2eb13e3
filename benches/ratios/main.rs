//! What signing, verifying and a durable issue cost, as ratios to a floor and to what people use today.
//!
//! Everything is measured in many short rounds, side by side, so that a machine whose mood changes changes all of it;
//! each round gives a ratio, and the table shows their median and their middle half.

mod fresh;
mod issue_durable;
#[path = "../load/peers/mutexed.rs"]
mod mutexed;
mod peer;
mod sign;
mod table;
mod token;
mod verify;

use std::{fs, io, path::Path, time::Duration};

use criterion::Criterion;

use crate::table::Table;

/// Rounds of a full run. Many short ones, because a ratio holds only as long as the machine stays as it is; and an odd
/// number, whose median was measured.
const ROUNDS: usize = 41;

fn main() -> io::Result<()> {
    peer::jsonwebtoken::install();
    let is_quick = std::env::args().any(|argument| argument == "--quick" || argument == "--test");
    let rounds = if is_quick { 1 } else { ROUNDS };
    let figures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ratios");
    // Of an earlier run, with which nothing here is compared.
    match fs::remove_dir_all(&figures) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    println!("{}", table::hashing());
    let mut table = Table::new(&[sign::GROUP, fresh::GROUP, verify::GROUP, issue_durable::GROUP]);
    for round in 0..rounds {
        let folder = figures.join(format!("round-{round}"));
        let mut criterion = Criterion::default()
            .sample_size(20)
            .nresamples(1_001)
            .warm_up_time(Duration::from_millis(20))
            .measurement_time(Duration::from_millis(100))
            // A folder a round, or criterion would compare each round with the one before.
            .output_directory(&folder)
            .configure_from_args();
        sign::bench(&mut criterion);
        fresh::bench(&mut criterion);
        verify::bench(&mut criterion);
        issue_durable::bench(&mut criterion);
        table.read_round(&folder)?;
    }
    println!("{table}");
    Ok(())
}
