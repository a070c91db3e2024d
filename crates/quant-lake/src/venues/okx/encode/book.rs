//! Order books: the archive's tar.gz of JSON lines, the live channels, their sequence ids and the old checksum.

use flate2::Crc;
use quant_core::time::Day;

use super::Terms;
use super::names::{Module, member_of};
use crate::venues::binance::Period;
use crate::venues::pack::{Effort, PackError, PackedFile, TarGzFile};
use crate::venues::wire::{Json, Level, WireError};

/// Spacing of the snapshots in an archive: 96 a day.
pub const SNAPSHOT_EVERY_MS: i64 = 15 * 60_000;

/// Levels per side that the old checksum covers.
const CHECKSUM_LEVELS: usize = 25;

/// Whether a message replaces the book or changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The whole book.
    Snapshot,
    /// Changed levels.
    Update,
}

impl Action {
    /// Returns the venue's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Update => "update",
        }
    }
}

/// A book or the change of one.
///
/// # Units
/// `ts_ms` milliseconds UTC; quantities contracts on swaps and futures. Bids descend, asks ascend; 0 removes a level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookMessage<'a> {
    /// Time of the message.
    pub ts_ms: i64,
    /// Ask levels.
    pub asks: &'a [Level],
    /// Bid levels.
    pub bids: &'a [Level],
}

/// Appends a line of the archive, without its line end: three-element levels.
///
/// # Errors
/// `BadNumber`; nothing is appended then.
pub fn push_line(
    out: &mut Vec<u8>,
    terms: &Terms,
    action: Action,
    m: &BookMessage<'_>,
) -> Result<(), WireError> {
    let mut j = Json::new(out);
    j.raw("{\"instId\":\"").raw(&terms.inst_id);
    j.raw("\",\"action\":\"").raw(action.name());
    j.raw("\",\"ts\":").int_text(m.ts_ms).raw(",\"asks\":");
    levels(&mut j, terms, m.asks, ",\"");
    j.raw(",\"bids\":");
    levels(&mut j, terms, m.bids, ",\"");
    j.raw("}");
    j.finish()
}

/// Appends levels; `middle` is `,"` or, with the deprecated third element, `,"0","`.
fn levels(j: &mut Json<'_>, terms: &Terms, levels: &[Level], middle: &str) {
    j.list(levels, |j, level| {
        j.level_head(level, terms.price, terms.qty).raw(middle);
        j.int(i64::from(level.orders)).raw("\"]");
    });
}

/// A day (UTC) of book messages as `{instId}-L2orderbook-{400|5000}lv-{date}.tar.gz`, under construction.
///
/// Its caller writes a snapshot first and then one every [`SNAPSHOT_EVERY_MS`]; [`BookTar::is_snapshot_due`] says when.
pub struct BookTar {
    tar: TarGzFile,
    terms: Terms,
    name: String,
    span: (i64, i64),
    messages: u64,
    snapshot_slot: Option<i64>,
    line: Vec<u8>,
}

impl BookTar {
    /// Begins the file of a day; `module` is one of the three book products.
    pub fn new(terms: &Terms, day: Day, module: Module) -> Self {
        let period = Period::Day(day);
        let file = module.file_name(&terms.inst_id, period);
        let name = file.name.clone();
        let member = member_of(&file);
        Self {
            tar: TarGzFile::new(file, member, Effort::Fast),
            terms: terms.clone(),
            name,
            span: module.span_ms(period),
            messages: 0,
            snapshot_slot: None,
            line: Vec::with_capacity(64 * 1024),
        }
    }

    /// Returns whether the message at `ts_ms` must be a snapshot: the first, and the first of each 15 minutes.
    pub fn is_snapshot_due(&self, ts_ms: i64) -> bool {
        self.snapshot_slot != Some(ts_ms.div_euclid(SNAPSHOT_EVERY_MS))
    }

    /// Appends a message.
    ///
    /// # Errors
    /// `NoSnapshot` for an update in front, `RowOutsideFile`, `Row`, `Container`.
    pub fn push(&mut self, action: Action, m: &BookMessage<'_>) -> Result<(), PackError> {
        let row = self.messages;
        if row == 0 && action == Action::Update {
            return Err(PackError::NoSnapshot { row });
        }
        let (start_ms, end_ms) = self.span;
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
        push_line(&mut self.line, &self.terms, action, m)
            .map_err(|source| PackError::Row { row, source })?;
        self.line.push(b'\n');
        self.tar.push(&self.line)?;
        self.messages += 1;
        if action == Action::Snapshot {
            self.snapshot_slot = Some(m.ts_ms.div_euclid(SNAPSHOT_EVERY_MS));
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// `Container`.
    pub fn finish(self) -> Result<PackedFile, PackError> {
        self.tar.finish()
    }
}

/// The book channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookChannel {
    /// 400 levels, changes every 100 ms.
    Books,
    /// 5 levels, snapshots every 100 ms.
    Books5,
    /// Best bid and ask, snapshots every 10 ms.
    BboTbt,
    /// 400 levels, changes every 10 ms.
    BooksL2Tbt,
    /// 50 levels, changes every 10 ms.
    Books50L2Tbt,
}

impl BookChannel {
    /// Every channel.
    pub const ALL: [Self; 5] = [
        Self::Books,
        Self::Books5,
        Self::BboTbt,
        Self::BooksL2Tbt,
        Self::Books50L2Tbt,
    ];

