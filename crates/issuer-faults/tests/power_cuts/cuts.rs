//! Power cuts at many moments of a recording, and what each of them leaves.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
};

use issuer_conformance::{
    fixture::{creating, issued},
    probe::{applied, snapshot},
};
use issuer_faults::{
    disk::{Disk, Image, Syncs},
    fate::Kind,
};
use issuer_store::{Store, StoreErrorKind};

use crate::{
    kind::StoreKind,
    owed::Owed,
    record::{Recorded, in_memory},
};

/// Which cuts are made.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// At how many moments.
    pub(crate) cuts: usize,
    /// What becomes of what was not synced: an image each.
    pub(crate) kinds: &'static [Kind],
    /// Which syncs the disk takes for such.
    pub(crate) syncs: Syncs,
    pub(crate) seed: u64,
}

/// What was found.
#[derive(Default)]
pub(crate) struct Tally {
    /// Moments at which the power was cut.
    pub(crate) cuts: usize,
    /// Folders that differed in what was in them or in what was owed.
    pub(crate) images: usize,
    /// Folders that held all that was acknowledged.
    pub(crate) whole: usize,
    /// Folders that were refused, before anything had been acknowledged.
    pub(crate) refused_new: Vec<Finding>,
    /// Folders that were refused later.
    pub(crate) refused: Vec<Finding>,
    /// Folders that were opened and held less, or something else.
    pub(crate) broken: Vec<Finding>,
}

/// One image, and what is wrong with it.
pub(crate) struct Finding {
    pub(crate) line: usize,
    pub(crate) kind: Kind,
    pub(crate) error: Option<StoreErrorKind>,
    pub(crate) what: String,
}

enum Verdict {
    Whole,
    Refused(StoreErrorKind, String),
    Broken(String),
}

/// Cuts that are looked at by one thread one after the other: neighbours often leave the same.
const NEIGHBOURS: usize = 16;

pub(crate) fn cut(recorded: &Recorded, plan: Plan) -> Tally {
    let all = Disk::new(&recorded.recording, plan.syncs).cuts();
    let wanted = plan.cuts.min(all.len());
    let lines: Vec<usize> = (1..=wanted)
        .map(|cut| all[cut * all.len() / wanted - 1])
        .collect();
    // sled sleeps for most of an opening and a closing.
    let threads = 3 * thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|number| {
                let mine = lines
                    .chunks(NEIGHBOURS)
                    .skip(number)
                    .step_by(threads)
                    .flatten()
                    .copied()
                    .collect();
                scope.spawn(move || cut_at(recorded, plan, mine))
            })
            .collect();
        let tallies = workers.into_iter().map(|worker| worker.join().unwrap());
        tallies.fold(Tally::default(), Tally::and)
    })
}

fn cut_at(recorded: &Recorded, plan: Plan, lines: Vec<usize>) -> Tally {
    let mut disk = Disk::new(&recorded.recording, plan.syncs);
    let mut owed = recorded.owed.clone();
    let mut read = 0;
    let mut closed = recorded.closed.iter().copied().peekable();
    let mut tally = Tally::default();
    let mut seen = HashSet::new();
    for line in lines {
        while let Some(closed) = closed.next_if(|closed| *closed <= line) {
            disk.play_to(closed);
            read_on(&mut owed, &mut read, &disk);
            forget_what_was_purged(&mut owed, recorded.kind, &disk);
        }
        disk.play_to(line);
        read_on(&mut owed, &mut read, &disk);
        tally.cuts += 1;
        for kind in plan.kinds {
            let salt = plan.seed ^ (line as u64).rotate_left(24);
            let image = disk.image(*kind, salt);
            if seen.insert((image.fingerprint(), disk.printed().len())) {
                // A second opening takes as long as the first.
                let openings = if tally.images % 4 == 0 { 2 } else { 1 };
                let verdict = check(recorded.kind, &image, &owed, openings);
                tally.images += 1;
                tally.enter(line, *kind, &owed, verdict);
            }
        }
    }
    tally
}

