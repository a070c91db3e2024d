//! An independent look at planted files: each finder knows what the clean file means and finds the places reported,
//! no more and no fewer.

mod files;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::makers::*;
use crate::content::hex;
use crate::defects::*;

/// A clean and a planted text, split into header and rows.
struct Case {
    shape: Shape,
    clean: String,
    planted: String,
    defect: PlantedDefect,
}

fn split(text: &str, shape: Shape) -> (Option<&str>, Vec<&str>) {
    let mut rows: Vec<_> = text.lines().collect();
    let header = shape.is_table().then(|| rows.remove(0));
    (header, rows)
}

impl Case {
    fn rows(&self) -> Vec<&str> {
        split(&self.planted, self.shape).1
    }

    fn clean_rows(&self) -> Vec<&str> {
        split(&self.clean, self.shape).1
    }

    /// Every row that a place claims, in the planted file.
    fn claimed(&self) -> Vec<usize> {
        let of = |p: &Place| (p.row..p.row + p.rows).map(|i| usize::try_from(i).unwrap());
        self.defect.places.iter().flat_map(of).collect()
    }

    /// Outside of the places both files must be the same, row by row.
    fn check_the_rest(&self) {
        assert_eq!(
            split(&self.planted, self.shape).0,
            split(&self.clean, self.shape).0
        );
        let (rows, clean) = (self.rows(), self.clean_rows());
        let (mut at, mut clean_at) = (0, 0);
        for place in &self.defect.places {
            let index = |x: u64| usize::try_from(x).unwrap();
            let (start, clean_start) = (index(place.row), index(place.clean_row));
            assert!(
                start >= at && start - at == clean_start - clean_at,
                "{:?}",
                self.defect
            );
            assert_eq!(rows[at..start], clean[clean_at..clean_start]);
            at = start + index(place.rows);
            clean_at = clean_start + index(place.clean_rows);
            assert_ne!(rows[start..at], clean[clean_start..clean_at]);
        }
        assert_eq!(rows[at..], clean[clean_at..]);
    }
}

/// Plants `kind` in every sample it fits, with several seeds; each must take it.
fn cases(kind: DefectKind) -> Vec<Case> {
    let mut out = Vec::new();
    for (path, shape, clean) in samples()
        .into_iter()
        .filter(|(_, s, _)| kind.applies_to(*s))
    {
        for seed in 0..3 {
            let file = stored(&path, &clean);
            let (planted, defect) = plant(&only(seed, kind), &path, shape, file.clone()).unwrap();
            let defect = defect.unwrap_or_else(|| panic!("{kind} does not take to {path}"));
            assert_eq!((defect.kind, &defect.path), (kind, &path));
            assert_eq!(planted.checksum.is_some(), file.checksum.is_some());
            if let Some(text) = &planted.checksum {
                // The checksum is that of what is stored.
                let name = path.rsplit('/').next().unwrap();
                assert_eq!(
                    *text,
                    format!("{}  {name}\n", hex(&Sha256::digest(&planted.bytes)))
                );
            }
            let planted = text_of(&path, &planted.bytes);
            assert_ne!(planted, clean);
            let json = serde_json::to_value(&defect).unwrap();
            assert_eq!(json["kind"], kind.name());
            assert_eq!(
                json["places"].as_array().map(Vec::len),
                Some(defect.places.len())
            );
            out.push(Case {
                shape,
                clean: clean.clone(),
                planted,
                defect,
            });
        }
    }
    assert!(!out.is_empty());
    out
}

fn cell(row: &str, i: usize) -> &str {
    row.split(',').nth(i).unwrap()
}

