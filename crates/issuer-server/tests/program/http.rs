//! HTTP/1.1 over a socket, byte for byte: what a client library would mend or refuse goes out as it is.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
};

use serde_json::{Value, json};

use super::{API_KEY, PATIENCE};

/// A request, written down as it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    pub(crate) fn delete(path: &str) -> Self {
        Self::new("DELETE", path)
    }

    /// Asks for a token for this user, with the API key.
    pub(crate) fn issue(user: &str) -> Self {
        let body = json!({"_id": user, "issueAccessToken": true});
        Self::post("/admin/clients").key().json(&body.to_string())
    }

    /// Revokes this token, or all of the user's, with the API key.
    pub(crate) fn revoke(user: &str, token: Option<&str>) -> Self {
        let all = Self::delete(&format!("/admin/clients/{user}/token")).key();
        match token {
            Some(token) => all.json(&json!({ "token": token }).to_string()),
            None => all,
        }
    }

    /// Asks whose token this is.
    pub(crate) fn me(token: &str) -> Self {
        Self::get("/me").header("IM-Authorization", token)
    }

    /// Adds a header; one of the same name stays.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds the API key.
    pub(crate) fn key(self) -> Self {
        self.header("IM-API-KEY", API_KEY)
    }

    /// Sets a body, with its type.
    pub(crate) fn json(self, body: &str) -> Self {
        self.header("Content-Type", "application/json")
            .body(body.as_bytes())
    }

    /// Sets a body, without a type.
    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = Some(body.to_vec());
        self
    }

    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut lines = vec![
            format!("{} {} HTTP/1.1", self.method, self.path),
            "Host: localhost".to_owned(),
        ];
        lines.extend(
            self.headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}")),
        );
        if let Some(body) = &self.body {
            lines.push(format!("Content-Length: {}", body.len()));
        }
        let mut bytes = format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In their order, names in lower case; what came twice is here twice.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The header's value; where it came twice, that is a failure.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} came twice: {self:?}");
        value
    }

    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A member of the object that came back, which is a string.
    #[track_caller]
    pub(crate) fn member(&self, name: &str) -> String {
        match self.json().get(name) {
            Some(Value::String(text)) => text.clone(),
            _ => panic!("no string {name}: {self:?}"),
        }
    }

    /// The status and the body, as a test compares them.
    #[track_caller]
    pub(crate) fn brief(&self) -> (u16, &str) {
        (self.status, self.text())
    }
}

/// A connection, and what came over it beyond the last answer.
pub(crate) struct Connection {
    stream: TcpStream,
    ahead: Vec<u8>,
}

impl Connection {
    pub(crate) fn to(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            ahead: Vec::new(),
        })
    }

    /// Sends these bytes, as far as the server takes them: it may answer and close before it has read all.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Whether an answer has begun to come, without waiting for it.
    pub(crate) fn is_answered(&self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let begun = matches!(self.stream.peek(&mut [0]), Ok(1));
        self.stream.set_nonblocking(false).unwrap();
        begun
    }

    /// Says that nothing more comes.
    pub(crate) fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next answer, to a request of this method.
    #[track_caller]
    pub(crate) fn answer_to(&mut self, method: &str) -> Answer {
        self.maybe_answer_to(method)
            .unwrap_or_else(|| panic!("the server closed the connection without an answer to {method}"))
    }

    /// The next answer; `None` where the server closed the connection without one.
    #[track_caller]
    pub(crate) fn maybe_answer_to(&mut self, method: &str) -> Option<Answer> {
        self.try_answer_to(method)
            .unwrap_or_else(|error| panic!("no whole answer to {method}: {error}"))
    }

    /// The next answer; `None` where the server closed the connection without one, an error where it is silent, or
    /// ends in the middle of an answer.
    #[track_caller]
    pub(crate) fn try_answer_to(&mut self, method: &str) -> io::Result<Option<Answer>> {
        loop {
            let Some(head) = self.head()? else {
                return Ok(None);
            };
            let status = status(&head);
            if status == 100 {
                continue;
            }
            let headers: Vec<(String, String)> = head
                .split("\r\n")
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            let length = headers
                .iter()
                .find(|(name, _)| name == "content-length")
                .map_or(0, |(_, length)| length.parse().unwrap());
            let bodiless = method == "HEAD" || status == 204 || status == 304;
            let body = self.exactly(if bodiless { 0 } else { length })?;
            return Ok(Some(Answer {
                status,
                headers,
                body,
            }));
        }
    }

    /// The status of an interim answer, such as 100, which the next answer follows.
    #[track_caller]
    pub(crate) fn interim_status(&mut self) -> u16 {
        status(&self.head().unwrap().unwrap())
    }

    /// Whether the server has closed the connection, or does so now; what it still sends is dropped.
    pub(crate) fn is_closed(&mut self) -> bool {
        while self.more().unwrap() {}
        true
    }

    fn head(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.ahead.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let rest = self.ahead.split_off(end + 4);
                let head = std::mem::replace(&mut self.ahead, rest);
                return Ok(Some(String::from_utf8(head).unwrap()));
            }
            if !self.more()? {
                let whole = self.ahead.is_empty();
                return whole
                    .then_some(None)
                    .ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.ahead.len() < length {
            if !self.more()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.ahead.split_off(length);
        Ok(std::mem::replace(&mut self.ahead, rest))
    }

    /// `false`: nothing more comes.
    fn more(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 8_192];
        match self.stream.read(&mut chunk) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.ahead.extend_from_slice(&chunk[..count]);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[track_caller]
fn status(head: &str) -> u16 {
    head.strip_prefix("HTTP/1.")
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .unwrap_or_else(|| panic!("no status line: {head:?}"))
}
