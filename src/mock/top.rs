//! The best N levels of a book, and what changed in them since they were last looked at.

use quant_core::market::Side;
use quant_core::synth::SimBook;

/// Level changes as `(ticks, lots)`, best first; 0 lots: the level left the best N.
pub type Levels = Vec<(i64, i64)>;

/// Levels someone else holds.
pub type View<'a> = &'a [(i64, i64)];

/// Follows the best N levels of both sides.
#[derive(Clone, Debug)]
pub struct TopN {
    n: usize,
    bids: Levels,
    asks: Levels,
}

impl TopN {
    /// Returns a follower that has seen an empty book.
    pub const fn new(n: usize) -> Self {
        Self {
            n,
            bids: Vec::new(),
            asks: Vec::new(),
        }
    }

    /// Returns the best levels seen last.
    pub fn levels(&self) -> (View<'_>, View<'_>) {
        (&self.bids, &self.asks)
    }

    /// Returns the changes of bids and asks since the last call.
    pub fn diff(&mut self, book: &SimBook) -> (Levels, Levels) {
        let bids: Levels = book.levels(Side::Buy).take(self.n).collect();
        let asks: Levels = book.levels(Side::Sell).take(self.n).collect();
        // Bids descend: with negated prices both sides ascend from the best.
        let out = (
            changes(&self.bids, &bids, |p| -p),
            changes(&self.asks, &asks, |p| p),
        );
        (self.bids, self.asks) = (bids, asks);
        out
    }
}

fn changes(old: &[(i64, i64)], new: &[(i64, i64)], rank: impl Fn(i64) -> i64) -> Levels {
    let mut out = Vec::new();
    let mut old = old.iter().peekable();
    for &(price, lots) in new {
        // Old levels better than this one are gone.
        while let Some((gone, _)) = old.next_if(|(p, _)| rank(*p) < rank(price)) {
            out.push((*gone, 0));
        }
        match old.next_if(|(p, _)| *p == price) {
            Some((_, before)) if *before == lots => {}
            _ => out.push((price, lots)),
        }
    }
    out.extend(old.map(|(gone, _)| (*gone, 0)));
    out
}

#[cfg(test)]
mod tests;
