//! Drives features over aligned minutes and makes their values independent of where a run starts.
//!
//! It holds no feature logic, reads no files and fills no nulls.

use std::collections::VecDeque;

use crate::bars::{MinuteRow, N_STAT_COLUMNS, Resampler, Segmenter};
use crate::features::params::set_id;
use crate::features::{
    FeatureError, FeatureSetParams, FeatureSpec, InstrumentMinute, MinuteFrame, RowFeature,
};
use crate::time::{Day, MICROS_PER_MINUTE, UnixMicros};

/// Minutes of the bars that features, regime and entries run on.
const BAR_MINUTES: u32 = 5;

/// The values of one minute.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureRow {
    /// Inclusive start of the minute.
    pub ts_open: UnixMicros,
    /// First moment the values may be used.
    pub ts_avail: UnixMicros,
    /// One value per column; `None` where there is none, never NaN or infinity.
    pub values: Vec<Option<f64>>,
}

/// One day of rows, minute by minute, instruments side by side.
#[derive(Clone, Debug)]
struct DayRows {
    day: Day,
    rows: Vec<Option<MinuteRow>>,
    /// Statistics of the rows; empty while no minute of the day had any.
    stats: Vec<f64>,
    /// The traded instrument has at least one real row.
    exists: bool,
}

/// Features with the same replay window, and the bars and segments that window implies.
#[derive(Debug)]
struct Group {
    days_back: u16,
    /// (first column, feature).
    features: Vec<(usize, Box<dyn RowFeature>)>,
    segmenters: Vec<Segmenter>,
    resamplers: Vec<Resampler>,
    minutes: Vec<InstrumentMinute>,
    /// Enough days exist for the current day.
    is_ready: bool,
}

/// A set of features over one universe, fed one aligned minute at a time.
///
/// # Causality
/// A value written for a minute uses rows of that minute and before, and may be used from `ts_avail` on.
///
/// # Determinism
/// Values on day D are a pure function of the rows of D and of the feature's own `days_back` whole days before: at
/// each UTC midnight every feature is reset and replayed over exactly those days, bars and segments included. A day
/// exists if the traded instrument has a real row on it; a feature one of whose days does not exist is null all day.
///
/// # Complexity
/// Per minute O(sum of windows); each row is replayed once per later day in a window. Memory: the longest window.
#[derive(Debug)]
pub struct FeatureSet {
    id: String,
    columns: Vec<String>,
    groups: Vec<Group>,
    watermark_us: i64,
    segment_gap_minutes: u32,
    resampler: Resampler,
    traded_idx: usize,
    n_instruments: usize,
    max_days_back: u16,
    history: VecDeque<DayRows>,
    next_open: Option<UnixMicros>,
    row: FeatureRow,
    /// The current minute with segments counted from 00:00 UTC.
    current: Group,
    current_stats: Vec<f64>,
    /// Statistics of a minute without any: all null.
    no_stats: Vec<f64>,
}

impl FeatureSet {
    /// Builds the set for frames of `n_instruments`, of which `traded_idx` is the traded one.
    ///
    /// # Errors
    /// `BadParams` with every violation; `NoOtherInstrument` if a feature reads an instrument beyond them or the traded
    /// one as another; `WrongWidth` if `traded_idx` is not an instrument.
    pub fn new(
        params: &FeatureSetParams,
        n_instruments: usize,
        traded_idx: usize,
    ) -> Result<Self, FeatureError> {
        if traded_idx >= n_instruments {
            return Err(FeatureError::WrongWidth {
                expected: traded_idx + 1,
                found: n_instruments,
            });
        }
        let built = params.build(n_instruments, traded_idx)?;
        let id = set_id(params, &built);
        let columns: Vec<String> = built
            .iter()
            .flat_map(|f| f.spec().columns.clone())
            .collect();
        // 5 divides 1,440: the error cannot happen, but it has a type, so it is passed on.
        let resampler = Resampler::new(BAR_MINUTES).map_err(|e| FeatureError::BadParams {
            violations: vec![crate::features::ParamViolation {
                key: "bar_minutes".to_owned(),
                value: e.to_string(),
                expected: "a divisor of 1440".to_owned(),
            }],
        })?;
        let mut groups: Vec<Group> = Vec::new();
        let mut column = 0;
        for feature in built {
            let spec = feature.spec();
            let (days_back, width) = (spec.days_back, spec.columns.len());
            let at = groups
                .iter()
                .position(|g| g.days_back == days_back)
                .unwrap_or_else(|| {
                    groups.push(Group::new(days_back));
                    groups.len() - 1
                });
            groups[at].features.push((column, feature));
            column += width;
        }
        Ok(Self {
            id,
            row: FeatureRow {
                ts_open: UnixMicros(0),
                ts_avail: UnixMicros(0),
                values: vec![None; columns.len()],
            },
            columns,
            max_days_back: groups.iter().map(|g| g.days_back).max().unwrap_or(0),
            groups,
            watermark_us: params.watermark.0,
            segment_gap_minutes: params.segment_gap_minutes,
            resampler,
            traded_idx,
            n_instruments,
            history: VecDeque::new(),
            next_open: None,
            current: Group::new(0),
            current_stats: vec![f64::NAN; n_instruments * N_STAT_COLUMNS],
            no_stats: vec![f64::NAN; n_instruments * N_STAT_COLUMNS],
        })
    }

