//! The days a feature set remembers: rows, the bars they complete and their statistics, and where in them a replay begins.

use crate::bars::{MinuteRow, N_STAT_COLUMNS, Resampler, STAT_MADE_OF, StatSources};
use crate::features::kernels::returns::LastClose;
use crate::features::traits::{CloseMove, InstrumentMinute, MinuteFrame, Replay};
use crate::time::{Day, MICROS_PER_MINUTE, MINUTES_PER_DAY, UnixMicros};

/// What is the same for every minute of a run.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) watermark_us: i64,
    pub(super) traded_idx: usize,
    pub(super) n_instruments: usize,
    /// Statistics of a minute without any: all null.
    no_stats: Vec<f64>,
}

impl Run {
    pub(super) fn new(watermark_us: i64, traded_idx: usize, n_instruments: usize) -> Self {
        Self {
            watermark_us,
            traded_idx,
            n_instruments,
            no_stats: vec![f64::NAN; n_instruments * N_STAT_COLUMNS],
        }
    }

    /// Statistics of all instruments in one minute.
    pub(super) const fn n_stats(&self) -> usize {
        self.no_stats.len()
    }
}

/// One day minute by minute, instruments side by side.
#[derive(Clone, Debug)]
pub(super) struct DayMinutes {
    day: Day,
    /// Their segments are those of whoever looked at the minute last.
    minutes: Vec<InstrumentMinute>,
    /// Statistics of the minutes; empty while no minute of the day had any.
    stats: Vec<f64>,
    /// What those of each instrument are made of.
    sources: Vec<StatSources>,
    n_minutes: usize,
    /// Of each instrument.
    last_closes: Vec<LastClose>,
    /// The traded instrument has at least one real row.
    exists: bool,
}

impl DayMinutes {
    pub(super) const fn new() -> Self {
        Self {
            day: Day(0),
            minutes: Vec::new(),
            stats: Vec::new(),
            sources: Vec::new(),
            n_minutes: 0,
            last_closes: Vec::new(),
            exists: false,
        }
    }

    /// Forgets everything but the memory, which the next day needs as well; `sources` are those of the new day, by
    /// instrument, or empty.
    pub(super) fn restart(&mut self, run: &Run, day: Day, sources: &[StatSources]) {
        self.day = day;
        sources.clone_into(&mut self.sources);
        self.sources
            .resize(run.n_instruments, StatSources::default());
        self.minutes.clear();
        self.stats.clear();
        self.n_minutes = 0;
        self.last_closes.clear();
        self.exists = false;
    }

    pub(super) const fn exists(&self) -> bool {
        self.exists
    }

    pub(super) const fn len(&self) -> usize {
        self.n_minutes
    }

    /// Returns what the statistics of each instrument are made of.
    pub(super) fn sources(&self) -> &[StatSources] {
        &self.sources
    }

    /// Appends the next minute; `stats` is empty or of the width of the run.
    pub(super) fn push(
        &mut self,
        run: &Run,
        rows: &[Option<MinuteRow>],
        resamplers: &mut [Resampler],
        stats: &[f64],
    ) {
        if self.minutes.is_empty() {
            self.minutes.reserve_exact(MINUTES_PER_DAY * rows.len());
        }
        self.last_closes.resize_with(rows.len(), LastClose::new);
        let states = resamplers.iter_mut().zip(&mut self.last_closes);
        self.minutes.extend(
            rows.iter()
                .zip(states)
                .map(|(row, (resampler, last_close))| InstrumentMinute {
                    row: *row,
                    bar_5m: row.as_ref().and_then(|r| resampler.push(r)),
                    close_move: last_close.step(row.as_ref()).map(CloseMove::of),
                    segment: crate::bars::SegmentState {
                        id: 0,
                        in_gap: false,
                        started: false,
                    },
                }),
        );
        if !stats.is_empty() && self.stats.is_empty() {
            // The first minute of the day with statistics: those before it had none.
            self.stats.reserve_exact(MINUTES_PER_DAY * stats.len());
            self.stats.resize(self.n_minutes * stats.len(), f64::NAN);
        }
        if !stats.is_empty() {
            self.stats.extend_from_slice(stats);
        } else if !self.stats.is_empty() {
            self.stats.extend_from_slice(&run.no_stats);
        }
        self.n_minutes += 1;
        self.exists |= rows[run.traded_idx].is_some_and(|r| !r.is_filled);
    }

