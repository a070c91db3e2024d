//! What is in a file: any vendor's archive, a recording, page file, user's CSV, or partition of a lake.
//!
//! The parsers that ingest a file also inspect it, so that the answer is what ingestion would meet. Everything streams with
//! bounded memory; whatever cannot be read becomes a finding of the answer, never a failure of the inspection.

mod batches;
mod book;
mod channels;
mod command;
mod delimited;
mod input;
mod measure;
mod parquet_file;
mod recording;
mod report;
mod rows;
mod soundness;
mod vendor;

use std::path::{Path, PathBuf};

use quant_core::market::Venue;

use crate::ingest::archive::{ArchiveError, Limits, hash_file};
use crate::ingest::checksum::parse_checksum;
use crate::ingest::container::{Kind, sniff};
use crate::sniff::{FileFacts, Sniffed, facts_of, sniff_text};

pub use book::{BookSummary, BybitIds};
pub use channels::ChannelSummary;
pub use measure::Spread;
pub use report::{Check, Column, Inspection, Silence, TableSummary, Verdict};

/// How a file is inspected.
#[derive(Clone, Copy, Debug)]
pub struct InspectOptions {
    /// Lines to read at most; all if absent.
    pub max_rows: Option<u64>,
    /// A silence longer than this is listed as a gap; rows that come more rarely have a limit of their own.
    pub gap_us: i64,
    /// Share of unusable rows from which a file could not be ingested.
    pub max_quarantine_share: f64,
    /// Inflation limits.
    pub limits: Limits,
}

impl Default for InspectOptions {
    fn default() -> Self {
        Self {
            max_rows: None,
            gap_us: 60_000_000,
            max_quarantine_share: 0.01,
            limits: Limits::default(),
        }
    }
}

/// What every reader of this module is given.
struct Subject<'a> {
    path: &'a Path,
    name: String,
    kind: Kind,
    facts: FileFacts,
    options: &'a InspectOptions,
}

/// Inspects one file, or a day folder or dataset folder of a lake.
///
/// # Errors
/// `ArchiveError::Io` if there is nothing to open at the path; everything else is a finding.
pub fn inspect(path: &Path, options: &InspectOptions) -> Result<Inspection, ArchiveError> {
    let io = |source| ArchiveError::Io {
        path: path.to_owned(),
        source,
    };
    let meta = std::fs::metadata(path).map_err(io)?;
    if meta.is_dir()
        || path
            .file_name()
            .is_some_and(|n| n == crate::layout::MANIFEST_FILE)
    {
        let mut out = Inspection::of(path, 0);
        let container = if meta.is_dir() {
            "folder"
        } else {
            "plain text"
        };
        container.clone_into(&mut out.container);
        parquet_file::folder(path, &mut out);
        return Ok(out);
    }
    let kind = sniff(path)?;
    let mut out = Inspection::of(path, meta.len());
    out.container = kind.to_string();
    let subject = Subject {
        path,
        name: out.file.clone(),
        kind,
        facts: facts_of(&slashed(path)),
        options,
    };
    checksum(&subject, &mut out);
    match kind {
        Kind::Parquet => parquet_file::file(&subject, &mut out),
        Kind::Empty => {
            "empty file".clone_into(&mut out.format);
            out.fail("content", "the file has no bytes: fetch it again");
        }
        Kind::Binary | Kind::Tar => unknown_bytes(&subject, &mut out),
        _ => text(&subject, &mut out),
    }
    command::fill(&subject, &mut out);
    Ok(out)
}

fn slashed(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.to_string_lossy().replace('\\', "/")
}

/// Hashes the file and compares it with a checksum file beside it.
fn checksum(subject: &Subject<'_>, out: &mut Inspection) {
    match hash_file(subject.path) {
        Ok((_, sha256)) => out.sha256 = Some(sha256),
        Err(e) => return out.fail("bytes", &first_line(&e.to_string())),
    }
    let mut beside = subject.path.as_os_str().to_owned();
    beside.push(".CHECKSUM");
    let beside = PathBuf::from(beside);
    let Ok(text) = std::fs::read_to_string(&beside) else {
        return;
    };
    let found = out.sha256.clone().unwrap_or_default();
    match parse_checksum(&beside.to_string_lossy(), &text) {
        Ok(checksum) if checksum.sha256 == found => {
            out.ok("checksum file", "sha256 is the published one");
        }
        Ok(checksum) => out.fail(
            "checksum file",
            &format!("sha256 is {found}, published is {}", checksum.sha256),
        ),
        Err(e) => out.fail("checksum file", &first_line(&e.to_string())),
    }
}

