//! How the calls of one process are read as what they did.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use crate::{
    steps::{Action, Node, Recording, Step},
    trace::Call,
};

impl Recording {
    /// Adds what one process did, after all that those before it did.
    ///
    /// # Errors
    /// Where a call changed a file in a way that is not looked into, or it is not known which file.
    pub fn add(&mut self, calls: &[Call]) -> Result<(), String> {
        let mut process = Process {
            from: self.lines,
            recording: self,
            handles: HashMap::new(),
            places: Vec::new(),
        };
        // A handle is there once the call that made it is back; whatever uses it comes later.
        let mut order: Vec<&Call> = calls.iter().filter(|call| call.took_effect()).collect();
        order.sort_by_key(|call| if makes_handle(call) { call.end } else { call.begin });
        for call in order {
            process.add(call)?;
        }
        let last = calls.iter().map(|call| call.end + 1).max().unwrap_or_default();
        self.lines += last;
        self.steps.sort_by_key(|step| step.begin);
        Ok(())
    }
}

/// What a handle of a process stands for.
#[derive(Clone, Debug)]
struct Handle {
    /// Its path below the root, when it was opened.
    path: PathBuf,
    node: Node,
    /// Handles that were made of one another are at one place: its index.
    place: usize,
}

fn makes_handle(call: &Call) -> bool {
    call.name.starts_with("open")
        || call.name == "creat"
        || call.name.starts_with("dup")
        || call.name == "fcntl"
}

struct Process<'a> {
    recording: &'a mut Recording,
    /// The line of the recording at which this process began.
    from: usize,
    handles: HashMap<u64, Handle>,
    places: Vec<usize>,
}

