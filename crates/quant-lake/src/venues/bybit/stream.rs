//! The book of one instrument along a stream of frames: order, gaps, times and what is counted.
//!
//! # Order
//! `seq` is `msg_seq`. It rises along a stream, but two messages may share it, and after a restart of the venue's service
//! it may begin again: a message that is not later than the one before takes at least that one's `msg_seq` plus 1, so
//! that rows stay in the order of the stream. The venue's own `u` is kept beside it (`first_id`, `last_id`, `update_id`).

use quant_core::market::book::{BreakKind, BybitSync, Step};

use super::frame::{BookFrame, Sides, TimeUnit};
use crate::schema::Dataset;
use crate::venues::book_flow::{BookFlow, BookMessage, BookOptions, Loss};
use crate::venues::contracts::QtyUnit;
use crate::venues::message_order::MessageOrder;
use crate::venues::rows::{ParseError, RowProblem};
use crate::venues::tables::Tables;

/// What is counted about a stream.
#[derive(Debug, Default)]
struct Counts {
    messages: u64,
    snapshots: u64,
    deltas: u64,
    empty_snapshots: u64,
    empty_deltas: u64,
    gaps: u64,
    rewinds: u64,
    seq_rewinds: u64,
    restarts: u64,
    waits: u64,
    duplicates: u64,
    snapshots_after_gap: u64,
    without_cts: u64,
    msg_seq_raised: u64,
}

/// Times between messages that follow each other without a break.
#[derive(Debug, Default)]
struct Intervals {
    n: u64,
    sum_us: u64,
}

/// The book of one instrument.
#[derive(Debug)]
pub(super) struct BookStream {
    options: BookOptions,
    flow: Option<BookFlow>,
    sync: BybitSync,
    /// Units of `ts` and `cts` in the messages so far.
    units: [Option<TimeUnit>; 2],
    /// Line, unit before and unit there of the first message in another unit.
    mixed: Option<(u64, TimeUnit, TimeUnit)>,
    /// Refuses times that cannot be, and numbers the messages.
    times: MessageOrder,
    /// Time of the message applied last, unless the chain broke since.
    last_applied: Option<i64>,
    intervals: Intervals,
    counts: Counts,
}

impl BookStream {
    /// Returns a stream that waits for a snapshot.
    pub(super) fn new(options: BookOptions) -> Self {
        Self {
            options,
            flow: None,
            sync: BybitSync::new(),
            units: [None; 2],
            mixed: None,
            times: MessageOrder::default(),
            last_applied: None,
            intervals: Intervals::default(),
            counts: Counts::default(),
        }
    }

    /// Takes a message of the instrument.
    ///
    /// # Errors
    /// Why it cannot be used. What follows it is then found to be out of step, as it lacks this message.
    pub(super) fn take(
        &mut self,
        frame: &BookFrame<'_>,
        sides: &Sides,
        ts_recv: Option<i64>,
        out: &mut Tables,
    ) -> Result<(), RowProblem> {
        let ts_event = self.check(frame, sides, ts_recv, out.line())?;
        let options = self.options;
        let flow = self.flow.get_or_insert_with(|| BookFlow::new(options, out));
        let counts = &mut self.counts;
        counts.messages += 1;
        let is_empty = sides.bids.is_empty() && sides.asks.is_empty();
        if frame.is_snapshot {
            counts.snapshots += 1;
            counts.empty_snapshots += u64::from(is_empty);
        } else {
            counts.deltas += 1;
            counts.empty_deltas += u64::from(is_empty);
        }
        counts.without_cts += u64::from(frame.cts.is_none());
        let mut message = BookMessage {
            ts_event,
            ts_recv,
            msg_seq: frame.seq,
            ids: (frame.u, frame.u),
            prev_id: None,
            update_id: Some(frame.u),
            is_snapshot: frame.is_snapshot,
            bids: &sides.bids,
            asks: &sides.asks,
        };
        let mut before = self.sync.last_ids();
        let mut step = self.sync.on_message(frame.is_snapshot, frame.u, frame.seq);
        if let Step::Break(reason) = step {
            match reason.kind {
                BreakKind::SeqRewind => counts.seq_rewinds += 1,
                BreakKind::Rewind => counts.rewinds += 1,
                _ => counts.gaps += 1,
            }
            out.saw(ts_event);
            self.last_applied = None;
            before = None;
            if frame.is_snapshot {
                // It is whole by itself, and what came before it is forgotten: it begins a new chain.
                flow.forget(out);
                step = self.sync.on_message(true, frame.u, frame.seq);
            } else {
                let loss = Loss {
                    ts_event: Some(ts_event),
                    ts_recv,
                    last_id: Some(frame.u),
                };
                flow.void(loss, out);
            }
        }
        match step {
            Step::Replace => {
                message.is_snapshot = true;
                if frame.u == 1 {
                    counts.restarts += 1;
                    self.last_applied = None;
                } else if before.is_some_and(|(u, _)| frame.u > u + 1) {
                    // The book is right again, but what happened in between is missing.
                    counts.snapshots_after_gap += 1;
                    self.last_applied = None;
                    out.gap(Dataset::L2Deltas);
                    out.gap(Dataset::L2Snapshots);
                }
            }
            Step::Apply => message.prev_id = Some(frame.u - 1),
            Step::Duplicate => {
                counts.duplicates += 1;
                let levels = (sides.bids.len() + sides.asks.len()) as u64;
                out.duplicates(Dataset::L2Deltas, ts_event, levels);
                return Ok(());
            }
            _ => {
                if matches!(step, Step::Wait) {
                    counts.waits += 1;
                }
                flow.leave_out(&message, "messages_left_out", out);
                return Ok(());
            }
        }
        message.msg_seq = self.times.number(ts_event, Some(frame.seq));
        counts.msg_seq_raised += u64::from(message.msg_seq != frame.seq);
        if let Some(last) = self.last_applied {
            self.intervals.n += 1;
            self.intervals.sum_us += ts_event.saturating_sub(last).max(0).cast_unsigned();
        }
        self.last_applied = Some(ts_event);
        flow.apply(&message, out);
        Ok(())
    }

