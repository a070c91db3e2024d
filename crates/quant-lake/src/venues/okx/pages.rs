//! Pages of OKX's REST API v5: candles, trades and funding newest first; quantities of derivatives count contracts.

use quant_core::market::{Instrument, InstrumentKey, Market};
use quant_core::time::{MICROS_PER_MINUTE, UnixMicros};
use serde_json::Value;

use crate::schema::Dataset;
use crate::venues::contracts::QtyUnit;
use crate::venues::pages::{
    Page, PageError, PageFormat, Rows, cells, count, enveloped, integer, list, millis,
    not_negative, number, positive, same_symbol, set_intervals, shape,
};
use crate::venues::records::{FundingRow, Kline, TradeRow, Ts};
use crate::venues::row_values::check_candle;
use crate::venues::rows::RowProblem;

/// Version of these parsers.
pub const PAGES_VERSION: &str = "okx-rest-2";

/// A dataset of one instrument, as pages show it.
#[derive(Clone, Debug, PartialEq)]
pub struct OkxPages {
    /// Dataset: klines, trades or funding.
    pub dataset: Dataset,
    /// The venue's instrument id.
    pub inst_id: String,
    /// What quantities count.
    pub unit: QtyUnit,
}

impl OkxPages {
    /// Returns the datasets that pages can hold.
    pub const DATASETS: [Dataset; 3] = [Dataset::Klines1m, Dataset::Trades, Dataset::Funding];

    fn kline(&self, item: &Value) -> Result<(Kline, bool), RowProblem> {
        let row = cells(item, 9)?;
        let ts_open = millis(&row[0], "ts")?;
        let (open, high) = (positive(&row[1], "o")?, positive(&row[2], "h")?);
        let (low, close) = (positive(&row[3], "l")?, positive(&row[4], "c")?);
        check_candle(open, high, low, close)?;
        let (vol, vol_ccy) = (
            not_negative(&row[5], "vol")?,
            not_negative(&row[6], "volCcy")?,
        );
        let confirm = row[8].as_str().filter(|c| matches!(*c, "0" | "1"));
        let confirm = confirm.ok_or(RowProblem::UnknownName {
            column: "confirm",
            expected: "0 or 1",
        })?;
        let is_derivative = self.unit != QtyUnit::Base;
        let kline = Kline {
            ts_open,
            ts_close: Ts(ts_open.0 + MICROS_PER_MINUTE),
            open,
            high,
            low,
            close,
            // Derivatives: contracts, then coins. Spot: coins, then quote.
            volume: if is_derivative { vol_ccy } else { vol },
            volume_raw: self.unit.raw(vol),
            quote_volume: Some(not_negative(&row[7], "volCcyQuote")?),
            n_trades: None,
            taker_buy_volume: None,
            taker_buy_quote_volume: None,
        };
        Ok((kline, confirm == "1"))
    }

    fn trade(&self, item: &Value) -> Result<(TradeRow, bool), RowProblem> {
        same_symbol(item, "instId", &self.inst_id)?;
        let (price, size) = (positive(&item["px"], "px")?, positive(&item["sz"], "sz")?);
        let aggressor = match item["side"].as_str() {
            Some("buy" | "BUY") => 1,
            Some("sell" | "SELL") => -1,
            _ => {
                return Err(RowProblem::UnknownName {
                    column: "side",
                    expected: "buy or sell",
                });
            }
        };
        let row = TradeRow {
            ts_event: millis(&item["ts"], "ts")?,
            ts_recv: None,
            trade_id: count(&item["tradeId"], "tradeId")?,
            price,
            qty: self.unit.base(size, price),
            qty_raw: self.unit.raw(size),
            aggressor,
            late: None,
        };
        Ok((row, true))
    }

    fn funding(&self, item: &Value) -> Result<(FundingRow, bool), RowProblem> {
        same_symbol(item, "instId", &self.inst_id)?;
        // `fundingRate` is what was predicted, `realizedRate` what was paid.
        let row = FundingRow {
            ts_event: millis(&item["fundingTime"], "fundingTime")?,
            rate: number(&item["realizedRate"], "realizedRate")?,
            interval_h: None,
            mark_price: None,
        };
        Ok((row, true))
    }
}

impl PageFormat for OkxPages {
    fn dataset(&self) -> Dataset {
        self.dataset
    }

