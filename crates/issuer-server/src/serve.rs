//! The server: accept, answer, stop.

use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use issuer_service::TokenService;
use tokio::net::TcpListener;
use tracing::Level;

use crate::{
    connections,
    data_dir::DataDir,
    failure::Failure,
    file_permissions::FilePermissions,
    first_api_key, logging,
    open_files::Room,
    settings::Settings,
    signing_keys::{self, LostKeys},
    store_url::StoreUrl,
};

/// How long requests that are under way may take once the server stops; the rest of the ten seconds is for the
/// store.
const DRAIN_TIME: Duration = Duration::from_secs(7);

/// The time that a stop of the server takes in all: the ten seconds that are promised, less some for the last lines of the log
/// ([`logging::PATIENCE`]) and for the process to end.
pub(crate) const STOP_TIME: Duration = Duration::from_secs(9);

/// Serves until SIGTERM, SIGINT or SIGHUP.
pub(crate) fn run(settings: &Settings, lost: LostKeys) -> Result<(), Failure> {
    let _log = logging::init(Level::INFO)?;
    let room = Room::make()?;
    // First, so that a server that cannot listen leaves nothing behind.
    let listener = settings.open_listener()?;
    let dir = settings.open_data_dir()?;
    if settings.shows_client_key() {
        tracing::warn!(
            "--client-key shows the key in the list of processes: set it with ISSUER_CLIENT_KEY, or as client_key in the file of \
             --config"
        );
    }
    if dir.permissions() == FilePermissions::Any {
        tracing::warn!(
            "file_permissions is any: whoever reaches {} may read the signing keys, or replace them",
            dir.path().display()
        );
    }
    let store = StoreUrl::resolve(settings.store.as_ref(), &dir)?;
    let opened = store.open(settings.file_permissions())?;
    let keys = signing_keys::load_or_create(&dir, &*opened, &store, lost)?;
    signing_keys::warn_of_foreign(&keys, &*opened, &dir);
    let tokens = settings.service(opened, store.access(), keys)?;
    first_api_key::ensure(&dir, &tokens)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::machine(format!("no runtime: {error}")))?;
    let served = runtime.block_on(serve(settings, &dir, store.clone(), &tokens, listener, room));
    // Whatever still runs is past its time; what it has handed to the service is finished below.
    runtime.shutdown_background();
    let stopping = served
        .as_ref()
        .map_or_else(|_| Instant::now(), |stopping| *stopping);
    let is_closed = finish(tokens, STOP_TIME.saturating_sub(stopping.elapsed()));
    say_what_is_left(&store, is_closed);
    served?;
    tracing::info!("stopped");
    Ok(())
}

/// Lets the service finish what it has accepted and close the store; `false` if that takes longer than this.
fn finish(tokens: TokenService, patience: Duration) -> bool {
    let (done, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        tokens.shutdown();
        let _ = done.send(());
    });
    finished.recv_timeout(patience).is_ok()
}

/// Whoever copies the store after a stop must know when it is not one file.
fn say_what_is_left(store: &StoreUrl, is_closed: bool) {
    let log = store.log_file();
    let log = log.as_deref().map(Path::display);
    match (is_closed, log) {
        (true, None) => {}
        (true, Some(log)) => tracing::warn!(
            "{log} is still there, for another process has {store} open: until that process ends, a copy of the store needs \
             this file, too"
        ),
        (false, None) => tracing::warn!(
            "{store} could not be closed in time: what was not answered is written wholly or not at all"
        ),
        (false, Some(log)) => tracing::warn!(
            "{store} could not be closed in time: what was not answered is written wholly or not at all, and {log} holds the \
             last commits; leave it where it is, and start the server again"
        ),
    }
}

/// Serves until a signal; returns when that came.
async fn serve(
    settings: &Settings,
    dir: &DataDir,
    store: StoreUrl,
    tokens: &TokenService,
    listener: std::net::TcpListener,
    room: Room,
) -> Result<Instant, Failure> {
    let mut signals = Signals::new()?;
    let failed = |error: io::Error| Failure::machine(format!("--listen: {error}"));
    let listener = TcpListener::from_std(listener).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let control = control(dir, store.clone(), settings, tokens);
    room.log();
    tracing::info!(%address, %store, "listening on http://{address}");
    if !address.ip().is_loopback() {
        tracing::warn!(
            %address,
            "listening beyond this machine without TLS: tokens and API keys cross the network readable; put a TLS proxy in \
             front"
        );
    }
    let app = app(settings, tokens);
    let connections = GracefulShutdown::new();
    let idle_timeout = settings.idle_timeout.unwrap_or(connections::IDLE_TIMEOUT);
    let signal = tokio::select! {
        () = connections::accept(&listener, room.connections(), &app, &connections, idle_timeout) => None,
        () = control.serve() => None,
        signal = signals.wait() => Some(signal),
    };
    let stopping = Instant::now();
    tracing::info!(signal, "stopping: finishing the requests that are under way");
    drop(listener);
    let drained = async { tokio::join!(connections.shutdown(), control.finish()) };
    if tokio::time::timeout(DRAIN_TIME, drained).await.is_err() {
        tracing::warn!("some requests took too long and were cut off");
    }
    Ok(stopping)
}

