//! A folder of archives as a file host: files with ranges, S3 listings of the Binance bucket, HTML listings of Bybit's host.
//!
//! Reads only what lies below its root, whatever a path says.

use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use super::venue::{Query, Response};

/// Most keys of one listing page, as S3 has it.
const MAX_KEYS: usize = 1_000;

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The folder does not exist or is not a folder.
    #[error("there is no archive folder `{}`\nhint: make one with `quant synth --out DIR`", path.display())]
    NoFolder {
        /// The path.
        path: PathBuf,
    },
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArchiveEntry {
    /// Path below the root with `/`, which is the key of a listing.
    pub path: String,
    /// Size.
    pub bytes: u64,
}

/// A served folder.
#[derive(Clone, Debug)]
pub struct Archive {
    root: PathBuf,
}

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it lies.
    pub file: PathBuf,
    /// Size.
    pub bytes: u64,
}

/// Which part of a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// `[start, end)`.
    Range(u64, u64),
    /// A range outside of the file.
    Unsatisfiable,
}

impl Archive {
    /// Returns the archive in a folder.
    ///
    /// # Errors
    /// `NoFolder` if it is not one.
    pub fn new(root: &Path) -> Result<Self, ArchiveError> {
        let canonical = root.canonicalize().ok().filter(|path| path.is_dir());
        canonical
            .map(|root| Self { root })
            .ok_or_else(|| ArchiveError::NoFolder {
                path: root.to_owned(),
            })
    }

    /// Returns the file of a URL path: below the root, or below a folder of the root named like the host.
    pub fn find(&self, path: &str, host: &str) -> Option<Found> {
        let host = host.split(':').next().unwrap_or(host);
        let candidates = [path.to_owned(), format!("{host}/{path}")];
        candidates.iter().find_map(|path| {
            let file = self.inside(path)?;
            let meta = std::fs::metadata(&file).ok()?;
            meta.is_file().then_some(Found {
                file,
                bytes: meta.len(),
            })
        })
    }

    /// Returns the path below the root, if it exists and stays inside after links are followed.
    fn inside(&self, path: &str) -> Option<PathBuf> {
        let relative = Path::new(path.trim_start_matches('/'));
        let is_plain = relative
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !is_plain || path.contains('\0') {
            return None;
        }
        let file = self.root.join(relative).canonicalize().ok()?;
        file.starts_with(&self.root).then_some(file)
    }

    /// Returns every file whose path begins with `prefix`, ascending.
    pub fn list(&self, prefix: &str) -> Vec<ArchiveEntry> {
        let mut out = Vec::new();
        // Only the folders of the prefix need to be walked.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        if let Some(start) = self.inside(folder) {
            walk(&self.root, &start, &mut out);
        }
        out.retain(|entry| entry.path.starts_with(prefix));
        out.sort();
        out
    }

    /// Answers an S3 `ListObjects` request (version 1, as the Binance bucket has it).
    pub fn s3_listing(&self, query: &Query) -> Response {
        let text = |name| query.get(name).unwrap_or("");
        let (prefix, delimiter, marker) = (text("prefix"), text("delimiter"), text("marker"));
        let max_keys = query
            .get("max-keys")
            .and_then(|n| n.parse::<usize>().ok())
            .map_or(MAX_KEYS, |n| n.min(MAX_KEYS));
        let page = page(&self.list(prefix), prefix, delimiter, marker, max_keys);
        let mut xml = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">",
        );
        let tag = |xml: &mut String, name: &str, value: &str| {
            // Writing to a String cannot fail.
            let _ = write!(xml, "<{name}>{}</{name}>", escape(value));
        };
        tag(&mut xml, "Name", "data.binance.vision");
        // The request is echoed here: a `Prefix` outside of `CommonPrefixes` is not a child.
        tag(&mut xml, "Prefix", prefix);
        tag(&mut xml, "Marker", marker);
        if let Some(next) = page.next.as_deref().filter(|_| !delimiter.is_empty()) {
            tag(&mut xml, "NextMarker", next);
        }
        tag(&mut xml, "MaxKeys", &max_keys.to_string());
        if !delimiter.is_empty() {
            tag(&mut xml, "Delimiter", delimiter);
        }
        tag(
            &mut xml,
            "IsTruncated",
            if page.next.is_some() { "true" } else { "false" },
        );
        for entry in &page.keys {
            let _ = write!(
                xml,
                "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;{:032x}&quot;</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
                escape(&entry.path),
                super::delay::sub_seed(entry.bytes, &entry.path, 0),
                entry.bytes
            );
        }
        for child in &page.prefixes {
            let _ = write!(
                xml,
                "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>",
                escape(child)
            );
        }
        xml.push_str("</ListBucketResult>");
        Response {
            content_type: "application/xml",
            ..Response::json(200, xml)
        }
    }

    /// Answers a request for a folder with a page of links, as `public.bybit.com` does; `None` if it is not a folder.
    pub fn html_listing(&self, path: &str, host: &str) -> Option<Response> {
        let host = host.split(':').next().unwrap_or(host);
        let folder = [path.to_owned(), format!("{host}/{path}")]
            .iter()
            .find_map(|path| self.inside(path.trim_end_matches('/')))
            .filter(|folder| folder.is_dir())?;
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .ok()?
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let name = entry.file_name().into_string().ok()?;
                let is_folder = entry.file_type().ok()?.is_dir();
                Some(if is_folder { format!("{name}/") } else { name })
            })
            .collect();
        names.sort();
        let title = escape(path);
        let mut html = format!(
            "<html><head><title>Index of {title}</title></head><body><h1>Index of {title}</h1><ul>"
        );
        for name in names {
            let name = escape(&name);
            let _ = write!(html, "<li><a href=\"{name}\">{name}</a></li>");
        }
        html.push_str("</ul></body></html>\n");
        Some(Response {
            content_type: "text/html",
            ..Response::json(200, html)
        })
    }
}

