//! One line of each file of the archive: columns, header text, decimals, time unit.

use quant_core::market::{Market, Side};
use quant_core::time::{MICROS_PER_MINUTE, TimeRange, UnixMicros};

use super::rows::{
    AggTradeRow, BookDepthRow, BookTickerRow, FundingRow, KlineRow, LiquidationRow, MetricsRow,
    ReferenceKlineRow, TradeRow,
};
use super::text::{Look, push_decimal, push_integer, push_naive};
use super::{ArchiveSpec, EncodeError, calendar};
use crate::venues::binance::{Period, VisionType};

/// Returns the header of a product, `\n` at its end.
///
/// Spot files have none, so theirs are the futures names with the eighth column; the name of the third number of
/// coin-margined trades follows the venue's README.
pub(super) const fn header_line(market: Market, kind: VisionType) -> &'static str {
    match (kind, market) {
        (VisionType::AggTrades, Market::Spot) => {
            "agg_id,price,qty,first_id,last_id,time,is_buyer_maker,is_best_match\n"
        }
        (VisionType::AggTrades, _) => {
            "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
        }
        (VisionType::Trades, Market::Spot) => {
            "id,price,qty,quote_qty,time,is_buyer_maker,is_best_match\n"
        }
        (VisionType::Trades, Market::Cm) => "id,price,qty,base_qty,time,is_buyer_maker\n",
        (VisionType::Trades, _) => "id,price,qty,quote_qty,time,is_buyer_maker\n",
        (
            VisionType::Klines
            | VisionType::MarkPriceKlines
            | VisionType::IndexPriceKlines
            | VisionType::PremiumIndexKlines,
            _,
        ) => {
            "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n"
        }
        (VisionType::BookTicker, _) => {
            "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n"
        }
        (VisionType::BookDepth, _) => "timestamp,percentage,depth,notional\n",
        (VisionType::Metrics, _) => {
            "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
        }
        (VisionType::FundingRate, _) => "calc_time,funding_interval_hours,last_funding_rate\n",
        (VisionType::LiquidationSnapshot, _) => {
            "time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,last_fill_quantity,accumulated_fill_quantity\n"
        }
    }
}

/// Everything about a file that its lines depend on.
#[derive(Debug)]
pub struct Form {
    range: TimeRange,
    period: Period,
    is_micros: bool,
    price: Look,
    qty: Look,
    /// Third number of a trade: quote currency, or coins.
    worth: Look,
    kline_price: Look,
    kline_volume: Look,
    kline_quote: Look,
    /// Last cells of a trade row by `is_buyer_maker`: spot adds `is_best_match`.
    taker: [&'static [u8]; 2],
    percent: Look,
    /// Zeros the open interest has behind its eight decimals.
    interest_zeros: &'static [u8],
    symbol: Vec<u8>,
}

impl Form {
    pub(super) fn of(spec: &ArchiveSpec<'_>) -> Self {
        let is_spot = spec.market == Market::Spot;
        let (first, end) = spec.period.days();
        let plain = if is_spot {
            Look::Fixed(8)
        } else {
            Look::Trimmed(8)
        };
        let (kline_price, kline_volume, kline_quote, worth) = match spec.decimals {
            _ if is_spot => (plain, plain, plain, plain),
            Some(d) if spec.market == Market::Cm => (
                Look::Fixed(d.price),
                Look::Fixed(d.qty),
                Look::Fixed(8),
                plain,
            ),
            // A product has as many decimals as both factors together: 21273110.50730 with 2 and 3.
            Some(d) => (
                Look::Fixed(d.price),
                Look::Fixed(d.qty),
                Look::Fixed(d.price + d.qty),
                Look::Trimmed(d.price + d.qty),
            ),
            None => (plain, plain, plain, plain),
        };
        let padded = spec.padded_percent;
        let padded = padded.unwrap_or(first >= calendar::PADDED_PERCENT_FROM);
        Self {
            range: TimeRange {
                start: first.start(),
                end: end.start(),
            },
            period: spec.period,
            is_micros: is_spot && first >= calendar::SPOT_MICROS_FROM,
            price: plain,
            qty: plain,
            worth,
            kline_price,
            kline_volume,
            kline_quote,
            taker: if is_spot {
                [b"False,True\n", b"True,True\n"]
            } else {
                [b"false\n", b"true\n"]
            },
            percent: if padded {
                Look::Fixed(2)
            } else {
                Look::Trimmed(2)
            },
            interest_zeros: if spec.market == Market::Um {
                b"00000000"
            } else {
                b""
            },
            symbol: spec.symbol.as_str().as_bytes().to_vec(),
        }
    }
}

/// A row type of the archive. Implemented by the types of this module's siblings only.
pub trait ArchiveRow {
    /// Products made of such rows.
    const KINDS: &'static [VisionType];
    /// Its name, for messages.
    const NAME: &'static str;

