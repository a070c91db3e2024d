//! The terms of instruments as of a moment: tick and lot sizes, contract values, fees, funding interval.
//!
//! A checked, ordered table that readers join as-of, and its form as the `instruments` dataset. Where the rows
//! come from (a config file, a venue's answer) is the caller's business; nothing is read or guessed here.

mod batch;

use core::fmt::Write as _;

use quant_core::market::{Instrument, InstrumentKey};
use quant_core::time::UnixMicros;
use sha2::{Digest, Sha256};

pub use batch::{from_batch, to_batch};

/// Why instruments cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InstrumentsError {
    /// Rows contradict each other or hold impossible terms; every violation is listed.
    #[error("{} of the instrument table: {}", count(violations.len(), "violation"), list(violations))]
    Invalid {
        /// All violations, in table order.
        violations: Vec<Violation>,
    },
    /// The instrument is not in the table.
    #[error(
        "no terms of instrument `{key}`; known: {}\nhint: copy `configs/instruments.yaml`, add an entry with its tick, lot and fees, and name the copy with --instruments FILE (a run: --set paths.instruments=FILE)",
        if known.is_empty() { "none" } else { known }
    )]
    Unknown {
        /// The instrument asked for.
        key: InstrumentKey,
        /// Ids of the table, comma separated.
        known: String,
    },
    /// The instrument is known, but not at that time.
    #[error(
        "no terms of instrument `{key}` hold at {at}; its entries cover {covered}\nhint: copy `configs/instruments.yaml`, add an entry that covers this time, and name the copy with --instruments FILE (a run: --set paths.instruments=FILE)"
    )]
    NotCovered {
        /// The instrument asked for.
        key: InstrumentKey,
        /// The moment asked for.
        at: UnixMicros,
        /// Validity ranges of its entries, in order.
        covered: String,
    },
    /// A batch is not an `instruments` partition.
    #[error("column `{column}` of the instruments of `{key}` is {found}; expected {expected}")]
    BadColumn {
        /// Whose partition.
        key: InstrumentKey,
        /// The column.
        column: &'static str,
        /// What the schema wants.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A cell of a batch, or of a row to be written, is out of its column's domain.
    #[error(
        "row {row} of the instruments of `{key}` holds `{value}` in `{column}`; expected {expected}"
    )]
    BadCell {
        /// Whose partition.
        key: InstrumentKey,
        /// 0-based row.
        row: usize,
        /// The column.
        column: &'static str,
        /// What the column wants.
        expected: &'static str,
        /// The offending value.
        value: String,
    },
}

/// One thing wrong with one row, or with two rows of one instrument.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Violation {
    /// Two sets of terms at the same time.
    #[error("`{key}`: the terms from {first} still hold when those from {second} begin")]
    Overlap {
        /// Which instrument.
        key: InstrumentKey,
        /// Start of the earlier terms.
        first: UnixMicros,
        /// Start of the later terms.
        second: UnixMicros,
    },
    /// A range that ends before it begins.
    #[error("`{key}` from {valid_from}: `{end}` is {at}, which does not lie after `{start}`")]
    Reversed {
        /// Which instrument.
        key: InstrumentKey,
        /// Start of the terms.
        valid_from: UnixMicros,
        /// Name of the start field.
        start: &'static str,
        /// Name of the end field.
        end: &'static str,
        /// Value of the end field.
        at: UnixMicros,
    },
    /// A number outside its domain.
    #[error("`{key}` from {valid_from}: `{field}` is {value}; expected {expected}")]
    BadNumber {
        /// Which instrument.
        key: InstrumentKey,
        /// Start of the terms.
        valid_from: UnixMicros,
        /// Name of the field.
        field: &'static str,
        /// Its value.
        value: f64,
        /// Its domain.
        expected: &'static str,
    },
}

/// Checked terms of instruments, ordered by key and start.
#[derive(Clone, Debug, PartialEq)]
pub struct InstrumentTable {
    rows: Vec<Instrument>,
}

impl InstrumentTable {
    /// Checks and orders rows.
    ///
    /// # Errors
    /// `InstrumentsError::Invalid` with every violation: overlapping validity, reversed ranges, numbers that are
    /// not finite or out of their domain (steps are positive by type).
    pub fn new(mut rows: Vec<Instrument>) -> Result<Self, InstrumentsError> {
        rows.sort_by(|a, b| (&a.key, a.valid_from).cmp(&(&b.key, b.valid_from)));
        let mut violations = Vec::new();
        for row in &rows {
            check_row(row, &mut violations);
        }
        for (a, b) in rows.iter().zip(rows.iter().skip(1)) {
            if a.key == b.key && a.valid_to.is_none_or(|to| to > b.valid_from) {
                violations.push(Violation::Overlap {
                    key: a.key.clone(),
                    first: a.valid_from,
                    second: b.valid_from,
                });
            }
        }
        if violations.is_empty() {
            Ok(Self { rows })
        } else {
            Err(InstrumentsError::Invalid { violations })
        }
    }

