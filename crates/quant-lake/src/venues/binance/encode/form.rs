//! What the lines of a file depend on: its header text, decimals, time unit and days.

use quant_core::market::Market;
use quant_core::time::TimeRange;

use super::text::Look;
use super::{ArchiveSpec, calendar};
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
    pub(super) range: TimeRange,
    pub(super) period: Period,
    pub(super) is_micros: bool,
    pub(super) price: Look,
    pub(super) qty: Look,
    /// Third number of a trade: quote currency, or coins.
    pub(super) worth: Look,
    pub(super) kline_price: Look,
    pub(super) kline_volume: Look,
    pub(super) kline_quote: Look,
    /// Last cells of a trade row by `is_buyer_maker`: spot adds `is_best_match`.
    pub(super) taker: [&'static [u8]; 2],
    pub(super) percent: Look,
    /// Zeros the open interest has behind its eight decimals.
    pub(super) interest_zeros: &'static [u8],
    pub(super) symbol: Vec<u8>,
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
                Look::Fixed(d.price.saturating_add(d.qty)),
                Look::Trimmed(d.price.saturating_add(d.qty)),
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
