//! A user with many dead tokens behind, beside one with hardly any.

use std::time::Instant;

use issuer::user::{NewUser, UserId};
use issuer_service::TokenService;

use super::{Context, counted};
use crate::{
    Result,
    backend::{BACKENDS, Backend},
    host,
    measure::Rounds,
    peers::SaToken,
    population,
    report::{Budget, Section, Unit},
};

const CALLS: [&str; 3] = ["issue", "check", "revoke all"];

/// Checks of a cycle: one is too short for the clock.
const CHECKS: u32 = 20;

/// As good as the same: the difference of two medians on a machine with a mood.
const SAME: Budget = Budget::AtMost(1.1);

pub(crate) fn measure(context: &Context<'_>) -> Result<Vec<Section>> {
    let mut rounds = Rounds::default();
    let cycles = context.scale.cycles;
    for backend in BACKENDS {
        let folder = context.temporary()?;
        let store = backend.open(folder.path())?;
        // User 0 is the one with the past; each other is asked for once.
        for number in 0..=cycles {
            store.apply(&[population::commit(number, &context.keys)])?;
        }
        // They died just now: too early for a sweep to take them.
        population::bury(&*store, context.scale.dead_tokens, |_| 0, &context.keys)?;
        let tokens = host::service(store).build()?;
        for number in 0..=cycles {
            tokens.blocking().revoke_all(&population::user(number))?;
        }
        for number in 1..=cycles {
            cycle(
                &tokens,
                &population::user(0),
                &mut rounds,
                &format!("{backend} many"),
            )?;
            cycle(
                &tokens,
                &population::user(number),
                &mut rounds,
                &format!("{backend} one"),
            )?;
        }
    }
    peer(context, &mut rounds)?;

    let many = counted(context.scale.dead_tokens, "dead token");
    let mut section = Section::new(format!("A user with {many}"));
    for backend in BACKENDS {
        for call in CALLS {
            let (with, without) = (format!("{backend} many {call}"), format!("{backend} one {call}"));
            if let Some(line) =
                section.line(format!("{backend}: {call}"), Unit::Seconds, rounds.spread(&with))
            {
                let budget = (backend == Backend::Sqlite).then_some(SAME);
                line.beside(
                    "time to that of a user with one",
                    rounds.ratio(&with, &without),
                    budget,
                );
            }
        }
    }
    let peer_many = counted(context.scale.dead_tokens_peer, "earlier token");
    for call in CALLS {
        let (with, without) = (format!("peer many {call}"), format!("peer one {call}"));
        let work = format!("sa-token-core (in memory), {peer_many}: {call}");
        if let Some(line) = section.line(work, Unit::Seconds, rounds.spread(&with)) {
            line.beside(
                "time to that of a user with none",
                rounds.ratio(&with, &without),
                None,
            );
        }
    }
    section.note(
        "sa-token-core keeps no dead token: its user has never logged out, and has fewer tokens than ours, for each login \
         reads and writes the list of all.",
    );
    Ok(vec![section])
}

fn cycle(tokens: &TokenService, user: &UserId, rounds: &mut Rounds, whose: &str) -> Result<()> {
    let start = Instant::now();
    let issued = tokens.blocking().issue(NewUser::new(user.as_str())?)?;
    rounds.note(format!("{whose} issue"), start.elapsed().as_secs_f64());
    let start = Instant::now();
    for _ in 0..CHECKS {
        tokens.blocking().authenticate(issued.token())?;
    }
    rounds.note(
        format!("{whose} check"),
        start.elapsed().as_secs_f64() / f64::from(CHECKS),
    );
    let start = Instant::now();
    tokens.blocking().revoke_all(user)?;
    rounds.note(format!("{whose} revoke all"), start.elapsed().as_secs_f64());
    Ok(())
}

fn peer(context: &Context<'_>, rounds: &mut Rounds) -> Result<()> {
    let peer = SaToken::with_random_text(context.runtime.handle().clone())?;
    for _ in 0..context.scale.dead_tokens_peer {
        peer.issue("many")?;
    }
    for cycle in 0..context.scale.rounds {
        for (whose, user) in [("many", "many".to_owned()), ("one", format!("one{cycle}"))] {
            let start = Instant::now();
            let token = peer.issue(&user)?;
            rounds.note(format!("peer {whose} issue"), start.elapsed().as_secs_f64());
            let start = Instant::now();
            for _ in 0..CHECKS {
                peer.check(&token)?;
            }
            rounds.note(
                format!("peer {whose} check"),
                start.elapsed().as_secs_f64() / f64::from(CHECKS),
            );
        }
    }
    // Once: it leaves nothing to be revoked again.
    for (whose, user) in [("many", "many"), ("one", "one0")] {
        let start = Instant::now();
        peer.revoke_all(user)?;
        rounds.note(format!("peer {whose} revoke all"), start.elapsed().as_secs_f64());
    }
    Ok(())
}
