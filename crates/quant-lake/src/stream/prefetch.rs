//! Batches of one partition, decoded ahead on a thread of their own where that pays.

use std::sync::mpsc::{Receiver, sync_channel};

use arrow_array::RecordBatch;
use quant_core::time::Day;

use super::StreamError;
use crate::read::{HashMemo, PartitionReader, PartitionSet, ReadError};

/// Rows per batch.
pub(super) const BATCH_ROWS: usize = 65_536;
/// Partitions below this many rows are decoded where they are used.
const MIN_AHEAD_ROWS: u64 = 4 * BATCH_ROWS as u64;
/// Batches that wait at most: memory stays bounded.
const AHEAD: usize = 2;

/// The batches of one partition, in order.
#[derive(Debug)]
pub(super) enum Batches {
    Here(Box<PartitionReader>),
    Ahead(Receiver<Result<RecordBatch, ReadError>>),
}

impl Batches {
    /// Opens a day of a set. With one worker thread nothing is decoded ahead.
    pub(super) fn open(
        set: &PartitionSet,
        day: Day,
        columns: &[&str],
        memo: &HashMemo,
    ) -> Result<Self, StreamError> {
        let reader = set.read_day(day, Some(columns), BATCH_ROWS, memo)?;
        let rows = set.manifest().partition(day).map_or(0, |p| p.rows);
        if rows < MIN_AHEAD_ROWS || rayon::current_num_threads() < 2 {
            return Ok(Self::Here(Box::new(reader)));
        }
        let (send, receive) = sync_channel(AHEAD);
        std::thread::Builder::new()
            .name("decode".to_owned())
            .spawn(move || {
                for batch in reader {
                    // Nobody listens any more: the day failed elsewhere.
                    if send.send(batch).is_err() {
                        return;
                    }
                }
            })
            .map_err(|source| StreamError::Thread {
                what: set.spec().dir.clone(),
                source,
            })?;
        Ok(Self::Ahead(receive))
    }

    /// Returns the next batch, `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>, ReadError> {
        match self {
            Self::Here(reader) => reader.next().transpose(),
            // The sender is dropped after the last batch; a decoder that panicked was turned into an error by the reader.
            Self::Ahead(receive) => receive.recv().ok().transpose(),
        }
    }
}
