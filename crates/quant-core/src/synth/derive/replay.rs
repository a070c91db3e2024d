//! Replays the book changes of minutes once, for any number of consumers.

use crate::market::Side;
use crate::synth::book::SimBook;
use crate::synth::derive::level_book::LevelBook;
use crate::synth::event::{LevelChange, SimMinute};
use crate::time::{MICROS_PER_MINUTE, UnixMicros};

/// The last book message that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageStamp {
    /// Its id.
    pub update_id: i64,
    /// Its time; before the first message, the start of the first minute.
    pub ts: UnixMicros,
}

/// Something that watches the shared book of a [`BookReplay`].
pub trait BookConsumer {
    /// A minute begins: drop the output of the one before.
    fn begin(&mut self, start: UnixMicros, last: MessageStamp);

    /// Returns the next instant at which the book is wanted as it stood just before it, in microseconds; `i64::MAX` for none.
    fn due(&self) -> i64;

    /// The instant [`Self::due`] has come; the due instant must now grow.
    fn look(&mut self, book: &LevelBook, last: MessageStamp, is_halted: bool);

    /// One level changed; `before` is its quantity until now. Its message may not have ended.
    fn change(&mut self, _change: &LevelChange, _before: i64) {}

    /// A message has ended.
    fn message_end(&mut self, _book: &LevelBook, _last: MessageStamp) {}
}

/// One book, replayed for many consumers.
#[derive(Clone, Debug)]
pub struct BookReplay {
    book: LevelBook,
    last: Option<MessageStamp>,
    first_id: i64,
}

impl BookReplay {
    /// Returns a replay that begins with a market's book before its next minute, and the id of the last message in it.
    pub fn new(book: &SimBook, last_update_id: i64) -> Self {
        Self {
            book: LevelBook::from_book(book),
            last: None,
            first_id: last_update_id,
        }
    }

    /// Returns the book after the last minute.
    pub const fn book(&self) -> &LevelBook {
        &self.book
    }

    /// Returns the last message applied; `None` before the first run.
    pub const fn last(&self) -> Option<MessageStamp> {
        self.last
    }

    /// Returns the id of the last message applied.
    pub fn last_id(&self) -> i64 {
        self.last.map_or(self.first_id, |last| last.update_id)
    }

    /// Replays one minute; minutes come in order, none left out. Read the consumers' outputs before the next call.
    pub fn run(&mut self, minute: &SimMinute, consumers: &mut [&mut dyn BookConsumer]) {
        let mut last = self.last.unwrap_or(MessageStamp {
            update_id: self.first_id,
            ts: minute.start,
        });
        for consumer in consumers.iter_mut() {
            consumer.begin(minute.start, last);
        }
        let is_halted = minute.truth.is_halted;
        let mut due = next_due(consumers);
        for change in &minute.changes {
            if change.ts.0 >= due {
                due = look(consumers, &self.book, last, is_halted, change.ts.0);
            }
            let before = self
                .book
                .set(change.side, change.price_ticks, change.qty_lots);
            for consumer in consumers.iter_mut() {
                consumer.change(change, before);
            }
            if change.msg_end {
                last = MessageStamp {
                    update_id: change.update_id,
                    ts: change.ts,
                };
                for consumer in consumers.iter_mut() {
                    consumer.message_end(&self.book, last);
                }
            }
        }
        let end = minute.start.0 + MICROS_PER_MINUTE;
        look(consumers, &self.book, last, is_halted, end - 1);
        self.last = Some(last);
    }
}

fn next_due(consumers: &[&mut dyn BookConsumer]) -> i64 {
    consumers.iter().map(|c| c.due()).min().unwrap_or(i64::MAX)
}

/// Lets every consumer look that is due at or before `until`, and returns the next due instant.
fn look(
    consumers: &mut [&mut dyn BookConsumer],
    book: &LevelBook,
    last: MessageStamp,
    is_halted: bool,
    until: i64,
) -> i64 {
    for consumer in consumers.iter_mut() {
        while consumer.due() <= until {
            let due = consumer.due();
            consumer.look(book, last, is_halted);
            debug_assert!(consumer.due() > due, "a consumer's due instant must grow");
        }
    }
    next_due(consumers)
}

/// Returns the first multiple of `every_us` at or after an instant.
pub(super) fn first_multiple(every_us: i64, from: UnixMicros) -> i64 {
    let floor = from.floor_to(every_us).0;
    if floor == from.0 {
        floor
    } else {
        floor + every_us
    }
}

/// Appends the best `k` levels of a side, best first.
pub(super) fn push_top(book: &LevelBook, side: Side, k: usize, out: &mut Vec<(i64, i64)>) {
    out.extend(book.levels(side).take(k));
}
