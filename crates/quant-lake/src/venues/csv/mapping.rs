//! How the columns of a user's file map to the lake: declared in the config, checked before a byte is read.

use serde::{Deserialize, Serialize};

use crate::schema::Dataset;

/// How to read a CSV file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvMapping {
    /// What a row is, and which column holds what.
    pub rows: CsvRows,
    /// How times are written.
    pub time: TimeFormat,
    /// Where the column names come from.
    #[serde(default)]
    pub header: CsvHeader,
    /// Field separator: one ASCII character. Quotes around a field are removed; a separator inside quotes is not
    /// supported.
    #[serde(default = "comma")]
    pub delimiter: char,
}

const fn comma() -> char {
    ','
}

/// What a row is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CsvRows {
    /// One-minute klines.
    Klines(KlineColumns),
    /// Trades.
    Trades(TradeColumns),
}

/// Columns of klines, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KlineColumns {
    /// Time of the bar.
    pub timestamp: String,
    /// First price.
    pub open: String,
    /// Highest price.
    pub high: String,
    /// Lowest price.
    pub low: String,
    /// Last price.
    pub close: String,
    /// Volume, in `volume_unit`.
    pub volume: String,
    /// Quote volume, if there is a column of its own.
    #[serde(default)]
    pub quote_volume: Option<String>,
    /// Number of trades.
    #[serde(default)]
    pub n_trades: Option<String>,
    /// Base units bought by aggressors.
    #[serde(default)]
    pub taker_buy_volume: Option<String>,
    /// Which end of the minute the time names.
    pub stamp: Stamp,
    /// Unit of `volume`.
    pub volume_unit: QtyUnit,
}

/// Columns of trades, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TradeColumns {
    /// Time of the trade.
    pub timestamp: String,
    /// Price.
    pub price: String,
    /// Quantity, in `qty_unit`.
    pub qty: String,
    /// Who took liquidity.
    pub side: SideColumn,
    /// Venue id. Without one, ids are made of the time and the position among the rows of that microsecond, which asks
    /// for a file in time order.
    #[serde(default)]
    pub trade_id: Option<String>,
    /// Unit of `qty`.
    pub qty_unit: QtyUnit,
}

/// Where the side of a trade is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SideColumn {
    /// A column with `buy`/`sell` (any case, or `b`/`s`): the side that took liquidity.
    Aggressor(String),
    /// A column with `true`/`false`: the buyer was the maker, so the seller took liquidity.
    IsBuyerMaker(String),
}

/// Which end of its minute a kline's time names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stamp {
    /// Start of the minute; must be a whole minute.
    Open,
    /// End of the minute, exclusive (`00:01:00`) or its last instant (`00:00:59.999`).
    Close,
}

/// Unit of a volume or quantity column.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QtyUnit {
    /// Base units.
    Base,
    /// Quote units. A trade's base quantity is `quote / price`. A kline has no volume-weighted price, so its base
    /// volume is `quote / ((open + high + low + close) / 4)`; the quote volume stays exact.
    Quote,
    /// Contracts of a fixed base quantity.
    Contracts {
        /// Base units per contract.
        base_per_contract: f64,
    },
    /// Contracts of a fixed quote value (inverse).
    InverseContracts {
        /// Quote units per contract.
        quote_per_contract: f64,
    },
}

/// How times are written; always UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormat {
    /// `YYYY-MM-DD[T ]HH:MM[:SS[.f]]`, optionally followed by `Z` or `+00:00`; other zones are refused.
    Text,
    /// Seconds since 1970, optionally with a fraction.
    EpochS,
    /// Milliseconds since 1970.
    EpochMs,
    /// Microseconds since 1970.
    EpochUs,
    /// Nanoseconds since 1970, cut to microseconds.
    EpochNs,
}

/// Where column names come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CsvHeader {
    /// The first line.
    #[default]
    FirstLine,
    /// The file has none: the names of all columns, in order.
    Columns(Vec<String>),
}

/// Why a mapping cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// The separator cannot separate.
    #[error("delimiter `{}` cannot separate fields; expected one ASCII character that is not a digit, letter, quote, dot, sign or line end", delimiter.escape_debug())]
    Delimiter {
        /// The offending character.
        delimiter: char,
    },
    /// One column is used twice.
    #[error("column `{column}` is mapped twice")]
    Twice {
        /// The column.
        column: String,
    },
    /// A mapped column is not among those of the file.
    #[error("column `{column}` is mapped but not listed in `header.columns`")]
    NotListed {
        /// The column.
        column: String,
    },
    /// Too many columns.
    #[error("{columns} columns; at most {max} are supported")]
    TooManyColumns {
        /// Columns listed.
        columns: usize,
        /// Limit.
        max: usize,
    },
    /// Contracts without a worth.
    #[error("contract size {value} is not a positive number")]
    ContractSize {
        /// The offending value, as text.
        value: String,
    },
}

impl CsvMapping {
    /// Returns the dataset the rows belong to.
    pub const fn dataset(&self) -> Dataset {
        match self.rows {
            CsvRows::Klines(_) => Dataset::Klines1m,
            CsvRows::Trades(_) => Dataset::Trades,
        }
    }

    /// Returns the mapped columns, required ones first, in the order the parser asks for them.
    pub(super) fn mapped(&self) -> Vec<&str> {
        match &self.rows {
            CsvRows::Klines(k) => {
                let mut out: Vec<&str> =
                    vec![&k.timestamp, &k.open, &k.high, &k.low, &k.close, &k.volume];
                let optional = [&k.quote_volume, &k.n_trades, &k.taker_buy_volume];
                out.extend(optional.into_iter().flatten().map(String::as_str));
                out
            }
            CsvRows::Trades(t) => {
                let (SideColumn::Aggressor(side) | SideColumn::IsBuyerMaker(side)) = &t.side;
                let mut out: Vec<&str> = vec![&t.timestamp, &t.price, &t.qty, side];
                out.extend(t.trade_id.as_deref());
                out
            }
        }
    }

    /// Checks the mapping.
    ///
    /// # Errors
    /// The first `MappingError`.
    pub fn check(&self) -> Result<(), MappingError> {
        let delimiter = self.delimiter;
        let usable = delimiter.is_ascii()
            && !delimiter.is_ascii_alphanumeric()
            && !matches!(delimiter, '"' | '.' | '-' | '+' | '\n' | '\r' | '\0');
        if !usable {
            return Err(MappingError::Delimiter { delimiter });
        }
        let mapped = self.mapped();
        for (i, column) in mapped.iter().enumerate() {
            if mapped[..i].contains(column) {
                return Err(MappingError::Twice {
                    column: (*column).to_owned(),
                });
            }
        }
        if let CsvHeader::Columns(columns) = &self.header {
            let max = crate::venues::rows::MAX_FIELDS;
            if columns.len() > max {
                return Err(MappingError::TooManyColumns {
                    columns: columns.len(),
                    max,
                });
            }
            if let Some(column) = mapped.iter().find(|c| !columns.iter().any(|l| l == *c)) {
                return Err(MappingError::NotListed {
                    column: (*column).to_owned(),
                });
            }
        }
        let unit = match &self.rows {
            CsvRows::Klines(k) => k.volume_unit,
            CsvRows::Trades(t) => t.qty_unit,
        };
        match unit {
            QtyUnit::Contracts {
                base_per_contract: size,
            }
            | QtyUnit::InverseContracts {
                quote_per_contract: size,
            } if !(size.is_finite() && size > 0.0) => Err(MappingError::ContractSize {
                value: size.to_string(),
            }),
            _ => Ok(()),
        }
    }
}
