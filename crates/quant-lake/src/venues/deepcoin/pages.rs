//! Pages of Deepcoin's REST API: recent candles and trades newest first, `handicap-*` history ascending in seconds, funding.
//!
//! Candles have no mark of being final and count contracts on swaps whatever the column is called. Historical trades have no
//! size: their rows carry quantity 0 and are good for prices only.

use quant_core::time::{MICROS_PER_MINUTE, UnixMicros};
use serde_json::Value;

use crate::schema::Dataset;
use crate::venues::contracts::QtyUnit;
pub use crate::venues::okx::pages::instrument;
use crate::venues::pages::{
    Page, PageError, PageFormat, cells, count, enveloped, integer, list, millis, not_negative,
    number, positive, same_symbol, seconds, shape,
};
use crate::venues::records::{FundingRow, Kline, TradeRow, Ts};
use crate::venues::row_values::check_candle;
use crate::venues::rows::RowProblem;

/// Version of these parsers.
pub const PAGES_VERSION: &str = "deepcoin-rest-2";

/// Which route the pages are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/market/candles`.
    Candles,
    /// `/market/trades`: the latest ones.
    Trades,
    /// `/market/handicap-trade`: history without sizes.
    OldTrades,
    /// `/market/handicap-kline1m`: history, volume in coins.
    OldKlines,
    /// `/trade/fund-rate/history`.
    Funding,
}

impl Route {
    const fn name(self) -> &'static str {
        match self {
            Self::Candles => "candles",
            Self::Trades => "trades",
            Self::OldTrades => "handicap-trade",
            Self::OldKlines => "handicap-kline1m",
            Self::Funding => "fund-rate/history",
        }
    }

    const fn is_nested(self) -> bool {
        matches!(self, Self::OldTrades | Self::OldKlines)
    }
}

/// A route of one instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct DeepcoinPages {
    /// The route.
    pub route: Route,
    /// The venue's instrument id.
    pub inst_id: String,
    /// What quantities of current pages count; historical pages count coins.
    pub unit: QtyUnit,
    /// Bars that close later are left out.
    pub closed_before: UnixMicros,
}

impl DeepcoinPages {
    fn kline(&self, item: &Value) -> Result<(Kline, bool), RowProblem> {
        let row = cells(item, 7)?;
        let is_old = self.route == Route::OldKlines;
        let ts_open = if is_old {
            seconds(&row[0], "ts")?
        } else {
            millis(&row[0], "ts")?
        };
        let (open, high) = (positive(&row[1], "o")?, positive(&row[2], "h")?);
        let (low, close) = (positive(&row[3], "l")?, positive(&row[4], "c")?);
        check_candle(open, high, low, close)?;
        let vol = not_negative(&row[5], "vol")?;
        let turnover = not_negative(&row[6], "turnover")?;
        let unit = if is_old { QtyUnit::Base } else { self.unit };
        let ts_close = Ts(ts_open.0 + MICROS_PER_MINUTE);
        let kline = Kline {
            ts_open,
            ts_close,
            open,
            high,
            low,
            close,
            // Inverse contracts are worth different coins at each price of the minute: the typical price stands for them.
            volume: unit.base(vol, (high + low + close) / 3.0),
            volume_raw: unit.raw(vol),
            quote_volume: Some(turnover),
            n_trades: None,
            taker_buy_volume: None,
            taker_buy_quote_volume: None,
        };
        Ok((kline, ts_close.0 <= self.closed_before.0))
    }

    fn trade(&self, item: &Value) -> Result<(TradeRow, bool), RowProblem> {
        let is_old = self.route == Route::OldTrades;
        let (id, price, side) = if is_old {
            ("trade_id", "price", "direction")
        } else {
            same_symbol(item, "instId", &self.inst_id)?;
            ("tradeId", "px", "side")
        };
        let aggressor = match item[side].as_str() {
            Some("buy" | "0") => 1,
            Some("sell" | "1") => -1,
            _ => {
                return Err(RowProblem::UnknownName {
                    column: "side",
                    expected: "buy or sell (0 or 1 in history)",
                });
            }
        };
        let price = positive(&item[price], "price")?;
        let size = if is_old {
            0.0
        } else {
            positive(&item["sz"], "sz")?
        };
        let unit = if is_old { QtyUnit::Base } else { self.unit };
        let row = TradeRow {
            ts_event: if is_old {
                seconds(&item["timestamp"], "timestamp")?
            } else {
                millis(&item["ts"], "ts")?
            },
            ts_recv: None,
            trade_id: count(&item[id], "trade_id")?,
            price,
            qty: unit.base(size, price),
            qty_raw: unit.raw(size),
            aggressor,
            late: None,
        };
        Ok((row, true))
    }
}

fn funding(item: &Value) -> Result<(FundingRow, bool), RowProblem> {
    // The venue writes hours into a field named seconds; older rows may hold seconds.
    let period = item
        .get("ratePeriodSec")
        .and_then(|v| integer(v, "ratePeriodSec").ok());
    let hours = match period {
        Some(hours @ 1..=24) => i32::try_from(hours).ok(),
        Some(s) if s % 3_600 == 0 && (1..=24).contains(&(s / 3_600)) => {
            i32::try_from(s / 3_600).ok()
        }
        _ => None,
    };
    let row = FundingRow {
        ts_event: seconds(&item["CreateTime"], "CreateTime")?,
        rate: number(&item["rate"], "rate")?,
        interval_h: hours,
        mark_price: None,
    };
    Ok((row, true))
}

impl PageFormat for DeepcoinPages {
    fn dataset(&self) -> Dataset {
        match self.route {
            Route::Candles | Route::OldKlines => Dataset::Klines1m,
            Route::Trades | Route::OldTrades => Dataset::Trades,
            Route::Funding => Dataset::Funding,
        }
    }

    fn page(&mut self, body: &[u8], _: Option<i64>) -> Result<Page, PageError> {
        let route = self.route.name();
        let data = enveloped(body, route)?;
        let rows = if self.route.is_nested() {
            if let Some(problem) = data["errmsg"].as_str().filter(|m| !m.is_empty()) {
                return Err(PageError::Venue {
                    route,
                    code: "errmsg".to_owned(),
                    msg: problem.to_owned(),
                });
            }
            &data["data"]
        } else if self.route == Route::Funding {
            &data["list"]
        } else {
            &data
        };
        let items = list(rows, route, body)?;
        let mut page = match self.route {
            Route::Candles | Route::OldKlines => Page::read(items, |item| self.kline(item)),
            Route::Trades | Route::OldTrades => Page::read(items, |item| self.trade(item)),
            Route::Funding => Page::read(items, funding),
        };
        if self.route.is_nested() {
            page.span.next = integer(&data["etime"], "etime").ok();
        }
        Ok(page)
    }
}

/// Reads the server's clock out of `/market/time`.
///
/// # Errors
/// `Shape`, `Venue`.
pub fn server_time(body: &[u8]) -> Result<UnixMicros, PageError> {
    let data = enveloped(body, "time")?;
    let row = data.get(0).unwrap_or(&data);
    ["ts", "time", "serverTime"]
        .iter()
        .find_map(|name| millis(row.get(*name)?, "ts").ok())
        .map(|ts| UnixMicros(ts.0))
        .ok_or_else(|| shape("time", "a time in milliseconds", body))
}

#[cfg(test)]
mod tests;
