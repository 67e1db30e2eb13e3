//! The Unix socket in the data folder, through which commands reach the server that holds the store: one line of
//! JSON in, one line out.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::{fs::PermissionsExt, net::UnixStream as BlockingStream},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use issuer_service::TokenService;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
};

use crate::{
    data_dir::DataDir,
    failure::Failure,
    request::{Outcome, Request},
    store_url::StoreUrl,
    token_settings::TokenSettings,
};

const FILE: &str = "issuer.sock";

/// Bytes of the longest line: a token, an id and a profile, escaped.
const MAX_LINE_BYTES: u64 = 256 * 1_024;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Serialize, Deserialize)]
struct Message {
    store: String,
    flags: TokenSettings,
    request: Request,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// The server holds another store.
    OtherStore,
    Done(Outcome),
    Failed(Failure),
}

/// Sends a request to the server that holds the store; `None` where there is no such server.
pub(crate) fn ask_server(
    dir: &DataDir,
    store: &StoreUrl,
    flags: &TokenSettings,
    request: &Request,
) -> Result<Option<Outcome>, Failure> {
    let Ok(stream) = BlockingStream::connect(dir.join(FILE)) else {
        return Ok(None);
    };
    let message = Message {
        store: store.to_string(),
        flags: flags.clone(),
        request: request.clone(),
    };
    let answer = exchange(stream, &message).map_err(|error| {
        Failure::machine(format!("the running server did not answer: {error}"))
            .with_hint("Whether it carried the command out is open; verify tells.")
    })?;
    match answer {
        Answer::OtherStore => Ok(None),
        Answer::Done(outcome) => Ok(Some(outcome)),
        Answer::Failed(failure) => Err(failure),
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
    path: PathBuf,
    held: Arc<Held>,
}

/// What the commands are carried out with.
pub(crate) struct Held {
    pub(crate) tokens: TokenService,
    pub(crate) store: StoreUrl,
    pub(crate) settings: TokenSettings,
}

impl ControlSocket {
    /// Opens the socket; `None` where another server of this data folder has it.
    pub(crate) fn bind(dir: &DataDir, held: Held) -> Result<Option<Self>, Failure> {
        let path = dir.join(FILE);
        let failed =
            |error: io::Error| Failure::machine(format!("{}: cannot be opened: {error}", path.display()));
        let _lock = dir.lock()?;
        if BlockingStream::connect(&path).is_ok() {
            return Ok(None);
        }
        remove(&path).map_err(failed)?;
        let listener = UnixListener::bind(&path).map_err(failed)?;
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).map_err(failed)?;
        Ok(Some(Self {
            listener,
            path,
            held: Arc::new(held),
        }))
    }

    /// Serves until it is dropped.
    pub(crate) async fn serve(&self) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let held = self.held.clone();
                    tokio::spawn(async move { tokio::time::timeout(PATIENCE, answer(stream, &held)).await });
                }
                // Out of file descriptors, most likely: they come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = remove(&self.path);
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn answer(stream: UnixStream, held: &Held) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    tokio::io::BufReader::new(reader.take(MAX_LINE_BYTES))
        .read_line(&mut line)
        .await?;
    let answer = match serde_json::from_str::<Message>(&line) {
        Err(_) => Answer::Failed(Failure::usage(
            "the running server does not know this command: is it as new?",
        )),
        Ok(message) if message.store != held.store.to_string() => Answer::OtherStore,
        Ok(message) => match message.flags.disagreement(&held.settings) {
            Some(setting) => Answer::Failed(Failure::usage(format!(
                "--{}: the running server holds the store and says otherwise",
                setting.replace('_', "-")
            ))),
            None => match message.request.execute(&held.tokens).await {
                Ok(outcome) => Answer::Done(outcome),
                Err(failure) => Answer::Failed(failure),
            },
        },
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    writer.write_all(&line).await
}
