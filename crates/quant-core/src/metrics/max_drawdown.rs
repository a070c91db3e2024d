//! Largest fall of equity from an earlier high, on every mark, with its dates.

use crate::metrics::statistic::{Detail, DrawdownDates, Input, Statistic};
use crate::stats::Undefined;

/// Returns the largest `1 - equity / high so far`, at least 0; ties keep the earliest.
pub(super) fn statistic(input: &Input<'_>) -> Statistic {
    let (mut ts_peak, mut peak) = input.marks.first().copied().unwrap_or_default();
    let mut worst = 0.0_f64;
    let mut dates: Option<(DrawdownDates, f64)> = None;
    let mut defined = peak > 0.0;
    for &(ts, equity) in &input.marks {
        if let Some((dates, high)) = &mut dates
            && dates.ts_recovered.is_none()
            && equity >= *high
        {
            dates.ts_recovered = Some(ts);
        }
        if equity > peak {
            (ts_peak, peak) = (ts, equity);
        }
        defined &= equity.is_finite();
        let drawdown = 1.0 - equity / peak;
        if drawdown > worst {
            worst = drawdown;
            dates = Some((
                DrawdownDates {
                    ts_peak,
                    ts_trough: ts,
                    ts_recovered: None,
                },
                peak,
            ));
        }
    }
    let value = if defined {
        Ok(worst)
    } else {
        Err(Undefined::NotPositive {
            what: "start equity",
        })
    };
    let mut out = Statistic::new(
        "max_drawdown",
        "fraction of the high",
        input.marks.len(),
        value,
    );
    if defined {
        out.detail = dates.map(|(dates, _)| Detail::Drawdown(dates));
    }
    out
}
