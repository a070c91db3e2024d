//! Counts and sums over all closed trades, censored ones included: the waterfall gross to net.

use crate::metrics::statistic::{Input, Statistic};
use crate::sim::ClosedTrade;
use crate::stats::Undefined;
use crate::units::BPS;

fn total(input: &Input<'_>, name: &'static str, of: fn(&ClosedTrade) -> f64) -> Statistic {
    // Starts at +0.0: the empty float sum of the standard library is -0.0.
    let value = input.trades.iter().fold(0.0, |sum, x| sum + of(x));
    Statistic::new(name, "quote", input.trades.len(), Ok(value))
}

/// Returns the number of closed trades.
pub(super) fn n_trades(input: &Input<'_>) -> Statistic {
    let n = input.trades.len();
    Statistic::new("n_trades", "trades", n, Ok(n as f64))
}

/// Returns the number of trades the data's end cut off.
pub(super) fn n_censored(input: &Input<'_>) -> Statistic {
    let n = input.trades.len();
    let censored = n - input.decided.len();
    Statistic::new("n_censored", "trades", n, Ok(censored as f64))
}

/// Returns the sum of results before costs.
pub(super) fn gross_total(input: &Input<'_>) -> Statistic {
    total(input, "gross_total", |x| x.gross)
}

/// Returns the sum of slippage costs.
pub(super) fn slippage_total(input: &Input<'_>) -> Statistic {
    total(input, "slippage_total", |x| x.slippage_cost)
}

/// Returns the sum of fees.
pub(super) fn fees_total(input: &Input<'_>) -> Statistic {
    total(input, "fees_total", |x| x.fees)
}

/// Returns the sum of funding paid; received is negative.
pub(super) fn funding_total(input: &Input<'_>) -> Statistic {
    total(input, "funding_total", |x| x.funding)
}

/// Returns the sum of net results.
pub(super) fn net_total(input: &Input<'_>) -> Statistic {
    total(input, "net_total", |x| x.net)
}

/// Returns the cost per fill, in bps of its value, at which the gross profit is used up.
pub(super) fn break_even_cost(input: &Input<'_>) -> Statistic {
    let gross: f64 = input.trades.iter().map(|x| x.gross).sum();
    let traded: f64 = input
        .trades
        .iter()
        .map(|x| x.qty * (x.px_entry + x.px_exit))
        .sum();
    let value = if traded > 0.0 {
        Ok(gross / traded / BPS)
    } else {
        Err(Undefined::TooFew {
            n: input.trades.len(),
            needed: 1,
        })
    };
    Statistic::new("break_even_cost", "bps per fill", input.trades.len(), value)
}
