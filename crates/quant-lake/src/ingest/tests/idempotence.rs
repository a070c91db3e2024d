//! The same files in any order, number, window, name or number of writers give the same lake, without a key twice.
//!
//! What a crash leaves is the matter of the tests that kill. `verify` reads every row back: keys must ascend strictly.
//!
//! # Planted bugs that were tried by hand
//! See `docs/reliability.md`, R5.

use std::collections::BTreeMap;

use quant_core::time::Day;

use super::fixture::*;
use super::lab::{DAY, Format, Given, LEVELS, Lab, MESSAGES, TABLES};
use crate::ingest::*;
use crate::read::HashMemo;
use crate::venues::binance::Period;
use crate::verify::{Depth, verify_lake};

/// Rows and content hash of every partition.
type Contents = BTreeMap<(String, Day), (u64, String)>;

const AT_HAND: [Format; 7] = [
    Format::OkxTrades,
    Format::BybitContracts,
    Format::BybitSpot,
    Format::OkxBook,
    Format::BinanceRecording,
    Format::OkxRecording,
    Format::HyperliquidRecording,
];

/// Tables whose days may be cut into slices.
const SLICED: [Format; 3] = [Format::OkxTrades, Format::BybitContracts, Format::BybitSpot];

fn days() -> [Day; 3] {
    [0, 1, 2].map(|i| day(DAY).plus(i))
}

/// One file a day.
fn daily(format: Format) -> Vec<Given> {
    let of = |d: Day| Given::new(format.name(d), format.text(&format.rows(d, 0, 20)));
    days().map(of).into()
}

/// All days in one file.
fn whole(format: Format) -> Given {
    let rows: Vec<String> = days().iter().flat_map(|d| format.rows(*d, 0, 20)).collect();
    Given::new("all", format.text(&rows))
}

fn lab(format: Format) -> Lab {
    let mut lab = Lab::new(format);
    lab.range = None;
    lab
}

#[track_caller]
fn contents(lab: &Lab) -> Contents {
    let report = verify_lake(
        &lab.fixture.lake(),
        LEVELS,
        Depth::Rows,
        &HashMemo::default(),
    );
    assert!(report.problems.is_empty(), "{report:?}");
    lab.contents()
}

#[track_caller]
fn good(lab: &Lab, files: &[Given]) -> IngestReport {
    let report = lab.ingest(files);
    assert_eq!(report.failures().count(), 0, "{:?} {report:?}", lab.format);
    for file in &report.files {
        assert!(file.counts.balanced(), "{:?} {file:?}", lab.format);
    }
    report
}

/// What a lake becomes of these files.
#[track_caller]
fn of(format: Format, files: &[Given]) -> Contents {
    let lab = lab(format);
    good(&lab, files);
    contents(&lab)
}

/// Nothing was to do: all that a file has of a dataset is there, or it has nothing of it.
fn is_current(report: &IngestReport) -> bool {
    let mut files = report.files.iter();
    files.all(|f| match &f.status {
        FileStatus::Current => true,
        FileStatus::Written { days } => days.is_empty() && f.counts == RowCounts::default(),
        _ => false,
    })
}

fn orders() -> [[usize; 3]; 6] {
    [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ]
}

#[test]
fn three_times() {
    for format in AT_HAND {
        let lab = lab(format);
        good(&lab, &daily(format));
        let (first, files) = (contents(&lab), lab.fixture.listing());
        assert!(first.values().any(|(rows, _)| *rows > 0));
        for _ in 0..2 {
            assert!(is_current(&good(&lab, &daily(format))), "{format:?}");
            assert_eq!(contents(&lab), first, "{format:?}");
            assert_eq!(lab.fixture.listing(), files, "{format:?}");
        }
        // Without receipts the files are read again, and nothing changes.
        std::fs::remove_dir_all(lab.fixture.lake().root().join(".receipts")).unwrap();
        good(&lab, &daily(format));
        assert_eq!(contents(&lab), first, "{format:?}");
        assert_eq!(lab.fixture.listing(), files, "{format:?}");
    }
}

#[test]
fn vision_three_times() {
    for format in TABLES.into_iter().filter(|f| f.is_vision()) {
        let lab = Lab::prepared(format);
        lab.text(format.good(50));
        let (first, files) = (contents(&lab), lab.fixture.listing());
        assert_eq!(first.len(), 2);
        for _ in 0..2 {
            assert!(is_current(&lab.text(format.good(50))), "{format:?}");
            assert_eq!(lab.fixture.listing(), files, "{format:?}");
        }
        // The vendor corrects the file: the lake is as if it had never had the other one.
        lab.text(format.good(40));
        let corrected = contents(&lab);
        let fresh = Lab::prepared(format);
        fresh.text(format.good(40));
        assert_eq!(corrected, contents(&fresh), "{format:?}");
        assert_ne!(corrected, first, "{format:?}");
    }
}

