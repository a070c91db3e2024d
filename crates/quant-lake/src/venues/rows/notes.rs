//! What a parser observes about a file that is no error.

/// Why a sound row is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeftOut {
    /// The file holds several instruments.
    #[error("row of another instrument")]
    OtherInstrument,
    /// The candle had not closed.
    #[error("candle that had not closed")]
    Unconfirmed,
    /// The file holds every trade twice, once per side.
    #[error("other side of a trade already taken")]
    SecondSide,
}

/// Observations that are not errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent observations, not a state"
)]
pub struct Notes {
    /// The file starts with a byte order mark.
    pub bom: bool,
    /// Lines that end in `\r\n`.
    pub crlf: u64,
    /// Rows stamped in seconds.
    pub seconds: u64,
    /// Rows stamped in milliseconds.
    pub millis: u64,
    /// Rows stamped in microseconds.
    pub micros: u64,
    /// The header names the columns in another order than usual.
    pub reordered_header: bool,
    /// There is no header; columns are taken in the usual order.
    pub no_header: bool,
    /// The header names the columns in other words than usual.
    pub other_header: bool,
    /// Rows left out: another instrument.
    pub other_instruments: u64,
    /// Rows left out: candles that had not closed.
    pub unconfirmed: u64,
    /// Rows left out: the other side of a trade already taken.
    pub second_sides: u64,
    /// Ids of the rows are provisional: the collected day must be numbered.
    pub provisional_ids: bool,
    /// Rows later than the row before them; counted while collecting rows without ids.
    pub steps_up: u64,
    /// Rows earlier than the row before them; likewise.
    pub steps_down: u64,
}

impl Notes {
    /// Counts a row the format leaves out.
    pub(super) fn leave_out(&mut self, why: LeftOut) {
        match why {
            LeftOut::OtherInstrument => self.other_instruments += 1,
            LeftOut::Unconfirmed => self.unconfirmed += 1,
            LeftOut::SecondSide => self.second_sides += 1,
        }
    }

    /// Returns how many rows the format left out, whatever their day.
    pub const fn left_out(&self) -> u64 {
        self.other_instruments + self.unconfirmed + self.second_sides
    }

    /// Returns whether the file runs from the last row to the first: more steps back than forward.
    pub const fn is_descending(&self) -> bool {
        self.steps_down > self.steps_up
    }

    /// Returns the observations as text for a report, given how many rows were filtered in all.
    pub fn lines(&self, filtered: u64) -> Vec<String> {
        let mut out = Vec::new();
        if self.bom {
            out.push("starts with a byte order mark".to_owned());
        }
        if self.crlf > 0 {
            out.push(format!("{} lines end in CRLF", self.crlf));
        }
        if self.reordered_header {
            out.push("columns are in another order than usual; mapped by name".to_owned());
        }
        if self.no_header {
            out.push("no header; columns taken in the usual order".to_owned());
        }
        if self.other_header {
            out.push(
                "columns have other names than usual; mapped by known aliases or position"
                    .to_owned(),
            );
        }
        let units = [
            (self.seconds, "seconds"),
            (self.millis, "milliseconds"),
            (self.micros, "microseconds"),
        ];
        let used: Vec<String> = units
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, unit)| format!("{n} in {unit}"))
            .collect();
        if used.len() > 1 {
            // "750 rows in milliseconds, 250 in microseconds".
            let list = used.join(", ").replacen(" in ", " rows in ", 1);
            out.push(format!("mixed time units: {list}"));
        }
        if self.provisional_ids && self.is_descending() {
            out.push(
                "rows run from the last to the first; turned around before ids were given"
                    .to_owned(),
            );
        }
        let counts = [
            (self.other_instruments, "rows of other instruments left out"),
            (self.unconfirmed, "candles that had not closed left out"),
            (
                self.second_sides,
                "rows left out that repeat a trade from its other side: which side took liquidity is not certain in this file",
            ),
            (
                filtered.saturating_sub(self.left_out()),
                "rows of other days left out",
            ),
        ];
        let counted = counts.iter().filter(|(n, _)| *n > 0);
        out.extend(counted.map(|(n, what)| format!("{n} {what}")));
        out
    }
}
