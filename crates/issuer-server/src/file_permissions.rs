//! Permissions of the files in the data folder: how the files are made, which are refused, and how a file is read that somebody
//! else may have put there.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    path::Path,
};

use clap::ValueEnum;

use zeroize::Zeroizing;

use crate::{failure::Failure, request::shell_argument};

/// Bytes of the longest file of keys or settings.
const MAX_TEXT_BYTES: u64 = 1 << 20;

/// `file_permissions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum FilePermissions {
    /// This account alone
    #[default]
    Owner,
    /// The group of the files too, as on a volume with `fsGroup`
    Group,
    /// Not looked at: for file systems that keep no permissions, where something else must keep others out
    Any,
}

/// The kind of a file, which decides the permissions that are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A file that nobody else may read: keys.
    Secret,
    /// The data folder. Whoever may write in it may put keys of its own in the place of ours.
    Folder,
}

/// A file that exists: its mode, and whether this account may change that.
struct Found {
    mode: u32,
    is_ours: bool,
}

impl FilePermissions {
    /// Refuses a file that others may read or write.
    pub(crate) fn check_secret(self, path: &Path, metadata: &fs::Metadata) -> Result<(), Failure> {
        self.check(Kind::Secret, path, &Found::of(metadata))
    }

    /// Refuses a folder that others may write in.
    pub(crate) fn check_folder(self, path: &Path, metadata: &fs::Metadata) -> Result<(), Failure> {
        self.check(Kind::Folder, path, &Found::of(metadata))
    }

    /// Makes a new file, which the next start will accept: a file system that does not keep its mode is found out now, and
    /// not by a server that starts once and never again.
    pub(crate) fn create_secret(self, path: &Path) -> Result<File, Failure> {
        let failed =
            |error: io::Error| Failure::machine(format!("{}: cannot be made: {error}", path.display()));
        let file = private()
            .create_new(true)
            .write(true)
            .open(path)
            .map_err(failed)?;
        let checked = self
            .widen(&file)
            .and_then(|()| file.metadata())
            .map_err(failed)
            .and_then(|metadata| self.check_made(path, &Found::of(&metadata)));
        if checked.is_err() {
            let _ = fs::remove_file(path);
        }
        checked.map(|()| file)
    }

    /// Opens a file that only has to be there, and makes it where it is not.
    pub(crate) fn open_or_create(self, path: &Path) -> io::Result<File> {
        let existed = path.exists();
        let file = private().create(true).truncate(false).write(true).open(path)?;
        if !existed {
            self.widen(&file)?;
        }
        Ok(file)
    }

    /// The mode of the socket for commands.
    pub(crate) const fn socket_mode(self) -> u32 {
        self.file_mode()
    }

    /// Lets the group into a folder that was just made for its owner alone, where it should be.
    #[cfg(unix)]
    pub(crate) fn widen_folder(self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;

        match self {
            Self::Owner | Self::Any => Ok(()),
            Self::Group => {
                let mode = fs::metadata(path)?.permissions().mode();
                // With the set-group-ID bit, which what is made in the folder inherits.
                fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7000 | 0o770))
            }
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn widen_folder(self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    const fn file_mode(self) -> u32 {
        match self {
            Self::Owner | Self::Any => 0o600,
            Self::Group => 0o660,
        }
    }

    /// Lets the group in where it should be, whatever the umask of this process is.
    #[cfg(unix)]
    fn widen(self, file: &File) -> io::Result<()> {
        match self {
            Self::Owner | Self::Any => Ok(()),
            Self::Group => {
                file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(self.file_mode()))
            }
        }
    }

    #[cfg(not(unix))]
    fn widen(self, _: &File) -> io::Result<()> {
        Ok(())
    }

    /// The bits of a mode that are refused.
    const fn refused_bits(self, kind: Kind) -> u32 {
        match (self, kind) {
            (Self::Owner, Kind::Secret) => 0o077,
            (Self::Owner, Kind::Folder) => 0o022,
            (Self::Group, Kind::Secret) => 0o007,
            (Self::Group, Kind::Folder) => 0o002,
            (Self::Any, _) => 0,
        }
    }

