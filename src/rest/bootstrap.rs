//! The last hours of spot trades, newest page first: what a live session starts with.

use std::sync::atomic::AtomicBool;

use quant_core::time::MICROS_PER_HOUR;
use quant_lake::venues::pages::{PageFormat as _, Rows};
use quant_lake::venues::records::AggTrade;

use super::client::RestClient;
use super::fetch::{FetchPagesError, ask};
use super::pager::Pager as _;
use super::venues::{VenueCx, spot_bootstrap};

/// Trades of a live session's past.
#[derive(Clone, Debug, PartialEq)]
pub struct Bootstrap {
    /// Trades from `hours` before the venue's clock on, ascending by id, each once.
    pub trades: Vec<AggTrade>,
    /// Rows that could not be read.
    pub bad: usize,
    /// Requests sent, retries included.
    pub requests: u32,
}

/// Brings the last `hours` of trades of a Binance spot symbol (48 is usual), a thousand per request.
///
/// # Errors
/// `FetchPagesError`.
pub fn spot_trades(
    client: &RestClient,
    cx: &VenueCx,
    hours: u32,
    stop: &AtomicBool,
) -> Result<Bootstrap, FetchPagesError> {
    let from = cx.now.plus(-i64::from(hours) * MICROS_PER_HOUR);
    let (mut pager, mut format) = spot_bootstrap(cx, hours);
    let mut done = Bootstrap {
        trades: Vec::new(),
        bad: 0,
        requests: 0,
    };
    while let Some(request) = pager.next_request() {
        let (_, page) = ask(client, &request, stop, &mut done.requests, |answer| {
            format.page(&answer.body, None)
        })?;
        done.bad += page.bad.len();
        if let Rows::AggTrades(rows) = page.rows {
            done.trades.extend(rows);
        }
        pager.on_page(&page.span)?;
    }
    done.trades.retain(|trade| trade.ts_event.0 >= from.0);
    done.trades.sort_by_key(|trade| trade.trade_id);
    done.trades.dedup_by_key(|trade| trade.trade_id);
    Ok(done)
}
