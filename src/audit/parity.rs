//! Live equals backtest: the same days built in several ways must be the same bits.
//!
//! The reference is the batch over the lake, as the commands build it. Against it: the rows of the lake as single events in
//! the order they were received, through the watermark; the same over two sockets with delays, losses and late rows, against a
//! batch over what survived; a raw recording through the decoder; the last day rebuilt alone; a window that starts on
//! another day; and a stream that is killed in mid-day and starts again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use quant_core::bars::{DayBars, StatSources};
use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange};
use quant_lake::bars::StatRows;
use quant_lake::layout::Lake;
use quant_lake::openings::{OpeningPlan, VolumeMemo};
use quant_lake::read::HashMemo;
use quant_lake::schema::Dataset;
use quant_lake::stream::{MicroSpec, StreamSets};
use serde::Serialize;

use super::arrivals::{Arrivals, Sockets, as_recorded, hears, over_sockets, read, with_recorded};
use super::causality::{Pipeline as _, in_lake, prepared};
use super::cut::remove_rows;
use super::interrupted;
use super::live::{Arrived, LiveDay, bits_of};
use super::pipeline::{Product, tables_of};
use super::scratch::{Scratch, copy_lake, copy_raw};
use super::table::{Comparison, Table};
use crate::config::Config;
use crate::error::{CommandError, CommandResult, ErrorKind};
use crate::run::bars::BarSetSpec;
use crate::run::pipeline::instrument_keys;

/// Datasets whose rows the decoder of recordings hands out as events.
const RECORDED: [Dataset; 6] = [
    Dataset::Trades,
    Dataset::AggTrades,
    Dataset::BookTicker,
    Dataset::L2Deltas,
    Dataset::Klines1m,
    Dataset::Liquidations,
];

/// One way to build the same days, compared with the batch.
#[derive(Clone, Debug, Serialize)]
pub struct Way {
    /// Which.
    pub name: String,
    /// What happened on the way, in words.
    pub detail: String,
    /// It went over every day of the range and lost nothing: a column without a value proves nothing.
    pub is_whole: bool,
    /// Cells compared and different.
    pub comparison: Comparison,
}

/// What the audit found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ParityReport {
    /// Every way, in the order it was tried.
    pub ways: Vec<Way>,
}

impl ParityReport {
    /// Returns the columns of which one of the ways over everything compared no value.
    pub fn empty_columns(&self) -> Vec<String> {
        let whole = self.ways.iter().filter(|w| w.is_whole);
        let counts = whole.flat_map(|w| &w.comparison.non_null);
        let empty = counts.filter(|(_, n)| *n == 0).map(|(name, _)| name);
        let mut out: Vec<String> = Vec::new();
        for name in empty {
            if !out.contains(name) {
                out.push(name.clone());
            }
        }
        out
    }

    /// Returns the first way that compared no row.
    pub fn empty_way(&self) -> Option<&Way> {
        self.ways.iter().find(|w| w.comparison.rows == 0)
    }

    /// Returns the number of differing cells of all ways.
    pub fn n_differences(&self) -> u64 {
        self.ways.iter().map(|w| w.comparison.n_differences).sum()
    }
}

/// What is built in which ways.
pub struct ParityParams {
    /// Raw recordings of the traded instrument, in order, for the decoder.
    pub recordings: Vec<PathBuf>,
    /// The two sockets; `None` leaves that way out.
    pub sockets: Option<Sockets>,
    /// Share of the day's events after which the stream is killed, in thousandths, once per entry.
    pub kills: Vec<usize>,
    /// Raised by Ctrl-C.
    pub stop: Arc<AtomicBool>,
}

impl ParityParams {
    fn go_on(&self) -> CommandResult<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(interrupted());
        }
        Ok(())
    }
}

/// Days of one instrument from events.
struct Streamer<'a> {
    lake: Lake,
    instrument: &'a InstrumentKey,
    spec: &'a BarSetSpec,
    micro: &'a MicroSpec,
    sets: StreamSets,
    params: &'a ParityParams,
}

