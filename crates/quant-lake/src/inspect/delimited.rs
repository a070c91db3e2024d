//! A user's own delimited text, and Binance's lists of replaced archives.

use super::Subject;
use super::input::{self, Head};
use super::measure::{Counts, Silences, Times, order_of};
use super::report::{Column, Inspection, TableSummary};
use super::rows::ending;
use crate::sniff::likely_time;
use crate::venues::number::parse_decimal;
use crate::venues::stamp::parse_stamp;

/// What a column holds, as far as its values agree.
#[derive(Clone, Copy, Debug, Default)]
struct Kind {
    numbers: u64,
    texts: u64,
    empty: u64,
}

/// Inspects delimited text nobody knows: it needs a mapping, and this says what to put there.
pub(super) fn csv(
    subject: &Subject<'_>,
    head: &Head,
    delimiter: u8,
    names: &[String],
    header: bool,
    out: &mut Inspection,
) {
    let shown = match delimiter {
        b'\t' => "tabs".to_owned(),
        other => format!("`{}`", char::from(other)),
    };
    out.format = format!("delimited text of no known venue, separated by {shown}");
    out.header = Some(header);
    let mut kinds = vec![Kind::default(); names.len()];
    let mut time_at: Option<(usize, &'static str)> = None;
    let (mut times, mut cadence, mut silences) =
        (Times::default(), Counts::default(), Silences::default());
    let mut rows = 0;
    let mut ragged: Option<(u64, usize)> = None;
    let mut n_ragged = 0;
    let mut skip = header;
    let (ended, read) = input::lines(subject, &head.spec, |number, line| {
        if std::mem::take(&mut skip) {
            return;
        }
        rows += 1;
        let fields: Vec<&[u8]> = line
            .split(|b| *b == delimiter)
            .map(|f| {
                let f = f.trim_ascii();
                f.strip_prefix(b"\"")
                    .and_then(|f| f.strip_suffix(b"\""))
                    .unwrap_or(f)
            })
            .collect();
        if fields.len() != names.len() {
            n_ragged += 1;
            ragged.get_or_insert((number, fields.len()));
            return;
        }
        if rows == 1 {
            let texts: Vec<String> = fields
                .iter()
                .map(|f| String::from_utf8_lossy(f).into_owned())
                .collect();
            time_at = likely_time(names, &texts)
                .and_then(|(column, unit)| Some((names.iter().position(|n| *n == column)?, unit)));
        }
        for (kind, field) in kinds.iter_mut().zip(&fields) {
            if field.is_empty() {
                kind.empty += 1;
            } else if parse_decimal(field).is_some() {
                kind.numbers += 1;
            } else {
                kind.texts += 1;
            }
        }
        let Some((at, _)) = time_at else {
            return;
        };
        let ts = time_of(fields[at]);
        if let Some(ts) = ts {
            let before = times.last;
            if let Some(step) = times.see(ts) {
                cadence.add(step.abs());
                if let Some(before) = before {
                    silences.see(before, ts, subject.options.gap_us);
                }
            }
        }
    });
    ending(subject, ended, &read, out);
    out.columns = described(names, &kinds, time_at);
    match ragged {
        Some((row, found)) => out.fail(
            "columns",
            &format!("{n_ragged} rows have another number of fields, the first is row {row}: {found}, not {}", names.len()),
        ),
        None if rows == 0 => out.fail("columns", "there is no row below the header"),
        None => out.ok("columns", &format!("every row has {}", names.len())),
    }
    let mut table = TableSummary {
        dataset: "rows".to_owned(),
        rows: rows - n_ragged,
        rows_in: rows,
        refused: n_ragged,
        first: times.first_at(),
        last: times.last_at(),
        cadence_ms: cadence.spread(1_000.0),
        n_gaps: silences.n,
        ..TableSummary::default()
    };
    if times.n > 0 {
        order_of(times.up, times.down).clone_into(&mut table.order);
        table.time_unit = time_at.map(|(_, unit)| unit.to_owned());
    }
    table.gaps = silences.list();
    time_check(names, time_at, times.n, rows - n_ragged, out);
    out.tables.push(table);
    out.exchange = Some("csv".to_owned());
    out.note(
        "name its columns under `ingest.csv` of a config; configs/csv_klines.yaml is an example"
            .to_owned(),
    );
}

/// Says what each column holds.
fn described(
    names: &[String],
    kinds: &[Kind],
    time_at: Option<(usize, &'static str)>,
) -> Vec<Column> {
    let columns = names.iter().zip(kinds).enumerate();
    columns
        .map(|(i, (name, kind))| {
            let what = match (kind.numbers, kind.texts) {
                (0, 0) => "empty",
                (_, 0) => "numbers",
                (0, _) => "text",
                _ => "numbers and text",
            };
            let time = time_at.filter(|(at, _)| *at == i);
            Column {
                name: name.escape_debug().to_string(),
                unit: Some(match time {
                    Some((_, unit)) => format!("time: {unit}"),
                    None if kind.empty > 0 && what != "empty" => format!("{what}, some empty"),
                    None => what.to_owned(),
                }),
            }
        })
        .collect()
}

/// Says which column holds the time, and in how many rows it does not.
fn time_check(
    names: &[String],
    time_at: Option<(usize, &'static str)>,
    readable: u64,
    rows: u64,
    out: &mut Inspection,
) {
    match time_at {
        None => out.warn("time", "no column looks like a time"),
        Some((at, _)) if readable < rows => out.warn(
            "time",
            &format!(
                "column `{}` holds no readable time in {} rows",
                names[at],
                rows - readable
            ),
        ),
        Some((at, unit)) => out.note(format!(
            "column `{}` most likely holds the time: {unit}",
            names[at]
        )),
    }
}

/// Reads a time of any kind that `likely_time` knows.
fn time_of(field: &[u8]) -> Option<i64> {
    if let Some((ts, _)) = parse_stamp(field) {
        return Some(ts);
    }
    if field.len() == 19 && field.iter().all(u8::is_ascii_digit) {
        return parse_stamp(&field[..16]).map(|(ts, _)| ts);
    }
    let mut text = field.get(..19).unwrap_or(field).to_vec();
    for b in &mut text {
        match *b {
            b'/' => *b = b'-',
            b'T' => *b = b' ',
            _ => {}
        }
    }
    if text.len() == 10 {
        text.extend_from_slice(b" 00:00:00");
    }
    quant_core::time::parse_naive(&text).map(|ts| ts.0)
}

/// Inspects a list of replaced archives: path, old hash, new hash.
pub(super) fn updates(subject: &Subject<'_>, head: &Head, out: &mut Inspection) {
    "Binance Vision, list of replaced archives".clone_into(&mut out.format);
    out.exchange = Some("binance".to_owned());
    out.header = Some(true);
    let mut rows = 0_u64;
    let mut bad: Option<u64> = None;
    let mut skip = true;
    let (ended, read) = input::lines(subject, &head.spec, |number, line| {
        if std::mem::take(&mut skip) {
            return;
        }
        rows += 1;
        let mut fields = line.split(|b| *b == b',');
        let path = fields.next().unwrap_or_default();
        let is_hash = |f: Option<&[u8]>| {
            f.and_then(|f| f.get(..64))
                .and_then(|f| core::str::from_utf8(f).ok())
                .is_some_and(crate::layout::is_sha256)
        };
        if path.is_empty() || !is_hash(fields.next()) || !is_hash(fields.next()) {
            bad.get_or_insert(number);
        }
    });
    ending(subject, ended, &read, out);
    out.note(format!("{rows} archives were replaced"));
    match bad {
        None => out.ok("rows", "each has a path and two hashes"),
        Some(row) => out.warn("rows", &format!("row {row} is no path with two hashes")),
    }
}

/// Inspects a zip with a list of replaced archives among other members, as the program that made it packs them; false if it
/// is none.
pub(super) fn zipped_updates(subject: &Subject<'_>, out: &mut Inspection) -> bool {
    if subject.kind != crate::ingest::container::Kind::Zip {
        return false;
    }
    let Ok(listed) = crate::ingest::updates::read_list(subject.path) else {
        return false;
    };
    "Binance Vision, list of replaced archives".clone_into(&mut out.format);
    out.exchange = Some("binance".to_owned());
    out.header = Some(true);
    out.lines = listed.len() as u64 + 1;
    out.ok("container", "zip with one list, other members passed over");
    out.note(format!("{} archives were replaced", listed.len()));
    out.ok("rows", "each has a path and two hashes");
    true
}
