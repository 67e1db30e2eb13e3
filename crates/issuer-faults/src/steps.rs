//! What the calls of a process did to the files below a folder, and what it printed meanwhile.

use std::{
    collections::HashMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// What a call did. Folders are named as seen from the root, which is the empty path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Wrote into a file.
    Write {
        /// Which file.
        file: usize,
        /// From which byte on.
        at: usize,
        /// What.
        data: Vec<u8>,
    },
    /// Set the length of a file.
    Resize {
        /// Which file.
        file: usize,
        /// How many bytes it has now.
        bytes: usize,
    },
    /// Mapped a file into memory, to write into it unseen.
    Map {
        /// Which file.
        file: usize,
    },
    /// Synced a file.
    Sync {
        /// Which file.
        file: usize,
    },
    /// Changed a name, or two of one rename, in a folder.
    Enter {
        /// Which folder.
        folder: PathBuf,
        /// Each name, and what it stands for from now on.
        names: Vec<(OsString, Option<Node>)>,
    },
    /// Synced a folder.
    SyncFolder {
        /// Which folder.
        folder: PathBuf,
    },
    /// Printed: what the process said it had done.
    Print(Vec<u8>),
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// A file, by its number.
    File(usize),
    /// A folder: the one of this path.
    Folder,
}

/// One action, and the lines of the trace between which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// It had not happened before this line.
    pub begin: usize,
    /// It had happened after this line.
    pub end: usize,
    /// What happened.
    pub action: Action,
}

/// All that some processes did, one after the other, to the files below a folder that was empty at first.
#[derive(Debug)]
pub struct Recording {
    pub(crate) root: PathBuf,
    /// What they did, in the order in which it began.
    pub steps: Vec<Step>,
    /// How many lines there are.
    pub lines: usize,
    pub(crate) names: HashMap<PathBuf, Node>,
    pub(crate) files: usize,
}

impl Recording {
    /// With nothing in it yet.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            steps: Vec::new(),
            lines: 0,
            names: HashMap::from([(PathBuf::new(), Node::Folder)]),
            files: 0,
        }
    }

    /// How many files there ever were.
    pub fn files(&self) -> usize {
        self.files
    }

    /// The name that a file was given last.
    pub fn name_of(&self, file: usize) -> Option<PathBuf> {
        self.steps.iter().rev().find_map(|step| match &step.action {
            Action::Enter { folder, names } => names
                .iter()
                .find(|(_, node)| *node == Some(Node::File(file)))
                .map(|(name, _)| folder.join(name)),
            _ => None,
        })
    }
}
