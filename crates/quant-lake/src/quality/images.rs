//! Detectors over the times of book images: stretches without one, and seconds without one although the stream goes on.
//!
//! A void, crossed or empty book makes no image, so what went wrong shows as images that are not there.

use std::collections::BTreeMap;

use quant_core::time::Day;

use super::columns::Batch;
use super::finding::{Finding, Severity, Subject};
use super::minutes::{Minutes, Pause, Pauses};
use super::rules::{IMAGE_GAP, IMAGES_MISSING, SILENCE};
use super::trades::{MUCH, SLOWED};
use crate::manifest::IngestParams;

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: usize = 86_400;

/// Different distances between images that are counted: beyond, the images follow no cadence anyway.
const MAX_DISTANCES: usize = 1_024;

/// From this share of its intervals on that have an image, a book is busy: a minute's pause of it is no quiet hour. Simulated
/// books with an image in 93 of 100 intervals pause for up to 30 s.
const BUSY: f64 = 0.98;

/// From this share on it never pauses: ten seconds are told.
const RESTLESS: f64 = 0.998;

/// Shortest pause of a book without pauses that is told, in seconds. Images go on for ten seconds after the last message.
const MIN_GAP_S: f64 = 10.0;

/// Seconds with live messages from which a share of them says anything.
const MIN_LIVE: usize = 60;

/// Pauses that are taken out of the time a book was live.
const OUTAGES: usize = 3;

/// When the ingest takes images, as far as its parameters say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// At multiples of this many microseconds.
    Every(i64),
    /// After every message.
    WithMessages,
}

impl Taken {
    /// Reads the parameters of a partition; `None` if they do not say, or if the venue's own images decide.
    pub(super) fn of(params: &IngestParams) -> Option<Self> {
        let text = ["book_cadence", "cadence", "cadence_us"]
            .iter()
            .find_map(|name| params.get(*name))?
            .to_string()
            .to_lowercase();
        if text.contains("snapshot") {
            return None;
        }
        if text.contains("message") {
            return Some(Self::WithMessages);
        }
        let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
        let digits = digits.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok().filter(|us| *us > 0).map(Self::Every)
    }
}

/// The seconds of a day in which something happened.
#[derive(Clone)]
pub(super) struct Seconds {
    start: i64,
    bits: Vec<u64>,
    /// Of images: when they are taken.
    taken: Option<Taken>,
}

impl Seconds {
    pub(super) fn new(day: Day) -> Self {
        Self {
            start: day.start().0,
            bits: vec![0; SECONDS_PER_DAY.div_ceil(64)],
            taken: None,
        }
    }

    #[inline]
    pub(super) fn set(&mut self, ts: i64) {
        let at = (ts - self.start).div_euclid(MICROS_PER_SECOND);
        if let Some(at) = usize::try_from(at).ok().filter(|at| *at < SECONDS_PER_DAY) {
            self.bits[at / 64] |= 1 << (at % 64);
        }
    }

    pub(super) fn has(&self, second: usize) -> bool {
        second < SECONDS_PER_DAY && self.bits[second / 64] >> (second % 64) & 1 == 1
    }

    fn time(&self, second: usize) -> i64 {
        self.start + i64::try_from(second).unwrap_or(0) * MICROS_PER_SECOND
    }
}

/// Scans the times of level changes: when the book was live.
pub(super) struct DeltaScan {
    minutes: Minutes,
    seconds: Seconds,
    last: i64,
    /// The next row begins a message.
    begins: bool,
}

