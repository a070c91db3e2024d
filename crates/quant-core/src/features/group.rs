//! Features with the same replay window: what they read of each other, the segments that window implies, their replay.

use core::cmp::Reverse;
use core::ops::Range;
use std::collections::VecDeque;

use crate::bars::{Segmenter, StatSources};
use crate::features::history::{DayMinutes, Mask, Run, replay_start};
use crate::features::{
    FeatureError, FeatureParams, FeatureSetParams, FeatureSpec, InstrumentMinute, MinuteFrame,
    RowFeature,
};

/// A feature, where it writes and what it reads among the values of the set.
#[derive(Debug)]
struct Slot {
    feature: Box<dyn RowFeature>,
    /// Its own values.
    out: Range<usize>,
    /// The values of other features that it reads, in the order its kind declares.
    parts: Vec<usize>,
    /// How many features deep what it reads is: those come before it.
    depth: usize,
    /// Another feature reads it: a replay needs its values as well.
    is_read: bool,
}

/// Features with the same replay window, and the segments that window implies.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) days_back: u16,
    /// A feature comes after all that it reads.
    slots: Vec<Slot>,
    segmenters: Vec<Segmenter>,
    /// What the current feature reads; kept to allocate nothing.
    parts: Vec<Option<f64>>,
    /// Enough days exist for the current day.
    pub(super) is_ready: bool,
}

impl Group {
    const fn new(days_back: u16) -> Self {
        Self {
            days_back,
            slots: Vec::new(),
            segmenters: Vec::new(),
            parts: Vec::new(),
            is_ready: false,
        }
    }

    /// Adds a feature after all that it reads, and else after those before it.
    fn add(&mut self, slot: Slot) {
        let after = self.slots.partition_point(|s| s.depth <= slot.depth);
        self.slots.insert(after, slot);
    }

    /// Returns where the values of the group end among those of the set.
    pub(super) fn end(&self) -> usize {
        self.slots.iter().map(|s| s.out.end).max().unwrap_or(0)
    }

    /// Returns the declarations with the place of each feature's first value.
    pub(super) fn specs(&self) -> impl Iterator<Item = (usize, &FeatureSpec)> {
        let slots = self.slots.iter();
        slots.map(|slot| (slot.out.start, slot.feature.spec()))
    }

    /// Forgets everything and begins with these segments.
    pub(super) fn restart(&mut self, segmenters: &[Segmenter]) {
        segmenters.clone_into(&mut self.segmenters);
        for slot in &mut self.slots {
            slot.feature.reset();
        }
    }

    /// Takes minute `i` of `day` and writes the values of the group.
    pub(super) fn update(
        &mut self,
        run: &Run,
        day: &mut DayMinutes,
        i: usize,
        values: &mut [Option<f64>],
    ) {
        assign(&mut self.segmenters, day.minute_mut(run, i));
        let frame = day.frame(run, i);
        for slot in &mut self.slots {
            slot.step(&frame, values, &mut self.parts, |feature, frame, out| {
                feature.update(frame, out);
            });
        }
    }

    /// Takes every minute of `past[skipped..]` as a day with these sources sees it: without statistics that are made of
    /// something else than its own. A feature takes only the minutes its state, or that of a reader, depends on.
    pub(super) fn replay(
        &mut self,
        run: &Run,
        past: &mut VecDeque<DayMinutes>,
        skipped: usize,
        sources: &[StatSources],
        values: &mut [Option<f64>],
    ) {
        let starts = self.replay_starts(run, past, skipped);
        let mut waiting: Vec<(usize, usize, &mut Slot)> = self
            .slots
            .iter_mut()
            .enumerate()
            .map(|(at, slot)| (starts[at], at, slot))
            .collect();
        // The earliest last, to be taken from the end.
        waiting.sort_by_key(|(start, ..)| Reverse(*start));
        let mut running: Vec<(usize, &mut Slot)> = Vec::with_capacity(waiting.len());
        let mut minute = 0;
        let mut mask = Mask::default();
        for day in past.iter_mut().skip(skipped) {
            day.mask_for(sources, &mut mask);
            for i in 0..day.len() {
                assign(&mut self.segmenters, day.minute_mut(run, i));
                while let Some((_, at, slot)) = waiting.pop_if(|(start, ..)| *start <= minute) {
                    let after = running.partition_point(|(other, _)| *other < at);
                    running.insert(after, (at, slot));
                }
                let frame = day.masked_frame(run, i, &mut mask);
                for (_, slot) in &mut running {
                    let is_read = slot.is_read;
                    slot.step(&frame, values, &mut self.parts, |feature, frame, out| {
                        if is_read {
                            feature.update(frame, out);
                        } else {
                            feature.observe(frame, out);
                        }
                    });
                }
                minute += 1;
            }
        }
    }