fn read_on(owed: &mut Owed, read: &mut usize, disk: &Disk<'_>) {
    owed.read(&disk.printed()[*read..]);
    *read = disk.printed().len();
}

/// As of a moment at which the store was closed, and nothing was left open.
fn forget_what_was_purged(owed: &mut Owed, kind: StoreKind, disk: &Disk<'_>) {
    let folder = in_memory();
    disk.image(Kind::Everything, 0).write_into(folder.path()).unwrap();
    let store = kind.open(folder.path()).unwrap();
    owed.check(&*store).unwrap();
}

/// Opens the store that is found there, and holds it to what is owed.
fn check(kind: StoreKind, image: &Image, owed: &Owed, openings: usize) -> Verdict {
    let folder = in_memory();
    image.write_into(folder.path()).unwrap();
    let checked = catch_unwind(AssertUnwindSafe(|| {
        check_folder(kind, folder.path(), owed, openings)
    }));
    checked.unwrap_or_else(|_| Verdict::Broken("it panicked".to_owned()))
}

/// What was found stays there in the next openings, and what is written goes beside it.
fn check_folder(kind: StoreKind, root: &Path, owed: &Owed, openings: usize) -> Verdict {
    let mut owed = owed.clone();
    let name = "after the cut";
    for time in 0..openings {
        let store = match kind.open(root) {
            Ok(store) => store,
            Err(error) => return Verdict::Refused(error.kind(), error.to_string()),
        };
        if let Err(breach) = owed.check(&*store) {
            return Verdict::Broken(format!("opening {time}: {breach}"));
        }
        if time == 0 {
            applied(&*store, [creating(name, 1).token(issued(name))]);
        }
        if snapshot(&*store, name).tokens != [issued(name)] {
            return Verdict::Broken("what was written after the cut is lost".to_owned());
        }
        if let Err(what) = read_all(&*store) {
            return Verdict::Broken(what);
        }
    }
    match kind.look_over(root) {
        Ok(()) => Verdict::Whole,
        Err(what) => Verdict::Broken(what),
    }
}

fn read_all(store: &dyn Store) -> Result<(), String> {
    let export = store.export(None, 1_000_000).map_err(|error| error.to_string())?;
    if export.rows.is_empty() {
        Err("an export is empty".to_owned())
    } else {
        Ok(())
    }
}

impl Tally {
    fn enter(&mut self, line: usize, kind: Kind, owed: &Owed, verdict: Verdict) {
        let of = |error, what| Finding {
            line,
            kind,
            error,
            what,
        };
        match verdict {
            Verdict::Whole => self.whole += 1,
            Verdict::Refused(error, what) if owed.acknowledged() == 0 => {
                self.refused_new.push(of(Some(error), what));
            }
            Verdict::Refused(error, what) => self.refused.push(of(Some(error), what)),
            Verdict::Broken(what) => self.broken.push(of(None, what)),
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.cuts += other.cuts;
        self.images += other.images;
        self.whole += other.whole;
        self.refused_new.extend(other.refused_new);
        self.refused.extend(other.refused);
        self.broken.extend(other.broken);
        self
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} cuts, {} images: {} whole, {} refused before anything was acknowledged, {} refused later, {} broken",
            self.cuts,
            self.images,
            self.whole,
            self.refused_new.len(),
            self.refused.len(),
            self.broken.len()
        )?;
        for (title, findings) in [
            ("refused before", &self.refused_new),
            ("refused", &self.refused),
            ("broken", &self.broken),
        ] {
            let mut kinds: BTreeMap<String, (usize, &Finding)> = BTreeMap::new();
            for finding in findings {
                let key = format!("{:?} {:?}", finding.kind, finding.error);
                kinds.entry(key).or_insert((0, finding)).0 += 1;
            }
            for (key, (count, first)) in kinds {
                writeln!(
                    f,
                    "  {title}: {key}: {count}, first at {}: {}",
                    first.line, first.what
                )?;
            }
        }
        Ok(())
    }
}