    fn check(self, kind: Kind, path: &Path, found: &Found) -> Result<(), Failure> {
        if found.mode & self.refused_bits(kind) == 0 {
            return Ok(());
        }
        let what = match kind {
            Kind::Secret => "others may read or write it",
            Kind::Folder => "others may write in this folder",
        };
        let change = match (kind, self) {
            (Kind::Folder, Self::Group) => "o-w",
            (Kind::Folder, _) => "go-w",
            (Kind::Secret, Self::Group) => "660",
            (Kind::Secret, _) => "600",
        };
        let setting = accepting(kind, found.mode);
        let remedy = if found.is_ours {
            format!(
                "if nobody did, run: chmod {change} {}; where others are meant to, or chmod changes nothing, set \
                 --file-permissions {setting}",
                shell_argument(&path.display().to_string())
            )
        } else {
            // Only its owner may change the mode.
            format!("it belongs to another account; if that is meant to be, set --file-permissions {setting}")
        };
        Err(Failure::machine(format!(
            "{}: {what} (mode {:03o}); {remedy}",
            path.display(),
            found.mode
        )))
    }

    /// Refuses a file that was made for this account alone and is not.
    fn check_made(self, path: &Path, found: &Found) -> Result<(), Failure> {
        if found.mode & self.refused_bits(Kind::Secret) == 0 {
            return Ok(());
        }
        Err(Failure::machine(format!(
            "{}: its file system keeps no permissions (a new file has mode {:03o}); use another one, or see that nobody else \
             reaches it and set --file-permissions {}",
            path.display(),
            found.mode,
            accepting(Kind::Secret, found.mode)
        )))
    }
}

/// Opens a file to read it. Whatever is no regular file is refused: a pipe would keep the program waiting for ever, and a device
/// has no end.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    // Without it, to open a pipe waits for whoever writes into it.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        rustix::fs::OFlags::NONBLOCK.bits().cast_signed(),
    );
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ))
    }
}

/// Reads a file of keys or settings.
pub(crate) fn read_text(file: &File) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_TEXT_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_TEXT_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is longer than {MAX_TEXT_BYTES} bytes"),
        ));
    }
    Ok(text)
}

/// Options that make a file for its owner alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The narrowest setting that accepts this mode.
fn accepting(kind: Kind, mode: u32) -> &'static str {
    if mode & FilePermissions::Group.refused_bits(kind) == 0 {
        "group"
    } else {
        "any"
    }
}

impl Found {
    #[cfg(unix)]
    fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

        let account = rustix::process::geteuid();
        Self {
            mode: metadata.permissions().mode() & 0o777,
            is_ours: account.is_root() || account.as_raw() == metadata.uid(),
        }
    }

    #[cfg(not(unix))]
    fn of(_: &fs::Metadata) -> Self {
        Self {
            mode: 0,
            is_ours: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [FilePermissions; 3] = [
        FilePermissions::Owner,
        FilePermissions::Group,
        FilePermissions::Any,
    ];

    fn told(result: Result<(), Failure>) -> Option<String> {
        result.err().map(|failure| failure.message)
    }

    fn found(mode: u32, is_ours: bool) -> Found {
        Found { mode, is_ours }
    }

    #[test]
    fn what_one_start_makes_the_next_accepts_under_every_setting() {
        for setting in ALL {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("keys");
            drop(setting.create_secret(&path).unwrap());
            setting
                .check_secret(&path, &fs::metadata(&path).unwrap())
                .unwrap();
        }
    }

    #[test]
    fn a_file_system_that_keeps_no_permissions_is_told_before_anything_is_made_and_the_setting_that_is_told_accepts_it()
     {
        for (mode, setting, named) in [
            (0o755, FilePermissions::Owner, "any"),
            (0o777, FilePermissions::Owner, "any"),
            (0o660, FilePermissions::Owner, "group"),
            (0o777, FilePermissions::Group, "any"),
        ] {
            let message = told(setting.check_made(Path::new("keys"), &found(mode, true))).unwrap();
            assert!(
                message.ends_with(&format!("--file-permissions {named}")),
                "{message}"
            );
            let named = FilePermissions::from_str(named, false).unwrap();
            assert_eq!(
                told(named.check_made(Path::new("keys"), &found(mode, true))),
                None
            );
        }
    }

    #[test]
    fn every_remedy_is_one_that_this_account_can_carry_out() {
        for setting in ALL {
            for kind in [Kind::Secret, Kind::Folder] {
                for mode in 0..=0o777 {
                    let Some(message) = told(setting.check(kind, Path::new("x"), &found(mode, true))) else {
                        continue;
                    };
                    let other = told(setting.check(kind, Path::new("x"), &found(mode, false))).unwrap();
                    assert!(
                        message.contains("chmod") && !other.contains("chmod"),
                        "{message} {other}"
                    );
                    for message in [message, other] {
                        let named = message.rsplit(' ').next().unwrap();
                        let named = FilePermissions::from_str(named, false).unwrap();
                        assert_eq!(told(named.check(kind, Path::new("x"), &found(mode, true))), None);
                    }
                }
            }
        }
    }
}
