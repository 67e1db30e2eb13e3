//! A client that costs next to nothing: one thread, fixed requests, answers read up to their length.

use std::{
    io::Write as _,
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::Result;

/// Of an answer: those that are asked for here have some hundreds of bytes.
const BUFFER_BYTES: usize = 16 << 10;

/// The part of a window before it begins.
const WARM_UP: f64 = 0.2;

/// An answer that takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks over so many connections, each again once it was answered, and returns answers a second.
///
/// `request` writes the next request of the connection of this number into a buffer that is empty.
pub(crate) fn rate(
    server: SocketAddr,
    connections: usize,
    window: Duration,
    mut request: impl FnMut(usize, &mut Vec<u8>) -> Result<()>,
) -> Result<f64> {
    let mut poll = Poll::new()?;
    let mut conversations = Vec::with_capacity(connections);
    for number in 0..connections {
        let stream = std::net::TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry()
            .register(&mut stream, Token(number), Interest::READABLE)?;
        conversations.push(Conversation::new(stream));
    }
    for (number, conversation) in conversations.iter_mut().enumerate() {
        conversation.ask(|buffer| request(number, buffer))?;
    }
    let mut events = Events::with_capacity(connections);
    let (begin, warm_up) = (Instant::now(), window.mul_f64(WARM_UP));
    let (mut answers, mut counted_from) = (0_u64, None);
    loop {
        poll.poll(&mut events, Some(PATIENCE))?;
        if events.is_empty() {
            return Err("a request got no answer".into());
        }
        for event in &events {
            let Token(number) = event.token();
            if let Some(conversation) = conversations.get_mut(number)
                && conversation.read()?
            {
                answers += 1;
                conversation.ask(|buffer| request(number, buffer))?;
            }
        }
        match counted_from {
            None if begin.elapsed() >= warm_up => counted_from = Some((answers, Instant::now())),
            Some((before, since)) if since.elapsed() >= window => {
                return Ok((answers - before) as f64 / since.elapsed().as_secs_f64());
            }
            _ => {}
        }
    }
}

/// Sends one request on a connection of its own, and returns the body of the answer.
pub(crate) fn ask(server: SocketAddr, request: &[u8]) -> Result<String> {
    let mut stream = std::net::TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut answer = Answer::new();
    while !answer.is_whole()? {
        answer.read_from(&mut stream)?;
    }
    Ok(answer.body().to_owned())
}

/// One connection, on which one request is under way.
struct Conversation {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Answer,
}

impl Conversation {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            request: Vec::with_capacity(1_024),
            answer: Answer::new(),
        }
    }

    /// What the connection holds of earlier requests was answered, so that there is room for one more.
    fn ask(&mut self, request: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        self.request.clear();
        request(&mut self.request)?;
        self.answer.filled = 0;
        Ok(self.stream.write_all(&self.request)?)
    }

    /// Takes in what is there: at most one answer, for nothing more was asked. Whether it is whole.
    fn read(&mut self) -> Result<bool> {
        match self.answer.read_from(&mut self.stream) {
            Ok(()) => self.answer.is_whole(),
            Err(error) => match error.downcast_ref::<std::io::Error>() {
                Some(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => Ok(false),
                _ => Err(error),
            },
        }
    }
}

/// As much of an answer as has come.
struct Answer {
    bytes: Vec<u8>,
    filled: usize,
}

impl Answer {
    fn new() -> Self {
        Self {
            bytes: vec![0; BUFFER_BYTES],
            filled: 0,
        }
    }

    fn read_from(&mut self, stream: &mut impl std::io::Read) -> Result<()> {
        let room = self.bytes.get_mut(self.filled..).unwrap_or_default();
        match stream.read(room)? {
            0 => Err("the server closed a connection, or its answer is too long".into()),
            read => {
                self.filled += read;
                Ok(())
            }
        }
    }

    fn is_whole(&self) -> Result<bool> {
        let Some(head) = self.head() else {
            return Ok(false);
        };
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(format!(
                "the server refused: {}",
                self.text().lines().next().unwrap_or_default()
            )
            .into());
        }
        Ok(self.filled >= head.len() + body_bytes(head)?)
    }

    /// Up to and with the empty line.
    fn head(&self) -> Option<&str> {
        let text = self.text();
        text.find("\r\n\r\n").and_then(|end| text.get(..end + 4))
    }

    fn body(&self) -> &str {
        self.text().split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    fn text(&self) -> &str {
        let bytes = self.bytes.get(..self.filled).unwrap_or_default();
        // Half a character at the end belongs to a body that is not whole yet.
        let valid = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        bytes
            .get(..valid)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

fn body_bytes(head: &str) -> Result<usize> {
    let mut lines = head.lines();
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    Ok(length.ok_or("an answer without Content-Length")?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(pieces: &[&str]) -> Vec<bool> {
        let mut answer = Answer::new();
        let mut whole = Vec::new();
        for piece in pieces {
            answer.read_from(&mut piece.as_bytes()).unwrap();
            whole.push(answer.is_whole().unwrap());
        }
        whole
    }

    #[test]
    fn an_answer_is_whole_once_its_length_has_come_however_it_was_cut() {
        let pieces = ["HTTP/1.1 200 OK\r\nContent-Le", "ngth: 4\r\n\r", "\nbo", "dy"];
        assert_eq!(answer(&pieces), [false, false, false, true]);
        assert_eq!(answer(&["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"]), [true]);
    }

    #[test]
    fn an_answer_that_is_no_success_is_an_error_and_is_not_counted() {
        let mut answer = Answer::new();
        let refusal = "HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n";
        answer.read_from(&mut refusal.as_bytes()).unwrap();
        assert!(answer.is_whole().is_err());
    }

    #[test]
    fn an_answer_without_a_length_is_an_error() {
        assert!(body_bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
