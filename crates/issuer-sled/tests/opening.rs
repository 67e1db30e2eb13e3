//! Which folders are opened, how, and what is said of the others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use issuer::state::{Expect, TokenBody};
use issuer_conformance::{
    fixture::{Draft, assigned, at, creating, issued, replay, revoked, writing},
    probe::{applied, export, snapshot},
};
use issuer_sled::{Check, SledStore};
use issuer_store::{Effect, ExportRow, Store, StoreError, StoreErrorKind};

/// Opens a folder that must be refused, and says why.
#[track_caller]
fn refused(folder: &Path) -> StoreError {
    let error = SledStore::open(folder).expect_err("an error");
    let name = folder.file_name().unwrap().to_str().unwrap();
    assert!(error.to_string().contains(name), "{error} names the folder");
    assert_eq!(error.effect(), Effect::None);
    error
}

fn filled(folder: &Path) -> SledStore {
    let store = SledStore::open(folder).unwrap();
    let users = (0..50).map(|n| {
        let name = format!("user{n:03}");
        let token = format!("token of {name}");
        creating(&name, n)
            .token(issued(&token))
            .token(assigned(&token))
            .token(revoked(issued(&name), at(1)))
            .replay(replay(&token))
            .tombstone(&name, at(9))
    });
    applied(&store, users);
    store
}

/// Every file of a closed store.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// A copy of a closed store, in a folder called `damaged`.
fn copy(from: &Path, to: &Path) -> PathBuf {
    let copy = to.join("damaged");
    fs::create_dir_all(copy.join("blobs")).unwrap();
    for file in files(from) {
        fs::copy(&file, copy.join(file.strip_prefix(from).unwrap())).unwrap();
    }
    copy
}

/// Opens a folder, which must be as it was, or refused for what it is.
#[track_caller]
fn whole_or_refused(folder: &Path, whole: &[ExportRow], what: &str) -> Option<StoreErrorKind> {
    match SledStore::open(folder).and_then(|store| store.export(None, 10_000)) {
        Ok(found) => {
            assert!(found.rows == whole, "{what}: opened, and not as it was");
            None
        }
        Err(error) => {
            use StoreErrorKind::{Damaged, Foreign, Newer};
            assert!(
                matches!(error.kind(), Damaged | Foreign | Newer),
                "{what}: {error:?}"
            );
            assert!(error.to_string().contains("damaged"), "{error} names the folder");
            Some(error.kind())
        }
    }
}

/// A store that was closed and opened again, with pages that were moved and pages that are files of their own;
/// and what is in it.
fn aged(folder: &Path) -> Vec<ExportRow> {
    drop(filled(folder));
    let store = SledStore::open(folder).unwrap();
    let long = |n: u64| {
        let mut token = issued(&format!("long {n}"));
        if let TokenBody::Issued(issued) = &mut token.body {
            issued.audience = Some(format!("{n:06000}").into());
        }
        token
    };
    for round in 0..20 {
        let users = (0..50).map(|n| {
            let token = format!("{round} {n}");
            writing(&format!("user{n:03}"), Expect::Any, 1_000 + n).token(issued(&token))
        });
        applied(&store, users);
    }
    applied(
        &store,
        [(0..90).map(long).fold(creating("amy", 100), Draft::token)],
    );
    let whole = export(&store, 10_000);
    drop(store);
    assert!(fs::read_dir(folder.join("blobs")).unwrap().count() > 0);
    whole
}

/// Every file of a store with what is done to its content, each in a copy of its own.
fn damage(places: usize, alter: impl Fn(&mut Vec<u8>, usize)) -> Vec<(String, Option<StoreErrorKind>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    let whole = aged(&path);
    let mut found = Vec::new();
    for file in files(&path) {
        let name = file.strip_prefix(&path).unwrap();
        let content = fs::read(&file).unwrap();
        let places = if name == Path::new("db") { places } else { 12 };
        let used = content.iter().rposition(|byte| *byte != 0).unwrap_or_default() + 1;
        for at in (0..used).step_by(used.div_ceil(places)) {
            let place = tempfile::tempdir().unwrap();
            let damaged = copy(&path, place.path());
            let mut content = content.clone();
            alter(&mut content, at);
            fs::write(damaged.join(name), content).unwrap();
            let what = format!("{}, byte {at}", name.display());
            let kind = whole_or_refused(&damaged, &whole, &what);
            found.push((what, kind));
        }
    }
    found
}

