//! The real server over loopback sockets, beside an echo of the same bodies.

use std::io::Write as _;

use serde_json::{Value, json};

use super::Context;
use crate::{
    Result,
    backend::BACKENDS,
    host,
    http::{API_KEY, Server, ask, rate},
    measure::Rounds,
    report::{Budget, Section, Unit},
};

const CONNECTIONS: usize = 64;

pub(crate) fn measure(context: &Context<'_>) -> Result<Vec<Section>> {
    let (program, folder) = (context.program()?, context.temporary()?);
    let mut ours = Vec::new();
    let mut bodies = None;
    for backend in BACKENDS {
        let folder = folder.path().join(backend.name());
        std::fs::create_dir_all(&folder)?;
        let server = Server::ours(program, &folder.join("data"), &backend.url(&folder))?;
        let mut tokens = Vec::new();
        for _ in 0..CONNECTIONS {
            let body = ask(server.address, &issue(host::new_user()?.id().as_str()))?;
            let answer: Value = serde_json::from_str(&body)?;
            tokens.push(
                answer["token"]
                    .as_str()
                    .ok_or("no token in the answer")?
                    .to_owned(),
            );
            bodies.get_or_insert(body);
        }
        let mes: Vec<_> = tokens.iter().map(|token| me(token)).collect();
        ours.push((backend, server, mes));
    }
    let (_, first, mes) = ours.first().ok_or("no server")?;
    let some_me = mes.first().ok_or("no token")?;
    let me_body = ask(first.address, some_me)?;
    let echo = Server::echo(&bodies.ok_or("no answer")?, &me_body)?;

    let mut rounds = Rounds::default();
    for _ in 0..context.scale.rounds {
        let run = |server: &Server, mes: Option<&[Vec<u8>]>| {
            rate(
                server.address,
                CONNECTIONS,
                context.scale.http_window,
                |connection, buffer| {
                    match mes.and_then(|mes| mes.get(connection)) {
                        Some(me) => buffer.extend_from_slice(me),
                        None => buffer.extend_from_slice(&issue(host::new_user()?.id().as_str())),
                    }
                    Ok(())
                },
            )
        };
        rounds.note("issue echo", run(&echo, None)?);
        rounds.note("me echo", run(&echo, Some(mes))?);
        for (backend, server, mes) in &ours {
            rounds.note(format!("issue {backend}"), run(server, None)?);
            rounds.note(format!("me {backend}"), run(server, Some(mes))?);
        }
    }
    let mut section = Section::new(format!("HTTP over loopback, {CONNECTIONS} connections"));
    for (call, what) in [("issue", "POST /admin/clients, durable"), ("me", "GET /me")] {
        for backend in BACKENDS {
            let name = format!("{call} {backend}");
            if let Some(line) = section.line(
                format!("{what}, {backend}"),
                Unit::PerSecond,
                rounds.spread(&name),
            ) {
                let ratio = rounds.ratio(&name, &format!("{call} echo"));
                line.beside("rate to that of the echo", ratio, Some(Budget::AtLeast(0.5)));
            }
        }
        let echo = rounds.spread(&format!("{call} echo"));
        section.line(format!("{what}: echo"), Unit::PerSecond, echo);
    }
    section.note(
        "The echo is axum in a process of its own, with the settings of the server: it reads each request whole and answers \
         with a body that the server gave. The client is one thread, the same for both, on the same machine.",
    );
    Ok(vec![section])
}

fn issue(user: &str) -> Vec<u8> {
    let body = json!({"_id": user, "issueAccessToken": true}).to_string();
    let mut request = Vec::with_capacity(512);
    // It cannot fail: the bytes go to memory.
    let _ = write!(
        request,
        "POST /admin/clients HTTP/1.1\r\nHost: localhost\r\nIM-API-KEY: {API_KEY}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    request
}

fn me(token: &str) -> Vec<u8> {
    format!("GET /me HTTP/1.1\r\nHost: localhost\r\nIM-Authorization: {token}\r\n\r\n").into_bytes()
}
