//! The folder of the keys and, by default, of the store.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use etcetera::{BaseStrategy as _, choose_base_strategy};

use crate::failure::Failure;

/// The data folder, which exists.
#[derive(Clone, Debug)]
pub(crate) struct DataDir(PathBuf);

/// Held while files that must exist once are made: two processes that start at once make one of each.
pub(crate) struct Lock(#[allow(dead_code, reason = "held, not read")] File);

impl DataDir {
    /// The folder that is set, or the platform's; made with mode 0700 where it does not exist.
    pub(crate) fn open(set: Option<&Path>) -> Result<Self, Failure> {
        let path = Self::choose(set)?;
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => Failure::usage(format!(
                "{}: is not a folder: name another one with --data-dir DIR",
                path.display()
            )),
            _ => Failure::machine(format!("{}: cannot be made: {error}", path.display())),
        })?;
        let path = fs::canonicalize(&path)
            .map_err(|error| Failure::machine(format!("{}: cannot be opened: {error}", path.display())))?;
        let metadata = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
        refuse_folder_of_many(&path, &metadata)?;
        Ok(Self(path))
    }

    /// The same folder, if it is there: for a command that needs nothing in it.
    pub(crate) fn existing(set: Option<&Path>) -> Option<Self> {
        let path = Self::choose(set).ok()?;
        fs::canonicalize(path).ok().map(Self)
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
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Waits until no other process makes files in this folder.
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        let path = self.join(".lock");
        let file = private(OpenOptions::new().create(true).truncate(false).write(true)).open(&path);
        let lock = file.and_then(|file| file.lock().map(|()| file));
        lock.map(Lock)
            .map_err(|error| Failure::machine(format!("{}: cannot be locked: {error}", path.display())))
    }

    /// Writes a file that only its owner may read, whole or not at all: written beside, synced, renamed.
    pub(crate) fn write_secret(&self, name: &str, content: &[u8], _: &Lock) -> io::Result<()> {
        let beside = self.join(&format!(".{name}.new"));
        // Left over from a process that died; the lock says that nobody writes it now.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private(OpenOptions::new().create_new(true).write(true)).open(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, self.join(name))?;
        sync_folder(&self.0)
    }

    /// Reads a file that nobody but its owner may be able to read; `None` where there is none.
    pub(crate) fn read_secret(&self, name: &str) -> Result<Option<zeroize::Zeroizing<String>>, Failure> {
        let path = self.join(name);
        let metadata = match fs::metadata(&path) {
            // A link to a file that is not there, such as a disk that is not mounted, is no reason to make a new one.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => return Ok(None),
            other => other.map_err(|error| unreadable(&path, &error))?,
        };
        refuse_wide_permissions(&path, &metadata)?;
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        Ok(Some(text.into()))
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::machine(format!("{}: cannot be read: {error}", path.display()))
}

#[cfg(unix)]
fn refuse_wide_permissions(path: &Path, metadata: &fs::Metadata) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = metadata.permissions().mode() & 0o777;
    let others = mode & 0o077;
    if others == 0 {
        return Ok(());
    }
    Err(Failure::machine(format!(
        "{}: others may read or write it (mode {mode:03o}); if nobody did, run: chmod 600 {}",
        path.display(),
        path.display()
    )))
}

/// Whoever may write in the folder may put keys of its own in the place of ours.
#[cfg(unix)]
fn refuse_folder_of_many(path: &Path, metadata: &fs::Metadata) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = metadata.permissions().mode() & 0o777;
    let writers = mode & 0o022;
    if writers == 0 {
        return Ok(());
    }
    Err(Failure::machine(format!(
        "{}: others may write in this folder (mode {mode:03o}); if nobody did, run: chmod go-w {}",
        path.display(),
        path.display()
    )))
}

#[cfg(not(unix))]
fn refuse_folder_of_many(_: &Path, _: &fs::Metadata) -> Result<(), Failure> {
    Ok(())
}

#[cfg(not(unix))]
fn refuse_wide_permissions(_: &Path, _: &fs::Metadata) -> Result<(), Failure> {
    Ok(())
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// A rename is durable once its folder is synced.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(path)?.sync_all()
    } else {
        Ok(())
    }
}
