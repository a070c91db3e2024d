//! One bad input per test: the typed error or the counted quarantine, and the lake as it was.

use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use super::fixture::*;
use crate::ingest::archive::{ArchiveError, MemberProblem};
use crate::ingest::*;
use crate::schema::Dataset;
use crate::venues::binance::Period;
use crate::venues::rows::ParseError;

const PATH: &str = "data/futures/um/daily/trades/BTCUSDT/BTCUSDT-trades-2024-07-02.zip";
const MEMBER: &str = "BTCUSDT-trades-2024-07-02.csv";

/// A lake that already holds one good day.
fn prepared() -> Fixture {
    let fixture = Fixture::new();
    let text = csv(UM_TRADES, &trades(day("2024-07-01"), 1, 50));
    fixture.put(
        &key("um", "BTCUSDT"),
        Dataset::Trades,
        Period::Day(day("2024-07-01")),
        &text,
    );
    let request = fixture.request(
        &key("um", "BTCUSDT"),
        Dataset::Trades,
        "2024-07-01",
        "2024-07-02",
    );
    assert!(matches!(
        fixture.ingest(&request).files[0].status,
        FileStatus::Written { .. }
    ));
    fixture
}

fn run(fixture: &Fixture) -> FileOutcome {
    let request = fixture.request(
        &key("um", "BTCUSDT"),
        Dataset::Trades,
        "2024-07-02",
        "2024-07-03",
    );
    fixture.ingest(&request).files.pop().unwrap()
}

/// Ingests with 1 to 3 threads, expects a refusal, an unchanged lake and a message with these words.
fn refused(fixture: &mut Fixture, words: &[&str]) -> FileError {
    let before = fixture.listing();
    let mut last = None;
    for jobs in [1, 2, 3] {
        fixture.options.jobs = jobs;
        let outcome = run(fixture);
        assert_eq!(outcome.counts, RowCounts::default());
        let FileStatus::Failed { error } = outcome.status else {
            panic!("{outcome:?}")
        };
        let text = error.to_string();
        for word in words {
            assert!(text.contains(word), "`{word}` is not in: {text}");
        }
        assert_eq!(fixture.listing(), before, "{text}");
        last = Some(error);
    }
    last.unwrap()
}

fn refused_text(text: &str, words: &[&str]) -> FileError {
    let mut fixture = prepared();
    fixture.put_zip(PATH, &zip_of(&[(MEMBER, text.as_bytes())]));
    refused(&mut fixture, words)
}

fn refused_zip(bytes: &[u8], words: &[&str]) -> FileError {
    let mut fixture = prepared();
    fixture.put_zip(PATH, bytes);
    refused(&mut fixture, words)
}

fn good_text() -> String {
    csv(UM_TRADES, &trades(day("2024-07-02"), 1_000, 5_000))
}

fn good_zip() -> Vec<u8> {
    zip_of(&[(MEMBER, good_text().as_bytes())])
}

/// Ingests a text that is accepted; returns the outcome and the lines of its quarantine.
fn accepted(text: &str) -> (FileOutcome, Vec<serde_json::Value>) {
    let fixture = prepared();
    fixture.put_zip(PATH, &zip_of(&[(MEMBER, text.as_bytes())]));
    let outcome = run(&fixture);
    assert!(
        matches!(outcome.status, FileStatus::Written { .. }),
        "{outcome:?}"
    );
    let mut lines = Vec::new();
    for path in fixture
        .listing()
        .keys()
        .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
    {
        let text = std::fs::read_to_string(path).unwrap();
        lines.extend(text.lines().map(|l| serde_json::from_str(l).unwrap()));
    }
    assert_eq!(outcome.counts.quarantined, lines.len() as u64);
    (outcome, lines)
}

