//! Instants, half-open ranges and UTC days: the only notion of time in core and lake.
//!
//! Everything is a signed count of microseconds since 1970-01-01T00:00:00Z. There is no clock here and no
//! calendar beyond the proleptic Gregorian day: time zones, daylight saving and "now" belong to the edge.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// Microseconds in one second.
pub const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds in one minute.
pub const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
/// Microseconds in one hour.
pub const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;
/// Microseconds in one UTC day (no leap seconds, as on every venue).
pub const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;
/// Minutes in one UTC day.
pub const MINUTES_PER_DAY: usize = 1_440;

/// An instant: microseconds since the Unix epoch, UTC.
///
/// Serialised as that count; read back from the count or from the text forms of [`FromStr`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct UnixMicros(pub i64);

impl UnixMicros {
    /// Returns the instant of a count of milliseconds, or `None` on overflow.
    pub const fn from_millis(ms: i64) -> Option<Self> {
        match ms.checked_mul(1_000) {
            Some(us) => Some(Self(us)),
            None => None,
        }
    }

    /// Returns the UTC day this instant lies in.
    pub const fn day(self) -> Day {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "i64 microseconds span fewer than 2^31 days"
        )]
        Day(self.0.div_euclid(MICROS_PER_DAY) as i32)
    }

    /// Returns the start of the minute this instant lies in.
    #[must_use]
    pub const fn floor_minute(self) -> Self {
        Self(self.0 - self.0.rem_euclid(MICROS_PER_MINUTE))
    }

    /// Returns the largest multiple of `interval_us` (> 0) at or before this instant.
    #[must_use]
    pub const fn floor_to(self, interval_us: i64) -> Self {
        Self(self.0 - self.0.rem_euclid(interval_us))
    }

    /// Returns this instant moved by `delta_us`, saturating at the ends of the representable range.
    #[must_use]
    pub const fn plus(self, delta_us: i64) -> Self {
        Self(self.0.saturating_add(delta_us))
    }
}

impl fmt::Display for UnixMicros {
    /// Writes RFC 3339 UTC with as many fraction digits (0, 3 or 6) as the value needs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.0.rem_euclid(MICROS_PER_DAY);
        let (h, m, s, us) = (
            rest / MICROS_PER_HOUR,
            rest / MICROS_PER_MINUTE % 60,
            rest / MICROS_PER_SECOND % 60,
            rest % MICROS_PER_SECOND,
        );
        write!(f, "{}T{h:02}:{m:02}:{s:02}", self.day())?;
        if us == 0 {
            f.write_str("Z")
        } else if us % 1_000 == 0 {
            write!(f, ".{:03}Z", us / 1_000)
        } else {
            write!(f, ".{us:06}Z")
        }
    }
}

impl<'de> Deserialize<'de> for UnixMicros {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountOrText;
        impl serde::de::Visitor<'_> for CountOrText {
            type Value = UnixMicros;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("microseconds since 1970 or a UTC time such as `2025-01-01T00:00:00Z`")
            }

            fn visit_i64<E: serde::de::Error>(self, us: i64) -> Result<UnixMicros, E> {
                Ok(UnixMicros(us))
            }

            fn visit_u64<E: serde::de::Error>(self, us: u64) -> Result<UnixMicros, E> {
                i64::try_from(us).map(UnixMicros).map_err(E::custom)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<UnixMicros, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(CountOrText)
    }
}

/// Why a piece of text is not a day or an instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The text is not `YYYY-MM-DD`, or names a day that does not exist.
    #[error("`{text}` is not a UTC date; expected `YYYY-MM-DD`")]
    NotADate {
        /// The offending text.
        text: String,
    },
    /// The text is neither a date nor `YYYY-MM-DD[T ]HH:MM[:SS[.ffffff]][Z]`.
    #[error("`{text}` is not a UTC time; expected `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`")]
    NotATime {
        /// The offending text.
        text: String,
    },
    /// The end of a range does not lie after its start.
    #[error("range end `{end}` does not lie after its start `{start}`")]
    EmptyRange {
        /// Inclusive start.
        start: UnixMicros,
        /// Exclusive end.
        end: UnixMicros,
    },
}

impl FromStr for UnixMicros {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        if let Ok(day) = text.parse::<Day>() {
            return Ok(day.start());
        }
        parse_naive(text.strip_suffix('Z').unwrap_or(text).as_bytes()).ok_or_else(|| {
            TimeError::NotATime {
                text: text.to_owned(),
            }
        })
    }
}

