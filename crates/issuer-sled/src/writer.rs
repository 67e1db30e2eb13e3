//! Whoever writes.

use std::sync::{Mutex, PoisonError};

use crate::{
    error::{Fault, Result, contained},
    format::FormatFile,
    session::Slot,
    staged::Staged,
    worker::Worker,
};

/// What failed, and whether something may have been written all the same.
pub(crate) enum Failure {
    Before(Fault),
    InWrite(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Before(fault)
    }
}

/// One write at a time.
pub(crate) struct Writer {
    turn: Mutex<()>,
    worker: Worker,
}

impl Writer {
    pub(crate) fn new(worker: Worker) -> Self {
        Self {
            turn: Mutex::new(()),
            worker,
        }
    }

    /// Writes all that `work` stages, synced before this returns and shown to nobody earlier, or nothing of it.
    ///
    /// Once a write has failed everything is refused until the folder was opened again.
    pub(crate) fn write<T>(
        &self,
        slot: &Slot,
        format: &FormatFile,
        work: impl FnOnce(&mut Staged<'_>) -> Result<T>,
    ) -> std::result::Result<T, Failure> {
        // Nothing is left half-way by a panic: what is staged is gone with it.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let session = slot.session()?;
        let database = &session.database;
        let (done, staged) = contained(|| {
            let mut staged = Staged::new(database);
            let done = work(&mut staged)?;
            Ok((done, staged.finish()?))
        })?;
        let Some((batch, slice)) = staged else {
            return Ok(done);
        };
        let link = session.chain.announce(&batch);
        let written = self.worker.run(database, move |database| {
            database.write(&batch)?;
            database.sync()
        });
        if let Err(fault) = written {
            slot.close();
            self.worker.open_again();
            return Err(Failure::InWrite(fault));
        }
        format.witness(slice);
        session.chain.show(link);
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc,
        thread,
        time::{Duration, Instant},
    };

    use issuer::state::{Control, Expect, Versioned};
    use issuer_conformance::{
        fixture::{assigned, at, creating, id, issued, replay, revoked, updating, version},
        probe::{applied, export, find, ids, list, load, snapshot},
    };
    use issuer_store::{Effect, Lookup, Page, Store, StoreErrorKind};

    use super::*;
    use crate::SledStore;

    fn store() -> (SledStore, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (SledStore::open(folder.path().join("users.sled")).unwrap(), folder)
    }

    /// Has the disk do this at every sync.
    fn at_every_sync(store: &SledStore, disk: impl FnMut() -> Result<()> + Send + 'static) {
        let session = store.slot.session().unwrap();
        *session.database.before_sync.lock().unwrap() = Some(Box::new(disk));
    }

    fn everybody(count_all: bool) -> Page<'static> {
        Page {
            limit: 100,
            count_all,
            ..Page::default()
        }
    }

    /// Every answer that the store gives.
    fn answers(store: &SledStore) -> String {
        let amy = load(store, "amy", &["key", "new key"], &["t", "dead", "new"]);
        let tokens = ["a", "new a"].map(|name| find(store, "amy", &issued(name)));
        let assigned = ["t", "new"].map(|text| find(store, "amy", &assigned(text)));
        let bob = snapshot(store, "bob");
        let page = list(store, &everybody(true));
        let rows = [1, 3, 100].map(|limit| export(store, limit));
        let control = store.control().unwrap();
        format!("{amy:?} {tokens:?} {assigned:?} {bob:?} {page:?} {rows:?} {control:?}")
    }

    #[test]
    fn what_is_not_synced_is_shown_by_no_read_and_no_read_waits_for_it() {
        let (store, _folder) = store();
        let control = |n| Versioned {
            version: version(n),
            value: Control::default(),
        };
        store.set_control(Expect::Absent, &control(1)).unwrap();
        let amy = creating("amy", 1)
            .token(issued("a"))
            .token(assigned("t"))
            .token(revoked(issued("old"), at(-50)))
            .replay(replay("key"))
            .tombstone("dead", at(9));
        applied(&store, [amy, creating("cy", 2).token(issued("cy's"))]);
        let before = answers(&store);
        let (enter, entered) = mpsc::channel();
        let (leave, left) = mpsc::channel::<()>();
        at_every_sync(&store, move || {
            enter.send(()).unwrap();
            left.recv().unwrap();
            Ok(())
        });
        let writes: [&(dyn Fn() + Sync); 4] = [
            &|| {
                let update = updating("amy", 1, 3)
                    .token(revoked(issued("a"), at(0)))
                    .token(issued("new a"))
                    .token(assigned("new"))
                    .tombstone("dead", at(99))
                    .replay(replay("new key"));
                applied(&store, [update, creating("bob", 4), updating("cy", 2, 5).erase()]);
            },
            &|| assert_eq!(store.purge(at(0), 100).unwrap(), 2),
            &|| {
                store.set_control(Expect::Any, &control(6)).unwrap();
            },
            &|| applied(&store, [updating("amy", 3, 7).erase()]),
        ];
        let mut seen = vec![before];
        for write in writes {
            thread::scope(|scope| {
                let thread = scope.spawn(write);
                entered.recv().unwrap();
                // sled has it all by now, and the disk does not answer.
                assert_eq!(answers(&store), *seen.last().unwrap());
                leave.send(()).unwrap();
                thread.join().unwrap();
            });
            let after = answers(&store);
            assert!(!seen.contains(&after), "each write shows");
            seen.push(after);
        }
        assert_eq!(ids(&list(&store, &everybody(false))), ["bob"]);
    }

