//! Files made to exhaust memory end with a message inside 512 MiB of address space, and leave the lake as it was.
#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{Ran, listing, sha256};

/// Address space, KiB: above the resident set, so that 512 MiB here is at most 512 MiB there.
const LIMIT_KIB: u32 = 512 * 1024;
const DAY: &str = "2024-07-02";
const DAY_MS: i64 = 1_719_878_400_000;

/// Runs the program where it can take no more memory than this.
fn run_limited(cwd: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new("sh");
    command
        .current_dir(cwd)
        .arg("-c")
        .arg(format!("ulimit -v {LIMIT_KIB}; exec \"$0\" \"$@\""))
        .arg(env!("CARGO_BIN_EXE_quant"))
        .args(args);
    Ran::of(&mut command)
}

fn put_archive(cwd: &Path, csv: &[u8]) {
    let name = format!("BTCUSDT-trades-{DAY}");
    let folder = cwd.join("archive/data/futures/um/daily/trades/BTCUSDT");
    std::fs::create_dir_all(&folder).unwrap();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let best = zip::write::SimpleFileOptions::default().compression_level(Some(9));
    zip.start_file(format!("{name}.csv"), best).unwrap();
    zip.write_all(csv).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    let sum = sha256(&zip);
    std::fs::write(folder.join(format!("{name}.zip")), zip).unwrap();
    let checksum = format!("{sum}  {name}.zip\n");
    std::fs::write(folder.join(format!("{name}.zip.CHECKSUM")), checksum).unwrap();
}

const VISION: &str = "build-dataset --exchange binance --market um --symbol BTCUSDT --start 2024-07-02 --end 2024-07-03 \
                      --source vision --root archive --datasets trades --lake lake --jobs 2";
const RECORDING: &str = "build-dataset --exchange binance --market um --symbol BTCUSDT --source recording \
                         --input btcusdt_20240702.gz --lake lake --jobs 2";

/// Refused with these words, and the lake holds nothing.
fn refused(cwd: &Path, command: &str, words: &[&str]) {
    let args: Vec<&str> = command.split_whitespace().collect();
    let ran = run_limited(cwd, &args);
    assert!(!ran.stderr.contains("panicked"), "{ran:#?}");
    ran.code(3).says(words).says(&["hint: "]);
    // Empty folders may be left behind.
    let files = listing(&cwd.join("lake/raw"));
    assert!(files.keys().all(|name| name.ends_with('/')), "{files:?}");
}

#[test]
fn a_zip_of_nothing_but_one_digit() {
    let dir = tempfile::tempdir().unwrap();
    put_archive(dir.path(), &vec![b'0'; 600 << 20]);
    refused(dir.path(), VISION, &["zip bomb"]);
}

/// Rows that pass every check and inflate less than a bomb does, but lie in no order: a few hundred rows, over and over.
#[test]
fn small_files_that_spread_when_sorted() {
    let dir = tempfile::tempdir().unwrap();
    let mut block = String::new();
    let mut noise = 1_u64;
    for i in (0..250_i64).rev() {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let (price, at) = (60_000 + noise % 997, DAY_MS + i * 1_000);
        let qty = noise >> 40;
        writeln!(block, "{i},{price}.1,0.{qty},{price}.{qty},{at},true").unwrap();
    }
    let mut csv = b"id,price,qty,quote_qty,time,is_buyer_maker\n".to_vec();
    for _ in 0..10_000 {
        csv.extend_from_slice(block.as_bytes());
    }
    put_archive(dir.path(), &csv);
    let packed = dir.path().join(format!(
        "archive/data/futures/um/daily/trades/BTCUSDT/BTCUSDT-trades-{DAY}.zip"
    ));
    let packed = std::fs::metadata(packed).unwrap().len();
    let ratio = csv.len() as u64 / packed;
    assert!(
        (60..200).contains(&ratio),
        "{ratio}: no bomb, or refused as one before"
    );
    refused(dir.path(), VISION, &["not in time order", "bomb"]);
}

fn put_recording(cwd: &Path, lines: impl Iterator<Item = String>) {
    let file = std::fs::File::create(cwd.join("btcusdt_20240702.gz")).unwrap();
    let mut gz = GzEncoder::new(file, Compression::fast());
    for line in lines {
        gz.write_all(line.as_bytes()).unwrap();
    }
    gz.finish().unwrap();
}

/// A line that never ends, of levels that look right.
#[test]
fn a_message_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let level = |i: u32| format!("[\"{}.{}\",\"0.{i}\"],", i % 99_991, i % 7);
    let begin = format!("{DAY_MS}000000 {{\"stream\":\"btcusdt@depth@0ms\",\"data\":{{\"b\":[");
    put_recording(
        dir.path(),
        std::iter::once(begin).chain((0..8_000_000).map(level)),
    );
    refused(dir.path(), RECORDING, &["longer than"]);
    let ran = run_limited(dir.path(), &["inspect", "btcusdt_20240702.gz"]);
    assert!(!ran.stderr.contains("panicked"), "{ran:#?}");
    ran.code(3);
}

/// A book in which every message brings levels that were never there, each at the place that costs most.
#[test]
fn a_book_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let image = format!(
        "{DAY_MS}000000 {{\"lastUpdateId\":15,\"E\":{DAY_MS},\"T\":{DAY_MS},\"bids\":[[\"90000.00\",\"1\"]],\"asks\":[[\"90001.00\",\"1\"]]}}\n"
    );
    let update = |i: i64| {
        let at = DAY_MS + i;
        let (first, last, prev) = (i * 10 + 1, i * 10 + 10, i * 10);
        let mut line = format!(
            "{at}000000 {{\"stream\":\"btcusdt@depth@0ms\",\"data\":{{\"e\":\"depthUpdate\",\"E\":{at},\"T\":{at},\"s\":\"BTCUSDT\",\"U\":{first},\"u\":{last},\"pu\":{prev},\"b\":["
        );
        for j in 0..1_000 {
            // Falling from below the best bid: each goes to the far end of the side.
            let cents = 8_900_000 - (i * 1_000 + j);
            let comma = if j > 0 { "," } else { "" };
            write!(
                line,
                "{comma}[\"{}.{:02}\",\"0.014\"]",
                cents / 100,
                cents % 100
            )
            .unwrap();
        }
        line + "],\"a\":[]}}\n"
    };
    put_recording(
        dir.path(),
        std::iter::once(image).chain((1..400).map(update)),
    );
    refused(
        dir.path(),
        RECORDING,
        &["one side of the book has", "levels"],
    );
}