    /// Returns minute `i`, to be given its segments.
    pub(super) fn minute_mut(&mut self, run: &Run, i: usize) -> &mut [InstrumentMinute] {
        &mut self.minutes[i * run.n_instruments..(i + 1) * run.n_instruments]
    }

    /// Returns minute `i` as features see it, with the segments it was given last.
    pub(super) fn frame<'a>(&'a self, run: &'a Run, i: usize) -> MinuteFrame<'a> {
        let n_stats = run.n_stats();
        let offset = i64::try_from(i).unwrap_or(i64::MAX);
        let ts_open = self.day.start().plus(offset * MICROS_PER_MINUTE);
        let ts_close = ts_open.plus(MICROS_PER_MINUTE);
        MinuteFrame {
            ts_open,
            ts_close,
            ts_avail: ts_close.plus(run.watermark_us),
            minutes: &self.minutes[i * run.n_instruments..(i + 1) * run.n_instruments],
            stats: self
                .stats
                .get(i * n_stats..(i + 1) * n_stats)
                .unwrap_or(&run.no_stats),
            traded_idx: run.traded_idx,
            parts: &[],
        }
    }

    /// Settles which statistics of this day can be in one window with those of a day with these sources.
    pub(super) fn mask_for(&self, sources: &[StatSources], mask: &mut Mask) {
        mask.hidden.clear();
        mask.is_any = self.sources != sources && !self.stats.is_empty();
        if !mask.is_any {
            return;
        }
        for (own, other) in self.sources.iter().zip(sources) {
            let hidden = STAT_MADE_OF.iter().map(|of| !own.agree(*other, *of));
            mask.hidden.extend(hidden);
        }
    }

    /// Returns minute `i` as [`Self::frame`] does, statistics that the mask hides being null.
    pub(super) fn masked_frame<'a>(
        &'a self,
        run: &'a Run,
        i: usize,
        mask: &'a mut Mask,
    ) -> MinuteFrame<'a> {
        let frame = self.frame(run, i);
        if !mask.is_any {
            return frame;
        }
        mask.shown.clear();
        let stats = frame.stats.iter().zip(&mask.hidden);
        mask.shown
            .extend(stats.map(|(x, is_hidden)| if *is_hidden { f64::NAN } else { *x }));
        MinuteFrame {
            stats: &mask.shown,
            ..frame
        }
    }

    /// Returns when the minute after the last one begins.
    pub(super) fn next_open(&self) -> UnixMicros {
        let offset = i64::try_from(self.n_minutes).unwrap_or(i64::MAX);
        self.day.start().plus(offset * MICROS_PER_MINUTE)
    }

    fn traded(&self, run: &Run, i: usize) -> &InstrumentMinute {
        &self.minutes[i * run.n_instruments + run.traded_idx]
    }
}

/// Which statistics of a day before are hidden from today: those made of something else than today's.
#[derive(Clone, Debug, Default)]
pub(super) struct Mask {
    is_any: bool,
    /// By instrument and column.
    hidden: Vec<bool>,
    /// The statistics of one minute, without them; kept to allocate nothing.
    shown: Vec<f64>,
}

/// Returns the minute, counted from the first of `days`, that a replay has to begin with: 0 for all of them.
pub(super) fn replay_start<'a>(
    days: impl DoubleEndedIterator<Item = &'a DayMinutes> + Clone,
    run: &'a Run,
    replay: Replay,
) -> usize {
    let n_minutes: usize = days.clone().map(DayMinutes::len).sum();
    let newest_first = days
        .rev()
        .flat_map(|day| (0..day.len()).rev().map(|i| day.traded(run, i)));
    let mut newest_first = (0..n_minutes).rev().zip(newest_first);
    let found = match replay {
        Replay::All => None,
        Replay::Minutes(0) | Replay::Bars(0) => return n_minutes,
        Replay::Minutes(n) => {
            // What a close is compared with is known from the first real minute on.
            newest_first
                .skip(n as usize - 1)
                .find(|(_, m)| m.row.is_some_and(|r| !r.is_filled && r.close.is_some()))
        }
        Replay::Bars(n) => {
            let mut missing = n;
            newest_first.find(|(_, m)| {
                let has_prices = m.bar_5m.is_some_and(|bar| {
                    bar.open.and(bar.high).and(bar.low).and(bar.close).is_some()
                });
                missing -= u32::from(has_prices);
                missing == 0
            })
        }
    };
    found.map_or(0, |(i, _)| i)
}
