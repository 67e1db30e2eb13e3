//! What a connection goes through: silence, which costs next to nothing, then requests.

use std::{
    convert::Infallible,
    future::poll_fn,
    net::IpAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    http::{Request, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use issuer_http::PeerAddress;
use tokio::{
    io::ReadBuf,
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Sleep, sleep_until},
};

use crate::{
    request_stream::{HEAD_TIME, Progress, RequestStream},
    waiting_line::{Place, WaitingLine},
};

/// Bytes of the longest head of a request.
pub(crate) const MAX_HEAD_BYTES: usize = 32 * 1_024;

/// The longest silence of a connection before its first byte.
pub(crate) const FIRST_BYTE_TIME: Duration = Duration::from_secs(10);

/// The time for which a connection stays open between an answer and the next request, where nothing is set: longer than the 60 s for
/// which common proxies keep theirs, or they would send requests into connections that are being closed.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// How many connections may keep the server waiting after their first byte. Such a one costs 26 KiB in the middle of
/// a small body, most of them hyper's buffers.
pub(crate) const MAX_WAITING: usize = 1_024;

/// The pause before another connection is closed, or another accepted, where no file is free.
const PAUSE: Duration = Duration::from_millis(20);

/// The time between two warnings that connections cannot be accepted.
const QUIET: Duration = Duration::from_secs(10);

/// The connections that wait for their clients.
#[derive(Clone, Debug)]
struct Waiting {
    /// All of them. There is room for as many as may be open; the accept loop makes room for the next one.
    all: Arc<WaitingLine>,
    /// Those that have sent a byte, for they cost memory.
    begun: Arc<WaitingLine>,
}

/// The right to have one connection open. Functions take it as their first parameter, which is dropped last: after the connection.
type Permit = OwnedSemaphorePermit;

/// The accept loop: no more connections than `places` are open at once, so that files are left for the store. It runs for as long as
/// it is polled; those that are silent end with it, the others with [`GracefulShutdown`].
pub(crate) async fn accept(
    listener: &TcpListener,
    places: usize,
    app: &Router,
    connections: &GracefulShutdown,
    idle_timeout: Duration,
) {
    let waiting = Waiting {
        all: WaitingLine::of(usize::MAX),
        begun: WaitingLine::of(MAX_WAITING),
    };
    let permits = Arc::new(Semaphore::new(places));
    let mut silent = JoinSet::new();
    let mut warned: Option<Instant> = None;
    loop {
        while silent.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, address)) => {
                // One connection more than there are places is open for a moment: one of the reserved files.
                let permit = permit(&permits, &waiting).await;
                silent.spawn(listen_to(
                    permit,
                    stream,
                    address.ip(),
                    app.clone(),
                    connections.watcher(),
                    waiting.clone(),
                    idle_timeout,
                ));
            }
            Err(error) => {
                // Out of files all the same, most likely: other processes may have taken those of the whole system.
                waiting.all.make_room();
                if warned.is_none_or(|warned| warned.elapsed() > QUIET) {
                    warned = Some(Instant::now());
                    tracing::warn!(%error, "a connection could not be accepted");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// A place for one more connection. Where there is none, the connection that has waited longest is closed; where none waits, all
/// are being answered, and the next answer makes room.
async fn permit(permits: &Arc<Semaphore>, waiting: &Waiting) -> Option<Permit> {
    loop {
        if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
            return Some(permit);
        }
        waiting.all.make_room();
        // One whose request arrives just now is not closed, and another one has to be.
        if let Ok(permit) = tokio::time::timeout(PAUSE, Arc::clone(permits).acquire_owned()).await {
            return permit.ok();
        }
    }
}

/// Waits for the first byte: hyper would take its buffers before.
async fn listen_to(
    permit: Option<Permit>,
    stream: TcpStream,
    address: IpAddr,
    app: Router,
    watcher: Watcher,
    waiting: Waiting,
    idle_timeout: Duration,
) {
    let place = poll_fn(|context| Poll::Ready(waiting.all.join(address, context.waker().clone()))).await;
    let first_byte = poll_fn(|context| {
        // `readable` alone would also end for no reason.
        if let Poll::Ready(peeked) = stream.poll_peek(context, &mut ReadBuf::new(&mut [0])) {
            return Poll::Ready(matches!(peeked, Ok(1..)));
        }
        if place.is_lost() {
            return Poll::Ready(has_unread_bytes(&stream));
        }
        Poll::Pending
    });
    if let Ok(true) = tokio::time::timeout(FIRST_BYTE_TIME, first_byte).await {
        drop(place);
        // A task of its own, since this one would be as large from the start.
        tokio::spawn(converse(
            permit,
            stream,
            address,
            app,
            watcher,
            waiting,
            idle_timeout,
        ));
    }
}

/// True if bytes have come that the runtime has not been told of yet.
#[cfg(unix)]
fn has_unread_bytes(stream: &TcpStream) -> bool {
    rustix::io::ioctl_fionread(stream).is_ok_and(|unread| unread > 0)
}

#[cfg(not(unix))]
fn has_unread_bytes(_: &TcpStream) -> bool {
    false
}

/// Answers what comes. A connection that fails is the client's; its requests have been answered and logged.
async fn converse(
    _permit: Option<Permit>,
    stream: TcpStream,
    address: IpAddr,
    app: Router,
    watcher: Watcher,
    waiting: Waiting,
    idle_timeout: Duration,
) {
    // Small answers must not wait for more to fill a packet.
    let _ = stream.set_nodelay(true);
    let progress = Progress::begun();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // hyper's limit would also count the time between two requests: `Progress` has those that hold.
        .header_read_timeout(None)
        // A client that sends its request and closes its side still reads the answer.
        .half_close(true)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(
            TokioIo::new(RequestStream::new(stream, progress.clone(), has_unread_bytes)),
            service_fn(|request| answer(&app, request, PeerAddress(address), progress.clone())),
        );
    let mut connection = pin!(watcher.watch(connection));
    let mut timer = pin!(sleep_until(tokio::time::Instant::now() + HEAD_TIME));
    let mut places: Option<[Place; 2]> = None;
    let mut is_spared = false;
    poll_fn(|context| {
        if connection.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        // Only here, after it was polled: what has arrived meanwhile is a request, and gets its answer.
        if let Some(deadline) = progress.deadline(idle_timeout)
            && has_passed(timer.as_mut(), deadline, context)
        {
            return Poll::Ready(());
        }
        if !progress.waits_for_client() {
            (places, is_spared) = (None, false);
            return Poll::Pending;
        }
        if places
            .as_ref()
            .is_some_and(|places| places.iter().any(Place::is_lost))
        {
            if is_spared {
                return Poll::Ready(());
            }
            progress.look_for_unread();
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            if !progress.waits_for_client() {
                places = None;
                return Poll::Pending;
            }
            if !progress.has_unread() {
                return Poll::Ready(());
            }
            // Once only: the bytes that have come may be the end of a request, and may not.
            (places, is_spared) = (None, true);
        }
        if places.is_none() {
            let join = |line: &Arc<WaitingLine>| line.join(address, context.waker().clone());
            places = Some([join(&waiting.all), join(&waiting.begun)]);
        }
        Poll::Pending
    })
    .await;
}

/// True once the deadline has passed; before, the task is woken at the latest when it has.
fn has_passed(mut timer: Pin<&mut Sleep>, deadline: tokio::time::Instant, context: &mut Context<'_>) -> bool {
    // A deadline that only moves on, as that of a busy connection does, needs no change before the timer fires.
    if deadline < timer.deadline() {
        timer.as_mut().reset(deadline);
    }
    while timer.as_mut().poll(context).is_ready() {
        if deadline <= timer.deadline() {
            return true;
        }
        timer.as_mut().reset(deadline);
    }
    false
}

fn answer(
    app: &Router,
    mut request: Request<Incoming>,
    peer: PeerAddress,
    progress: Progress,
) -> impl Future<Output = Result<Response, Infallible>> + use<> {
    request.extensions_mut().insert(peer);
    let length = request.body().size_hint().exact();
    progress.head_is_read(request.headers_mut(), length);
    // The parser takes a head that is longer than its buffer if it comes in one piece; whether a request is taken must
    // not depend on how the network cut it.
    let answered = (head_bytes(&request) <= MAX_HEAD_BYTES).then(|| {
        let request = request.map(|body| Watched {
            body,
            progress: progress.clone(),
        });
        TowerToHyperService::new(app.clone()).call(request)
    });
    async move {
        let response = match answered {
            Some(answered) => answered.await,
            None => Ok(head_too_long()),
        };
        progress.is_answered();
        response
    }
}

/// As the parser answers.
fn head_too_long() -> Response {
    let headers = [(header::CONNECTION, "close"), (header::CACHE_CONTROL, "no-store")];
    (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, headers).into_response()
}

/// Bytes of the head as clients write it: one space after each colon, an empty line at the end.
fn head_bytes(request: &Request<Incoming>) -> usize {
    let target = request.uri();
    // Only the absolute form (RFC 9112 section 3.2.2) has the first two.
    let scheme = target.scheme_str().map_or(0, |scheme| scheme.len() + "://".len());
    let authority = target.authority().map_or(0, |authority| authority.as_str().len());
    let path = target.path_and_query().map_or(0, |path| path.as_str().len());
    let line = request.method().as_str().len() + scheme + authority + path + "  HTTP/1.1\r\n".len();
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    line + fields.sum::<usize>() + "\r\n".len()
}

/// A body that says when it has arrived.
#[derive(Debug)]
struct Watched {
    body: Incoming,
    progress: Progress,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let is_over = match &polled {
            Poll::Ready(Some(Ok(_))) => self.body.is_end_stream(),
            Poll::Ready(_) => true,
            Poll::Pending => false,
        };
        if is_over {
            self.progress.body_is_read();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