/// The number that orders the rows of a shape: ids and text times rise as the makers wrote them.
fn order(shape: Shape, row: &str) -> String {
    match shape {
        Shape::Klines
        | Shape::BookDepth
        | Shape::Metrics
        | Shape::FundingRate
        | Shape::BybitTrades => cell(row, 0).to_owned(),
        Shape::AggTrades | Shape::OkxTrades | Shape::BookTicker => cell(row, 5).to_owned(),
        Shape::Trades => cell(row, 4).to_owned(),
        Shape::BybitSpotTrades => cell(row, 1).to_owned(),
        Shape::OkxCandles => cell(row, 8).to_owned(),
        Shape::OkxFunding => cell(row, 2).to_owned(),
        Shape::Book => {
            let at = row.find("\"ts\":").unwrap() + 5;
            row[at..]
                .trim_start_matches('"')
                .chars()
                .take_while(char::is_ascii_digit)
                .collect()
        }
        Shape::Recording => row.split(' ').next().unwrap().to_owned(),
        Shape::Liquidations => unreachable!("no sample"),
    }
}

#[test]
fn gaps_are_stretches_that_are_missing() {
    for case in cases(DefectKind::Gap) {
        case.check_the_rest();
        let [place] = case.defect.places[..] else {
            panic!("{:?}", case.defect)
        };
        assert!(place.rows == 0 && place.clean_rows > 0 && place.row == place.clean_row);
        assert!(place.row > 0 && usize::try_from(place.row).unwrap() < case.rows().len());
        if case.shape == Shape::BookDepth {
            // Whole samples of twelve bands.
            assert!(place.row % 12 == 0 && place.clean_rows % 12 == 0);
        }
        if case.shape == Shape::Trades {
            let ids: Vec<i64> = case
                .rows()
                .iter()
                .map(|r| cell(r, 0).parse().unwrap())
                .collect();
            let jumps: Vec<_> = (1..ids.len())
                .filter(|i| ids[*i] != ids[i - 1] + 1)
                .collect();
            assert_eq!(jumps, [usize::try_from(place.row).unwrap()]);
            assert_eq!(
                ids[jumps[0]] - ids[jumps[0] - 1] - 1,
                i64::try_from(place.clean_rows).unwrap()
            );
        }
    }
}

#[test]
fn duplicates_are_the_only_equal_neighbours() {
    for case in cases(DefectKind::Duplicate) {
        case.check_the_rest();
        let rows = case.rows();
        let found: Vec<_> = (1..rows.len())
            .filter(|i| rows[*i] == rows[i - 1])
            .collect();
        assert_eq!(found, case.claimed());
        assert!(
            case.defect
                .places
                .iter()
                .all(|p| (p.rows, p.clean_rows) == (1, 0))
        );
    }
}

#[test]
fn unsorted_pairs_are_the_only_descents() {
    for case in cases(DefectKind::Unsorted) {
        case.check_the_rest();
        let keys: Vec<_> = case.rows().iter().map(|r| order(case.shape, r)).collect();
        let found: Vec<_> = (1..keys.len())
            .filter(|i| keys[*i] < keys[i - 1])
            .flat_map(|i| [i - 1, i])
            .collect();
        assert_eq!(found, case.claimed(), "{:?}", case.shape);
    }
}

#[test]
fn rows_of_the_day_before() {
    for case in cases(DefectKind::OtherDay) {
        case.check_the_rest();
        assert_eq!(case.defect.shift_us, Some(-86_400_000_000));
        for place in &case.defect.places {
            let i = usize::try_from(place.row).unwrap();
            let (row, original) = (case.rows()[i], case.rows()[i - 1]);
            for (column, (moved, stood)) in row.split(',').zip(original.split(',')).enumerate() {
                if !case.defect.columns.contains(&column) {
                    assert_eq!(moved, stood);
                } else if stood.contains('-') {
                    // The makers' text times lie on one day.
                    assert_eq!(moved, stood.replace(DAY, "2025-01-01"));
                } else {
                    let unit = if stood.contains('.') { 1.0 } else { 1e-3 };
                    let seconds =
                        (stood.parse::<f64>().unwrap() - moved.parse::<f64>().unwrap()) * unit;
                    assert!((seconds - 86_400.0).abs() < 1e-4, "{stood} {moved}");
                    assert_eq!(stood.len(), moved.len());
                }
            }
        }
        if matches!(
            case.shape,
            Shape::Trades | Shape::BookTicker | Shape::Klines
        ) {
            let start = start_ms().to_string();
            let rows = case.rows();
            let found: Vec<_> = (0..rows.len())
                .filter(|i| order(case.shape, rows[*i]) < start)
                .collect();
            assert_eq!(found, case.claimed());
        }
    }
}

