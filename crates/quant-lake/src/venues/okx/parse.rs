//! Row formats of the OKX archives: trades, one-minute candles, funding rates.
//!
//! Files that hold several instruments are shared: rows of others are left out. Older files name their columns partly in
//! Chinese (GBK) or not at all. Quantities leave here in base units.

mod header;

use core::marker::PhantomData;
use std::collections::HashMap;

use quant_core::market::{Instrument, Market, Symbol};
use quant_core::time::{MICROS_PER_MINUTE, UnixMicros};

use self::header::{CANDLES, FUNDING, OLD_TRADES, TRADES};
use crate::schema::Dataset;
use crate::venues::binance::FormatError;
use crate::venues::contracts::QtyUnit;
use crate::venues::records::{AggTrade, FundingRow, Kline, Record, TradeRow, Ts};
use crate::venues::row_values::{
    check_candle, count, not_negative, number, positive, quantity, taker_side,
};
use crate::venues::rows::{
    Fields, LeftOut, Notes, ParseOptions, RowFormat, RowParser, RowProblem, boxed,
};
use crate::venues::stamp::{StampUnit, parse_stamp};

type Row<T> = Result<T, RowProblem>;

/// Returns the parser of one file for an instrument (`instId`, also if the file holds more).
///
/// A trades file holds single matches and serves [`Dataset::Trades`] and, one match per row, [`Dataset::AggTrades`]; an
/// `aggtrades` file serves the latter only. `instrument` is its entry of the instruments table valid on the day of the
/// file; swaps and futures need it, except for funding.
///
/// # Errors
/// `FormatError::NotInArchive` for other datasets or markets; `FormatError::MissingTerms` if quantities are contracts and
/// their worth is unknown.
pub fn parser(
    dataset: Dataset,
    market: Market,
    symbol: &Symbol,
    instrument: Option<&Instrument>,
    options: ParseOptions,
) -> Result<Box<dyn RowParser>, FormatError> {
    let not_in_archive = || FormatError::NotInArchive {
        archive: "OKX",
        dataset,
        market,
    };
    if !matches!(market, Market::Spot | Market::Swap) {
        return Err(not_in_archive());
    }
    let name = symbol.as_str().to_owned();
    let unit = || {
        QtyUnit::of(market, instrument).ok_or_else(|| FormatError::MissingTerms {
            dataset,
            market,
            symbol: symbol.clone(),
        })
    };
    Ok(match dataset {
        Dataset::Trades => boxed(Trades::<TradeRow>::new(name, unit()?), options),
        Dataset::AggTrades => boxed(Trades::<AggTrade>::new(name, unit()?), options),
        Dataset::Klines1m => boxed(
            Candles {
                name,
                unit: unit()?,
            },
            options,
        ),
        Dataset::Funding if market == Market::Swap => boxed(Funding { name }, options),
        _ => return Err(not_in_archive()),
    })
}

/// Reads milliseconds or microseconds and notes which.
fn time(fields: &Fields<'_>, i: usize, column: &'static str, notes: &mut Notes) -> Row<i64> {
    match parse_stamp(fields.get(i)) {
        Some((ts, unit)) if unit != StampUnit::Seconds => {
            unit.note(notes);
            Ok(ts)
        }
        _ => Err(RowProblem::NotATime {
            column,
            expected: "milliseconds or microseconds since 1970, from 2009 to 2099",
        }),
    }
}

/// Leaves out rows of other instruments; a file without the column is all of one.
fn check_name(fields: &Fields<'_>, name: &str) -> Row<()> {
    if fields.get(0) == name.as_bytes() || fields.is_absent(0) {
        Ok(())
    } else {
        Err(RowProblem::LeftOut(LeftOut::OtherInstrument))
    }
}

/// One match.
#[derive(Clone, Copy, Debug)]
struct Match {
    ts: i64,
    id: i64,
    price: f64,
    qty: f64,
    qty_raw: Option<f64>,
    aggressor: i8,
}

/// A record made from one match.
trait FromMatch: Record {
    fn from_match(m: Match) -> Self;
}

impl FromMatch for TradeRow {
    fn from_match(m: Match) -> Self {
        Self {
            late: None,
            ts_event: Ts(m.ts),
            ts_recv: None,
            trade_id: m.id,
            price: m.price,
            qty: m.qty,
            qty_raw: m.qty_raw,
            aggressor: m.aggressor,
        }
    }
}

