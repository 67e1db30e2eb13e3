//! Issue while dead tokens are purged, beside issue on the same store while none are.

use std::sync::Arc;

use issuer_service::{Clock, SystemClock};
use issuer_store::Store;
use time::OffsetDateTime;

use super::{
    Context, counted,
    latency::{caveats, most},
};
use crate::{
    Result,
    backend::{BACKENDS, Backend},
    counted::Counted,
    host,
    measure::{OpenLoop, Outcome, Rounds, Spread},
    population::{self, Population, open_copy},
    report::{Budget, Section, Unit},
};

/// Longer than a dead token is kept.
const SHIFT: time::Duration = time::Duration::hours(2);

/// A clock that goes ahead, so that what died just now has been dead for long.
struct Ahead;

impl Clock for Ahead {
    fn now(&self) -> OffsetDateTime {
        SystemClock::default().now() + SHIFT
    }
}

pub(crate) fn measure(context: &Context<'_>) -> Result<Vec<Section>> {
    BACKENDS.into_iter().map(|backend| of(context, backend)).collect()
}

fn of(context: &Context<'_>, backend: Backend) -> Result<Section> {
    let users = *context
        .scale
        .users(backend)
        .last()
        .ok_or("no store to sweep: raise --most-users")?;
    let (population, _) = Population::build(backend, users, context.folder, &context.keys)?;
    let (_folder, store) = open_copy(&population, context.folder)?;
    // All over the store.
    let owner = |number: u64| number * 7_919 % users;
    population::bury(&*store, context.scale.swept, owner, &context.keys)?;
    let (store, counts) = Counted::new(store);
    let store: Arc<dyn Store> = Arc::new(store);
    let rate = {
        let tokens = host::service(Arc::clone(&store)).build()?;
        most(context, &tokens, &|| population.new_user())? / 2.0
    };
    let swept = counted(context.scale.swept, "dead token");
    let mut section = Section::new(format!(
        "Issue at half load while {swept} among {} are swept, {backend}",
        counted(users, "user")
    ));
    let mut rounds = Rounds::default();
    for round in 0..context.scale.sweep_rounds {
        for is_ahead in [false, true] {
            let name = if is_ahead {
                "during a sweep"
            } else {
                "without a sweep"
            };
            let before = counts.purged();
            // A service of its own, for one looks for dead rows soon after its start.
            let outcome = half_load(context, &population, Arc::clone(&store), is_ahead, rate, round)?;
            rounds.note(format!("{name}: p50"), outcome.latency.p50);
            rounds.note(format!("{name}: p99"), outcome.latency.p99);
            caveats(&mut section, &format!("half load {name}"), &outcome);
            if !is_ahead && counts.purged() > before {
                return Err("something was swept where nothing should be".into());
            }
        }
    }
    section.line("load", Unit::PerSecond, Some(Spread::once(rate)));
    for name in ["without a sweep", "during a sweep"] {
        section.line(
            format!("{name}: p50"),
            Unit::Seconds,
            rounds.spread(&format!("{name}: p50")),
        );
        let p99 = format!("{name}: p99");
        let line = section.line(p99.clone(), Unit::Seconds, rounds.spread(&p99));
        if let Some(line) = line.filter(|_| name == "during a sweep") {
            let ratio = rounds.ratio("during a sweep: p99", "without a sweep: p99");
            let budget = (backend == Backend::Sqlite).then_some(Budget::AtMost(1.5));
            line.beside("to p99 without a sweep", ratio, budget);
        }
    }
    section.note(format!(
        "{} were swept in the windows of {:.0} s that were measured.",
        counted(counts.purged(), "token"),
        context.scale.sweep_window.as_secs_f64()
    ));
    if counts.purged() == 0 {
        return Err("nothing was swept: the figures would say nothing".into());
    }
    Ok(section)
}

fn half_load(
    context: &Context<'_>,
    population: &Population,
    store: Arc<dyn Store>,
    is_ahead: bool,
    rate: f64,
    seed: u64,
) -> Result<Outcome> {
    let builder = host::service(store);
    let tokens = if is_ahead { builder.clock(Ahead) } else { builder }.build()?;
    let plan = OpenLoop {
        rate,
        window: context.scale.sweep_window,
        seed,
    };
    plan.run(context.runtime.handle(), |_| {
        let (tokens, user) = (tokens.clone(), population.new_user());
        async move {
            tokens.issue(user?).await?;
            Ok(())
        }
    })
}