#[test]
fn headers_that_are_missing() {
    for case in cases(DefectKind::MissingHeader) {
        let first = case.clean.find('\n').unwrap() + 1;
        assert_eq!(case.planted, case.clean[first..]);
        assert!(case.defect.places.is_empty());
    }
}

#[test]
fn reordered_columns_read_the_same_by_name() {
    for case in cases(DefectKind::ReorderedHeader) {
        let by_name = |text: &str| -> Vec<BTreeMap<String, String>> {
            let mut lines = text.lines();
            let names: Vec<_> = lines
                .next()
                .unwrap()
                .split(',')
                .map(str::to_owned)
                .collect();
            lines
                .map(|l| {
                    names
                        .iter()
                        .cloned()
                        .zip(l.split(',').map(str::to_owned))
                        .collect()
                })
                .collect()
        };
        assert_eq!(by_name(&case.planted), by_name(&case.clean));
        let header = |text: &str| {
            text.lines()
                .next()
                .unwrap()
                .split(',')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let (planted, clean) = (header(&case.planted), header(&case.clean));
        let moved: Vec<_> = (0..clean.len())
            .filter(|i| planted[*i] != clean[*i])
            .collect();
        assert_eq!(moved, case.defect.columns);
        assert_eq!(moved.len(), 2);
    }
}

#[test]
fn frozen_bands_repeat_a_sample_and_keep_their_times() {
    for case in cases(DefectKind::FrozenBands) {
        case.check_the_rest();
        let rows = case.rows();
        let values: Vec<Vec<_>> = rows
            .chunks(12)
            .map(|s| {
                s.iter()
                    .map(|r| (cell(r, 1), cell(r, 2), cell(r, 3)))
                    .collect()
            })
            .collect();
        let frozen = (1..values.len()).filter(|i| values[*i] == values[i - 1]);
        let found: Vec<_> = frozen.flat_map(|s| s * 12..s * 12 + 12).collect();
        assert_eq!(found, case.claimed());
        assert!((120..=1_440).contains(&found.len()) && found.len() % 12 == 0);
        let times = |rows: &[&str]| {
            rows.iter()
                .map(|r| cell(r, 0).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(times(&rows), times(&case.clean_rows()));
    }
}

#[test]
fn shifted_open_interest_comes_from_the_next_row() {
    for case in cases(DefectKind::ShiftedOi) {
        case.check_the_rest();
        let clean = case.clean_rows();
        let found: Vec<_> = (0..clean.len())
            .filter(|i| cell(case.rows()[*i], 2) != cell(clean[*i], 2))
            .collect();
        assert_eq!(found, case.claimed());
        for i in found {
            for column in 0..8 {
                let source = if [2, 3].contains(&column) {
                    clean[i + 1]
                } else {
                    clean[i]
                };
                assert_eq!(cell(case.rows()[i], column), cell(source, column));
            }
        }
        assert_eq!(case.defect.shift_us, Some(300_000_000));
    }
}

/// First bid and first ask of a message or quote: price and quantity.
fn first_levels(shape: Shape, row: &str) -> Option<[(f64, f64); 2]> {
    if shape == Shape::BookTicker {
        let n = |i| cell(row, i).parse::<f64>().unwrap();
        return Some([(n(1), n(2)), (n(3), n(4))]);
    }
    let json: serde_json::Value = serde_json::from_str(row).unwrap();
    let data = json.get("data").unwrap_or(&json);
    let level = |names: [&str; 2]| {
        let side = names.iter().find_map(|n| data.get(*n)).unwrap();
        let level = side.get(0)?;
        let number = |i: usize| level[i].as_str().unwrap().parse::<f64>().unwrap();
        Some((number(0), number(1)))
    };
    Some([level(["b", "bids"])?, level(["a", "asks"])?])
}

#[test]
fn crossed_books_are_the_only_ones() {
    for case in cases(DefectKind::CrossedBook) {
        case.check_the_rest();
        let rows = case.rows();
        let is_crossed =
            |row: &str| first_levels(case.shape, row).is_some_and(|[bid, ask]| bid.0 > ask.0);
        let found: Vec<_> = (0..rows.len()).filter(|i| is_crossed(rows[*i])).collect();
        assert_eq!(found, case.claimed());
    }
}

#[test]
fn empty_levels_are_the_only_ones() {
    for case in cases(DefectKind::ZeroSizeLevel) {
        case.check_the_rest();
        let rows = case.rows();
        let is_empty = |row: &str| {
            first_levels(case.shape, row).is_some_and(|[bid, ask]| bid.1 == 0.0 || ask.1 == 0.0)
        };
        let found: Vec<_> = (0..rows.len()).filter(|i| is_empty(rows[*i])).collect();
        assert_eq!(found, case.claimed());
        if case.shape == Shape::Book {
            assert!(rows[found[0]].contains("snapshot"));
        }
    }
}

#[test]
fn early_receive_stamps() {
    for case in cases(DefectKind::ClockOffset) {
        case.check_the_rest();
        let shift = case.defect.shift_us.unwrap();
        assert!((-2_000_000..=-250_000).contains(&shift));
        let rows = case.rows();
        let event = |row: &str| {
            let json: serde_json::Value =
                serde_json::from_str(row.split_once(' ').unwrap().1).unwrap();
            json["data"]["E"].as_i64().unwrap() * 1_000_000
        };
        let delay = |row: &str| row.split_once(' ').unwrap().0.parse::<i64>().unwrap() - event(row);
        // The clean recording has one delay.
        let found: Vec<_> = (0..rows.len()).filter(|i| delay(rows[*i]) < 0).collect();
        assert_eq!(found, case.claimed());
        assert!(
            found
                .iter()
                .all(|i| delay(rows[*i]) == 5_000_123 + shift * 1_000)
        );
    }
}

#[test]
fn wrong_checksums_leave_the_file() {
    for (path, shape, text) in samples() {
        let file = stored(&path, &text);
        let (planted, defect) = plant(
            &only(9, DefectKind::WrongChecksum),
            &path,
            shape,
            file.clone(),
        )
        .unwrap();
        assert_eq!(planted.bytes, file.bytes);
        assert_eq!(defect.is_some(), file.checksum.is_some());
        if let Some(sum) = planted.checksum {
            assert_ne!(&sum[..64], hex(&Sha256::digest(&file.bytes)));
            assert_eq!(sum[64..], file.checksum.unwrap()[64..]);
            assert!(sum[..64].bytes().all(|b| b.is_ascii_hexdigit()));
        }
    }
}

#[test]
fn truncated_files_end_early() {
    for (path, shape, text) in samples() {
        let file = stored(&path, &text);
        let (planted, defect) = plant(
            &only(9, DefectKind::TruncatedArchive),
            &path,
            shape,
            file.clone(),
        )
        .unwrap();
        let kept = usize::try_from(defect.unwrap().bytes_kept.unwrap()).unwrap();
        assert!(kept < file.bytes.len());
        assert_eq!(planted.bytes, file.bytes[..kept]);
        if let Some(sum) = planted.checksum {
            assert_eq!(sum[..64], hex(&Sha256::digest(&planted.bytes)));
        }
    }
}

#[test]
fn a_text_without_a_last_line_end_keeps_its_rows_apart() {
    let text = trades();
    let path = vision("trades", "");
    let clean = stored(&path, text.trim_end());
    for kind in [DefectKind::Unsorted, DefectKind::Duplicate, DefectKind::Gap] {
        for seed in 0..20 {
            let (planted, _) =
                plant(&only(seed, kind), &path, Shape::Trades, clean.clone()).unwrap();
            assert!(
                text_of(&path, &planted.bytes)
                    .lines()
                    .all(|l| l.split(',').count() == 6)
            );
        }
    }
}