    /// Returns the channel's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Books => "books",
            Self::Books5 => "books5",
            Self::BboTbt => "bbo-tbt",
            Self::BooksL2Tbt => "books-l2-tbt",
            Self::Books50L2Tbt => "books50-l2-tbt",
        }
    }

    /// Returns the levels per side.
    pub const fn depth(self) -> usize {
        match self {
            Self::Books | Self::BooksL2Tbt => 400,
            Self::Books50L2Tbt => 50,
            Self::Books5 => 5,
            Self::BboTbt => 1,
        }
    }

    /// Returns the spacing of its messages in milliseconds.
    pub const fn interval_ms(self) -> i64 {
        match self {
            Self::Books | Self::Books5 => 100,
            Self::BboTbt | Self::BooksL2Tbt | Self::Books50L2Tbt => 10,
        }
    }

    /// Returns whether every message is a whole book, without an `action`.
    pub const fn is_snapshots(self) -> bool {
        matches!(self, Self::Books5 | Self::BboTbt)
    }
}

/// What stands behind the levels of a live message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookTail {
    /// Sequence ids and the dead checksum 0.
    Sequence {
        /// Id of the message before, -1 in a snapshot.
        prev: i64,
        /// Id of this message.
        seq: i64,
    },
    /// The form of 2022: a checksum of the book after this message, no ids.
    Checksum(i32),
}

/// Appends a push of a book channel; `action` is left out on channels of snapshots.
///
/// # Errors
/// `BadNumber`; nothing is appended then.
pub fn push_books(
    out: &mut Vec<u8>,
    terms: &Terms,
    channel: BookChannel,
    action: Action,
    m: &BookMessage<'_>,
    tail: BookTail,
) -> Result<(), WireError> {
    let mut j = Json::new(out);
    j.raw("{\"arg\":{\"channel\":\"").raw(channel.name());
    j.raw("\",\"instId\":\"").raw(&terms.inst_id).raw("\"}");
    if !channel.is_snapshots() {
        j.raw(",\"action\":\"").raw(action.name()).raw("\"");
    }
    j.raw(",\"data\":[{\"asks\":");
    levels(&mut j, terms, m.asks, ",\"0\",\"");
    j.raw(",\"bids\":");
    levels(&mut j, terms, m.bids, ",\"0\",\"");
    if channel == BookChannel::Books5 {
        j.raw(",\"instId\":\"").raw(&terms.inst_id).raw("\"");
    }
    j.raw(",\"ts\":").int_text(m.ts_ms);
    match tail {
        BookTail::Checksum(sum) => {
            j.raw(",\"checksum\":").int(i64::from(sum));
        }
        BookTail::Sequence { seq, .. } if channel.is_snapshots() => {
            j.raw(",\"seqId\":").int(seq);
        }
        BookTail::Sequence { prev, seq } => {
            j.raw(",\"checksum\":0,\"prevSeqId\":").int(prev);
            j.raw(",\"seqId\":").int(seq);
        }
    }
    j.raw("}]}");
    j.finish()
}

/// Appends the levels of a REST book: four elements each.
pub(super) fn push_levels(j: &mut Json<'_>, terms: &Terms, of: &[Level]) {
    levels(j, terms, of, ",\"0\",\"");
}

/// Returns the checksum of 2022: CRC32 as a signed number over `bid:size:ask:size:...` of the best 25 levels, in the
/// text of the wire; a side that has ended is skipped.
pub fn checksum(terms: &Terms, bids: &[Level], asks: &[Level]) -> i32 {
    let mut text = Vec::with_capacity(CHECKSUM_LEVELS * 48);
    let n = bids.len().max(asks.len()).min(CHECKSUM_LEVELS);
    for i in 0..n {
        for level in [bids.get(i), asks.get(i)].into_iter().flatten() {
            if !text.is_empty() {
                text.push(b':');
            }
            terms.price.push(&mut text, level.price);
            text.push(b':');
            terms.qty.push(&mut text, level.qty);
        }
    }
    let mut crc = Crc::new();
    crc.update(&text);
    crc.sum().cast_signed()
}

/// Hands out the sequence ids of one subscription to a book channel.
///
/// The rule: a snapshot has `prevSeqId` -1, each update the `seqId` before it. Two exceptions: a keep-alive after about
/// 60 s without change repeats the id, a maintenance reset is one update whose `seqId` is below its `prevSeqId`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookSequence {
    last: i64,
}

impl BookSequence {
    /// Begins a subscription: the snapshot carries `seq`.
    pub const fn start(seq: i64) -> (Self, BookTail) {
        (Self { last: seq }, BookTail::Sequence { prev: -1, seq })
    }

    /// The next update; ids grow by any step.
    pub const fn update(&mut self, seq: i64) -> BookTail {
        let prev = core::mem::replace(&mut self.last, seq);
        BookTail::Sequence { prev, seq }
    }

    /// The message of an idle minute: no levels, `prevSeqId` equal to `seqId`.
    pub const fn keep_alive(&self) -> BookTail {
        BookTail::Sequence {
            prev: self.last,
            seq: self.last,
        }
    }

    /// The update of a maintenance reset: `seq` must be below the last id.
    pub const fn reset(&mut self, seq: i64) -> BookTail {
        debug_assert!(seq < self.last, "a reset goes back");
        self.update(seq)
    }

    /// Returns the last id handed out.
    pub const fn last(&self) -> i64 {
        self.last
    }
}
