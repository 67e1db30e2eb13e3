//! The server at its start and at rest.

use std::{thread, time::Duration};

use super::Context;
use crate::{
    Result,
    backend::BACKENDS,
    http::Server,
    machine::resident_bytes,
    measure::Rounds,
    report::{Budget, Section, Unit},
};

/// By then what a start leaves to be done is done.
const REST: Duration = Duration::from_millis(300);

pub(crate) fn measure(context: &Context<'_>) -> Result<Vec<Section>> {
    let program = context.program()?;
    let mut rounds = Rounds::default();
    for _ in 0..context.scale.rounds {
        for backend in BACKENDS {
            let folder = context.temporary()?;
            let store = backend.url(folder.path());
            for start in ["first start", "later start"] {
                let (server, seconds) = Server::first_answer(program, &folder.path().join("data"), &store)?;
                rounds.note(format!("{backend}: {start} to first answer"), seconds);
                thread::sleep(REST);
                if let Some(bytes) = resident_bytes(server.process()) {
                    rounds.note(format!("{backend}: resident at rest after the {start}"), bytes);
                }
            }
        }
    }
    let mut section = Section::new("The server at its start");
    for backend in BACKENDS {
        for start in ["first start", "later start"] {
            let name = format!("{backend}: {start} to first answer");
            if let Some(line) = section.line(name.clone(), Unit::Seconds, rounds.spread(&name)) {
                line.budget = Some(Budget::AtMost(0.3));
            }
            let name = format!("{backend}: resident at rest after the {start}");
            if let Some(line) = section.line(name.clone(), Unit::Bytes, rounds.spread(&name)) {
                line.budget = Some(Budget::AtMost(f64::from(20 << 20)));
            }
        }
    }
    section.note("From the start of the program to the answer of `GET /readyz`, in a new data folder and again in the same.");
    Ok(vec![section])
}