    /// Appends the line of this row, number `row` of the file.
    ///
    /// # Errors
    /// `BadNumber`, `RowOutsidePeriod`, `NotAMinute`; `out` may then hold a part of the line.
    fn push(&self, form: &Form, row: u64, out: &mut Vec<u8>) -> Result<(), EncodeError>;
}

/// The line under construction.
struct Line<'a> {
    form: &'a Form,
    row: u64,
    out: &'a mut Vec<u8>,
}

type Done = Result<(), EncodeError>;

impl Line<'_> {
    #[inline]
    fn integer(&mut self, value: i64) {
        push_integer(self.out, value);
        self.out.push(b',');
    }

    /// A number of either sign.
    #[inline]
    fn any(&mut self, column: &'static str, value: f64, look: Look) -> Done {
        if !value.is_finite() {
            return Err(self.bad(column, value));
        }
        push_decimal(self.out, value, look);
        self.out.push(b',');
        Ok(())
    }

    /// A number that is not negative.
    #[inline]
    fn number(&mut self, column: &'static str, value: f64, look: Look) -> Done {
        if value < 0.0 {
            return Err(self.bad(column, value));
        }
        self.any(column, value, look)
    }

    #[cold]
    fn bad(&self, column: &'static str, value: f64) -> EncodeError {
        EncodeError::BadNumber {
            row: self.row,
            column,
            value,
        }
    }

    #[inline]
    fn inside(&self, ts_us: i64) -> Done {
        if self.form.range.contains(UnixMicros(ts_us)) {
            return Ok(());
        }
        Err(EncodeError::RowOutsidePeriod {
            row: self.row,
            ts_us,
            period: self.form.period,
        })
    }

    /// The time that decides where a row belongs.
    #[inline]
    fn time(&mut self, ts_us: i64) -> Done {
        self.inside(ts_us)?;
        self.other_time(ts_us);
        Ok(())
    }

    #[inline]
    fn other_time(&mut self, ts_us: i64) {
        self.integer(if self.form.is_micros {
            ts_us
        } else {
            ts_us.div_euclid(1_000)
        });
    }

    fn naive(&mut self, ts_us: i64) -> Done {
        self.inside(ts_us)?;
        push_naive(self.out, ts_us);
        self.out.push(b',');
        Ok(())
    }

    fn open(&mut self, open_us: i64) -> Done {
        if open_us.rem_euclid(MICROS_PER_MINUTE) != 0 {
            return Err(EncodeError::NotAMinute {
                row: self.row,
                ts_us: open_us,
            });
        }
        self.time(open_us)
    }

    /// One unit before the next open: ...999 ms or ...999999 us.
    fn close(&mut self, open_us: i64) {
        self.other_time(open_us + MICROS_PER_MINUTE - 1);
    }

    #[inline]
    fn taker(&mut self, is_buyer_maker: bool) {
        self.raw(self.form.taker[usize::from(is_buyer_maker)]);
    }

    #[inline]
    fn raw(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    /// Ends the line in place of the comma behind the last cell.
    #[inline]
    fn end(&mut self) {
        if let Some(last) = self.out.last_mut() {
            *last = b'\n';
        }
    }
}

impl ArchiveRow for AggTradeRow {
    const KINDS: &'static [VisionType] = &[VisionType::AggTrades];
    const NAME: &'static str = "AggTradeRow";

    #[inline]
    fn push(&self, form: &Form, row: u64, out: &mut Vec<u8>) -> Done {
        let mut line = Line { form, row, out };
        line.integer(self.agg_id);
        line.number("price", self.price, line.form.price)?;
        line.number("qty", self.qty, line.form.qty)?;
        line.integer(self.first_id);
        line.integer(self.last_id);
        line.time(self.ts_us)?;
        line.taker(self.is_buyer_maker);
        Ok(())
    }
}

impl ArchiveRow for TradeRow {
    const KINDS: &'static [VisionType] = &[VisionType::Trades];
    const NAME: &'static str = "TradeRow";

    #[inline]
    fn push(&self, form: &Form, row: u64, out: &mut Vec<u8>) -> Done {
        let mut line = Line { form, row, out };
        line.integer(self.id);
        line.number("price", self.price, line.form.price)?;
        line.number("qty", self.qty, line.form.qty)?;
        line.number("quote_qty", self.quote_qty, line.form.worth)?;
        line.time(self.ts_us)?;
        line.taker(self.is_buyer_maker);
        Ok(())
    }
}

impl ArchiveRow for KlineRow {
    const KINDS: &'static [VisionType] = &[VisionType::Klines];
    const NAME: &'static str = "KlineRow";

    fn push(&self, form: &Form, row: u64, out: &mut Vec<u8>) -> Done {
        let mut line = Line { form, row, out };
        let (price, volume, quote) = (
            line.form.kline_price,
            line.form.kline_volume,
            line.form.kline_quote,
        );
        line.open(self.open_us)?;
        line.number("open", self.open, price)?;
        line.number("high", self.high, price)?;
        line.number("low", self.low, price)?;
        line.number("close", self.close, price)?;
        line.number("volume", self.volume, volume)?;
        line.close(self.open_us);
        line.number("quote_volume", self.quote_volume, quote)?;
        line.integer(self.n_trades);
        line.number("taker_buy_volume", self.taker_buy_volume, volume)?;
        line.number("taker_buy_quote_volume", self.taker_buy_quote_volume, quote)?;
        line.raw(b"0\n");
        Ok(())
    }
}

