//! What is audited: bars and features of a config's instruments, built and read as the commands do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, Float64Array};
use quant_core::bars::{MinuteRow, STAT_COLUMNS, StatSources};
use quant_core::features::{FeatureSet, N_STAT_COLUMNS};
use quant_core::time::{Day, MICROS_PER_MINUTE};
use quant_lake::bars::{StatRows, read_stat_bars};
use quant_lake::features::feature_set_spec;
use quant_lake::ingest::NoProgress;
use quant_lake::layout::Lake;
use quant_lake::read::{HashMemo, PartitionSet};

use super::causality::Pipeline;
use super::table::Table;
use crate::config::{Config, core_params};
use crate::error::{CommandResult, Kinded as _};
use crate::run::bars::BarSetSpec;
use crate::run::features::{self, FeatureOptions};
use crate::run::pipeline::{RunOptions, build_bars, instrument_keys};

/// Numbers of a bar that are compared, beside the statistics.
const BAR_COLUMNS: [&str; 10] = [
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "n_trades",
    "buy_volume",
    "vwap",
    "is_filled",
];

/// The product itself.
#[derive(Clone, Debug, Default)]
pub struct Product {
    /// Raised by Ctrl-C.
    pub stop: Arc<AtomicBool>,
}

impl Pipeline for Product {
    fn tables(&self, config: &Config) -> CommandResult<Vec<Table>> {
        let options = RunOptions {
            force: false,
            jobs: rayon::current_num_threads(),
            stop: Arc::clone(&self.stop),
            ingest_progress: &NoProgress,
            on_ingest: &|_, _| {},
            on_stage: &|_| {},
            on_day: &|_, _| {},
        };
        build_bars(config, &options)?;
        let mut tables = bar_tables(config, &stored_bars(config)?);
        let options = FeatureOptions {
            force: false,
            jobs: rayon::current_num_threads(),
            stop: Arc::clone(&self.stop),
            on_day: &|_| {},
        };
        features::build(config, config.range, &options)?;
        tables.push(stored_features(config)?);
        Ok(tables)
    }
}

/// Reads the features of the config's range as `build-features` wrote them.
fn stored_features(config: &Config) -> CommandResult<Table> {
    let params = core_params::feature_set(&config.raw);
    let n = config.raw.instruments.len();
    let set = FeatureSet::new(&params, n, config.traded).config_error()?;
    let columns = set.columns().to_vec();
    let universe = features::universe_of(config);
    let spec = feature_set_spec(&universe, set.id(), &columns).data_error()?;
    let lake = Lake::new(&config.raw.paths.lake);
    let mut table = Table {
        name: "features".to_owned(),
        columns,
        ..Table::default()
    };
    let Some(stored) = PartitionSet::open_if_present(&lake, &spec).data_error()? else {
        return Ok(table);
    };
    let memo = HashMemo::default();
    for batch in stored
        .read(config.range, None, 1 << 14, &memo)
        .data_error()?
    {
        let batch = batch.data_error()?;
        let time = |name: &str| {
            let array = batch.column_by_name(name);
            array.map_or(&[][..], |a| {
                a.as_primitive::<TimestampMicrosecondType>().values()
            })
        };
        table.ts_open.extend_from_slice(time("ts_open"));
        table.ts_avail.extend_from_slice(time("ts_avail"));
        let values: Vec<&Float64Array> = (table.columns.iter())
            .filter_map(|name| Some(batch.column_by_name(name)?.as_primitive::<Float64Type>()))
            .collect();
        for row in 0..batch.num_rows() {
            let cells = values.iter().map(|v| v.is_valid(row).then(|| v.value(row)));
            table.values.extend(cells);
        }
    }
    Ok(table)
}

/// Reads the bars of every instrument over the days a run reads.
///
/// # Errors
/// Reading errors; no bars at all are empty.
pub fn stored_bars(config: &Config) -> CommandResult<Vec<StatRows>> {
    let lake = Lake::new(&config.raw.paths.lake);
    let spec = BarSetSpec::of(&config.raw)?;
    let memo = HashMemo::default();
    let mut out = Vec::new();
    for key in instrument_keys(config) {
        let set = PartitionSet::open_if_present(&lake, &spec.bars_of(&key)?).data_error()?;
        out.push(match set {
            None => StatRows::default(),
            Some(set) => read_stat_bars(&set, config.read_range(), &memo).data_error()?,
        });
    }
    Ok(out)
}