    /// Returns the terms that hold at a moment.
    ///
    /// # Errors
    /// `Unknown` if the table has no such instrument, `NotCovered` if none of its rows holds then.
    pub fn at(&self, key: &InstrumentKey, at: UnixMicros) -> Result<&Instrument, InstrumentsError> {
        let rows = self.rows_of(key);
        if rows.is_empty() {
            let mut ids: Vec<String> = self.rows.iter().map(|r| r.key.to_string()).collect();
            ids.dedup();
            return Err(InstrumentsError::Unknown {
                key: key.clone(),
                known: ids.join(", "),
            });
        }
        let later = rows.partition_point(|r| r.valid_from <= at);
        later
            .checked_sub(1)
            .map(|i| &rows[i])
            .filter(|r| r.is_valid_at(at))
            .ok_or_else(|| {
                let covered: Vec<String> = rows.iter().map(validity).collect();
                InstrumentsError::NotCovered {
                    key: key.clone(),
                    at,
                    covered: covered.join(", "),
                }
            })
    }

    /// Returns every row, ordered by key and start.
    pub fn rows(&self) -> &[Instrument] {
        &self.rows
    }

    /// Returns the rows of one instrument, in order of time; empty if it is unknown.
    pub fn rows_of(&self, key: &InstrumentKey) -> &[Instrument] {
        let start = self.rows.partition_point(|r| r.key < *key);
        let end = self.rows.partition_point(|r| r.key <= *key);
        &self.rows[start..end]
    }

    /// Returns the table of the given instruments only: what a run that uses them depends on.
    #[must_use]
    pub fn restricted_to(&self, keys: &[InstrumentKey]) -> Self {
        Self {
            rows: self
                .rows
                .iter()
                .filter(|r| keys.contains(&r.key))
                .cloned()
                .collect(),
        }
    }

    /// Returns the sha256 of the terms, as 64 lower-case hex digits.
    ///
    /// # Determinism
    /// Independent of the order the rows came in and of how a number was spelled; `source` is left out, since
    /// where terms were read changes no result.
    pub fn content_sha256(&self) -> String {
        let mut hash = Sha256::new();
        let mut line = String::new();
        for r in &self.rows {
            line.clear();
            // Numbers enter as bits, so that two tables hash alike only if they compute alike. `+ 0.0` drops
            // the sign of -0.0. Writing to a `String` cannot fail.
            let written = writeln!(
                line,
                "{}|{}|{:?}|{}|{}|{:x}|{:x}|{}|{:?}|{:x}|{:x}|{:?}|{:?}",
                r.key,
                r.valid_from.0,
                r.valid_to.map(|t| t.0),
                r.tick_size,
                r.lot_size,
                (r.min_notional + 0.0).to_bits(),
                r.contract_value.to_bits(),
                r.inverse,
                r.funding_interval_h,
                (r.maker_bps + 0.0).to_bits(),
                (r.taker_bps + 0.0).to_bits(),
                r.onboard.map(|t| t.0),
                r.delist.map(|t| t.0),
            );
            debug_assert!(written.is_ok());
            hash.update(line.as_bytes());
        }
        let mut hex = String::with_capacity(64);
        for byte in hash.finalize() {
            let written = write!(hex, "{byte:02x}");
            debug_assert!(written.is_ok());
        }
        hex
    }
}

fn check_row(row: &Instrument, out: &mut Vec<Violation>) {
    let reversed = |start, end, at| Violation::Reversed {
        key: row.key.clone(),
        valid_from: row.valid_from,
        start,
        end,
        at,
    };
    if let Some(at) = row.valid_to.filter(|&to| to <= row.valid_from) {
        out.push(reversed("valid_from", "valid_to", at));
    }
    if let (Some(onboard), Some(at)) = (row.onboard, row.delist)
        && at <= onboard
    {
        out.push(reversed("onboard", "delist", at));
    }
    let mut number = |field, value: f64, ok: bool, expected| {
        if !value.is_finite() || !ok {
            let (key, valid_from) = (row.key.clone(), row.valid_from);
            out.push(Violation::BadNumber {
                key,
                valid_from,
                field,
                value,
                expected,
            });
        }
    };
    let fee = "a finite number of bps between -100 and 1000";
    let fee_ok = |bps: f64| (-100.0..=1_000.0).contains(&bps);
    number("maker_bps", row.maker_bps, fee_ok(row.maker_bps), fee);
    number("taker_bps", row.taker_bps, fee_ok(row.taker_bps), fee);
    number(
        "min_notional",
        row.min_notional,
        row.min_notional >= 0.0,
        "zero or above",
    );
    number(
        "contract_value",
        row.contract_value,
        row.contract_value > 0.0,
        "a positive number",
    );
    if let Some(hours) = row.funding_interval_h {
        let ok = (1..=24).contains(&hours);
        number(
            "funding_interval_h",
            f64::from(hours),
            ok,
            "1 to 24 hours, or nothing",
        );
    }
}

fn validity(row: &Instrument) -> String {
    let end = row
        .valid_to
        .map_or_else(|| "open".to_owned(), |to| to.to_string());
    format!("[{}, {end})", row.valid_from)
}

fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

fn list(violations: &[Violation]) -> String {
    violations
        .iter()
        .map(Violation::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests;
