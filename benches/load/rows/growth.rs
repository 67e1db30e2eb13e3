//! What everything costs with a thousand users stored, and with ten millions.

mod subject;

use std::time::Duration;

use super::{Context, counted, opened::opened};
use crate::{
    Result,
    backend::{BACKENDS, Backend},
    floor::ScatteredPages,
    http::Server,
    machine::resident_bytes,
    measure::{Rounds, Spread},
    population::Population,
    report::{Axis, AxisScale, Budget, Chart, Line, Section, Series, Unit},
};
use subject::Subject;

const MILLION: u64 = 1_000_000;
const TEN_MILLIONS: u64 = 10 * MILLION;
const TEN_THOUSANDS: u64 = 10_000;

/// A store of no more than this is copied afresh for each round, for a round adds as many users as some of them have.
const MOST_COPIED_EACH_ROUND: u64 = 100_000;

pub(crate) fn measure(context: &Context<'_>) -> Result<Vec<Section>> {
    BACKENDS.into_iter().map(|backend| of(context, backend)).collect()
}

fn of(context: &Context<'_>, backend: Backend) -> Result<Section> {
    let mut section = Section::new(format!("Cost against stored users, {backend}"));
    let mut subjects = Vec::new();
    for &users in context.scale.users(backend) {
        let (population, took) = Population::build(backend, users, context.folder, &context.keys)?;
        if took > Duration::from_secs(1) {
            section.note(format!(
                "{} were built in {:.0} s.",
                counted(users, "user"),
                took.as_secs_f64()
            ));
        }
        subjects.push(Subject::new(population, context)?);
    }
    let mut rounds = Rounds::default();
    for round in 0..context.scale.rounds {
        for subject in &mut subjects {
            if round > 0 && subject.population.users <= MOST_COPIED_EACH_ROUND {
                *subject = Subject::new(subject.population.clone(), context)?;
            }
            subject.round(context, &mut rounds)?;
        }
    }
    for subject in subjects {
        let (population, folder) = subject.close();
        let users = population.users;
        for _ in 0..context.scale.rounds {
            let opened = opened(backend, folder.path(), users, context.scale.checks)?;
            rounds.note(key(backend, OPEN, users), opened.open_seconds);
            rounds.note(key(backend, RESIDENT_OPEN, users), opened.resident_after_open);
            rounds.note(
                key(backend, RESIDENT_CHECKED, users),
                opened.resident_after_checks,
            );
        }
        if context.scale.users(backend).last() == Some(&users) {
            let data = context.temporary()?;
            for _ in 0..context.scale.rounds {
                let store = backend.url(folder.path());
                let (server, seconds) = Server::first_answer(context.program()?, data.path(), &store)?;
                rounds.note(key(backend, SERVER_START, users), seconds);
                if let Some(bytes) = resident_bytes(server.process()) {
                    rounds.note(key(backend, SERVER_RESIDENT, users), bytes);
                }
            }
        }
    }
    lines(&mut section, backend, context.scale.users(backend), &rounds);
    section.note(
        "Users are stored in the order of their ids; those who are issued to and checked are drawn at random, and new ones \
         have ids between the others. Checks are of one caller, issues and revocations of 64. What a round writes is in a \
         copy of the store.",
    );
    if backend == Backend::Sqlite {
        section.note(
            "The floor of a check is one prepared statement on the same file that reads the token and its user by their \
             keys, on a connection with as much cache as a reader has.",
        );
        section.note(format!(
            "The floor of an issue to a new user of the largest store is a page of the index over the ids, anywhere in it: \
             2 KiB overwritten at random in a copy of the file, a sync for {} of them.",
            ScatteredPages::SYNCED_AT_ONCE
        ));
    }
    section
        .charts
        .push(chart(backend, context.scale.users(backend), &rounds));
    Ok(section)
}

const ISSUE: &str = "issue, 64 callers";
const REVOKE: &str = "revoke all, 64 callers";
const CHECK: &str = "live check";
const SELECT: &str = "bare SELECT";
const PAGES: &str = "overwrite of pages here and there";
const OPEN: &str = "open";
const RESIDENT_OPEN: &str = "resident after open";
const RESIDENT_CHECKED: &str = "resident after checks";
const SERVER_START: &str = "server: start to first answer";
const SERVER_RESIDENT: &str = "server: resident at rest";

fn key(backend: Backend, work: &str, users: u64) -> String {
    format!("{backend}: {work}, {}", counted(users, "user"))
}

