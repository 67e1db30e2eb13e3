//! The Unix socket in the data folder, through which commands reach the server that holds the store: one line of
//! JSON in, one line out.

use std::{
    convert::Infallible,
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::{
        fd::AsRawFd as _,
        unix::{
            fs::{DirBuilderExt, PermissionsExt},
            net::UnixStream as BlockingStream,
        },
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use issuer_service::TokenService;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::mpsc,
};

use crate::{
    data_dir::DataDir,
    failure::{Failure, FailureKind},
    file_permissions::FilePermissions,
    request::{Outcome, Request},
    store_url::{FileId, StoreUrl},
    token_settings::TokenSettings,
};

const FILE: &str = "issuer.sock";

/// The folder in which the socket is made, before it has its mode.
const NEW: &str = ".issuer.sock.new";

/// Bytes of the longest line: a token, an id and a profile, escaped.
const MAX_LINE_BYTES: u64 = 256 * 1_024;

/// Characters of an id that are logged: those of the longest id that there is.
const MAX_LOGGED_CHARS: usize = 255;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long commands that have connected may wait to be taken once the server stops.
const LAST_CALL: Duration = Duration::from_millis(20);

#[derive(Serialize, Deserialize)]
struct Message {
    store: String,
    /// The file of the store, whatever its name; `None` where it is not there yet.
    #[serde(default)]
    file: Option<FileId>,
    flags: TokenSettings,
    request: Request,
}

impl Message {
    fn new(store: &StoreUrl, flags: &TokenSettings, request: &Request) -> Self {
        Self {
            store: store.to_string(),
            file: store.file_id(),
            flags: flags.clone(),
            request: request.clone(),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// The server holds another store: this one.
    Holds(String),
    Done(Outcome),
    Failed(Failure),
}

/// Sends a request to the server that holds the store; `None` where there is no such server. Warns where the server of
/// this data folder holds another store: its settings do not hold for what the command does.
pub(crate) fn ask_server(
    dir: &DataDir,
    store: &StoreUrl,
    flags: &TokenSettings,
    request: &Request,
) -> Result<Option<Outcome>, Failure> {
    let message = Message::new(store, flags, request);
    let mut other = None;
    for place in places(dir, store) {
        let Some(stream) = connect(&place)? else {
            continue;
        };
        let answer = exchange(stream, &message).map_err(|error| {
            Failure::machine(format!("the running server did not answer: {error}"))
                .with_hint("Whether it carried the command out is open; verify tells.")
        })?;
        match answer {
            Answer::Holds(held) if place.path() == dir.path() => other = Some(held),
            Answer::Holds(_) => {}
            Answer::Done(outcome) => return Ok(Some(outcome)),
            Answer::Failed(failure) => return Err(failure),
        }
    }
    if let Some(held) = other {
        tracing::warn!(
            "the server that runs in {} holds another store ({held}): this command works on {store}, without that server \
             and with its own settings",
            dir.path().display()
        );
    }
    Ok(None)
}

/// True if a server that a command would find holds this store.
pub(crate) fn is_held(dir: &DataDir, store: &StoreUrl) -> Result<bool, Failure> {
    for place in places(dir, store) {
        if holds(&place, store)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The folders in which the socket of a server may be that holds this store: this data folder, and that of the store,
/// for a store is by default in the data folder of its server.
fn places(dir: &DataDir, store: &StoreUrl) -> Vec<DataDir> {
    let of_store = store.path().and_then(|path| path.canonicalize().ok());
    let of_store = of_store.as_deref().and_then(Path::parent);
    let of_store = of_store.filter(|folder| *folder != dir.path());
    let of_store = of_store.and_then(|folder| DataDir::existing(Some(folder)));
    std::iter::once(dir.clone()).chain(of_store).collect()
}

/// Whether the server of this data folder holds this store. It is asked about a token that is none: what it answers
/// says whose store it is, and every version of the server knows the question.
pub(crate) fn holds(dir: &DataDir, store: &StoreUrl) -> Result<bool, Failure> {
    let Some(stream) = connect(dir)? else {
        return Ok(false);
    };
    let request = Request::Verify { token: String::new() };
    match exchange(stream, &Message::new(store, &TokenSettings::default(), &request)) {
        Ok(answer) => Ok(!matches!(answer, Answer::Holds(_))),
        Err(error) => Err(Failure::machine(format!(
            "{}: the running server did not answer: {error}",
            dir.join(FILE).display()
        ))),
    }
}

/// The server of this data folder, if one runs. The file of one that was killed is still there, and refuses.
///
/// Whether one runs must be known: what a command did beside it would be done under other settings.
fn connect(dir: &DataDir) -> Result<Option<BlockingStream>, Failure> {
    let connected = Address::of(dir.path()).and_then(|address| BlockingStream::connect(address.path()));
    match connected {
        Ok(stream) => Ok(Some(stream)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidFilename
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(Failure::machine(format!(
            "{}: whether a server runs here cannot be told: {error}; {}",
            dir.join(FILE).display(),
            if error.kind() == io::ErrorKind::PermissionDenied {
                "the socket is that of another account: use that account, or, if it runs no server, remove the socket"
            } else {
                "if none does, remove the socket"
            }
        ))),
    }
}

/// The remedy where the socket cannot be made.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "let this account write in the folder, and start the server again"
        }
        io::ErrorKind::InvalidFilename => {
            "move the data folder to a shorter path, and name that one with --data-dir"
        }
        io::ErrorKind::Unsupported => {
            "its file system has no sockets: move the data folder to another one, and name that one with --data-dir"
        }
        _ => "see that nothing else has this name, and start the server again",
    }
}

/// The socket's path, in a form that fits into an address.
struct Address {
    path: PathBuf,
    /// Keeps the path valid where it leads through a handle.
    _folder: Option<File>,
}

impl Address {
    /// Bytes of the longest path in the address of a socket, on the system that allows the fewest
    /// (`sys/un.h`: 108 on Linux, 104 on BSD, each with a zero at the end).
    const MAX_BYTES: usize = 103;

    fn of(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE);
        if path.as_os_str().len() <= Self::MAX_BYTES {
            return Ok(Self { path, _folder: None });
        }
        if cfg!(target_os = "linux") {
            let folder = File::open(folder)?;
            let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(FILE);
            return Ok(Self {
                path,
                _folder: Some(folder),
            });
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidFilename,
            "the path is too long for a socket",
        ))
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

fn exchange(stream: BlockingStream, message: &Message) -> io::Result<Answer> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    (&stream).write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(MAX_LINE_BYTES)).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}

/// The server's end of the socket; its file goes when this does.
pub(crate) struct ControlSocket {
    listener: UnixListener,
    file: Option<SocketFile>,
    held: Arc<Held>,
    /// Each command that is carried out holds a sender, which it never uses: when all are gone, all are done.
    working: mpsc::Sender<Infallible>,
    done: mpsc::Receiver<Infallible>,
}

/// Removed when it is dropped.
struct SocketFile(PathBuf);

/// What the commands are carried out with.
pub(crate) struct Held {
    pub(crate) tokens: TokenService,
    pub(crate) store: StoreUrl,
    /// The file of the store when it was opened.
    pub(crate) file: Option<FileId>,
    pub(crate) settings: TokenSettings,
}

impl Held {
    /// True if this is the store that a command means. By its name, too: where another file took its place, the server
    /// says so, and a command that worked on that file would hide it.
    fn is_store_of(&self, message: &Message) -> bool {
        message.store == self.store.to_string() || (message.file.is_some() && message.file == self.file)
    }
}

impl ControlSocket {
    /// Opens the socket; `None` where another server of this data folder has it.
    pub(crate) fn bind(dir: &DataDir, held: Held) -> Result<Option<Self>, Failure> {
        let path = dir.join(FILE);
        let failed = |error: io::Error| {
            let remedy = remedy(&error);
            Failure::machine(format!("{}: cannot be made: {error}; {remedy}", path.display()))
        };
        let _lock = dir.lock()?;
        if connect(dir)?.is_some() {
            return Ok(None);
        }
        let listener = make(dir).map_err(failed)?;
        let file = SocketFile(path.clone());
        let (working, done) = mpsc::channel(1);
        Ok(Some(Self {
            listener,
            file: Some(file),
            held: Arc::new(held),
            working,
            done,
        }))
    }

    /// Serves until it is dropped.
    pub(crate) async fn serve(&self) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => self.work(stream),
                // Out of file descriptors, most likely: they come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    fn work(&self, stream: UnixStream) {
        let (held, working) = (self.held.clone(), self.working.clone());
        tokio::spawn(async move {
            let _ = tokio::time::timeout(PATIENCE, answer(stream, &held)).await;
            drop(working);
        });
    }

    /// Takes no more commands than have come, and waits until they are done.
    pub(crate) async fn finish(mut self) {
        // From now on commands find no server, and open the store themselves.
        drop(self.file.take());
        while let Ok(Ok((stream, _))) = tokio::time::timeout(LAST_CALL, self.listener.accept()).await {
            self.work(stream);
        }
        let Self {
            working, mut done, ..
        } = self;
        drop(working);
        done.recv().await;
    }
}

