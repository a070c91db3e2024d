//! Recordings of one session that arrive in any order and grouping give the lake of one arrival: books go on from file to file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use quant_core::time::Day;

use super::fixture::*;
use super::lab::{DAY, Format, Given, LEVELS, Lab, book};
use crate::ingest::*;
use crate::read::HashMemo;
use crate::schema::Dataset;
use crate::venues::binance::recording::{RecordingOptions, Session, recording_parser};
use crate::verify::{Depth, verify_lake};

const FORMAT: Format = Format::BinanceRecording;

/// Seconds of a day: the number of its last row, nearly.
const DAY_ROWS: i64 = 86_400;

type Contents = BTreeMap<(String, Day), (u64, String)>;

/// A whole image of the book as it is when row `i` is due, with a level at 97.
fn image(i: i64, qty: i64) -> String {
    let start = day(DAY).start().0 / 1_000;
    let (t, id) = (start + 1_000 + i * 1_000, start / 1_000 + i);
    format!(
        r#"{t}000000 {{"lastUpdateId":{id},"E":{t},"T":{t},"bids":[["99","3"],["97","{qty}"]],"asks":[["104","2"]]}}"#
    )
}

fn updates(first: i64, n: i64) -> Vec<String> {
    FORMAT.rows(day(DAY), first, n)
}

fn file(name: &str, lines: &[String]) -> Given {
    Given::new(name, FORMAT.text(lines))
}

/// Three files of one session, its only image in the first; `from` is the number of its first row.
fn pieces(from: i64) -> [Given; 3] {
    let mut first = vec![image(from, 4)];
    first.extend(updates(from + 1, 19));
    [
        file("p1", &first),
        file("p2", &updates(from + 20, 20)),
        file("p3", &updates(from + 40, 20)),
    ]
}

fn lab() -> Lab {
    let mut lab = Lab::new(FORMAT);
    lab.range = None;
    lab
}

/// Ingests files as one session in the given order.
fn session(lab: &Lab, files: &[Given]) -> IngestReport {
    let dir = lab.fixture.at.join("session");
    std::fs::create_dir_all(&dir).unwrap();
    let paths: Vec<(PathBuf, String)> = files
        .iter()
        .enumerate()
        .map(|(i, file)| {
            let path = dir.join(format!("given-{i}"));
            std::fs::write(&path, &file.bytes).unwrap();
            (path, file.name.clone())
        })
        .collect();
    let mut request = lab.request(&paths);
    for (i, file) in request.files.iter_mut().enumerate() {
        file.continues = i > 0;
    }
    let order: Vec<String> = files.iter().map(|f| f.name.clone()).collect();
    let left = Arc::new(Session::default());
    let options = RecordingOptions {
        market: FORMAT.key().market,
        symbol: FORMAT.key().symbol,
        book: book(),
    };
    let make = |file: &VendorFile, parse| -> Result<_, FileError> {
        let at = order.iter().position(|name| *name == file.name).unwrap();
        let before = left.last_of(&order[..at]);
        Ok(recording_parser(
            options.clone(),
            &file.datasets,
            parse,
            &left,
            before,
        ))
    };
    let stop = AtomicBool::new(false);
    ingest_files(&lab.fixture.lake(), &request, &make, &NoProgress, &stop).unwrap()
}

#[track_caller]
fn good(lab: &Lab, files: &[Given]) -> IngestReport {
    let report = session(lab, files);
    assert_eq!(report.failures().count(), 0, "{report:?}");
    for file in &report.files {
        assert!(file.counts.balanced(), "{file:?}");
    }
    report
}

#[track_caller]
fn contents(lab: &Lab) -> Contents {
    let lake = lab.fixture.lake();
    let report = verify_lake(&lake, LEVELS, Depth::Rows, &HashMemo::default());
    assert!(report.problems.is_empty(), "{report:?}");
    let mut found = lab.contents();
    // A day that lost its last row stays as a day without rows.
    found.retain(|_, (rows, _)| *rows > 0);
    found
}

#[track_caller]
fn fresh(files: &[Given]) -> Contents {
    let lab = lab();
    good(&lab, files);
    contents(&lab)
}

fn rows(contents: &Contents, dataset: Dataset) -> u64 {
    let of = contents.iter().filter(|((d, _), _)| d == dataset.name());
    of.map(|(_, (rows, _))| rows).sum()
}

/// A further run does nothing.
#[track_caller]
fn is_settled(lab: &Lab, files: &[Given]) {
    let before = lab.fixture.listing();
    let report = good(lab, files);
    for file in &report.files {
        let nothing = match &file.status {
            FileStatus::Current => true,
            FileStatus::Written { days } => days.is_empty(),
            _ => false,
        };
        assert!(nothing && file.counts == RowCounts::default(), "{file:?}");
    }
    assert_eq!(lab.fixture.listing(), before);
}

