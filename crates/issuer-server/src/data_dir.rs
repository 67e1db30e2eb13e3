//! The folder of the keys and, by default, of the store.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use etcetera::{BaseStrategy as _, choose_base_strategy};
use zeroize::Zeroizing;

use crate::{
    failure::Failure,
    file_permissions::{FilePermissions, open_regular, read_text},
};

/// The data folder, which exists.
#[derive(Clone, Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    permissions: FilePermissions,
}

/// Held while files that must exist once are made: two processes that start at once make one of each.
pub(crate) struct Lock(#[allow(dead_code, reason = "held, not read")] File);

impl DataDir {
    /// The folder that is set, or the platform's; made where it does not exist.
    pub(crate) fn open(set: Option<&Path>, permissions: FilePermissions) -> Result<Self, Failure> {
        let path = Self::choose(set)?;
        let is_new = !path.exists();
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => Failure::usage(format!(
                "{}: is not a folder: name another one with --data-dir DIR",
                path.display()
            )),
            _ => Failure::machine(format!(
                "{}: cannot be made: {error}; name another one with --data-dir DIR",
                path.display()
            )),
        })?;
        let path = fs::canonicalize(&path)
            .map_err(|error| Failure::machine(format!("{}: cannot be opened: {error}", path.display())))?;
        if is_new {
            permissions
                .widen_folder(&path)
                .map_err(|error| Failure::machine(format!("{}: cannot be made: {error}", path.display())))?;
        }
        let metadata = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
        permissions.check_folder(&path, &metadata)?;
        Ok(Self { path, permissions })
    }

    /// The same folder, if it is there: for a command that needs nothing in it but the socket.
    pub(crate) fn existing(set: Option<&Path>) -> Option<Self> {
        let path = fs::canonicalize(Self::choose(set).ok()?).ok()?;
        Some(Self {
            path,
            permissions: FilePermissions::default(),
        })
    }

    fn choose(set: Option<&Path>) -> Result<PathBuf, Failure> {
        if let Some(path) = set {
            return Ok(path.to_owned());
        }
        let strategy = choose_base_strategy().map_err(|_| {
            Failure::usage("this account has no home folder: name a data folder with --data-dir DIR")
        })?;
        Ok(strategy.data_dir().join("issuer"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) const fn permissions(&self) -> FilePermissions {
        self.permissions
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Waits until no other process makes files in this folder.
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        let path = self.join(".lock");
        let file = self.permissions.open_or_create(&path);
        let lock = file.and_then(|file| file.lock().map(|()| file));
        lock.map(Lock)
            .map_err(|error| Failure::machine(format!("{}: cannot be locked: {error}", path.display())))
    }

    /// Writes a file that nobody else may read, whole or not at all: written beside, synced, renamed.
    pub(crate) fn write_secret(&self, name: &str, content: &[u8], _: &Lock) -> Result<(), Failure> {
        let path = self.join(name);
        let failed =
            |error: io::Error| Failure::machine(format!("{}: cannot be written: {error}", path.display()));
        let beside = self.join(&format!(".{name}.new"));
        // Left over from a process that died; the lock says that nobody writes it now.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut file = self.permissions.create_secret(&beside)?;
        file.write_all(content).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        fs::rename(&beside, &path).map_err(failed)?;
        sync_folder(&self.path).map_err(failed)
    }

    /// Reads a file that nobody else may be able to read; `None` where there is none.
    pub(crate) fn read_secret(&self, name: &str) -> Result<Option<Zeroizing<String>>, Failure> {
        let path = self.join(name);
        let unreadable = |error: io::Error| unreadable(&path, &error);
        let file = match open_regular(&path) {
            // A link to a file that is not there, such as a disk that is not mounted, is no reason to make a new one.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => return Ok(None),
            other => other.map_err(unreadable)?,
        };
        // `chmod` follows a link: the remedy names what it would change.
        let real = fs::canonicalize(&path).map_err(unreadable)?;
        self.permissions
            .check_secret(&real, &file.metadata().map_err(unreadable)?)?;
        read_text(&file).map(Some).map_err(unreadable)
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::machine(format!("{}: cannot be read: {error}", path.display()))
}

/// A rename is durable once its folder is synced.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(path)?.sync_all()
    } else {
        Ok(())
    }
}
