//! Which store a command works on.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use issuer_sled::SledStore;
use issuer_sqlite::SqliteStore;
use issuer_store::{MemoryStore, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::{data_dir::DataDir, failure::Failure, file_permissions::FilePermissions, given::check_path_text};

/// A store, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A folder.
    Sled(PathBuf),
    /// This process, until it ends.
    Memory,
}

/// Who may write to a store while a server has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Other processes, too.
    Shared,
    /// This process alone.
    Exclusive,
}

/// The identity of a file or a folder among all of this machine that exist at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

const RULE: &str = "must be sqlite:PATH, sled:PATH or memory:, such as sqlite:/var/lib/issuer/issuer.db";

const IN_MEMORY: &str = "must be memory: for a store that is gone when the program ends";

/// A store as it is named, before its path is made absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreName(StoreUrl);

impl StoreName {
    /// Reads a name. Forms that other tools use and that mean something else here are refused with the right one. The error
    /// holds no more of the text than a path: the URL of a database server may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, path) = text.split_once(':').unwrap_or((text, ""));
        let scheme = scheme.to_ascii_lowercase();
        let made = match scheme.as_str() {
            "memory" if text.contains(':') && matches!(path, "" | "//") => return Ok(Self(StoreUrl::Memory)),
            // `:memory:` is an empty scheme.
            "memory" => return Err(IN_MEMORY.to_owned()),
            "" if !text.is_empty() => return Err(IN_MEMORY.to_owned()),
            "sqlite" | "sqlite3" => StoreUrl::Sqlite,
            "sled" => StoreUrl::Sled,
            "postgres" | "postgresql" => return Err(format!("{RULE}: PostgreSQL is not in this version")),
            _ => return Err(RULE.to_owned()),
        };
        let scheme = scheme.trim_end_matches('3');
        check_path(scheme, path)?;
        Ok(Self(made(path.into())))
    }
}

/// Refuses what other tools write behind the scheme and a path is not.
fn check_path(scheme: &str, path: &str) -> Result<(), String> {
    let (name, query) = match path.split_once('?') {
        Some((name, query)) => (name, Some(query)),
        None => (path, None),
    };
    let uri = strip_scheme(name, "file:");
    let right = right_path(scheme, uri.unwrap_or(name), uri.is_some())?;
    if query.is_some_and(|query| query.contains("mode=memory")) {
        return Err(IN_MEMORY.to_owned());
    }
    let wrong = if query.is_some() {
        "takes no settings after a ?"
    } else if uri.is_some() {
        "takes a path and no URI"
    } else if matches!(&right, RightPath::One(right) if right == path) {
        return check_path_text(Path::new(path));
    } else {
        "takes a path without slashes before it"
    };
    Err(match right {
        RightPath::One(right) => format!("{wrong}; write {scheme}:{right}"),
        RightPath::RootOrFolder(relative) => format!(
            "{wrong}, and tools differ in what three slashes mean; write {scheme}:/{relative} for a path from the root, \
             {scheme}:{relative} for one from the working folder"
        ),
    })
}

/// The path that another tool means.
enum RightPath {
    One(String),
    /// From the root, or from the working folder: as the tool has it.
    RootOrFolder(String),
}

/// The path that a text means: behind slashes as `SQLAlchemy`, `sqlx` and the URIs of SQLite have them, or as it is.
fn right_path(scheme: &str, text: &str, is_uri: bool) -> Result<RightPath, String> {
    if text.trim_start_matches('/').starts_with(':') {
        // `:memory:`, also misspelt.
        return Err(IN_MEMORY.to_owned());
    }
    let Some(rest) = text.strip_prefix("//") else {
        return if text.is_empty() {
            Err(RULE.to_owned())
        } else {
            Ok(RightPath::One(text.to_owned()))
        };
    };
    let (host, _) = rest.split_once('/').unwrap_or((rest, ""));
    if host.contains('@') {
        // A user and a password, which are repeated nowhere.
        return Err(RULE.to_owned());
    }
    // RFC 8089 section 2: this host is the same as none.
    let rest = rest
        .strip_prefix("localhost")
        .filter(|rest| is_uri && rest.starts_with('/'))
        .unwrap_or(rest);
    let path = rest.trim_start_matches('/');
    if path.is_empty() {
        return Err(RULE.to_owned());
    }
    Ok(match rest.len() - path.len() {
        0 => RightPath::One(path.to_owned()),
        1 if !is_uri && scheme == "sqlite" => RightPath::RootOrFolder(path.to_owned()),
        _ => RightPath::One(format!("/{path}")),
    })
}

