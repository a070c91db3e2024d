//! The text of a file, line by line or through a parser, never more than the caller asked for.

use super::{Subject, first_line};
use crate::ingest::archive::{ArchiveError, MemberProblem};
use crate::ingest::chunks::{LineChunks, LineTooLong};
use crate::ingest::container::{Container, ContainerSpec, Kind, Pick, Stream, open};
use crate::sniff::HEAD_BYTES;

/// Extensions of members that hold text, most usual first.
const EXTENSIONS: [&str; 5] = ["csv", "data", "jsonl", "json", "txt"];

/// The start of a text, and how to open it again.
pub(super) struct Head {
    pub(super) bytes: Vec<u8>,
    pub(super) member: Option<String>,
    pub(super) spec: ContainerSpec,
}

/// Why lines ended.
pub(super) enum Problem {
    Archive(ArchiveError),
    Line(LineTooLong),
}

impl From<LineTooLong> for Problem {
    fn from(problem: LineTooLong) -> Self {
        Self::Line(problem)
    }
}

impl Problem {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Archive(error) => first_line(&error.to_string()),
            Self::Line(error) => first_line(&error.to_string()),
        }
    }
}

/// Opens the text, whatever the extension of its member is, and reads its start.
pub(super) fn head(subject: &Subject<'_>) -> Result<Head, String> {
    let mut refused: Option<String> = None;
    for spec in specs(subject.kind) {
        let mut stream = match open(subject.path, &spec, subject.options.limits) {
            Ok(stream) => stream,
            Err(error) => {
                let wrong_name = matches!(
                    &error,
                    ArchiveError::Member {
                        problem: MemberProblem::Name,
                        ..
                    }
                );
                // Of all refusals the one that is not about a name says most.
                if refused.is_none() || !wrong_name {
                    refused = Some(first_line(&error.to_string()));
                }
                if wrong_name {
                    continue;
                }
                break;
            }
        };
        let mut bytes = vec![0; HEAD_BYTES];
        match stream.fill(&mut bytes) {
            Ok(n) => {
                bytes.truncate(n);
                let member = stream.member().map(str::to_owned);
                return Ok(Head {
                    bytes,
                    member,
                    spec,
                });
            }
            Err(error) => {
                refused = Some(first_line(&error.to_string()));
                break;
            }
        }
    }
    Err(refused.unwrap_or_else(|| "no text can be inside".to_owned()))
}

fn specs(kind: Kind) -> Vec<ContainerSpec> {
    match kind {
        Kind::Zip | Kind::TarGz => EXTENSIONS
            .iter()
            .map(|extension| {
                let pick = Pick::Extension((*extension).to_owned());
                let container = match kind {
                    Kind::Zip => Container::Zip(pick),
                    _ => Container::TarGz(pick),
                };
                container.into()
            })
            .collect(),
        _ => ContainerSpec::of_kind(kind, "csv")
            .into_iter()
            .map(ContainerSpec::accepting_truncated)
            .collect(),
    }
}

/// What reading to the end showed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    pub(super) lines: u64,
    /// Stopped at the caller's limit.
    pub(super) stopped: bool,
    /// Lines too long to be held.
    pub(super) passed: u64,
    /// The container ends too early.
    pub(super) truncated: bool,
}

/// Hands on the text in blocks of whole lines. `take` returns false to stop.
pub(super) fn blocks(
    subject: &Subject<'_>,
    spec: &ContainerSpec,
    mut take: impl FnMut(&[u8]) -> bool,
) -> (Ended, Result<(), Problem>) {
    let mut ended = Ended::default();
    let mut stream: Stream = match open(subject.path, spec, subject.options.limits) {
        Ok(stream) => stream,
        Err(error) => return (ended, Err(Problem::Archive(error))),
    };
    let mut chunks = LineChunks::default();
    let mut buffer = Vec::new();
    loop {
        let next = chunks.next(&mut buffer, |out| {
            stream.fill(out).map_err(Problem::Archive)
        });
        let n = match next {
            Ok(Some(n)) => n,
            Ok(None) => {
                ended.truncated = stream.truncated();
                return (ended, Ok(()));
            }
            Err(problem) => return (ended, Err(problem)),
        };
        let block = &buffer[..n];
        let left = subject
            .options
            .max_rows
            .map(|max| max.saturating_sub(ended.lines));
        let (block, cut) = first_lines(block, left);
        ended.lines += count_lines(block);
        let go_on = block.is_empty() || take(block);
        if cut {
            ended.stopped = true;
        }
        if cut || !go_on {
            return (ended, Ok(()));
        }
    }
}

fn count_lines(block: &[u8]) -> u64 {
    let n = memchr::memchr_iter(b'\n', block).count() as u64;
    n + u64::from(block.last().is_some_and(|b| *b != b'\n'))
}

/// Returns the first `max` lines, and whether some were left.
fn first_lines(block: &[u8], max: Option<u64>) -> (&[u8], bool) {
    let Some(max) = max else {
        return (block, false);
    };
    if count_lines(block) <= max {
        return (block, false);
    }
    let mut at = 0;
    for _ in 0..max {
        at += memchr::memchr(b'\n', &block[at..]).map_or(0, |i| i + 1);
    }
    (&block[..at], true)
}

/// Longest line that is held: answers to REST requests inside captures have megabytes.
const MAX_HELD: usize = 16 << 20;

/// Hands on every line that is not blank, without its end, and its number from 1. Lines beyond [`MAX_HELD`] are counted and
/// passed over.
pub(super) fn lines(
    subject: &Subject<'_>,
    spec: &ContainerSpec,
    mut take: impl FnMut(u64, &[u8]),
) -> (Ended, Result<(), Problem>) {
    let mut ended = Ended::default();
    let mut stream = match open(subject.path, spec, subject.options.limits) {
        Ok(stream) => stream,
        Err(error) => return (ended, Err(Problem::Archive(error))),
    };
    let max = subject.options.max_rows.unwrap_or(u64::MAX);
    let mut buffer = vec![0; crate::ingest::chunks::CHUNK_BYTES];
    let mut held = Held::default();
    loop {
        let n = match stream.fill(&mut buffer) {
            Ok(n) => n,
            Err(error) => return (ended, Err(Problem::Archive(error))),
        };
        let mut rest = &buffer[..n];
        while let Some(at) = memchr::memchr(b'\n', rest) {
            if ended.lines >= max {
                ended.stopped = true;
                return (ended, Ok(()));
            }
            held.add(&rest[..at]);
            held.end(&mut ended, &mut take);
            rest = &rest[at + 1..];
        }
        held.add(rest);
        if n < buffer.len() {
            let more = held.passing || !held.line.is_empty();
            if more && ended.lines < max {
                held.end(&mut ended, &mut take);
            } else if more {
                ended.stopped = true;
            }
            ended.truncated = stream.truncated();
            return (ended, Ok(()));
        }
    }
}

/// A line that is being put together.
#[derive(Default)]
struct Held {
    line: Vec<u8>,
    passing: bool,
}

impl Held {
    fn add(&mut self, part: &[u8]) {
        if self.passing || self.line.len() + part.len() > MAX_HELD {
            self.passing = true;
            self.line.clear();
        } else {
            self.line.extend_from_slice(part);
        }
    }

    fn end(&mut self, ended: &mut Ended, take: &mut impl FnMut(u64, &[u8])) {
        ended.lines += 1;
        ended.passed += u64::from(self.passing);
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        if !self.passing && !line.trim_ascii().is_empty() {
            take(ended.lines, line);
        }
        self.line.clear();
        self.passing = false;
    }
}
