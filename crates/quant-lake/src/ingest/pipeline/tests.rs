//! A recording that was cut, through every number of threads.

use std::io::Write as _;

use sha2::{Digest as _, Sha256};

use super::*;
use crate::content::hex;
use crate::ingest::archive::Limits;
use crate::ingest::container::{Container, ContainerSpec, open};
use crate::ingest::report::NoProgress;
use crate::schema::Dataset;
use crate::venues::rows::Totals;

/// Counts lines.
#[derive(Default)]
struct Lines(Totals);

impl RowParser for Lines {
    fn feed(&mut self, lines: &[u8], _: &mut Vec<Parsed>) -> Result<(), ParseError> {
        assert_eq!(lines.last(), Some(&b'\n'), "only whole lines");
        self.0.rows += memchr::memchr_iter(b'\n', lines).count() as u64;
        Ok(())
    }

    fn finish(&mut self, _: &mut Vec<Parsed>) -> Result<FileTotals, ParseError> {
        Ok(vec![(Dataset::Trades, self.0.clone())])
    }
}

#[test]
fn a_cut_recording_is_read_up_to_its_last_whole_line() {
    let mut text = Vec::new();
    for i in 0..200_000 {
        writeln!(text, "{i},{}", i * 7919 % 104_729).unwrap();
    }
    text.extend_from_slice(b"incomplete");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(1));
    gz.write_all(&text).unwrap();
    let mut gz = gz.finish().unwrap();
    gz.truncate(gz.len() - 8);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&gz).unwrap();
    let expected = (gz.len() as u64, hex(&Sha256::digest(&gz)));
    let strict = ContainerSpec::from(Container::Gzip);
    for threads in [1, 2, 3] {
        let pipeline = Pipeline {
            threads,
            file: "x.gz",
            stop: &AtomicBool::new(false),
            progress: &NoProgress,
        };
        let run = |spec: &ContainerSpec| {
            let input = open(file.path(), spec, Limits::default()).unwrap();
            pipeline.run(input, &mut Lines::default(), &mut |_| Ok(()))
        };
        let ended = run(&strict.clone().accepting_truncated());
        ended.read.unwrap();
        let whole = ended.whole.unwrap();
        assert_eq!((whole.bytes, whole.sha256), expected);
        assert_eq!(ended.parsed.unwrap()[0].1.rows, 200_000);
        assert_eq!(whole.dropped, Some(10));
        let ended = run(&strict);
        assert!(matches!(
            ended.read,
            Err(FileError::Archive(ArchiveError::Truncated { .. }))
        ));
        let whole = ended.whole.unwrap();
        assert_eq!((whole.bytes, whole.sha256), expected);
        assert_eq!(whole.dropped, None);
    }
}