impl Process<'_> {
    fn add(&mut self, call: &Call) -> Result<(), String> {
        match call.name.as_str() {
            "openat" => self.open(call, 1),
            "open" => self.open(call, 0),
            "close" => {
                if let Some((number, _)) = call.handle(0) {
                    self.handles.remove(&number);
                }
                Ok(())
            }
            "fcntl" if call.text(1).starts_with("F_DUPFD") => self.duplicate(call),
            "dup" | "dup2" | "dup3" => self.duplicate(call),
            "fcntl" | "sync" | "syncfs" | "sync_file_range" | "msync" => Ok(()),
            "lseek" => self.moved(call, |_, result| result),
            "read" | "readv" => self.moved(call, |at, read| at + read),
            "write" => self.write(call, None),
            "pwrite64" => self.write(call, Some(3)),
            "ftruncate" => {
                let bytes = size(call.number(1)?)?;
                self.with_file(call, |file| Action::Resize { file, bytes })
            }
            "fsync" | "fdatasync" => self.sync(call),
            "mmap" => self.map(call),
            "unlink" => self.remove(call, 0),
            "unlinkat" => self.remove(call, 1),
            "rename" => self.rename(call, 0, 1),
            "renameat" | "renameat2" => self.rename(call, 1, 3),
            "link" => self.link(call, 0, 1),
            "linkat" => self.link(call, 1, 3),
            "mkdir" => self.make_folder(call, 0),
            "mkdirat" => self.make_folder(call, 1),
            _ => self.refuse(call),
        }
    }

    /// What is not modelled must not touch what is.
    fn refuse(&self, call: &Call) -> Result<(), String> {
        let at_root = |index: usize| {
            let of_handle = call.handle(index).and_then(|(_, path)| path);
            let named = call.path(index).ok();
            [of_handle, named]
                .into_iter()
                .flatten()
                .any(|path| path.starts_with(&self.recording.root))
        };
        if call.name == "io_uring_setup" || (0..call.arguments.len()).any(at_root) {
            return Err(format!("{} is not modelled, and was called: {call:?}", call.name));
        }
        Ok(())
    }

    /// The path below the root, if it is below the root.
    fn below(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(&self.recording.root).ok().map(Path::to_owned)
    }

    fn below_argument(&self, call: &Call, index: usize) -> Result<Option<PathBuf>, String> {
        Ok(self.below(&call.path(index)?))
    }

    /// The handle of the call, if it is one of a file or folder below the root.
    fn handle(&self, call: &Call, index: usize) -> Result<Option<&Handle>, String> {
        let Some((number, shown)) = call.handle(index) else {
            return Ok(None);
        };
        let handle = self.handles.get(&number);
        let shown = shown.and_then(|path| self.below(&path));
        if shown.is_some() != handle.is_some() {
            return Err(format!(
                "it is not known what handle {number} stands for: {}",
                call.name
            ));
        }
        Ok(handle)
    }

    fn open(&mut self, call: &Call, index: usize) -> Result<(), String> {
        let Some(path) = self.below_argument(call, index)? else {
            return Ok(());
        };
        let number = call
            .result
            .ok_or_else(|| format!("it is not known whether a file was opened: {call:?}"))?;
        let flags = call.text(index + 1);
        let node = match self.recording.names.get(&path) {
            Some(Node::File(file)) => {
                let file = *file;
                if flags.contains("O_TRUNC") {
                    self.push(call, Action::Resize { file, bytes: 0 });
                }
                Node::File(file)
            }
            Some(Node::Folder) => Node::Folder,
            None if flags.contains("O_CREAT") => {
                let node = Node::File(self.recording.files);
                self.recording.files += 1;
                self.enter(call, vec![(path.clone(), Some(node))])?;
                node
            }
            None => return Err(format!("{} was there before anybody made it", path.display())),
        };
        let place = self.places.len();
        self.places.push(0);
        self.handles.insert(number, Handle { path, node, place });
        Ok(())
    }

    fn duplicate(&mut self, call: &Call) -> Result<(), String> {
        if let (Some(handle), Some(number)) = (self.handle(call, 0)?.cloned(), call.result) {
            self.handles.insert(number, handle);
        }
        Ok(())
    }

    fn moved(&mut self, call: &Call, to: impl Fn(usize, usize) -> usize) -> Result<(), String> {
        let Some(place) = self.handle(call, 0)?.map(|handle| handle.place) else {
            return Ok(());
        };
        let result = size(call.result.unwrap_or_default())?;
        if let Some(at) = self.places.get_mut(place) {
            *at = to(*at, result);
        }
        Ok(())
    }

    /// At the place that an argument says, or where the handle is.
    fn write(&mut self, call: &Call, place: Option<usize>) -> Result<(), String> {
        let written = |call: &Call| {
            let mut data = call.data(1)?;
            if let Some(bytes) = call.result {
                data.truncate(size(bytes)?);
            }
            Ok::<_, String>(data)
        };
        if call.handle(0).is_some_and(|(number, _)| number == 1) {
            let data = written(call)?;
            self.push(call, Action::Print(data));
            return Ok(());
        }
        let Some(Handle {
            node: Node::File(file),
            place: own,
            ..
        }) = self.handle(call, 0)?.cloned()
        else {
            return Ok(());
        };
        let data = written(call)?;
        let at = if let Some(index) = place {
            size(call.number(index)?)?
        } else {
            let at = self.places.get_mut(own).ok_or("a handle is nowhere")?;
            *at += data.len();
            *at - data.len()
        };
        self.push(call, Action::Write { file, at, data });
        Ok(())
    }

    fn with_file(&mut self, call: &Call, action: impl FnOnce(usize) -> Action) -> Result<(), String> {
        if let Some(Handle {
            node: Node::File(file),
            ..
        }) = self.handle(call, 0)?
        {
            let action = action(*file);
            self.push(call, action);
        }
        Ok(())
    }

    /// One that never came back says nothing.
    fn sync(&mut self, call: &Call) -> Result<(), String> {
        if call.result.is_none() {
            return Ok(());
        }
        let action = match self.handle(call, 0)? {
            None => return Ok(()),
            Some(Handle {
                node: Node::File(file),
                ..
            }) => Action::Sync { file: *file },
            Some(Handle { path, .. }) => Action::SyncFolder { folder: path.clone() },
        };
        self.push(call, action);
        Ok(())
    }

    fn map(&mut self, call: &Call) -> Result<(), String> {
        let is_written = call.text(2).contains("PROT_WRITE") && call.text(3).contains("MAP_SHARED");
        if let Some(Handle {
            node: Node::File(file),
            ..
        }) = self.handle(call, 4)?.filter(|_| is_written)
        {
            let action = Action::Map { file: *file };
            self.push(call, action);
        }
        Ok(())
    }

    fn remove(&mut self, call: &Call, index: usize) -> Result<(), String> {
        match self.below_argument(call, index)? {
            Some(path) => self.enter(call, vec![(path, None)]),
            None => Ok(()),
        }
    }

    fn rename(&mut self, call: &Call, from: usize, to: usize) -> Result<(), String> {
        let (Some(from), Some(to)) = (self.below_argument(call, from)?, self.below_argument(call, to)?)
        else {
            return Ok(());
        };
        match self.recording.names.get(&from).copied() {
            Some(node @ Node::File(_)) if from.parent() == to.parent() => {
                self.enter(call, vec![(from, None), (to, Some(node))])
            }
            _ => self.refuse(call),
        }
    }

    fn link(&mut self, call: &Call, from: usize, to: usize) -> Result<(), String> {
        let (Some(from), Some(to)) = (self.below_argument(call, from)?, self.below_argument(call, to)?)
        else {
            return self.refuse(call);
        };
        match self.recording.names.get(&from).copied() {
            Some(node @ Node::File(_)) => self.enter(call, vec![(to, Some(node))]),
            _ => self.refuse(call),
        }
    }

    fn make_folder(&mut self, call: &Call, index: usize) -> Result<(), String> {
        match self.below_argument(call, index)? {
            Some(path) => self.enter(call, vec![(path, Some(Node::Folder))]),
            None => Ok(()),
        }
    }

    /// All paths are in one folder.
    fn enter(&mut self, call: &Call, paths: Vec<(PathBuf, Option<Node>)>) -> Result<(), String> {
        let (mut folder, mut names) = (PathBuf::new(), Vec::new());
        for (path, node) in paths {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(format!("the root itself is not to be changed: {call:?}"));
            };
            parent.clone_into(&mut folder);
            names.push((name.to_owned(), node));
            match node {
                Some(node) => self.recording.names.insert(path, node),
                None => self.recording.names.remove(&path),
            };
        }
        self.push(call, Action::Enter { folder, names });
        Ok(())
    }

    fn push(&mut self, call: &Call, action: Action) {
        self.recording.steps.push(Step {
            begin: self.from + call.begin,
            end: self.from + call.end,
            action,
        });
    }
}

