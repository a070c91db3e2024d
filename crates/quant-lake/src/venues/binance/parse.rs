//! Row formats of Binance Vision: expected columns per product and market, and one row at a time.
//!
//! Quantities leave here in base units; what coin-margined files count in contracts is kept as `*_raw`.

use quant_core::market::{Instrument, Market, Side, Symbol};
use quant_core::time::{MICROS_PER_MINUTE, parse_naive};

use crate::schema::Dataset;
use crate::venues::number::{EpochUnit, parse_epoch, parse_flag};
use crate::venues::plain::PlainLine;
use crate::venues::quote_sides;
use crate::venues::records::{
    AggTrade, BookTickerRow, DepthBandRow, FundingRow, IndexKline, Kline, LiquidationRow,
    MarkKline, MetricsRow, PremiumKline, TradeRow, Ts,
};
use crate::venues::row_values::{
    check_candle, count, not_negative, number, positive, price_or_none,
};
use crate::venues::rows::{Fields, Notes, ParseOptions, RowFormat, RowParser, RowProblem, boxed};

/// Why there is no parser for a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The archive has no such product.
    #[error("Binance Vision has no {dataset} format for market {market}")]
    NoFormat {
        /// Dataset.
        dataset: Dataset,
        /// Market.
        market: Market,
    },
    /// Another venue's archive has no such product.
    #[error("the {archive} archive has no rows of {dataset} for market {market}")]
    NotInArchive {
        /// Archive.
        archive: &'static str,
        /// Dataset.
        dataset: Dataset,
        /// Market.
        market: Market,
    },
    /// A user's mapping is unusable.
    #[error(transparent)]
    Mapping(crate::venues::csv::MappingError),
    /// Quantities are contracts and their worth is unknown.
    #[error(
        "{market} {dataset} of {symbol} counts contracts, whose value is unknown\nhint: add {symbol} with `contract_value` to the instruments file"
    )]
    MissingTerms {
        /// Dataset.
        dataset: Dataset,
        /// Market.
        market: Market,
        /// Symbol.
        symbol: Symbol,
    },
}

/// What a parser must know about the instrument of a file.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Market.
    pub market: Market,
    /// Symbol the rows must name, where they name one.
    pub symbol: Symbol,
    /// Quote units per contract (coin-margined), where known.
    pub contract_value: Option<f64>,
}

impl Terms {
    /// Returns what parsers need of an instrument's key and, where known, its terms on the day of the file.
    pub fn new(market: Market, symbol: &Symbol, instrument: Option<&Instrument>) -> Self {
        let contract_value = instrument
            .map(|i| i.contract_value)
            .filter(|v| v.is_finite() && *v > 0.0);
        Self {
            market,
            symbol: symbol.clone(),
            contract_value,
        }
    }
}

/// Returns the parser of one file of a dataset.
///
/// # Errors
/// `FormatError::NoFormat` for a product the archive does not have; `FormatError::MissingTerms` if quantities are
/// contracts and the contract value is unknown.
pub fn parser(
    dataset: Dataset,
    terms: &Terms,
    options: ParseOptions,
) -> Result<Box<dyn RowParser>, FormatError> {
    let market = terms.market;
    let is_spot = market == Market::Spot;
    let inverse = market == Market::Cm;
    let contracts = if inverse { terms.contract_value } else { None };
    let needs_value = matches!(
        dataset,
        Dataset::AggTrades | Dataset::BookTicker | Dataset::Liquidations
    );
    if inverse && needs_value && contracts.is_none() {
        return Err(FormatError::MissingTerms {
            dataset,
            market,
            symbol: terms.symbol.clone(),
        });
    }
    let no_format = Err(FormatError::NoFormat { dataset, market });
    if !matches!(market, Market::Spot | Market::Um | Market::Cm) {
        return no_format;
    }
    Ok(match dataset {
        Dataset::Klines1m => boxed(
            KlineFormat {
                inverse,
                contract_value: contracts,
            },
            options,
        ),
        Dataset::AggTrades => boxed(
            AggTradeFormat {
                is_spot,
                contract_value: contracts,
            },
            options,
        ),
        Dataset::Trades => boxed(TradeFormat { is_spot, inverse }, options),
        _ if is_spot => return no_format,
        Dataset::BookTicker => boxed(
            BookTickerFormat {
                contract_value: contracts,
            },
            options,
        ),
        Dataset::DepthBands => boxed(BookDepthFormat, options),
        Dataset::MarkKlines => boxed(MarkFormat, options),
        Dataset::PremiumKlines => boxed(PremiumFormat, options),
        Dataset::IndexKlines => boxed(IndexFormat, options),
        Dataset::Metrics => boxed(
            MetricsFormat {
                inverse,
                contract_value: contracts,
                symbol: terms.symbol.as_str().to_owned(),
            },
            options,
        ),
        Dataset::Funding => boxed(FundingFormat, options),
        Dataset::Liquidations => match contracts {
            Some(contract_value) => boxed(LiquidationFormat { contract_value }, options),
            None => return no_format,
        },
        Dataset::L2Snapshots | Dataset::L2Deltas | Dataset::OpenInterest | Dataset::Instruments => {
            return no_format;
        }
    })
}