/// Returns the bars of every instrument and the features made of them, as tables with the moment each row was known.
///
/// # Errors
/// If the features refuse the config or a row.
pub fn tables_of(config: &Config, bars: &[StatRows]) -> CommandResult<Vec<Table>> {
    let mut out = bar_tables(config, bars);
    out.push(feature_table(config, bars)?);
    Ok(out)
}

fn bar_tables(config: &Config, bars: &[StatRows]) -> Vec<Table> {
    let watermark_us = core_params::watermark(&config.raw).0;
    let keys = instrument_keys(config);
    let all = keys.iter().zip(bars);
    all.map(|(key, bars)| bar_table(format!("bars {key}"), bars, watermark_us))
        .collect()
}

fn bar_table(name: String, bars: &StatRows, watermark_us: i64) -> Table {
    let has_stats = !bars.stats.is_empty();
    let mut columns: Vec<String> = BAR_COLUMNS.map(str::to_owned).to_vec();
    if has_stats {
        columns.extend(STAT_COLUMNS.map(str::to_owned));
    }
    let mut values = Vec::with_capacity(bars.rows.len() * columns.len());
    for (i, row) in bars.rows.iter().enumerate() {
        values.extend(bar_values(row));
        if has_stats {
            let stats = &bars.stats[i * N_STAT_COLUMNS..(i + 1) * N_STAT_COLUMNS];
            values.extend(stats.iter().map(|v| (!v.is_nan()).then_some(*v)));
        }
    }
    let opens = || bars.rows.iter().map(|r| r.ts_open.0);
    Table {
        name,
        columns,
        ts_open: opens().collect(),
        ts_avail: opens()
            .map(|ts| ts + MICROS_PER_MINUTE + watermark_us)
            .collect(),
        values,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a number of trades of one minute is far below 2^53"
)]
pub(super) fn bar_values(row: &MinuteRow) -> [Option<f64>; BAR_COLUMNS.len()] {
    [
        row.open,
        row.high,
        row.low,
        row.close,
        Some(row.volume),
        row.quote_volume,
        row.n_trades.map(|n| n as f64),
        row.buy_volume,
        row.vwap,
        Some(f64::from(u8::from(row.is_filled))),
    ]
}

/// Runs the config's feature set over the bars of all its instruments.
fn feature_table(config: &Config, bars: &[StatRows]) -> CommandResult<Table> {
    let params = core_params::feature_set(&config.raw);
    let mut set = FeatureSet::new(&params, bars.len(), config.traded).internal_error()?;
    let mut table = Table {
        name: "features".to_owned(),
        columns: set.columns().to_vec(),
        ..Table::default()
    };
    // As the command does: no rows for days without bars of the traded instrument.
    let traded = bars.get(config.traded).into_iter();
    let days: BTreeSet<Day> = traded
        .flat_map(|b| b.rows.iter().map(|row| row.ts_open.day()))
        .collect();
    let mut cursors = vec![0_usize; bars.len()];
    let mut minute: Vec<Option<MinuteRow>> = vec![None; bars.len()];
    let mut stats = vec![f64::NAN; bars.len() * N_STAT_COLUMNS];
    let range = config.read_range();
    let mut sources: Vec<StatSources> = Vec::new();
    let mut ts_open = range.start;
    while ts_open < range.end {
        let day = ts_open.day();
        if ts_open == day.start() {
            sources.clear();
            sources.extend(bars.iter().map(|b| b.sources_of(day)));
        }
        for (i, bars) in bars.iter().enumerate() {
            let at = cursors[i];
            let row = bars.rows.get(at).filter(|row| row.ts_open == ts_open);
            minute[i] = row.copied();
            let shown = &mut stats[i * N_STAT_COLUMNS..(i + 1) * N_STAT_COLUMNS];
            shown.fill(f64::NAN);
            if row.is_some() {
                let stored = bars
                    .stats
                    .get(at * N_STAT_COLUMNS..(at + 1) * N_STAT_COLUMNS);
                if let Some(stored) = stored {
                    shown.copy_from_slice(stored);
                }
                cursors[i] += 1;
            }
        }
        let row = set
            .push_with_stats(ts_open, &minute, &stats, &sources)
            .internal_error()?;
        if config.range.contains(ts_open) && days.contains(&ts_open.day()) {
            table.ts_open.push(ts_open.0);
            table.ts_avail.push(row.ts_avail.0);
            table.values.extend_from_slice(&row.values);
        }
        ts_open = ts_open.plus(MICROS_PER_MINUTE);
    }
    Ok(table)
}
