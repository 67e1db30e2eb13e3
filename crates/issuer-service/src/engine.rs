//! What runs behind the calls: the queues, the threads that work on them, and their end.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use issuer::{
    Timestamp,
    decide::Rules,
    jose::{Expected, KeySet},
};
use issuer_store::{Effect, Store};

use crate::{
    ApiKey, Clock, Error,
    api_keys::ApiKeys,
    call::{Call, Caller, Job},
    deadlines::Deadlines,
    error::ErrorKind,
    fresh::Ids,
    guard,
    health::Health,
    keeper::Keeper,
    live_tokens::LiveTokens,
    open_store::{self, OpenStore, StoreHandle},
    queue::Queue,
    reader::{self, Read},
    reply::{self, Pending, Reply},
    threads::Threads,
    writer::Writer,
};

/// Threads that read for async callers: one reads while the other waits for a page of the disk.
const READERS: usize = 2;

/// How long the writer looks for the next request before it sleeps: a caller that was answered and asks again is back
/// by then, and is spared some tens of microseconds. It costs this much of a processor after the last request of a
/// busy time, and hands the processor to whoever wants it.
const WRITER_LINGERS: Duration = Duration::from_micros(60);

/// How long a blocking caller that waits alone looks for its answer before it sleeps: about a commit on a fast disk. To
/// be woken takes a fifth of that. Where others wait, too, there is work for the processor.
const LONE_CALLER_LINGERS: Duration = Duration::from_micros(250);

pub(crate) struct Settings {
    pub(crate) keys: KeySet,
    pub(crate) rules: Rules,
    pub(crate) expected: Expected,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) queue_bound: usize,
    pub(crate) deadline: Duration,
    pub(crate) live: LiveTokens,
}

impl Settings {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.timestamp()
    }
}

/// What the clones of a service share. Dropping it stops the threads.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    threads: Threads,
}

/// What the threads hold, too.
struct Shared {
    settings: Settings,
    /// For calls that read on a host's thread.
    store: StoreHandle,
    health: Health,
    writes: Queue<Box<dyn Job>>,
    reads: Queue<Read>,
    deadlines: Deadlines,
    keeper: Keeper,
    api_keys: ApiKeys,
    accepting: AtomicBool,
    /// Blocking callers that wait for an answer.
    waiting: AtomicUsize,
}

/// Held by whoever answers. Once the last of them has ended, no deadline is left to be watched.
struct Answering(Arc<Shared>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.deadlines.close();
    }
}

impl Engine {
    /// Starts the threads. The service may be used once [`read_keys`](Engine::read_keys) is answered.
    pub(crate) fn start(settings: Settings, store: Box<dyn Store>) -> io::Result<Self> {
        let (store, handle) = open_store::open(store);
        let shared = Shared {
            store: handle,
            health: Health::default(),
            writes: Queue::new(settings.queue_bound, WRITER_LINGERS),
            reads: Queue::new(settings.queue_bound, Duration::ZERO),
            deadlines: Deadlines::new(settings.deadline),
            keeper: Keeper::default(),
            api_keys: ApiKeys::unread(),
            accepting: AtomicBool::new(true),
            waiting: AtomicUsize::new(0),
            settings,
        };
        let engine = Self {
            shared: Arc::new(shared),
            threads: Threads::default(),
        };
        // Where one cannot be started, the drop stops the others.
        engine.spawn_all(store)?;
        Ok(engine)
    }

    /// Gives the store to the threads, and to nobody else.
    fn spawn_all(&self, store: Arc<OpenStore>) -> io::Result<()> {
        let answering = Arc::new(Answering(self.shared.clone()));
        self.spawn("issuer-writer", &answering, &store, |answering, store| {
            answering.0.write(store);
        })?;
        for _ in 0..READERS {
            self.spawn("issuer-reader", &answering, &store, |answering, store| {
                answering.0.read(store);
            })?;
        }
        self.spawn("issuer-keys", &self.shared, &store, |shared, store| {
            shared.keeper.refresh(&shared.api_keys, store);
        })?;
        self.spawn("issuer-purge", &self.shared, &store, |shared, store| {
            let Settings { clock, live, .. } = &shared.settings;
            shared.keeper.purge(store, &**clock, &shared.health, live);
        })?;
        drop(store);
        let shared = self.shared.clone();
        self.threads
            .spawn("issuer-deadline", move || shared.deadlines.run())
    }