type Row<T> = Result<T, RowProblem>;

#[inline]
fn epoch(
    fields: &Fields<'_>,
    i: usize,
    column: &'static str,
    notes: &mut Notes,
) -> Row<(i64, EpochUnit)> {
    let expected = "13 digits (milliseconds) or 16 digits (microseconds)";
    let (ts, unit) = parse_epoch(fields.get(i)).ok_or(RowProblem::NotATime { column, expected })?;
    match unit {
        EpochUnit::Millis => notes.millis += 1,
        EpochUnit::Micros => notes.micros += 1,
    }
    Ok((ts, unit))
}

/// Counts a time under its unit.
#[inline]
fn note_unit(notes: &mut Notes, is_ms: bool) {
    notes.millis += u64::from(is_ms);
    notes.micros += u64::from(!is_ms);
}

fn text_time(fields: &Fields<'_>, i: usize, column: &'static str) -> Row<Ts> {
    let text = fields.get(i);
    if text.len() != 19 {
        return Err(RowProblem::NotATime {
            column,
            expected: "YYYY-MM-DD HH:MM:SS",
        });
    }
    parse_naive(text)
        .map(|ts| Ts(ts.0))
        .ok_or(RowProblem::NotATime {
            column,
            expected: "YYYY-MM-DD HH:MM:SS",
        })
}

#[inline]
fn aggressor(fields: &Fields<'_>, i: usize) -> Row<i8> {
    let maker = parse_flag(fields.get(i)).ok_or(RowProblem::UnknownName {
        column: "is_buyer_maker",
        expected: "true or false",
    })?;
    Ok(Side::from_is_buyer_maker(maker).sign())
}

fn starts_with_integer(fields: &Fields<'_>) -> bool {
    let first = fields.get(0);
    !first.is_empty() && first.iter().all(u8::is_ascii_digit)
}

fn starts_with_time(fields: &Fields<'_>) -> bool {
    parse_naive(fields.get(0)).is_some()
}

const KLINE_COLUMNS: [&str; 12] = [
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
];

/// Times and prices shared by all kline files.
struct Candle {
    ts_open: Ts,
    ts_close: Ts,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
}

fn candle(fields: &Fields<'_>, notes: &mut Notes, any_sign: bool) -> Row<Candle> {
    let (ts_open, _) = epoch(fields, 0, "open_time", notes)?;
    let (last, unit) = epoch(fields, 6, "close_time", &mut Notes::default())?;
    let price = if any_sign { number } else { positive };
    let (open, high) = (price(fields, 1, "open")?, price(fields, 2, "high")?);
    let (low, close) = (price(fields, 3, "low")?, price(fields, 4, "close")?);
    check_candle(open, high, low, close)?;
    // The vendor's close time is the last unit inside the interval; the lake's is exclusive.
    let ts_close = last + unit.micros();
    if ts_close <= ts_open || ts_close > ts_open + MICROS_PER_MINUTE {
        return Err(RowProblem::EmptyInterval);
    }
    Ok(Candle {
        ts_open: Ts(ts_open),
        ts_close: Ts(ts_close),
        open,
        high,
        low,
        close,
    })
}