/// Reads `YYYY-MM-DD[T ]HH:MM[:SS[.f{1,6}]]` as UTC; `None` if it is anything else.
pub fn parse_naive(text: &[u8]) -> Option<UnixMicros> {
    let (date, rest) = text.split_at_checked(10)?;
    let day = Day::parse_bytes(date)?;
    let rest = match rest.first()? {
        b'T' | b' ' => &rest[1..],
        _ => return None,
    };
    let two = |at: usize| -> Option<i64> {
        let (a, b) = (*rest.get(at)?, *rest.get(at + 1)?);
        (a.is_ascii_digit() && b.is_ascii_digit())
            .then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
    };
    let (h, m) = (two(0)?, two(3)?);
    if rest[2] != b':' {
        return None;
    }
    let (s, used) = match rest.get(5) {
        None => (0, 5),
        Some(b':') => (two(6)?, 8),
        Some(_) => return None,
    };
    if h > 23 || m > 59 || s > 59 {
        return None;
    }
    let mut us = 0_i64;
    match rest.get(used) {
        None => {}
        Some(b'.') => {
            let fraction = &rest[used + 1..];
            if fraction.is_empty() || fraction.len() > 6 || !fraction.iter().all(u8::is_ascii_digit)
            {
                return None;
            }
            for i in 0..6 {
                us = us * 10 + fraction.get(i).map_or(0, |d| i64::from(d - b'0'));
            }
        }
        Some(_) => return None,
    }
    Some(UnixMicros(
        day.start().0 + h * MICROS_PER_HOUR + m * MICROS_PER_MINUTE + s * MICROS_PER_SECOND + us,
    ))
}

/// A UTC day: days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// Returns the day of a civil date, or `None` if that date does not exist.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(1..=12).contains(&month) || day == 0 || !(0..=9999).contains(&year) {
            return None;
        }
        // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
        let y = i64::from(year) - i64::from(month <= 2);
        let era = y.div_euclid(400);
        let yoe = y.rem_euclid(400);
        let mp = i64::from((month + 9) % 12);
        let doy = (153 * mp + 2) / 5 + i64::from(day) - 1;
        let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
        let out = Self(i32::try_from(era * 146_097 + doe - 719_468).ok()?);
        (out.ymd() == (year, month, day)).then_some(out)
    }

    /// Returns (year, month, day of month).
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "each component is bounded by the civil-calendar algorithm"
    )]
    pub const fn ymd(self) -> (i32, u32, u32) {
        // Howard Hinnant, civil_from_days.
        let z = self.0 as i64 + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + if month <= 2 { 1 } else { 0 };
        (year as i32, month as u32, day as u32)
    }

    /// Returns the first instant of the day.
    pub const fn start(self) -> UnixMicros {
        UnixMicros(self.0 as i64 * MICROS_PER_DAY)
    }

    /// Returns the first instant after the day.
    pub const fn end(self) -> UnixMicros {
        UnixMicros((self.0 as i64 + 1) * MICROS_PER_DAY)
    }

    /// Returns the day as a half-open range.
    pub const fn range(self) -> TimeRange {
        TimeRange {
            start: self.start(),
            end: self.end(),
        }
    }

    /// Returns the day `n` days later (earlier if negative).
    #[must_use]
    pub const fn plus(self, n: i32) -> Self {
        Self(self.0 + n)
    }

    /// Reads exactly `YYYY-MM-DD`; `None` if it is anything else.
    pub fn parse_bytes(text: &[u8]) -> Option<Self> {
        if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
            return None;
        }
        let number = |range: core::ops::Range<usize>| -> Option<u32> {
            text[range].iter().try_fold(0_u32, |n, b| {
                b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0'))
            })
        };
        Self::from_ymd(
            i32::try_from(number(0..4)?).ok()?,
            number(5..7)?,
            number(8..10)?,
        )
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.ymd();
        write!(f, "{y:04}-{m:02}-{d:02}")
    }
}

impl FromStr for Day {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse_bytes(text.as_bytes()).ok_or_else(|| TimeError::NotADate {
            text: text.to_owned(),
        })
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A half-open range of instants `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TimeRange {
    /// Inclusive start.
    pub start: UnixMicros,
    /// Exclusive end.
    pub end: UnixMicros,
}

impl TimeRange {
    /// Returns `[start, end)`.
    ///
    /// # Errors
    /// `TimeError::EmptyRange` unless `start < end`.
    pub fn new(start: UnixMicros, end: UnixMicros) -> Result<Self, TimeError> {
        if start < end {
            Ok(Self { start, end })
        } else {
            Err(TimeError::EmptyRange { start, end })
        }
    }

    /// Returns whether `at` lies in the range.
    pub const fn contains(&self, at: UnixMicros) -> bool {
        self.start.0 <= at.0 && at.0 < self.end.0
    }

    /// Returns the overlap of both ranges, if it is not empty.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end)).ok()
    }

    /// Returns every UTC day that shares an instant with the range, in order.
    pub fn days(&self) -> impl DoubleEndedIterator<Item = Day> + use<> {
        let first = self.start.day().0;
        let last = UnixMicros(self.end.0 - 1).day().0;
        (first..=last).map(Day)
    }

    /// Returns the length in microseconds.
    pub const fn len_us(&self) -> i64 {
        self.end.0 - self.start.0
    }
}

impl fmt::Display for TimeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}

#[cfg(test)]
mod tests;
