//! Durable issue: throughput against the number of callers, and how many of them share a sync.

use std::sync::Arc;

use issuer_service::TokenService;

use super::{Context, counted};
use crate::{
    Result,
    backend::{BACKENDS, Backend},
    counted::{Counted, Counts},
    floor::Overwrite,
    host::{self, ISSUER, SECRET},
    measure::{ClosedLoop, Rounds},
    peers::{Mutexed, SaToken},
    report::{Axis, AxisScale, Budget, Chart, Section, Series, Unit},
};

const FLOOR: &str = "4 KiB overwrite + fdatasync";
const MUTEX: &str = "mutex + rusqlite + jsonwebtoken";
const SA_TOKEN: &str = "sa-token-core (in memory)";

/// With so many callers the budgets of throughput are about.
const BUDGETED: usize = 64;

struct Ours {
    backend: Backend,
    tokens: TokenService,
    counts: Arc<Counts>,
}

pub(crate) fn measure(context: &Context<'_>) -> Result<Vec<Section>> {
    let folder = context.temporary()?;
    let floor = Overwrite::preallocated(&folder.path().join("floor"))?;
    let mutexed = Mutexed::open(&folder.path().join("mutex.db"), &SECRET, ISSUER)?;
    let sa_token = SaToken::with_jwt(&SECRET, context.runtime.handle().clone())?;
    let mut ours = Vec::new();
    for backend in BACKENDS {
        let (store, counts) = Counted::new(backend.open(folder.path())?);
        let tokens = host::service(Arc::new(store)).build()?;
        ours.push(Ours {
            backend,
            tokens,
            counts,
        });
    }
    let mut rounds = Rounds::default();
    for _ in 0..context.scale.rounds {
        for &callers in &context.scale.callers {
            let closed = |work: &(dyn Fn(usize) -> Result<bool> + Sync)| {
                let window = context.scale.window;
                ClosedLoop {
                    callers,
                    window,
                    work,
                }
                .rate()
            };
            rounds.note(of(FLOOR, callers), floor.rate(context.scale.window)?);
            for ours in &ours {
                let (slices, commits) = (ours.counts.slices(), ours.counts.commits());
                let rate = context.issue_rate(&ours.tokens, callers, &host::new_user)?;
                rounds.note(of(ours.backend.name(), callers), rate);
                let (slices, commits) = (ours.counts.slices() - slices, ours.counts.commits() - commits);
                rounds.note(syncs(ours.backend, callers), slices as f64 / commits as f64);
            }
            let rate = closed(&|_| {
                mutexed.issue(host::new_user()?.id().as_str())?;
                Ok(true)
            })?;
            rounds.note(of(MUTEX, callers), rate);
            let rate = closed(&|_| {
                sa_token.issue(host::new_user()?.id().as_str())?;
                Ok(true)
            })?;
            rounds.note(of(SA_TOKEN, callers), rate);
        }
    }
    Ok(vec![section(&context.scale.callers, &rounds)])
}

fn section(ladder: &[usize], rounds: &Rounds) -> Section {
    let mut section = Section::new("Durable issue against callers");
    for backend in BACKENDS {
        for &callers in ladder {
            throughput(&mut section, rounds, backend, callers);
        }
    }
    for name in [FLOOR, MUTEX, SA_TOKEN] {
        for &callers in ladder {
            let work = match name {
                FLOOR => format!(
                    "{FLOOR} by one caller, beside {}",
                    counted(callers as u64, "caller")
                ),
                name => of(name, callers),
            };
            section.line(work, Unit::PerSecond, rounds.spread(&of(name, callers)));
        }
    }
    for backend in BACKENDS {
        for &callers in ladder {
            let name = syncs(backend, callers);
            if let Some(line) = section.line(name.clone(), Unit::Times, rounds.spread(&name)) {
                line.budget =
                    (callers == BUDGETED && backend == Backend::Sqlite).then_some(Budget::AtMost(1.0 / 24.0));
            }
        }
    }
    section.note("A caller is a thread that issues to one new user after the other and waits for each.");
    section.note(
        "sa-token-core keeps its tokens in memory: nothing it issues outlives the process, so that its rate is no measure \
         of a durable one.",
    );
    section.note(
        "A sync is a slice of `Store::apply` that wrote at least one commit; each is one sync. The mutex version syncs \
         once a token.",
    );
    section.charts = vec![throughput_chart(ladder, rounds), syncs_chart(ladder, rounds)];
    section
}

fn throughput(section: &mut Section, rounds: &Rounds, backend: Backend, callers: usize) {
    let name = of(backend.name(), callers);
    let budget =
        |callers_of_it, budget| (callers == callers_of_it && backend == Backend::Sqlite).then_some(budget);
    let Some(line) = section.line(name.clone(), Unit::PerSecond, rounds.spread(&name)) else {
        return;
    };
    line.beside(
        "time a token to that of the floor",
        rounds.ratio(&of(FLOOR, callers), &name),
        budget(1, Budget::AtMost(2.0)),
    );
    line.beside(
        "rate to that of the mutex",
        rounds.ratio(&name, &of(MUTEX, callers)),
        budget(BUDGETED, Budget::AtLeast(8.0)),
    );
    line.beside(
        "rate to that of sa-token-core, which is not durable",
        rounds.ratio(&name, &of(SA_TOKEN, callers)),
        None,
    );
}

fn throughput_chart(ladder: &[usize], rounds: &Rounds) -> Chart {
    let name = |name: &str| {
        let label = if name == FLOOR {
            "floor: 4 KiB + fdatasync"
        } else {
            name
        };
        series(label, ladder, rounds, |callers| of(name, callers))
    };
    Chart {
        name: "throughput-callers".to_owned(),
        title: "Durable issue: tokens a second against callers".to_owned(),
        x: Axis::new("callers", Unit::Times, AxisScale::Log2),
        y: Axis::new(
            "tokens a second (floor: syncs a second)",
            Unit::Times,
            AxisScale::Log10,
        ),
        series: BACKENDS
            .iter()
            .map(|backend| backend.name())
            .chain([MUTEX, SA_TOKEN, FLOOR])
            .map(name)
            .collect(),
    }
}

fn syncs_chart(ladder: &[usize], rounds: &Rounds) -> Chart {
    let mut all: Vec<_> = BACKENDS
        .iter()
        .map(|backend| series(backend.name(), ladder, rounds, |callers| syncs(*backend, callers)))
        .collect();
    all.push(Series {
        name: MUTEX.to_owned(),
        points: ladder.iter().map(|callers| (*callers as f64, 1.0)).collect(),
    });
    Chart {
        name: "syncs-per-issue".to_owned(),
        title: "Syncs of the disk for each token".to_owned(),
        x: Axis::new("callers", Unit::Times, AxisScale::Log2),
        y: Axis::new("syncs a token", Unit::Times, AxisScale::Log10),
        series: all,
    }
}

fn series(label: &str, ladder: &[usize], rounds: &Rounds, key: impl Fn(usize) -> String) -> Series {
    Series {
        name: label.to_owned(),
        points: ladder
            .iter()
            .filter_map(|&callers| Some((callers as f64, rounds.spread(&key(callers))?.median)))
            .collect(),
    }
}

fn of(name: &str, callers: usize) -> String {
    format!("{name}, {}", counted(callers as u64, "caller"))
}

fn syncs(backend: Backend, callers: usize) -> String {
    format!("{backend}: syncs a token, {}", counted(callers as u64, "caller"))
}