    /// Returns the minute of `past[skipped..]` each feature's replay begins with: no later than that of any reader.
    fn replay_starts(&self, run: &Run, past: &VecDeque<DayMinutes>, skipped: usize) -> Vec<usize> {
        let mut starts: Vec<usize> = self
            .slots
            .iter()
            .map(|slot| replay_start(past.iter().skip(skipped), run, slot.feature.replay()))
            .collect();
        for (at, slot) in self.slots.iter().enumerate().rev() {
            for part in &slot.parts {
                let read = self.slots.iter().position(|s| s.out.contains(part));
                if let Some(read) = read {
                    starts[read] = starts[read].min(starts[at]);
                }
            }
        }
        starts
    }
}

impl Slot {
    /// Shows the feature the minute and what it reads of the others, and calls it.
    fn step(
        &mut self,
        frame: &MinuteFrame<'_>,
        values: &mut [Option<f64>],
        parts: &mut Vec<Option<f64>>,
        call: impl Fn(&mut dyn RowFeature, &MinuteFrame<'_>, &mut [Option<f64>]),
    ) {
        let feature = self.feature.as_mut();
        if self.parts.is_empty() {
            call(feature, frame, &mut values[self.out.clone()]);
            return;
        }
        parts.clear();
        parts.extend(self.parts.iter().map(|part| values[*part]));
        let frame = MinuteFrame { parts, ..*frame };
        call(feature, &frame, &mut values[self.out.clone()]);
    }
}

/// Gives every instrument's minute its segment.
pub(super) fn assign(segmenters: &mut [Segmenter], minutes: &mut [InstrumentMinute]) {
    for (segmenter, minute) in segmenters.iter_mut().zip(minutes) {
        minute.segment = segmenter.push(minute.row.as_ref());
    }
}

/// Puts features with the same replay window together, with what they read, which has the window of its reader.
///
/// # Errors
/// `BadParams` if what a feature reads is not valid.
pub(super) fn groups_of(
    params: &FeatureSetParams,
    built: Vec<Box<dyn RowFeature>>,
) -> Result<Vec<Group>, FeatureError> {
    let features = with_parts(params, built)?;
    let places: Vec<(FeatureParams, usize)> = features.iter().map(|(p, _, at)| (*p, *at)).collect();
    let read: Vec<FeatureParams> = places
        .iter()
        .flat_map(|(p, _)| p.parts())
        .map(|part| part.feature)
        .collect();
    let place = |p: FeatureParams| places.iter().find(|(q, _)| *q == p).map(|(_, at)| *at);
    let mut groups: Vec<Group> = Vec::new();
    for (own, feature, at) in features {
        let (days_back, width) = (feature.spec().days_back, feature.spec().columns.len());
        let group = groups
            .iter()
            .position(|g| g.days_back == days_back)
            .unwrap_or_else(|| {
                groups.push(Group::new(days_back));
                groups.len() - 1
            });
        let parts = own.parts();
        groups[group].add(Slot {
            feature,
            out: at..at + width,
            parts: parts
                .iter()
                .filter_map(|part| Some(place(part.feature)? + part.column))
                .collect(),
            depth: own.depth(),
            is_read: read.contains(&own),
        });
    }
    Ok(groups)
}

/// A feature with what it is made of, and where its values begin.
type Placed = (FeatureParams, Box<dyn RowFeature>, usize);

/// Returns the features in the order of their columns, and after them those that they read and the set has not got.
fn with_parts(
    params: &FeatureSetParams,
    built: Vec<Box<dyn RowFeature>>,
) -> Result<Vec<Placed>, FeatureError> {
    let mut waiting: VecDeque<_> = params.features.iter().copied().zip(built).collect();
    let mut features: Vec<Placed> = Vec::with_capacity(waiting.len());
    let mut at = 0;
    while let Some((own, feature)) = waiting.pop_front() {
        for part in own.parts() {
            let is_known = features.iter().any(|(p, ..)| *p == part.feature)
                || waiting.iter().any(|(p, _)| *p == part.feature);
            if !is_known {
                waiting.push_back((part.feature, part.feature.build()?));
            }
        }
        let width = feature.spec().columns.len();
        features.push((own, feature, at));
        at += width;
    }
    Ok(features)
}