impl FromMatch for AggTrade {
    fn from_match(m: Match) -> Self {
        Self {
            late: None,
            ts_event: Ts(m.ts),
            ts_recv: None,
            trade_id: m.id,
            price: m.price,
            qty: m.qty,
            qty_raw: m.qty_raw,
            aggressor: m.aggressor,
            first_id: m.id,
            last_id: m.id,
        }
    }
}

/// `{inst}-trades-{period}.csv`, `{inst}-aggtrades-{period}.csv`.
struct Trades<R> {
    name: String,
    unit: QtyUnit,
    /// Time of the last row, and what was taken at that time: price, quantity and side by id.
    now: i64,
    taken: HashMap<i64, (f64, f64, i8)>,
    record: PhantomData<fn() -> R>,
}

impl<R> Trades<R> {
    fn new(name: String, unit: QtyUnit) -> Self {
        Self {
            name,
            unit,
            now: i64::MIN,
            taken: HashMap::new(),
            record: PhantomData,
        }
    }

    /// Returns whether the row is an earlier one of the same time seen from the other side.
    ///
    /// Files of 2021 hold every match twice, as a buy and as a sell. By definition `side` is the taker's, so only one of
    /// the two can be right; the file does not say which, and the first is kept.
    fn is_second_side(&mut self, m: &Match) -> bool {
        if self.now != m.ts {
            self.now = m.ts;
            self.taken.clear();
        }
        let own = (m.price, m.qty, m.aggressor);
        let first = *self.taken.entry(m.id).or_insert(own);
        first == (m.price, m.qty, -m.aggressor)
    }
}

impl<R: FromMatch> RowFormat for Trades<R> {
    type Record = R;

    fn name(&self) -> &'static str {
        "OKX trades"
    }
    fn asked(&self) -> Option<&str> {
        Some(&self.name)
    }
    fn columns(&self) -> Vec<&str> {
        TRADES.columns.to_vec()
    }
    fn optional(&self) -> &[&'static str] {
        TRADES.optional
    }
    fn place(&self, header: &Fields<'_>) -> Option<Vec<usize>> {
        TRADES.place(header)
    }
    fn is_data(&self, fields: &Fields<'_>) -> bool {
        // Files before 2022 have no header. Checked as a whole: ids are digits, but so is no column name.
        fields.len() == OLD_TRADES.len()
            && count(fields, 0, "trade_id").is_ok()
            && taker_side(fields, 1, "side").is_ok()
    }
    fn positions(&self) -> Option<(Vec<usize>, usize)> {
        Some((TRADES.positions(&OLD_TRADES), OLD_TRADES.len()))
    }
    fn parse(&mut self, fields: &Fields<'_>, notes: &mut Notes) -> Row<R> {
        check_name(fields, &self.name)?;
        let id = count(fields, 1, "trade_id")?;
        let aggressor = taker_side(fields, 2, "side")?;
        let price = positive(fields, 3, "price")?;
        let (qty, qty_raw) = quantity(fields, 4, "size", price, self.unit)?;
        let ts = time(fields, 5, "created_time", notes)?;
        let m = Match {
            ts,
            id,
            price,
            qty,
            qty_raw,
            aggressor,
        };
        if self.is_second_side(&m) {
            return Err(RowProblem::LeftOut(LeftOut::SecondSide));
        }
        Ok(R::from_match(m))
    }
}

/// `{inst}-candlesticks-{period}.csv`.
struct Candles {
    name: String,
    unit: QtyUnit,
}