    fn spawn<T: Send + Sync + 'static>(
        &self,
        name: &str,
        with: &Arc<T>,
        store: &Arc<OpenStore>,
        work: fn(&T, &dyn Store),
    ) -> io::Result<()> {
        let (with, store) = (Arc::clone(with), Arc::clone(store));
        self.threads.spawn(name, move || work(&with, &**store))
    }

    /// Has the API keys read for the first time. No deadline: a store that opens slowly is no reason not to start.
    pub(crate) fn read_keys(&self) -> Result<Pending<()>, Error> {
        let (reply, pending) = reply::channel();
        let shared = self.shared.clone();
        let read = move |store: &dyn Store| shared.api_keys.refresh(store);
        self.shared.reads.push(reader::ask(reply, Effect::None, read))?;
        Ok(pending)
    }

    /// Has a key added on a thread of the service.
    pub(crate) fn add_api_key(&self, name: &str, key: ApiKey) -> Result<Pending<()>, Error> {
        let (shared, name) = (self.shared.clone(), name.to_owned());
        let now = self.settings().now();
        let add = move |store: &dyn Store| shared.api_keys.add(store, &name, key, now);
        self.read(|reply| reader::ask(reply, Effect::Unknown, add))
    }

    /// Whether the store answers, and its last write worked or a test write does.
    pub(crate) fn ready(&self) -> Result<Pending<()>, Error> {
        if self.shared.health.last_write_worked() {
            let ask = |store: &dyn Store| guard::read(|| store.control()).map(drop);
            return self.read(|reply| reader::ask(reply, Effect::None, ask));
        }
        self.accepting()?;
        let (reply, pending) = reply::channel();
        self.shared.deadlines.watch(reply.watched());
        self.shared.keeper.ask(reply);
        Ok(pending)
    }

    #[cfg(test)]
    pub(crate) fn thread_count(&self) -> usize {
        self.threads.count()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// The store, for a call that reads on its caller's thread.
    pub(crate) fn store(&self) -> Result<Arc<OpenStore>, Error> {
        self.shared.store.get()
    }

    pub(crate) fn api_keys(&self) -> &ApiKeys {
        &self.shared.api_keys
    }

    /// Hands a call to the writer.
    pub(crate) fn submit<C: Call + 'static>(&self, call: C) -> Result<Pending<C::Answer>, Error> {
        let (reply, pending) = reply::channel();
        let watched = reply.watched();
        self.shared.writes.push(Box::new(Caller::new(call, reply)))?;
        self.shared.deadlines.watch(watched);
        Ok(pending)
    }

    /// Hands a call to the writer, and waits for the answer on the caller's own thread.
    pub(crate) fn submit_and_wait<C: Call + 'static>(&self, call: C) -> Result<C::Answer, Error> {
        let pending = self.submit(call)?;
        let alone = self.shared.waiting.fetch_add(1, Ordering::Relaxed) == 0;
        let answer = pending.wait(if alone {
            LONE_CALLER_LINGERS
        } else {
            Duration::ZERO
        });
        self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
        answer
    }

    /// Hands a question to the readers.
    pub(crate) fn read<T>(&self, question: impl FnOnce(Reply<T>) -> Read) -> Result<Pending<T>, Error>
    where
        T: Send + 'static,
    {
        let (reply, pending) = reply::channel();
        let watched = reply.watched();
        self.shared.reads.push(question(reply))?;
        self.shared.deadlines.watch(watched);
        Ok(pending)
    }

    /// For calls that go past the queues.
    pub(crate) fn accepting(&self) -> Result<(), Error> {
        if self.shared.accepting.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::ShuttingDown))
        }
    }

    /// Stops accepting, and waits until what was accepted is finished and the store is closed.
    pub(crate) fn stop(&self) {
        self.shared.accepting.store(false, Ordering::Relaxed);
        self.shared.writes.close();
        self.shared.reads.close();
        self.shared.keeper.stop();
        // A thread of the service itself cannot wait for its own end.
        if self.threads.join() {
            self.shared.store.wait_until_closed();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn write(&self, store: &dyn Store) {
        let Settings {
            rules, clock, live, ..
        } = &self.settings;
        Writer {
            store,
            health: &self.health,
            rules,
            clock: &**clock,
            live,
            ids: Ids::default(),
        }
        .run(&self.writes);
    }

    fn read(&self, store: &dyn Store) {
        reader::run(store, &self.reads);
    }
}
