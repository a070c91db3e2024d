//! Every flow, volume and book number a strategy could know at the end of a simulated minute.
//!
//! Registered features come from the real feature set over bars made of the simulated trades; book measures, which no
//! registered feature covers yet, are made here from what the model shows. No label and no future is here.

use std::collections::VecDeque;

use quant_core::bars::{BarSource, MinuteBuilder, Opening};
use quant_core::features::{FeatureParams, FeatureSet, FeatureSetParams, TfiParams, kinds};
use quant_core::synth::{InstrumentParams, SimMinute};
use quant_core::time::{Day, MICROS_PER_MINUTE};
use quant_core::units::{Micros, Step};
use serde::Serialize;

use crate::facts::FactsError;
use crate::facts::touch::{DEPTH_LEVELS, MinuteMeasure};

/// What a feature is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Signed trades or changes of the touch.
    Flow,
    /// Traded volume.
    Volume,
    /// The book at the end of the minute.
    Book,
    /// Trade prices alone.
    Price,
    /// The truth: for reference, no strategy can know it.
    Truth,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeatureColumn {
    /// Name; registered features keep the one of their own column.
    pub name: String,
    /// What it is made of.
    pub group: Group,
    /// It is a column of the feature registry.
    pub is_registered: bool,
}

/// How a registered column becomes comparable between days of different price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// It is a share or a ratio already.
    AsIs,
    /// A price: the log of the closing mid over it.
    LogDistance,
    /// A price difference: over the closing mid.
    OverMid,
}

/// Returns how each kind is used; a new kind does not compile until it is placed here.
const fn placed(params: &FeatureParams) -> (Group, Scale) {
    use FeatureParams as P;
    match params {
        P::SessionVwap(_) => (Group::Volume, Scale::LogDistance),
        P::Ema(_) | P::Extremes(_) => (Group::Price, Scale::LogDistance),
        P::Atr(_) | P::AtrMinutes(_) => (Group::Price, Scale::OverMid),
        P::ActivityRatio(_)
        | P::Amihud(_)
        | P::FlowVolume(_)
        | P::SessionVwapZ(_)
        | P::SizeConcentration(_)
        | P::VolumeMedian(_)
        | P::VolumeRate(_)
        | P::VolumeRatio(_) => (Group::Volume, Scale::AsIs),
        P::FlowToxicity(_) | P::Hasbrouck(_) | P::Tfi(_) | P::TfiThreshold(_) | P::VpinBvc(_) => {
            (Group::Flow, Scale::AsIs)
        }
        // Funding and open interest follow the flow that pays and holds them.
        P::Funding(_) | P::OiChange(_) => (Group::Flow, Scale::AsIs),
        // What is made of statistics of the touch and the book is not measured here: the facts know bars only.
        _ => (Group::Price, Scale::AsIs),
    }
}

/// Lengths in minutes of the windows of signed volume.
const VOLUME_WINDOWS: [usize; 3] = [1, 5, 15];
/// Lengths in minutes of the windows of order flow imbalance.
const OFI_WINDOWS: [usize; 2] = [1, 5];

/// Computes the features of one instrument, minute by minute.
#[derive(Debug)]
pub struct FeatureMeter {
    tick: Step,
    lot: Step,
    set: FeatureSet,
    scales: Vec<Scale>,
    columns: Vec<FeatureColumn>,
    builder: Option<(Day, MinuteBuilder)>,
    last_price: Option<f64>,
    /// Signed volume of the last minutes, newest last; cleared by a halt.
    signed: VecDeque<f64>,
    /// Order flow imbalance over touch depth of the last minutes.
    ofi: VecDeque<f64>,
}

impl FeatureMeter {
    /// Returns the features of an instrument.
    ///
    /// # Errors
    /// Those of the feature set; never for the registry's own examples.
    pub fn new(instrument: &InstrumentParams) -> Result<Self, FactsError> {
        // One instrument is measured alone: what compares two has nothing to read.
        let mut features: Vec<FeatureParams> = kinds()
            .iter()
            .map(|kind| kind.example)
            .filter(|params| params.other().is_none())
            .collect();
        for minutes in [1, 5, 15] {
            let days_back = 0;
            let tfi = FeatureParams::Tfi(TfiParams { minutes, days_back });
            if !features.contains(&tfi) {
                features.push(tfi);
            }
        }
        let (mut columns, mut scales) = (Vec::new(), Vec::new());
        for params in &features {
            let (group, scale) = placed(params);
            for name in &params.build()?.spec().columns {
                scales.push(scale);
                columns.push(FeatureColumn {
                    name: name.clone(),
                    group,
                    is_registered: true,
                });
            }
        }
        let params = FeatureSetParams {
            watermark: Micros(0),
            segment_gap_minutes: 10,
            features,
        };
        let mut own = |name: String, group: Group| {
            columns.push(FeatureColumn {
                name,
                group,
                is_registered: false,
            });
        };
        for n in OFI_WINDOWS {
            own(format!("ofi_{n}m"), Group::Flow);
        }
        for n in VOLUME_WINDOWS {
            own(format!("signed_volume_{n}m"), Group::Flow);
        }
        own("replenishment".to_owned(), Group::Flow);
        own("volume_1m".to_owned(), Group::Volume);
        for n in DEPTH_LEVELS {
            own(format!("imbalance_{n}"), Group::Book);
        }
        for n in DEPTH_LEVELS {
            own(format!("depth_{n}"), Group::Book);
        }
        for name in [
            "wmid_minus_mid",
            "spread_close",
            "spread_mean",
            "touch_depth",
        ] {
            own(name.to_owned(), Group::Book);
        }
        own("truth_edge".to_owned(), Group::Truth);
        Ok(Self {
            tick: instrument.tick_size,
            lot: instrument.lot_size,
            set: FeatureSet::new(&params, 1, 0)?,
            scales,
            columns,
            builder: None,
            last_price: None,
            signed: VecDeque::new(),
            ofi: VecDeque::new(),
        })
    }