impl ArchiveRow for ReferenceKlineRow {
    const KINDS: &'static [VisionType] = &[
        VisionType::MarkPriceKlines,
        VisionType::IndexPriceKlines,
        VisionType::PremiumIndexKlines,
    ];
    const NAME: &'static str = "ReferenceKlineRow";

    fn push(&self, form: &Form, row: u64, out: &mut Vec<u8>) -> Done {
        let mut line = Line { form, row, out };
        line.open(self.open_us)?;
        line.any("open", self.open, Look::Fixed(8))?;
        line.any("high", self.high, Look::Fixed(8))?;
        line.any("low", self.low, Look::Fixed(8))?;
        line.any("close", self.close, Look::Fixed(8))?;
        line.raw(b"0,");
        line.close(self.open_us);
        line.raw(b"0,");
        line.integer(self.n_ticks);
        line.raw(b"0,0,0\n");
        Ok(())
    }
}

impl ArchiveRow for BookTickerRow {
    const KINDS: &'static [VisionType] = &[VisionType::BookTicker];
    const NAME: &'static str = "BookTickerRow";

    #[inline]
    fn push(&self, form: &Form, row: u64, out: &mut Vec<u8>) -> Done {
        let mut line = Line { form, row, out };
        line.integer(self.update_id);
        line.number("bid_px", self.bid_px, Look::Fixed(8))?;
        line.number("bid_qty", self.bid_qty, Look::Fixed(8))?;
        line.number("ask_px", self.ask_px, Look::Fixed(8))?;
        line.number("ask_qty", self.ask_qty, Look::Fixed(8))?;
        line.time(self.transaction_us)?;
        line.other_time(self.event_us);
        line.end();
        Ok(())
    }
}

impl ArchiveRow for BookDepthRow {
    const KINDS: &'static [VisionType] = &[VisionType::BookDepth];
    const NAME: &'static str = "BookDepthRow";

    fn push(&self, form: &Form, row: u64, out: &mut Vec<u8>) -> Done {
        let mut line = Line { form, row, out };
        line.naive(self.ts_us)?;
        line.any("percentage", self.percentage, line.form.percent)?;
        line.number("depth", self.depth, Look::Fixed(8))?;
        line.number("notional", self.notional, Look::Fixed(8))?;
        line.end();
        Ok(())
    }
}

impl ArchiveRow for MetricsRow {
    const KINDS: &'static [VisionType] = &[VisionType::Metrics];
    const NAME: &'static str = "MetricsRow";

    fn push(&self, form: &Form, row: u64, out: &mut Vec<u8>) -> Done {
        let mut line = Line { form, row, out };
        line.naive(self.ts_us)?;
        line.raw(&line.form.symbol);
        line.raw(b",");
        let zeros = line.form.interest_zeros;
        for (column, value, zeros) in [
            ("open_interest", self.open_interest, zeros),
            ("open_interest_value", self.open_interest_value, zeros),
            ("toptrader_account_ratio", self.toptrader_account_ratio, b""),
            (
                "toptrader_position_ratio",
                self.toptrader_position_ratio,
                b"",
            ),
            ("account_ratio", self.account_ratio, b""),
            ("taker_ratio", self.taker_ratio, b""),
        ] {
            if let Some(value) = value {
                line.number(column, value, Look::Fixed(8))?;
                // Between the number and its comma.
                line.out.pop();
                line.raw(zeros);
            } else {
                line.raw(b"\"\"");
            }
            line.raw(b",");
        }
        line.end();
        Ok(())
    }
}

impl ArchiveRow for FundingRow {
    const KINDS: &'static [VisionType] = &[VisionType::FundingRate];
    const NAME: &'static str = "FundingRow";

    fn push(&self, form: &Form, row: u64, out: &mut Vec<u8>) -> Done {
        let mut line = Line { form, row, out };
        line.time(self.ts_us)?;
        line.integer(i64::from(self.interval_h));
        line.any("rate", self.rate, Look::Fixed(8))?;
        line.end();
        Ok(())
    }
}

impl ArchiveRow for LiquidationRow {
    const KINDS: &'static [VisionType] = &[VisionType::LiquidationSnapshot];
    const NAME: &'static str = "LiquidationRow";

    fn push(&self, form: &Form, row: u64, out: &mut Vec<u8>) -> Done {
        let mut line = Line { form, row, out };
        line.time(self.ts_us)?;
        line.raw(match self.side {
            Side::Buy => b"BUY,LIMIT,IOC,",
            Side::Sell => b"SELL,LIMIT,IOC,",
        });
        line.number("qty", self.qty, line.form.qty)?;
        line.number("price", self.price, line.form.price)?;
        line.number("average_price", self.average_price, line.form.price)?;
        line.raw(b"FILLED,");
        line.number("last_qty", self.last_qty, line.form.qty)?;
        line.number("filled_qty", self.filled_qty, line.form.qty)?;
        line.end();
        Ok(())
    }
}