    fn page(&mut self, body: &[u8], _: Option<i64>) -> Result<Page, PageError> {
        let route = match self.dataset {
            Dataset::Klines1m => "history-candles",
            Dataset::Trades => "history-trades",
            _ => "funding-rate-history",
        };
        let data = enveloped(body, route)?;
        let items = list(&data, route, body)?;
        let mut page = match self.dataset {
            Dataset::Klines1m => Page::read(items, |item| self.kline(item)),
            Dataset::Trades => Page::read(items, |item| self.trade(item)),
            _ => Page::read(items, |item| self.funding(item)),
        };
        if let Rows::Funding(rows) = &mut page.rows {
            set_intervals(rows);
        }
        Ok(page)
    }
}

/// Reads the server's clock out of `/public/time`.
///
/// # Errors
/// `Shape`, `Venue`.
pub fn server_time(body: &[u8]) -> Result<UnixMicros, PageError> {
    let data = enveloped(body, "time")?;
    let first = data.get(0).and_then(|row| row.get("ts"));
    first
        .and_then(|ts| millis(ts, "ts").ok())
        .map(|ts| UnixMicros(ts.0))
        .ok_or_else(|| shape("time", "ts", body))
}

/// Reads the terms of one instrument out of `/public/instruments`, from `at` on; `None` if it is not listed.
///
/// # Errors
/// `Shape` if a step or the contract value is missing, `Venue`.
pub fn instrument(
    body: &[u8],
    key: &InstrumentKey,
    at: UnixMicros,
    fees_bps: (f64, f64),
) -> Result<Option<Instrument>, PageError> {
    const ROUTE: &str = "instruments";
    let data = enveloped(body, ROUTE)?;
    let wanted = key.symbol.as_str();
    let found = list(&data, ROUTE, body)?
        .iter()
        .find(|row| row["instId"] == wanted);
    let Some(found) = found else {
        return Ok(None);
    };
    let wrong = |expected| shape(ROUTE, expected, found.to_string().as_bytes());
    let step = |field: &str| found[field].as_str()?.parse().ok();
    let is_spot = key.market == Market::Spot;
    let inverse = found["ctType"] == "inverse";
    let contract_value = if is_spot {
        1.0
    } else {
        let value = positive(&found["ctVal"], "ctVal").map_err(|_| wrong("a contract value"))?;
        // Deepcoin has no multiplier.
        let mult = positive(&found["ctMult"], "ctMult").unwrap_or(1.0);
        value * mult
    };
    let instant = |field: &str| {
        let ms = integer(&found[field], field_name(field)).ok()?;
        UnixMicros::from_millis(ms).filter(|t| t.0 > 0)
    };
    Ok(Some(Instrument {
        key: key.clone(),
        valid_from: at,
        valid_to: None,
        tick_size: step("tickSz").ok_or_else(|| wrong("a price step"))?,
        lot_size: step("lotSz").ok_or_else(|| wrong("a quantity step"))?,
        min_notional: 0.0,
        contract_value,
        inverse,
        funding_interval_h: (key.market == Market::Swap).then_some(8),
        maker_bps: fees_bps.0,
        taker_bps: fees_bps.1,
        onboard: instant("listTime"),
        delist: instant("expTime"),
        source: format!("{} instruments", key.exchange.venue.name()),
    }))
}

fn field_name(field: &str) -> &'static str {
    if field == "listTime" {
        "listTime"
    } else {
        "expTime"
    }
}

/// A file that `market-data-history` names.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryFile {
    /// Start of its day by the venue's calendar, milliseconds UTC.
    pub date_ms: i64,
    /// Name.
    pub filename: String,
    /// Where it is.
    pub url: String,
    /// Size as shown.
    pub size_mb: f64,
}

/// Reads the files of an answer of `market-data-history`, in its order; none is an answer too.
///
/// # Errors
/// `Shape`, `Venue` (50076: the range is too long).
pub fn history_files(body: &[u8]) -> Result<Vec<HistoryFile>, PageError> {
    const ROUTE: &str = "market-data-history";
    let data = enveloped(body, ROUTE)?;
    let mut files = Vec::new();
    for group in list(&data, ROUTE, body)? {
        for detail in list(&group["details"], ROUTE, body)? {
            for file in list(&detail["groupDetails"], ROUTE, body)? {
                // The example says `dateTs`, the table of the document `dataTs`.
                let stamp = file.get("dateTs").or_else(|| file.get("dataTs"));
                let stamp = stamp.and_then(|ts| millis(ts, "dateTs").ok());
                let text = |field: &str| file[field].as_str().map(str::to_owned);
                let (Some(stamp), Some(filename), Some(url)) =
                    (stamp, text("filename"), text("url"))
                else {
                    return Err(shape(ROUTE, "files with dateTs, filename and url", body));
                };
                files.push(HistoryFile {
                    date_ms: stamp.0 / 1_000,
                    filename,
                    url,
                    size_mb: number(&file["sizeMB"], "sizeMB").unwrap_or(0.0),
                });
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
