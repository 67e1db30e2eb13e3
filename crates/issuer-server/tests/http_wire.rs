//! HTTP/1.1 on the wire: hosts, codings, half-closed connections, and how long a connection stays open.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use program::{API_KEY, Ask, Server};
use serde_json::Value;
use socket2::SockRef;

/// How long the end of a connection may be late: this machine may be busy.
const LATE: Duration = Duration::from_secs(30);

fn open(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(2))).unwrap();
    stream
}

/// All that comes until the server closes.
fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    String::from_utf8(all).unwrap()
}

/// Sends this, closes the side of the client, and reads to the end.
fn half_closed(server: &Server, bytes: &[u8]) -> String {
    let mut stream = open(server);
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    rest(&mut stream)
}

fn statuses(text: &str) -> Vec<&str> {
    text.split("HTTP/1.1 ")
        .skip(1)
        .map(|answer| &answer[..3])
        .collect()
}

#[test]
fn a_client_that_half_closes_after_its_request_gets_its_answer() {
    let server = Server::new();
    for n in 0..20 {
        let text = half_closed(&server, &Ask::issue(&format!("user{n}")).bytes());
        assert!(statuses(&text) == ["200"] && text.contains("\"token\""), "{text}");
    }
    assert_eq!(
        statuses(&half_closed(&server, &Ask::get("/healthz").bytes())),
        ["200"]
    );
}

#[test]
fn a_pipeline_that_is_half_closed_gets_all_of_its_answers() {
    let server = Server::new();
    let mut all = Vec::new();
    for n in 0..30 {
        all.extend(Ask::issue(&format!("user{n}")).bytes());
        all.extend(Ask::get("/nothing").bytes());
    }
    let text = half_closed(&server, &all);
    assert_eq!(statuses(&text), ["200", "404"].repeat(30), "{text}");
    // What breaks off behind them gets none.
    all.truncate(all.len() - 10);
    let text = half_closed(&server, &all);
    assert_eq!(statuses(&text).len(), 59, "{text}");
}

#[test]
fn a_request_that_breaks_off_at_a_half_close_ends_its_connection() {
    let server = Server::new();
    let ask = Ask::issue("a").bytes();
    let begun = Instant::now();
    let end_of_head = ask.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    for length in [0, 1, 10, end_of_head - 1] {
        assert_eq!(half_closed(&server, &ask[..length]), "", "{length}");
    }
    for length in [end_of_head, end_of_head + 1, ask.len() - 1] {
        let text = half_closed(&server, &ask[..length]);
        assert_eq!(statuses(&text), ["400"], "{length}: {text}");
    }
    // After an answer, too.
    let after = [&Ask::get("/healthz").bytes()[..], b"GET /hea"].concat();
    assert_eq!(statuses(&half_closed(&server, &after)), ["200"]);
    assert!(begun.elapsed() < LATE);
    let revoke = Ask::revoke("a", None);
    assert_eq!(server.ask(&revoke).status, 404, "nothing was carried out");
}

#[test]
fn a_connection_is_idle_for_as_long_as_the_setting_says_and_no_longer() {
    let server = Server::with(&["--idle-timeout", "2s"]);
    let mut stream = open(&server);
    for _ in 0..4 {
        // Each request has the whole time.
        thread::sleep(Duration::from_secs(1));
        stream.write_all(&Ask::get("/healthz").bytes()).unwrap();
        let mut bytes = [0; 4_096];
        assert!(stream.read(&mut bytes).unwrap() > 0);
    }
    let answered = Instant::now();
    assert_eq!(rest(&mut stream), "");
    let idle = answered.elapsed();
    assert!(idle > Duration::from_millis(1_900) && idle < LATE, "{idle:?}");
}

#[test]
fn without_a_setting_an_idle_connection_outlives_the_time_for_a_head() {
    let server = Server::new();
    let mut connection = server.connect();
    connection.send(&Ask::get("/healthz").bytes());
    assert_eq!(connection.answer_to("GET").status, 200);
    thread::sleep(Duration::from_secs(11));
    connection.send(&Ask::get("/healthz").bytes());
    assert_eq!(connection.answer_to("GET").status, 200);
}

