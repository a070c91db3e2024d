//! `microstructure.md`: the main numbers of `microstructure.json`, in the order a sceptic asks for them.

use core::fmt::Write as _;

use super::report::{ColumnReport, IcRow, MicrostructureReport};

pub(super) fn write(report: &MicrostructureReport) -> String {
    let mut out = String::new();
    if compose(&mut out, report).is_err() {
        out.push_str("(the rest could not be written)\n");
    }
    out
}

/// Returns a number in a few significant digits, `none` where there is no value.
pub(super) fn number(value: Option<f64>) -> String {
    match value {
        None => "none".to_owned(),
        Some(x) if x == 0.0 || (1e-3..1e5).contains(&x.abs()) => {
            let text = format!("{x:.4}");
            // Minus nothing is nothing.
            if text == "-0.0000" {
                "0.0000".to_owned()
            } else {
                text
            }
        }
        Some(x) => format!("{x:.2e}"),
    }
}

fn compose(out: &mut String, report: &MicrostructureReport) -> core::fmt::Result {
    writeln!(out, "# Microstructure of `{}`\n", report.instrument)?;
    if report.simulated {
        writeln!(out, "**SIMULATED: this instrument was never traded.**\n")?;
    }
    writeln!(
        out,
        "{} to {} ({} days, {} minutes, {} with a price, {} masked); feature set `{}`, bar set `{}`.\n",
        report.start,
        report.end,
        report.days.len(),
        report.minutes,
        report.usable_minutes,
        report.masked_minutes,
        report.feature_set,
        report.bar_set
    )?;
    writeln!(
        out,
        "Forward returns: log return of the {} from the close of the row on; none crosses a gap of more than {} minutes or the end of the range.\n",
        report.price, report.segment_gap_minutes
    )?;
    peaks(out, report)?;
    horizons(out, report)?;
    distributions(out, report)?;
    states(out, report)?;
    regression(out, report)?;
    notes(out, report)
}

/// Returns a reason in words.
fn reason(name: &str) -> String {
    format!("not tested: {}", name.replace('_', " "))
}

fn peak(column: &ColumnReport) -> Option<&IcRow> {
    let horizon = column.decay.as_ref()?.peak_horizon_minutes;
    column.ic.iter().find(|row| row.horizon_minutes == horizon)
}

fn peaks(out: &mut String, report: &MicrostructureReport) -> core::fmt::Result {
    writeln!(out, "## Largest rank IC of each column\n")?;
    writeln!(
        out,
        "| column | horizon, min | n | rank IC | 95 % interval | p | p Holm | p BH | half-life, min | days | same sign | t of days |"
    )?;
    writeln!(out, "|---|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|")?;
    for column in &report.columns {
        let (Some(row), Some(decay)) = (peak(column), &column.decay) else {
            writeln!(out, "| `{}` | none | 0 | | | | | | | | | |", column.name)?;
            continue;
        };
        let days = column
            .stability
            .iter()
            .find(|s| s.horizon_minutes == row.horizon_minutes);
        writeln!(
            out,
            "| `{}` | {} | {} | {} | {} to {} | {} | {} | {} | {} | {} | {} | {} |",
            column.name,
            row.horizon_minutes,
            row.n,
            number(row.rank.value),
            number(row.rank.ci_low),
            number(row.rank.ci_high),
            row.rank.untested.map_or_else(|| number(row.rank.p), reason),
            number(row.p_holm),
            number(row.p_bh),
            number(decay.half_life_minutes),
            days.map_or(0, |d| d.n_days),
            number(days.and_then(|d| d.same_sign)),
            number(days.and_then(|d| d.t)),
        )?;
    }
    writeln!(
        out,
        "\n{} tests in all ({}; {}); adjusted p-values are over all of them. The largest of several horizons is chosen, so its own p and interval flatter it: read the adjusted ones.\n",
        report.tests.n, report.tests.family, report.tests.statistic
    )?;
    let untested = &report.tests.untested;
    writeln!(
        out,
        "{} coefficients have no test: {} of levels of the price, {} of columns that are worth fewer than {} independent values (`n_effective`), {} of too few pairs, {} without variation. Such a coefficient is large by chance; it says nothing.\n",
        untested.sum(),
        untested.price_level,
        untested.persistent,
        report.tests.min_effective,
        untested.too_few,
        untested.no_variation
    )
}

