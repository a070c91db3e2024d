//! Archives that must be refused whole: exit code 3, a message with file and remedy, and the lake as it was.

use std::path::PathBuf;
use std::sync::OnceLock;

use quant_lake::venues::binance::encode;
use serde_json::Value;

use crate::support::{
    AGG_SET, HEADER, Ran, agg_rows, checksum_path, contents, copy_dir, ingest_args, listing,
    member, put_text, put_zip, run, text, zip_of,
};

pub(crate) const GOOD_DAY: &str = "2024-01-01";
pub(crate) const DAY: &str = "2024-01-02";
pub(crate) const NEXT_DAY: &str = "2024-01-03";
const NAME: &str = "BTCUSDT-aggTrades-2024-01-02.zip";

/// A folder with a lake that holds one good day, and the archive it came from.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        static GOOD: OnceLock<tempfile::TempDir> = OnceLock::new();
        let good = GOOD.get_or_init(|| {
            let dir = tempfile::tempdir().unwrap();
            put_text(
                &dir.path().join("archive"),
                GOOD_DAY,
                &text(HEADER, &agg_rows(GOOD_DAY, 1, 1_000)),
            );
            run(dir.path(), &ingest_args(GOOD_DAY, DAY)).code(0);
            assert_eq!(contents(&dir.path().join("lake"), AGG_SET).len(), 1);
            dir
        });
        let dir = tempfile::tempdir().unwrap();
        copy_dir(good.path(), dir.path());
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        run(self.dir.path(), args)
    }

    /// Ingests the second day.
    pub(crate) fn ingest(&self) -> Ran {
        self.run(&ingest_args(DAY, NEXT_DAY))
    }

    /// Expects a refusal with these words and a remedy, and an unchanged lake; returns the error.
    #[track_caller]
    pub(crate) fn refuses(&self, words: &[&str]) -> Value {
        let before = listing(&self.path("lake"));
        assert!(before.len() > 2);
        let ran = self.ingest().code(3).says(words);
        let error: Value = serde_json::from_str(&ran.stderr).unwrap();
        assert_eq!(error["error"]["kind"], "data");
        let hints = error["error"]["hints"].as_array().unwrap();
        assert!(!hints.is_empty(), "no remedy: {}", ran.stderr);
        let files = ran.json();
        assert_eq!(files["files"][0]["status"], "refused");
        assert_eq!(files["rows"]["rows_in"], 0);
        assert_eq!(listing(&self.path("lake")), before);
        self.run(&["verify", "--lake", "lake"]).code(0);
        error
    }
}

/// A good text of the second day.
pub(crate) fn good_text() -> String {
    text(HEADER, &agg_rows(DAY, 1_001, 1_000))
}

fn good_zip() -> Vec<u8> {
    encode::csv_zip(&member(DAY), good_text().as_bytes()).unwrap()
}

#[track_caller]
fn refuses_zip(zip: &[u8], words: &[&str]) {
    let bench = Bench::new();
    put_zip(&bench.path("archive"), DAY, zip);
    bench.refuses(words);
}

#[track_caller]
fn refuses_text(text: &str, words: &[&str]) {
    let bench = Bench::new();
    put_text(&bench.path("archive"), DAY, text);
    bench.refuses(words);
}

#[test]
fn the_untouched_archive_is_accepted() {
    let bench = Bench::new();
    put_zip(&bench.path("archive"), DAY, &good_zip());
    let answer = bench.ingest().code(0).json();
    assert_eq!(answer["rows"]["written"], 1_000);
    assert_eq!(contents(&bench.path("lake"), AGG_SET).len(), 2);
}

#[test]
fn truncated_zip() {
    let good = good_zip();
    // Cut before the checksum was made: only the zip itself can tell.
    for len in [10, good.len() / 2, good.len() - 1] {
        refuses_zip(
            &good[..len],
            &[NAME, "not a readable zip", "fetch it again"],
        );
    }
    // Cut after: the checksum tells.
    let bench = Bench::new();
    let path = put_zip(&bench.path("archive"), DAY, &good);
    std::fs::write(&path, &good[..good.len() / 2]).unwrap();
    bench.refuses(&[NAME, "sha256", "checksum file says", "fetch it again"]);
}