#[test]
fn truncated_zip() {
    let good = good_zip();
    for len in [0, 10, good.len() / 2, good.len() - 1] {
        let error = refused_zip(&good[..len], &["BTCUSDT-trades-2024-07-02.zip", "hint: "]);
        assert!(matches!(error, FileError::Archive(_)), "{error}");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found_by_checksum_or_crc() {
    let good = good_zip();
    for at in [20, good.len() / 3, good.len() / 2, good.len() - 30] {
        let mut fixture = prepared();
        let path = fixture.put_zip(PATH, &good);
        let mut bad = good.clone();
        bad[at] ^= 4;
        std::fs::write(&path, &bad).unwrap();
        let error = refused(&mut fixture, &["sha256", "checksum file says", "hint: "]);
        assert!(matches!(error, FileError::ChecksumMismatch { .. }));
    }
    // With a checksum made of the damaged file only the CRC of the data is left.
    let mut bad = good.clone();
    let middle = good.len() / 2;
    bad[middle] ^= 4;
    let error = refused_zip(&bad, &["BTCUSDT-trades-2024-07-02.zip"]);
    assert!(
        matches!(
            error,
            FileError::Archive(_) | FileError::Parse(_) | FileError::Line { .. }
        ),
        "{error}"
    );
}

#[test]
fn wrong_crc_in_the_directory() {
    let mut stored = zip_with(
        &[(MEMBER, good_text().as_bytes())],
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored),
    );
    let at = stored.len() / 2;
    stored[at] ^= 1;
    let error = refused_zip(&stored, &["CRC", "hint: "]);
    assert!(matches!(
        error,
        FileError::Archive(ArchiveError::Crc { .. })
    ));
}

#[test]
fn wrong_checksum_names_both_hashes() {
    let mut fixture = prepared();
    let path = fixture.put_zip(PATH, &good_zip());
    let sum = "0".repeat(64);
    std::fs::write(
        path.with_extension("zip.CHECKSUM"),
        format!("{sum}  x.zip\n"),
    )
    .unwrap();
    let error = refused(&mut fixture, &[&sum, "hint: "]);
    let FileError::ChecksumMismatch {
        expected, found, ..
    } = error
    else {
        panic!("{error}")
    };
    assert!(expected == sum && found.len() == 64 && found != sum);
}

#[test]
fn unreadable_or_missing_checksum() {
    let mut fixture = prepared();
    let path = fixture.put_zip(PATH, &good_zip());
    let sum = path.with_extension("zip.CHECKSUM");
    std::fs::write(&sum, "<html>busy</html>").unwrap();
    refused(&mut fixture, &["is not a checksum file"]);
    std::fs::remove_file(&sum).unwrap();
    refused(
        &mut fixture,
        &["has no .CHECKSUM", "--allow-missing-checksum"],
    );
    fixture.options.allow_missing_checksum = true;
    let outcome = run(&fixture);
    assert!(
        matches!(outcome.status, FileStatus::Written { .. }),
        "{outcome:?}"
    );
    assert!(outcome.notes.iter().any(|n| n.contains("unverified")));
    assert!(matches!(run(&fixture).status, FileStatus::Current));
}

#[test]
fn members_that_do_not_belong() {
    let text = good_text();
    let text = text.as_bytes();
    let problem = |error: FileError| match error {
        FileError::Archive(ArchiveError::Member { problem, .. }) => problem,
        other => panic!("{other}"),
    };
    for (name, expected) in [
        ("../BTCUSDT-trades-2024-07-02.csv", MemberProblem::Path),
        ("/etc/BTCUSDT-trades-2024-07-02.csv", MemberProblem::Path),
        ("a\\BTCUSDT-trades-2024-07-02.csv", MemberProblem::Path),
        ("BTCUSDT-trades-2024-07-02.csv\0", MemberProblem::Path),
        ("BTCUSDT-trades-2024-07-03.csv", MemberProblem::Name),
        ("btcusdt-trades-2024-07-02.csv", MemberProblem::Name),
    ] {
        assert_eq!(
            problem(refused_zip(&zip_of(&[(name, text)]), &["hint: "])),
            expected,
            "{name}"
        );
    }
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.add_symlink(MEMBER, "/etc/passwd", SimpleFileOptions::default())
        .unwrap();
    let link = zip.finish().unwrap().into_inner();
    assert_eq!(problem(refused_zip(&link, &["link"])), MemberProblem::Link);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.add_directory(MEMBER, SimpleFileOptions::default())
        .unwrap();
    let folder = zip.finish().unwrap().into_inner();
    assert_eq!(
        problem(refused_zip(&folder, &["folder"])),
        MemberProblem::Folder
    );
}

#[test]
fn empty_zip_and_two_members() {
    let count = |error| match error {
        FileError::Archive(ArchiveError::MemberCount { members, .. }) => members,
        other => panic!("{other}"),
    };
    assert_eq!(count(refused_zip(&zip_of(&[]), &["0 members"])), 0);
    let two = zip_of(&[(MEMBER, b"a\n"), ("other.csv", b"b\n")]);
    assert_eq!(count(refused_zip(&two, &["2 members", MEMBER])), 2);
}

#[test]
fn bombs_are_refused_before_and_while_inflating() {
    let zeros = vec![b'0'; 20 << 20];
    let bomb = zip_of(&[(MEMBER, &zeros)]);
    let error = refused_zip(&bomb, &["zip bomb"]);
    assert!(matches!(
        error,
        FileError::Archive(ArchiveError::Ratio { .. })
    ));

    // A directory that lies about the size: the limit holds on what really comes out.
    let mut lying = bomb.clone();
    let size = u32::try_from(zeros.len()).unwrap().to_le_bytes();
    let mut at = 0;
    while let Some(found) = lying[at..].windows(4).position(|w| w == size) {
        lying[at + found..at + found + 4].copy_from_slice(&1000_u32.to_le_bytes());
        at += found + 4;
    }
    let error = refused_zip(&lying, &[]);
    assert!(
        matches!(
            error,
            FileError::Archive(ArchiveError::Size { .. } | ArchiveError::Ratio { .. })
        ),
        "{error}"
    );

    let mut fixture = prepared();
    fixture.options.limits.max_member_bytes = 1_000;
    fixture.put_zip(PATH, &good_zip());
    let error = refused(&mut fixture, &["more than the limit 1000"]);
    assert!(matches!(
        error,
        FileError::Archive(ArchiveError::TooLarge { .. })
    ));
}

#[test]
fn endless_line() {
    let mut text = good_text();
    text.push_str(&"7".repeat(5_000_000));
    let error = refused_text(&text, &["longer than 4194304 bytes"]);
    assert!(matches!(error, FileError::Line { .. }));
}

#[test]
fn headers_that_do_not_belong() {
    let rows = trades(day("2024-07-02"), 1, 30);
    for (header, words) in [
        (
            "id,price,qty,quote_qty,time",
            &["missing [is_buyer_maker]"][..],
        ),
        (
            "id,price,qty,quote_qty,time,is_buyer_maker,extra",
            &["unknown [extra]"],
        ),
        (
            "id,price,qty,quote_qty,time,is_maker",
            &["missing [is_buyer_maker]", "unknown [is_maker]"],
        ),
        (
            "ID,price,qty,quote_qty,time,is_buyer_maker",
            &["missing [id]", "unknown [ID]"],
        ),
        (
            "id,price,qty,qty,time,is_buyer_maker",
            &["missing [quote_qty]", "unknown [qty]"],
        ),
        ("garbage", &["missing [id, price"]),
    ] {
        let error = refused_text(&csv(header, &rows), words);
        assert!(
            matches!(error, FileError::Parse(ParseError::Header { .. })),
            "{error}"
        );
    }
}

#[test]
fn headerless_file_with_another_number_of_fields() {
    let error = refused_text("1,2,3\n", &["row 1", "3 fields"]);
    assert!(matches!(
        error,
        FileError::Parse(ParseError::Arity {
            expected: 6,
            found: 3,
            ..
        })
    ));
}

#[test]
fn empty_member_and_carriage_returns() {
    assert!(matches!(
        refused_text("", &["empty"]),
        FileError::Parse(ParseError::Empty { .. })
    ));
    let text = good_text().replace('\n', "\r");
    let short: String = text.chars().take(5_000).collect();
    let error = refused_text(&short, &["carriage returns"]);
    assert!(matches!(
        error,
        FileError::Parse(ParseError::CarriageReturns { .. })
    ));
}

#[test]
fn bad_values_are_quarantined_with_row_and_reason() {
    let mut rows = trades(day("2024-07-02"), 1, 100);
    let bad = [
        ("NaN", "price", "not a finite decimal"),
        ("-1.5", "price", "must be positive"),
        ("0", "price", "must be positive"),
        ("1e400", "price", "not a finite decimal"),
        ("0x10", "price", "not a finite decimal"),
        ("", "price", "not a finite decimal"),
        ("inf", "price", "not a finite decimal"),
    ];
    for (i, (value, ..)) in bad.iter().enumerate() {
        let fields: Vec<&str> = rows[10 + i].split(',').collect();
        let replaced = format!("{},{value},{}", fields[0], fields[2..].join(","));
        rows[10 + i] = replaced;
    }
    rows[50] = String::new();
    rows[51] = "9,9".to_owned();
    rows[52] = rows[52].replace("true", "maybe").replace("false", "maybe");
    rows[53] = "99,1.0,0.1,1,17198784000,true".to_owned();
    rows[54] = "\u{0}\u{7}".to_owned();
    let (outcome, lines) = accepted(&csv(UM_TRADES, &rows));
    assert_eq!(
        (
            outcome.counts.rows_in,
            outcome.counts.written,
            outcome.counts.quarantined
        ),
        (100, 88, 12)
    );
    for (i, (_, column, reason)) in bad.iter().enumerate() {
        assert_eq!(lines[i]["line"], 12 + i, "header is line 1");
        let text = lines[i]["reason"].as_str().unwrap();
        assert!(text.contains(column) && text.contains(reason), "{text}");
        assert_eq!(lines[i]["file"], "BTCUSDT-trades-2024-07-02.zip");
    }
    let reasons: Vec<&str> = lines[7..]
        .iter()
        .map(|l| l["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons[0], "blank line");
    assert!(reasons[1].starts_with("2 fields"));
    assert!(reasons[2].contains("true or false"));
    assert!(reasons[3].contains("13 digits"));
    assert!(reasons[4].starts_with("1 fields"));
}

#[test]
fn too_many_bad_rows_refuse_the_file() {
    let mut rows = trades(day("2024-07-02"), 1, 100);
    for row in rows.iter_mut().take(30) {
        row.push_str(",x");
    }
    // The first row decides the arity, so spoil values instead.
    for row in rows.iter_mut().take(30) {
        *row = row.replace(",x", "").replace("0.", "-0.");
    }
    let error = refused_text(
        &csv(UM_TRADES, &rows),
        &["30 of 100", "row 2:", "ingest.max_quarantine_share"],
    );
    assert!(matches!(
        error,
        FileError::Parse(ParseError::TooManyBadRows {
            quarantined: 30,
            rows: 100,
            ..
        })
    ));
}

#[test]
fn repeated_ids() {
    let mut rows = trades(day("2024-07-02"), 1, 100);
    rows.insert(20, rows[19].clone());
    let mut other = rows[40].clone();
    other = other.replace(",0.", ",7.");
    rows.insert(41, other);
    let (outcome, lines) = accepted(&csv(UM_TRADES, &rows));
    let counts = outcome.counts;
    assert_eq!(
        (
            counts.rows_in,
            counts.written,
            counts.duplicates,
            counts.quarantined
        ),
        (102, 100, 1, 1)
    );
    assert_eq!(lines[0]["line"], 43);
    assert!(lines[0]["reason"].as_str().unwrap().contains("same key"));

    // The same far apart, which forces the day through the sorter: the same counts.
    let mut rows = trades(day("2024-07-02"), 1, 100);
    rows.push(rows[3].clone());
    rows.push(rows[5].replace(",0.", ",7."));
    let (outcome, lines) = accepted(&csv(UM_TRADES, &rows));
    let counts = outcome.counts;
    assert_eq!(
        (
            counts.rows_in,
            counts.written,
            counts.duplicates,
            counts.quarantined
        ),
        (102, 100, 1, 1)
    );
    assert_eq!(lines[0]["line"], 103);
    assert_eq!(outcome.out_of_order, 2);
}

#[test]
fn bytes_in_utf8_errors_and_quotes_do_no_harm() {
    let mut text = good_text().into_bytes();
    text.extend(b"1,\xff\xfe,2,3,4,5\n\"1\",\"2\n");
    let fixture = prepared();
    fixture.put_zip(PATH, &zip_of(&[(MEMBER, &text)]));
    let outcome = run(&fixture);
    assert_eq!(outcome.counts.quarantined, 2);
}

#[test]
fn encrypted_member() {
    let options = SimpleFileOptions::default();
    // The writer of this build cannot encrypt; set the flag of both headers by hand.
    let mut bytes = zip_with(&[(MEMBER, b"x\n")], options);
    bytes[6] |= 1;
    let central = bytes
        .windows(4)
        .position(|w| w == [0x50, 0x4b, 1, 2])
        .unwrap();
    bytes[central + 8] |= 1;
    let error = refused_zip(&bytes, &["encrypted"]);
    let is_encrypted = matches!(
        error,
        FileError::Archive(ArchiveError::Member {
            problem: MemberProblem::Encrypted,
            ..
        })
    );
    assert!(is_encrypted, "{error}");
}