#[test]
fn any_order_of_files() {
    for format in AT_HAND {
        let files = daily(format);
        let expected = of(format, &files);
        for order in orders() {
            let shuffled: Vec<Given> = order.iter().map(|&i| files[i].clone()).collect();
            assert_eq!(of(format, &shuffled), expected, "{format:?} {order:?}");
            // One call each.
            let lab = lab(format);
            for file in &shuffled {
                good(&lab, std::slice::from_ref(file));
            }
            assert_eq!(contents(&lab), expected, "{format:?} {order:?}");
        }
    }
}

#[test]
fn any_number_of_threads() {
    for format in AT_HAND {
        let expected = of(format, &daily(format));
        for jobs in [2, 3, 8] {
            let mut lab = lab(format);
            lab.fixture.options.jobs = jobs;
            good(&lab, &daily(format));
            assert_eq!(contents(&lab), expected, "{format:?} {jobs}");
        }
    }
}

#[test]
fn overlapping_windows() {
    const WINDOWS: [[&str; 2]; 4] = [
        ["2024-07-02", "2024-07-03"],
        ["2024-07-03", "2024-07-05"],
        ["2024-07-01", "2024-07-04"],
        ["2024-07-02", "2024-07-05"],
    ];
    for format in AT_HAND {
        let file = [whole(format)];
        let expected = of(format, &file);
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 1, 0, 3], [1, 0, 3, 2]] {
            let mut lab = lab(format);
            for i in order {
                lab.range = Some(WINDOWS[i]);
                good(&lab, &file);
            }
            lab.range = None;
            good(&lab, &file);
            // Books begin with their first image: days after a window began without one are made when it is wider.
            if TABLES.contains(&format) || format == Format::HyperliquidRecording {
                assert_eq!(contents(&lab), expected, "{format:?} {order:?}");
            } else {
                assert_eq!(contents(&lab).len(), expected.len(), "{format:?} {order:?}");
            }
        }
    }
}

#[test]
fn same_bytes_under_another_name() {
    for format in AT_HAND {
        let files = daily(format);
        let lab = lab(format);
        good(&lab, &files);
        let expected = contents(&lab);
        for name in ["copy", "copy of copy", "../copy"] {
            let renamed: Vec<Given> = files
                .iter()
                .map(|f| Given::new(format!("{name}-{}", f.name), f.bytes.clone()))
                .collect();
            good(&lab, &renamed);
            assert_eq!(contents(&lab), expected, "{format:?} {name}");
        }
        // Both names in one call.
        let both = [files[0].clone(), Given::new("twin", files[0].bytes.clone())];
        assert_eq!(of(format, &both), of(format, &files[..1]), "{format:?}");
    }
}

#[test]
fn a_changed_file_under_the_same_name() {
    for format in AT_HAND {
        let name = format.name(day(DAY));
        let of_rows = |n| Given::new(name.clone(), format.text(&format.rows(day(DAY), 0, n)));
        let lab = lab(format);
        for n in [20, 15, 25, 20] {
            good(&lab, &[of_rows(n)]);
            assert_eq!(contents(&lab), of(format, &[of_rows(n)]), "{format:?} {n}");
        }
    }
}

/// Two slices of a day that overlap, and the day in one piece.
fn slices(format: Format) -> ([Given; 2], Given) {
    let rows = format.rows(day(DAY), 0, 60);
    let text = |rows: &[String]| format.text(rows);
    (
        [
            Given::new("a", text(&rows[..35])),
            Given::new("b", text(&rows[30..])),
        ],
        Given::new("whole", text(&rows)),
    )
}

#[test]
fn two_slices_of_a_day_in_either_order() {
    for format in SLICED {
        let ([a, b], whole) = slices(format);
        let expected = of(format, std::slice::from_ref(&whole));
        for files in [
            vec![a.clone(), b.clone()],
            vec![b.clone(), a.clone()],
            vec![a.clone(), b.clone(), whole.clone()],
            vec![whole.clone(), b.clone(), a.clone()],
        ] {
            let names: Vec<&str> = files.iter().map(|f| f.name.as_str()).collect();
            assert_eq!(of(format, &files), expected, "{format:?} {names:?}");
            let lab = lab(format);
            for _ in 0..2 {
                for file in &files {
                    good(&lab, std::slice::from_ref(file));
                }
                assert_eq!(contents(&lab), expected, "{format:?} {names:?}");
            }
        }
    }
}

