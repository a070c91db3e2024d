//! The market's own book: quantities in a ring indexed by price tick. Integers only; knows no time and no messages.

use crate::market::Side;
use crate::synth::book::SimBook;

/// Bids and asks around the touch. Every price between the lowest bid and the highest ask has its own cell.
#[derive(Debug)]
pub(super) struct Ladder {
    qty: Vec<i64>,
    mask: i64,
    bids: Half,
    asks: Half,
}

/// One side: `best` holds an order whenever `n` is positive; no order lies beyond `last`.
#[derive(Clone, Copy, Debug)]
struct Half {
    best: i64,
    last: i64,
    n: usize,
}

const EMPTY: Half = Half {
    best: 0,
    last: 0,
    n: 0,
};

impl Ladder {
    /// Returns an empty book for prices that span at most `span` ticks.
    pub(super) fn new(span: u32) -> Self {
        let size = span.next_power_of_two();
        Self {
            qty: vec![0; size as usize],
            mask: i64::from(size) - 1,
            bids: EMPTY,
            asks: EMPTY,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "masked to the length of the ring"
    )]
    const fn cell(&self, tick: i64) -> usize {
        (tick & self.mask) as usize
    }

    const fn half(&self, side: Side) -> Half {
        match side {
            Side::Buy => self.bids,
            Side::Sell => self.asks,
        }
    }

    /// Returns the best price of a side that is not empty.
    pub(super) const fn best(&self, side: Side) -> i64 {
        self.half(side).best
    }

    /// Returns the number of levels of a side.
    pub(super) const fn depth(&self, side: Side) -> usize {
        self.half(side).n
    }

    /// Returns the price farthest from the touch that may hold an order.
    pub(super) const fn last(&self, side: Side) -> i64 {
        self.half(side).last
    }

    /// Returns the quantity of a side at a price.
    pub(super) fn qty(&self, side: Side, tick: i64) -> i64 {
        let half = self.half(side);
        let sign = i64::from(side.sign());
        // Bids lie between `last` and `best` upwards, asks downwards.
        if half.n == 0 || (half.best - tick) * sign < 0 || (tick - half.last) * sign < 0 {
            return 0;
        }
        self.qty[self.cell(tick)]
    }

    /// Sets the quantity of a side at a price; 0 removes the level.
    pub(super) fn set(&mut self, side: Side, tick: i64, qty: i64) {
        let sign = i64::from(side.sign());
        let mut half = self.half(side);
        let before = self.qty(side, tick);
        let cell = self.cell(tick);
        if qty > 0 {
            self.qty[cell] = qty;
            if half.n == 0 {
                half = Half {
                    best: tick,
                    last: tick,
                    n: 1,
                };
            } else {
                half.n += usize::from(before == 0);
                if (tick - half.best) * sign > 0 {
                    half.best = tick;
                }
                if (half.last - tick) * sign > 0 {
                    half.last = tick;
                }
            }
        } else if before > 0 {
            self.qty[cell] = 0;
            half.n -= 1;
            if half.n > 0 && tick == half.best {
                let mut next = tick - sign;
                while self.qty[self.cell(next)] == 0 {
                    next -= sign;
                }
                half.best = next;
            }
            if half.n > 0 && tick == half.last {
                let mut next = tick + sign;
                while self.qty[self.cell(next)] == 0 {
                    next += sign;
                }
                half.last = next;
            }
        }
        match side {
            Side::Buy => self.bids = half,
            Side::Sell => self.asks = half,
        }
    }

    /// Returns the next level of a side behind `tick`, if there is one.
    pub(super) fn behind(&self, side: Side, tick: i64) -> Option<i64> {
        let sign = i64::from(side.sign());
        let half = self.half(side);
        let mut at = tick - sign;
        while half.n > 0 && (at - half.last) * sign >= 0 {
            if self.qty[self.cell(at)] > 0 {
                return Some(at);
            }
            at -= sign;
        }
        None
    }

    /// Returns the book as consumers see it.
    pub(super) fn image(&self) -> SimBook {
        let mut book = SimBook::default();
        for side in [Side::Buy, Side::Sell] {
            let mut next = (self.depth(side) > 0).then(|| self.best(side));
            while let Some(tick) = next {
                book.set(side, tick, self.qty(side, tick));
                next = self.behind(side, tick);
            }
        }
        book
    }
}
