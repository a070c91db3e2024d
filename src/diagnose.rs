//! `diagnose-microstructure`: what features of minute rows are like, and how far they go with the returns that follow.
//!
//! It trains nothing and trades nothing: a coefficient here is measured over the whole range, with its uncertainty.

mod collect;
mod markdown;
mod measure;
mod ofi;
mod plots;
mod report;

use std::path::PathBuf;

use quant_core::stats::{MIN_EFFECTIVE, Untested, benjamini_hochberg, holm};
use quant_lake::read::HashMemo;
use rayon::prelude::*;

pub use ofi::{OfiBlock, OfiSection, OfiTotals, OfiWindows};
pub use report::*;

use crate::config::Config;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::run::pipeline::{RunOptions, ensure_bars, instrument_keys};

/// The report as JSON.
pub const JSON_FILE: &str = "microstructure.json";
/// The report as text.
pub const MARKDOWN_FILE: &str = "microstructure.md";

/// What is measured and how.
#[derive(Clone, Debug)]
pub struct DiagnoseParams {
    /// Horizons of forward returns, minutes, ascending.
    pub horizons: Vec<u32>,
    /// Bootstrap resamples.
    pub replicates: usize,
    /// Shortest block of the bootstrap, minutes; a block is never shorter than two horizons.
    pub block_minutes: usize,
    /// Seed of the resamples.
    pub seed: u64,
}

impl DiagnoseParams {
    /// Checks the parameters.
    ///
    /// # Errors
    /// Configuration error for horizons that do not ascend or lie outside of a week, fewer than 20 resamples, or a block
    /// without length.
    pub fn check(&self) -> CommandResult<()> {
        let refuse = |text: String| Err(CommandError::text(ErrorKind::Config, &text));
        let ascend = self.horizons.windows(2).all(|w| w[0] < w[1]);
        if self.horizons.is_empty()
            || !ascend
            || self.horizons.iter().any(|h| !(1..=10_080).contains(h))
        {
            return refuse(format!(
                "--horizons is {:?}; expected ascending minutes from 1 to 10080",
                self.horizons
            ));
        }
        if !(20..=100_000).contains(&self.replicates) {
            return refuse(format!(
                "--replicates is {}; expected 20 to 100000",
                self.replicates
            ));
        }
        if !(1..=100_000).contains(&self.block_minutes) {
            return refuse(format!(
                "--block-minutes is {}; expected 1 to 100000",
                self.block_minutes
            ));
        }
        Ok(())
    }
}

/// A finished diagnosis and where it belongs.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// The report.
    pub report: MicrostructureReport,
    /// Files by name below the folder, in the order they are written.
    pub files: Vec<(String, String)>,
    /// Folder used unless another is named.
    pub default_dir: PathBuf,
}

/// Measures the features of the traded instrument of `config`; ingests and builds bars first as a run would.
///
/// # Errors
/// Configuration, data and internal errors; data errors if the lake holds nothing of the instrument.
pub fn diagnose(
    config: &Config,
    params: &DiagnoseParams,
    options: &RunOptions<'_>,
) -> CommandResult<Diagnosis> {
    params.check()?;
    let bars = ensure_bars(config, options)?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build()
        .internal_error()?;
    pool.install(|| {
        (options.on_stage)("features");
        let series = collect::collect(config, &bars, options)?;
        (options.on_stage)("measure");
        let mut columns: Vec<ColumnReport> = series
            .columns
            .par_iter()
            .map(|column| measure::column(&series, column, params))
            .collect();
        let n_tests = adjust(&mut columns)?;
        let cross = measure::cross_correlation(&series.columns);
        (options.on_stage)("ofi");
        let ofi = ofi::measure(config, &HashMemo::default())?;
        let key = &instrument_keys(config)[config.traded];
        let report = MicrostructureReport {
            simulated: key.exchange.simulated,
            instrument: key.to_string(),
            start: config.range.start.to_string(),
            end: config.range.end.to_string(),
            feature_set: series.feature_set.clone(),
            bar_set: bars[config.traded].bar_set.clone(),
            code_version: crate::run::identity::CODE_VERSION,
            minutes: series.n,
            usable_minutes: series.usable_minutes(),
            masked_minutes: series.masked,
            price: series.basis,
            horizons_minutes: params.horizons.clone(),
            segment_gap_minutes: config.raw.bars.segment_gap_minutes,
            bootstrap: BootstrapReport {
                kind: "circular block bootstrap, percentile interval",
                replicates: params.replicates,
                block_minutes: params
                    .horizons
                    .iter()
                    .map(|h| measure::block_of(*h, params))
                    .collect(),
                level: measure::LEVEL,
                seed: params.seed,
            },
            tests: TestsReport {
                family: "rank IC, every column at every horizon that can be tested",
                statistic: "step-wise (Hodrick 1992, 1B), two-sided, normal law",
                n: n_tests,
                untested: untested(&columns),
                min_effective: MIN_EFFECTIVE,
            },
            days: series.days.iter().map(ToString::to_string).collect(),
            columns,
            cross_correlation: cross,
            ofi_regression: ofi,
        };
        let files = files_of(&report, &series)?;
        let range = format!("{}_{}", file_time(&report.start), file_time(&report.end));
        Ok(Diagnosis {
            default_dir: config
                .raw
                .paths
                .artifacts
                .join("diagnostics")
                .join(&series.feature_set)
                .join(key.exchange.to_string())
                .join(key.market.to_string())
                .join(key.symbol.as_str())
                .join(range),
            report,
            files,
        })
    })
}

/// Returns an instant as part of a file name: whole days as dates.
fn file_time(text: &str) -> String {
    text.replace("T00:00:00Z", "").replace(':', "")
}

/// Adjusts the p-values of all rank coefficients together and returns how many there are.
fn adjust(columns: &mut [ColumnReport]) -> CommandResult<usize> {
    let ps: Vec<f64> = columns
        .iter()
        .flat_map(|c| &c.ic)
        .filter_map(|row| row.rank.p)
        .collect();
    let by_holm = holm(&ps).internal_error()?;
    let by_bh = benjamini_hochberg(&ps).internal_error()?;
    let mut adjusted = by_holm.into_iter().zip(by_bh);
    for row in columns.iter_mut().flat_map(|c| &mut c.ic) {
        if row.rank.p.is_some() {
            (row.p_holm, row.p_bh) = adjusted.next().unzip();
        }
    }
    Ok(ps.len())
}

/// Counts the rank coefficients without a test by reason.
fn untested(columns: &[ColumnReport]) -> UntestedReport {
    let mut out = UntestedReport::default();
    for why in columns
        .iter()
        .flat_map(|c| &c.ic)
        .filter_map(|row| row.rank.untested)
    {
        let count = match why {
            name if name == Untested::Persistent.name() => &mut out.persistent,
            name if name == Untested::TooFew.name() => &mut out.too_few,
            name if name == Untested::NoVariation.name() => &mut out.no_variation,
            _ => &mut out.price_level,
        };
        *count += 1;
    }
    out
}

fn files_of(
    report: &MicrostructureReport,
    series: &collect::Series,
) -> CommandResult<Vec<(String, String)>> {
    let json = serde_json::to_string_pretty(report).internal_error()? + "\n";
    let mut files = vec![
        (JSON_FILE.to_owned(), json),
        (MARKDOWN_FILE.to_owned(), markdown::write(report)),
    ];
    files.extend(plots::all(report, &series.columns));
    Ok(files)
}

#[cfg(test)]
mod tests;
