//! A client that keeps its connection, and is told where the server goes away.

use std::{io, net::SocketAddr};

use super::{Answer, Ask, Connection};

/// It connects when it has to.
pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<Connection>,
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
        let issue = Ask::issue(user);
        self.ask(&match idempotency_key {
            Some(key) => issue.header("Idempotency-Key", key),
            None => issue,
        })
    }

    /// `DELETE /admin/clients/{user}/token`; `None` revokes all.
    pub(crate) fn revoke(&mut self, user: &str, token: Option<&str>) -> io::Result<Answer> {
        self.ask(&Ask::revoke(user, token))
    }

    /// `GET /me`
    pub(crate) fn me(&mut self, token: &str) -> io::Result<Answer> {
        self.ask(&Ask::me(token))
    }

    /// Sends a request and reads its answer. After an error the next request takes a new connection.
    pub(crate) fn ask(&mut self, ask: &Ask) -> io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::to(self.address)?,
        };
        connection.send(&ask.bytes());
        let answer = connection
            .try_answer_to(ask.method())?
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        if answer.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(answer)
    }
}
