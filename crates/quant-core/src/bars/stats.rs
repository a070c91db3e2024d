//! The statistics of a minute, one file each; `docs/minute_rows.md` defines every column.
//!
//! The list below is the order of the columns. A statistic keeps no book and no clock: the driver gives it both.

mod added;
mod best_size;
mod book_updates;
mod depth;
mod held;
mod imbalance;
mod kyle;
mod liquidations;
mod mid;
mod mlofi;
mod obi;
mod ofi;
mod prints;
mod quotes;
mod resilience;
mod signed;
mod spread;
mod state;
mod variance;
mod vpin;
mod wall;
mod wmid;

pub use ofi::touch_flow;

use crate::bars::{GapScope, MinuteClose, MinuteStat, RowWriter, StatInputs, StatSet, StatSpec};
use crate::market::book::TopBook;
use crate::market::{Liquidation, Touch, Trade};
use crate::time::UnixMicros;

/// Composes statistics into a set: every handler of the set calls that of each statistic, in order.
macro_rules! minute_stats {
    ($(#[$doc:meta])* $set:ident { $($field:ident: $stat:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $set {
            $($field: $stat),+
        }

        /// Declarations of the statistics, in column order.
        pub const STATS: &[StatSpec] = &[$(<$stat as MinuteStat>::SPEC),+];

        impl $set {
            /// Returns the statistics of a day with these inputs.
            pub fn new(inputs: &StatInputs) -> Self {
                Self { $($field: <$stat>::new(inputs)),+ }
            }
        }

        impl StatSet for $set {
            const IS_ACTIVE: bool = true;

            fn columns() -> &'static [&'static str] {
                &STAT_COLUMNS
            }

            #[inline]
            fn on_trade(&mut self, trade: &Trade) {
                $(self.$field.on_trade(trade);)+
            }

            #[inline]
            fn on_touch(&mut self, ts: UnixMicros, before: Option<&Touch>, after: &Touch) {
                $(self.$field.on_touch(ts, before, after);)+
            }

            #[inline]
            fn hold_touch(&mut self, us: i64, touch: &Touch) {
                $(self.$field.hold_touch(us, touch);)+
            }

            #[inline]
            fn on_book(&mut self, ts: UnixMicros, before: Option<&TopBook>, after: &TopBook) {
                $(self.$field.on_book(ts, before, after);)+
            }

            #[inline]
            fn hold_book(&mut self, us: i64, book: &TopBook) {
                $(self.$field.hold_book(us, book);)+
            }

            #[inline]
            fn on_grid(&mut self, ts: UnixMicros, price: Option<f64>) {
                $(self.$field.on_grid(ts, price);)+
            }

            fn on_liquidation(&mut self, order: &Liquidation) {
                $(self.$field.on_liquidation(order);)+
            }

            fn on_gap(&mut self, scope: GapScope) {
                $(self.$field.on_gap(scope);)+
            }

            fn close(&mut self, minute: &MinuteClose<'_>, out: &mut RowWriter<'_>) {
                $(self.$field.close(minute, out);)+
            }
        }
    };
}

minute_stats! {
    /// Every statistic of the lake's minute rows.
    Microstructure {
        // Touch.
        mid: mid::Mid,
        spread: spread::Spread,
        imbalance: imbalance::Imbalance,
        wmid: wmid::Wmid,
        best_size: best_size::BestSize,
        ofi: ofi::Ofi,
        quotes: quotes::Quotes,
        resilience: resilience::Resilience,
        // Book.
        depth: depth::Depth,
        mlofi: mlofi::Mlofi,
        obi: obi::Obi,
        wall: wall::Wall,
        added: added::Added,
        book_updates: book_updates::BookUpdates,
        // Trades.
        prints: prints::Prints,
        signed: signed::Signed,
        vpin: vpin::Vpin,
        kyle: kyle::Kyle,
        // Prices.
        variance: variance::Variance,
        // State and forced orders.
        liquidations: liquidations::Liquidations,
        state: state::State,
    }
}

/// Number of columns of [`Microstructure`].
pub const N_STAT_COLUMNS: usize = count_columns();

/// Names of the columns of [`Microstructure`], in order.
pub static STAT_COLUMNS: [&str; N_STAT_COLUMNS] = column_names();

const NAMES: [&str; N_STAT_COLUMNS] = column_names();

const fn count_columns() -> usize {
    let (mut n, mut i) = (0, 0);
    while i < STATS.len() {
        n += STATS[i].columns.len();
        i += 1;
    }
    n
}

const fn column_names() -> [&'static str; N_STAT_COLUMNS] {
    let mut names = [""; N_STAT_COLUMNS];
    let (mut n, mut i) = (0, 0);
    while i < STATS.len() {
        let mut k = 0;
        while k < STATS[i].columns.len() {
            names[n] = STATS[i].columns[k].name;
            n += 1;
            k += 1;
        }
        i += 1;
    }
    names
}

/// Returns the position of a column, to be bound in a constant: an unknown name does not compile there.
///
/// # Panics
/// If there is no such column; in a constant that is a compile error.
pub const fn stat_column(name: &str) -> usize {
    let mut i = 0;
    while i < N_STAT_COLUMNS {
        if is_same(NAMES[i].as_bytes(), name.as_bytes()) {
            return i;
        }
        i += 1;
    }
    panic!("no such column of the minute rows")
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests;
