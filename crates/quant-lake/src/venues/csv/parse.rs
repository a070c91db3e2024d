//! Row formats made from a [`CsvMapping`].

use quant_core::market::Side;
use quant_core::time::{MICROS_PER_MINUTE, UnixMicros, parse_naive};
use quant_core::units::decimal_product;

use super::mapping::{
    CsvHeader, CsvMapping, CsvRows, MappingError, QtyUnit, SideColumn, Stamp, TimeFormat,
};
use crate::venues::number::{parse_digits, parse_flag};
use crate::venues::records::{Kline, TradeRow, Ts};
use crate::venues::row_values::{check_candle, count, not_negative, positive};
use crate::venues::rows::{Fields, Notes, ParseOptions, RowFormat, RowParser, RowProblem, boxed};
use crate::venues::stamp::{EARLIEST, LATEST};

/// Returns the parser of one file.
///
/// # Errors
/// What is wrong with the mapping.
pub fn parser(
    mapping: &CsvMapping,
    options: ParseOptions,
) -> Result<Box<dyn RowParser>, MappingError> {
    mapping.check()?;
    let mapping = mapping.clone();
    Ok(match mapping.rows.clone() {
        CsvRows::Klines(columns) => {
            let mut next = 6;
            let mut place = |column: &Option<String>| {
                column.as_ref().map(|_| {
                    next += 1;
                    next - 1
                })
            };
            let quote_volume = place(&columns.quote_volume);
            let n_trades = place(&columns.n_trades);
            let taker_buy_volume = place(&columns.taker_buy_volume);
            boxed(
                Klines {
                    stamp: columns.stamp,
                    unit: columns.volume_unit,
                    mapping,
                    quote_volume,
                    n_trades,
                    taker_buy_volume,
                },
                options,
            )
        }
        CsvRows::Trades(columns) => {
            let is_flag = matches!(columns.side, SideColumn::IsBuyerMaker(_));
            let has_id = columns.trade_id.is_some();
            boxed(
                Trades {
                    unit: columns.qty_unit,
                    mapping,
                    is_flag,
                    has_id,
                    last: (i64::MIN, 0),
                },
                options,
            )
        }
    })
}

fn time(fields: &Fields<'_>, format: TimeFormat) -> Result<i64, RowProblem> {
    let (text, column) = (fields.get(0), "timestamp");
    let bad = |expected| RowProblem::NotATime { column, expected };
    let scaled = |unit_us: i64, expected: &'static str| {
        parse_digits(text)
            .and_then(|n| n.checked_mul(unit_us))
            .ok_or_else(|| bad(expected))
    };
    let ts = match format {
        TimeFormat::Text => {
            let naive = text
                .strip_suffix(b"Z")
                .or_else(|| text.strip_suffix(b"+00:00"))
                .unwrap_or(text);
            // Nanosecond digits are cut; anything else beyond microseconds is not a time.
            let cut = match naive.iter().position(|&b| b == b'.') {
                Some(dot)
                    if naive.len() > dot + 7 && naive[dot + 7..].iter().all(u8::is_ascii_digit) =>
                {
                    &naive[..dot + 7]
                }
                _ => naive,
            };
            parse_naive(cut)
                .map(|t| t.0)
                .ok_or_else(|| bad("YYYY-MM-DD HH:MM:SS in UTC"))?
        }
        TimeFormat::EpochS => {
            let dot = text.iter().position(|&b| b == b'.').unwrap_or(text.len());
            let (whole, fraction) = (&text[..dot], text.get(dot + 1..).unwrap_or_default());
            let expected = "seconds since 1970";
            let digits = fraction.iter().all(u8::is_ascii_digit)
                && (dot == text.len() || !fraction.is_empty());
            if !digits {
                return Err(bad(expected));
            }
            let seconds = parse_digits(whole)
                .and_then(|n| n.checked_mul(1_000_000))
                .ok_or_else(|| bad(expected))?;
            let mut us = 0;
            for i in 0..6 {
                us = us * 10 + fraction.get(i).map_or(0, |d| i64::from(d - b'0'));
            }
            seconds.checked_add(us).ok_or_else(|| bad(expected))?
        }
        TimeFormat::EpochMs => scaled(1_000, "milliseconds since 1970")?,
        TimeFormat::EpochUs => scaled(1, "microseconds since 1970")?,
        TimeFormat::EpochNs => {
            let digits = text.len().checked_sub(3).map(|n| text.split_at(n));
            let (us, rest) = digits.ok_or_else(|| bad("nanoseconds since 1970"))?;
            if !rest.iter().all(u8::is_ascii_digit) {
                return Err(bad("nanoseconds since 1970"));
            }
            parse_digits(us).ok_or_else(|| bad("nanoseconds since 1970"))?
        }
    };
    if (EARLIEST..LATEST).contains(&ts) {
        Ok(ts)
    } else {
        Err(bad("a time from 2009 to 2099; check the unit"))
    }
}

/// Positions of the mapped columns in a file without a header.
fn positions(mapping: &CsvMapping) -> Option<(Vec<usize>, usize)> {
    let CsvHeader::Columns(columns) = &mapping.header else {
        return None;
    };
    let order = mapping
        .mapped()
        .iter()
        .filter_map(|name| columns.iter().position(|c| c == name))
        .collect();
    Some((order, columns.len()))
}

/// The delimiter is ASCII: `CsvMapping::check` has seen it.
fn delimiter(mapping: &CsvMapping) -> u8 {
    u8::try_from(mapping.delimiter).unwrap_or(b',')
}