impl DeltaScan {
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            minutes: Minutes::new(subject.day),
            seconds: Seconds::new(subject.day),
            last: i64::MIN,
            begins: true,
        }
    }

    pub(super) const COLUMNS: &'static [&'static str] =
        &["ts_event", "ts_recv", "is_snapshot", "msg_end"];

    pub(super) fn batch(&mut self, batch: Batch<'_>) {
        let flags = batch.flags("is_snapshot").zip(batch.flags("msg_end"));
        for (row, ts) in batch.times("ts_event").iter().enumerate() {
            if let Some((is_snapshot, msg_end)) = flags {
                let ends = msg_end.value(row);
                // A snapshot message of one row: the row of a lost book, which is no sign of life of the stream.
                let is_lost = self.begins && ends && is_snapshot.value(row);
                self.begins = ends;
                if is_lost {
                    continue;
                }
            }
            // Levels of one message share their time.
            if *ts != self.last {
                self.last = *ts;
                self.seconds.set(*ts);
            }
            if let Some(minute) = self.minutes.at(*ts) {
                minute.rows += 1;
            }
        }
    }

    pub(super) fn finish(self) -> (Minutes, Seconds) {
        (self.minutes, self.seconds)
    }
}

/// The times of the images of one day.
pub(super) struct ImageTimes {
    subject: Subject,
    first: Option<i64>,
    last: i64,
    rows: u64,
    distances: BTreeMap<i64, u64>,
    pauses: Pauses,
    seconds: Seconds,
}

impl ImageTimes {
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
            first: None,
            last: i64::MIN,
            rows: 0,
            distances: BTreeMap::new(),
            pauses: Pauses::new(subject.day),
            seconds: Seconds::new(subject.day),
        }
    }

    pub(super) fn push(&mut self, ts: i64) {
        if self.first.is_some() {
            let distance = ts - self.last;
            if let Some(n) = self.distances.get_mut(&distance) {
                *n += 1;
            } else if self.distances.len() < MAX_DISTANCES {
                self.distances.insert(distance, 1);
            }
        } else {
            self.first = Some(ts);
        }
        self.last = ts;
        self.rows += 1;
        self.pauses.push(ts);
        self.seconds.set(ts);
    }

    /// Returns the distance that at least half of the images keep.
    fn cadence(&self) -> Option<i64> {
        let intervals = self.rows.saturating_sub(1);
        let (distance, n) = self.distances.iter().max_by_key(|(_, n)| **n)?;
        (intervals >= 2 && *distance > 0 && 2 * n >= intervals).then_some(*distance)
    }

    /// Returns the findings, and the seconds with images for [`images_missing`].
    ///
    /// `is_voided` says that the book is known to have been void for a while; `is_first` that a
    /// recording begins here.
    pub(super) fn finish(
        mut self,
        taken: Option<Taken>,
        is_voided: bool,
        is_first: bool,
    ) -> (Vec<Finding>, Seconds) {
        let cadence = match taken {
            Some(Taken::Every(us)) => Some(us),
            Some(Taken::WithMessages) => None,
            None => self.cadence(),
        };
        let (subject, day) = (self.subject, self.subject.day.range());
        let mut seconds = self.seconds;
        // A distance that images happen to keep is no promise about when the next is due, unless that is in every second.
        let in_every_second = cadence.filter(|us| *us <= MICROS_PER_SECOND);
        seconds.taken = taken.or_else(|| in_every_second.map(Taken::Every));
        let Some(first) = self.first else {
            return (Vec::new(), seconds);
        };
        let span = (self.last - first).max(1) as f64;
        let mean = span / self.rows.saturating_sub(1).max(1) as f64;
        let step = cadence.map_or(mean, |us| us as f64);
        let long = IMAGE_GAP.threshold.max(5.0 * step / 1e6);
        let short = MIN_GAP_S.max(3.0 * step / 1e6);
        let pauses = self.pauses.longest();
        let length = |p: &Pause| (p.to - p.from) as f64 / 1e6;
        let mut outages: Vec<f64> = pauses
            .iter()
            .filter(|p| !p.at_edge && length(p) >= long)
            .map(|p| length(p) * 1e6)
            .collect();
        outages.sort_by(f64::total_cmp);
        let lost: f64 = outages.iter().rev().take(OUTAGES).sum();
        let live = (span - lost).max(step);
        let filled = cadence.map_or(0.0, |_| self.rows as f64 * step / live);
        let (is_busy, is_restless) = (filled >= BUSY, filled >= RESTLESS);
        let mut out = Vec::new();
        for p in pauses.iter().filter(|p| length(p) >= short) {
            let (seconds, due) = (length(p), length(p) * 1e6 / step);
            // Of a book that is often silent: what its own pace, slowed, promised; as of trades.
            let promised = self.rows as f64 / live * seconds * 1e6 / SLOWED;
            let is_known = self.rows > 2 || cadence.is_some();
            let is_long = seconds >= long;
            let is_sure =
                is_busy || (is_voided && !p.at_edge) || (is_known && promised >= MUCH / SLOWED);
            let severity = if is_long && is_sure {
                Severity::Fail
            } else if is_restless || (is_long && is_known && promised >= SILENCE.threshold) {
                Severity::Warn
            } else {
                continue;
            };
            let text =
                format!("no image of the book for {seconds:.0} s, in which {due:.0} were due");
            let finding = subject.find(&IMAGE_GAP, (p.from, p.to), 0, seconds, text);
            // Where a recording begins is where its history begins.
            out.push(if is_first && p.from == day.start.0 {
                finding.softened(Severity::Warn)
            } else {
                finding.softened(severity)
            });
        }
        (out, seconds)
    }
}

