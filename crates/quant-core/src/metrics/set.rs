//! All statistics of one account, in a fixed order.

use crate::metrics::statistic::{Input, Statistic};
use crate::metrics::{
    ambiguous_share, averages, daily_equity, daily_returns, exposure, holding_time, max_drawdown,
    profit_factor, sharpe, sortino, total_return, totals, turnover, win_rate,
};
use crate::sim::{ClosedTrade, EquityPoint};
use crate::time::TimeRange;

/// The statistics every report shows.
#[derive(Clone, Copy, Debug)]
pub struct MetricSet;

/// The order of reports.
const ALL: [fn(&Input<'_>) -> Statistic; 22] = [
    total_return::statistic,
    sharpe::annual,
    sharpe::daily,
    sortino::statistic,
    max_drawdown::statistic,
    totals::n_trades,
    totals::n_censored,
    win_rate::statistic,
    profit_factor::statistic,
    averages::expectancy,
    averages::expectancy_bps,
    averages::payoff,
    holding_time::statistic,
    exposure::statistic,
    turnover::statistic,
    ambiguous_share::statistic,
    totals::gross_total,
    totals::slippage_total,
    totals::fees_total,
    totals::funding_total,
    totals::net_total,
    totals::break_even_cost,
];

impl MetricSet {
    /// Returns every statistic over `range`, in an order that never depends on the data.
    ///
    /// Trades count where their outcome became known, `start < ts_known <= end`, as equity marks do; so adjoining ranges
    /// share nothing. Totals count all trades, the others leave out censored ones, whose outcome is unknown. Daily
    /// statistics use equity resampled at UTC midnight.
    ///
    /// # Shapes
    /// `equity` ascending by `ts`; `start_equity` is the equity at `range.start`.
    pub fn compute(
        trades: &[ClosedTrade],
        equity: &[EquityPoint],
        range: TimeRange,
        start_equity: f64,
    ) -> Vec<Statistic> {
        let inside = |x: &&ClosedTrade| range.start < x.ts_known && x.ts_known <= range.end;
        let trades: Vec<ClosedTrade> = trades.iter().filter(inside).cloned().collect();
        let decided = trades
            .iter()
            .filter(|x| x.exit_reason != crate::sim::ExitReason::Censored)
            .collect();
        let mut marks = vec![(range.start, start_equity)];
        let within = |x: &&EquityPoint| range.start < x.ts && x.ts <= range.end;
        marks.extend(equity.iter().filter(within).map(|x| (x.ts, x.equity)));
        let daily = daily_equity(equity, range, start_equity);
        let returns = daily_returns(&daily, start_equity);
        let input = Input {
            trades: &trades,
            decided,
            marks,
            daily,
            returns,
            range,
            start_equity,
        };
        ALL.iter().map(|statistic| statistic(&input)).collect()
    }
}
