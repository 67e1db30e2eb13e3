//! Access log: one event a request. Refusals of callers without an API key are summed past the first few a second, so that
//! such a caller cannot make a log grow at will.

use std::{
    borrow::Cow,
    mem,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use axum::http::{Extensions, Method};
use issuer_service::ApiCaller;

/// The address of the client, which the server puts into the extensions of a request: refusals are logged with it, and failed
/// API keys are limited by it.
///
/// A host that leaves it out has no addresses in its log, and one limit for the failed API keys of all clients. Behind a proxy it
/// is the address that the proxy reports, and the host's to find out: a header can be sent by anybody.
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr};
///
/// use axum::http::Request;
/// use issuer_http::PeerAddress;
///
/// let mut request = Request::new(());
/// request.extensions_mut().insert(PeerAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(
    /// The address, without its port.
    pub IpAddr,
);

/// Refusals a second that have a line of their own.
const LINES: usize = 10;

/// Sums of a second. Refusals that fit into none of them are counted together.
const SUMS: usize = 16;

const SECOND: Duration = Duration::from_secs(1);

/// Characters of the name of an API key that are logged.
const NAME_CHARS: usize = 64;

/// A request as the log names it.
pub(crate) struct Line<'a> {
    pub(crate) begun: Instant,
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
    pub(crate) status: u16,
    pub(crate) request_id: &'a str,
    pub(crate) message: &'static str,
}

/// The client of a request, as far as it is known. The API key is known once it was checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Client {
    address: Option<IpAddr>,
    caller: Acting,
}

/// The API key of a request, for the line of the request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acting(Arc<OnceLock<ApiCaller>>);

/// The log of one router. Clones share one.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccessLog(Arc<Sums>);

#[derive(Debug, Default)]
struct Sums(Mutex<Window>);

/// The refusals of a second.
#[derive(Debug, Default)]
struct Window {
    /// `None` before the first refusal.
    begun: Option<Instant>,
    lines: usize,
    sums: Vec<Sum>,
    others: u64,
    will_be_written: bool,
}

#[derive(Debug)]
struct Sum {
    address: Option<IpAddr>,
    route: &'static str,
    status: u16,
    count: u64,
}

impl Client {
    /// The client of a request; from here on the request takes along where its API key is noted.
    pub(crate) fn of(extensions: &mut Extensions) -> Self {
        let caller = Acting::default();
        extensions.insert(caller.clone());
        Self {
            address: peer(extensions),
            caller,
        }
    }
}

impl Acting {
    /// Notes the API key that a request was made with.
    pub(crate) fn note(extensions: &Extensions, caller: &ApiCaller) {
        if let Some(Self(noted)) = extensions.get() {
            let _ = noted.set(caller.clone());
        }
    }
}

/// The address of the client, where the server says it.
pub(crate) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions
        .get()
        .map(|PeerAddress(address)| address.to_canonical())
}

/// The name of a method that is known, in place of whatever a client sends.
pub(crate) fn known_method(method: &Method) -> &'static str {
    const KNOWN: [(&Method, &str); 9] = [
        (&Method::GET, "GET"),
        (&Method::POST, "POST"),
        (&Method::DELETE, "DELETE"),
        (&Method::PUT, "PUT"),
        (&Method::HEAD, "HEAD"),
        (&Method::OPTIONS, "OPTIONS"),
        (&Method::PATCH, "PATCH"),
        (&Method::TRACE, "TRACE"),
        (&Method::CONNECT, "CONNECT"),
    ];
    let known = KNOWN.iter().find(|(known, _)| *known == method);
    known.map_or("other", |(_, name)| name)
}

impl AccessLog {
    /// Writes the line of a request, or counts it.
    pub(crate) fn write(&self, line: &Line<'_>, client: &Client) {
        let caller = client.caller.0.get();
        let is_refused = line.status >= 400;
        if is_refused && caller.is_none() {
            let (has_line, ended) = self.0.lock().add(line, client.address, Instant::now());
            ended.write();
            if !has_line {
                return self.write_later();
            }
        }
        let address = client
            .address
            .filter(|_| is_refused)
            .map(|address| address.to_string());
        let name = caller.map(|caller| shown(caller.name()));
        tracing::info!(
            target: "issuer_http::access",
            method = line.method,
            route = line.route,
            status = line.status,
            micros = u64::try_from(line.begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            request_id = line.request_id,
            address = address.as_deref(),
            api_key = name.as_deref(),
            "{}",
            line.message
        );
    }

    /// Writes the sums of this second at its end, also where no other request comes.
    fn write_later(&self) {
        let begun = {
            let mut window = self.0.lock();
            if mem::replace(&mut window.will_be_written, true) {
                return;
            }
            window.begun
        };
        // Without a runtime of Tokio the next refusal writes them.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let sums = Arc::downgrade(&self.0);
            runtime.spawn(async move {
                tokio::time::sleep(SECOND).await;
                if let Some(sums) = sums.upgrade() {
                    let ended = sums.lock().end(begun);
                    ended.write();
                }
            });
        }
    }
}

