//! A new user and a token, on the disk before the caller hears of it.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{
        Once,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, measurement::WallTime};
use issuer::user::NewUser;
use issuer_service::TokenService;
use issuer_sqlite::SqliteStore;

use crate::{
    mutexed::Mutexed,
    peer::jsonwebtoken::{self as peer, BackEnd},
    table::{Against, Group},
    token::{self, ISSUER},
};

pub(crate) const GROUP: Group = Group {
    name: "issue_durable",
    floor: "fdatasync",
    what: "issue a token for a new user, SQLite with synchronous=FULL, time a token; floor: overwrite of 4 KiB and fdatasync by one caller",
    variants: &[
        "issuer-1-caller",
        "mutex-1-caller",
        "issuer-64-callers",
        "mutex-64-callers",
    ],
    against: &[
        Against {
            ours: "issuer-1-caller",
            peer: "mutex-1-caller",
        },
        Against {
            ours: "issuer-64-callers",
            peer: "mutex-64-callers",
        },
    ],
};

const PAGE_BYTES: usize = 4_096;
/// A sample that takes longer will never end.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// No user is issued to twice: each would be a conflict.
static NEXT_USER: AtomicU64 = AtomicU64::new(0);

pub(crate) fn bench(criterion: &mut Criterion) {
    // Under `target/`, which is on a disk; `/tmp` may be none.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let file = preallocated(&folder.path().join("floor")).expect("a file");
    let store = SqliteStore::open(folder.path().join("issuer.db")).expect("a store");
    let tokens = TokenService::builder(store, token::keys()).issuer(ISSUER).build();
    let tokens = tokens.expect("a service");
    let mutex = Mutexed::open(&folder.path().join("mutex.db"), &token::SECRET, ISSUER).expect("a database");
    peer::choose(BackEnd::AwsLcRs);
    let issue = |user: &str| {
        let user = NewUser::new(user).expect("a valid id");
        let issued = tokens.blocking().issue(user).expect("issues");
        issued.token().len()
    };
    let issue_mutexed = |user: &str| mutex.issue(user).expect("issues").len();

    let mut group = criterion.benchmark_group(GROUP.name);
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        // Until the log of either side has grown to its size: after that, no commit lets it grow.
        .warm_up_time(Duration::from_millis(150))
        .measurement_time(Duration::from_millis(150))
        .throughput(Throughput::Elements(1));
    group.bench_function(GROUP.floor, |bencher| {
        let mut page = [0; PAGE_BYTES];
        bencher.iter(|| {
            page[0] = u8::wrapping_add(page[0], 1);
            file.write_all_at(&page, 0).expect("writes");
            file.sync_data().expect("syncs");
        });
    });
    callers(&mut group, "issuer-1-caller", 1, &issue);
    callers(&mut group, "mutex-1-caller", 1, &issue_mutexed);
    callers(&mut group, "issuer-64-callers", 64, &issue);
    callers(&mut group, "mutex-64-callers", 64, &issue_mutexed);
    group.finish();
}

/// A file whose blocks are on the disk already, so that overwriting one writes no metadata.
fn preallocated(path: &Path) -> io::Result<File> {
    let file = File::create_new(path)?;
    file.write_all_at(&vec![0; 64 * PAGE_BYTES], 0)?;
    file.sync_all()?;
    Ok(file)
}

/// Time a token, where this many threads issue one after the other, before, during and after each sample: to start and to
/// end them costs more than a token.
fn callers(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    callers: usize,
    issue: &(impl Fn(&str) -> usize + Sync),
) {
    let (issued, load) = (AtomicU64::new(0), Load::default());
    thread::scope(|scope| {
        let _end = load.end_on_drop();
        // With the first sample, so that a row that is filtered out loads nothing.
        let start = Once::new();
        group.bench_function(name, |bencher| {
            start.call_once(|| {
                for _ in 0..callers {
                    scope.spawn(|| {
                        while load.goes_on() {
                            let user = NEXT_USER.fetch_add(1, Ordering::Relaxed);
                            assert_ne!(issue(&format!("user{user:012}")), 0);
                            issued.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            bencher.iter_custom(|tokens| time_of(tokens, &issued));
        });
    });
}

/// How long this many tokens took: so many at least are waited for.
fn time_of(tokens: u64, issued: &AtomicU64) -> Duration {
    let (before, started) = (issued.load(Ordering::Relaxed), Instant::now());
    loop {
        thread::sleep(Duration::from_micros(500));
        let (more, elapsed) = (issued.load(Ordering::Relaxed) - before, started.elapsed());
        if more >= tokens {
            return elapsed.div_f64(more as f64 / tokens as f64);
        }
        assert!(elapsed < MAX_WAIT, "{more} of {tokens} tokens in {elapsed:?}");
    }
}

/// Whether the callers go on.
#[derive(Default)]
struct Load(AtomicBool);

struct EndOnDrop<'a>(&'a Load);

impl Load {
    fn goes_on(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }

    /// Also where the measurement panics: the callers would be waited for for ever.
    const fn end_on_drop(&self) -> EndOnDrop<'_> {
        EndOnDrop(self)
    }
}

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}
