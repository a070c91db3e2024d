//! The charts of a diagnosis, one SVG file each.

use super::collect::ColumnSeries;
use super::report::{ColumnReport, MicrostructureReport};
use crate::report::svg::{self, Point};

/// Bins of a histogram.
const BINS: usize = 40;

/// Returns every chart with its file name.
pub(super) fn all(
    report: &MicrostructureReport,
    columns: &[ColumnSeries],
) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mark = if report.simulated { "SIMULATED " } else { "" };
    for (row, column) in report.columns.iter().zip(columns) {
        let name = &row.name;
        out.push((
            format!("plots/ic_{name}.svg"),
            decay(&format!("{mark}rank IC of {name} by horizon"), row),
        ));
        if let Some(chart) = histogram(&format!("{mark}{name}, 1 % to 99 %"), row, &column.values) {
            out.push((format!("plots/histogram_{name}.svg"), chart));
        }
        if let Some(chart) = by_day(mark, row, &report.days) {
            out.push((format!("plots/days_{name}.svg"), chart));
        }
    }
    out.push((
        "plots/correlation.svg".to_owned(),
        svg::heat_map(
            &format!("{mark}rank correlation"),
            &report.cross_correlation.columns,
            &report.cross_correlation.rank,
        ),
    ));
    out
}

fn decay(title: &str, row: &ColumnReport) -> String {
    let points: Vec<(String, Point)> = row
        .ic
        .iter()
        .zip(0_u32..)
        .map(|(ic, i)| {
            let point = Point {
                x: f64::from(i),
                y: ic.rank.value,
                interval: ic.rank.ci_low.zip(ic.rank.ci_high),
            };
            (ic.horizon_minutes.to_string(), point)
        })
        .collect();
    svg::line(title, "horizon, minutes", "rank IC, 95 % interval", &points)
}

fn histogram(title: &str, row: &ColumnReport, values: &[f64]) -> Option<String> {
    let d = row.distribution.as_ref()?;
    let (low, high) = (d.q01?, d.q99?);
    if high <= low {
        return None;
    }
    let width = (high - low) / BINS as f64;
    let mut counts = vec![0_u64; BINS];
    for value in values.iter().filter(|v| **v >= low && **v <= high) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "low <= value <= high"
        )]
        let bin = ((value - low) / width) as usize;
        counts[bin.min(BINS - 1)] += 1;
    }
    let edges: Vec<f64> = (0..=BINS).map(|k| low + width * k as f64).collect();
    Some(svg::histogram(title, &row.units, &edges, &counts))
}

/// Draws the coefficient of each day at the horizon of the peak.
fn by_day(mark: &str, row: &ColumnReport, days: &[String]) -> Option<String> {
    let peak = row.decay.as_ref()?.peak_horizon_minutes;
    let stability = row.stability.iter().find(|s| s.horizon_minutes == peak)?;
    let points: Vec<(String, Point)> = days
        .iter()
        .zip(&stability.by_day)
        .zip(0_u32..)
        .map(|((day, ic), i)| {
            let point = Point {
                x: f64::from(i),
                y: *ic,
                interval: None,
            };
            // Month and day: the year is in the report.
            (day.get(5..).unwrap_or(day).to_owned(), point)
        })
        .collect();
    let title = format!("{mark}rank IC of {} by day, {peak} minutes", row.name);
    Some(svg::line(&title, "day", "rank IC", &points))
}