macro_rules! mapped_format {
    () => {
        fn delimiter(&self) -> u8 {
            delimiter(&self.mapping)
        }
        fn columns(&self) -> Vec<&str> {
            self.mapping.mapped()
        }
        fn allows_extra(&self) -> bool {
            true
        }
        fn is_data(&self, _: &Fields<'_>) -> bool {
            matches!(self.mapping.header, CsvHeader::Columns(_))
        }
        fn positions(&self) -> Option<(Vec<usize>, usize)> {
            positions(&self.mapping)
        }
    };
}

struct Klines {
    mapping: CsvMapping,
    stamp: Stamp,
    unit: QtyUnit,
    quote_volume: Option<usize>,
    n_trades: Option<usize>,
    taker_buy_volume: Option<usize>,
}

impl RowFormat for Klines {
    type Record = Kline;

    fn name(&self) -> &'static str {
        "the declared klines"
    }
    mapped_format!();

    fn parse(&mut self, fields: &Fields<'_>, _: &mut Notes) -> Result<Kline, RowProblem> {
        let ts = UnixMicros(time(fields, self.mapping.time)?);
        let ts_open = match self.stamp {
            Stamp::Open if ts.floor_minute() == ts => ts,
            Stamp::Open => {
                return Err(RowProblem::NotATime {
                    column: "timestamp",
                    expected: "a whole minute",
                });
            }
            Stamp::Close => ts.plus(-1).floor_minute(),
        };
        let (open, high) = (positive(fields, 1, "open")?, positive(fields, 2, "high")?);
        let (low, close) = (positive(fields, 3, "low")?, positive(fields, 4, "close")?);
        check_candle(open, high, low, close)?;
        let sent = not_negative(fields, 5, "volume")?;
        let typical = (open + high + low + close) / 4.0;
        let own_quote = self
            .quote_volume
            .map(|i| not_negative(fields, i, "quote_volume"))
            .transpose()?;
        let (volume, volume_raw, quote_volume) = match self.unit {
            QtyUnit::Base => (sent, None, own_quote),
            QtyUnit::Quote => (sent / typical, Some(sent), own_quote.or(Some(sent))),
            QtyUnit::Contracts { base_per_contract } => (
                decimal_product(sent, base_per_contract),
                Some(sent),
                own_quote,
            ),
            QtyUnit::InverseContracts { quote_per_contract } => {
                let quote = decimal_product(sent, quote_per_contract);
                (quote / typical, Some(sent), own_quote.or(Some(quote)))
            }
        };
        if ![Some(volume), quote_volume]
            .into_iter()
            .flatten()
            .all(f64::is_finite)
        {
            return Err(RowProblem::NotANumber { column: "volume" });
        }
        Ok(Kline {
            ts_open: Ts(ts_open.0),
            ts_close: Ts(ts_open.0 + MICROS_PER_MINUTE),
            open,
            high,
            low,
            close,
            volume,
            volume_raw,
            quote_volume,
            n_trades: self
                .n_trades
                .map(|i| count(fields, i, "n_trades"))
                .transpose()?,
            taker_buy_volume: self
                .taker_buy_volume
                .map(|i| not_negative(fields, i, "taker_buy_volume"))
                .transpose()?,
            taker_buy_quote_volume: None,
        })
    }
}

struct Trades {
    mapping: CsvMapping,
    unit: QtyUnit,
    is_flag: bool,
    has_id: bool,
    /// Time of the last row and its position among the rows of that microsecond.
    last: (i64, i64),
}

impl Trades {
    fn side(&self, text: &[u8]) -> Result<Side, RowProblem> {
        if self.is_flag {
            return parse_flag(text).map(Side::from_is_buyer_maker).ok_or(
                RowProblem::UnknownName {
                    column: "side",
                    expected: "true or false",
                },
            );
        }
        match text.to_ascii_lowercase().as_slice() {
            b"buy" | b"b" => Ok(Side::Buy),
            b"sell" | b"s" => Ok(Side::Sell),
            _ => Err(RowProblem::UnknownName {
                column: "side",
                expected: "buy or sell",
            }),
        }
    }
}

impl RowFormat for Trades {
    type Record = TradeRow;

    fn name(&self) -> &'static str {
        "the declared trades"
    }
    mapped_format!();

    fn parse(&mut self, fields: &Fields<'_>, _: &mut Notes) -> Result<TradeRow, RowProblem> {
        let ts = time(fields, self.mapping.time)?;
        let price = positive(fields, 1, "price")?;
        let sent = positive(fields, 2, "qty")?;
        let (qty, qty_raw) = match self.unit {
            QtyUnit::Base => (sent, None),
            QtyUnit::Quote => (sent / price, Some(sent)),
            QtyUnit::Contracts { base_per_contract } => {
                (decimal_product(sent, base_per_contract), Some(sent))
            }
            QtyUnit::InverseContracts { quote_per_contract } => (
                decimal_product(sent, quote_per_contract) / price,
                Some(sent),
            ),
        };
        if !(qty.is_finite() && qty > 0.0) {
            return Err(RowProblem::NotANumber { column: "qty" });
        }
        let aggressor = self.side(fields.get(3))?.sign();
        let trade_id = if self.has_id {
            count(fields, 4, "trade_id")?
        } else {
            let position = if self.last.0 == ts {
                self.last.1 + 1
            } else {
                0
            };
            if position >= 1_000 {
                // Ids hold three digits of position.
                return Err(RowProblem::NotAnInteger { column: "trade_id" });
            }
            self.last = (ts, position);
            ts * 1_000 + position
        };
        Ok(TradeRow {
            late: None,
            ts_event: Ts(ts),
            ts_recv: None,
            trade_id,
            price,
            qty,
            qty_raw,
            aggressor,
        })
    }
}
