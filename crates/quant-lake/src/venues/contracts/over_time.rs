//! What a contract is worth over a range of days: stretches of days of one unit, or why there are none.
//!
//! Venues change what a contract is worth. A parser has one unit for all rows of a file, so whoever reads files must know
//! where the unit changes, and may only hand it days of one.

use core::fmt;

use quant_core::market::{Instrument, InstrumentKey};
use quant_core::time::{Day, TimeRange, UnixMicros};

use super::QtyUnit;

/// Consecutive days on which quantities have one unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitSpan<'a> {
    /// The days, whole.
    pub range: TimeRange,
    /// Their unit; `None` where quantities are contracts and the table does not say what they are worth.
    pub unit: Option<QtyUnit>,
    /// The first entry of the table that says so.
    pub terms: Option<&'a Instrument>,
}

/// What contracts are worth changes where one reading cannot follow.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum UnitChange {
    /// Two values hold on one day.
    #[error(
        "contracts of `{key}` are worth {} and, from {at}, {}: {} has rows of both\nhint: a contract's worth may only change at midnight UTC: correct `valid_from` and `valid_to` in the instruments table, or leave the day out with --start and --end",
        Worth(*.before), Worth(*.after), .at.day()
    )]
    InsideDay {
        /// Instrument.
        key: Box<InstrumentKey>,
        /// When the second value begins.
        at: UnixMicros,
        /// The first value.
        before: Option<QtyUnit>,
        /// The second one.
        after: Option<QtyUnit>,
    },
    /// Two values hold in what is read as one.
    #[error(
        "contracts of `{key}` are worth {} and, from {day}, {}: {what} would be read with one of them\nhint: ingest the days before {day} and those from it on with two commands: --end {day}, then --start {day}",
        Worth(*.before), Worth(*.after)
    )]
    InsideReading {
        /// Instrument.
        key: Box<InstrumentKey>,
        /// First day of the second value.
        day: Day,
        /// The first value.
        before: Option<QtyUnit>,
        /// The second one.
        after: Option<QtyUnit>,
        /// What is read as one.
        what: String,
    },
}

/// Shows a unit as what a contract is worth.
struct Worth(Option<QtyUnit>);

impl fmt::Display for Worth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("an unknown amount"),
            Some(QtyUnit::Base) => f.write_str("1 base unit"),
            Some(QtyUnit::Linear { ctval }) => write!(f, "{ctval} base units"),
            Some(QtyUnit::Inverse { usd }) => write!(f, "{usd} quote units"),
        }
    }
}

/// Returns the stretches of days of one unit that make up the days a range touches, in order.
///
/// A day has the unit of the entries valid at any time of it, so an instrument listed or delisted during a day has one.
///
/// # Errors
/// `UnitChange::InsideDay` if a day has two.
pub fn units_over<'a>(
    key: &InstrumentKey,
    terms: &'a [Instrument],
    range: TimeRange,
) -> Result<Vec<UnitSpan<'a>>, UnitChange> {
    spans_of(key, terms, range, |entry| QtyUnit::of(key.market, entry))
}

/// Does what [`units_over`] does, for a source with another notion of its unit.
///
/// # Errors
/// As [`units_over`].
pub fn spans_of<'a>(
    key: &InstrumentKey,
    terms: &'a [Instrument],
    range: TimeRange,
    unit_of: impl Fn(Option<&Instrument>) -> Option<QtyUnit>,
) -> Result<Vec<UnitSpan<'a>>, UnitChange> {
    let mut entries: Vec<&Instrument> = terms.iter().filter(|t| t.key == *key).collect();
    entries.sort_by_key(|t| t.valid_from);
    let mut out: Vec<UnitSpan<'a>> = Vec::new();
    for day in range.days() {
        let mut found: Option<&Instrument> = None;
        for &entry in entries.iter().filter(|t| touches(t, day)) {
            let (before, after) = (found.map(|f| unit_of(Some(f))), unit_of(Some(entry)));
            match before {
                None => found = Some(entry),
                Some(before) if before != after => {
                    return Err(UnitChange::InsideDay {
                        key: Box::new(key.clone()),
                        at: entry.valid_from,
                        before,
                        after,
                    });
                }
                Some(_) => {}
            }
        }
        let unit = unit_of(found);
        match out.last_mut() {
            Some(last) if last.unit == unit => last.range.end = day.end(),
            _ => out.push(UnitSpan {
                range: day.range(),
                unit,
                terms: found,
            }),
        }
    }
    Ok(out)
}

/// Returns the only stretch there is of what is read as one; `None` of no day.
///
/// # Errors
/// `UnitChange::InsideReading` if there are several.
pub fn only<'a>(
    key: &InstrumentKey,
    spans: &[UnitSpan<'a>],
    what: &str,
) -> Result<Option<UnitSpan<'a>>, UnitChange> {
    match spans {
        [before, after, ..] => Err(UnitChange::InsideReading {
            key: Box::new(key.clone()),
            day: after.range.start.day(),
            before: before.unit,
            after: after.unit,
            what: what.to_owned(),
        }),
        [only] => Ok(Some(*only)),
        [] => Ok(None),
    }
}

/// Returns the days a table speaks of: from its first change of terms to its last one.
pub fn days_of_changes(terms: &[Instrument]) -> Option<TimeRange> {
    let first = terms.iter().map(|t| t.valid_from).min()?;
    let last = terms.iter().map(|t| t.valid_from).max()?;
    Some(TimeRange {
        start: first.day().start(),
        end: last.day().end(),
    })
}

/// Returns whether an entry is valid at any time of a day.
fn touches(entry: &Instrument, day: Day) -> bool {
    entry.valid_from < day.end() && entry.valid_to.is_none_or(|to| day.start() < to)
}

#[cfg(test)]
mod tests;
