//! Finds the rows of a text and decides what stands in their place.

mod files;
mod tables;

use std::io::{self, Write};
use std::ops::Range;

use memchr::memchr_iter;

use super::shape::Shape;
use super::{DefectKind, Draw, Place};

/// Rows of a text by number, the header apart.
pub(super) struct Lines<'a> {
    text: &'a [u8],
    /// Start of every row, and the end of the last.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8], shape: Shape) -> Self {
        let mut starts = vec![0];
        starts.extend(memchr_iter(b'\n', text).map(|at| at + 1));
        if starts.last().is_some_and(|last| *last < text.len()) {
            starts.push(text.len());
        }
        let mut lines = Self { text, starts };
        if shape.is_table() && lines.len() > 0 && is_header(lines.row(0), shape) {
            lines.starts.remove(0);
        }
        lines
    }

    pub(super) const fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Returns a row without its line end.
    pub(super) fn row(&self, i: usize) -> &'a [u8] {
        let row = &self.text[self.starts[i]..self.starts[i + 1]];
        row.strip_suffix(b"\n").unwrap_or(row)
    }

    fn header(&self) -> &'a [u8] {
        &self.text[..self.starts[0]]
    }

    fn bytes(&self, rows: Range<usize>) -> Range<usize> {
        self.starts[rows.start]..self.starts[rows.end]
    }
}

/// A header has a name where rows have a time.
fn is_header(line: &[u8], shape: Shape) -> bool {
    let time = shape.time_columns().first();
    time.is_some_and(|column| {
        let cell = line.split(|b| *b == b',').nth(*column);
        cell.and_then(|cell| cell.first())
            .is_none_or(|first| !first.is_ascii_digit())
    })
}

/// Rows of the clean text and the lines that take their place.
struct Splice {
    rows: Range<usize>,
    bytes: Range<usize>,
    with: Vec<u8>,
    n_with: usize,
}

enum Change {
    Splices(Vec<Splice>),
    DropHeader(usize),
    SwapColumns(usize),
}

/// What happens to one text.
pub(super) struct Edit {
    change: Change,
    pub(super) columns: Vec<usize>,
    pub(super) shift_us: Option<i64>,
    pub(super) detail: String,
}

/// Fewest rows of a file in which single rows are changed.
const MIN_ROWS: usize = 8;

impl Edit {
    /// Decides on an edit; `None` if the text is too short or has not what the kind needs.
    pub(super) fn new(
        kind: DefectKind,
        shape: Shape,
        text: &[u8],
        draw: &mut Draw,
    ) -> Option<Self> {
        let lines = Lines::new(text, shape);
        match kind {
            DefectKind::MissingHeader => Self::drop_header(&lines),
            DefectKind::ReorderedHeader => Self::swap_columns(&lines, draw),
            DefectKind::Gap => Self::gap(&lines, shape, draw),
            DefectKind::Duplicate => Self::in_places(&lines, draw, "repeated rows", |i, _| {
                Some((i + 1..i + 1, vec![lines.row(i).to_vec()]))
            }),
            DefectKind::Unsorted => Self::unsorted(&lines, shape, draw),
            DefectKind::OtherDay => tables::other_day(&lines, shape, draw),
            DefectKind::FrozenBands => tables::frozen_bands(&lines, draw),
            DefectKind::ShiftedOi => tables::shifted_oi(&lines, draw),
            DefectKind::CrossedBook if shape == Shape::Book => Self::crossed_message(&lines, draw),
            DefectKind::CrossedBook => tables::crossed_quote(&lines, draw),
            DefectKind::ZeroSizeLevel if shape == Shape::Book => Self::empty_level(&lines, draw),
            DefectKind::ZeroSizeLevel => tables::empty_quote(&lines, draw),
            DefectKind::ClockOffset => Self::clock_offset(&lines, draw),
            DefectKind::LabelShift => files::label_shift(&lines, shape, draw),
            DefectKind::UnitSwitch => files::unit_switch(&lines, shape, draw),
            DefectKind::ContractMixup => files::contract_mixup(&lines, shape, draw),
            DefectKind::FrozenKlines => {
                files::frozen_rows(&lines, shape.value_columns(), draw, "klines")
            }
            DefectKind::InterleavedDays => files::interleaved_days(&lines, shape, draw),
            DefectKind::StaleQuotes => {
                files::frozen_rows(&lines, shape.value_columns(), draw, "quotes")
            }
            // Not a matter of rows.
            DefectKind::WrongChecksum | DefectKind::TruncatedArchive => None,
        }
    }

    fn drop_header(lines: &Lines<'_>) -> Option<Self> {
        let header = lines.header();
        (!header.is_empty()).then(|| Self {
            change: Change::DropHeader(header.len()),
            columns: Vec::new(),
            shift_us: None,
            detail: "the header line is missing".to_owned(),
        })
    }