fn refusals_of_the_database(found: &[(String, Option<StoreErrorKind>)]) -> usize {
    let of_the_database = found.iter().filter(|(what, _)| what.starts_with("db,"));
    of_the_database.filter(|(_, kind)| kind.is_some()).count()
}

#[test]
fn a_bit_that_turned_in_any_file_is_an_error_or_does_no_harm() {
    let found = damage(80, |content, at| content[at] ^= 0x10);
    assert!(refusals_of_the_database(&found) > 40, "{found:?}");
}

#[test]
fn a_file_that_lost_its_end_is_an_error_or_does_no_harm() {
    let found = damage(15, Vec::truncate);
    assert!(refusals_of_the_database(&found) > 10, "{found:?}");
}

#[test]
fn a_page_of_noise_in_any_file_is_an_error_or_does_no_harm() {
    let found = damage(30, |content, at| {
        let mut noise: u32 = 1;
        for byte in content.iter_mut().skip(at / 512 * 512).take(4_096) {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = noise.to_be_bytes()[0];
        }
    });
    assert!(refusals_of_the_database(&found) > 20, "{found:?}");
}

#[test]
fn a_folder_that_lost_a_file_is_an_error_or_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    let whole = aged(&path);
    for file in files(&path) {
        let place = tempfile::tempdir().unwrap();
        let damaged = copy(&path, place.path());
        let name = file.strip_prefix(&path).unwrap();
        fs::remove_file(damaged.join(name)).unwrap();
        let what = name.display().to_string();
        let kind = whole_or_refused(&damaged, &whole, &what);
        match what.as_str() {
            "db" => assert_eq!(kind, Some(StoreErrorKind::Damaged)),
            "issuer" => assert_eq!(kind, Some(StoreErrorKind::Foreign)),
            _ => {}
        }
    }
}

#[test]
fn what_was_refused_as_damaged_stays_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    drop(filled(&path));
    let mut content = fs::read(path.join("db")).unwrap();
    content[5_000] ^= 1;
    fs::write(path.join("db"), content).unwrap();
    for _ in 0..3 {
        let error = refused(&path);
        assert_eq!(error.kind(), StoreErrorKind::Damaged, "{error:?}");
        let remedy = "move the whole folder to another place, and put a backup of the folder in its place";
        assert!(error.to_string().contains(remedy), "{error}");
    }
}

#[test]
fn a_damaged_folder_is_replaced_by_a_backup_as_its_message_says() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("users.sled");
    let whole = export(&filled(&path), 1_000);
    let backup = copy(&path, place.path());
    fs::write(path.join("db"), "not what sled wrote").unwrap();
    refused(&path);
    fs::rename(&path, place.path().join("moved away")).unwrap();
    fs::rename(&backup, &path).unwrap();
    assert_eq!(export(&SledStore::open(&path).unwrap(), 1_000), whole);
}

/// Files of a later state stay among those of the backup, such as its newest snapshot.
#[test]
fn a_backup_that_is_copied_over_a_folder_is_taken_whole_or_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("users.sled");
    let whole = export(&filled(&path), 1_000);
    let backup = copy(&path, place.path());
    let (mut taken, mut turned_down) = (0, 0);
    for round in 0..12 {
        // Opened again each time, so that sled makes another snapshot; at times without a commit.
        let store = SledStore::open(&path).unwrap();
        for n in 0..round % 4 * 40 {
            applied(&store, [creating(&format!("later{round}-{n}"), 900)]);
        }
        // Closed, or as a kill leaves it.
        let over = tempfile::tempdir().unwrap();
        let over = if round % 2 == 0 {
            drop(store);
            copy(&path, over.path())
        } else {
            copy(&path, over.path())
        };
        for file in files(&backup) {
            fs::copy(&file, over.join(file.strip_prefix(&backup).unwrap())).unwrap();
        }
        match whole_or_refused(&over, &whole, &format!("round {round}")) {
            None => taken += 1,
            Some(_) => turned_down += 1,
        }
    }
    println!("{taken} taken, {turned_down} refused");
}

