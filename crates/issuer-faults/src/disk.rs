//! A model of a disk: what is certain to be there after a power cut, and what may be.
//!
//! What was written to a file is certain once a sync of that file, begun after the write had returned, has returned; a
//! name is once a sync of its folder has. Until then a file may have any of the lengths that it had since, each
//! sector of it may be as any of the writes since left it, whatever became of its neighbours, and a change of names may be
//! there or not: this is less than file systems promise. `sync_file_range` counts for nothing. What is not
//! modelled: a disk that says "synced" and is not, sectors torn in themselves, and damage to what was synced.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    ffi::OsString,
    fs,
    hash::{Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

use crate::{
    fate::{Fate, Kind},
    file::File,
    steps::{Action, Node, Recording},
};

/// Which syncs the disk takes for such: all, or, to see that what was not synced is missed, fewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncs {
    /// All.
    All,
    /// None.
    None,
    /// Those of files, none of folders.
    OfFiles,
    /// The very last one, and none before it.
    LastAlone,
}

/// A disk on which a recording is played again, line by line.
#[derive(Debug)]
pub struct Disk<'a> {
    recording: &'a Recording,
    /// The step that begins or ends at each line.
    moments: Vec<Moment>,
    next: usize,
    syncs: Syncs,
    last_sync: usize,
    files: Vec<File>,
    folders: BTreeMap<PathBuf, Folder>,
    printed: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    line: usize,
    ends: bool,
    step: usize,
}

#[derive(Clone, Debug, Default)]
struct Folder {
    synced: BTreeMap<OsString, Node>,
    pending: Vec<usize>,
}

/// What is found on the disk afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Image {
    /// Folders, each after the one that it is in.
    pub folders: Vec<PathBuf>,
    /// Files, with what is in them.
    pub files: Vec<(PathBuf, Vec<u8>)>,
}

impl<'a> Disk<'a> {
    /// A disk before the first line.
    pub fn new(recording: &'a Recording, syncs: Syncs) -> Self {
        let mut moments = Vec::new();
        let mut last_sync = 0;
        for (step, taken) in recording.steps.iter().enumerate() {
            let of = |line, ends| Moment { line, ends, step };
            moments.push(of(taken.begin, false));
            if matches!(taken.action, Action::Sync { .. } | Action::SyncFolder { .. }) {
                moments.push(of(taken.end, true));
                last_sync = step;
            }
        }
        moments.sort_unstable();
        Self {
            recording,
            moments,
            next: 0,
            syncs,
            last_sync,
            files: vec![File::default(); recording.files()],
            folders: BTreeMap::from([(PathBuf::new(), Folder::default())]),
            printed: Vec::new(),
        }
    }

    /// The lines after which the disk or what was printed is another than before.
    pub fn cuts(&self) -> Vec<usize> {
        let mut lines: Vec<usize> = self.moments.iter().map(|moment| moment.line + 1).collect();
        lines.dedup();
        lines
    }

    /// Plays on, up to the power cut before this line.
    pub fn play_to(&mut self, line: usize) {
        while let Some(moment) = self.moments.get(self.next).filter(|moment| moment.line < line) {
            let Moment { ends, step, .. } = *moment;
            if ends {
                self.sync(step);
            } else {
                self.begin(step);
            }
            self.next += 1;
        }
    }

    /// All that was printed so far.
    pub fn printed(&self) -> &[u8] {
        &self.printed
    }

    /// What is found where the power fails now.
    pub fn image(&self, kind: Kind, salt: u64) -> Image {
        let fate = Fate::new(kind, salt, &self.pending());
        let mut image = Image::default();
        self.enter(Path::new(""), &fate, &mut image);
        image
    }

    /// All steps that are not synced.
    pub fn pending(&self) -> Vec<usize> {
        let of_files = self.files.iter().flat_map(|file| &file.pending);
        let of_folders = self.folders.values().flat_map(|folder| &folder.pending);
        let mut pending: Vec<usize> = of_files.chain(of_folders).copied().collect();
        pending.sort_unstable();
        pending
    }

    fn begin(&mut self, step: usize) {
        let Some(taken) = self.recording.steps.get(step) else {
            return;
        };
        match &taken.action {
            Action::Write { file, .. } | Action::Resize { file, .. } => {
                if let Some(file) = self.files.get_mut(*file) {
                    file.pending.push(step);
                }
            }
            Action::Map { file } => {
                if let Some(file) = self.files.get_mut(*file) {
                    file.mapped = true;
                }
            }
            Action::Enter { folder, names } => {
                self.folders.entry(folder.clone()).or_default().pending.push(step);
                for (name, node) in names {
                    if *node == Some(Node::Folder) {
                        self.folders.entry(folder.join(name)).or_default();
                    }
                }
            }
            Action::Print(data) => self.printed.extend(data),
            Action::Sync { .. } | Action::SyncFolder { .. } => {}
        }
    }

    /// Makes certain what was done before this sync began.
    fn sync(&mut self, step: usize) {
        let recording = self.recording;
        let Some(sync) = recording.steps.get(step) else {
            return;
        };
        let counts = match self.syncs {
            Syncs::All => true,
            Syncs::None => false,
            Syncs::OfFiles => matches!(sync.action, Action::Sync { .. }),
            Syncs::LastAlone => step == self.last_sync,
        };
        if !counts {
            return;
        }
        let done = |step: &usize| {
            recording
                .steps
                .get(*step)
                .is_some_and(|step| step.end < sync.begin)
        };
        match &sync.action {
            Action::Sync { file } => {
                if let Some(file) = self.files.get_mut(*file) {
                    file.sync(recording, done);
                }
            }
            Action::SyncFolder { folder } => {
                if let Some(folder) = self.folders.get_mut(folder) {
                    let (certain, pending) = std::mem::take(&mut folder.pending).into_iter().partition(done);
                    folder.pending = pending;
                    apply_names(recording, &certain, &mut folder.synced);
                }
            }
            _ => {}
        }
    }

    fn enter(&self, path: &Path, fate: &Fate, image: &mut Image) {
        let Some(folder) = self.folders.get(path) else {
            return;
        };
        let mut names = folder.synced.clone();
        let kept: Vec<usize> = folder
            .pending
            .iter()
            .copied()
            .filter(|step| fate.keeps_name(*step))
            .collect();
        apply_names(self.recording, &kept, &mut names);
        for (name, node) in names {
            let path = path.join(name);
            match node {
                Node::Folder => {
                    image.folders.push(path.clone());
                    self.enter(&path, fate, image);
                }
                Node::File(file) => {
                    let content = self
                        .files
                        .get(file)
                        .map(|found| found.content(self.recording, file, fate));
                    image.files.push((path, content.unwrap_or_default()));
                }
            }
        }
    }
}

fn apply_names(recording: &Recording, steps: &[usize], to: &mut BTreeMap<OsString, Node>) {
    for step in steps {
        let Some(Action::Enter { names, .. }) = recording.steps.get(*step).map(|step| &step.action) else {
            continue;
        };
        for (name, node) in names {
            match node {
                Some(node) => to.insert(name.clone(), *node),
                None => to.remove(name),
            };
        }
    }
}

impl Image {
    /// The same number for the same image.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// Makes its folders and files in an empty folder.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn write_into(&self, root: &Path) -> io::Result<()> {
        for folder in &self.folders {
            fs::create_dir(root.join(folder))?;
        }
        for (path, content) in &self.files {
            fs::write(root.join(path), content)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
