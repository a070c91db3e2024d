//! Row formats of public.bybit.com: trades of contracts (`trading/`) and of spot (`spot/`).
//!
//! Columns are matched by name. The venue's ids do not fit the lake (UUIDs; on spot the row number within the file), so
//! ids are made of time and position, see [`crate::venues::numbering`]. Quantities leave here in base units.

use quant_core::market::{Instrument, Market, Symbol};

use crate::schema::Dataset;
use crate::venues::binance::FormatError;
use crate::venues::contracts::QtyUnit;
use crate::venues::numbering::DerivedIds;
use crate::venues::records::{TradeRow, Ts};
use crate::venues::row_values::{count, positive, quantity, taker_side};
use crate::venues::rows::{Fields, Notes, ParseOptions, RowFormat, RowParser, RowProblem, boxed};
use crate::venues::stamp::{self, parse_stamp};

type Row<T> = Result<T, RowProblem>;

/// Returns the parser of one trades file of a symbol.
///
/// `instrument` is its entry of the instruments table valid on the day of the file; inverse contracts need it.
///
/// # Errors
/// `FormatError::NotInArchive` for anything but trades of a Bybit market; `FormatError::MissingTerms` if quantities are
/// contracts and their worth is unknown.
pub fn parser(
    dataset: Dataset,
    market: Market,
    symbol: &Symbol,
    instrument: Option<&Instrument>,
    options: ParseOptions,
) -> Result<Box<dyn RowParser>, FormatError> {
    let known = matches!(market, Market::Spot | Market::Linear | Market::Inverse);
    if dataset != Dataset::Trades || !known {
        return Err(FormatError::NotInArchive {
            archive: "Bybit",
            dataset,
            market,
        });
    }
    let unit = QtyUnit::of(market, instrument).ok_or_else(|| FormatError::MissingTerms {
        dataset,
        market,
        symbol: symbol.clone(),
    })?;
    let ids = DerivedIds::new(options.collects(Dataset::Trades));
    Ok(if market == Market::Spot {
        boxed(SpotTrades { ids }, options)
    } else {
        let symbol = symbol.as_str().to_owned();
        boxed(ContractTrades { symbol, unit, ids }, options)
    })
}

/// Reads a time in any of the venue's units and notes the unit.
fn time(fields: &Fields<'_>, i: usize, notes: &mut Notes) -> Row<i64> {
    let (ts, unit) = parse_stamp(fields.get(i)).ok_or(RowProblem::NotATime {
        column: "timestamp",
        expected: stamp::EXPECTED,
    })?;
    unit.note(notes);
    Ok(ts)
}

/// `trading/{SYM}/{SYM}{date}.csv.gz`.
struct ContractTrades {
    symbol: String,
    unit: QtyUnit,
    ids: DerivedIds,
}

impl RowFormat for ContractTrades {
    type Record = TradeRow;

    fn name(&self) -> &'static str {
        "Bybit contract trades"
    }
    fn columns(&self) -> Vec<&str> {
        vec!["timestamp", "symbol", "side", "size", "price"]
    }
    fn optional(&self) -> &[&'static str] {
        // Only the first is read.
        &[
            "trdMatchID",
            "tickDirection",
            "grossValue",
            "homeNotional",
            "foreignNotional",
            "RPI",
        ]
    }
    fn has_provisional_ids(&self) -> bool {
        self.ids.are_provisional()
    }
    fn is_data(&self, _: &Fields<'_>) -> bool {
        // Columns go by name: a file without a header is another file.
        false
    }
    fn parse(&mut self, fields: &Fields<'_>, notes: &mut Notes) -> Row<TradeRow> {
        let ts = time(fields, 0, notes)?;
        if fields.get(1) != self.symbol.as_bytes() {
            return Err(RowProblem::OtherSymbol {
                expected: self.symbol.clone(),
            });
        }
        let aggressor = taker_side(fields, 2, "side")?;
        let price = positive(fields, 4, "price")?;
        let (qty, qty_raw) = quantity(fields, 3, "size", price, self.unit)?;
        Ok(TradeRow {
            late: None,
            ts_event: Ts(ts),
            ts_recv: None,
            // Last, as a refused row takes no position.
            trade_id: self.ids.id(ts, fields.get(5), notes),
            price,
            qty,
            qty_raw,
            aggressor,
        })
    }
}

/// `spot/{SYM}/{SYM}_{date}.csv.gz` and `spot/{SYM}/{SYM}-{month}.csv.gz`.
struct SpotTrades {
    ids: DerivedIds,
}

impl RowFormat for SpotTrades {
    type Record = TradeRow;

    fn name(&self) -> &'static str {
        "Bybit spot trades"
    }
    fn columns(&self) -> Vec<&str> {
        vec!["id", "timestamp", "price", "volume", "side"]
    }
    fn optional(&self) -> &[&'static str] {
        &["rpi"]
    }
    fn has_provisional_ids(&self) -> bool {
        self.ids.are_provisional()
    }
    fn is_data(&self, _: &Fields<'_>) -> bool {
        false
    }
    fn parse(&mut self, fields: &Fields<'_>, notes: &mut Notes) -> Row<TradeRow> {
        // Checked, and told apart by, but not stored: it counts the rows of this file.
        count(fields, 0, "id")?;
        let ts = time(fields, 1, notes)?;
        let price = positive(fields, 2, "price")?;
        let (qty, qty_raw) = quantity(fields, 3, "volume", price, QtyUnit::Base)?;
        let aggressor = taker_side(fields, 4, "side")?;
        Ok(TradeRow {
            late: None,
            ts_event: Ts(ts),
            ts_recv: None,
            trade_id: self.ids.id(ts, fields.get(0), notes),
            price,
            qty,
            qty_raw,
            aggressor,
        })
    }
}

#[cfg(test)]
mod tests;