/// sled alone takes it for the newest snapshot, and the folder for damaged.
#[test]
fn a_snapshot_that_was_being_written_when_the_process_died_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    let whole = export(&filled(&path), 1_000);
    let unfinished = path.join("snap.00000000FFFFFFFF.generating");
    for content in [&b""[..], b"half a snapshot, and not its sum"] {
        fs::write(&unfinished, content).unwrap();
        let store = SledStore::open(&path).unwrap();
        assert_eq!(export(&store, 1_000), whole);
        assert!(!unfinished.exists());
    }
}

#[test]
fn a_second_store_in_the_folder_is_refused_while_the_first_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    let store = filled(&path);
    let error = refused(&path);
    assert_eq!(error.kind(), StoreErrorKind::Busy);
    assert!(error.is_retryable());
    assert!(error.to_string().contains("another process"), "{error}");
    assert!(snapshot(&store, "user001").user.is_some());
    drop(store);
    assert!(
        snapshot(&SledStore::open(&path).unwrap(), "user001")
            .user
            .is_some()
    );
}

#[test]
fn the_folder_of_a_newer_version_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    drop(filled(&path));
    let mut format = fs::read(path.join("issuer")).unwrap();
    assert!(format.starts_with(b"issuer-sled 1\n"));
    format[12] = b'2';
    fs::write(path.join("issuer"), format).unwrap();
    let before = content(&path);
    let error = refused(&path);
    assert_eq!(error.kind(), StoreErrorKind::Newer);
    assert!(error.to_string().contains("run that version"), "{error}");
    assert!(content(&path) == before);
}

/// Every file with what is in it.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found: Vec<_> = files(folder)
        .into_iter()
        .map(|file| (file.clone(), fs::read(file).unwrap()))
        .collect();
    found.sort();
    found
}

#[test]
fn a_folder_of_something_else_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("notes.txt"), "To whom it may concern").unwrap();
    let other_sled = folder.path().join("other.sled");
    sled::open(&other_sled).unwrap().insert("theirs", "x").unwrap();
    let other_format = folder.path().join("other.format");
    fs::create_dir(&other_format).unwrap();
    fs::write(
        other_format.join("issuer"),
        "a file that happens to have this name",
    )
    .unwrap();
    for path in [theirs, other_sled, other_format] {
        let before = content(&path);
        assert_eq!(refused(&path).kind(), StoreErrorKind::Foreign, "{path:?}");
        assert!(content(&path) == before, "{path:?}");
    }
}

#[test]
fn a_tree_that_others_keep_in_the_folder_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    drop(filled(&path));
    let outside = sled::Config::new().path(&path).segment_size(2 << 20).open();
    outside.unwrap().open_tree("theirs\u{1b}[2J").unwrap();
    let error = refused(&path);
    assert_eq!(error.kind(), StoreErrorKind::Damaged);
    let told = error.to_string();
    assert!(
        told.contains(r#"the tree "theirs\u{1b}[2J", which this library did not make"#),
        "{told}"
    );
}

#[test]
fn a_file_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    fs::write(&path, "x").unwrap();
    assert_eq!(refused(&path).kind(), StoreErrorKind::Foreign);
    assert_eq!(fs::read(&path).unwrap(), b"x");
}

#[test]
fn a_path_that_names_nothing_is_refused() {
    let error = SledStore::open("").unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Invalid);
    assert!(error.to_string().contains("MemoryStore"), "{error}");
}

#[test]
fn a_missing_folder_around_it_is_named_as_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let error = refused(&folder.path().join("absent").join("users.sled"));
    assert_eq!(error.kind(), StoreErrorKind::Io);
    assert!(error.to_string().contains("does not exist"), "{error}");
}

#[test]
fn an_empty_folder_and_one_whose_making_was_cut_short_are_new_stores() {
    let folder = tempfile::tempdir().unwrap();
    let complete = folder.path().join("complete");
    drop(SledStore::open(&complete).unwrap());
    let format = unfinished(&complete);
    for length in [None, Some(0), Some(5), Some(600)] {
        let path = folder.path().join(format!("{length:?}"));
        fs::create_dir(&path).unwrap();
        if let Some(length) = length {
            fs::write(path.join("issuer"), &format[..length]).unwrap();
        }
        drop(filled(&path));
        assert!(
            snapshot(&SledStore::open(&path).unwrap(), "user001")
                .user
                .is_some()
        );
    }
}

/// What the file of our own holds before a store is made to its end.
fn unfinished(complete: &Path) -> Vec<u8> {
    let mut content = fs::read(complete.join("issuer")).unwrap();
    let mark = b"unfinished\n";
    content.splice(14..14 + mark.len(), *mark);
    content
}

