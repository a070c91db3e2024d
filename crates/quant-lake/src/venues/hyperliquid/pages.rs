//! Pages of Hyperliquid's `POST /info`: `candleSnapshot`, `fundingHistory`, `metaAndAssetCtxs`, `meta`.
//!
//! Quantities are coins. Open interest is the current value only and is stamped with the time it was received.

use quant_core::market::{Instrument, InstrumentKey};
use quant_core::time::{MICROS_PER_MINUTE, UnixMicros};
use serde_json::Value;

use crate::schema::Dataset;
use crate::venues::pages::{
    Page, PageError, PageFormat, count, json, list, millis, not_negative, number, positive,
    same_symbol, shape,
};
use crate::venues::records::{FundingRow, Kline, OpenInterestRow, Ts};
use crate::venues::row_values::check_candle;
use crate::venues::rows::RowProblem;

/// Version of these parsers.
pub const PAGES_VERSION: &str = "hyperliquid-rest-1";

/// A dataset of one coin, as pages show it.
#[derive(Clone, Debug, PartialEq)]
pub struct HyperliquidPages {
    /// Dataset: klines, funding or open interest.
    pub dataset: Dataset,
    /// The venue's coin, e.g. `BTC`.
    pub coin: String,
    /// Bars that close later are left out.
    pub closed_before: UnixMicros,
}

impl HyperliquidPages {
    /// Returns the datasets that pages can hold.
    pub const DATASETS: [Dataset; 3] = [Dataset::Klines1m, Dataset::Funding, Dataset::OpenInterest];

    fn kline(&self, item: &Value) -> Result<(Kline, bool), RowProblem> {
        same_symbol(item, "s", &self.coin)?;
        let (ts_open, last) = (millis(&item["t"], "t")?, millis(&item["T"], "T")?);
        let (open, high) = (positive(&item["o"], "o")?, positive(&item["h"], "h")?);
        let (low, close) = (positive(&item["l"], "l")?, positive(&item["c"], "c")?);
        check_candle(open, high, low, close)?;
        let ts_close = Ts(last.0 + 1_000);
        if ts_close.0 <= ts_open.0 || ts_close.0 > ts_open.0 + MICROS_PER_MINUTE {
            return Err(RowProblem::EmptyInterval);
        }
        let kline = Kline {
            ts_open,
            ts_close,
            open,
            high,
            low,
            close,
            volume: not_negative(&item["v"], "v")?,
            volume_raw: None,
            quote_volume: None,
            n_trades: Some(count(&item["n"], "n")?),
            taker_buy_volume: None,
            taker_buy_quote_volume: None,
        };
        Ok((kline, ts_close.0 <= self.closed_before.0))
    }

    fn funding(&self, item: &Value) -> Result<(FundingRow, bool), RowProblem> {
        same_symbol(item, "coin", &self.coin)?;
        let row = FundingRow {
            ts_event: millis(&item["time"], "time")?,
            rate: number(&item["fundingRate"], "fundingRate")?,
            // The venue settles every hour.
            interval_h: Some(1),
            mark_price: None,
        };
        Ok((row, true))
    }

    /// Finds the coin in the universe, then its context at the same place.
    fn context(&self, body: &[u8], received_us: Option<i64>) -> Result<Page, PageError> {
        const ROUTE: &str = "metaAndAssetCtxs";
        let value = json(body, ROUTE)?;
        let universe = list(&value[0]["universe"], ROUTE, body)?;
        let contexts = list(&value[1], ROUTE, body)?;
        if universe.len() != contexts.len() {
            return Err(shape(ROUTE, "one context per coin", body));
        }
        let place = universe.iter().position(|c| c["name"] == *self.coin);
        let (Some(place), Some(received)) = (place, received_us) else {
            return Err(shape(ROUTE, "the coin, and a time of receipt", body));
        };
        Ok(Page::read(&contexts[place..=place], |item| {
            let open_interest = not_negative(&item["openInterest"], "openInterest")?;
            let mark = positive(&item["markPx"], "markPx").ok();
            let row = OpenInterestRow {
                ts_event: Ts(received),
                ts_published: Some(Ts(received)),
                open_interest,
                notional: mark.map(|mark| open_interest * mark),
            };
            Ok((row, true))
        }))
    }
}

impl PageFormat for HyperliquidPages {
    fn dataset(&self) -> Dataset {
        self.dataset
    }

    fn page(&mut self, body: &[u8], received_us: Option<i64>) -> Result<Page, PageError> {
        let route = match self.dataset {
            Dataset::Klines1m => "candleSnapshot",
            Dataset::Funding => "fundingHistory",
            _ => return self.context(body, received_us),
        };
        let value = json(body, route)?;
        let items = list(&value, route, body)?;
        Ok(match self.dataset {
            Dataset::Klines1m => Page::read(items, |item| self.kline(item)),
            _ => Page::read(items, |item| self.funding(item)),
        })
    }
}

/// Reads the venue's clock out of an `l2Book`, the only answer that tells one: the time of its latest block.
///
/// # Errors
/// `Shape`, also for a coin that is not listed, whose book is `null`.
pub fn server_time(body: &[u8]) -> Result<UnixMicros, PageError> {
    const ROUTE: &str = "l2Book";
    let value = json(body, ROUTE)?;
    millis(&value["time"], "time")
        .map(|ts| UnixMicros(ts.0))
        .map_err(|_| shape(ROUTE, "the book of a listed coin, with its time", body))
}

/// Reads the terms of a coin out of `meta` (or `metaAndAssetCtxs`), from `at` on; `None` if it is not listed.
///
/// Quantities have `szDecimals` decimals. Prices have at most 5 significant digits and 6 - `szDecimals` decimals on
/// perpetuals: the finest step is the latter. Orders are worth 10 USD at least.
///
/// # Errors
/// `Shape`.
pub fn instrument(
    body: &[u8],
    key: &InstrumentKey,
    at: UnixMicros,
    fees_bps: (f64, f64),
) -> Result<Option<Instrument>, PageError> {
    const ROUTE: &str = "meta";
    let value = json(body, ROUTE)?;
    let universe = value.get("universe").unwrap_or(&value[0]["universe"]);
    let coin = list(universe, ROUTE, body)?
        .iter()
        .find(|c| c["name"] == key.symbol.as_str());
    let Some(coin) = coin else {
        return Ok(None);
    };
    let wrong = |expected| shape(ROUTE, expected, coin.to_string().as_bytes());
    let decimals = count(&coin["szDecimals"], "szDecimals")
        .ok()
        .and_then(|n| usize::try_from(n).ok())
        .filter(|n| *n <= 6)
        .ok_or_else(|| wrong("szDecimals from 0 to 6"))?;
    let step = |decimals: usize| {
        let text = match decimals {
            0 => "1".to_owned(),
            n => format!("0.{:0>n$}", 1),
        };
        text.parse().map_err(|_| wrong("a step"))
    };
    Ok(Some(Instrument {
        key: key.clone(),
        valid_from: at,
        valid_to: None,
        tick_size: step(6 - decimals)?,
        lot_size: step(decimals)?,
        min_notional: 10.0,
        contract_value: 1.0,
        inverse: false,
        funding_interval_h: Some(1),
        maker_bps: fees_bps.0,
        taker_bps: fees_bps.1,
        onboard: None,
        delist: None,
        source: "hyperliquid meta".to_owned(),
    }))
}

#[cfg(test)]
mod tests;