impl Sums {
    // Nothing below the lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, Window> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sums {
    fn drop(&mut self) {
        self.lock().write();
    }
}

impl Window {
    /// Takes a refusal in. True if it has a line of its own; it is counted if not. With it comes the window that it has ended.
    fn add(&mut self, line: &Line<'_>, address: Option<IpAddr>, now: Instant) -> (bool, Self) {
        let is_over = self.begun.is_some_and(|begun| now >= begun + SECOND);
        let ended = if is_over { mem::take(self) } else { Self::default() };
        self.begun.get_or_insert(now);
        self.lines += 1;
        let has_line = self.lines <= LINES;
        if !has_line {
            self.count(line.route, line.status, address);
        }
        (has_line, ended)
    }

    /// Ends the window that began then. A later one has its own second.
    fn end(&mut self, begun: Option<Instant>) -> Self {
        if self.begun == begun {
            mem::take(self)
        } else {
            Self::default()
        }
    }

    fn count(&mut self, route: &'static str, status: u16, address: Option<IpAddr>) {
        let is_same = |sum: &&mut Sum| sum.address == address && sum.route == route && sum.status == status;
        if let Some(sum) = self.sums.iter_mut().find(is_same) {
            sum.count += 1;
        } else if self.sums.len() < SUMS {
            self.sums.push(Sum {
                address,
                route,
                status,
                count: 1,
            });
        } else {
            self.others += 1;
        }
    }

    fn write(&self) {
        for sum in &self.sums {
            let address = sum.address.map(|address| address.to_string());
            tracing::info!(
                target: "issuer_http::access",
                count = sum.count,
                route = sum.route,
                status = sum.status,
                address = address.as_deref(),
                "more requests were refused within a second"
            );
        }
        if self.others > 0 {
            tracing::info!(
                target: "issuer_http::access",
                count = self.others,
                "more requests were refused within a second, of other addresses or routes"
            );
        }
    }
}

/// The name of an API key, bounded, with escapes for what a terminal or a reader would not see.
fn shown(name: &str) -> Cow<'_, str> {
    if name.len() <= NAME_CHARS && name.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return name.into();
    }
    let escaped = name.chars().take(NAME_CHARS).flat_map(char::escape_debug);
    escaped.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_flood_from_many_addresses_has_a_bounded_number_of_sums_and_none_is_lost() {
        let mut window = Window::default();
        for n in 0..100_000_u32 {
            window.count("none", 404, Some(Ipv4Addr::from(n).into()));
        }
        window.count("none", 404, Some(Ipv4Addr::from(0).into()));
        assert_eq!(window.sums.len(), SUMS);
        let summed: u64 = window.sums.iter().map(|sum| sum.count).sum();
        assert_eq!(summed + window.others, 100_001);
    }

    #[test]
    fn ten_refusals_a_second_have_a_line_however_late_the_end_of_an_earlier_second_comes() {
        let (mut window, begun) = (Window::default(), Instant::now());
        let line = Line {
            begun,
            method: "GET",
            route: "none",
            status: 404,
            request_id: "",
            message: "answered",
        };
        let mut counted = 0;
        let mut lines_at = |window: &mut Window, millis| {
            let now = begun + Duration::from_millis(millis);
            let refusals = (0..100).map(|_| window.add(&line, None, now));
            let (mut lines, mut ended_count) = (0, 0);
            for (has_line, ended) in refusals {
                lines += usize::from(has_line);
                ended_count += ended.sums.iter().map(|sum| sum.count).sum::<u64>();
            }
            counted += ended_count;
            lines
        };
        assert_eq!(lines_at(&mut window, 0), LINES);
        assert_eq!(lines_at(&mut window, 999), 0);
        assert_eq!(lines_at(&mut window, 1_000), LINES);
        // The task that was to end the first second wakes now.
        assert!(window.end(Some(begun)).begun.is_none());
        assert_eq!(lines_at(&mut window, 1_001), 0);
        counted += window.end(window.begun).sums[0].count;
        assert_eq!(counted, 400 - 2 * 10);
    }

    #[test]
    fn a_method_of_any_length_is_logged_as_a_known_one_or_as_other() {
        assert_eq!(known_method(&Method::GET), "GET");
        let long = Method::from_bytes(&b"A".repeat(30_000)).unwrap();
        assert_eq!(known_method(&long), "other");
    }

    #[test]
    fn the_name_of_an_api_key_is_bounded_and_hides_nothing() {
        assert_eq!(shown("shop 1"), "shop 1");
        assert_eq!(shown("a\u{202e}b\n"), "a\\u{202e}b\\n");
        assert!(shown(&"\u{1}".repeat(10_000)).len() < 1_000);
    }
}