struct KlineFormat {
    inverse: bool,
    contract_value: Option<f64>,
}

impl RowFormat for KlineFormat {
    type Record = Kline;

    fn name(&self) -> &'static str {
        "Binance klines"
    }
    fn columns(&self) -> Vec<&str> {
        KLINE_COLUMNS.to_vec()
    }
    fn is_data(&self, fields: &Fields<'_>) -> bool {
        starts_with_integer(fields)
    }
    fn parse(&mut self, fields: &Fields<'_>, notes: &mut Notes) -> Row<Kline> {
        let Candle {
            ts_open,
            ts_close,
            open,
            high,
            low,
            close,
        } = candle(fields, notes, false)?;
        let volume = not_negative(fields, 5, "volume")?;
        let quote = not_negative(fields, 7, "quote_volume")?;
        let n_trades = Some(count(fields, 8, "count")?);
        let taker = not_negative(fields, 9, "taker_buy_volume")?;
        let taker_quote = not_negative(fields, 10, "taker_buy_quote_volume")?;
        let row = Kline {
            ts_open,
            ts_close,
            open,
            high,
            low,
            close,
            volume,
            volume_raw: None,
            quote_volume: Some(quote),
            n_trades,
            taker_buy_volume: Some(taker),
            taker_buy_quote_volume: Some(taker_quote),
        };
        if !self.inverse {
            return Ok(row);
        }
        // Coin-margined: `volume` counts contracts of a fixed quote value, the quote column is the base volume.
        Ok(Kline {
            volume: quote,
            volume_raw: Some(volume),
            quote_volume: self.contract_value.map(|value| volume * value),
            taker_buy_volume: Some(taker_quote),
            taker_buy_quote_volume: self.contract_value.map(|value| taker * value),
            ..row
        })
    }
}

macro_rules! reference_format {
    ($format:ident, $record:ident, $name:literal, $any_sign:literal) => {
        struct $format;

        impl RowFormat for $format {
            type Record = $record;

            fn name(&self) -> &'static str {
                $name
            }
            fn columns(&self) -> Vec<&str> {
                KLINE_COLUMNS.to_vec()
            }
            fn is_data(&self, fields: &Fields<'_>) -> bool {
                starts_with_integer(fields)
            }
            fn parse(&mut self, fields: &Fields<'_>, notes: &mut Notes) -> Row<$record> {
                let Candle {
                    ts_open,
                    ts_close,
                    open,
                    high,
                    low,
                    close,
                } = candle(fields, notes, $any_sign)?;
                let n_ticks = Some(count(fields, 8, "count")?);
                Ok($record {
                    ts_open,
                    ts_close,
                    open,
                    high,
                    low,
                    close,
                    n_ticks,
                })
            }
        }
    };
}
reference_format!(MarkFormat, MarkKline, "Binance markPriceKlines", false);
reference_format!(
    PremiumFormat,
    PremiumKline,
    "Binance premiumIndexKlines",
    true
);
reference_format!(IndexFormat, IndexKline, "Binance indexPriceKlines", false);

/// Returns base units of a contract count.
#[inline]
fn to_base(qty: f64, price: f64, contract_value: Option<f64>) -> (f64, Option<f64>) {
    match contract_value {
        Some(value) => (qty * value / price, Some(qty)),
        None => (qty, None),
    }
}

struct AggTradeFormat {
    is_spot: bool,
    contract_value: Option<f64>,
}

impl RowFormat for AggTradeFormat {
    type Record = AggTrade;

