//! Whatever a power cut leaves: everything that was acknowledged is there, nothing is torn, nothing revoked lives.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed"
)]

#[path = "power_cuts/cuts.rs"]
mod cuts;
#[path = "power_cuts/kind.rs"]
mod kind;
#[path = "power_cuts/large.rs"]
mod large;
#[path = "power_cuts/owed.rs"]
mod owed;
#[path = "power_cuts/record.rs"]
mod record;

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Instant,
};

use cuts::{Plan, Tally, cut};
use issuer_faults::{
    disk::{Disk, Syncs},
    fate::Kind,
    steps::Action,
};
use issuer_store::StoreErrorKind;
use kind::StoreKind;
use record::Recorded;

/// How many moments the power is cut at, unless told otherwise.
const CUTS: usize = 180;

/// What this store did; nothing where it cannot be recorded.
fn recorded(kind: StoreKind) -> Option<&'static Recorded> {
    static SQLITE: OnceLock<Recorded> = OnceLock::new();
    static SLED: OnceLock<Recorded> = OnceLock::new();
    if !can_record() {
        return None;
    }
    let once = match kind {
        StoreKind::Sqlite => &SQLITE,
        StoreKind::Sled => &SLED,
    };
    Some(once.get_or_init(|| {
        let started = Instant::now();
        let recorded = Recorded::new(kind, seed(), kind.steps(wanted()));
        println!(
            "recorded {kind:?} in {:?}, seed {}: {recorded}",
            started.elapsed(),
            seed()
        );
        recorded
    }))
}

fn can_record() -> bool {
    let installed = Command::new("strace").arg("-V").output();
    if !installed.is_ok_and(|output| output.status.success()) {
        assert!(
            env::var_os("ISSUER_REQUIRE_STRACE").is_none(),
            "strace is not installed"
        );
        println!("skipped: strace is not installed");
        return false;
    }
    true
}

fn wanted() -> usize {
    number("ISSUER_POWER_CUTS").map_or(CUTS, |cuts| usize::try_from(cuts).unwrap())
}

fn seed() -> u64 {
    number("ISSUER_TEST_SEED").unwrap_or(1)
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}: {error}")))
}

/// Cuts the power as often as is wanted, on a disk that takes these syncs for such.
fn cuts(recorded: &Recorded, cuts: usize, kinds: &'static [Kind], syncs: Syncs) -> Tally {
    let started = Instant::now();
    let tally = cut(
        recorded,
        Plan {
            cuts,
            kinds,
            syncs,
            seed: seed(),
        },
    );
    println!("{:?}, {syncs:?}, {:?}: {tally}", recorded.kind, started.elapsed());
    tally
}

/// Whether acknowledged work was lost, or the store could not be opened any more.
fn losses(tally: &Tally) -> usize {
    tally.refused.len() + tally.broken.len()
}

#[test]
fn what_was_acknowledged_to_sqlite_survives_every_power_cut() {
    let Some(recorded) = recorded(StoreKind::Sqlite) else {
        return;
    };
    let tally = cuts(recorded, wanted(), &Kind::ALL, Syncs::All);
    assert_eq!(tally.whole, tally.images, "{tally}");
}

#[test]
fn what_was_acknowledged_to_sled_survives_every_power_cut() {
    let Some(recorded) = recorded(StoreKind::Sled) else {
        return;
    };
    let tally = cuts(recorded, wanted(), &Kind::ALL, Syncs::All);
    assert_eq!(losses(&tally), 0, "{tally}");
    // Noise in the file of our own, before it was first synced, is taken for somebody else's.
    for refused in &tally.refused_new {
        assert_eq!(
            (refused.kind, refused.error),
            (Kind::Noise, Some(StoreErrorKind::Foreign)),
            "{tally}"
        );
    }
    assert_eq!(tally.whole + tally.refused_new.len(), tally.images, "{tally}");
}

/// So that what is missed elsewhere is missed because of the cut.
#[test]
fn a_cut_that_loses_nothing_is_found_fine() {
    for kind in [StoreKind::Sqlite, StoreKind::Sled] {
        let Some(recorded) = recorded(kind) else { return };
        let tally = cuts(recorded, 24, &[Kind::Everything], Syncs::None);
        assert!(tally.images > 12, "{tally}");
        assert_eq!(tally.whole, tally.images, "{tally}");
    }
}

#[test]
fn the_model_ends_with_the_very_files_that_are_there() {
    for kind in [StoreKind::Sqlite, StoreKind::Sled] {
        let Some(recorded) = recorded(kind) else { return };
        let mut disk = Disk::new(&recorded.recording, Syncs::All);
        disk.play_to(recorded.recording.lines);
        let image = disk.image(Kind::Everything, 0);
        for (path, content) in &image.files {
            let found = fs::read(recorded.root().join(path)).unwrap();
            assert!(found == *content, "{} is another", path.display());
        }
        assert_eq!(image.files.len(), files(&recorded.root()), "{kind:?}");
    }
}

fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { files(&path) } else { 1 })
        .sum()
}

/// The model sees no write through memory. `SQLite` rebuilds the one such file after a crash (`walformat.html`, section 2).
#[test]
fn nothing_but_the_index_of_the_log_is_written_through_memory() {
    for (kind, expected) in [(StoreKind::Sqlite, &["users.db-shm"][..]), (StoreKind::Sled, &[])] {
        let Some(recorded) = recorded(kind) else { return };
        let mapped: BTreeSet<PathBuf> = recorded
            .recording
            .steps
            .iter()
            .filter_map(|step| match step.action {
                Action::Map { file } => recorded.recording.name_of(file),
                _ => None,
            })
            .collect();
        assert_eq!(mapped, expected.iter().map(PathBuf::from).collect(), "{kind:?}");
    }
}

/// The controls: a disk that takes fewer syncs for such must be found to lose what was acknowledged.
#[test]
fn a_store_whose_syncs_do_nothing_is_found_out() {
    for kind in [StoreKind::Sqlite, StoreKind::Sled] {
        let Some(recorded) = recorded(kind) else { return };
        for syncs in [Syncs::None, Syncs::LastAlone] {
            let tally = cuts(recorded, 24, &Kind::ALL, syncs);
            assert!(losses(&tally) > 0, "{kind:?}, {syncs:?}: {tally}");
        }
    }
}

#[test]
fn a_store_that_does_not_sync_its_folder_is_found_out() {
    for kind in [StoreKind::Sqlite, StoreKind::Sled] {
        let Some(recorded) = recorded(kind) else { return };
        let tally = cuts(recorded, 24, &Kind::ALL, Syncs::OfFiles);
        assert!(losses(&tally) > 0, "{kind:?}: {tally}");
    }
}

/// What the documentation of `issuer-sled` says: a transaction may be there without the file of its page.
#[test]
fn a_page_that_is_a_file_of_its_own_is_there_or_the_store_is_refused_as_damaged() {
    if !can_record() {
        return;
    }
    let recorded = Recorded::of_test("work_large_pages");
    println!("recorded large pages: {recorded}");
    let tally = cuts(&recorded, wanted() / 3, &Kind::ALL, Syncs::All);
    assert!(tally.broken.is_empty(), "{tally}");
    for refused in &tally.refused {
        assert_eq!(refused.error, Some(StoreErrorKind::Damaged), "{tally}");
    }
}

#[test]
#[ignore = "the work of a child process"]
fn work_large_pages() {
    large::work();
}