#[test]
fn an_earlier_day_that_arrives_later() {
    let mut first = vec![image(DAY_ROWS - 30, 4)];
    first.extend(updates(DAY_ROWS - 29, 28));
    // Row DAY_ROWS - 1 has the first time of the next day.
    let both = [
        file("day1", &first),
        file("day2", &updates(DAY_ROWS - 1, 30)),
    ];
    let expected = fresh(&both);
    let deltas = (Dataset::L2Deltas.name().to_owned(), day(DAY).plus(1));
    assert_eq!(expected[&deltas].0, 60, "two levels an update");
    for first in [&both[..1], &both[1..]] {
        let lab = lab();
        good(&lab, first);
        good(&lab, &both);
        assert_eq!(contents(&lab), expected);
        is_settled(&lab, &both);
        // Alone it knows less than before: what is there stays.
        for one in &both {
            good(&lab, std::slice::from_ref(one));
            assert_eq!(contents(&lab), expected);
            is_settled(&lab, std::slice::from_ref(one));
        }
        is_settled(&lab, &both);
    }
}

#[test]
fn three_pieces_in_any_grouping() {
    const STEPS: [&[&[usize]]; 9] = [
        &[&[0, 2], &[0, 1, 2]],
        &[&[1, 2], &[0, 1, 2]],
        &[&[2], &[1, 2], &[0, 1, 2]],
        &[&[2], &[1], &[0], &[0, 1, 2]],
        &[&[0], &[0, 1], &[0, 1, 2]],
        &[&[0, 1], &[1, 2], &[0, 1, 2]],
        &[&[0, 1, 2], &[2]],
        &[&[0, 1, 2], &[1, 2]],
        &[&[0, 1, 2], &[0, 2]],
    ];
    // In one day, and over midnight.
    for from in [0, DAY_ROWS - 30] {
        let all = pieces(from);
        let expected = fresh(&all);
        assert_eq!(rows(&expected, Dataset::L2Deltas), 3 + 59 * 2);
        for steps in STEPS {
            let lab = lab();
            for step in steps {
                let files: Vec<Given> = step.iter().map(|&i| all[i].clone()).collect();
                good(&lab, &files);
                is_settled(&lab, &files);
            }
            assert_eq!(contents(&lab), expected, "{from} {steps:?}");
            is_settled(&lab, &all);
        }
    }
}

#[test]
fn a_corrected_first_piece() {
    for from in [0, DAY_ROWS - 30] {
        let [p1, p2, p3] = pieces(from);
        let mut other_image = vec![image(from, 5)];
        other_image.extend(updates(from + 1, 19));
        let without_image = updates(from + 1, 19);
        let mut broken_chain = vec![image(from, 4)];
        broken_chain.extend(updates(from + 1, 10));
        let before = fresh(&[p1.clone(), p2.clone(), p3.clone()]);
        for lines in [other_image, without_image, broken_chain] {
            let corrected = [file("p1", &lines), p2.clone(), p3.clone()];
            let expected = fresh(&corrected);
            assert_ne!(expected, before);
            let lab = lab();
            good(&lab, &[p1.clone(), p2.clone(), p3.clone()]);
            good(&lab, &corrected);
            assert_eq!(contents(&lab), expected, "{from}");
            is_settled(&lab, &corrected);
        }
    }
}

#[test]
fn a_slice_beside_rows_that_are_not_at_hand() {
    let all = pieces(0);
    let [p1, _, p3] = all.clone();
    let mut lines = vec![image(100, 4)];
    lines.extend(updates(101, 10));
    let stranger = file("stranger", &lines);
    let lab = lab();
    good(&lab, &[p1, p3]);
    good(&lab, std::slice::from_ref(&stranger));
    let report = session(&lab, &all);
    let (_, error) = report.failures().next().expect("refused");
    assert!(matches!(error, FileError::OtherContext { .. }), "{error:?}");
    let text = error.to_string();
    let said = ["`p3`", "`stranger`", "hint: "];
    assert!(said.iter().all(|s| text.contains(s)), "{text}");
    let [p1, p2, p3] = all;
    let with_it = [p1, p2, p3, stranger];
    good(&lab, &with_it);
    assert_eq!(contents(&lab), fresh(&with_it));
    is_settled(&lab, &with_it);
}

#[test]
fn the_same_bytes_twice_in_a_session() {
    let [p1, p2, p3] = pieces(0);
    let expected = fresh(&[p1.clone(), p2.clone(), p3.clone()]);
    let twin = |of: &Given| Given::new(format!("twin of {}", of.name), of.bytes.clone());
    let twice = [
        p1.clone(),
        twin(&p1),
        p2.clone(),
        twin(&p2),
        p3.clone(),
        twin(&p3),
    ];
    let lab = lab();
    good(&lab, &[p1, p3]);
    good(&lab, &twice);
    assert_eq!(contents(&lab), expected);
    is_settled(&lab, &twice);
}

#[test]
fn a_refused_recording_is_no_part_of_what_was_known() {
    let all = pieces(DAY_ROWS - 30);
    let [p1, _, p3] = all.clone();
    // Of another market: the file is refused.
    let bad = file(
        "p2",
        &[updates(20, 1)[0]
            .replace("\"pu\"", "\"xx\"")
            .replace("\"T\"", "\"x\"")],
    );
    let lab = lab();
    let mixed = [p1, bad, p3];
    for _ in 0..2 {
        let report = session(&lab, &mixed);
        assert_eq!(report.failures().count(), 1, "{report:?}");
    }
    good(&lab, &all);
    assert_eq!(contents(&lab), fresh(&all));
    is_settled(&lab, &all);
}
