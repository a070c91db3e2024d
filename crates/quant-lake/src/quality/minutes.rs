//! What happened minute by minute on one day: the common measure of trades and klines.

use quant_core::time::{Day, MICROS_PER_HOUR, MICROS_PER_MINUTE, MINUTES_PER_DAY};

/// Sums of one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Minute {
    /// Rows of the dataset.
    pub(super) rows: u64,
    /// Trades the rows stand for; 0 where the source does not know.
    pub(super) trades: u64,
    /// Base units traded.
    pub(super) volume: f64,
    /// Quote units traded; 0 where the source does not know.
    pub(super) turnover: f64,
    /// Base units whose taker bought; NaN where the source does not know.
    pub(super) bought: f64,
    /// First price.
    pub(super) open: f64,
    /// Highest price.
    pub(super) high: f64,
    /// Lowest price.
    pub(super) low: f64,
    /// Last price.
    pub(super) close: f64,
}

/// The minutes of one day.
#[derive(Clone, Debug)]
pub(super) struct Minutes {
    day: Day,
    slots: Vec<Minute>,
    /// The minute rows fall into now: its start and its number.
    current: (i64, usize),
}

impl Minutes {
    pub(super) fn new(day: Day) -> Self {
        Self {
            day,
            slots: vec![Minute::default(); MINUTES_PER_DAY],
            current: (day.start().0, 0),
        }
    }

    /// Returns the number of the minute an instant of the day lies in.
    pub(super) fn index(&self, ts: i64) -> Option<usize> {
        let at = (ts - self.day.start().0).div_euclid(MICROS_PER_MINUTE);
        usize::try_from(at).ok().filter(|at| *at < self.slots.len())
    }

    pub(super) fn at(&mut self, ts: i64) -> Option<&mut Minute> {
        // Rows come by the thousand a minute: no division for each.
        if !(0..MICROS_PER_MINUTE).contains(&ts.wrapping_sub(self.current.0)) {
            let at = self.index(ts)?;
            self.current = (self.start(at), at);
        }
        self.slots.get_mut(self.current.1)
    }

    pub(super) fn slots(&self) -> &[Minute] {
        &self.slots
    }

    /// Returns the minute that ends at `ts`, if it has a row.
    pub(super) fn ending_at(&self, ts: i64) -> Option<&Minute> {
        let at = self.index(ts - MICROS_PER_MINUTE)?;
        self.slots.get(at).filter(|m| m.rows > 0)
    }

    /// Returns the start of a minute.
    pub(super) fn start(&self, index: usize) -> i64 {
        self.day.start().0 + i64::try_from(index).unwrap_or(0) * MICROS_PER_MINUTE
    }

    /// Returns how many minutes have a row.
    pub(super) fn filled(&self) -> u64 {
        self.slots.iter().filter(|m| m.rows > 0).count() as u64
    }

    /// Returns the runs of minutes for which `is` holds, as `[from, to)`.
    pub(super) fn runs(&self, is: impl Fn(usize) -> bool) -> Vec<(usize, usize)> {
        let mut out: Vec<(usize, usize)> = Vec::new();
        for i in (0..self.slots.len()).filter(|i| is(*i)) {
            match out.last_mut() {
                Some(run) if run.1 == i => run.1 += 1,
                _ => out.push((i, i + 1)),
            }
        }
        out
    }
}

/// Looks for one price far off both neighbours, one row behind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OutlierFinder {
    before: Option<f64>,
    middle: Option<(i64, f64)>,
}

impl OutlierFinder {
    /// Takes the next price; returns time and relative distance of the one before, if it stands alone.
    pub(super) fn push(&mut self, ts: i64, price: f64) -> Option<(i64, f64)> {
        let found = self
            .before
            .zip(self.middle)
            // Nearly every price is near the one before: told without a division.
            .filter(|(before, (_, odd))| {
                (odd - before).abs() > 0.5 * super::rules::PRICE_OUTLIER.threshold * before.abs()
            })
            .and_then(|(before, (at, odd))| {
                let off = |a: f64, b: f64| (a / b - 1.0).abs();
                let distance = off(odd, before).min(off(odd, price));
                // The neighbours agree: otherwise the market moved.
                (distance >= super::rules::PRICE_OUTLIER.threshold
                    && off(price, before) < distance / 4.0)
                    .then_some((at, distance))
            });
        // An outlier is no neighbour of the next row.
        if found.is_none() {
            self.before = self.middle.map(|(_, price)| price);
        }
        self.middle = Some((ts, price));
        found
    }
}

/// A stretch without rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pause {
    pub(super) from: i64,
    pub(super) to: i64,
    /// It lies before the first or after the last row.
    pub(super) at_edge: bool,
    /// Rows that were due at the slowed pace of the day.
    pub(super) expected: f64,
    /// Events that were due at the slowed pace of the hour before or of that after it, whichever is less; 0 at the edges of
    /// the day.
    pub(super) around: f64,
}

/// The longest pauses between rows, judged at the end against the pace of the day.
#[derive(Clone, Debug)]
pub(super) struct Pauses {
    day: Day,
    first: Option<i64>,
    last: i64,
    rows: u64,
    /// Different times of rows: an order that fills a hundred others is one event.
    instants: u64,
    /// Instants of each minute, and the minute rows fall into now: its start and its number.
    by_minute: Vec<u32>,
    minute: (i64, usize),
    longest: Vec<(i64, i64)>,
    /// Length of the shortest pause kept, once as many are kept as may be.
    shortest: i64,
}

