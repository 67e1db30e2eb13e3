//! How long a token takes, at a quarter, a half and three quarters of what goes through.

use std::path::Path;

use issuer::user::NewUser;
use issuer_service::TokenService;

use super::Context;
use crate::{
    Result,
    backend::{BACKENDS, Backend, checkpoints},
    floor::{Overwrite, SharedSync},
    host,
    measure::{OpenLoop, Outcome, P50, P999, PERCENTILES, Rounds, Spread},
    report::{Axis, AxisScale, Budget, Chart, Quantity, Section, Series, Unit},
};

const HALF: &str = "50 %";
const SHARES: [(f64, &str); 3] = [(0.25, "25 %"), (0.5, HALF), (0.75, "75 %")];

pub(crate) fn measure(context: &Context<'_>) -> Result<Vec<Section>> {
    BACKENDS.into_iter().map(|backend| of(context, backend)).collect()
}

/// What is measured at each load.
const ISSUE: &str = "issue";
/// The same arrivals, with nothing to do but to be durable.
const FLOOR: &str = "floor";

fn of(context: &Context<'_>, backend: Backend) -> Result<Section> {
    let folder = context.temporary()?;
    let tokens = host::service(backend.open(folder.path())?).build()?;
    let floor = SharedSync::start(Overwrite::preallocated(&folder.path().join("floor"))?);
    let most = most(context, &tokens, &host::new_user)?;
    let mut section = Section::new(format!("Latency of a durable issue against load, {backend}"));
    section.line(
        "most that goes through, 64 callers",
        Unit::PerSecond,
        Some(Spread::once(most)),
    );
    let before = log_sequence(backend, folder.path());
    let mut rounds = Rounds::default();
    for round in 0..context.scale.latency_rounds {
        for (seed, (share, load)) in (round * 3..).zip(SHARES) {
            let plan = OpenLoop {
                rate: most * share,
                window: context.scale.latency_window,
                seed,
            };
            let issued = plan.run(context.runtime.handle(), |_| issue(tokens.clone()))?;
            caveats(&mut section, load, &issued);
            note(&mut rounds, ISSUE, load, &issued);
            let synced = plan.run(context.runtime.handle(), |_| floor.write())?;
            caveats(&mut section, &format!("{load}, the floor"), &synced);
            note(&mut rounds, FLOOR, load, &synced);
        }
    }
    for (_, load) in SHARES {
        lines(&mut section, load, backend, &rounds);
    }
    if let Some((before, after)) = before.zip(log_sequence(backend, folder.path())) {
        section.note(format!(
            "The log was begun anew {} times, each after it had been copied.",
            after.wrapping_sub(before)
        ));
    }
    section.note(
        "Arrivals are scheduled, at random and independently of the answers; a latency begins when its request was due. \
         The share is of the most that goes through. The floor has the same arrivals, each answered after an overwrite of \
         4 KiB and a sync that it shares with all who waited for it.",
    );
    section.charts.push(chart(backend, &rounds));
    Ok(section)
}

async fn issue(tokens: TokenService) -> Result<()> {
    tokens.issue(host::new_user()?).await?;
    Ok(())
}

fn key(what: &str, load: &str, percentile: &str) -> String {
    format!("{what} at {load}: {percentile}")
}

fn note(rounds: &mut Rounds, what: &str, load: &str, outcome: &Outcome) {
    for (percentile, seconds) in outcome.latency.named() {
        rounds.note(key(what, load, percentile), seconds);
    }
}

/// Issues a second of 64 callers: the median of three windows.
pub(super) fn most(
    context: &Context<'_>,
    tokens: &TokenService,
    new_user: &(dyn Fn() -> Result<NewUser> + Sync),
) -> Result<f64> {
    let mut rates = Vec::new();
    for _ in 0..3 {
        rates.push(context.issue_rate(tokens, 64, new_user)?);
    }
    Ok(Spread::of(rates).ok_or("nothing was measured")?.median)
}

fn lines(section: &mut Section, load: &str, backend: Backend, rounds: &Rounds) {
    let at = |what, percentile| key(what, load, percentile);
    let Some(line) = section.line(
        format!("at {load} of it: {P50}"),
        Unit::Seconds,
        rounds.spread(&at(ISSUE, P50)),
    ) else {
        return;
    };
    for percentile in PERCENTILES.into_iter().filter(|percentile| *percentile != P50) {
        let Some(seconds) = rounds.spread(&at(ISSUE, percentile)) else {
            continue;
        };
        let is_budgeted = percentile == P999 && load == HALF && backend == Backend::Sqlite;
        line.beside(
            format!(
                "{percentile} ({}) to p50",
                Quantity(seconds.median, Unit::Seconds)
            ),
            rounds.ratio(&at(ISSUE, percentile), &at(ISSUE, P50)),
            is_budgeted.then_some(Budget::AtMost(10.0)),
        );
    }
    let Some(line) = section.line(
        format!("at {load} of it, floor: {P999}"),
        Unit::Seconds,
        rounds.spread(&at(FLOOR, P999)),
    ) else {
        return;
    };
    line.beside(
        "to p50 of an issue",
        rounds.ratio(&at(FLOOR, P999), &at(ISSUE, P50)),
        None,
    );
    line.beside(
        "p99.9 of an issue to it",
        rounds.ratio(&at(ISSUE, P999), &at(FLOOR, P999)),
        None,
    );
}

/// What makes the latencies worth less, or nothing.
pub(super) fn caveats(section: &mut Section, name: &str, outcome: &Outcome) {
    if outcome.pace.lags() {
        section.note(format!(
            "**At {name} the generator lagged**: {:.1} % of {} arrivals came late. These figures say more of the machine \
             than of the service.",
            outcome.pace.late_percent(),
            outcome.pace.arrivals
        ));
    }
    if outcome.failed > 0 {
        section.note(format!(
            "**At {name} {} of {} requests were refused**; their latencies are not counted.",
            outcome.failed, outcome.pace.arrivals
        ));
    }
}

fn log_sequence(backend: Backend, folder: &Path) -> Option<u32> {
    (backend == Backend::Sqlite)
        .then(|| checkpoints(folder).ok())
        .flatten()
}

fn chart(backend: Backend, rounds: &Rounds) -> Chart {
    // The longest first, as the lines lie.
    let issued = PERCENTILES
        .into_iter()
        .rev()
        .map(|percentile| (ISSUE, percentile));
    let series = issued.chain([(FLOOR, P999)]).filter_map(|(what, percentile)| {
        let points: Vec<_> = SHARES
            .into_iter()
            .filter_map(|(share, load)| {
                let spread = rounds.spread(&key(what, load, percentile))?;
                Some((share * 100.0, spread.median))
            })
            .collect();
        let name = if what == FLOOR {
            format!("{FLOOR}: {percentile}")
        } else {
            percentile.to_owned()
        };
        (!points.is_empty()).then_some(Series { name, points })
    });
    Chart {
        name: format!("latency-load-{}", backend.name().to_lowercase()),
        title: format!("Durable issue on {backend}: latency against load"),
        x: Axis::new(
            "load, percent of the most that goes through",
            Unit::Times,
            AxisScale::Linear,
        ),
        y: Axis::new("latency", Unit::Seconds, AxisScale::Log10),
        series: series.collect(),
    }
}