    /// Returns the names of the columns, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Returns the id: the first 16 hex digits of the sha256 over the full specification.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns how many whole days before the first wanted day must be pushed for every feature to be defined.
    pub const fn warmup_days(&self) -> u16 {
        self.max_days_back
    }

    /// Returns the declaration of every feature, in column order.
    pub fn specs(&self) -> Vec<&FeatureSpec> {
        let mut specs: Vec<_> = self
            .groups
            .iter()
            .flat_map(|g| g.features.iter().map(|(column, f)| (*column, f.spec())))
            .collect();
        specs.sort_by_key(|(column, _)| *column);
        specs.into_iter().map(|(_, spec)| spec).collect()
    }

    /// Returns the last pushed minute as features saw it, with segments counted from 00:00 UTC.
    pub fn frame(&self) -> Option<MinuteFrame<'_>> {
        self.next_open.map(|next| {
            let ts_open = next.plus(-MICROS_PER_MINUTE);
            frame_of(
                ts_open,
                self.watermark_us,
                &self.current.minutes,
                &self.current_stats,
                self.traded_idx,
            )
        })
    }

    /// Returns the values of the last pushed minute; before the first push, nulls.
    pub const fn row(&self) -> &FeatureRow {
        &self.row
    }

    /// Takes the rows of the next minute, one per instrument, and returns its values.
    ///
    /// The first minute must be 00:00 UTC and minutes must be consecutive; a minute the lake has no row for is
    /// pushed as `None`.
    ///
    /// # Errors
    /// `WrongWidth`, `StartsMidDay`, `NotConsecutive`, `Misaligned`; a refused frame changes nothing.
    pub fn push(
        &mut self,
        ts_open: UnixMicros,
        rows: &[Option<MinuteRow>],
    ) -> Result<&FeatureRow, FeatureError> {
        self.push_with_stats(ts_open, rows, &[])
    }

    /// Takes the rows of the next minute with their statistics, `n_instruments x N_STAT_COLUMNS` with NaN for null,
    /// or empty if no instrument has any.
    ///
    /// # Errors
    /// As [`Self::push`]; `WrongWidth` also for statistics of another width.
    pub fn push_with_stats(
        &mut self,
        ts_open: UnixMicros,
        rows: &[Option<MinuteRow>],
        stats: &[f64],
    ) -> Result<&FeatureRow, FeatureError> {
        self.check_frame(ts_open, rows)?;
        if !stats.is_empty() && stats.len() != self.no_stats.len() {
            return Err(FeatureError::WrongWidth {
                expected: self.no_stats.len(),
                found: stats.len(),
            });
        }
        let day = ts_open.day();
        if ts_open == day.start() {
            self.start_day(day);
        }
        self.next_open = Some(ts_open.plus(MICROS_PER_MINUTE));
        self.row.ts_open = ts_open;
        self.row.ts_avail = ts_open.plus(MICROS_PER_MINUTE).plus(self.watermark_us);
        self.row.values.fill(None);
        self.current.load(rows);
        let shown = if stats.is_empty() {
            &self.no_stats
        } else {
            stats
        };
        self.current_stats.copy_from_slice(shown);
        for group in &mut self.groups {
            group.load(rows);
            if group.is_ready {
                let frame = frame_of(
                    ts_open,
                    self.watermark_us,
                    &group.minutes,
                    &self.current_stats,
                    self.traded_idx,
                );
                for (column, feature) in &mut group.features {
                    let width = feature.spec().columns.len();
                    feature.update(&frame, &mut self.row.values[*column..*column + width]);
                }
            }
        }
        for value in &mut self.row.values {
            *value = value.filter(|v| v.is_finite());
        }
        if let Some(today) = self.history.back_mut() {
            if !stats.is_empty() && today.stats.is_empty() {
                // The first minute of the day with statistics: those before it had none.
                let n_before = today.rows.len() / self.n_instruments;
                today
                    .stats
                    .reserve(crate::time::MINUTES_PER_DAY * stats.len());
                today.stats.resize(n_before * self.no_stats.len(), f64::NAN);
            }
            if !today.stats.is_empty() || !stats.is_empty() {
                today.stats.extend_from_slice(&self.current_stats);
            }
            today.rows.extend_from_slice(rows);
            today.exists |= rows[self.traded_idx].is_some_and(|r| !r.is_filled);
        }
        Ok(&self.row)
    }

    fn check_frame(
        &self,
        ts_open: UnixMicros,
        rows: &[Option<MinuteRow>],
    ) -> Result<(), FeatureError> {
        if rows.len() != self.n_instruments {
            return Err(FeatureError::WrongWidth {
                expected: self.n_instruments,
                found: rows.len(),
            });
        }
        match self.next_open {
            None if ts_open != ts_open.day().start() => {
                return Err(FeatureError::StartsMidDay { found: ts_open });
            }
            Some(expected) if ts_open != expected => {
                return Err(FeatureError::NotConsecutive {
                    expected,
                    found: ts_open,
                });
            }
            _ => {}
        }
        let odd = rows
            .iter()
            .enumerate()
            .find_map(|(i, row)| row.filter(|r| r.ts_open != ts_open).map(|r| (i, r.ts_open)));
        match odd {
            None => Ok(()),
            Some((instrument_idx, found)) => Err(FeatureError::Misaligned {
                instrument_idx,
                expected: ts_open,
                found,
            }),
        }
    }

    /// Rebuilds every feature from its own days and opens the record of the new day.
    fn start_day(&mut self, day: Day) {
        while self.history.len() > usize::from(self.max_days_back) {
            self.history.pop_front();
        }
        let (watermark_us, traded_idx, width) =
            (self.watermark_us, self.traded_idx, self.n_instruments);
        let mut sink = vec![None; self.columns.len()];
        for group in &mut self.groups {
            group.restart(width, self.segment_gap_minutes, &self.resampler);
            let n = usize::from(group.days_back);
            let Some(skipped) = self.history.len().checked_sub(n) else {
                group.is_ready = false;
                continue;
            };
            group.is_ready = self.history.iter().skip(skipped).all(|d| d.exists);
            if !group.is_ready {
                continue;
            }
            for past in self.history.iter().skip(skipped) {
                let mut ts_open = past.day.start();
                for (i, rows) in past.rows.chunks_exact(width).enumerate() {
                    group.load(rows);
                    let n_stats = self.no_stats.len();
                    let stats = past
                        .stats
                        .get(i * n_stats..(i + 1) * n_stats)
                        .unwrap_or(&self.no_stats);
                    let frame = frame_of(ts_open, watermark_us, &group.minutes, stats, traded_idx);
                    for (column, feature) in &mut group.features {
                        let n_columns = feature.spec().columns.len();
                        feature.update(&frame, &mut sink[*column..*column + n_columns]);
                    }
                    ts_open = ts_open.plus(MICROS_PER_MINUTE);
                }
            }
        }
        self.current
            .restart(width, self.segment_gap_minutes, &self.resampler);
        self.history.push_back(DayRows {
            day,
            rows: Vec::with_capacity(crate::time::MINUTES_PER_DAY * width),
            stats: Vec::new(),
            exists: false,
        });
    }
}

