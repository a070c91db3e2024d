//! Reads one list of replaced archives, strictly: every line, or none.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{ListedUpdate, UpdatesError};
use crate::ingest::checksum::parse_checksum;

/// Largest text of a list; the largest one seen has 92 kB.
const MAX_LIST_BYTES: u64 = 64 << 20;
/// What macOS adds to a zip.
const RESOURCE_FORKS: &str = "__MACOSX/";

pub(super) fn lists_in(dir: &Path) -> Result<Vec<PathBuf>, UpdatesError> {
    let io = |source| UpdatesError::Io {
        path: dir.to_owned(),
        source,
    };
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let is_list = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("csv") || e.eq_ignore_ascii_case("zip"));
        if is_list && path.is_file() {
            out.push(path);
        }
    }
    out.sort();
    Ok(out)
}

/// Reads the text of a list, out of its zip if need be.
pub(super) fn text_of(path: &Path) -> Result<String, UpdatesError> {
    let io = |source| UpdatesError::Io {
        path: path.to_owned(),
        source,
    };
    let broken = |problem: String| UpdatesError::Zip {
        path: path.to_owned(),
        problem,
    };
    let file = File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    if path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("zip"))
    {
        let mut zip = zip::ZipArchive::new(file).map_err(|e| broken(e.to_string()))?;
        let mut names = Vec::new();
        for name in zip.file_names() {
            let name = name.map_err(|e| broken(e.to_string()))?;
            if !name.starts_with(RESOURCE_FORKS) {
                names.push(name.into_owned());
            }
        }
        let [name] = names.as_slice() else {
            return Err(broken(format!(
                "it has {} members besides `{RESOURCE_FORKS}`, one list belongs there",
                names.len()
            )));
        };
        if !name.to_ascii_lowercase().ends_with(".csv") {
            return Err(broken(format!(
                "its member `{}` is no .csv",
                name.escape_debug()
            )));
        }
        let member = zip.by_name(name).map_err(|e| broken(e.to_string()))?;
        let mut bounded = member.take(MAX_LIST_BYTES + 1);
        bounded
            .read_to_end(&mut bytes)
            .map_err(|e| broken(e.to_string()))?;
    } else {
        file.take(MAX_LIST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(io)?;
    }
    if bytes.len() as u64 > MAX_LIST_BYTES {
        return Err(UpdatesError::TooLarge {
            path: path.to_owned(),
            limit: MAX_LIST_BYTES,
        });
    }
    // Bytes that are no text become a character that no cell may have.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads a list from its file, out of its zip if need be.
///
/// # Errors
/// `UpdatesError`: as [`parse_list`], and a file that cannot be read.
pub fn read_list(path: &Path) -> Result<Vec<ListedUpdate>, UpdatesError> {
    parse_list(path, &text_of(path)?)
}

/// Reads a list strictly: every line, or none.
///
/// # Errors
/// `UpdatesError`: another header, a line of another shape, a hash replaced twice, nothing listed.
pub fn parse_list(path: &Path, text: &str) -> Result<Vec<ListedUpdate>, UpdatesError> {
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let header = header.strip_prefix('\u{feff}').unwrap_or(header);
    if !matches!(
        header,
        "File,Original File Checksum,New File Checksum"
            | "File Path,Original File Checksum,New File Checksum"
    ) {
        return Err(UpdatesError::Header {
            path: path.to_owned(),
            found: header.chars().take(80).collect(),
        });
    }
    let mut out: Vec<ListedUpdate> = Vec::new();
    let mut old: BTreeMap<String, usize> = BTreeMap::new();
    for (line, text) in (2..).zip(lines) {
        let bad = |problem: String| UpdatesError::Row {
            path: path.to_owned(),
            line,
            text: text.chars().take(200).collect(),
            problem,
        };
        let row = parse_row(path, text).map_err(bad)?;
        if let Some(earlier) = old.insert(row.old_sha256.clone(), line) {
            return Err(bad(format!("line {earlier} replaces the same checksum")));
        }
        out.push(row);
    }
    if out.is_empty() {
        return Err(UpdatesError::Empty {
            path: path.to_owned(),
        });
    }
    // A chain inside one list that ends where it began has no last version.
    let next: BTreeMap<&str, (&str, usize)> = out
        .iter()
        .zip(2..)
        .map(|(r, line)| (r.old_sha256.as_str(), (r.new_sha256.as_str(), line)))
        .collect();
    for (row, line) in out.iter().zip(2..) {
        let mut at = row.new_sha256.as_str();
        for _ in 0..out.len() {
            let Some((further, _)) = next.get(at) else {
                break;
            };
            at = further;
        }
        if next.contains_key(at) {
            return Err(UpdatesError::Row {
                path: path.to_owned(),
                line,
                text: row.file.chars().take(200).collect(),
                problem: "its checksums replace one another in a circle".to_owned(),
            });
        }
    }
    Ok(out)
}

fn parse_row(path: &Path, text: &str) -> Result<ListedUpdate, String> {
    let cells: Vec<&str> = text.split(',').collect();
    let [file, old, new] = cells.as_slice() else {
        return Err(format!("{} cells, not 3", cells.len()));
    };
    let plain = |c: char| c != '"' && c != char::REPLACEMENT_CHARACTER && !c.is_control();
    let name = file.rsplit('/').next().unwrap_or(file);
    if name.is_empty() || name.trim() != name || !file.chars().all(plain) {
        return Err("its first cell is not a file".to_owned());
    }
    let zip = format!("{}.zip", name.strip_suffix(".zip").unwrap_or(name));
    let sum = |cell: &str| {
        let sum = parse_checksum(&path.display().to_string(), cell)
            .map_err(|_| format!("`{}` is not a checksum", cell.escape_debug()))?;
        match sum.name {
            Some(name) if name == zip => Ok(sum.sha256),
            Some(name) => Err(format!(
                "a checksum of `{}`, not of `{zip}`",
                name.escape_debug()
            )),
            None => Err("a checksum without a file name".to_owned()),
        }
    };
    let (old_sha256, new_sha256) = (sum(old)?, sum(new)?);
    if old_sha256 == new_sha256 {
        return Err("both checksums are the same".to_owned());
    }
    Ok(ListedUpdate {
        file: (*file).to_owned(),
        old_sha256,
        new_sha256,
    })
}