    fn swap_columns(lines: &Lines<'_>, draw: &mut Draw) -> Option<Self> {
        let header = lines.header().strip_suffix(b"\n")?;
        let names: Vec<&[u8]> = header.split(|b| *b == b',').collect();
        let first = draw.within(0, names.len().checked_sub(2)?);
        let name = |i: usize| String::from_utf8_lossy(names[i]).into_owned();
        Some(Self {
            change: Change::SwapColumns(first),
            columns: vec![first, first + 1],
            shift_us: None,
            detail: format!(
                "columns `{}` and `{}` are swapped, names and values",
                name(first),
                name(first + 1)
            ),
        })
    }

    fn gap(lines: &Lines<'_>, shape: Shape, draw: &mut Draw) -> Option<Self> {
        let unit = shape.rows_per_sample();
        let n = lines.len() / unit;
        if n < MIN_ROWS {
            return None;
        }
        let length = draw.within(5, 60).min(n / 4).max(1);
        // A stretch at an end would be a shorter file, not a gap.
        let first = draw.within(1, n - 1 - length);
        let rows = first * unit..(first + length) * unit;
        let detail = format!("{} rows are missing", rows.len());
        Some(Self::splices(lines, vec![(rows, Vec::new())], detail))
    }

    fn unsorted(lines: &Lines<'_>, shape: Shape, draw: &mut Draw) -> Option<Self> {
        let swap = |i: usize, until: usize| {
            let at = (i..until).find(|i| {
                // Of book messages the order is that of their numbers, which always rise.
                shape == Shape::Book
                    || matches!(
                        (tables::time(lines.row(*i), shape), tables::time(lines.row(*i + 1), shape)),
                        (Some(a), Some(b)) if a < b
                    )
            })?;
            let pair = vec![lines.row(at + 1).to_vec(), lines.row(at).to_vec()];
            Some((at..at + 2, pair))
        };
        Self::in_places(lines, draw, "pairs of rows are swapped", swap)
    }

    fn crossed_message(lines: &Lines<'_>, draw: &mut Draw) -> Option<Self> {
        let cross = |i: usize, until: usize| {
            let (at, line) =
                (i..until).find_map(|i| Some((i, swap_first_prices(lines.row(i))?)))?;
            Some((at..at + 1, vec![line]))
        };
        Self::in_places(lines, draw, "messages with bid and ask swapped", cross)
    }

    fn empty_level(lines: &Lines<'_>, draw: &mut Draw) -> Option<Self> {
        // In an update 0 removes a level: only an image can hold an empty one.
        let images: Vec<usize> = (0..lines.len())
            .filter(|i| empty_first_bid(lines.row(*i)).is_some())
            .collect();
        let i = *images.get(draw.within(0, images.len().checked_sub(1)?))?;
        let line = empty_first_bid(lines.row(i))?;
        let detail = "an image whose best bid has quantity 0".to_owned();
        Some(Self::splices(lines, vec![(i..i + 1, vec![line])], detail))
    }

    fn clock_offset(lines: &Lines<'_>, draw: &mut Draw) -> Option<Self> {
        let n = lines.len();
        if n < MIN_ROWS {
            return None;
        }
        let length = draw.within(n / 10, n / 3).max(1);
        let first = draw.within(0, n - length);
        let offset_ms = i64::try_from(draw.within(250, 2_000)).ok()?;
        let mut out = Vec::with_capacity(length);
        for i in first..first + length {
            let line = lines.row(i);
            let space = line.iter().position(|b| *b == b' ')?;
            let stamp: i64 = core::str::from_utf8(&line[..space]).ok()?.parse().ok()?;
            // Nanoseconds have 19 digits, microseconds 16.
            let per_ms = if space >= 18 { 1_000_000 } else { 1_000 };
            let mut moved = (stamp - offset_ms * per_ms).to_string().into_bytes();
            moved.extend_from_slice(&line[space..]);
            out.push(moved);
        }
        let detail = format!("{length} receive stamps are {offset_ms} ms too early");
        let mut edit = Self::splices(lines, vec![(first..first + length, out)], detail);
        edit.shift_us = Some(-offset_ms * 1_000);
        Some(edit)
    }

