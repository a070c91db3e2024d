//! Recordings written and read again by the gzip library, and a recorded one copied.

use std::io::Read as _;

use flate2::read::{GzDecoder, MultiGzDecoder};

use super::streams::recorded;
use super::*;

const NS: i64 = 1_723_161_255_030_314_667;

fn write(frames: &[(i64, &str)], options: RecordingOptions) -> Vec<u8> {
    let mut writer = RecordingWriter::new(Vec::new(), options);
    for (at, frame) in frames {
        writer.push(*at, frame.as_bytes()).unwrap();
    }
    assert_eq!(writer.frames(), frames.len() as u64);
    writer.finish().unwrap()
}

fn read(gz: &[u8]) -> String {
    let mut text = String::new();
    MultiGzDecoder::new(gz).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn one_line_a_frame_in_nanoseconds_or_microseconds() {
    let frames = [(NS, r#"{"u":1}"#), (NS + 1_999, r#"{"u":2}"#)];
    let options = RecordingOptions::default();
    assert_eq!(
        read(&write(&frames, options)),
        "1723161255030314667 {\"u\":1}\n1723161255030316666 {\"u\":2}\n"
    );
    let micros = RecordingOptions {
        stamp: Stamp::Micros,
        ..options
    };
    assert_eq!(
        read(&write(&frames, micros)),
        "1723161255030314 {\"u\":1}\n1723161255030316 {\"u\":2}\n"
    );
    assert_eq!(write(&frames, micros), write(&frames, micros));
    // No time and no name of this machine: flags and mtime of the header are zero.
    assert_eq!(write(&frames, micros)[3..8], [0; 5]);
}

#[test]
fn a_clock_may_run_behind() {
    let options = RecordingOptions {
        clock_offset_ns: -1_270_000_000,
        ..RecordingOptions::default()
    };
    assert_eq!(
        read(&write(&[(NS, "{}")], options)),
        "1723161253760314667 {}\n"
    );
}

#[test]
fn members_follow_each_other() {
    let frames: Vec<_> = (0..7).map(|i| (NS + i, "{}")).collect();
    let options = RecordingOptions {
        frames_per_member: Some(3),
        ..RecordingOptions::default()
    };
    let gz = write(&frames, options);
    let mut first = String::new();
    GzDecoder::new(gz.as_slice())
        .read_to_string(&mut first)
        .unwrap();
    assert_eq!(first.lines().count(), 3);
    assert_eq!(read(&gz).lines().count(), 7);
    assert_eq!(
        read(&gz),
        read(&write(&frames, RecordingOptions::default()))
    );
    assert_eq!(gz.windows(3).filter(|w| *w == [0x1f, 0x8b, 8]).count(), 3);
}

#[test]
fn a_frame_is_one_line() {
    let mut writer = RecordingWriter::new(Vec::new(), RecordingOptions::default());
    writer.push(NS, b"{}").unwrap();
    assert_eq!(
        writer.push(NS, b"{\n}").unwrap_err().to_string(),
        "frame 1 holds a line break"
    );
    assert_eq!(read(&writer.finish().unwrap()), "1723161255030314667 {}\n");
}

/// Refuses everything after so many bytes.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0 < bytes.len() {
            return Err(std::io::Error::other("full"));
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_sink_is_an_error_and_stays_one() {
    let options = RecordingOptions {
        frames_per_member: Some(1),
        ..RecordingOptions::default()
    };
    let mut writer = RecordingWriter::new(Full(40), options);
    let mut results = (0..4).map(|i| writer.push(NS + i, b"{}"));
    let error = results.find_map(Result::err).unwrap();
    assert!(matches!(error, RecordingError::Sink { .. }), "{error}");
    assert!(results.all(|r| r.is_err()));
}

#[test]
fn a_recorded_file_is_written_again() {
    let path = "recordings/binance/um/btcusdt_20240808.gz";
    let Some(lines) = recorded(path, 3_000) else {
        return;
    };
    let frames: Vec<_> = lines.iter().map(|(at, f)| (*at, f.as_str())).collect();
    let expected: String = lines.iter().map(|(at, f)| format!("{at} {f}\n")).collect();
    assert_eq!(read(&write(&frames, RecordingOptions::default())), expected);
}