    #[test]
    fn a_reader_that_began_before_many_writes_ends_as_of_its_beginning() {
        let (store, _folder) = store();
        applied(&store, (0..200).map(|n| creating(&format!("user{n:03}"), n)));
        let session = store.slot.session().unwrap();
        let view = session.chain.view(&session.database);
        let page = |view| crate::load::list(view, &everybody(true)).unwrap();
        let before = page(&view);
        for round in 0..300_u64 {
            let name = format!("user{:03}", round % 200);
            let commit = issuer_conformance::fixture::writing(&name, Expect::Any, 1_000 + round);
            applied(&store, [commit.erase(), creating(&format!("new {round}"), round)]);
        }
        assert_eq!(page(&view), before);
        assert_ne!(page(&session.chain.view(&session.database)), before);
    }

    /// Asks until the store answers.
    fn once_open_again(store: &SledStore) {
        let started = Instant::now();
        while let Err(error) = store.control() {
            assert_eq!(error.kind(), StoreErrorKind::Closed, "{error}");
            assert!(
                error.is_retryable() && error.to_string().contains("users.sled is closed"),
                "{error}"
            );
            assert!(started.elapsed() < Duration::from_secs(20), "{error}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn after_a_failed_sync_the_store_refuses_all_until_it_has_opened_its_folder_again_by_itself() {
        for panics in [false, true] {
            let (store, _folder) = store();
            applied(&store, [creating("amy", 1).token(issued("a"))]);
            at_every_sync(&store, move || {
                assert!(!panics, "as sled may");
                Err(Fault::System(std::io::Error::from_raw_os_error(5)))
            });
            // As long as somebody reads it cannot be closed, and so not opened.
            let session = store.slot.session().unwrap();
            let error = store
                .apply(&[updating("amy", 1, 2).token(issued("b")).into()])
                .unwrap_err();
            assert_eq!(error.effect(), Effect::Unknown);
            assert!(error.to_string().contains("users.sled"), "{error}");
            for _ in 0..2 {
                let amy = id("amy");
                let error = store.load(&[Lookup::user(&amy)]).unwrap_err();
                assert_eq!(error.kind(), StoreErrorKind::Closed);
                assert!(error.is_retryable());
                assert!(error.to_string().contains("try again in a moment"), "{error}");
                let error = store.apply(&[creating("bob", 3).into()]).unwrap_err();
                assert_eq!(
                    (error.kind(), error.effect()),
                    (StoreErrorKind::Closed, Effect::None)
                );
                assert_eq!(store.purge(at(0), 1).unwrap_err().kind(), StoreErrorKind::Closed);
                assert_eq!(store.control().unwrap_err().kind(), StoreErrorKind::Closed);
            }
            drop(session);
            once_open_again(&store);
            let amy = snapshot(&store, "amy");
            let whole = amy.user.map(|user| user.version);
            match amy.tokens.len() {
                1 => assert_eq!(whole, Some(version(1))),
                _ => assert_eq!(whole, Some(version(2))),
            }
            applied(&store, [creating("bob", 3)]);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_opened_again_is_tried_again_with_pauses_and_the_reason_is_told() {
        let (store, folder) = store();
        applied(&store, [creating("amy", 1)]);
        let (here, away) = (folder.path().join("users.sled"), folder.path().join("away"));
        std::fs::rename(&here, &away).unwrap();
        assert!(store.apply(&[creating("bob", 2).into()]).is_err());
        let started = Instant::now();
        let reason = loop {
            let error = store.control().unwrap_err();
            if error.to_string().contains("so far") {
                break error;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "{error}");
            thread::sleep(Duration::from_millis(5));
        };
        assert!(
            reason.to_string().contains("moved, deleted or replaced"),
            "{reason}"
        );
        assert!(reason.is_retryable());
        assert!(!here.exists(), "nothing is made in its place");
        std::fs::rename(&away, &here).unwrap();
        once_open_again(&store);
        assert!(snapshot(&store, "amy").user.is_some());
        applied(&store, [creating("cyd", 3)]);
    }

    #[test]
    fn a_store_that_waits_for_its_disk_can_be_dropped() {
        let (store, folder) = store();
        std::fs::remove_dir_all(folder.path().join("users.sled")).unwrap();
        assert!(store.apply(&[creating("amy", 1).into()]).is_err());
        let started = Instant::now();
        drop(store);
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_panic_before_the_write_leaves_nothing_and_hinders_nobody() {
        let (store, _folder) = store();
        let failure = store.writer.write(&store.slot, &store.format, |staged| {
            staged.put_tombstone(issuer::Digest::of(b"x"), at(0))?;
            panic!("half-way");
            #[expect(unreachable_code, reason = "says what it would return")]
            Ok(())
        });
        assert!(matches!(failure, Err(Failure::Before(Fault::Panicked(_)))));
        applied(&store, [creating("amy", 1)]);
        assert_eq!(export(&store, 10).len(), 1);
    }
}