/// Pauses kept: as many as can be told one by one.
const KEPT_PAUSES: usize = 20;

/// No pause below a minute is a silence: a day of which only five busy minutes were recorded has no pace of its own.
const MIN_SILENCE_US: i64 = MICROS_PER_MINUTE;

/// Different times from which the pace between the first and the last row is known.
const MIN_INSTANTS: u64 = 30;

/// Fewest whole minutes beside a pause that have a pace of their own.
const MIN_SIDE_MINUTES: usize = 10;

impl Pauses {
    pub(super) fn new(day: Day) -> Self {
        Self {
            day,
            first: None,
            last: day.start().0,
            rows: 0,
            instants: 0,
            by_minute: vec![0; MINUTES_PER_DAY],
            minute: (day.start().0, 0),
            longest: Vec::new(),
            shortest: i64::MIN,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, ts: i64) {
        self.rows += 1;
        if self.first.is_none() {
            self.first = Some(ts);
            self.see_instant(ts);
        } else if ts != self.last {
            self.see_instant(ts);
        }
    }

    fn see_instant(&mut self, ts: i64) {
        self.instants += 1;
        if !(0..MICROS_PER_MINUTE).contains(&ts.wrapping_sub(self.minute.0)) {
            let at = (ts - self.day.start().0).div_euclid(MICROS_PER_MINUTE);
            let start = self.day.start().0 + at * MICROS_PER_MINUTE;
            self.minute = (start, usize::try_from(at).unwrap_or(usize::MAX));
        }
        if let Some(n) = self.by_minute.get_mut(self.minute.1) {
            *n = n.saturating_add(1);
        }
        self.note(ts);
    }

    /// Returns the instants per microsecond of the whole minutes among those from `from` to `to`, which the day cuts off.
    fn pace_of(&self, from: i64, to: i64) -> f64 {
        let start = self.day.start().0;
        let whole = |ts: i64| usize::try_from(ts.max(0) / MICROS_PER_MINUTE).unwrap_or(0);
        let first = whole(from - start + MICROS_PER_MINUTE - 1);
        let end = whole(to - start).min(self.by_minute.len());
        let Some(minutes) = self.by_minute.get(first..end) else {
            return 0.0;
        };
        if minutes.len() < MIN_SIDE_MINUTES {
            return 0.0;
        }
        let instants: u64 = minutes.iter().map(|n| u64::from(*n)).sum();
        instants as f64 / (minutes.len() as f64 * MICROS_PER_MINUTE as f64)
    }

    fn note(&mut self, ts: i64) {
        let pause = (self.last, ts);
        self.last = ts;
        if pause.1 - pause.0 <= self.shortest {
            return;
        }
        let length = |p: &(i64, i64)| p.1 - p.0;
        if self.longest.len() < KEPT_PAUSES {
            self.longest.push(pause);
        } else if let Some(shortest) = self.longest.iter_mut().min_by_key(|p| length(p)) {
            *shortest = pause;
        }
        if self.longest.len() == KEPT_PAUSES {
            self.shortest = self.longest.iter().map(length).min().unwrap_or(i64::MIN);
        }
    }

    /// Returns the longest pauses in order of time, those at the edges of the day among them; nothing of a day without rows.
    pub(super) fn longest(&mut self) -> Vec<Pause> {
        let Some(first) = self.first else {
            return Vec::new();
        };
        let last = self.last;
        self.note(self.day.end().0);
        let mut out: Vec<Pause> = self
            .longest
            .iter()
            .map(|&(from, to)| Pause {
                from,
                to,
                at_edge: to == first || from == last,
                expected: 0.0,
                around: 0.0,
            })
            .collect();
        out.sort_by_key(|p| p.from);
        out
    }

    /// Returns the pauses of a minute and more with the rows that were due in them at `1 / slowed` of the day's pace; at the edges
    /// of the day at that of the time between first and last row, where it is known.
    pub(super) fn finish(mut self, slowed: f64) -> Vec<Pause> {
        let Some(first) = self.first else {
            return Vec::new();
        };
        let between = (self.last - first).max(1) as f64;
        let inner = (self.instants >= MIN_INSTANTS).then(|| self.instants as f64 / between);
        let (day, rows) = (self.day.range(), self.rows);
        let mut pauses = self.longest();
        let silent: i64 = pauses.iter().map(|p| p.to - p.from).max().unwrap_or(0);
        let active = (day.len_us() - silent).max(1);
        let pace = rows as f64 / active as f64;
        pauses.retain_mut(|p| {
            let length = (p.to - p.from) as f64;
            let pace = inner.filter(|_| p.at_edge).unwrap_or(pace);
            p.expected = length * pace / slowed;
            if !p.at_edge {
                let before = self.pace_of(p.from - MICROS_PER_HOUR, p.from);
                let after = self.pace_of(p.to, p.to + MICROS_PER_HOUR);
                p.around = length * before.min(after) / slowed;
            }
            p.to - p.from >= MIN_SILENCE_US
        });
        pauses
    }
}