/// One page of a listing.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    keys: Vec<ArchiveEntry>,
    prefixes: Vec<String>,
    /// Where the next page begins, if this one is cut.
    next: Option<String>,
}

fn page(
    entries: &[ArchiveEntry],
    prefix: &str,
    delimiter: &str,
    marker: &str,
    max_keys: usize,
) -> Page {
    let mut page = Page::default();
    let mut last = String::new();
    for entry in entries {
        let rest = entry.path.get(prefix.len()..).unwrap_or("");
        let child = (!delimiter.is_empty())
            .then(|| rest.find(delimiter))
            .flatten()
            .map(|at| format!("{prefix}{}", &rest[..at + delimiter.len()]));
        let name = child.as_ref().unwrap_or(&entry.path);
        if name.as_str() <= marker || page.prefixes.last() == child.as_ref() && child.is_some() {
            continue;
        }
        if page.keys.len() + page.prefixes.len() == max_keys {
            page.next = Some(last);
            return page;
        }
        last.clone_from(name);
        match child {
            Some(child) => page.prefixes.push(child),
            None => page.keys.push(entry.clone()),
        }
    }
    page
}

fn walk(root: &Path, folder: &Path, out: &mut Vec<ArchiveEntry>) {
    // A folder that vanishes while it is listed has no files.
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let (path, Ok(kind)) = (entry.path(), entry.file_type()) else {
            continue;
        };
        if kind.is_dir() {
            walk(root, &path, out);
        } else if let (true, Ok(meta), Ok(relative)) =
            (kind.is_file(), entry.metadata(), path.strip_prefix(root))
        {
            let parts: Option<Vec<&str>> = relative
                .components()
                .map(|c| c.as_os_str().to_str())
                .collect();
            if let Some(parts) = parts {
                out.push(ArchiveEntry {
                    path: parts.join("/"),
                    bytes: meta.len(),
                });
            }
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Reads a `Range` header for a file of `bytes`; several ranges or another unit count as no range.
pub fn part_of(header: Option<&str>, bytes: u64) -> Part {
    let Some(spec) = header.and_then(|h| h.trim().strip_prefix("bytes=")) else {
        return Part::Whole;
    };
    let Some((from, to)) = spec.split_once('-').filter(|_| !spec.contains(',')) else {
        return Part::Whole;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match (from.trim().is_empty(), number(from), number(to)) {
        (true, _, Some(0)) => Part::Unsatisfiable,
        (true, _, Some(last)) => Part::Range(bytes.saturating_sub(last), bytes),
        (false, Some(start), _) if start >= bytes => Part::Unsatisfiable,
        (false, Some(start), Some(end)) if end >= start => Part::Range(start, bytes.min(end + 1)),
        (false, Some(start), None) if to.trim().is_empty() => Part::Range(start, bytes),
        _ => Part::Whole,
    }
}

#[cfg(test)]
mod tests;