impl<'a> Streamer<'a> {
    fn open(
        lake: &Path,
        instrument: &'a InstrumentKey,
        spec: &'a BarSetSpec,
        micro: &'a MicroSpec,
        params: &'a ParityParams,
    ) -> CommandResult<Self> {
        use crate::error::Kinded as _;
        let lake = Lake::new(lake);
        let sets = StreamSets::open(&lake, instrument, &spec.datasets()).data_error()?;
        Ok(Self {
            lake,
            instrument,
            spec,
            micro,
            sets,
            params,
        })
    }

    /// Returns a day before its first event; `None` if the lake has no source of bars for it.
    fn begin(&self, day: Day) -> CommandResult<Option<LiveDay>> {
        use crate::error::Kinded as _;
        let Some(source) = self.sets.choose(&self.spec.sources, day) else {
            return Ok(None);
        };
        let plan = self.sets.plan(day, source, Some(self.micro));
        let opening = OpeningPlan {
            sets: &self.sets,
            day: &plan,
            bars: &self.spec.sources,
            spec: self.micro,
        };
        let (opening, _) = opening
            .make(&VolumeMemo::default(), &HashMemo::default())
            .data_error()?;
        Ok(Some(LiveDay::new(
            self.instrument,
            &plan,
            self.micro,
            &opening,
        )))
    }

    fn arrivals(&self, day: Day) -> CommandResult<Vec<super::arrivals::Arrival>> {
        read(&self.lake, self.instrument, &self.spec.datasets(), day)
    }

    /// Streams a day; killed at each of the shares of the events, it starts again from 00:00 UTC and must say the same
    /// about what it had said.
    fn stream(&self, day: Day, arrivals: &Arrivals) -> CommandResult<Option<StreamedDay>> {
        let mut said: Vec<u64> = Vec::new();
        for per_mille in &self.params.kills {
            self.params.go_on()?;
            let Some(mut live) = self.begin(day)? else {
                return Ok(None);
            };
            let n = arrivals.list.len() * per_mille / 1_000;
            for arrival in arrivals.list.iter().take(n) {
                live.push(arrival.arrived.clone())?;
            }
            // What was said before the kill stays said; the state in memory is gone.
            let before = live.bits();
            require_same(day, &said, &before)?;
            if before.len() > said.len() {
                said = before;
            }
        }
        self.params.go_on()?;
        let Some(mut live) = self.begin(day)? else {
            return Ok(None);
        };
        for arrival in &arrivals.list {
            live.push(arrival.arrived.clone())?;
        }
        let sources = live.sources();
        let (bars, n_late) = live.finish()?;
        require_same(day, &said, &bits_of(&bars.rows, &bars.stat_values))?;
        Ok(Some(StreamedDay {
            bars,
            sources,
            n_late,
        }))
    }
}

/// What a day of the stream came to.
struct StreamedDay {
    bars: DayBars,
    sources: StatSources,
    /// Events that came after the watermark had passed them.
    n_late: u64,
}

/// Two lives of one day may differ in length only.
fn require_same(day: Day, a: &[u64], b: &[u64]) -> CommandResult<()> {
    let n = a.len().min(b.len());
    if a[..n] == b[..n] {
        return Ok(());
    }
    Err(CommandError::text(
        ErrorKind::Internal,
        &format!("the stream of {day} said one thing before it was killed and another after"),
    ))
}