impl Candles {
    /// Returns base volume and volume as sent, checking the two volume columns against each other.
    fn volume(&self, vol: f64, vol_ccy: f64, close: f64) -> Row<(f64, Option<f64>)> {
        let (base, expected, slack) = match self.unit {
            // On spot `vol` is coins and `vol_ccy` quote currency.
            QtyUnit::Base => (vol, vol, 0.0),
            QtyUnit::Linear { .. } => {
                let coins = self.unit.base(vol, close);
                (coins, vol_ccy, 0.01)
            }
            // Contracts of a fixed quote value: only the venue knows at which prices they traded.
            QtyUnit::Inverse { .. } => (vol_ccy, self.unit.base(vol, close), 0.5),
        };
        if !(base.is_finite() && expected.is_finite()) {
            return Err(RowProblem::NotANumber { column: "vol" });
        }
        // The venue rounds `vol_ccy`, to nothing at worst; a wrong contract value is wrong by factors.
        let both = base > 0.0 && expected > 0.0;
        if both && (base - expected).abs() > slack * base.max(expected) + 1e-8 {
            return Err(RowProblem::Contradiction {
                column: "vol",
                other: "vol_ccy",
            });
        }
        Ok((base, self.unit.raw(vol)))
    }
}

impl RowFormat for Candles {
    type Record = Kline;

    fn name(&self) -> &'static str {
        "OKX candlesticks"
    }
    fn asked(&self) -> Option<&str> {
        Some(&self.name)
    }
    fn columns(&self) -> Vec<&str> {
        CANDLES.columns.to_vec()
    }
    fn place(&self, header: &Fields<'_>) -> Option<Vec<usize>> {
        CANDLES.place(header)
    }
    fn is_data(&self, _: &Fields<'_>) -> bool {
        false
    }
    fn parse(&mut self, fields: &Fields<'_>, notes: &mut Notes) -> Row<Kline> {
        check_name(fields, &self.name)?;
        match fields.get(9) {
            b"1" => {}
            b"0" => return Err(RowProblem::LeftOut(LeftOut::Unconfirmed)),
            _ => {
                return Err(RowProblem::UnknownName {
                    column: "confirm",
                    expected: "0 or 1",
                });
            }
        }
        let ts = UnixMicros(time(fields, 8, "open_time", notes)?);
        if ts.floor_minute() != ts {
            return Err(RowProblem::NotATime {
                column: "open_time",
                expected: "a whole minute",
            });
        }
        let (open, high) = (positive(fields, 1, "open")?, positive(fields, 2, "high")?);
        let (low, close) = (positive(fields, 3, "low")?, positive(fields, 4, "close")?);
        check_candle(open, high, low, close)?;
        let vol = not_negative(fields, 5, "vol")?;
        let vol_ccy = not_negative(fields, 6, "vol_ccy")?;
        let quote = not_negative(fields, 7, "vol_quote")?;
        let (volume, volume_raw) = self.volume(vol, vol_ccy, close)?;
        Ok(Kline {
            ts_open: Ts(ts.0),
            ts_close: Ts(ts.0 + MICROS_PER_MINUTE),
            open,
            high,
            low,
            close,
            volume,
            volume_raw,
            quote_volume: Some(quote),
            n_trades: None,
            taker_buy_volume: None,
            taker_buy_quote_volume: None,
        })
    }
}

/// `allswap-fundingrates-{date}.csv`, `{inst}-fundingrates-{month}.csv`.
struct Funding {
    name: String,
}

impl RowFormat for Funding {
    type Record = FundingRow;

    fn name(&self) -> &'static str {
        "OKX funding rates"
    }
    fn asked(&self) -> Option<&str> {
        Some(&self.name)
    }
    fn columns(&self) -> Vec<&str> {
        FUNDING.columns.to_vec()
    }
    fn optional(&self) -> &[&'static str] {
        FUNDING.optional
    }
    fn place(&self, header: &Fields<'_>) -> Option<Vec<usize>> {
        FUNDING.place(header)
    }
    fn is_data(&self, _: &Fields<'_>) -> bool {
        false
    }
    fn parse(&mut self, fields: &Fields<'_>, notes: &mut Notes) -> Row<FundingRow> {
        check_name(fields, &self.name)?;
        let predicted = number(fields, 1, "funding_rate")?;
        let ts = time(fields, 2, "funding_time", notes)?;
        // What was settled, under either of its names, goes before what was announced.
        let settled = (3..5).find(|&i| !fields.get(i).is_empty());
        let rate = match settled {
            Some(i) => number(fields, i, FUNDING.optional[i - 3])?,
            None => predicted,
        };
        Ok(FundingRow {
            ts_event: Ts(ts),
            rate,
            interval_h: None,
            mark_price: None,
        })
    }
}

#[cfg(test)]
mod tests;
