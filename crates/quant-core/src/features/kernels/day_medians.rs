//! What was usual on the days before: the median of the medians of whole UTC days.

use crate::features::kernels::median;
use crate::time::{Day, MINUTES_PER_DAY};

/// Medians of whole days and their median, one value per minute of the day.
#[derive(Debug)]
pub(crate) struct DayMedians {
    days: u16,
    min_valid_share: f64,
    today: Option<Day>,
    /// Values of the current day.
    values: Vec<f64>,
    /// Minutes of the current day that count towards its validity.
    n_valid: u32,
    /// Medians of the valid days before, oldest first.
    medians: Vec<f64>,
    scratch: Vec<f64>,
    baseline: Option<f64>,
}

impl DayMedians {
    pub(crate) fn new(days: u16, min_valid_share: f64) -> Self {
        Self {
            days,
            min_valid_share,
            today: None,
            values: Vec::with_capacity(MINUTES_PER_DAY),
            n_valid: 0,
            medians: Vec::with_capacity(usize::from(days)),
            scratch: Vec::with_capacity(usize::from(days)),
            baseline: None,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.today = None;
        self.values.clear();
        self.n_valid = 0;
        self.medians.clear();
        self.baseline = None;
    }

    /// Begins the next minute: the first one of a day summarises the day before.
    pub(crate) fn start_minute(&mut self, day: Day) {
        if self.today.is_some_and(|today| today != day) {
            self.close_day();
        }
        self.today = Some(day);
    }

    /// Adds the value of the minute to its day; `is_valid` minutes make a day count.
    pub(crate) fn push(&mut self, value: Option<f64>, is_valid: bool) {
        self.values.extend(value);
        self.n_valid += u32::from(is_valid);
    }

    /// Returns the median of the days before, above 0 and of enough valid days.
    pub(crate) const fn baseline(&self) -> Option<f64> {
        self.baseline
    }

    fn close_day(&mut self) {
        let is_valid = f64::from(self.n_valid) >= self.min_valid_share * MINUTES_PER_DAY as f64;
        if is_valid && let Some(m) = median(&mut self.values) {
            self.medians.push(m);
        }
        self.values.clear();
        self.n_valid = 0;
        let enough = self.medians.len() as f64 >= self.min_valid_share * f64::from(self.days);
        self.scratch.clear();
        self.scratch.extend_from_slice(&self.medians);
        self.baseline = if enough {
            median(&mut self.scratch).filter(|m| *m > 0.0)
        } else {
            None
        };
    }
}