    /// Changes one to three places, each in a part of the file of its own: `change` gets a row to begin with and one to
    /// stay below, and returns rows and the lines instead of them.
    fn in_places(
        lines: &Lines<'_>,
        draw: &mut Draw,
        what: &str,
        change: impl Fn(usize, usize) -> Option<(Range<usize>, Vec<Vec<u8>>)>,
    ) -> Option<Self> {
        let n = lines.len();
        if n < MIN_ROWS {
            return None;
        }
        let parts = if n < 3 * MIN_ROWS {
            1
        } else {
            draw.within(1, 3)
        };
        let mut splices = Vec::new();
        for part in 0..parts {
            // The last row of a part stays, so that places never touch.
            let (start, until) = (n * part / parts, n * (part + 1) / parts - 2);
            let at = draw.within(start, until - 1);
            splices.extend(change(at, until).or_else(|| change(start, until)));
        }
        let detail = format!("{} {what}", splices.len());
        (!splices.is_empty()).then(|| Self::splices(lines, splices, detail))
    }

    fn splices(
        lines: &Lines<'_>,
        splices: Vec<(Range<usize>, Vec<Vec<u8>>)>,
        detail: String,
    ) -> Self {
        let splices = splices.into_iter().map(|(rows, with)| Splice {
            bytes: lines.bytes(rows.clone()),
            rows,
            n_with: with.len(),
            with: with
                .iter()
                .flat_map(|line| line.iter().chain(b"\n"))
                .copied()
                .collect(),
        });
        Self {
            change: Change::Splices(splices.collect()),
            columns: Vec::new(),
            shift_us: None,
            detail,
        }
    }

    /// Returns the places, in both countings.
    pub(super) fn places(&self) -> Vec<Place> {
        let Change::Splices(splices) = &self.change else {
            return Vec::new();
        };
        let (mut more, mut fewer) = (0, 0);
        let mut out = Vec::with_capacity(splices.len());
        for splice in splices {
            let place = Place {
                row: splice.rows.start as u64 + more - fewer,
                rows: splice.n_with as u64,
                clean_row: splice.rows.start as u64,
                clean_rows: splice.rows.len() as u64,
            };
            more += place.rows;
            fewer += place.clean_rows;
            out.push(place);
        }
        out
    }

    /// Writes the text with its change.
    pub(super) fn write(&self, text: &[u8], out: &mut dyn Write) -> io::Result<()> {
        match &self.change {
            Change::DropHeader(len) => out.write_all(&text[*len..]),
            Change::Splices(splices) => {
                let mut at = 0;
                for splice in splices {
                    out.write_all(&text[at..splice.bytes.start])?;
                    out.write_all(&splice.with)?;
                    at = splice.bytes.end;
                }
                out.write_all(&text[at..])
            }
            Change::SwapColumns(first) => {
                let mut line = Vec::new();
                for row in text.split_inclusive(|b| *b == b'\n') {
                    let body = row.strip_suffix(b"\n").unwrap_or(row);
                    let mut cells: Vec<&[u8]> = body.split(|b| *b == b',').collect();
                    if first + 1 < cells.len() {
                        cells.swap(*first, first + 1);
                    }
                    line.clear();
                    line.extend_from_slice(&cells.join(&b','));
                    line.extend_from_slice(&row[body.len()..]);
                    out.write_all(&line)?;
                }
                Ok(())
            }
        }
    }
}

/// Returns where the text of a quoted string begins and ends: the `nth` one after `start`.
fn nth_string(line: &[u8], start: usize, nth: usize) -> Option<Range<usize>> {
    let mut quotes = memchr_iter(b'"', &line[start..]).map(|at| start + at);
    let open = quotes.nth(2 * nth)?;
    Some(open + 1..quotes.next()?)
}

/// Returns the end of the opening of a side's first level, if it has one.
fn first_level(line: &[u8], names: [&str; 2]) -> Option<usize> {
    names.iter().find_map(|name| {
        let opening = format!("\"{name}\":[[");
        let at = memchr::memmem::find(line, opening.as_bytes())?;
        Some(at + opening.len())
    })
}

fn swap_first_prices(line: &[u8]) -> Option<Vec<u8>> {
    let bid = nth_string(line, first_level(line, ["b", "bids"])?, 0)?;
    let ask = nth_string(line, first_level(line, ["a", "asks"])?, 0)?;
    if line[bid.clone()] == line[ask.clone()] {
        return None;
    }
    let (first, second) = if bid.start < ask.start {
        (bid, ask)
    } else {
        (ask, bid)
    };
    let mut out = line[..first.start].to_vec();
    out.extend_from_slice(&line[second.clone()]);
    out.extend_from_slice(&line[first.end..second.start]);
    out.extend_from_slice(&line[first]);
    out.extend_from_slice(&line[second.end..]);
    Some(out)
}

fn empty_first_bid(line: &[u8]) -> Option<Vec<u8>> {
    memchr::memmem::find(line, b"\"snapshot\"")?;
    let qty = nth_string(line, first_level(line, ["b", "bids"])?, 1)?;
    let mut out = line[..qty.start].to_vec();
    out.push(b'0');
    out.extend_from_slice(&line[qty.end..]);
    Some(out)
}