#[test]
fn a_store_whose_making_was_cut_short_anywhere_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let complete = folder.path().join("complete");
    drop(SledStore::open(&complete).unwrap());
    let conf = fs::read(complete.join("conf")).unwrap();
    let unfinished = unfinished(&complete);
    let leftovers: [&[(&str, &[u8])]; 5] = [
        &[],
        &[("conf", b"")],
        &[("conf", &conf), ("db", b"")],
        &[("conf", &[0; 63]), ("db", &[7; 600])],
        &[("db", &[7; 600]), ("snap.0000000000000001", b"x")],
    ];
    for (number, files) in leftovers.into_iter().enumerate() {
        let path = folder.path().join(number.to_string());
        fs::create_dir(&path).unwrap();
        fs::write(path.join("issuer"), &unfinished).unwrap();
        for (name, content) in files {
            fs::write(path.join(name), content).unwrap();
        }
        drop(filled(&path));
        let store = SledStore::open(&path).unwrap();
        assert!(snapshot(&store, "user001").user.is_some(), "{files:?}");
    }
    // The sectors of the file of our own are there one by one.
    for sectors in [[true, false, false], [false, true, true], [false; 3]] {
        let path = folder.path().join(format!("{sectors:?}"));
        fs::create_dir(&path).unwrap();
        let chunks = unfinished.chunks(512).zip(sectors);
        let content: Vec<u8> = chunks
            .flat_map(|(sector, there)| if there { sector.to_vec() } else { vec![0; 512] })
            .collect();
        fs::write(path.join("issuer"), content).unwrap();
        drop(filled(&path));
    }
}

#[test]
fn a_store_that_was_made_and_lost_its_database_is_damaged_even_if_nothing_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    drop(SledStore::open(&path).unwrap());
    fs::remove_file(path.join("db")).unwrap();
    assert_eq!(refused(&path).kind(), StoreErrorKind::Damaged);
    fs::write(path.join("db"), b"").unwrap();
    assert_eq!(refused(&path).kind(), StoreErrorKind::Damaged);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_enter_the_folder() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    drop(filled(&path));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    let format = fs::metadata(path.join("issuer")).unwrap();
    assert_eq!(format.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_row_that_this_library_cannot_have_written_is_an_error_once_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for (tree, key) in [
        ("users", &b"user001"[..]),
        ("users", b"\xff"),
        ("tombstones", b"short"),
        ("__sled__default", b"control"),
        ("__sled__default", b"state"),
    ] {
        for value in [&b""[..], &[0; 9], &[1; 60], &[0xff; 300]] {
            let path = folder.path().join("users.sled");
            drop(filled(&path));
            let outside = sled::Config::new()
                .path(&path)
                .segment_size(2 << 20)
                .open()
                .unwrap();
            outside.open_tree(tree).unwrap().insert(key, value).unwrap();
            drop(outside);
            // Whoever checks every row finds it at once.
            assert_eq!(refused(&path).kind(), StoreErrorKind::Damaged);
            let error = SledStore::options()
                .check(Check::LastSlice)
                .open(&path)
                .and_then(|store| {
                    store.export(None, 1_000)?;
                    store.control()?;
                    store.purge(at(1_000_000), 1_000)
                })
                .expect_err("damage");
            assert_eq!(error.kind(), StoreErrorKind::Damaged, "{tree}: {error:?}");
            assert!(error.to_string().contains("users.sled"), "{error}");
            fs::remove_dir_all(&path).unwrap();
        }
    }
}

#[test]
fn a_cache_of_any_size_will_do() {
    for bytes in [0, 1, 1_000, u64::MAX] {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::options()
            .cache_bytes(bytes)
            .open(folder.path().join("users.sled"))
            .unwrap();
        applied(&store, (0..100).map(|n| creating(&format!("user{n}"), n)));
        assert!(snapshot(&store, "user7").user.is_some());
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_was_deleted_under_the_store_is_an_error_at_the_next_write_or_opening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    let store = filled(&path);
    fs::remove_dir_all(&path).unwrap();
    let error = store.apply(&[creating("amy", 1).into()]).unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown);
    assert!(error.to_string().contains("users.sled"), "{error}");
    drop(store);
    assert!(
        snapshot(&SledStore::open(&path).unwrap(), "user001")
            .user
            .is_none()
    );
}
