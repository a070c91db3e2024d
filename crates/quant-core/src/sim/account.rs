//! The books of one simulated account: cash, positions, realised profit, equity marks.
//!
//! Money that comes from prices is counted in exact integers (ticks times lots), so that it cannot drift; fees and
//! funding are `f64` sums.

use serde::Serialize;

use crate::market::{Instrument, Side};
use crate::time::UnixMicros;
use crate::units::Step;

/// The account at one instant.
///
/// # Units
/// Quote currency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EquityPoint {
    /// Instant of the mark.
    pub ts: UnixMicros,
    /// Cash plus positions at the mark.
    pub equity: f64,
    /// Cash: start, minus what positions cost, minus fees and funding.
    pub cash: f64,
    /// Signed value of the positions at the mark.
    pub position_value: f64,
    /// Sum over trades of absolute value at the mark.
    pub gross_exposure: f64,
    /// Profit of closed trades at fill prices, before fees and funding.
    pub realised: f64,
    /// Profit of open trades at the mark, before fees and funding.
    pub unrealised: f64,
    /// Fees so far.
    pub fees: f64,
    /// Funding paid so far.
    pub funding: f64,
    /// Number of open trades.
    pub n_open: u32,
}

/// Integer books of one instrument, in tick-lots.
#[derive(Clone, Copy, Debug, Default)]
struct Ledger {
    /// Cash from fills.
    cash: i128,
    /// Net position, lots.
    lots: i64,
    /// Sum over open trades of |lots|.
    gross_lots: i64,
    /// Signed cost of open trades at their entry prices.
    open_cost: i128,
    /// Profit of closed trades at fill prices.
    realised: i128,
}

/// Terms of one instrument the account needs.
#[derive(Clone, Copy, Debug)]
struct Terms {
    lot: Step,
    tick: Step,
    /// Tick times lot, where it has at most 12 digits.
    tick_lot: Option<Step>,
}

impl Terms {
    /// Returns the money of `n` tick-lots.
    fn money(&self, n: i128) -> f64 {
        match (self.tick_lot, i64::try_from(n)) {
            (Some(step), Ok(n)) => step.value(n),
            _ => n as f64 * self.tick.size() * self.lot.size(),
        }
    }
}

/// Cash, positions and the equity curve.
#[derive(Clone, Debug)]
pub struct Account {
    start_cash: f64,
    terms: Vec<Terms>,
    ledgers: Vec<Ledger>,
    n_open: u32,
    fees: f64,
    funding: f64,
    equity: Vec<EquityPoint>,
}

impl Account {
    /// Returns a flat account with `start_cash` quote units.
    pub(super) fn new(start_cash: f64, instruments: &[Instrument]) -> Self {
        let terms = |x: &Instrument| Terms {
            lot: x.lot_size,
            tick: x.tick_size,
            tick_lot: x.tick_size.product(x.lot_size),
        };
        Self {
            start_cash,
            terms: instruments.iter().map(terms).collect(),
            ledgers: vec![Ledger::default(); instruments.len()],
            n_open: 0,
            fees: 0.0,
            funding: 0.0,
            equity: Vec::new(),
        }
    }

    /// Returns the money of `n` tick-lots of an instrument.
    pub(super) fn money(&self, instrument_idx: usize, n: i128) -> f64 {
        self.terms[instrument_idx].money(n)
    }

    /// Books an opening fill.
    pub(super) fn open(&mut self, idx: usize, side: Side, lots: i64, px_ticks: i64, fee: f64) {
        let signed = i64::from(side.sign()) * lots;
        let cost = i128::from(signed) * i128::from(px_ticks);
        let ledger = &mut self.ledgers[idx];
        ledger.cash -= cost;
        ledger.open_cost += cost;
        ledger.lots += signed;
        ledger.gross_lots += lots;
        self.n_open += 1;
        self.fees += fee;
    }

    /// Books the closing fill of a trade opened on `side` at `entry_ticks`.
    pub(super) fn close(
        &mut self,
        idx: usize,
        side: Side,
        lots: i64,
        (entry_ticks, exit_ticks): (i64, i64),
        fee: f64,
    ) {
        let signed = i64::from(side.sign()) * lots;
        let cost = i128::from(signed) * i128::from(entry_ticks);
        let proceeds = i128::from(signed) * i128::from(exit_ticks);
        let ledger = &mut self.ledgers[idx];
        ledger.cash += proceeds;
        ledger.open_cost -= cost;
        ledger.realised += proceeds - cost;
        ledger.lots -= signed;
        ledger.gross_lots -= lots;
        self.n_open -= 1;
        self.fees += fee;
    }

    /// Books funding paid (received is negative).
    pub(super) fn pay_funding(&mut self, amount: f64) {
        self.funding += amount;
    }

    /// Returns the account at `ts` with one price per instrument; an instrument without a price must be flat.
    pub(super) fn at(&self, ts: UnixMicros, prices: &[Option<f64>]) -> EquityPoint {
        let mut point = EquityPoint {
            ts,
            equity: 0.0,
            cash: 0.0,
            position_value: 0.0,
            gross_exposure: 0.0,
            realised: 0.0,
            unrealised: 0.0,
            fees: self.fees,
            funding: self.funding,
            n_open: self.n_open,
        };
        let mut traded = 0.0;
        for ((ledger, terms), price) in self.ledgers.iter().zip(&self.terms).zip(prices) {
            let px = price.unwrap_or(0.0);
            let value = signed_value(terms.lot, ledger.lots, px);
            traded += terms.money(ledger.cash);
            point.position_value += value;
            point.gross_exposure += signed_value(terms.lot, ledger.gross_lots, px);
            point.realised += terms.money(ledger.realised);
            point.unrealised += value - terms.money(ledger.open_cost);
        }
        point.cash = self.start_cash + traded - self.fees - self.funding;
        point.equity = point.cash + point.position_value;
        point
    }

    /// Appends the account at `ts` to the equity curve.
    pub(super) fn mark(&mut self, ts: UnixMicros, prices: &[Option<f64>]) -> EquityPoint {
        let point = self.at(ts, prices);
        self.equity.push(point);
        point
    }

    /// Returns the cash at the start.
    pub const fn start_cash(&self) -> f64 {
        self.start_cash
    }

    /// Returns every mark so far, in the order they were asked for.
    pub fn equity(&self) -> &[EquityPoint] {
        &self.equity
    }

    /// Returns the net position of an instrument in lots; 0 for an unknown instrument.
    pub fn position_lots(&self, instrument_idx: usize) -> i64 {
        self.ledgers.get(instrument_idx).map_or(0, |x| x.lots)
    }

    /// Returns the number of open trades.
    pub const fn n_open(&self) -> u32 {
        self.n_open
    }

    /// Returns the fees paid so far.
    pub const fn fees(&self) -> f64 {
        self.fees
    }

    /// Returns the funding paid so far; received is negative.
    pub const fn funding(&self) -> f64 {
        self.funding
    }
}

fn signed_value(lot: Step, lots: i64, px: f64) -> f64 {
    lot.value(lots) * px
}
