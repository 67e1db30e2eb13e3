//! HTTP as plain as it gets: one connection that is kept, one request at a time.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};

use super::API_KEY;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client; it connects when it has to.
pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

/// An answer that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The lines of the head after the first.
    pub(crate) head: Vec<String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Client {
    pub(crate) const fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connection: None,
        }
    }

    /// `POST /admin/clients` for a token.
    pub(crate) fn issue(&mut self, user: &str, idempotency_key: Option<&str>) -> io::Result<Answer> {
        let body = json!({"_id": user, "issueAccessToken": true}).to_string();
        let mut headers = vec![("IM-API-KEY", API_KEY), ("Content-Type", "application/json")];
        headers.extend(idempotency_key.map(|key| ("Idempotency-Key", key)));
        self.ask("POST", "/admin/clients", &headers, &body)
    }

    /// `DELETE /admin/clients/{user}/token`; `None` revokes all.
    pub(crate) fn revoke(&mut self, user: &str, token: Option<&str>) -> io::Result<Answer> {
        let body = token.map(|token| json!({ "token": token }).to_string());
        let headers = [("IM-API-KEY", API_KEY), ("Content-Type", "application/json")];
        let path = format!("/admin/clients/{user}/token");
        self.ask("DELETE", &path, &headers, &body.unwrap_or_default())
    }

    /// `GET /me`
    pub(crate) fn me(&mut self, token: &str) -> io::Result<Answer> {
        self.ask("GET", "/me", &[("IM-Authorization", token)], "")
    }

    /// Sends a request and reads its answer. After an error the next request takes a new connection.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(self.address)?,
        };
        let request = request(method, path, headers, body);
        connection.get_mut().write_all(request.as_bytes())?;
        let answer = read_answer(&mut connection)?;
        if answer.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(answer)
    }
}

/// A connection of its own, for what no client would do.
pub(crate) fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}

/// The bytes of a request.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\n");
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    if !body.is_empty() {
        request.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    request + "\r\n" + body
}

pub(crate) fn read_answer(connection: &mut BufReader<TcpStream>) -> io::Result<Answer> {
    let first = read_line(connection)?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let mut answer = Answer {
        status: status.ok_or_else(|| malformed(&first))?,
        head: Vec::new(),
        body: String::new(),
    };
    loop {
        let line = read_line(connection)?;
        if line.is_empty() {
            break;
        }
        answer.head.push(line);
    }
    let length = match answer.header("content-length") {
        Some(length) => length.parse().map_err(|_| malformed(length))?,
        None => 0,
    };
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    answer.body = String::from_utf8(body).map_err(|_| malformed("body"))?;
    Ok(answer)
}

fn read_line(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
