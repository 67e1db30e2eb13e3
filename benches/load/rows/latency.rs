//! How long a token takes, at a quarter, a half and three quarters of what goes through.

use std::{path::Path, sync::Arc};

use issuer::user::NewUser;
use issuer_service::TokenService;

use super::Context;
use crate::{
    Result,
    backend::{BACKENDS, Backend, checkpoints},
    host,
    measure::{OpenLoop, Outcome, Percentiles, Spread},
    report::{Axis, AxisScale, Budget, Chart, Quantity, Section, Series, Unit},
};

const HALF: &str = "50 %";
const SHARES: [(f64, &str); 3] = [(0.25, "25 %"), (0.5, HALF), (0.75, "75 %")];

pub(crate) fn measure(context: &Context<'_>) -> Result<Vec<Section>> {
    BACKENDS.into_iter().map(|backend| of(context, backend)).collect()
}

fn of(context: &Context<'_>, backend: Backend) -> Result<Section> {
    let folder = context.temporary()?;
    let tokens = host::service(backend.open(folder.path())?).build()?;
    let most = most(context, &tokens, &host::new_user)?;
    let mut section = Section::new(format!("Latency of a durable issue against load, {backend}"));
    section.line(
        "most that goes through, 64 callers",
        Unit::PerSecond,
        Some(Spread::once(most)),
    );
    let mut measured = Vec::new();
    for (seed, (share, name)) in (1..).zip(SHARES) {
        let before = log_sequence(backend, folder.path());
        let outcome = open_loop(context, &tokens, most * share, seed)?;
        let after = log_sequence(backend, folder.path());
        line(&mut section, name, &outcome, backend);
        if let Some((before, after)) = before.zip(after) {
            section.note(format!(
                "At {name}: {} checkpoints that began the log anew.",
                after.wrapping_sub(before)
            ));
        }
        caveats(&mut section, name, &outcome);
        measured.push((share * 100.0, outcome.latency));
    }
    section.note(
        "Arrivals are scheduled, at random and independently of the answers; a latency begins when its request was due. \
         The share is of the most that goes through.",
    );
    section.charts.push(chart(backend, &measured));
    Ok(section)
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

fn open_loop(context: &Context<'_>, tokens: &TokenService, rate: f64, seed: u64) -> Result<Outcome> {
    let plan = OpenLoop {
        rate,
        window: context.scale.latency_window,
        seed,
    };
    let tokens = Arc::new(tokens.clone());
    plan.run(context.runtime.handle(), |_| {
        let tokens = Arc::clone(&tokens);
        async move {
            tokens.issue(host::new_user()?).await?;
            Ok(())
        }
    })
}

fn line(section: &mut Section, name: &str, outcome: &Outcome, backend: Backend) {
    let latency = outcome.latency;
    let Some(line) = section.line(
        format!("at {name} of it: p50"),
        Unit::Seconds,
        Some(Spread::once(latency.p50)),
    ) else {
        return;
    };
    for (percentile, value) in latency.named().into_iter().skip(1) {
        let is_budgeted = percentile == "p99.9" && name == HALF && backend == Backend::Sqlite;
        line.beside(
            format!("{percentile} ({}) to p50", Quantity(value, Unit::Seconds)),
            Some(Spread::once(value / latency.p50)),
            is_budgeted.then_some(Budget::AtMost(10.0)),
        );
    }
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

fn chart(backend: Backend, measured: &[(f64, Percentiles)]) -> Chart {
    let series = (0..5).filter_map(|which| {
        let at = |percentiles: &Percentiles| percentiles.named().into_iter().nth(which);
        let (name, _) = measured.first().and_then(|(_, percentiles)| at(percentiles))?;
        let points = measured
            .iter()
            .filter_map(|(load, percentiles)| Some((*load, at(percentiles)?.1)));
        Some(Series {
            name: name.to_owned(),
            points: points.collect(),
        })
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
        // The longest first, as the lines lie.
        series: series.collect::<Vec<_>>().into_iter().rev().collect(),
    }
}
