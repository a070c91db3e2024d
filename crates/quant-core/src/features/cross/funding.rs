//! Funding rate: its level, velocities and acceleration over settlements, and weighted by activity.

use serde::{Deserialize, Serialize};

use crate::bars::stat_column;
use crate::features::kernels::ROW_CAUSALITY;
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};
use crate::time::{MICROS_PER_DAY, MICROS_PER_MINUTE, MINUTES_PER_DAY};

const RATE: usize = stat_column("funding_rate");
const HOUR: usize = 60;
const FOUR_HOURS: usize = 240;
const EIGHT_HOURS: usize = 480;

/// Parameters of the funding rate and its changes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FundingParams {
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for FundingParams {
    const KIND: &'static str = "funding";
    const DOC: &'static str =
        "funding rate, its changes over 4 and 8 hours, and its level weighted by activity";

    fn example() -> Self {
        Self { days_back: 1 }
    }

    fn check(&self, _rules: &mut ParamRules<'_>) {}

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        Box::new(Funding::new(*self))
    }
}

/// The last day of rates and volumes, by minute of the UTC day; NaN stands for what is unknown or not seen yet.
///
/// Volumes are also summed by clock hour, so that the sum over a day costs an hour's additions and its bits depend on
/// the volumes alone, never on when the feature was started.
#[derive(Debug)]
struct LastDay {
    rates: Vec<f64>,
    volumes: Vec<f64>,
    hours: [f64; MINUTES_PER_DAY / HOUR],
    minute: usize,
}

impl LastDay {
    fn new() -> Self {
        Self {
            rates: vec![f64::NAN; MINUTES_PER_DAY],
            volumes: vec![f64::NAN; MINUTES_PER_DAY],
            hours: [f64::NAN; MINUTES_PER_DAY / HOUR],
            minute: 0,
        }
    }

    fn clear(&mut self) {
        self.rates.fill(f64::NAN);
        self.volumes.fill(f64::NAN);
        self.hours.fill(f64::NAN);
    }

    fn push(&mut self, minute: usize, rate: Option<f64>, volume: Option<f64>) {
        let volume = volume.unwrap_or(f64::NAN);
        self.minute = minute;
        self.rates[minute] = rate.unwrap_or(f64::NAN);
        self.volumes[minute] = volume;
        let hour = &mut self.hours[minute / HOUR];
        *hour = if minute.is_multiple_of(HOUR) {
            volume
        } else {
            *hour + volume
        };
    }

    /// The rate `n` minutes ago.
    fn rate(&self, n: usize) -> Option<f64> {
        known(self.rates[(self.minute + MINUTES_PER_DAY - n) % MINUTES_PER_DAY])
    }

    /// The volume of the last 60 minutes, oldest first.
    fn hour_volume(&self) -> Option<f64> {
        let today = &self.volumes[..=self.minute];
        let missing = HOUR.saturating_sub(today.len());
        let yesterday = &self.volumes[MINUTES_PER_DAY - missing..];
        let today = &today[today.len().saturating_sub(HOUR)..];
        known(yesterday.iter().chain(today).sum())
    }

    /// The volume of the last 1,440 minutes: what is left of yesterday's hour, 23 clock hours, this hour so far.
    fn day_volume(&self) -> Option<f64> {
        let (n, hour) = (self.hours.len(), self.minute / HOUR);
        let rest: f64 = self.volumes[self.minute + 1..(hour + 1) * HOUR]
            .iter()
            .sum();
        known((hour + 1..=hour + n).fold(rest, |sum, h| sum + self.hours[h % n]))
    }
}

fn known(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}

/// Level and changes of the funding rate.
#[derive(Debug)]
struct Funding {
    spec: FeatureSpec,
    last: LastDay,
}

impl Funding {
    fn new(params: FundingParams) -> Self {
        let columns = [
            "funding_rate",
            "funding_velocity_4h",
            "funding_velocity_8h",
            "funding_acceleration",
            "funding_volume",
        ];
        Self {
            spec: FeatureSpec {
                name: FundingParams::KIND,
                columns: columns.map(str::to_owned).to_vec(),
                params: vec![],
                formula: "c; c - f4; c - f8; c - 2 f4 + f8; c * 24 V60 / V1440, where c, f4, f8 = funding_rate of the \
                          minute, 240 and 480 minutes before, V60, V1440 = volume of the last 60 and 1440 minutes",
                units: "share per funding interval",
                window: "480 minutes; funding_volume 1440 minutes".to_owned(),
                warmup: "1 minute, 241, 481, 481, 1440 minutes of the replay".to_owned(),
                inputs: "funding_rate, 1m volume",
                nan_policy: "not cleared by gaps, but null inside one; null where the rate of a minute it needs is unknown; \
                             funding_volume also with an absent row among the 1440 or without volume in them",
                causality: ROW_CAUSALITY,
                reference: "settled funding of perpetuals; velocity and acceleration as finite differences",
                days_back: params.days_back,
            },
            last: LastDay::new(),
        }
    }
}

impl RowFeature for Funding {
    fn spec(&self) -> &FeatureSpec {
        &self.spec
    }

    fn reset(&mut self) {
        self.last.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        out.fill(None);
        self.observe(frame, out);
        let (minute, last) = (frame.traded(), &self.last);
        if minute.segment.in_gap {
            return;
        }
        let Some(now) = last.rate(0) else { return };
        let (f4, f8) = (last.rate(FOUR_HOURS), last.rate(EIGHT_HOURS));
        out[0] = Some(now);
        out[1] = f4.map(|f4| now - f4);
        out[2] = f8.map(|f8| now - f8);
        out[3] = f4.zip(f8).map(|(f4, f8)| now - 2.0 * f4 + f8);
        out[4] = last
            .hour_volume()
            .zip(last.day_volume())
            .filter(|(_, day)| *day > 0.0)
            .map(|(hour, day)| now * (hour * 24.0 / day));
    }

    fn observe(&mut self, frame: &MinuteFrame<'_>, _sink: &mut [Option<f64>]) {
        let of_day = frame.ts_open.0.rem_euclid(MICROS_PER_DAY) / MICROS_PER_MINUTE;
        if let Ok(of_day) = usize::try_from(of_day) {
            let volume = frame.traded().row.map(|r| r.volume);
            self.last.push(of_day, frame.stat(RATE), volume);
        }
    }
}