    /// Gives up the book because its connection begins again; what happened in between is missing.
    pub(super) fn disconnect(&mut self, ts_recv: Option<i64>, out: &mut Tables) {
        self.last_applied = None;
        if self.sync.is_synced() {
            self.sync.reset();
            if let Some(flow) = &mut self.flow {
                let loss = Loss {
                    ts_recv,
                    ..Loss::default()
                };
                flow.void(loss, out);
            }
        }
    }

    /// Takes a snapshot of another depth or, which is a gap, of another connection. It replaces the book at once.
    ///
    /// # Errors
    /// Why it cannot be used: then the book is lost.
    pub(super) fn take_anew(
        &mut self,
        is_gap: bool,
        frame: &BookFrame<'_>,
        sides: &Sides,
        ts_recv: Option<i64>,
        out: &mut Tables,
    ) -> Result<(), RowProblem> {
        if let Err(problem) = self.check(frame, sides, ts_recv, out.line()) {
            self.disconnect(ts_recv, out);
            return Err(problem);
        }
        self.last_applied = None;
        if is_gap
            && self.sync.is_synced()
            && let Some(flow) = &mut self.flow
        {
            flow.forget(out);
        }
        self.sync.reset();
        self.take(frame, sides, ts_recv, out)
    }

    /// Refuses a message whose values cannot be; returns its time.
    fn check(
        &mut self,
        frame: &BookFrame<'_>,
        sides: &Sides,
        ts_recv: Option<i64>,
        line: u64,
    ) -> Result<i64, RowProblem> {
        self.check_unit(0, frame.ts.1, line)?;
        if let Some((_, unit)) = frame.cts {
            self.check_unit(1, unit, line)?;
        }
        check_quantities(self.options.unit, sides)?;
        // The matching engine's time joins the trades; without it that of the gateway is the nearest.
        let ts_event = frame.cts.unwrap_or(frame.ts).0;
        self.times.check(ts_event, ts_recv, "cts")?;
        Ok(ts_event)
    }

    /// Reports what was counted.
    ///
    /// # Errors
    /// `OtherSource` if the unit of times changed.
    pub(super) fn finish(&mut self, file: &str, out: &mut Tables) -> Result<(), ParseError> {
        if let Some((line, before, found)) = self.mixed {
            return Err(ParseError::OtherSource {
                file: file.to_owned(),
                line,
                found: format!("times are in {}", found.name()),
                asked: format!("in {} as before", before.name()),
                hint: "the file is pieced together: split it where the unit changes",
            });
        }
        let options = self.options;
        let flow = self.flow.get_or_insert_with(|| BookFlow::new(options, out));
        let dataset = flow.reported_under();
        let c = &self.counts;
        let mean = self
            .intervals
            .sum_us
            .checked_div(self.intervals.n)
            .unwrap_or(0);
        for (name, n) in [
            ("messages", c.messages),
            ("snapshots", c.snapshots),
            ("deltas", c.deltas),
            ("empty_snapshots", c.empty_snapshots),
            ("empty_deltas", c.empty_deltas),
            ("gaps", c.gaps),
            ("rewinds", c.rewinds),
            ("seq_rewinds", c.seq_rewinds),
            ("restarts", c.restarts),
            ("waits", c.waits),
            ("repeated_messages", c.duplicates),
            ("snapshots_after_gap", c.snapshots_after_gap),
            ("without_cts", c.without_cts),
            ("msg_seq_raised", c.msg_seq_raised),
            ("mean_interval_us", mean),
        ] {
            if n > 0 {
                out.diagnose(dataset, name, n);
            }
        }
        if c.without_cts > 0 {
            out.remark(
                dataset,
                format!(
                    "{} messages without the matching engine's time (cts); the gateway's (ts) was used",
                    c.without_cts
                ),
            );
        }
        if c.snapshots > 0 && c.snapshots == c.empty_snapshots && c.empty_deltas == c.deltas {
            out.remark(
                dataset,
                "every message is empty: there is no book".to_owned(),
            );
        }
        Ok(())
    }

    /// Refuses a message whose times are in another unit than those before.
    fn check_unit(&mut self, field: usize, unit: TimeUnit, line: u64) -> Result<(), RowProblem> {
        match self.units.get_mut(field) {
            Some(Some(before)) if *before != unit => {
                self.mixed.get_or_insert((line, *before, unit));
                Err(RowProblem::NotATime {
                    column: if field == 0 { "ts" } else { "cts" },
                    expected: "the unit of the messages before",
                })
            }
            Some(slot) => {
                *slot = Some(unit);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Refuses quantities in contracts that have no finite worth in coins, or one that is no quantity any more.
fn check_quantities(unit: QtyUnit, sides: &Sides) -> Result<(), RowProblem> {
    if unit == QtyUnit::Base {
        return Ok(());
    }
    let bad = sides.bids.iter().chain(&sides.asks).any(|level| {
        let base = unit.base(level.qty, level.px);
        !base.is_finite() || (base <= 0.0 && level.qty > 0.0)
    });
    if bad {
        return Err(RowProblem::NotANumber { column: "qty" });
    }
    Ok(())
}