/// The rest behind a scheme in capital or small letters.
fn strip_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

impl StoreUrl {
    /// The store that is set, or SQLite in the data folder.
    pub(crate) fn resolve(set: Option<&StoreName>, dir: &DataDir) -> Result<Self, Failure> {
        match set {
            Some(name) => Self::of(name),
            None => Ok(Self::Sqlite(dir.join("issuer.db"))),
        }
    }

    /// The store that a flag names.
    pub(crate) fn named(flag: &str, text: &str) -> Result<Self, Failure> {
        let name = StoreName::parse(text).map_err(|rule| Failure::usage(format!("{flag}: {rule}")))?;
        Self::of(&name)
    }

    fn of(StoreName(url): &StoreName) -> Result<Self, Failure> {
        Ok(match url {
            Self::Sqlite(path) => Self::Sqlite(absolute(path)?),
            Self::Sled(path) => Self::Sled(absolute(path)?),
            Self::Memory => Self::Memory,
        })
    }

    /// The file or folder; `None` of what is in no file.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) | Self::Sled(path) => Some(path),
            Self::Memory => None,
        }
    }

    /// Which file or folder it is; `None` where there is none yet.
    pub(crate) fn file_id(&self) -> Option<FileId> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;

            let found = std::fs::metadata(self.path()?).ok()?;
            Some(FileId {
                device: found.dev(),
                inode: found.ino(),
            })
        }
        #[cfg(not(unix))]
        None
    }

    /// True if both are the same file or folder, through any links.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self == other || self.file_id().is_some_and(|id| Some(id) == other.file_id())
    }

    /// The write-ahead log of a store on SQLite, where there is one: it is deleted when the last process closes the store.
    pub(crate) fn log_file(&self) -> Option<PathBuf> {
        let Self::Sqlite(path) = self else {
            return None;
        };
        // SQLite follows links, and puts the log beside the file.
        let mut log = path.canonicalize().ok()?.into_os_string();
        log.push("-wal");
        Some(PathBuf::from(log)).filter(|log| log.exists())
    }

    pub(crate) const fn access(&self) -> Access {
        match self {
            Self::Sqlite(_) => Access::Shared,
            // A lock on the folder sees to it.
            Self::Sled(_) | Self::Memory => Access::Exclusive,
        }
    }

    /// Opens the store. A SQLite file that is new is made for those who may reach the data folder; SQLite gives its other
    /// files the same mode.
    pub(crate) fn open(&self, permissions: FilePermissions) -> Result<Arc<dyn Store>, StoreError> {
        if let (Self::Sqlite(path), FilePermissions::Group) = (self, permissions) {
            // Where it is there, or cannot be made, the store says what is to be said. The folder is synced once SQLite makes
            // its log.
            let _ = permissions.create_secret(path);
        }
        Ok(match self {
            Self::Sqlite(path) => Arc::new(SqliteStore::open(path)?),
            Self::Sled(path) => Arc::new(SledStore::open(path)?),
            Self::Memory => Arc::new(MemoryStore::new()),
        })
    }
}

/// The name of what need not exist yet, without links in its folder.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let path =
        std::path::absolute(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    Ok(
        match (
            path.parent().and_then(|folder| folder.canonicalize().ok()),
            path.file_name(),
        ) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => path,
        },
    )
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Sled(path) => write!(f, "sled:{}", path.display()),
            Self::Memory => f.write_str("memory:"),
        }
    }
}
