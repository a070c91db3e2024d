//! Sortino ratio of daily returns against a target of 0, annualised with 365 days.

use crate::metrics::statistic::{Input, Statistic};
use crate::stats::{Undefined, mean};

/// Returns mean over downside deviation times sqrt(365).
///
/// ```text
/// downside^2 = (1/n) sum min(r, 0)^2     over all n days, not only the losing ones
/// ```
///
/// # References
/// Sortino and Price 1994, "Performance Measurement in a Downside Risk Framework".
pub(super) fn statistic(input: &Input<'_>) -> Statistic {
    let value = input.returns.clone().and_then(|returns| {
        let m = mean(&returns)?;
        let squares: Vec<f64> = returns.iter().map(|r| r.min(0.0) * r.min(0.0)).collect();
        let downside = mean(&squares)?.sqrt();
        if downside > 0.0 {
            Ok(m / downside * 365.0_f64.sqrt())
        } else {
            Err(Undefined::NotPositive {
                what: "downside deviation",
            })
        }
    });
    Statistic::new(
        "sortino_ann",
        "per year of 365 days",
        input.daily.len(),
        value,
    )
}