/// Makes the socket. It gets its name after its mode, so that no other account connects in between.
fn make(dir: &DataDir) -> io::Result<UnixListener> {
    let permissions = dir.permissions();
    let new = NewFolder::make(dir.join(NEW))?;
    let listener = UnixListener::bind(Address::of(&new.0)?.path())?;
    let made = new.0.join(FILE);
    match std::fs::set_permissions(&made, PermissionsExt::from_mode(permissions.socket_mode())) {
        Err(error) if permissions != FilePermissions::Any => return Err(error),
        _ => {}
    }
    // In place of that of a server that was killed.
    std::fs::rename(made, dir.join(FILE))?;
    Ok(listener)
}

/// A folder for this account alone. Removed with what is in it when this is dropped.
struct NewFolder(PathBuf);

impl NewFolder {
    fn make(path: PathBuf) -> io::Result<Self> {
        // Left over from a process that died.
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut builder = std::fs::DirBuilder::new();
        DirBuilderExt::mode(&mut builder, 0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = remove(&self.0);
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn answer(stream: UnixStream, held: &Held) -> io::Result<()> {
    let uid = stream.peer_cred().ok().map(|peer| peer.uid());
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    tokio::io::BufReader::new(reader.take(MAX_LINE_BYTES))
        .read_line(&mut line)
        .await?;
    let answer = match serde_json::from_str::<Message>(&line) {
        Err(_) => Answer::Failed(Failure::usage(
            "the running server does not know this command: is it as new?",
        )),
        Ok(message) if !held.is_store_of(&message) => Answer::Holds(held.store.to_string()),
        Ok(message) => {
            let answer = match message.flags.disagreement(&held.settings) {
                Some(setting) => Answer::Failed(Failure::usage(format!(
                    "--{}: the running server holds the store and says otherwise",
                    setting.replace('_', "-")
                ))),
                None => match message.request.execute(&held.tokens).await {
                    Ok(outcome) => Answer::Done(outcome),
                    Err(failure) => Answer::Failed(failure),
                },
            };
            log_command(&message.request, &answer, uid);
            answer
        }
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

/// The line of a command that came to this server. A command that asks whether this server holds a store has none.
fn log_command(request: &Request, answer: &Answer, uid: Option<u32>) {
    if matches!(request, Request::Verify { token } if token.is_empty()) {
        return;
    }
    let outcome = match answer {
        Answer::Holds(_) => return,
        Answer::Done(outcome) if outcome.refused => "refused",
        Answer::Done(_) => "done",
        Answer::Failed(failure) if failure.kind == FailureKind::Machine => "failed",
        Answer::Failed(_) => "refused",
    };
    // Bounded, since a refused id may be of any length, and escaped, since a terminal may show it.
    let user: Option<String> = request.user().map(|user| {
        let start = user.chars().take(MAX_LOGGED_CHARS);
        start.flat_map(char::escape_debug).collect()
    });
    tracing::info!(
        command = request.command(),
        user = user.as_deref(),
        outcome,
        uid,
        "answered a command"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_system_without_sockets_is_told_as_such() {
        // EOPNOTSUPP and ENOSYS (`asm-generic/errno.h`).
        for code in [95, 38] {
            let told = remedy(&io::Error::from_raw_os_error(code));
            assert!(told.contains("has no sockets"), "{told}");
        }
    }
}