    /// Returns the columns, in the order of the values.
    pub fn columns(&self) -> &[FeatureColumn] {
        &self.columns
    }

    /// Takes the next minute and writes one value per column into `out`; all are `None` in a halt.
    ///
    /// # Errors
    /// Those of the bars and of the feature set, for minutes that are not consecutive from a midnight on.
    pub fn push(
        &mut self,
        minute: &SimMinute,
        measure: &MinuteMeasure,
        out: &mut Vec<Option<f64>>,
    ) -> Result<(), FactsError> {
        out.clear();
        self.registered(minute, measure, out)?;
        self.book_measures(measure, out);
        let is_open = measure.close.is_some();
        for value in out.iter_mut() {
            *value = value.filter(|v| is_open && v.is_finite());
        }
        Ok(())
    }

    fn registered(
        &mut self,
        minute: &SimMinute,
        measure: &MinuteMeasure,
        out: &mut Vec<Option<f64>>,
    ) -> Result<(), FactsError> {
        let day = minute.start.day();
        let last_price = self.last_price;
        let fresh = || {
            let opening = Opening {
                last_price,
                ..Opening::default()
            };
            (day, MinuteBuilder::new(day, BarSource::Trades, &opening))
        };
        if self.builder.as_ref().is_some_and(|(d, _)| *d != day) {
            self.builder = None;
        }
        let (_, builder) = self.builder.get_or_insert_with(fresh);
        for m in &minute.matches {
            builder.on_trade_fields(
                m.ts.0,
                self.tick.value(m.price_ticks),
                self.lot.value(m.qty_lots),
                m.aggressor.sign(),
                1,
            )?;
        }
        builder.advance_to(minute.start.plus(MICROS_PER_MINUTE));
        let row = builder.rows().last().copied();
        self.last_price = row.and_then(|r| r.close).or(self.last_price);
        let values = &self.set.push(minute.start, &[row])?.values;
        let mid = measure.close.map(|t| t.mid() * self.tick.size());
        out.extend(values.iter().zip(&self.scales).map(|(value, scale)| {
            let value = (*value)?;
            match scale {
                Scale::AsIs => Some(value),
                Scale::LogDistance => Some((mid? / value).ln()),
                Scale::OverMid => Some(value / mid?),
            }
        }));
        Ok(())
    }

    fn book_measures(&mut self, m: &MinuteMeasure, out: &mut Vec<Option<f64>>) {
        let Some(close) = m.close else {
            self.signed.clear();
            self.ofi.clear();
            out.resize(self.columns.len(), None);
            return;
        };
        push_window(&mut self.signed, m.bought - m.sold, VOLUME_WINDOWS[2]);
        let relative = m.touch_depth.filter(|d| *d > 0.0).map(|d| m.ofi / d);
        push_window(&mut self.ofi, relative.unwrap_or(0.0), OFI_WINDOWS[1]);
        out.extend(OFI_WINDOWS.map(|n| window_sum(&self.ofi, n)));
        out.extend(VOLUME_WINDOWS.map(|n| window_sum(&self.signed, n)));
        let moved = m.added + m.removed;
        out.push((moved > 0.0).then(|| (m.added - m.removed) / moved));
        out.push(Some(m.bought + m.sold));
        let pairs = || m.bid_depth.iter().zip(&m.ask_depth);
        out.extend(pairs().map(|(b, a)| (b + a > 0.0).then(|| (b - a) / (b + a))));
        out.extend(pairs().map(|(b, a)| Some(b + a)));
        out.push(close.wmid().map(|w| w - close.mid()));
        out.push(Some(close.spread() as f64));
        out.push(m.spread);
        out.push(m.touch_depth);
        out.push(Some(m.edge));
    }
}

fn push_window(window: &mut VecDeque<f64>, x: f64, longest: usize) {
    if window.len() == longest {
        window.pop_front();
    }
    window.push_back(x);
}

/// Returns the sum of the last `n` values, oldest first; `None` until there are as many.
fn window_sum(window: &VecDeque<f64>, n: usize) -> Option<f64> {
    let skipped = window.len().checked_sub(n)?;
    Some(window.iter().skip(skipped).sum())
}
