//! What a failed sync has lost, and whether it was written again before anybody relied on it.
//!
//! Where a sync fails, the system takes for written what it could not write, as far as it was not synced before: it
//! goes on showing it, and no later sync writes it. It has to be written again, and synced.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::calls::{Call, Deed};

/// Bytes of a file, from one place up to another.
type Range = (u64, u64);

#[derive(Clone, Debug, Default)]
struct File {
    /// Written since the last sync, with the line at which that was known.
    fresh: Vec<(usize, Range)>,
    lost: Vec<Range>,
}

/// What is lost in each file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Losses {
    /// The folder, of which a failed sync loses the names that are new in it.
    folder: PathBuf,
    names: BTreeSet<PathBuf>,
    new_names: bool,
    files: BTreeMap<PathBuf, File>,
    /// How many syncs failed with anything unsynced.
    pub(crate) failures: usize,
}

impl Losses {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            ..Self::default()
        }
    }

    /// Goes through calls, up to the first line that says that the caller may rely on what is there while some of it is
    /// lost. That line is the error. Called again, it goes on with the calls of the next process.
    pub(crate) fn follow(&mut self, calls: &[Call]) -> Result<(), String> {
        for call in calls {
            match &call.deed {
                Deed::Write(path, from, to) => {
                    let file = self.files.entry(path.clone()).or_default();
                    file.fresh.push((call.begun, (*from, *to)));
                }
                Deed::Cut(path, at) => {
                    let file = self.files.entry(path.clone()).or_default();
                    let rest = |(from, to): Range| (from < *at).then_some((from, to.min(*at)));
                    file.lost = file.lost.iter().copied().filter_map(rest).collect();
                    file.fresh = std::mem::take(&mut file.fresh)
                        .into_iter()
                        .filter_map(|(line, range)| Some((line, rest(range)?)))
                        .collect();
                }
                Deed::Make(path) => self.new_names |= self.names.insert(path.clone()),
                Deed::Delete(path) => {
                    self.names.remove(path);
                    self.files.remove(path);
                }
                Deed::Sync(path) if *path == self.folder => {
                    self.new_names = false;
                    self.files.remove(path);
                }
                Deed::FailedSync(path) if *path == self.folder => {
                    self.failures += usize::from(self.new_names);
                    if std::mem::take(&mut self.new_names) {
                        self.files.entry(path.clone()).or_default().lost = vec![(0, u64::MAX)];
                    }
                }
                Deed::Sync(path) => {
                    let file = self.files.entry(path.clone()).or_default();
                    let (synced, fresh): (Vec<_>, _) = std::mem::take(&mut file.fresh)
                        .into_iter()
                        .partition(|(line, _)| *line < call.begun);
                    file.fresh = fresh;
                    for (_, range) in synced {
                        file.lost = file.lost.iter().flat_map(|lost| without(*lost, range)).collect();
                    }
                }
                Deed::FailedSync(path) => {
                    let file = self.files.entry(path.clone()).or_default();
                    self.failures += usize::from(!file.fresh.is_empty());
                    file.lost.extend(file.fresh.drain(..).map(|(_, range)| range));
                }
                Deed::Print(line) => {
                    let relies = ["applied", "there", "opened"]
                        .iter()
                        .any(|word| line.starts_with(word));
                    let lost = self.files.iter().find(|(_, file)| !file.lost.is_empty());
                    if let (true, Some((path, file))) = (relies, lost) {
                        return Err(format!(
                            "{line:?} while {:?} of {} are lost",
                            file.lost,
                            path.display()
                        ));
                    }
                }
            }
        }
        // Whatever comes next is later than all of it.
        for file in self.files.values_mut() {
            file.fresh.iter_mut().for_each(|(line, _)| *line = 0);
        }
        Ok(())
    }
}

/// What is left of a range without another.
fn without((from, to): Range, (begin, end): Range) -> impl Iterator<Item = Range> {
    [(from, to.min(begin)), (from.max(end), to)]
        .into_iter()
        .filter(|(from, to)| from < to)
}

#[test]
fn what_is_lost_is_lost_until_it_is_written_again_and_synced() {
    let path = PathBuf::from("/d/a");
    let calls = |deeds: &[Deed]| -> Vec<Call> {
        let call = |(begun, deed): (usize, &Deed)| Call {
            deed: deed.clone(),
            begun,
            data_alone: false,
        };
        deeds.iter().enumerate().map(call).collect()
    };
    let write = |from, to| Deed::Write(path.clone(), from, to);
    let (sync, failed) = (Deed::Sync(path.clone()), Deed::FailedSync(path.clone()));
    let says = |line: &str| Deed::Print(line.to_owned());
    let relies = |deeds: &[Deed]| Losses::in_folder(Path::new("/d")).follow(&calls(deeds)).is_ok();
    assert!(relies(&[
        write(0, 9),
        sync.clone(),
        failed.clone(),
        says("applied 1")
    ]));
    assert!(relies(&[
        write(0, 9),
        failed.clone(),
        says("told"),
        write(0, 5),
        write(5, 9),
        sync.clone(),
        says("there 1")
    ]));
    assert!(relies(&[
        write(0, 9),
        failed.clone(),
        Deed::Cut(path.clone(), 0),
        says("applied 1")
    ]));
    assert!(!relies(&[
        write(0, 9),
        failed.clone(),
        sync.clone(),
        says("applied 1")
    ]));
    assert!(!relies(&[
        write(0, 9),
        failed.clone(),
        write(0, 8),
        sync.clone(),
        says("applied 1")
    ]));
    assert!(!relies(&[
        write(0, 9),
        failed.clone(),
        write(0, 9),
        says("opened")
    ]));
    let (folder, made) = (PathBuf::from("/d"), Deed::Make(path.clone()));
    let (kept, failed) = (Deed::Sync(folder.clone()), Deed::FailedSync(folder));
    let on = says("applied 1");
    assert!(!relies(&[made.clone(), failed.clone(), on.clone()]));
    assert!(relies(&[made.clone(), failed.clone(), kept.clone(), on.clone()]));
    assert!(relies(&[made.clone(), kept, made, failed, on]));
}