    fn name(&self) -> &'static str {
        if self.is_spot {
            "Binance spot aggTrades"
        } else {
            "Binance futures aggTrades"
        }
    }
    fn columns(&self) -> Vec<&str> {
        if self.is_spot {
            vec![
                "agg_id",
                "price",
                "qty",
                "first_id",
                "last_id",
                "time",
                "is_buyer_maker",
                "is_best_match",
            ]
        } else {
            vec![
                "agg_trade_id",
                "price",
                "quantity",
                "first_trade_id",
                "last_trade_id",
                "transact_time",
                "is_buyer_maker",
            ]
        }
    }
    fn is_data(&self, fields: &Fields<'_>) -> bool {
        starts_with_integer(fields)
    }
    #[inline]
    fn parse(&mut self, fields: &Fields<'_>, notes: &mut Notes) -> Row<AggTrade> {
        let (ts, _) = epoch(fields, 5, "transact_time", notes)?;
        let price = positive(fields, 1, "price")?;
        let (qty, qty_raw) = to_base(positive(fields, 2, "quantity")?, price, self.contract_value);
        Ok(AggTrade {
            late: None,
            ts_event: Ts(ts),
            ts_recv: None,
            trade_id: count(fields, 0, "agg_trade_id")?,
            price,
            qty,
            qty_raw,
            aggressor: aggressor(fields, 6)?,
            first_id: count(fields, 3, "first_trade_id")?,
            last_id: count(fields, 4, "last_trade_id")?,
        })
    }
    #[inline]
    fn plain(&mut self, text: &[u8], notes: &mut Notes) -> Option<(AggTrade, usize)> {
        if self.is_spot {
            return None;
        }
        let mut line = PlainLine::new(text);
        let (trade_id, _) = line.digits()?;
        let price = line.positive()?;
        let (qty, qty_raw) = to_base(line.positive()?, price, self.contract_value);
        let ((first_id, _), (last_id, _)) = (line.digits()?, line.digits()?);
        let (ts, is_ms) = line.epoch()?;
        let (maker, len) = line.last_flag()?;
        note_unit(notes, is_ms);
        let row = AggTrade {
            late: None,
            ts_event: Ts(ts),
            ts_recv: None,
            trade_id,
            price,
            qty,
            qty_raw,
            aggressor: Side::from_is_buyer_maker(maker).sign(),
            first_id,
            last_id,
        };
        Some((row, len))
    }
}

struct TradeFormat {
    is_spot: bool,
    inverse: bool,
}

impl RowFormat for TradeFormat {
    type Record = TradeRow;

    fn name(&self) -> &'static str {
        match (self.is_spot, self.inverse) {
            (true, _) => "Binance spot trades",
            (false, true) => "Binance coin-margined trades",
            (false, false) => "Binance USD-margined trades",
        }
    }
    fn columns(&self) -> Vec<&str> {
        if self.is_spot {
            vec![
                "id",
                "price",
                "qty",
                "quote_qty",
                "time",
                "is_buyer_maker",
                "is_best_match",
            ]
        } else if self.inverse {
            vec!["id", "price", "qty", "base_qty", "time", "is_buyer_maker"]
        } else {
            vec!["id", "price", "qty", "quote_qty", "time", "is_buyer_maker"]
        }
    }
    fn is_data(&self, fields: &Fields<'_>) -> bool {
        starts_with_integer(fields)
    }
    #[inline]
    fn parse(&mut self, fields: &Fields<'_>, notes: &mut Notes) -> Row<TradeRow> {
        let (ts, _) = epoch(fields, 4, "time", notes)?;
        let sent = positive(fields, 2, "qty")?;
        let (qty, qty_raw) = if self.inverse {
            (positive(fields, 3, "base_qty")?, Some(sent))
        } else {
            (sent, None)
        };
        Ok(TradeRow {
            late: None,
            ts_event: Ts(ts),
            ts_recv: None,
            trade_id: count(fields, 0, "id")?,
            price: positive(fields, 1, "price")?,
            qty,
            qty_raw,
            aggressor: aggressor(fields, 5)?,
        })
    }
    #[inline]
    fn plain(&mut self, text: &[u8], notes: &mut Notes) -> Option<(TradeRow, usize)> {
        if self.is_spot || self.inverse {
            return None;
        }
        let mut line = PlainLine::new(text);
        let (trade_id, _) = line.digits()?;
        let (price, qty) = (line.positive()?, line.positive()?);
        // The quote quantity is not kept.
        line.decimal()?;
        let (ts, is_ms) = line.epoch()?;
        let (maker, len) = line.last_flag()?;
        note_unit(notes, is_ms);
        let row = TradeRow {
            late: None,
            ts_event: Ts(ts),
            ts_recv: None,
            trade_id,
            price,
            qty,
            qty_raw: None,
            aggressor: Side::from_is_buyer_maker(maker).sign(),
        };
        Some((row, len))
    }
}

