//! Streams and the cap on lines together: endless lines and bombs stop at the cap, in bounded memory.

use super::*;
use crate::ingest::chunks::{CHUNK_BYTES, LineTooLong, MAX_LINE_BYTES};

#[derive(Debug)]
enum Stop {
    Archive(ArchiveError),
    Line(LineTooLong),
}

impl From<LineTooLong> for Stop {
    fn from(error: LineTooLong) -> Self {
        Self::Line(error)
    }
}

/// Cuts a file into lines; returns how it stopped and how many bytes had been asked for.
fn run(bytes: &[u8], spec: &ContainerSpec, limits: Limits) -> (Result<u64, Stop>, usize) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let mut stream = match open(file.path(), spec, limits) {
        Ok(stream) => stream,
        Err(error) => return (Err(Stop::Archive(error)), 0),
    };
    let (mut chunks, mut buffer, mut asked, mut total) = (LineChunks::default(), vec![], 0, 0);
    let ended = loop {
        let next = chunks.next(&mut buffer, |out| {
            asked += out.len();
            stream.fill(out).map_err(Stop::Archive)
        });
        match next {
            Ok(Some(n)) => total += n as u64,
            Ok(None) => break Ok(total),
            Err(stop) => break Err(stop),
        }
    };
    assert!(buffer.capacity() <= MAX_LINE_BYTES + CHUNK_BYTES);
    (ended, asked)
}

fn containers(text: &[u8]) -> [(Vec<u8>, ContainerSpec); 6] {
    let gz: ContainerSpec = Container::Gzip.into();
    let zst: ContainerSpec = Container::Zstd.into();
    [
        (text.to_vec(), Container::Plain.into()),
        (gzip::gz(text), gz.clone()),
        (gzip::gz(text), gz.accepting_truncated()),
        (zstd::zst(text), zst.clone()),
        (zstd::zst(text), zst.accepting_truncated()),
        (
            zip::sound(text),
            Container::Zip(Pick::Extension("csv".to_owned())).into(),
        ),
    ]
}

#[test]
fn a_line_of_100_megabytes_stops_at_the_cap() {
    let mut text = b"a\n".to_vec();
    text.resize(100_000_000, b'7');
    let limits = Limits {
        max_ratio: u64::MAX,
        ..Limits::default()
    };
    for (bytes, spec) in containers(&text) {
        let (ended, asked) = run(&bytes, &spec, limits);
        assert!(
            matches!(ended, Err(Stop::Line(LineTooLong { at: 2 }))),
            "{spec:?}: {ended:?}"
        );
        assert!(
            asked <= MAX_LINE_BYTES + 2 * CHUNK_BYTES,
            "{spec:?}: {asked}"
        );
    }
}

#[test]
fn a_bomb_of_short_lines_stops_at_the_ratio() {
    let text = b"0\n".repeat(15 << 20);
    for (bytes, spec) in containers(&text) {
        let (ended, asked) = run(&bytes, &spec, Limits::default());
        if spec.container == Container::Plain {
            assert_eq!(ended.unwrap(), text.len() as u64);
            continue;
        }
        assert!(
            matches!(ended, Err(Stop::Archive(ArchiveError::Ratio { .. }))),
            "{spec:?}: {ended:?}"
        );
        assert!(
            asked <= bytes.len() * 200 + 2 * CHUNK_BYTES,
            "{spec:?}: {asked}"
        );
    }
}

#[test]
fn every_line_arrives() {
    let text = lines(70_000);
    for (bytes, spec) in containers(&text) {
        assert_eq!(
            run(&bytes, &spec, Limits::default()).0.unwrap(),
            text.len() as u64
        );
    }
}