#[test]
fn a_head_that_trickles_is_cut_ten_seconds_after_its_first_byte() {
    let server = Server::new();
    let slow = |first: &[u8]| {
        let mut stream = open(&server);
        stream.write_all(first).unwrap();
        let begun = Instant::now();
        let mut line = "GET /healthz HTTP/1.1\r\nHost: a\r\nX: "
            .bytes()
            .chain(std::iter::repeat(b'x'));
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut heard = Vec::new();
        loop {
            let _ = stream.write_all(&[line.next().unwrap()]);
            let mut bytes = [0; 4_096];
            match stream.read(&mut bytes) {
                Ok(0) => break,
                Ok(count) => heard.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(_) => {}
            }
            assert!(begun.elapsed() < Duration::from_secs(10) + LATE, "it goes on");
        }
        (begun.elapsed(), String::from_utf8(heard).unwrap())
    };
    let get = Ask::get("/healthz").bytes();
    let post = Ask::issue("a").bytes();
    thread::scope(|scope| {
        // On a new connection, behind an answer, and behind a request whose answer has not come yet.
        for (first, answers) in [
            (vec![], 0),
            (get.clone(), 1),
            ([&get[..], b"GET /me HTTP/1.1\r\nX"].concat(), 1),
            ([&post[..], b"GET /me HTTP/1.1\r\nX"].concat(), 1),
        ] {
            scope.spawn(move || {
                let (took, heard) = slow(&first);
                assert_eq!(statuses(&heard).len(), answers, "{heard}");
                assert!(took > Duration::from_millis(9_500), "{took:?}");
            });
        }
    });
}

#[test]
fn the_default_of_idle_timeout_is_75_seconds_and_a_bad_value_is_wrong_usage() {
    let home = program::Home::new();
    let help = home.run(&["serve", "--help"]);
    assert!(help.stdout.contains("1s to 1d [default: 75s]"), "{}", help.stdout);
    for bad in ["0", "0s", "-1s", "2d", "75", "never"] {
        let done = home.run(&["serve", &format!("--idle-timeout={bad}")]);
        assert_eq!(done.code, Some(2), "{bad}");
    }
}

#[test]
fn after_the_answer_to_a_chunked_request_the_connection_ends() {
    let server = Server::new();
    let body = r#"{"_id":"a","issueAccessToken":true}"#;
    let head = Ask::post("/admin/clients")
        .key()
        .header("Content-Type", "application/json")
        .header("Transfer-Encoding", "chunked");
    let chunked = [
        &head.bytes()[..],
        format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes(),
    ]
    .concat();
    let mut stream = open(&server);
    stream.write_all(&chunked).unwrap();
    stream.write_all(&Ask::issue("hidden").bytes()).unwrap();
    let text = rest(&mut stream);
    assert_eq!(statuses(&text), ["200"], "{text}");
    assert!(text.to_ascii_lowercase().contains("connection: close"), "{text}");
    assert_eq!(server.ask(&Ask::revoke("hidden", None)).status, 404);
    // One without a body is told by its length, and the connection stays open.
    let mut connection = server.connect();
    for _ in 0..2 {
        connection.send(&Ask::post("/admin/clients").key().json(body).bytes());
        assert_eq!(connection.answer_to("POST").status, 409);
    }
}

#[test]
fn a_transfer_coding_that_is_not_one_chunked_is_501_and_nothing_behind_it_is_read() {
    let server = Server::new();
    for coding in [
        "gzip",
        "gzip, chunked",
        "identity",
        "chunked\r\nTransfer-Encoding: chunked",
        "x\r\ntransfer-encoding: chunked",
    ] {
        for target in ["/admin/clients", "/nothing", "/me"] {
            let head = format!(
                "POST {target} HTTP/1.1\r\nHost: a\r\nIM-API-KEY: {API_KEY}\r\nTransfer-Encoding: {coding}\r\n\r\n"
            );
            let mut stream = open(&server);
            // In two pieces, so that a line is cut.
            let (first, second) = head.as_bytes().split_at(head.len() - 12);
            stream.write_all(first).unwrap();
            thread::sleep(Duration::from_millis(5));
            stream.write_all(second).unwrap();
            let text = rest(&mut stream);
            assert_eq!(statuses(&text), ["501"], "{coding}: {text}");
            let shape = if target == "/me" {
                r#"{"RC":501,"RM":"Not Implemented""#
            } else {
                r#"{"error":"NOT_IMPLEMENTED""#
            };
            assert!(text.contains(shape), "{text}");
            let mut stream = open(&server);
            stream
                .write_all(&[head.as_bytes(), &Ask::issue("hidden").bytes()].concat())
                .unwrap();
            let mut answered = Vec::new();
            // Reset, perhaps, because not all was read.
            let _ = stream.read_to_end(&mut answered);
            assert!(statuses(&String::from_utf8(answered).unwrap()).len() <= 1);
        }
    }
    assert_eq!(server.ask(&Ask::revoke("hidden", None)).status, 404);
    // A line of the name that is used inside changes nothing.
    let body = r#"{"_id":"a","issueAccessToken":true}"#;
    let ask = Ask::post("/admin/clients")
        .key()
        .header("X-Transfer-Coding", "gzip");
    assert_eq!(server.ask(&ask.json(body)).status, 200);
}