#[test]
fn months_and_days() {
    for format in [Format::UmTrades, Format::UmKlines] {
        let key = format.key();
        let texts = days().map(|d| (d, format.text(&format.rows(d, 0, 25))));
        let all: Vec<String> = days().iter().flat_map(|d| format.rows(*d, 0, 25)).collect();
        let run = |steps: &[bool]| {
            let lab = Lab::new(format);
            for &monthly in steps {
                let mut request =
                    lab.fixture
                        .request(&key, format.main(), "2024-07-02", "2024-07-05");
                request.options.monthly = monthly;
                if monthly {
                    let period = Period::month_of(day(DAY));
                    lab.fixture
                        .put(&key, format.main(), period, &format.text(&all));
                } else {
                    for (d, text) in &texts {
                        lab.fixture.put(&key, format.main(), Period::Day(*d), text);
                    }
                }
                let report = lab.fixture.ingest(&request);
                assert_eq!(report.failures().count(), 0, "{report:?}");
            }
            contents(&lab)
        };
        let expected = run(&[false]);
        assert_eq!(expected.len(), 3);
        for steps in [
            &[true][..],
            &[true, false],
            &[false, true],
            &[true, false, true],
        ] {
            assert_eq!(run(steps), expected, "{format:?} {steps:?}");
        }
    }
}

#[test]
fn two_writers_at_once() {
    for format in TABLES.into_iter().chain(MESSAGES) {
        let single = Lab::prepared(format);
        single.text(format.good(40));
        let expected = contents(&single);
        let lab = Lab::prepared(format);
        // Same lake, same bytes, three threads: locks are held per set, so threads stand for processes.
        let results: Vec<bool> = std::thread::scope(|scope| {
            let lab = &lab;
            let spawned: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(move || {
                        if format.is_vision() {
                            return lab.try_vision().is_ok();
                        }
                        lab.try_text(&format.good(40)).is_ok()
                    })
                })
                .collect();
            spawned.into_iter().map(|t| t.join().unwrap()).collect()
        });
        if !format.is_vision() {
            assert!(results.contains(&true), "{format:?}: nobody got the lock");
            assert_eq!(contents(&lab), expected, "{format:?}");
        }
        lab.text(format.good(40));
        assert_eq!(contents(&lab), expected, "{format:?}");
    }
}

/// A parser of another version makes other rows of the same bytes: nothing of the old ones may stay.
#[test]
fn another_version_of_the_parser() {
    let format = Format::OkxTrades;
    let ([a, b], whole) = slices(format);
    let newer = |lab: &mut Lab| {
        lab.version = "test-2";
        lab.contract = 10.0;
    };
    let fresh = |files: &[Given]| {
        let mut lab = lab(format);
        newer(&mut lab);
        good(&lab, files);
        contents(&lab)
    };
    let expected = fresh(std::slice::from_ref(&whole));
    for files in [
        vec![whole.clone()],
        vec![a.clone(), b.clone()],
        vec![b.clone(), a.clone()],
    ] {
        let mut lab = lab(format);
        good(&lab, &files);
        assert_ne!(contents(&lab), expected);
        newer(&mut lab);
        good(&lab, &files);
        assert_eq!(contents(&lab), expected, "{} files", files.len());
        assert!(is_current(&good(&lab, &files)));
        for p in lab.manifest(format.main()).unwrap().partitions {
            assert_eq!(p.parser_version, "test-2");
        }
    }
    // One slice alone must not make the others look new, nor take them away.
    let mut lab = lab(format);
    good(&lab, &[a.clone(), b.clone()]);
    let before = lab.fixture.listing();
    newer(&mut lab);
    let report = lab.ingest(std::slice::from_ref(&a));
    let (_, error) = report.failures().next().expect("refused");
    let text = error.to_string();
    assert!(text.contains("`b`") && text.contains("hint: "), "{text}");
    assert_eq!(lab.fixture.listing(), before);
}

/// The vendor corrects one slice of a day: the rows of its earlier version go, those of the other slice stay.
#[test]
fn a_corrected_slice() {
    for format in SLICED {
        let ([a, b], _) = slices(format);
        let rows = format.rows(day(DAY), 0, 60);
        // Row 7 was wrong, row 8 never happened.
        let mut right = rows[..35].to_vec();
        let qty = format.columns().qty;
        let mut fields: Vec<&str> = rows[7].split(',').collect();
        fields[qty] = "77";
        let fixed = fields.join(",");
        right[7] = fixed;
        right.remove(8);
        let a2 = Given::new("a", format.text(&right));
        let expected = of(format, &[a2.clone(), b.clone()]);
        for files in [[a2.clone(), b.clone()], [b.clone(), a2.clone()]] {
            let lab = lab(format);
            good(&lab, &[a.clone(), b.clone()]);
            good(&lab, &files);
            assert_eq!(contents(&lab), expected, "{format:?}");
            assert!(is_current(&good(&lab, &files)), "{format:?}");
        }
    }
}
