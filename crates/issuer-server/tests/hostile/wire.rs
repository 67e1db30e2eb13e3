//! Sends what a session says, the way it says, and reads all that comes back.

use std::{
    fmt,
    io::{self, ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};

use super::session::{Conduct, Expects, Session};

/// A server that says nothing for so long waits for more, most likely.
const SILENCE: Duration = Duration::from_millis(60);

/// What came back, and how it ended.
pub(crate) enum Heard {
    /// All that the server had to say.
    Whole(Vec<u8>),
    /// The system dropped the rest: the server closed before it had read all.
    CutOff(Vec<u8>),
    /// The client did not listen.
    NotListened,
    /// Neither an answer nor an end.
    Silence(Vec<u8>),
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "{}", bytes.escape_ascii()),
            Self::CutOff(bytes) | Self::Silence(bytes) => write!(f, "{} ...", bytes.escape_ascii()),
            Self::NotListened => f.write_str("nothing"),
        }
    }
}

/// Connects from an address of this machine that goes with the number: one alone has too few ports.
pub(crate) fn connect(to: SocketAddr, number: u64) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    if cfg!(target_os = "linux") && to.is_ipv4() {
        let last = u8::try_from(number % 200 + 2).unwrap_or(2);
        socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)).into())?;
    }
    socket.connect(&to.into())?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// Carries the session out; it fails where there is no connection.
pub(crate) fn carry_out(
    to: SocketAddr,
    number: u64,
    session: &Session,
    patience: Duration,
) -> io::Result<Heard> {
    let stream = connect(to, number)?;
    stream.set_write_timeout(Some(patience))?;
    let bytes = &session.bytes[..];
    match &session.conduct {
        Conduct::AtOnce => send(&stream, bytes),
        Conduct::Pause(at) => {
            send(&stream, &bytes[..*at]);
            thread::sleep(Duration::from_millis(15));
            send(&stream, &bytes[*at..]);
        }
        Conduct::Drip(slow) => {
            send(&stream, &bytes[..slow.start]);
            for byte in &bytes[slow.clone()] {
                send(&stream, std::slice::from_ref(byte));
                thread::sleep(Duration::from_millis(1));
            }
            send(&stream, &bytes[slow.end..]);
        }
        Conduct::HalfClose => {
            send(&stream, bytes);
            let _ = stream.shutdown(Shutdown::Write);
        }
        Conduct::Leave(at) => {
            send(&stream, &bytes[..*at]);
            return Ok(Heard::NotListened);
        }
        Conduct::Reset(at) => {
            send(&stream, &bytes[..*at]);
            reset(stream);
            return Ok(Heard::NotListened);
        }
    }
    // Where each request gets its answer, the last one ends the connection.
    let silence = match session.expects {
        Expects::Each => patience,
        Expects::Any | Expects::NothingHidden => SILENCE,
    };
    let heard = listen(&stream, silence, patience)?;
    reset(stream);
    Ok(heard)
}

/// As far as the server takes them: it may have answered and closed before the end.
fn send(mut stream: &TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

/// Goes away at once, and leaves no port waiting.
fn reset(stream: TcpStream) {
    let _ = Socket::from(stream).set_linger(Some(Duration::ZERO));
}

/// Reads to the end. A server that waits for more is told that nothing comes.
fn listen(mut stream: &TcpStream, silence: Duration, patience: Duration) -> io::Result<Heard> {
    let (mut heard, mut chunk) = (Vec::new(), [0; 16_384]);
    let mut told = false;
    stream.set_read_timeout(Some(silence))?;
    let mut last = Instant::now();
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return Ok(Heard::Whole(heard)),
            Ok(count) => {
                heard.extend_from_slice(&chunk[..count]);
                last = Instant::now();
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if last.elapsed() >= patience {
                    return Ok(Heard::Silence(heard));
                }
                if !told {
                    told = true;
                    let _ = stream.shutdown(Shutdown::Write);
                    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Ok(Heard::CutOff(heard)),
        }
    }
}
