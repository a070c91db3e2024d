//! Every container, sound and hostile: the text, or the typed refusal with a remedy; the hash of the file always.

use std::io::Write as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::*;
use crate::content::hex;
use crate::ingest::chunks::LineChunks;

mod any;
mod gzip;
mod kind;
mod lines;
mod recorded;
mod tar;
mod zip;
mod zstd;

/// What came out of a file that was accepted.
#[derive(PartialEq, Eq)]
struct Got {
    text: Vec<u8>,
    truncated: bool,
    dropped: u64,
    member: Option<String>,
}

impl core::fmt::Debug for Got {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (bytes, truncated) = (self.text.len(), self.truncated);
        write!(
            f,
            "{bytes} bytes, truncated: {truncated}, dropped: {}",
            self.dropped
        )
    }
}

/// Reads a file to its end in blocks of one size; whatever happens, the hash must be that of the whole file.
#[track_caller]
fn read_path(
    path: &Path,
    spec: &ContainerSpec,
    limits: Limits,
    block: usize,
) -> Result<Got, ArchiveError> {
    let mut stream = open(path, spec, limits)?;
    let mut buffer = vec![0; block];
    let mut text = Vec::new();
    let result = loop {
        match stream.fill(&mut buffer) {
            Ok(n) => {
                text.extend_from_slice(&buffer[..n]);
                if n < block {
                    break Ok(());
                }
                assert!(!stream.truncated() || stream.tail.is_some());
            }
            Err(e) => break Err(e),
        }
    };
    if result.is_ok() {
        assert_eq!(
            stream.fill(&mut buffer).unwrap(),
            0,
            "the end stays the end"
        );
    }
    let got = Got {
        text,
        truncated: stream.truncated(),
        dropped: stream.dropped_bytes(),
        member: stream.member().map(str::to_owned),
    };
    let file = std::fs::read(path).unwrap();
    let expected = (file.len() as u64, hex(&Sha256::digest(&file)));
    assert_eq!(stream.finish_hash().unwrap(), expected);
    result.map(|()| got)
}

/// Reads bytes as a file, in small and in large blocks, which must agree.
#[track_caller]
fn read_within(bytes: &[u8], spec: &ContainerSpec, limits: Limits) -> Result<Got, ArchiveError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let large = read_path(file.path(), spec, limits, 512 * 1024);
    if bytes.len() < 64 * 1024 {
        for block in [613, 4096] {
            let small = read_path(file.path(), spec, limits, block);
            match (&large, &small) {
                (Ok(large), Ok(small)) => assert_eq!(large, small),
                (Err(large), Err(small)) => assert_eq!(tag(large), tag(small)),
                _ => panic!("{large:?}, but in blocks of {block}: {small:?}"),
            }
        }
    }
    if let Err(error) = &large {
        let message = error.to_string();
        assert!(message.contains("\nhint: "), "no remedy: {message}");
    }
    large
}

#[track_caller]
fn read(bytes: &[u8], spec: &ContainerSpec) -> Result<Got, ArchiveError> {
    read_within(bytes, spec, Limits::default())
}

/// The variant of a refusal and what distinguishes it.
fn tag(error: &ArchiveError) -> String {
    match error {
        ArchiveError::Io { .. } => "Io".to_owned(),
        ArchiveError::NotAFile { .. } => "NotAFile".to_owned(),
        ArchiveError::WrongKind {
            expected, found, ..
        } => format!("WrongKind {expected}: {found}"),
        ArchiveError::Nested { found, .. } => format!("Nested {found}"),
        ArchiveError::Truncated { part, .. } => format!("Truncated {part}"),
        ArchiveError::TrailingGarbage { expected, .. } => format!("TrailingGarbage {expected}"),
        ArchiveError::Header { what, .. } => format!("Header {what}"),
        ArchiveError::Window { .. } => "Window".to_owned(),
        ArchiveError::NotAZip { .. } => "NotAZip".to_owned(),
        ArchiveError::MemberCount { members, .. } => format!("MemberCount {members}"),
        ArchiveError::Member { problem, .. } => format!("Member {problem:?}"),
        ArchiveError::TooLarge { .. } => "TooLarge".to_owned(),
        ArchiveError::Ratio { .. } => "Ratio".to_owned(),
        ArchiveError::Corrupt { .. } => "Corrupt".to_owned(),
        ArchiveError::Size { .. } => "Size".to_owned(),
        ArchiveError::Crc { .. } => "Crc".to_owned(),
    }
}

/// One input and what must become of it: `Ok` with the text, or the tag of the refusal.
type Case<'a> = (&'a str, Vec<u8>, Result<&'a [u8], &'a str>);

#[track_caller]
fn check(spec: &ContainerSpec, cases: &[Case<'_>]) {
    for (name, bytes, expected) in cases {
        match (read(bytes, spec), expected) {
            (Ok(got), Ok(text)) => {
                assert!(got.text == *text, "{name}: {} bytes", got.text.len());
                assert!(!got.truncated, "{name}");
            }
            (Err(error), Err(expected)) => {
                assert_eq!(tag(&error), *expected, "{name}: {error}");
            }
            (got, _) => panic!("{name}: {got:?}, expected {expected:?}"),
        }
    }
}

/// Lines of which no two are equal, so that a lost or repeated byte shows.
fn lines(count: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for i in 0..count {
        let x = i.wrapping_mul(2_654_435_761) % 1_000_003;
        writeln!(text, "{i},{}.{:02},{x}", 60_000 + x % 977, x % 100).unwrap();
    }
    text
}

/// What is left of a text that was cut: its whole lines.
fn whole_lines(text: &[u8]) -> &[u8] {
    &text[..memchr::memrchr(b'\n', text).map_or(0, |at| at + 1)]
}