/// A line for each work and number of users, of which some have budgets.
fn lines(section: &mut Section, backend: Backend, ladder: &[u64], rounds: &Rounds) {
    let works = [
        (ISSUE, Unit::Seconds),
        (REVOKE, Unit::Seconds),
        (CHECK, Unit::Seconds),
        (SELECT, Unit::Seconds),
        (PAGES, Unit::Seconds),
        (OPEN, Unit::Seconds),
        (RESIDENT_OPEN, Unit::Bytes),
        (RESIDENT_CHECKED, Unit::Bytes),
        (SERVER_START, Unit::Seconds),
        (SERVER_RESIDENT, Unit::Bytes),
    ];
    for (work, unit) in works {
        for &users in ladder {
            let name = key(backend, work, users);
            let Some(spread) = rounds.spread(&name) else {
                continue;
            };
            let shown = match work {
                ISSUE | REVOKE | PAGES => section.line(name, Unit::PerSecond, Some(inverse(spread))),
                _ => section.line(name, unit, Some(spread)),
            };
            if let Some(line) = shown {
                compare(line, backend, work, users, rounds);
            }
        }
    }
}

fn compare(line: &mut Line, backend: Backend, work: &str, users: u64, rounds: &Rounds) {
    let sqlite = |budget| (backend == Backend::Sqlite).then_some(budget);
    let at = |work: &str, users| key(backend, work, users);
    match (work, users) {
        (ISSUE, _) if users > TEN_THOUSANDS => {
            // Of rates, so the other way round.
            let ratio = rounds.ratio(&at(ISSUE, TEN_THOUSANDS), &at(ISSUE, users));
            let budget = (users == TEN_MILLIONS).then_some(Budget::AtLeast(0.7));
            line.beside("rate to that with 10,000 users", ratio, budget.and_then(sqlite));
            let to_floor = rounds.ratio(&at(PAGES, users), &at(ISSUE, users));
            line.beside("rate to that of pages overwritten", to_floor, None);
        }
        (CHECK, _) => {
            let budget = (users == MILLION).then_some(Budget::AtMost(1.5));
            let ratio = rounds.ratio(&at(CHECK, users), &at(SELECT, users));
            line.beside("time to that of the bare SELECT", ratio, budget.and_then(sqlite));
            if users == TEN_MILLIONS {
                let ratio = rounds.ratio(&at(CHECK, users), &at(CHECK, MILLION));
                line.beside(
                    "time to that with 1,000,000 users",
                    ratio,
                    sqlite(Budget::AtMost(2.0)),
                );
            }
        }
        (OPEN, TEN_MILLIONS) => line.budget = sqlite(Budget::AtMost(0.1)),
        (RESIDENT_OPEN | RESIDENT_CHECKED | SERVER_RESIDENT, TEN_MILLIONS) => {
            line.budget = sqlite(Budget::AtMost(f64::from(200 << 20)));
        }
        (SERVER_START, _) => line.budget = sqlite(Budget::AtMost(0.3)),
        _ => {}
    }
}

/// Of times, the rates.
fn inverse(times: Spread) -> Spread {
    Spread {
        lower: 1.0 / times.upper,
        median: 1.0 / times.median,
        upper: 1.0 / times.lower,
    }
}

fn chart(backend: Backend, ladder: &[u64], rounds: &Rounds) -> Chart {
    let series = [ISSUE, REVOKE, CHECK, SELECT, OPEN].map(|work| Series {
        name: work.to_owned(),
        points: ladder
            .iter()
            .filter_map(|&users| Some((users as f64, rounds.spread(&key(backend, work, users))?.median)))
            .collect(),
    });
    Chart {
        name: format!("cost-users-{}", backend.name().to_lowercase()),
        title: format!("{backend}: time a call against stored users"),
        x: Axis::new("stored users", Unit::Times, AxisScale::Log10),
        y: Axis::new(
            "time a call (of 64 callers: 1 / throughput)",
            Unit::Seconds,
            AxisScale::Log10,
        ),
        series: series
            .into_iter()
            .filter(|series| !series.points.is_empty())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_an_issue_at_ten_millions_is_held_against_that_at_ten_thousand() {
        let mut rounds = Rounds::default();
        rounds.note(key(Backend::Sqlite, ISSUE, TEN_THOUSANDS), 0.001);
        rounds.note(key(Backend::Sqlite, ISSUE, TEN_MILLIONS), 0.002);
        let mut section = Section::new("growth");
        lines(
            &mut section,
            Backend::Sqlite,
            &[TEN_THOUSANDS, TEN_MILLIONS],
            &rounds,
        );
        let table = section.to_string();
        // Half the rate: the budget is seven tenths.
        assert!(
            table.contains("| 500/s | rate to that with 10,000 users | 0.50 | at least 0.70 | **no** |"),
            "{table}"
        );
    }
}
