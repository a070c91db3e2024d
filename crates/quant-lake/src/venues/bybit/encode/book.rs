//! Order books: the v5 `orderbook` frame, and a day of frames as `ob200` / `ob500` zip.

use quant_core::time::Day;

use super::{Category, Terms};
use crate::venues::pack::{Effort, FileName, PackError, PackedFile, ZipFile};
use crate::venues::wire::{Json, Level, WireError};

/// First day whose archive has 200 levels instead of 500 (linear BTCUSDT; other symbols may have switched elsewhere).
const OB200_FROM: Day = Day(20_321); // 2025-08-21

/// Returns the number of levels of the archive of a day: 500 through 2025-08-20, 200 from then on.
pub fn depth_on(day: Day) -> u16 {
    if day >= OB200_FROM { 200 } else { 500 }
}

/// Whether a frame replaces the book or changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// The whole book.
    Snapshot,
    /// Changed levels.
    Delta,
}

impl FrameKind {
    /// Returns the venue's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Delta => "delta",
        }
    }
}

/// What a book message says, without its update id.
///
/// # Units
/// Times in milliseconds UTC. Bids descend, asks ascend; quantity 0 removes a level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookMessage<'a> {
    /// Time of the gateway.
    pub ts_ms: i64,
    /// Time of the matching engine; joins the trades' `T`.
    pub cts_ms: i64,
    /// Cross sequence: never falls, comparable across depths.
    pub seq: i64,
    /// Bid levels.
    pub bids: &'a [Level],
    /// Ask levels.
    pub asks: &'a [Level],
}

/// Returns whether `ts` stands before `type`: on spot at all depths, on contracts at depth 1.
pub const fn ts_first(category: Category, depth: u16) -> bool {
    matches!(category, Category::Spot) || depth == 1
}

/// Appends an `orderbook.{depth}` frame.
///
/// # Errors
/// `BadNumber`; nothing is appended then.
pub fn push_book(
    out: &mut Vec<u8>,
    terms: &Terms,
    depth: u16,
    kind: FrameKind,
    u: i64,
    m: &BookMessage<'_>,
) -> Result<(), WireError> {
    let mut j = Json::new(out);
    let symbol = terms.symbol.as_str();
    j.raw("{\"topic\":\"orderbook.")
        .int(i64::from(depth))
        .raw(".")
        .raw(symbol)
        .raw("\",\"");
    if ts_first(terms.category, depth) {
        j.raw("ts\":").int(m.ts_ms).raw(",\"type\":\"");
        j.raw(kind.name()).raw("\"");
    } else {
        j.raw("type\":\"").raw(kind.name());
        j.raw("\",\"ts\":").int(m.ts_ms);
    }
    j.raw(",\"data\":{\"s\":\"").raw(symbol).raw("\",\"b\":");
    j.levels(m.bids, terms.price, terms.qty).raw(",\"a\":");
    j.levels(m.asks, terms.price, terms.qty).raw(",\"u\":");
    j.int(u).raw(",\"seq\":").int(m.seq);
    j.raw("},\"cts\":").int(m.cts_ms).raw("}");
    j.finish()
}

/// A day of book messages as `orderbook/{category}/{SYM}/{date}_{SYM}_ob{N}.data.zip`, under construction.
///
/// It numbers the messages (`u` +1 each) and refuses what no file of the venue shows: a delta before the first
/// snapshot, a falling `seq`, a message of another day.
pub struct BookZip {
    zip: ZipFile,
    terms: Terms,
    depth: u16,
    day: Day,
    name: String,
    next_u: i64,
    last_seq: i64,
    messages: u64,
    line: Vec<u8>,
}

impl BookZip {
    /// Begins the file of a day; the first message carries `first_u`.
    ///
    /// # Errors
    /// `Container`.
    pub fn new(terms: &Terms, day: Day, depth: u16, first_u: i64) -> Result<Self, PackError> {
        let symbol = &terms.symbol;
        let member = format!("{day}_{symbol}_ob{depth}.data");
        let file = FileName {
            folder: format!("orderbook/{}/{symbol}", terms.category.name()),
            name: format!("{member}.zip"),
        };
        let name = file.name.clone();
        Ok(Self {
            zip: ZipFile::new(file, &member, Effort::Fast)?,
            terms: terms.clone(),
            depth,
            day,
            name,
            next_u: first_u,
            last_seq: i64::MIN,
            messages: 0,
            line: Vec::with_capacity(64 * 1024),
        })
    }

    /// Appends a snapshot; it may be empty, and may come at any time.
    ///
    /// # Errors
    /// `Row`, `RowOutsideFile`, `SequenceWentBack`, `Container`.
    pub fn snapshot(&mut self, m: &BookMessage<'_>) -> Result<(), PackError> {
        self.push(FrameKind::Snapshot, m)
    }

    /// Appends a delta.
    ///
    /// # Errors
    /// As [`BookZip::snapshot`], and `NoSnapshot`.
    pub fn delta(&mut self, m: &BookMessage<'_>) -> Result<(), PackError> {
        if self.messages == 0 {
            return Err(PackError::NoSnapshot { row: 0 });
        }
        self.push(FrameKind::Delta, m)
    }

    /// Appends the snapshot of a service restart: `u` is 1 and goes on from there.
    ///
    /// # Errors
    /// As [`BookZip::snapshot`].
    pub fn restart(&mut self, m: &BookMessage<'_>) -> Result<(), PackError> {
        let before = core::mem::replace(&mut self.next_u, 1);
        let done = self.push(FrameKind::Snapshot, m);
        if done.is_err() {
            self.next_u = before;
        }
        done
    }

    fn push(&mut self, kind: FrameKind, m: &BookMessage<'_>) -> Result<(), PackError> {
        let row = self.messages;
        if m.seq < self.last_seq {
            return Err(PackError::SequenceWentBack {
                row,
                last: self.last_seq,
                found: m.seq,
            });
        }
        let (start_ms, end_ms) = (self.day.start().0 / 1_000, self.day.end().0 / 1_000);
        if !(start_ms..end_ms).contains(&m.ts_ms) {
            return Err(PackError::RowOutsideFile {
                row,
                ts_ms: m.ts_ms,
                name: self.name.clone(),
                start_ms,
                end_ms,
            });
        }
        self.line.clear();
        push_book(
            &mut self.line,
            &self.terms,
            self.depth,
            kind,
            self.next_u,
            m,
        )
        .map_err(|source| PackError::Row { row, source })?;
        self.line.push(b'\n');
        self.zip.push(&self.line)?;
        self.messages += 1;
        self.next_u += 1;
        self.last_seq = m.seq;
        Ok(())
    }

    /// Returns the update id of the next message: the first one of the next day's file.
    pub const fn next_u(&self) -> i64 {
        self.next_u
    }

    /// Ends the file.
    ///
    /// # Errors
    /// `Container`.
    pub fn finish(self) -> Result<PackedFile, PackError> {
        self.zip.finish()
    }
}
