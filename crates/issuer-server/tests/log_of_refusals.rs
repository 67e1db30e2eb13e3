//! The log under clients without a key: it grows by some lines a second, repeats nothing of theirs at length, and says who did what.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use program::{Ask, Server};
use serde_json::Value;

fn access_lines(log: &str) -> Vec<Value> {
    log.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["target"] == "issuer_http::access")
        .collect()
}

#[test]
fn a_flood_of_refusals_is_summed_with_its_route_status_and_address_and_every_one_is_counted() {
    const REQUESTS: u64 = 3_000;
    let server = Server::new();
    let mut connection = server.connect();
    for n in 0..REQUESTS {
        let ask = match n % 3 {
            0 => Ask::get("/admin/clients"),
            1 => Ask::get("/nothing"),
            _ => Ask::new("PURGE", "/healthz"),
        };
        connection.send(&ask.bytes());
        assert!(connection.answer_to(ask.method()).status >= 400);
    }
    let lines = access_lines(&server.stop());
    let sums: Vec<_> = lines.iter().filter(|line| line["count"].is_u64()).collect();
    let summed: u64 = sums.iter().map(|line| line["count"].as_u64().unwrap()).sum();
    let singles = lines.len() - sums.len();
    assert_eq!(summed + u64::try_from(singles).unwrap(), REQUESTS);
    assert!(lines.len() < 1_000, "{}", lines.len());
    for (route, status) in [("/admin/clients", 401), ("none", 404), ("/healthz", 405)] {
        assert!(
            sums.iter().any(|line| line["route"] == route
                && line["status"] == status
                && line["address"] == "127.0.0.1"),
            "{route} {status}: {sums:?}"
        );
    }
}

#[test]
fn the_sums_are_written_although_no_further_request_comes() {
    let server = Server::new();
    for _ in 0..100 {
        assert_eq!(server.ask(&Ask::get("/nothing")).status, 404);
    }
    // SIGKILL: nothing is written at the end.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let lines = access_lines(&server.kill());
    let counted = |line: &Value| line["count"].as_u64().unwrap_or(1);
    assert_eq!(lines.iter().map(counted).sum::<u64>(), 100);
}

#[test]
fn a_method_that_nobody_knows_is_logged_as_other_however_long_it_is() {
    let server = Server::new();
    let token = server.token("amy");
    for method in [token.replace('.', "x").to_uppercase(), "A".repeat(30_000)] {
        assert_eq!(server.ask(&Ask::new(&method, "/healthz")).status, 405);
    }
    let log = server.stop();
    let others = access_lines(&log);
    let others = others.iter().filter(|line| line["method"] == "other");
    assert_eq!(others.count(), 2, "{log}");
    assert!(log.lines().all(|line| line.len() < 1_000), "{log}");
}

#[test]
fn the_line_of_a_change_names_the_api_key_and_every_change_has_its_own() {
    let server = Server::new();
    for n in 0..40 {
        server.token(&format!("user{n}"));
        // A refusal of a caller with a key is a line, too.
        assert_eq!(server.issue(&serde_json::json!({"_id": ""})).status, 400);
    }
    let lines = access_lines(&server.stop());
    let of_key = lines.iter().filter(|line| line["api_key"] == "environment");
    assert_eq!(of_key.count(), 80, "{lines:?}");
}

#[test]
fn failed_api_keys_are_limited_and_a_good_one_from_the_same_address_goes_on() {
    let server = Server::new();
    let wrong = Ask::get("/admin/nothing").header("IM-API-KEY", "no-such-key");
    let mut connection = server.connect();
    let mut limited = None;
    for _ in 0..5_000 {
        connection.send(&wrong.bytes());
        let answer = connection.answer_to("GET");
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
        assert_eq!(answer.status, 401);
    }
    let limited = limited.unwrap();
    assert_eq!(
        limited.brief(),
        (
            429,
            r#"{"error":"RATE_LIMIT_EXCEEDED","message":"Too many requests, please try again later","retryAfter":1}"#
        )
    );
    assert_eq!(limited.header("retry-after"), Some("1"));
    server.token("amy");
    // No key is no guess.
    assert_eq!(server.ask(&Ask::get("/admin/nothing")).status, 401);
}

#[test]
#[cfg(unix)]
fn a_command_through_the_socket_has_a_line_with_the_command_the_user_and_its_account() {
    let home = program::Home::on(program::Store::Sled);
    let server = home.serve(&[]);
    let token = home.issue("amy");
    assert_eq!(home.run(&["issue", "amy"]).code, Some(1));
    assert_eq!(home.run(&["issue", &"x\u{202e}".repeat(5_000)]).code, Some(1));
    assert_eq!(home.run(&["verify", &token]).code, Some(0));
    assert_eq!(home.run(&["token", "revoke", "amy", &token]).code, Some(0));
    let log = server.stop();
    let lines: Vec<Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["command"].is_string())
        .collect();
    let said: Vec<_> = lines
        .iter()
        .map(|line| {
            let user = line["user"].as_str().map(|user| user.chars().take(3).collect());
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            (text("command"), user, text("outcome"))
        })
        .collect();
    let line = |command: &str, user: Option<&str>, outcome: &str| {
        (command.to_owned(), user.map(str::to_owned), outcome.to_owned())
    };
    assert_eq!(
        said,
        [
            line("issue", Some("amy"), "done"),
            line("issue", Some("amy"), "refused"),
            line("issue", Some("x\\u"), "refused"),
            line("verify", None, "done"),
            line("token revoke", Some("amy"), "done"),
        ]
    );
    let uid = rustix::process::getuid().as_raw();
    assert!(lines.iter().all(|line| line["uid"] == uid), "{log}");
    assert!(!log.contains('\u{202e}') && !log.contains(&token), "{log}");
    assert!(log.lines().all(|line| line.len() < 4_000), "{log}");
}