fn app(settings: &Settings, tokens: &TokenService) -> Router {
    let mut api = issuer_http::router(tokens.clone()).response_style(settings.response_style());
    if let Some(key) = &settings.client_key {
        api = api.client_key(*key);
    }
    for origin in settings.cors_origins.iter().flatten() {
        api = api.cors_origin(origin.clone());
    }
    if let Some(headers) = &settings.cors_headers {
        api = api.cors_headers(headers.clone());
    }
    api.require_host().into_service_router()
}

#[cfg(unix)]
fn control(dir: &DataDir, store: StoreUrl, settings: &Settings, tokens: &TokenService) -> Control {
    use crate::{
        control_socket::{ControlSocket, Held},
        store_url::Access,
    };

    let consequence = match store.access() {
        Access::Shared => "commands open the store themselves, with their own settings",
        Access::Exclusive => "commands do not work while this server runs",
    };

    let held = Held {
        tokens: tokens.clone(),
        file: store.file_id(),
        store,
        settings: settings.token_settings().with_defaults(),
    };
    match ControlSocket::bind(dir, held) {
        Ok(Some(socket)) => return Control(Some(socket)),
        Ok(None) => tracing::info!("another server of this data folder answers the commands"),
        // Requests are served without it.
        Err(failure) => tracing::warn!("no socket for commands: {failure}. Until then, {consequence}"),
    }
    Control(None)
}

/// The socket for commands, where there is one.
#[cfg(unix)]
struct Control(Option<crate::control_socket::ControlSocket>);

#[cfg(unix)]
impl Control {
    async fn serve(&self) {
        match &self.0 {
            Some(socket) => socket.serve().await,
            None => std::future::pending().await,
        }
    }

    async fn finish(self) {
        if let Some(socket) = self.0 {
            socket.finish().await;
        }
    }
}

#[cfg(not(unix))]
struct Control;

#[cfg(not(unix))]
impl Control {
    async fn serve(&self) {
        std::future::pending().await
    }

    async fn finish(self) {}
}

#[cfg(not(unix))]
fn control(_: &DataDir, _: StoreUrl, _: &Settings, _: &TokenService) -> Control {
    Control
}

/// The signals that stop the server, or Ctrl-C where there are no signals.
///
/// SIGQUIT keeps its default, which ends the process at once and leaves a core file where those are allowed: what was
/// acknowledged is kept, as after SIGKILL. SIGPIPE is ignored, as in every Rust program.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    /// The terminal was closed. `None` where that is ignored (`nohup`).
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    /// From here on a signal no longer ends the process by itself.
    #[cfg(unix)]
    fn new() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};

        let failed = |error: io::Error| Failure::machine(format!("signals cannot be caught: {error}"));
        // A handler would take the place of the setting to ignore it.
        let hangup = (!ignores_hangup()).then(|| signal(SignalKind::hangup()));
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            hangup: hangup.transpose().map_err(failed)?,
        })
    }

    #[cfg(not(unix))]
    fn new() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// Waits for a signal; returns its name.
    #[cfg(unix)]
    async fn wait(&mut self) -> &'static str {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = hangup => "SIGHUP",
        }
    }

    #[cfg(not(unix))]
    async fn wait(&mut self) -> &'static str {
        let _ = tokio::signal::ctrl_c().await;
        "Ctrl-C"
    }
}

/// True if this process was started with SIGHUP ignored, as `nohup` does.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    use std::io::{IsTerminal as _, stderr, stdin, stdout};

    /// Of signal 1, in the mask of `SigIgn` (`proc_pid_status(5)`).
    const SIGHUP_BIT: u64 = 1;

    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    if let Some(mask) = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()) {
        return mask & SIGHUP_BIT != 0;
    }
    // Without Linux's `/proc` only C can ask. `nohup` leaves the process no terminal.
    !(stdin().is_terminal() || stdout().is_terminal() || stderr().is_terminal())
}