fn horizons(out: &mut String, report: &MicrostructureReport) -> core::fmt::Result {
    writeln!(out, "## Rank IC by horizon\n")?;
    write!(out, "| column |")?;
    for h in &report.horizons_minutes {
        write!(out, " {h} min |")?;
    }
    writeln!(
        out,
        "\n|---|{}",
        "--:|".repeat(report.horizons_minutes.len())
    )?;
    for column in &report.columns {
        write!(out, "| `{}` |", column.name)?;
        for row in &column.ic {
            let star = if row.p_bh.is_some_and(|p| p <= 0.05) {
                "*"
            } else if row.rank.untested.is_some() {
                "~"
            } else {
                ""
            };
            write!(out, " {}{star} |", number(row.rank.value))?;
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "\n`*`: Benjamini-Hochberg p at most 0.05. `~`: not tested.\n"
    )
}

fn distributions(out: &mut String, report: &MicrostructureReport) -> core::fmt::Result {
    writeln!(out, "## Coverage and distribution\n")?;
    writeln!(
        out,
        "| column | unit | coverage | worst day | mean | std | skew | kurtosis | 1 % | 50 % | 99 % | zeros | ac 1 | ac 5 | ac 15 | ac 60 |"
    )?;
    writeln!(out, "|---|---|{}", "--:|".repeat(14))?;
    for column in &report.columns {
        let worst = column.coverage.by_day.iter().copied().reduce(f64::min);
        write!(
            out,
            "| `{}` | {} | {} | {} |",
            column.name,
            column.units.replace('|', "/"),
            number(Some(column.coverage.share)),
            number(worst)
        )?;
        let d = column.distribution.as_ref();
        let cells = [
            d.and_then(|d| d.mean),
            d.and_then(|d| d.std),
            d.and_then(|d| d.skew),
            d.and_then(|d| d.kurtosis),
            d.and_then(|d| d.q01),
            d.and_then(|d| d.q50),
            d.and_then(|d| d.q99),
            d.map(|d| d.zeros),
        ];
        let lags = column.autocorrelation.iter().map(|row| row.value);
        for cell in cells.into_iter().chain(lags) {
            write!(out, " {} |", number(cell))?;
        }
        writeln!(out)?;
    }
    writeln!(out)
}

fn states(out: &mut String, report: &MicrostructureReport) -> core::fmt::Result {
    writeln!(out, "## Rank IC at that horizon by state\n")?;
    let states = |column: &ColumnReport| {
        let horizon = peak(column)?.horizon_minutes;
        let row = column
            .stability
            .iter()
            .find(|s| s.horizon_minutes == horizon)?;
        Some(
            row.by_volatility
                .iter()
                .chain(&row.by_regime)
                .cloned()
                .collect::<Vec<_>>(),
        )
    };
    let Some(first) = report.columns.iter().find_map(states) else {
        return writeln!(out, "No column has a coefficient.\n");
    };
    write!(out, "| column |")?;
    for (i, row) in first.iter().enumerate() {
        let kind = if i < 3 { "volatility " } else { "" };
        write!(out, " {kind}{} |", row.state)?;
    }
    writeln!(out, "\n|---|{}", "---|".repeat(first.len()))?;
    for column in &report.columns {
        let Some(rows) = states(column) else { continue };
        write!(out, "| `{}` |", column.name)?;
        for row in rows {
            write!(
                out,
                " {} (n {}, t {}) |",
                number(row.ic),
                row.n,
                number(row.t)
            )?;
        }
        writeln!(out)?;
    }
    writeln!(out)
}

fn regression(out: &mut String, report: &MicrostructureReport) -> core::fmt::Result {
    writeln!(out, "## Price change on order flow imbalance\n")?;
    let Some(section) = &report.ofi_regression else {
        return writeln!(out, "The lake has no quotes of the range.\n");
    };
    let totals = &section.totals;
    writeln!(
        out,
        "Windows of {} s of `{}` ({} rows), change of the mid in ticks of {}.\n",
        section.window_seconds, section.source, section.n_quotes, section.tick_size
    )?;
    writeln!(
        out,
        "| | R2 | slope, ticks per base unit | slope on OFI over depth, ticks | windows |\n|---|--:|--:|--:|--:|"
    )?;
    writeln!(
        out,
        "| mean of {} half hours | {} | {} | {} | {} |",
        totals.n_blocks,
        number(totals.mean_r2),
        number(totals.mean_slope),
        number(totals.mean_slope_depth),
        section.blocks.iter().map(|b| b.n).sum::<u64>()
    )?;
    let (plain, scaled) = (totals.pooled, totals.pooled_depth);
    writeln!(
        out,
        "| pooled, OFI | {} | {} | | {} |",
        number(plain.map(|f| f.r2)),
        number(plain.map(|f| f.slope)),
        totals.n_windows
    )?;
    writeln!(
        out,
        "| pooled, OFI over depth | {} | | {} | |",
        number(scaled.map(|f| f.r2)),
        number(scaled.map(|f| f.slope))
    )?;
    writeln!(
        out,
        "| published | {} | | | |\n\n{}. {} windows have no touch at both ends or lost it in between. A half hour needs 90 windows; each is in the JSON.\n",
        section.published_mean_r2, section.published, totals.n_without
    )
}

fn notes(out: &mut String, report: &MicrostructureReport) -> core::fmt::Result {
    writeln!(out, "## How to read this\n")?;
    writeln!(
        out,
        "- A coefficient is no profit: spread, fees and delay are not in it. The return begins at the close of the row, before the row may be used (`ts_avail`)."
    )?;
    writeln!(
        out,
        "- Levels of the price and columns that hardly change wander with the price: their coefficients are not tested, and over a short range say nothing."
    )?;
    writeln!(
        out,
        "- Intervals: {}, {} resamples, seed {}; percentile intervals of few blocks are somewhat too short.",
        report.bootstrap.kind, report.bootstrap.replicates, report.bootstrap.seed
    )?;
    writeln!(
        out,
        "- Everything is in sample. Definitions: `docs/diagnostics.md`; every number: `microstructure.json`; charts: `plots/`."
    )
}
