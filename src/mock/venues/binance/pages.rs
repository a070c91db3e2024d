//! Rows of Binance's REST pages, and which of them a page shows.

use quant_core::time::{Day, MICROS_PER_DAY, MICROS_PER_MINUTE, UnixMicros};
use quant_lake::venues::binance::encode::KlineRow;

use crate::mock::world::kline::resample;
use crate::mock::world::{Instrument, Kline};

/// Kline intervals of the venue.
pub(super) const INTERVALS: [&str; 15] = [
    "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M",
];

/// Returns the interval that holds `ts` as `[open, end)`; `None` for a name the venue does not have.
pub(super) fn span_of(interval: &str, ts: UnixMicros) -> Option<(UnixMicros, UnixMicros)> {
    if interval == "1M" {
        let (year, month, _) = ts.day().ymd();
        let first = |year, month| Day::from_ymd(year, month, 1).map(Day::start);
        let next = if month == 12 {
            first(year + 1, 1)
        } else {
            first(year, month + 1)
        };
        return Some((first(year, month)?, next?));
    }
    let length = length_of(interval)?;
    // Weeks begin on Monday; 1970-01-01 was a Thursday.
    let shift = if interval == "1w" {
        4 * MICROS_PER_DAY
    } else {
        0
    };
    let open = ts.plus(-shift).floor_to(length).plus(shift);
    Some((open, open.plus(length)))
}

/// Returns the length of an interval other than a month, microseconds.
pub(super) fn length_of(interval: &str) -> Option<i64> {
    if !INTERVALS.contains(&interval) {
        return None;
    }
    let (number, unit) = interval.split_at(interval.len() - 1);
    let unit = match unit {
        "m" => MICROS_PER_MINUTE,
        "h" => 60 * MICROS_PER_MINUTE,
        "d" => MICROS_PER_DAY,
        "w" => 7 * MICROS_PER_DAY,
        // A month has no fixed length; pages call it 30 days where one is needed.
        _ => 30 * MICROS_PER_DAY,
    };
    number.parse::<i64>().ok().map(|n| n * unit)
}

/// Returns a kline in the venue's units.
pub(super) fn kline_row(of: &Instrument, kline: &Kline) -> KlineRow {
    KlineRow {
        open_us: kline.ts_open.0,
        open: of.price(kline.open),
        high: of.price(kline.high),
        low: of.price(kline.low),
        close: of.price(kline.close),
        volume: of.qty(kline.lots),
        quote_volume: of.cash(kline.cash),
        n_trades: kline.n_trades,
        taker_buy_volume: of.qty(kline.buy_lots),
        taker_buy_quote_volume: of.cash(kline.buy_cash),
    }
}

/// Which rows of an ascending list a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: Option<UnixMicros>,
    /// Inclusive.
    pub(super) until: Option<UnixMicros>,
    pub(super) limit: usize,
}

impl Window {
    /// Returns the rows of the page: the first ones from `from` on, or the latest ones without it.
    pub(super) fn cut<T: Copy>(&self, rows: &[T], ts: impl Fn(&T) -> UnixMicros) -> Vec<T> {
        let inside = self.inside(rows, ts);
        let page = if self.from.is_some() {
            &inside[..inside.len().min(self.limit)]
        } else {
            &inside[inside.len().saturating_sub(self.limit)..]
        };
        page.to_vec()
    }

    /// Returns the latest rows of the range, whatever bounds it: what `openInterestHist` and its siblings do.
    pub(super) fn latest<T: Copy>(&self, rows: &[T], ts: impl Fn(&T) -> UnixMicros) -> Vec<T> {
        let inside = self.inside(rows, ts);
        inside[inside.len().saturating_sub(self.limit)..].to_vec()
    }

    fn inside<'a, T>(&self, rows: &'a [T], ts: impl Fn(&T) -> UnixMicros) -> &'a [T] {
        let low = rows.partition_point(|row| self.from.is_some_and(|from| ts(row) < from));
        let high = rows.partition_point(|row| self.until.is_none_or(|until| ts(row) <= until));
        &rows[low..high.max(low)]
    }
}

/// Returns the klines of an interval that open in the window, as known at `now`.
pub(super) fn klines(
    of: &Instrument,
    interval: &str,
    window: &Window,
    now: UnixMicros,
) -> Vec<KlineRow> {
    // Only minutes that can belong to the page are summed.
    let open_of = |ts| span_of(interval, ts).map_or(ts, |(open, _)| open);
    let from = match (window.from, length_of(interval)) {
        (Some(from), _) => open_of(from),
        (None, Some(length)) => {
            let end = window.until.map_or(now, |until| until.min(now));
            let rows = i64::try_from(window.limit).unwrap_or(i64::MAX) + 1;
            // Halts leave klines out, so that more time than rows may be needed.
            open_of(end.plus(-length.saturating_mul(rows).saturating_mul(2)))
        }
        (None, None) => of.start,
    };
    let minutes = of.klines_1m(from, UnixMicros(i64::MAX), now);
    let all = resample(&minutes, now, |ts| {
        span_of(interval, ts).unwrap_or((ts, ts.plus(MICROS_PER_MINUTE)))
    });
    let page = window.cut(&all, |k| k.ts_open);
    page.iter().map(|k| kline_row(of, k)).collect()
}
