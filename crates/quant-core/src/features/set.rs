//! Drives features over aligned minutes and makes their values independent of where a run starts.
//!
//! It holds no feature logic, reads no files and fills no nulls.

use std::collections::VecDeque;

use crate::bars::{MinuteRow, Resampler, Segmenter, StatSources};
use crate::features::group::{Group, assign, groups_of};
use crate::features::history::{DayMinutes, Run};
use crate::features::params::set_id;
use crate::features::{FeatureError, FeatureSetParams, FeatureSpec, MinuteFrame, RowFeature};
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

/// A set of features over one universe, fed one aligned minute at a time.
///
/// # Causality
/// A value written for a minute uses rows of that minute and before, and may be used from `ts_avail` on.
///
/// # Determinism
/// Values on day D are a pure function of the rows of D and of the feature's own `days_back` whole days before: at
/// each UTC midnight every feature is reset and replayed over exactly those days, bars and segments included. A day
/// exists if the traded instrument has a real row on it; a feature one of whose days does not exist is null all day.
/// Of the days before, statistics made of something else than those of D ([`StatSources::agree`]) are null to D.
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
    /// Values of the current minute: the columns, then those that features read and nobody asked for.
    values: Vec<Option<f64>>,
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
        let groups = groups_of(params, built)?;
        Ok(Self {
            id,
            row: FeatureRow {
                ts_open: UnixMicros(0),
                ts_avail: UnixMicros(0),
                values: vec![None; columns.len()],
            },
            columns,
            max_days_back: groups.iter().map(|g| g.days_back).max().unwrap_or(0),
            values: vec![None; groups.iter().map(Group::end).max().unwrap_or(0)],
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
            .flat_map(Group::specs)
            .filter(|(first, _)| *first < self.columns.len())
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
        self.push_with_stats(ts_open, rows, &[], &[])
    }

    /// Takes the rows of the next minute with their statistics, `n_instruments x N_STAT_COLUMNS` with NaN for null,
    /// or empty if no instrument has any, and what those of each instrument are made of: the same all day, or empty if
    /// that is the same every day.
    ///
    /// # Errors
    /// As [`Self::push`]; `WrongWidth` also for statistics or sources of another width, `OtherSources` within a day.
    pub fn push_with_stats(
        &mut self,
        ts_open: UnixMicros,
        rows: &[Option<MinuteRow>],
        stats: &[f64],
        sources: &[StatSources],
    ) -> Result<&FeatureRow, FeatureError> {
        self.check_frame(ts_open, rows)?;
        if !stats.is_empty() && stats.len() != self.run.n_stats() {
            return Err(FeatureError::WrongWidth {
                expected: self.run.n_stats(),
                found: stats.len(),
            });
        }
        let day = ts_open.day();
        self.check_sources(ts_open, sources)?;
        if ts_open == day.start() {
            self.start_day(day, sources);
        }
        let (run, today) = (&self.run, &mut self.today);
        let at = today.len();
        today.push(run, rows, &mut self.resamplers, stats);
        self.next_open = Some(today.next_open());
        self.row.ts_open = ts_open;
        self.row.ts_avail = ts_open.plus(MICROS_PER_MINUTE).plus(run.watermark_us);
        for group in self.groups.iter_mut().filter(|g| g.is_ready) {
            group.update(run, today, at, &mut self.values);
        }
        assign(&mut self.segmenters, today.minute_mut(run, at));
        for (out, value) in self.row.values.iter_mut().zip(&self.values) {
            *out = value.filter(|v| v.is_finite());
        }
        Ok(&self.row)
    }

    fn check_sources(
        &self,
        ts_open: UnixMicros,
        sources: &[StatSources],
    ) -> Result<(), FeatureError> {
        if !sources.is_empty() && sources.len() != self.run.n_instruments {
            return Err(FeatureError::WrongWidth {
                expected: self.run.n_instruments,
                found: sources.len(),
            });
        }
        let of_day = self.today.sources();
        let is_same = if sources.is_empty() {
            of_day.iter().all(|s| *s == StatSources::default())
        } else {
            of_day == sources
        };
        if is_same || ts_open == ts_open.day().start() {
            return Ok(());
        }
        Err(FeatureError::OtherSources { found: ts_open })
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
        let odd = rows.iter().enumerate().find_map(|(i, row)| {
            let row = row.as_ref().filter(|r| r.ts_open != ts_open)?;
            Some((i, row.ts_open))
        });
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
    fn start_day(&mut self, day: Day, sources: &[StatSources]) {
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
        new.restart(&self.run, day, sources);
        self.today = new;
        let fresh = vec![Segmenter::new(self.segment_gap_minutes); self.run.n_instruments];
        // A group that is not ready writes nothing all day.
        self.values.fill(None);
        for group in &mut self.groups {
            group.restart(&fresh);
            let n = usize::from(group.days_back);
            let Some(skipped) = self.past.len().checked_sub(n) else {
                group.is_ready = false;
                continue;
            };
            group.is_ready = self.past.iter().skip(skipped).all(DayMinutes::exists);
            if group.is_ready {
                group.replay(
                    &self.run,
                    &mut self.past,
                    skipped,
                    self.today.sources(),
                    &mut self.values,
                );
            }
        }
        self.segmenters = fresh;
        self.resamplers = vec![self.resampler.clone(); self.run.n_instruments];
    }
}