#[test]
fn bit_flipped_zip() {
    let good = good_zip();
    for at in [5, good.len() / 3, good.len() / 2, good.len() - 30] {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        let bench = Bench::new();
        let path = put_zip(&bench.path("archive"), DAY, &good);
        std::fs::write(&path, &bad).unwrap();
        bench.refuses(&[NAME, "sha256", "checksum file says"]);
    }
    // A checksum made of the damaged file: its own CRC is left.
    let stored = {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file(member(DAY), options).unwrap();
        std::io::Write::write_all(&mut zip, good_text().as_bytes()).unwrap();
        zip.finish().unwrap().into_inner()
    };
    let mut bad = stored.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    refuses_zip(&bad, &[NAME, "CRC", "fetch the file again"]);
}

#[test]
fn wrong_checksum() {
    let bench = Bench::new();
    let path = put_zip(&bench.path("archive"), DAY, &good_zip());
    let wrong = "0".repeat(64);
    std::fs::write(checksum_path(&path), format!("{wrong}  {NAME}\n")).unwrap();
    bench.refuses(&[NAME, &wrong, "fetch it again"]);
}

#[test]
fn checksum_that_is_missing_or_none() {
    let bench = Bench::new();
    let path = put_zip(&bench.path("archive"), DAY, &good_zip());
    std::fs::write(checksum_path(&path), "<html>busy</html>").unwrap();
    bench.refuses(&[NAME, "is not a checksum file"]);
    std::fs::remove_file(checksum_path(&path)).unwrap();
    bench.refuses(&[NAME, "no .CHECKSUM", "--allow-missing-checksum"]);
}

#[test]
fn member_that_leads_out_of_the_folder() {
    let text = good_text();
    for name in [
        "../BTCUSDT-aggTrades-2024-01-02.csv",
        "/tmp/x.csv",
        "a/b.csv",
    ] {
        let bench = Bench::new();
        let zip = zip_of(&[(name, text.as_bytes())]);
        put_zip(&bench.path("archive"), DAY, &zip);
        let outside = listing(&bench.path("."));
        bench.refuses(&[NAME, name, "expected the file"]);
        assert_eq!(listing(&bench.path(".")), outside);
    }
}

#[test]
fn zip_bomb() {
    let zeros = vec![b'0'; 16 << 20];
    refuses_zip(&zip_of(&[(&member(DAY), &zeros)]), &[NAME, "zip bomb"]);
}

#[test]
fn empty_zip() {
    refuses_zip(&zip_of(&[]), &[NAME, "0 members", "expected only"]);
    refuses_zip(&[], &[NAME, "not a readable zip"]);
    refuses_text("", &[NAME, "the file is empty", "fetch it again"]);
}

#[test]
fn two_members() {
    let text = good_text();
    let zip = zip_of(&[(&member(DAY), text.as_bytes()), ("readme.txt", b"hello")]);
    refuses_zip(&zip, &[NAME, "2 members"]);
}

#[test]
fn missing_column() {
    let rows: Vec<String> = agg_rows(DAY, 1, 100)
        .iter()
        .map(|r| r.rsplit_once(',').unwrap().0.to_owned())
        .collect();
    let header = HEADER.rsplit_once(',').unwrap().0;
    let words = [
        NAME,
        "row 1",
        "missing [is_buyer_maker]",
        "unknown []",
        "expected",
    ];
    refuses_text(&text(header, &rows), &words);
}

#[test]
fn extra_column() {
    let rows: Vec<String> = agg_rows(DAY, 1, 100)
        .iter()
        .map(|r| format!("{r},1"))
        .collect();
    let header = format!("{HEADER},venue_flag");
    refuses_text(
        &text(&header, &rows),
        &[NAME, "row 1", "missing []", "unknown [venue_flag]"],
    );
}

#[test]
fn renamed_column() {
    let header = HEADER.replace("quantity", "qty");
    let words = [
        NAME,
        "row 1",
        "missing [quantity]",
        "unknown [qty]",
        "changed the format",
    ];
    refuses_text(&text(&header, &agg_rows(DAY, 1, 100)), &words);
}

#[test]
fn more_bad_rows_than_allowed() {
    let rows: Vec<String> = agg_rows(DAY, 1, 100)
        .iter()
        .enumerate()
        .map(|(i, r)| {
            let price = r.split(',').nth(1).unwrap();
            if i == 40 || i == 41 {
                r.replacen(price, "NaN", 1)
            } else {
                r.clone()
            }
        })
        .collect();
    let words = [
        NAME,
        "2 of 100 rows",
        "row 42:",
        "column `price`",
        "ingest.max_quarantine_share",
    ];
    refuses_text(&text(HEADER, &rows), &words);
}