struct BookTickerFormat {
    contract_value: Option<f64>,
}

impl RowFormat for BookTickerFormat {
    type Record = BookTickerRow;

    fn name(&self) -> &'static str {
        "Binance bookTicker"
    }
    fn columns(&self) -> Vec<&str> {
        vec![
            "update_id",
            "best_bid_price",
            "best_bid_qty",
            "best_ask_price",
            "best_ask_qty",
            "transaction_time",
            "event_time",
        ]
    }
    fn is_data(&self, fields: &Fields<'_>) -> bool {
        starts_with_integer(fields)
    }
    #[inline]
    fn parse(&mut self, fields: &Fields<'_>, notes: &mut Notes) -> Row<BookTickerRow> {
        let (ts, _) = epoch(fields, 5, "transaction_time", notes)?;
        let (gateway, _) = epoch(fields, 6, "event_time", &mut Notes::default())?;
        let level = |at: usize, px, qty| {
            quote_sides::side(
                price_or_none(fields, at, px)?,
                not_negative(fields, at + 1, qty)?,
                qty,
                |qty, px| to_base(qty, px, self.contract_value).0,
            )
        };
        let (bid_px, bid_qty) = level(1, "best_bid_price", "best_bid_qty")?;
        let (ask_px, ask_qty) = level(3, "best_ask_price", "best_ask_qty")?;
        Ok(BookTickerRow {
            late: None,
            ts_event: Ts(ts),
            ts_recv: None,
            ts_gateway: Some(Ts(gateway)),
            ts_inferred: None,
            update_id: count(fields, 0, "update_id")?,
            bid_px,
            bid_qty,
            ask_px,
            ask_qty,
        })
    }
}

struct BookDepthFormat;

impl RowFormat for BookDepthFormat {
    type Record = DepthBandRow;

    fn name(&self) -> &'static str {
        "Binance bookDepth"
    }
    fn columns(&self) -> Vec<&str> {
        vec!["timestamp", "percentage", "depth", "notional"]
    }
    fn is_data(&self, fields: &Fields<'_>) -> bool {
        starts_with_time(fields)
    }
    fn parse(&mut self, fields: &Fields<'_>, _: &mut Notes) -> Row<DepthBandRow> {
        Ok(DepthBandRow {
            ts_event: text_time(fields, 0, "timestamp")?,
            percentage: number(fields, 1, "percentage")?,
            depth: not_negative(fields, 2, "depth")?,
            notional: not_negative(fields, 3, "notional")?,
        })
    }
}

struct MetricsFormat {
    inverse: bool,
    contract_value: Option<f64>,
    symbol: String,
}

impl MetricsFormat {
    fn optional(fields: &Fields<'_>, i: usize, column: &'static str) -> Row<Option<f64>> {
        if fields.get(i).is_empty() {
            Ok(None)
        } else {
            not_negative(fields, i, column).map(Some)
        }
    }
}

impl RowFormat for MetricsFormat {
    type Record = MetricsRow;

