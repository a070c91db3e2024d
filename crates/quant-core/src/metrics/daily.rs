//! Equity and returns per UTC day.

use serde::Serialize;

use crate::sim::EquityPoint;
use crate::stats::Undefined;
use crate::time::{Day, TimeRange};

/// Equity at the end of one UTC day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DailyEquity {
    /// The day.
    pub day: Day,
    /// Equity at the last mark at or before its end, quote.
    pub equity: f64,
}

/// Returns one value per UTC day that shares an instant with `range`: the last mark at or before the end of the day (of
/// the range on its last day), carried forward over days without marks, `start_equity` before the first.
///
/// # Shapes
/// `points` ascending by `ts`; those outside `(start, end]` are left out. A mark exactly at midnight belongs to the day that ends there.
pub fn daily_equity(
    points: &[EquityPoint],
    range: TimeRange,
    start_equity: f64,
) -> Vec<DailyEquity> {
    let mut rest = points.iter().skip_while(|x| x.ts <= range.start).peekable();
    let mut equity = start_equity;
    let mut out = Vec::new();
    for day in range.days() {
        let end = day.end().min(range.end);
        while let Some(point) = rest.next_if(|x| x.ts <= end) {
            equity = point.equity;
        }
        out.push(DailyEquity { day, equity });
    }
    out
}

/// Returns one simple return per day, the first against `start_equity`.
///
/// # Errors
/// `NotPositive` if equity was zero or negative at the start of any day: a return on it means nothing.
pub fn daily_returns(daily: &[DailyEquity], start_equity: f64) -> Result<Vec<f64>, Undefined> {
    let mut before = start_equity;
    let mut out = Vec::with_capacity(daily.len());
    for x in daily {
        if !(before.is_finite() && before > 0.0 && x.equity.is_finite()) {
            return Err(Undefined::NotPositive {
                what: "equity at the start of a day",
            });
        }
        out.push(x.equity / before - 1.0);
        before = x.equity;
    }
    Ok(out)
}