#[test]
fn a_host_is_needed_once_on_every_path() {
    let server = Server::new();
    let ask = |start: &str, lines: &str| {
        let mut connection = server.connect();
        connection.send(format!("{start}\r\n{lines}IM-API-KEY: {API_KEY}\r\n\r\n").as_bytes());
        connection.answer_to("GET")
    };
    for path in [
        "/healthz",
        "/readyz",
        "/me",
        "/nothing",
        "/admin/clients",
        "/admin/nothing",
        "/admin/clients/a/token",
    ] {
        let start = format!("GET {path} HTTP/1.1");
        for lines in ["", "Host:\r\n", "Host: a\r\nHost: b\r\n", "Host: a b\r\n"] {
            let answer = ask(&start, lines);
            assert_eq!(answer.status, 400, "{path} {lines}");
            let body = answer.json();
            let code = if path == "/me" {
                &body["error"]["code"]
            } else {
                &body["error"]
            };
            assert_eq!(code, "INVALID_REQUEST");
        }
        for lines in ["Host: a\r\n", "hOST:[::1]:8080\r\n", "Host: a.example:\r\n"] {
            assert_ne!(ask(&start, lines).status, 400, "{path} {lines}");
        }
    }
    // The absolute form does not do without it (RFC 9112 section 3.2), and HTTP/1.0 does.
    assert_eq!(ask("GET http://a/healthz HTTP/1.1", "").status, 400);
    assert_eq!(ask("GET http://a/healthz HTTP/1.1", "Host: b\r\n").status, 200);
    assert_eq!(
        ask("GET http://user@a/healthz HTTP/1.1", "Host: b\r\n").status,
        400
    );
    assert_eq!(ask("GET /healthz HTTP/1.0", "").status, 200);
    assert_eq!(ask("GET /healthz HTTP/1.0", "Host: a\r\nHost: a\r\n").status, 400);
}

fn lines_of(log: &str, method: &str) -> Vec<Value> {
    log.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["target"] == "issuer_http::access" && event["method"] == method)
        .collect()
}

#[test]
fn a_request_that_was_carried_out_has_a_line_although_its_caller_has_gone() {
    let server = Server::new();
    let reset = |stream: TcpStream| SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    for n in 0..40 {
        let mut stream = open(&server);
        stream
            .write_all(&Ask::issue(&format!("user{n}")).bytes())
            .unwrap();
        reset(stream);
    }
    // In the middle of its body.
    let ask = Ask::issue("nobody").bytes();
    let mut stream = open(&server);
    stream.write_all(&ask[..ask.len() - 5]).unwrap();
    thread::sleep(Duration::from_millis(200));
    reset(stream);
    let carried_out = (0..40)
        .filter(|n| server.ask(&Ask::revoke(&format!("user{n}"), None)).status == 200)
        .count();
    let log = server.stop();
    let lines = lines_of(&log, "POST");
    assert!(lines.len() > carried_out, "{carried_out} were carried out: {log}");
    let granted = lines
        .iter()
        .filter(|line| line["status"] == 200 || line["status"] == 499)
        .count();
    assert!(granted >= carried_out, "{log}");
    let of_half_a_body = lines.last().unwrap();
    assert!(
        of_half_a_body["status"] == 499 || of_half_a_body["status"] == 400,
        "{log}"
    );
}