/// Builds the days of `config` in every way and compares; the lake itself is not written to.
///
/// # Errors
/// Of building and reading; a config without microstructure.
pub fn audit(
    config: &Config,
    params: &ParityParams,
    on_way: &dyn Fn(&str),
) -> CommandResult<ParityReport> {
    let spec = BarSetSpec::of(&config.raw)?;
    let Some(micro) = spec.microstructure.clone() else {
        return Err(CommandError::text(
            ErrorKind::Config,
            "the audit of parity needs `bars.microstructure`",
        )
        .hint("set it as configs/default.yaml does"));
    };
    let scratch = Scratch::create(&config.raw.paths.lake)?;
    let config = &prepared(config)?;
    let base = scratch.path().join("base");
    copy_lake(&config.raw.paths.lake, &base)?;
    let batch_config = in_lake(config, &base);
    on_way("batch");
    let product = Product {
        stop: Arc::clone(&params.stop),
    };
    let batch = product.tables(&batch_config)?;
    let mut report = ParityReport::default();
    let whole = config.read_range();
    let keys = instrument_keys(config);

    on_way("stream");
    let mut streamed = Vec::new();
    let mut late = 0;
    for key in &keys {
        let streamer = Streamer::open(&base, key, &spec, &micro, params)?;
        let mut rows = StatRows::default();
        for day in whole.days() {
            let arrivals = as_recorded(streamer.arrivals(day)?, &micro);
            if let Some(of_day) = streamer.stream(day, &arrivals)? {
                rows.append(of_day.bars, of_day.sources);
                late += of_day.n_late;
            }
        }
        streamed.push(rows);
    }
    let tables = tables_of(config, &streamed)?;
    let detail = format!(
        "{late} late events left out, killed {} times a day",
        params.kills.len()
    );
    report.push("stream", detail, &batch, &tables, whole);

    if let Some(sockets) = params.sockets {
        on_way("sockets");
        report.ways.push(with_sockets(
            config, &spec, &micro, &base, &scratch, sockets, params,
        )?);
    }
    if !params.recordings.is_empty() {
        on_way("recording");
        let key = &keys[config.traded];
        let streamer = Streamer::open(&base, key, &spec, &micro, params)?;
        let bars = recorded(&streamer, &params.recordings, whole)?;
        let mut all = streamed;
        all[config.traded] = bars;
        let tables = tables_of(config, &all)?;
        let detail = format!("{} file(s) through the decoder", params.recordings.len());
        report.push("recording", detail, &batch, &tables, whole);
    }
    on_way("alone");
    // Days without bars show nothing.
    let streamer = Streamer::open(&base, &keys[config.traded], &spec, &micro, params)?;
    let has_bars = |day: &Day| streamer.sets.choose(&spec.sources, *day).is_some();
    let days: Vec<Day> = config.range.days().filter(has_bars).collect();
    let last = days.last().copied().unwrap_or(config.last_day());
    for (name, start) in [
        ("last day alone", last),
        ("later start", days.get(1).copied().unwrap_or(last)),
    ] {
        if start > last || (name == "later start" && start == last) {
            continue;
        }
        let lake = scratch.path().join("alone");
        copy_raw(&config.raw.paths.lake, &lake)?;
        let mut alone = in_lake(config, &lake);
        let warmup = config.range.start.day().0 - config.first_day.0;
        alone.range.start = start.start();
        alone.first_day = start.plus(-warmup);
        let tables = product.tables(&alone)?;
        let detail = format!("from {start} on, in an empty lake");
        let of = TimeRange {
            start: start.start(),
            end: config.range.end,
        };
        params.go_on()?;
        report.ways.push(Way {
            is_whole: false,
            ..way(name, detail, &batch, &tables, of)
        });
        scratch.clear("alone")?;
    }
    Ok(report)
}

impl ParityReport {
    fn push(
        &mut self,
        name: &str,
        detail: String,
        batch: &[Table],
        other: &[Table],
        range: TimeRange,
    ) {
        self.ways.push(way(name, detail, batch, other, range));
    }
}

fn way(name: &str, detail: String, batch: &[Table], other: &[Table], range: TimeRange) -> Way {
    let mut comparison = Comparison::default();
    for table in batch {
        let nothing = Table::default();
        let found = other
            .iter()
            .find(|t| t.name == table.name)
            .unwrap_or(&nothing);
        comparison.extend(table.compare(found, range.start.0..range.end.0, i64::MAX));
    }
    Way {
        name: name.to_owned(),
        detail,
        is_whole: true,
        comparison,
    }
}

