//! The k-way merge: drains the earliest source up to the next source's key, over and over.

use quant_core::bars::{BarsError, MinuteBuilder, StatSet};
use quant_core::market::Event;
use quant_core::time::{Day, UnixMicros};

use super::StreamError;
use super::chain::{ChainRule, Link, numbers_trades};
use super::columns::{
    END, ImageCursor, ImageRows, Key, LevelCursor, LevelRows, QuoteCursor, TradeCursor, TradeNeeds,
};
use super::plan::{BookKind, DayPlan, StreamSets};
use super::prefetch::Batches;
use super::spec::MicroSpec;
use super::state::{self, Placed};
use crate::read::{HashMemo, ReadError};
use crate::schema::Dataset;

/// What was seen while a day was driven, besides what the builder tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamReport {
    /// Book messages that did not follow, though ingestion had written no loss.
    pub n_gaps: u64,
    /// Times that trades were lost, told by their ids.
    pub n_lost_trades: u64,
    /// Rows left out because they came after the watermark.
    pub n_late: u64,
}

/// The events of one instrument and day, ready to be fed to tier 1.
#[derive(Debug)]
pub struct DayStream {
    day: Day,
    trades: TradeCursor,
    quotes: QuoteCursor,
    book: Book,
    small: Vec<Placed>,
    next_small: usize,
}

#[derive(Debug)]
enum Book {
    None,
    Deltas(Box<LevelCursor>),
    Images(Box<ImageCursor>),
}

impl Book {
    fn next_key(&mut self) -> Result<Key, ReadError> {
        match self {
            Self::None => Ok(END),
            Self::Deltas(cursor) => cursor.next_key(),
            Self::Images(cursor) => cursor.next_key(),
        }
    }
}

impl DayStream {
    /// Opens what the plan names; `link` is the last message of the opening's book.
    ///
    /// # Errors
    /// `Read`, `Gone` if the plan is not of these sets, `Thread`.
    pub fn open(
        sets: &StreamSets,
        plan: &DayPlan,
        micro: Option<&MicroSpec>,
        link: Option<Link>,
        memo: &HashMemo,
    ) -> Result<Self, StreamError> {
        let batches = |dataset: Dataset, columns: &[&str]| {
            let set = sets.get(dataset).ok_or(StreamError::Gone {
                day: plan.day,
                dataset: dataset.name(),
            })?;
            Batches::open(set, plan.day, columns, memo)
        };
        let shares_ids = ChainRule::shares_ids(sets.instrument());
        let has_klines = plan.bars == Dataset::Klines1m;
        let needs = TradeNeeds {
            aggregates: plan.bars == Dataset::AggTrades,
            // Sets without microstructure stay what they were: they take every row.
            late: micro.is_some(),
            numbers: micro.is_some() && numbers_trades(sets.instrument()),
        };
        let trades = if has_klines {
            None
        } else {
            Some(batches(plan.bars, &needs.columns())?)
        };
        let quotes = plan
            .quotes
            .map(|dataset| batches(dataset, &QuoteCursor::COLUMNS))
            .transpose()?;
        let book = match plan.book {
            None => Book::None,
            Some(kind @ BookKind::Deltas) => Book::Deltas(Box::new(LevelCursor::new(
                Some(batches(kind.dataset(), &LevelRows::COLUMNS)?),
                shares_ids,
                ChainRule::of(sets.instrument()),
                link,
            ))),
            Some(kind @ BookKind::Images) => {
                let columns = ImageRows::columns();
                let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
                let batches = batches(kind.dataset(), &columns)?;
                Book::Images(Box::new(ImageCursor::new(Some(batches), shares_ids)))
            }
        };
        Ok(Self {
            day: plan.day,
            trades: TradeCursor::new(trades, needs),
            quotes: QuoteCursor::new(quotes, shares_ids),
            book,
            small: state::read_day(sets, micro, plan.day, has_klines, memo)?,
            next_small: 0,
        })
    }

    /// Feeds every event of the day, in order.
    ///
    /// # Errors
    /// `Read`, or `Refused` by tier 1.
    ///
    /// # Complexity
    /// One comparison of keys per change of source; nothing is allocated per event.
    pub fn drive<X: StatSet>(
        mut self,
        builder: &mut MinuteBuilder<X>,
    ) -> Result<StreamReport, StreamError> {
        let day = self.day;
        let refused = |source| StreamError::Refused { day, source };
        loop {
            let trade = self.trades.next_ts()?;
            let quote = self.quotes.next_key()?;
            let book = self.book.next_key()?;
            let small = self.small.get(self.next_small).map_or(i64::MAX, |p| p.at);
            let first = quote.0.min(book.0).min(small);
            if trade <= first {
                if trade == i64::MAX {
                    break;
                }
                // Trades lead their instant.
                self.trades.drain(builder, first).map_err(refused)?;
            } else if quote.0.min(book.0) <= small {
                // Books and quotes come before everything else but the trades of their instant.
                let until = small.min(trade - 1);
                match &mut self.book {
                    Book::Deltas(cursor) if book <= quote => cursor.drain(builder, until, quote),
                    Book::Images(cursor) if book <= quote => cursor.drain(builder, until, quote),
                    _ => self.quotes.drain(builder, until, book),
                }
                .map_err(refused)?;
            } else {
                let until = trade.min(quote.0).min(book.0);
                self.drain_small(builder, until).map_err(refused)?;
            }
        }
        let (book_late, n_gaps) = match &self.book {
            Book::Deltas(cursor) => (cursor.n_late, cursor.n_gaps),
            Book::None | Book::Images(_) => (0, 0),
        };
        Ok(StreamReport {
            n_gaps,
            n_lost_trades: self.trades.n_losses,
            n_late: self.trades.n_late + self.quotes.n_late + book_late,
        })
    }

    fn drain_small<X: StatSet>(
        &mut self,
        builder: &mut MinuteBuilder<X>,
        until: i64,
    ) -> Result<(), BarsError> {
        while let Some(placed) = self.small.get(self.next_small)
            && placed.at < until
        {
            match &placed.event {
                Event::Bar(bar) => builder.on_bar(bar)?,
                other => builder.on_other_at(other, UnixMicros(placed.at))?,
            }
            self.next_small += 1;
        }
        Ok(())
    }
}
