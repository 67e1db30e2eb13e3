//! A client that does nothing wrong, and must not notice the others.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::program::{Answer, Ask, Client};

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Served {
    pub(crate) requests: u64,
    pub(crate) slowest: Duration,
}

/// Issues, checks, revokes and checks again, until it is told to stop; what goes wrong, if anything does.
pub(crate) fn serve_me(to: SocketAddr, stop: &AtomicBool) -> Result<Served, String> {
    let mut served = Served::default();
    let mut client = Client::new(to);
    let mut ask = |ask: &Ask, status: u16| -> Result<Answer, String> {
        let start = Instant::now();
        let answer = client
            .ask(ask)
            .map_err(|error| format!("the honest client: {error}"))?;
        served.requests += 1;
        served.slowest = served.slowest.max(start.elapsed());
        if answer.status == status {
            Ok(answer)
        } else {
            Err(format!("the honest client expected {status}: {answer:?}"))
        }
    };
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        let user = format!("honest{}", round % 40);
        round += 1;
        let token = ask(&Ask::issue(&user), 200)?.member("token");
        let me = ask(&Ask::me(&token), 200)?;
        if me.json()["result"]["_id"] != user.as_str() {
            return Err(format!("the honest client is somebody else: {me:?}"));
        }
        let revoked = ask(&Ask::revoke(&user, Some(&token)), 200)?;
        if revoked.json()["revokedTokens"] != 1 {
            return Err(format!("the honest client revoked nothing: {revoked:?}"));
        }
        ask(&Ask::me(&token), 401)?;
        thread::sleep(Duration::from_millis(5));
    }
    Ok(served)
}