/// Sends the days over two sockets and compares the stream with a batch over what survived.
fn with_sockets(
    config: &Config,
    spec: &BarSetSpec,
    micro: &MicroSpec,
    base: &Path,
    scratch: &Scratch,
    sockets: Sockets,
    params: &ParityParams,
) -> CommandResult<Way> {
    let lake = scratch.path().join("survivors");
    copy_raw(&config.raw.paths.lake, &lake)?;
    let keys = instrument_keys(config);
    let whole = config.read_range();
    let mut sent: Vec<Vec<(Day, Arrivals)>> = Vec::new();
    let mut n_lost = 0;
    for (i, key) in keys.iter().enumerate() {
        let streamer = Streamer::open(base, key, spec, micro, params)?;
        let mut days = Vec::new();
        for day in whole.days() {
            let seed = sockets.seed.wrapping_mul(1_000_003).wrapping_add(i as u64);
            let of_day = Sockets {
                seed: seed.wrapping_add(u64::from(day.0.unsigned_abs()) << 20),
                ..sockets
            };
            let arrivals = over_sockets(streamer.arrivals(day)?, micro, of_day, day);
            for (dataset, rows) in &arrivals.lost {
                remove_rows(&Lake::new(&lake), key, *dataset, day, rows)?;
            }
            n_lost += arrivals.n_lost();
            days.push((day, arrivals));
        }
        sent.push(days);
    }
    let product = Product {
        stop: Arc::clone(&params.stop),
    };
    let batch = product.tables(&in_lake(config, &lake))?;
    let (mut streamed, mut n_late) = (Vec::new(), 0);
    for (key, days) in keys.iter().zip(&sent) {
        let streamer = Streamer::open(&lake, key, spec, micro, params)?;
        let mut rows = StatRows::default();
        for (day, arrivals) in days {
            if let Some(of_day) = streamer.stream(*day, arrivals)? {
                rows.append(of_day.bars, of_day.sources);
                n_late += of_day.n_late;
            }
        }
        streamed.push(rows);
    }
    let tables = tables_of(config, &streamed)?;
    let detail = format!(
        "delays up to {} ms, {} disconnections a socket and day, {n_lost} rows lost or late, {n_late} of them left out by the stream",
        sockets.max_delay_us / 1_000,
        sockets.n_disconnects
    );
    Ok(Way {
        is_whole: false,
        ..way("sockets", detail, &batch, &tables, whole)
    })
}

/// Builds the days of a recording from what its decoder says, frame by frame.
fn recorded(
    streamer: &Streamer<'_>,
    files: &[PathBuf],
    range: TimeRange,
) -> CommandResult<StatRows> {
    let arrived: Arc<Mutex<Vec<Arrived>>> = Arc::default();
    let sink = Arc::clone(&arrived);
    super::decode::decode(
        streamer.instrument,
        &RECORDED,
        files,
        range,
        move |dataset, event| {
            sink.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Arrived::new(dataset, event));
        },
    )?;
    let arrived = core::mem::take(&mut *arrived.lock().unwrap_or_else(PoisonError::into_inner));
    if arrived.is_empty() {
        return Err(CommandError::text(
            ErrorKind::Data,
            &format!("the recordings hold no frames of `{}`", streamer.instrument),
        )
        .hint("give recordings of the traded instrument of the config"));
    }
    let mut out = StatRows::default();
    for day in range.days() {
        streamer.params.go_on()?;
        let Some(mut live) = streamer.begin(day)? else {
            continue;
        };
        // States, bands and images are not decoded into events: they come from the lake.
        let mut others = streamer.arrivals(day)?;
        others.retain(|a| !RECORDED.contains(&a.arrived.dataset));
        let heard = arrived.iter().filter(|e| hears(day, e)).cloned();
        for event in with_recorded(heard, others, streamer.micro) {
            live.push(event)?;
        }
        let sources = live.sources();
        out.append(live.finish()?.0, sources);
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