/// Compares images with the level changes of the same day: while the stream goes on, a sound book has an image at the end of
/// every interval. It has none while it is crossed, empty or wrong.
///
/// Images further apart than a second are judged only if the parameters of the ingest say when they are due.
pub(super) fn images_missing(
    subject: Subject,
    images: &Seconds,
    deltas: &Seconds,
) -> Option<Finding> {
    let (every, lag) = match images.taken? {
        Taken::Every(us) => (us, 1),
        Taken::WithMessages => (0, 0),
    };
    let last = (0..SECONDS_PER_DAY).rev().find(|s| deltas.has(*s))?;
    // Seconds in which an image is due if the second before has a message. An image is made when the message after it comes, and
    // holds what came before: the last message is two seconds old at most.
    let due: Box<dyn Iterator<Item = usize>> = if every <= MICROS_PER_SECOND {
        Box::new(1..=last)
    } else {
        let first = images.start.div_euclid(every) + 1;
        let second = move |at: i64| usize::try_from((at - images.start) / MICROS_PER_SECOND);
        Box::new(
            (first..)
                .map_while(move |n| second(n * every).ok())
                .skip_while(|s| *s == 0)
                .take_while(move |s| *s <= last),
        )
    };
    let (mut live, mut missing, mut at) = (0_usize, 0_usize, None::<(usize, usize)>);
    for s in due.filter(|s| deltas.has(s - 1)) {
        live += 1;
        if !images.has(s - 1 + lag) {
            missing += 1;
            at = Some((at.map_or(s, |(from, _)| from), s + 1));
        }
    }
    let step = (every.max(MICROS_PER_SECOND) / MICROS_PER_SECOND) as f64;
    let share = missing as f64 / live.max(1) as f64;
    // One image may be missing by chance: the book was crossed at that very instant, by a race between its sides.
    let few = missing as f64 * step < MIN_GAP_S || missing < 2;
    let (from, to) = at.filter(|_| live as f64 * step >= MIN_LIVE as f64 && !few)?;
    let what = if every <= MICROS_PER_SECOND {
        "seconds"
    } else {
        "intervals"
    };
    let text = format!(
        "in {missing} of {live} {what} the stream goes on and the book has no image: it is crossed, empty or void"
    );
    let range = (images.time(from), images.time(to));
    let finding = subject.find(&IMAGES_MISSING, range, missing as u64, share, text);
    Some(if share < IMAGES_MISSING.threshold {
        finding.softened(Severity::Warn)
    } else {
        finding
    })
}
