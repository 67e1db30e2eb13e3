//! A sled database whose values and keys are anything: sled itself is whole, and what is in it nobody of ours wrote.

use std::{
    fs, panic,
    path::Path,
    sync::{
        Once, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use issuer_sled::{Check, SledStore};
use tempfile::TempDir;

use crate::any_rows::{exercise, fill, judged};

/// The trees; the first one is sled's own.
const TREES: [&str; 7] = [
    "__sled__default",
    "users",
    "revoked",
    "replays",
    "assigned",
    "tombstones",
    "deaths",
];

/// The target: which tree, whether a value or a key, where in the row that is there, how many bytes, and these; again
/// and again.
pub fn sled_rows(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    copy(template().path(), folder.path());
    let database = sled::Config::new()
        .path(folder.path())
        .segment_size(2 << 20)
        .open();
    let database = database.expect("a whole database");
    for change in Changes(data).take(8) {
        let tree = database
            .open_tree(TREES[usize::from(change.tree) % TREES.len()])
            .expect("a tree");
        let rows: Vec<_> = tree.iter().filter_map(Result::ok).collect();
        let row = rows.get(usize::from(change.row) % rows.len().max(1)).cloned();
        let (key, value) = row.unwrap_or_default();
        let splice = |old: &[u8]| {
            let at = usize::from(change.at).min(old.len());
            let rest = old.get(at + change.bytes.len()..).unwrap_or_default();
            if change.whole {
                change.bytes.to_vec()
            } else {
                [&old[..at], change.bytes, rest].concat()
            }
        };
        if change.is_key {
            tree.remove(&key).expect("can be removed");
            tree.insert(splice(&key), value).expect("can be put");
        } else {
            let value = splice(&value);
            tree.insert(key, value).expect("can be put");
        }
    }
    database.flush().expect("can be written");
    drop(database);
    // The sum over all rows would notice: here it is the rows that are read.
    let options = SledStore::options().check(Check::LastSlice);
    notice_panics();
    if let Some(store) = judged(options.open(folder.path())) {
        exercise(&store);
    }
    assert!(!PANICKED.load(Ordering::Relaxed), "a panic was caught on its way");
}

static PANICKED: AtomicBool = AtomicBool::new(false);

/// The store catches panics of sled's, and with them any of its own.
fn notice_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let ours = panic
                .location()
                .is_some_and(|place| place.file().contains("issuer-sled"));
            PANICKED.fetch_or(ours, Ordering::Relaxed);
            before(panic);
        }));
    });
}

struct ChangeOf<'a> {
    tree: u8,
    row: u8,
    at: u8,
    is_key: bool,
    whole: bool,
    bytes: &'a [u8],
}

/// What is left to read of an input.
struct Changes<'a>(&'a [u8]);

impl<'a> Iterator for Changes<'a> {
    type Item = ChangeOf<'a>;

    fn next(&mut self) -> Option<ChangeOf<'a>> {
        let ([tree, row, how, at, length], rest) = self.0.split_first_chunk()?;
        let (bytes, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        self.0 = rest;
        Some(ChangeOf {
            tree: *tree,
            row: *row,
            at: *at,
            is_key: how % 4 == 3,
            whole: how % 2 == 1,
            bytes,
        })
    }
}

/// A folder with a row of each kind.
fn template() -> &'static TempDir {
    static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SledStore::open(folder.path()).expect("a new store");
        fill(&store);
        folder
    })
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir(&to).expect("a folder");
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("a file");
        }
    }
}