/// Looks at the text inside and hands the file to the reader of its family.
fn text(subject: &Subject<'_>, out: &mut Inspection) {
    let head = match input::head(subject) {
        Ok(head) => head,
        Err(_) if delimited::zipped_updates(subject, out) => return,
        Err(problem) => {
            out.format = format!("{} that cannot be read", subject.kind);
            return out.fail("container", &problem);
        }
    };
    out.members.extend(head.member.clone());
    let name = slashed(subject.path);
    if let Ok(text) = core::str::from_utf8(&head.bytes)
        && head.bytes.len() < 1_000
        && vendor::checksum(subject, text, out)
    {
        return;
    }
    let starts = [&b"GET\n"[..], b"POST\n", b">"];
    if starts.iter().any(|start| head.bytes.starts_with(start)) && vendor::sample(&head.bytes, out)
    {
        return;
    }
    match sniff_text(&head.bytes, &name) {
        Sniffed::Empty => {
            "empty text".clone_into(&mut out.format);
            out.fail("content", "there is no line in it");
        }
        Sniffed::Rows(found) => rows::inspect(subject, &head, &found, out),
        Sniffed::BybitBook { symbol, depth } => {
            book::bybit(subject, &head, &symbol, depth, out);
        }
        Sniffed::OkxBook { inst_id, actions } => {
            book::okx(subject, &head, &inst_id, actions, out);
        }
        Sniffed::Recording { venue, capture } => {
            recording::inspect(subject, &head, venue, capture, out);
        }
        Sniffed::Pages { venue } => recording::pages(subject, &head, venue, out),
        Sniffed::UpdatesList => delimited::updates(subject, &head, out),
        Sniffed::Csv {
            delimiter,
            columns,
            header,
        } => delimited::csv(subject, &head, delimiter, &columns, header, out),
        Sniffed::Json { keys }
            if keys.iter().any(|k| k == "routes") && vendor::recorded_answers(subject, out) => {}
        Sniffed::Json { keys } => {
            "JSON of an unknown kind".clone_into(&mut out.format);
            out.note(format!("keys of the first value: {}", keys.join(", ")));
            out.fail("format", "no message, page or book of a known venue");
            excerpt(&head.bytes, out);
        }
        Sniffed::Text => {
            "text of an unknown kind".clone_into(&mut out.format);
            out.fail("format", "neither fields with a separator nor JSON");
            excerpt(&head.bytes, out);
        }
    }
    if subject.facts.symbol.is_none() && subject.facts.period.is_none() && out.exchange.is_none() {
        out.note("the file's name is none of a known archive".to_owned());
    }
}

/// Says what unknown content looks like.
fn excerpt(head: &[u8], out: &mut Inspection) {
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    let text = crate::venues::rows::excerpt(line, 120);
    out.note(format!("first line: {}", text.escape_debug()));
}

fn unknown_bytes(subject: &Subject<'_>, out: &mut Inspection) {
    use std::io::Read as _;
    let mut head = Vec::new();
    let read = std::fs::File::open(subject.path).and_then(|f| f.take(16).read_to_end(&mut head));
    if read.is_err() {
        return out.fail("bytes", "the file cannot be read");
    }
    let hex: Vec<String> = head.iter().map(|b| format!("{b:02x}")).collect();
    let hint = match head.as_slice() {
        _ if subject.kind == Kind::Tar => {
            "a tar that is not packed: gzip it, or unpack it and use what is inside"
        }
        [b'7', b'z', ..] => "a 7z archive: unpack it",
        [b'R', b'a', b'r', ..] => "a rar archive: unpack it",
        [b'B', b'Z', b'h', ..] => "bzip2: unpack it",
        [0xfd, b'7', b'z', ..] => "xz: unpack it",
        [0x04, 0x22, 0x4d, 0x18, ..] => "lz4: unpack it",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "text in UTF-16: convert it to UTF-8",
        [b'S', b'Q', b'L', ..] => "an SQLite database: export its tables as CSV",
        [0x93, b'N', b'U', b'M', ..] => "a NumPy array: export it as CSV",
        [b'A', b'R', b'R', b'O', ..] => "an Arrow file: write it as Parquet or CSV",
        [0x89, b'H', b'D', b'F', ..] => "HDF5: export it as CSV",
        _ => "no format this program knows; text in a legacy encoding must be converted to UTF-8",
    };
    out.format = subject.kind.to_string();
    out.note(format!("first bytes: {}", hex.join(" ")));
    out.fail("format", hint);
}

/// Returns an error's first line: hints speak of ingestion.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// Returns the lower-case name of a venue, `sim-` in front if a marker of the simulator lies above the file.
fn exchange_of(subject: &Subject<'_>, venue: Venue) -> String {
    let absolute = std::path::absolute(subject.path).unwrap_or_else(|_| subject.path.to_owned());
    let marked = absolute
        .ancestors()
        .skip(1)
        .take(12)
        .any(|dir| dir.join("SIMULATED.json").is_file());
    format!("{}{}", if marked { "sim-" } else { "" }, venue.name())
}

#[cfg(test)]
mod tests;
