//! `keys.json`, as the server reads it: the keys in it or a plain refusal, and never another file in its place.

use std::{fs, path::PathBuf, sync::OnceLock};

use issuer::jose::KeySet;
use issuer_store::MemoryStore;
use tempfile::TempDir;

use crate::{
    data_dir::DataDir,
    failure::{Failure, FailureKind},
    file_permissions::FilePermissions,
    signing_keys::{self, LostKeys},
    store_url::StoreUrl,
};

/// The target: any bytes as the file.
pub fn keys_file(data: &[u8]) {
    let (dir, path) = folder();
    fs::write(path, data).expect("the file can be written");
    let read = load_or_create(dir);
    assert_eq!(fs::read(path).expect("is still there"), data);
    match (read, std::str::from_utf8(data).map(KeySet::from_jwks)) {
        (Ok(keys), Ok(Ok(theirs))) => assert!(keys.fingerprints().eq(theirs.fingerprints())),
        (Err(failure), theirs) => {
            // Word for word, so that nothing of the file is in it.
            let why = match theirs {
                Err(_) => "cannot be read: stream did not contain valid UTF-8".to_owned(),
                Ok(theirs) => format!(
                    "{}; restore it from a backup, or move it away and make a new key, which ends the tokens that the old one \
                     signed: issuer-server serve --new-key",
                    theirs.expect_err("refused, and it is a key set")
                ),
            };
            assert_eq!(failure.message, format!("{}: {why}", path.display()));
            assert_eq!(failure.kind, FailureKind::Machine);
        }
        (Ok(_), _) => panic!("taken, and it is no key set"),
    }
}

/// Beside a store that holds nothing.
fn load_or_create(dir: &DataDir) -> Result<KeySet, Failure> {
    signing_keys::load_or_create(dir, &MemoryStore::new(), &StoreUrl::Memory, LostKeys::Refuse)
}

fn folder() -> &'static (DataDir, PathBuf) {
    static FOLDER: OnceLock<(TempDir, (DataDir, PathBuf))> = OnceLock::new();
    let (_, folder) = FOLDER.get_or_init(|| {
        let temporary = tempfile::tempdir().expect("a folder");
        let dir = DataDir::open(Some(temporary.path()), FilePermissions::default()).expect("a data folder");
        load_or_create(&dir).expect("a first key, for its owner alone");
        let path = dir.join("keys.json");
        (temporary, (dir, path))
    });
    folder
}
