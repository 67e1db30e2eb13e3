//! A request that is still being written, whose framing is right whatever else is not.

use std::fmt::Write as _;

use crate::program::{API_KEY, Random};

/// How a body says where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// `Content-Length`
    Length,
    /// `Transfer-Encoding: chunked`, in chunks of so many bytes
    Chunks(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) version: String,
    /// Lines of the head, without their ends.
    pub(crate) lines: Vec<Vec<u8>>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) framing: Framing,
    /// The server answers it and reads on: nothing about it may end the connection.
    pub(crate) keeps: bool,
}

impl Draft {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            version: "HTTP/1.1".to_owned(),
            lines: vec![b"Host: localhost".to_vec()],
            body: None,
            framing: Framing::Length,
            keeps: true,
        }
    }

    pub(crate) fn line(mut self, line: impl Into<Vec<u8>>) -> Self {
        self.lines.push(line.into());
        self
    }

    pub(crate) fn key(self) -> Self {
        self.line(format!("IM-API-KEY: {API_KEY}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub(crate) fn json(self, body: impl Into<Vec<u8>>) -> Self {
        self.line("Content-Type: application/json").body(body)
    }

    /// It may end the connection.
    pub(crate) fn ends(mut self) -> Self {
        self.keeps = false;
        self
    }

    pub(crate) fn issue(user: &str) -> Self {
        Self::new("POST", "/admin/clients")
            .key()
            .json(format!(r#"{{"_id":"{user}","issueAccessToken":true}}"#))
    }

    pub(crate) fn revoke(user: &str) -> Self {
        Self::new("DELETE", &format!("/admin/clients/{user}/token")).key()
    }

    pub(crate) fn me(token: &str) -> Self {
        Self::new("GET", "/me").line(format!("IM-Authorization: {token}"))
    }

    /// The last request of a connection: the server closes after it.
    pub(crate) fn farewell() -> Self {
        Self::new("GET", "/healthz").line("Connection: close")
    }

    /// One that is right in everything.
    pub(crate) fn good(random: &mut Random, token: &str) -> Self {
        let guest = format!("guest{}", random.below(60));
        match random.below(12) {
            0 | 1 => Self::issue(&guest),
            2 => Self::issue(&guest).line(format!("Idempotency-Key: k{}", random.below(9))),
            3 => Self::new("POST", "/admin/clients").key().json(format!(
                r#"{{"_id":"{guest}","nickname":"Amy","avatarUrl":"https://example.com/a.jpg","issueAccessToken":true}}"#
            )),
            4 => Self::revoke(&guest),
            5 => Self::revoke(&guest).json("{}"),
            6 => Self::revoke(&guest).json(format!(r#"{{"token":"{token}"}}"#)),
            7 | 8 => Self::me(token),
            9 => Self::new("GET", "/readyz"),
            _ => Self::new("GET", "/healthz"),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} {}\r\n", self.method, self.target, self.version).into_bytes();
        for line in &self.lines {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(b"\r\n");
        }
        let Some(body) = &self.body else {
            bytes.extend_from_slice(b"\r\n");
            return bytes;
        };
        match self.framing {
            Framing::Length => {
                bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
                bytes.extend_from_slice(body);
            }
            Framing::Chunks(size) => {
                bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                bytes.extend(in_chunks(body, size));
            }
        }
        bytes
    }
}

/// These bytes in chunks, with the last one.
pub(crate) fn in_chunks(body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() * 2 + 5);
    for chunk in body.chunks(size) {
        let mut line = String::new();
        let _ = write!(line, "{:x}\r\n", chunk.len());
        bytes.extend(line.bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}
