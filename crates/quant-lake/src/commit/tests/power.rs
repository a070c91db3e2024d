//! Power is cut after every file-system step: what was not synced is lost, or its names survive with torn content.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use super::*;
use crate::commit::store::StoreFile;

/// What a name leads to.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Dir,
    File(usize),
}

#[derive(Clone, Debug, Default)]
struct Content {
    written: Vec<u8>,
    synced: Vec<u8>,
}

/// The disk as the system sees it and as it would be found after a power cut.
#[derive(Clone, Debug, Default)]
struct Disk {
    live: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
    contents: Vec<Content>,
}

impl Disk {
    fn of(root: &Path) -> Self {
        let mut disk = Self::default();
        let mut open = vec![root.to_owned()];
        while let Some(dir) = open.pop() {
            disk.live.insert(dir.clone(), Node::Dir);
            for entry in std::fs::read_dir(&dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let bytes = std::fs::read(&path).unwrap();
                    disk.live.insert(path, Node::File(disk.contents.len()));
                    disk.contents.push(Content {
                        written: bytes.clone(),
                        synced: bytes,
                    });
                }
            }
        }
        disk.durable = disk.live.clone();
        disk
    }

    fn sync_dir(&mut self, dir: &Path) {
        let child = |p: &PathBuf| p.parent() == Some(dir);
        self.durable.retain(|p, _| !child(p));
        let names = self.live.iter().filter(|(p, _)| child(p));
        self.durable
            .extend(names.map(|(p, n)| (p.clone(), n.clone())));
    }

    /// Writes the disk found after the cut to `to`. `names_survive`: directory changes reached the disk without a sync,
    /// file contents did only in part.
    fn after_cut(&self, root: &Path, to: &Path, names_survive: bool) {
        let names = if names_survive {
            &self.live
        } else {
            &self.durable
        };
        for (path, node) in names {
            // A name below a lost folder is lost as well.
            let reachable = path
                .ancestors()
                .skip(1)
                .take_while(|a| a.starts_with(root))
                .all(|a| names.get(a) == Some(&Node::Dir));
            let target = to.join(path.strip_prefix(root).unwrap());
            match node {
                Node::Dir if reachable => std::fs::create_dir_all(target).unwrap(),
                Node::File(id) if reachable => {
                    let content = &self.contents[*id];
                    let torn = content.written.len() / 2;
                    let bytes = if names_survive && content.synced.len() < torn {
                        &content.written[..torn]
                    } else {
                        &content.synced
                    };
                    std::fs::write(target, bytes).unwrap();
                }
                _ => {}
            }
        }
    }
}

/// The real file system with a record of the disk after every step.
#[derive(Debug)]
struct Recorder {
    history: Arc<Mutex<Vec<Disk>>>,
}

impl Recorder {
    fn record(history: &Mutex<Vec<Disk>>, change: impl FnOnce(&mut Disk)) {
        let mut history = history.lock().unwrap();
        let mut disk = history.last().cloned().unwrap();
        change(&mut disk);
        history.push(disk);
    }
}

struct RecordedFile {
    inner: Box<dyn StoreFile>,
    history: Arc<Mutex<Vec<Disk>>>,
    id: usize,
}

impl Write for RecordedFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(buf)?;
        Recorder::record(&self.history, |d| {
            d.contents[self.id].written.extend(&buf[..n]);
        });
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl StoreFile for RecordedFile {
    fn sync(&mut self) -> io::Result<()> {
        self.inner.sync()?;
        Recorder::record(&self.history, |d| {
            let content = &mut d.contents[self.id];
            content.synced.clone_from(&content.written);
        });
        Ok(())
    }
}

impl Store for Recorder {
    fn create(&self, path: &Path) -> io::Result<Box<dyn StoreFile>> {
        let inner = FsStore.create(path)?;
        let mut id = 0;
        Self::record(&self.history, |d| {
            id = d.contents.len();
            d.contents.push(Content::default());
            d.live.insert(path.to_owned(), Node::File(id));
        });
        Ok(Box::new(RecordedFile {
            inner,
            history: Arc::clone(&self.history),
            id,
        }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        FsStore.create_dir(path)?;
        Self::record(&self.history, |d| {
            d.live.insert(path.to_owned(), Node::Dir);
        });
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        FsStore.rename(from, to)?;
        Self::record(&self.history, |d| {
            let node = d.live.remove(from).unwrap();
            d.live.insert(to.to_owned(), node);
        });
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        FsStore.sync_dir(path)?;
        Self::record(&self.history, |d| d.sync_dir(path));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        FsStore.remove(path)?;
        Self::record(&self.history, |d| {
            d.live.remove(path);
        });
        Ok(())
    }
}

fn visible(lake: &Lake) -> Option<Partition> {
    let manifest = Manifest::load(&lake.set_dir(&spec()), &spec()).unwrap();
    manifest.and_then(|m| m.partition(day()).cloned())
}

fn cut_after_every_step(before: Option<&[i64]>) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("lake");
    std::fs::create_dir(&root).unwrap();
    let lake = Lake::new(&root);
    let old = before.map(|rows| lake_with(&root, rows).1);
    let history = Arc::new(Mutex::new(vec![Disk::of(&root)]));
    let store = Arc::new(Recorder {
        history: Arc::clone(&history),
    });
    let writer = DatasetWriter::open(&lake, spec(), WriterOptions { store, ..options() }).unwrap();
    let rows = [good(&[10, 20, 30], &[1, 2, 3])];
    let new = commit_day(&writer, day(), &rows, source('b')).unwrap();
    drop(writer);

    let history = history.lock().unwrap();
    assert!(history.len() > 10);
    for (k, disk) in history.iter().enumerate() {
        for names_survive in [false, true] {
            let found = tempfile::tempdir().unwrap();
            disk.after_cut(&root, found.path(), names_survive);
            let lake = Lake::new(found.path());
            let report = check(&lake);
            assert!(
                report.is_ok(),
                "cut after step {k}, {names_survive}: {report:?}"
            );
            let seen = visible(&lake);
            assert!(
                seen == old || seen.as_ref() == Some(&new),
                "cut after step {k}"
            );
            if k + 1 == history.len() {
                assert_eq!(seen.as_ref(), Some(&new), "a finished commit was lost");
            }
            let writer = DatasetWriter::open(&lake, spec(), options()).unwrap();
            let again = commit_day(&writer, day(), &rows, source('b')).unwrap();
            assert_eq!(again.content_sha256, new.content_sha256);
            drop(writer);
            let report = check(&lake);
            assert!(
                report.problems.is_empty(),
                "rerun after step {k}: {report:?}"
            );
        }
    }
}

#[test]
fn a_first_commit_survives_power_cuts() {
    cut_after_every_step(None);
}

#[test]
fn a_replacement_survives_power_cuts() {
    cut_after_every_step(Some(&[1, 2]));
}