impl Group {
    const fn new(days_back: u16) -> Self {
        Self {
            days_back,
            features: Vec::new(),
            segmenters: Vec::new(),
            resamplers: Vec::new(),
            minutes: Vec::new(),
            is_ready: false,
        }
    }

    fn restart(&mut self, width: usize, segment_gap_minutes: u32, resampler: &Resampler) {
        self.segmenters = vec![Segmenter::new(segment_gap_minutes); width];
        self.resamplers = vec![resampler.clone(); width];
        for (_, feature) in &mut self.features {
            feature.reset();
        }
    }

    /// Turns the rows of the next minute into `minutes`.
    fn load(&mut self, rows: &[Option<MinuteRow>]) {
        self.minutes.clear();
        for ((row, segmenter), resampler) in rows
            .iter()
            .zip(&mut self.segmenters)
            .zip(&mut self.resamplers)
        {
            self.minutes.push(InstrumentMinute {
                row: *row,
                bar_5m: row.as_ref().and_then(|r| resampler.push(r)),
                segment: segmenter.push(row.as_ref()),
            });
        }
    }
}

const fn frame_of<'a>(
    ts_open: UnixMicros,
    watermark_us: i64,
    minutes: &'a [InstrumentMinute],
    stats: &'a [f64],
    traded_idx: usize,
) -> MinuteFrame<'a> {
    let ts_close = ts_open.plus(MICROS_PER_MINUTE);
    MinuteFrame {
        ts_open,
        ts_close,
        ts_avail: ts_close.plus(watermark_us),
        minutes,
        stats,
        traded_idx,
    }
}
