//! Drives features over aligned minutes and makes their values independent of where a run starts.
//!
//! It holds no feature logic, reads no files and fills no nulls.

use core::ops::Range;
use std::collections::VecDeque;

use crate::bars::{MinuteRow, Resampler, Segmenter};
use crate::features::history::{DayMinutes, Run, replay_start};
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

/// A feature and the columns it writes.
#[derive(Debug)]
struct Slot {
    columns: Range<usize>,
    feature: Box<dyn RowFeature>,
}

/// Features with the same replay window, and the segments that window implies.
#[derive(Debug)]
struct Group {
    days_back: u16,
    slots: Vec<Slot>,
    segmenters: Vec<Segmenter>,
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
/// Per minute O(sum of windows); at midnight each feature is replayed over as much of its days as its state depends on
/// ([`RowFeature::replay`]). Memory: the longest window.
#[derive(Debug)]
pub struct FeatureSet {
    id: String,
    columns: Vec<String>,
    groups: Vec<Group>,
    run: Run,
    segment_gap_minutes: u32,
    resampler: Resampler,
    resamplers: Vec<Resampler>,
    max_days_back: u16,
    /// The days before today, oldest first.
    past: VecDeque<DayMinutes>,
    today: DayMinutes,
    next_open: Option<UnixMicros>,
    row: FeatureRow,
    /// Segments counted from 00:00 UTC.
    segmenters: Vec<Segmenter>,
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
        Self::of(params, built, n_instruments, traded_idx)
    }

    /// Builds the set of built features.
    pub(super) fn of(
        params: &FeatureSetParams,
        built: Vec<Box<dyn RowFeature>>,
        n_instruments: usize,
        traded_idx: usize,
    ) -> Result<Self, FeatureError> {
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
            groups[at].slots.push(Slot {
                columns: column..column + width,
                feature,
            });
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
            run: Run::new(params.watermark.0, traded_idx, n_instruments),
            segment_gap_minutes: params.segment_gap_minutes,
            resampler,
            resamplers: Vec::new(),
            past: VecDeque::new(),
            today: DayMinutes::new(),
            next_open: None,
            segmenters: Vec::new(),
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
            .flat_map(|g| &g.slots)
            .map(|slot| (slot.columns.start, slot.feature.spec()))
            .collect();
        specs.sort_by_key(|(column, _)| *column);
        specs.into_iter().map(|(_, spec)| spec).collect()
    }

    /// Returns the last pushed minute as features saw it, with segments counted from 00:00 UTC.
    pub fn frame(&self) -> Option<MinuteFrame<'_>> {
        let last = self.today.len().checked_sub(1)?;
        Some(self.today.frame(&self.run, last))
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
        if !stats.is_empty() && stats.len() != self.run.n_stats() {
            return Err(FeatureError::WrongWidth {
                expected: self.run.n_stats(),
                found: stats.len(),
            });
        }
        let day = ts_open.day();
        if ts_open == day.start() {
            self.start_day(day);
        }
        let (run, today) = (&self.run, &mut self.today);
        let at = today.len();
        today.push(run, rows, &mut self.resamplers, stats);
        self.next_open = Some(today.next_open());
        self.row.ts_open = ts_open;
        self.row.ts_avail = ts_open.plus(MICROS_PER_MINUTE).plus(run.watermark_us);
        self.row.values.fill(None);
        for group in self.groups.iter_mut().filter(|g| g.is_ready) {
            assign(&mut group.segmenters, today.minute_mut(run, at));
            let frame = today.frame(run, at);
            for slot in &mut group.slots {
                let out = &mut self.row.values[slot.columns.clone()];
                slot.feature.update(&frame, out);
            }
        }
        assign(&mut self.segmenters, today.minute_mut(run, at));
        for value in &mut self.row.values {
            if value.is_some_and(|v| !v.is_finite()) {
                *value = None;
            }
        }
        Ok(&self.row)
    }

    fn check_frame(
        &self,
        ts_open: UnixMicros,
        rows: &[Option<MinuteRow>],
    ) -> Result<(), FeatureError> {
        if rows.len() != self.run.n_instruments {
            return Err(FeatureError::WrongWidth {
                expected: self.run.n_instruments,
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
        // The oldest day's memory serves the new one.
        let mut new = DayMinutes::new();
        if self.today.len() > 0 {
            self.past
                .push_back(core::mem::replace(&mut self.today, DayMinutes::new()));
        }
        while self.past.len() > usize::from(self.max_days_back) {
            if let Some(old) = self.past.pop_front() {
                new = old;
            }
        }
        new.restart(day);
        self.today = new;
        let fresh = vec![Segmenter::new(self.segment_gap_minutes); self.run.n_instruments];
        let mut sink = vec![None; self.columns.len()];
        for group in &mut self.groups {
            group.restart(&fresh);
            let n = usize::from(group.days_back);
            let Some(skipped) = self.past.len().checked_sub(n) else {
                group.is_ready = false;
                continue;
            };
            group.is_ready = self.past.iter().skip(skipped).all(DayMinutes::exists);
            if group.is_ready {
                group.replay(&self.run, &mut self.past, skipped, &mut sink);
            }
        }
        self.segmenters = fresh;
        self.resamplers = vec![self.resampler.clone(); self.run.n_instruments];
    }
}

impl Group {
    const fn new(days_back: u16) -> Self {
        Self {
            days_back,
            slots: Vec::new(),
            segmenters: Vec::new(),
            is_ready: false,
        }
    }

    fn restart(&mut self, segmenters: &[Segmenter]) {
        segmenters.clone_into(&mut self.segmenters);
        for slot in &mut self.slots {
            slot.feature.reset();
        }
    }

    /// Takes every minute of `past[skipped..]`; a feature only those its state depends on.
    fn replay(
        &mut self,
        run: &Run,
        past: &mut VecDeque<DayMinutes>,
        skipped: usize,
        sink: &mut [Option<f64>],
    ) {
        let mut waiting: Vec<(usize, &mut Slot)> = self
            .slots
            .iter_mut()
            .map(|slot| {
                let days = past.iter().skip(skipped);
                (replay_start(days, run, slot.feature.replay()), slot)
            })
            .collect();
        // The earliest last, to be taken from the end.
        waiting.sort_by_key(|(start, _)| core::cmp::Reverse(*start));
        let mut running: Vec<&mut Slot> = Vec::with_capacity(waiting.len());
        let mut minute = 0;
        for day in past.iter_mut().skip(skipped) {
            for i in 0..day.len() {
                assign(&mut self.segmenters, day.minute_mut(run, i));
                while let Some((_, slot)) = waiting.pop_if(|(start, _)| *start <= minute) {
                    running.push(slot);
                }
                let frame = day.frame(run, i);
                for slot in &mut running {
                    slot.feature
                        .observe(&frame, &mut sink[slot.columns.clone()]);
                }
                minute += 1;
            }
        }
    }
}

/// Gives every instrument's minute its segment.
fn assign(segmenters: &mut [Segmenter], minutes: &mut [InstrumentMinute]) {
    for (segmenter, minute) in segmenters.iter_mut().zip(minutes) {
        minute.segment = segmenter.push(minute.row.as_ref());
    }
}
