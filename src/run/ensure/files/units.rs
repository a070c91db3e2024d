//! The unit of quantities over the days asked for, and which part of a file is of which days.

use quant_core::time::TimeRange;
use quant_lake::ingest::discover::FoundFile;
use quant_lake::venues::contracts::QtyUnit;
use quant_lake::venues::contracts::over_time::{UnitSpan, days_of_changes, only, units_over};

use super::Asked;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};

impl<'a> Asked<'a> {
    /// Returns the stretches of days of one unit that a range is made of.
    ///
    /// An instrument with one entry in the table has it on all days: that files are there is proof of its being listed.
    pub(super) fn spans(&self, range: TimeRange) -> CommandResult<Vec<UnitSpan<'a>>> {
        if let Some(known) = self.only_entry(range) {
            return Ok(vec![known]);
        }
        units_over(self.key, self.terms, range).config_error()
    }

    /// Returns the unit of all that recordings hold of the days asked for; `None` if it is not known.
    ///
    /// A session goes on from one recording to the next, so it is read with one unit.
    pub(super) fn session_unit(&self) -> CommandResult<Option<QtyUnit>> {
        let Some(range) = self.range.or_else(|| days_of_changes(self.terms)) else {
            return Ok(QtyUnit::of(self.key.market, None));
        };
        if let Some(known) = self.only_entry(range) {
            return Ok(known.unit);
        }
        let spans = units_over(self.key, self.terms, range).config_error()?;
        let span = only(self.key, &spans, "recordings of these days").config_error()?;
        Ok(span.and_then(|s| s.unit))
    }

    /// Returns the unit of a stretch, or what is missing to know it.
    pub(super) fn known_unit(&self, span: &UnitSpan<'_>) -> CommandResult<QtyUnit> {
        self.known(span.unit)
    }

    /// Returns a unit, or what is missing to know it.
    pub(super) fn known(&self, unit: Option<QtyUnit>) -> CommandResult<QtyUnit> {
        unit.ok_or_else(|| {
            CommandError::text(
                ErrorKind::Config,
                &format!(
                    "quantities of `{}` are contracts and their worth is unknown",
                    self.key
                ),
            )
            .hint("give an instruments table with its `contract_value`: --instruments FILE")
        })
    }

    fn only_entry(&self, range: TimeRange) -> Option<UnitSpan<'a>> {
        match self.terms {
            [only] => Some(UnitSpan {
                range,
                unit: QtyUnit::of(self.key.market, Some(only)),
                terms: Some(only),
            }),
            _ => None,
        }
    }
}

/// Returns the files that hold days of a range, each asked for its part of them.
pub(super) fn within(files: &[FoundFile], range: TimeRange) -> Vec<FoundFile> {
    let part = |file: &FoundFile| {
        let mut file = file.clone();
        file.unit.asked = file.unit.asked.intersection(&range)?;
        Some(file)
    };
    files.iter().filter_map(part).collect()
}