fn size(number: u64) -> Result<usize, String> {
    usize::try_from(number).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readable::recorded;

    fn actions(text: &str) -> Vec<Action> {
        recorded(text)
            .unwrap()
            .steps
            .into_iter()
            .map(|step| step.action)
            .collect()
    }

    #[test]
    fn a_write_goes_where_its_handle_is() {
        let found = actions(
            r#"1 openat(AT_FDCWD</>, "/r/f", O_RDWR|O_CREAT) = 3</r/f>
1 write(3</r/f>, "abc", 3) = 3
1 fcntl(3</r/f>, F_DUPFD_CLOEXEC, 3) = 4</r/f>
1 write(4</r/f>, "de", 2) = 1
1 lseek(3</r/f>, 9, SEEK_SET) = 9
1 read(4</r/f>, "xy", 2) = 2
1 write(3</r/f>, "g", 1) = 1
1 pwrite64(3</r/f>, "h", 1, 5) = 1
1 write(1</dev/null>, "said", 4) = 4
1 write(7</elsewhere>, "nothing", 7) = 7"#,
        );
        let write = |at, data: &[u8]| Action::Write {
            file: 0,
            at,
            data: data.to_vec(),
        };
        let expected = [
            write(0, b"abc"),
            write(3, b"d"),
            write(11, b"g"),
            write(5, b"h"),
            Action::Print(b"said".to_vec()),
        ];
        assert_eq!(found.get(1..).unwrap(), expected);
    }

    #[test]
    fn names_come_and_go_and_a_file_keeps_its_number() {
        let found = actions(
            r#"1 mkdir("/r/d", 0700) = 0
1 openat(AT_FDCWD</>, "/r/d/new", O_RDWR|O_CREAT) = 3</r/d/new>
1 fsync(3</r/d/new>) = 0
1 rename("/r/d/new", "/r/d/f") = 0
1 openat(AT_FDCWD</>, "/r/d", O_RDONLY) = 4</r/d>
1 fsync(4</r/d>) = 0
1 unlink("/r/d/f") = 0
1 ftruncate(3</r/d/f>(deleted), 7) = 0
1 fsync(3</r/d/f>) = -1 EIO (Input/output error)"#,
        );
        let enter = |folder: &str, names: &[(&str, Option<Node>)]| Action::Enter {
            folder: folder.into(),
            names: names.iter().map(|(name, node)| ((*name).into(), *node)).collect(),
        };
        let file = Some(Node::File(0));
        let expected = [
            enter("", &[("d", Some(Node::Folder))]),
            enter("d", &[("new", file)]),
            Action::Sync { file: 0 },
            enter("d", &[("new", None), ("f", file)]),
            Action::SyncFolder { folder: "d".into() },
            enter("d", &[("f", None)]),
            Action::Resize { file: 0, bytes: 7 },
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_not_looked_into_is_refused() {
        let open = r#"1 openat(AT_FDCWD</>, "/r/f", O_RDWR|O_CREAT) = 3</r/f>"#;
        for call in [
            "1 pwritev(3</r/f>, [], 1, 0) = 9",
            "1 copy_file_range(9</else>, NULL, 3</r/f>, NULL, 5, 0) = 5",
            "1 io_uring_setup(8, {}) = 5",
            r#"1 write(5</r/f>, "a", 1) = 1"#,
            r#"1 symlink("/r/f", "/r/g") = 0"#,
            "1 fallocate(3</r/f>, 0, 0, 4096) = 0",
        ] {
            assert!(recorded(&format!("{open}\n{call}")).is_err(), "{call}");
        }
        let mapped = actions(&format!(
            "{open}\n1 mmap(NULL, 8, PROT_READ|PROT_WRITE, MAP_SHARED, 3</r/f>, 0) = 0x7f"
        ));
        assert_eq!(mapped.get(1), Some(&Action::Map { file: 0 }));
    }
}
