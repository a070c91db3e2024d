//! Recordings that were one session: in the order in which they were recorded, whatever order they were named in.
//!
//! A book goes on from one recording to the next, and what comes late is told by what came before, so the order decides the rows.
//! It is read from the recordings themselves: names are the user's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::archive::Limits;
use super::container::open;
use super::files::VendorFile;
use crate::venues::capture::line_time;

/// Most of a recording's text that is looked at for its first time: a whole image of a book fits in.
const MAX_PEEK_BYTES: usize = 4 << 20;

/// Bytes read at once.
const BLOCK_BYTES: usize = 64 << 10;

/// Puts recordings into the order of the time of their first message, by the receiver's clock where there is one; names break
/// ties. Each is marked as going on from the one before it.
///
/// One without a time, or that cannot be read, comes first: it has nothing to go on from, and its reader will say why.
pub fn in_session_order(files: Vec<VendorFile>, limits: Limits) -> Vec<VendorFile> {
    let mut timed: Vec<(Option<i64>, VendorFile)> = files
        .into_iter()
        .map(|file| (first_time(&file, limits), file))
        .collect();
    timed.sort_by(|(a, x), (b, y)| (a, &x.name, &x.path).cmp(&(b, &y.name, &y.path)));
    let place = |(i, (_, mut file)): (usize, (Option<i64>, VendorFile))| {
        file.continues = i > 0;
        file
    };
    timed.into_iter().enumerate().map(place).collect()
}

/// Gives files whose names are the same names that differ: as many of their folders as it takes. A name stands for one file of
/// a lake, so under one name they would pass for versions of each other.
pub fn with_names_that_differ(mut files: Vec<VendorFile>) -> Vec<VendorFile> {
    let place = |file: &VendorFile| {
        let real = std::fs::canonicalize(&file.path);
        real.unwrap_or_else(|_| file.path.clone())
    };
    let mut same: BTreeMap<String, BTreeMap<PathBuf, Vec<usize>>> = BTreeMap::new();
    for (i, file) in files.iter().enumerate() {
        let places = same.entry(file.name.clone()).or_default();
        places.entry(place(file)).or_default().push(i);
    }
    for (name, places) in same.into_iter().filter(|(_, places)| places.len() > 1) {
        let folders: Vec<Vec<String>> = places.keys().map(|place| folders_of(place)).collect();
        let named = |depth: usize| -> Vec<String> {
            let name_of = |of: &Vec<String>| {
                let inner = of[of.len().saturating_sub(depth)..].iter();
                inner.chain([&name]).cloned().collect::<Vec<_>>().join("/")
            };
            folders.iter().map(name_of).collect()
        };
        let differ = |names: &[String]| names.iter().collect::<BTreeSet<_>>().len() == names.len();
        let most = folders.iter().map(Vec::len).max().unwrap_or(0);
        let depth = (1..most).find(|&depth| differ(&named(depth)));
        for (indices, name) in places.values().zip(named(depth.unwrap_or(most))) {
            for &i in indices {
                files[i].name.clone_from(&name);
            }
        }
    }
    files
}

/// Returns the names of the folders of a file, outermost first.
fn folders_of(path: &Path) -> Vec<String> {
    let parts = path.parent().into_iter().flat_map(Path::components);
    parts
        .filter(|part| matches!(part, Component::Normal(_)))
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect()
}

/// Returns the time of the first line that has one.
fn first_time(file: &VendorFile, limits: Limits) -> Option<i64> {
    let mut stream = open(&file.path, &file.container, limits).ok()?;
    let (mut text, mut done) = (Vec::new(), 0);
    loop {
        let before = text.len();
        text.resize(before + BLOCK_BYTES, 0);
        let n = stream.fill(&mut text[before..]).ok()?;
        text.truncate(before + n);
        while let Some(len) = memchr::memchr(b'\n', &text[done..]) {
            if let Some(time) = line_time(&text[done..done + len]) {
                return Some(time);
            }
            done += len + 1;
        }
        if n < BLOCK_BYTES || text.len() >= MAX_PEEK_BYTES {
            return line_time(&text[done..]);
        }
    }
}

#[cfg(test)]
mod tests;
