//! A server in this process, with every library's log at the highest level, as text and as JSON.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use issuer_http::ClientKey;
use issuer_service::TokenService;
use issuer_store::MemoryStore;
use tokio::net::TcpListener;
use tracing::Level;
use tracing_subscriber::{
    filter::LevelFilter,
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
};

use crate::{
    marks::{API_KEY, CLIENT_KEY, Marks},
    requests::{key_set, send_all},
};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything that any library of this process logs from now on, twice.
fn log_everything() -> [Log; 2] {
    let (text, json) = (Log::default(), Log::default());
    let subscriber = tracing_subscriber::registry()
        .with(LevelFilter::from_level(Level::TRACE))
        .with(fmt::layer().with_ansi(false).with_writer(text.clone()))
        .with(fmt::layer().json().flatten_event(true).with_writer(json.clone()));
    tracing::subscriber::set_global_default(subscriber).unwrap();
    [text, json]
}

/// Serves until the process ends.
async fn serve(tokens: TokenService) -> SocketAddr {
    let app = issuer_http::router(tokens)
        .api_key(API_KEY)
        .unwrap()
        .client_key(ClientKey::parse(CLIENT_KEY).unwrap())
        .into_service_router();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app.clone()));
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::trace!(%error, ?error, "a connection failed");
                }
            });
        }
    });
    address
}

#[test]
fn nothing_leaks_into_the_log_at_the_highest_level() {
    let logs = log_everything();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let tokens = TokenService::builder(MemoryStore::new(), key_set())
        .build()
        .unwrap();
    let address = runtime.block_on(serve(tokens.clone()));
    let mut marks = Marks::new();
    send_all(address, &mut marks);
    tokens.shutdown();
    for log in &logs {
        let bytes = log.bytes();
        assert!(String::from_utf8_lossy(&bytes).contains("answered"));
        marks.are_not_in("the log", &bytes);
    }

    // The control: what is logged on purpose is found, in either form of log.
    for (form, found) in [
        (format!("{API_KEY:?}"), "as it is"),
        (format!("{:?}", API_KEY.as_bytes()), "as a list of bytes"),
        (API_KEY.replace('=', "%3D"), "percent-encoded where it must be"),
    ] {
        let before = logs.each_ref().map(|log| log.bytes().len());
        tracing::trace!(form, "said on purpose");
        for (log, before) in logs.iter().zip(before) {
            let said = log.bytes().split_off(before);
            let seen = crate::marks::Mark::new("the API key", API_KEY.as_bytes()).found_in(&said);
            assert_eq!(seen, Some(found), "{}", String::from_utf8_lossy(&said));
        }
    }
}