    fn name(&self) -> &'static str {
        "Binance metrics"
    }
    fn columns(&self) -> Vec<&str> {
        vec![
            "create_time",
            "symbol",
            "sum_open_interest",
            "sum_open_interest_value",
            "count_toptrader_long_short_ratio",
            "sum_toptrader_long_short_ratio",
            "count_long_short_ratio",
            "sum_taker_long_short_vol_ratio",
        ]
    }
    fn is_data(&self, fields: &Fields<'_>) -> bool {
        starts_with_time(fields)
    }
    fn parse(&mut self, fields: &Fields<'_>, _: &mut Notes) -> Row<MetricsRow> {
        let ts_event = text_time(fields, 0, "create_time")?;
        if fields.get(1) != self.symbol.as_bytes() {
            return Err(RowProblem::OtherSymbol {
                expected: self.symbol.clone(),
            });
        }
        let sent = Self::optional(fields, 2, "sum_open_interest")?;
        let value = Self::optional(fields, 3, "sum_open_interest_value")?;
        // Coin-margined: the first counts contracts, the second is in the base coin.
        let (open_interest, open_interest_notional) = if self.inverse {
            (
                value,
                sent.zip(self.contract_value)
                    .map(|(contracts, worth)| contracts * worth),
            )
        } else {
            (sent, value)
        };
        Ok(MetricsRow {
            ts_event,
            open_interest,
            open_interest_notional,
            toptrader_account_ls_ratio: Self::optional(
                fields,
                4,
                "count_toptrader_long_short_ratio",
            )?,
            toptrader_position_ls_ratio: Self::optional(
                fields,
                5,
                "sum_toptrader_long_short_ratio",
            )?,
            account_ls_ratio: Self::optional(fields, 6, "count_long_short_ratio")?,
            taker_ls_volume_ratio: Self::optional(fields, 7, "sum_taker_long_short_vol_ratio")?,
        })
    }
}

struct FundingFormat;

impl RowFormat for FundingFormat {
    type Record = FundingRow;

    fn name(&self) -> &'static str {
        "Binance fundingRate"
    }
    fn columns(&self) -> Vec<&str> {
        vec!["calc_time", "funding_interval_hours", "last_funding_rate"]
    }
    fn is_data(&self, fields: &Fields<'_>) -> bool {
        starts_with_integer(fields)
    }
    fn parse(&mut self, fields: &Fields<'_>, notes: &mut Notes) -> Row<FundingRow> {
        // The venue settles some milliseconds after the hour; the jitter is kept.
        let (ts, _) = epoch(fields, 0, "calc_time", notes)?;
        let hours = count(fields, 1, "funding_interval_hours")?;
        let column = "funding_interval_hours";
        if !(1..=24).contains(&hours) {
            return Err(RowProblem::UnknownName {
                column,
                expected: "1 to 24 hours",
            });
        }
        Ok(FundingRow {
            ts_event: Ts(ts),
            rate: number(fields, 2, "last_funding_rate")?,
            interval_h: i32::try_from(hours).ok(),
            mark_price: None,
        })
    }
}

struct LiquidationFormat {
    contract_value: f64,
}

impl RowFormat for LiquidationFormat {
    type Record = LiquidationRow;

    fn name(&self) -> &'static str {
        "Binance liquidationSnapshot"
    }
    fn columns(&self) -> Vec<&str> {
        vec![
            "time",
            "side",
            "order_type",
            "time_in_force",
            "original_quantity",
            "price",
            "average_price",
            "order_status",
            "last_fill_quantity",
            "accumulated_fill_quantity",
        ]
    }
    fn is_data(&self, fields: &Fields<'_>) -> bool {
        starts_with_integer(fields)
    }
    fn parse(&mut self, fields: &Fields<'_>, notes: &mut Notes) -> Row<LiquidationRow> {
        let (ts, _) = epoch(fields, 0, "time", notes)?;
        let side = match fields.get(1) {
            b"BUY" => Side::Buy.sign(),
            b"SELL" => Side::Sell.sign(),
            _ => {
                return Err(RowProblem::UnknownName {
                    column: "side",
                    expected: "BUY or SELL",
                });
            }
        };
        let contracts = positive(fields, 4, "original_quantity")?;
        let price = positive(fields, 5, "price")?;
        let average = not_negative(fields, 6, "average_price")?;
        let average_price = (average > 0.0).then_some(average);
        Ok(LiquidationRow {
            ts_event: Ts(ts),
            side,
            price,
            average_price,
            qty: contracts * self.contract_value / average_price.unwrap_or(price),
            qty_raw: Some(contracts),
            occurrence: 0,
        })
    }
}
