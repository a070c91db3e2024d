//! The columns of every dataset in the lake: names, types, nullability, sort order and dedupe key.
//!
//! This file is the single source of truth; parsers fill these columns, the writer checks batches against them,
//! `docs/formats.md` explains them. Nothing here touches a file.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};

/// Version of the lake schema, `major.minor`: minor = a nullable column was added, major = re-ingest.
pub const SCHEMA_VERSION: &str = "1.1";

/// Levels of `l2_snapshots` when the config does not say otherwise.
pub const DEFAULT_BOOK_LEVELS: u16 = 50;

/// A venue product: one folder per instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dataset {
    /// Venue 1m klines.
    Klines1m,
    /// Venue-aggregated trades.
    AggTrades,
    /// Raw trades.
    Trades,
    /// Best bid and ask updates.
    BookTicker,
    /// Full book images at a cadence.
    L2Snapshots,
    /// Book level changes.
    L2Deltas,
    /// Cumulative depth in percent bands; not levels.
    DepthBands,
    /// Mark price 1m klines.
    MarkKlines,
    /// Premium index 1m klines.
    PremiumKlines,
    /// Index price 1m klines.
    IndexKlines,
    /// Settled funding.
    Funding,
    /// Open interest samples.
    OpenInterest,
    /// Binance 5m metrics (open interest and long/short ratios).
    Metrics,
    /// Forced orders.
    Liquidations,
    /// Terms of instruments over time.
    Instruments,
}

/// The name is not one of the lake's datasets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown dataset `{name}`; known: {}", Dataset::ALL.map(Dataset::name).join(", "))]
pub struct UnknownDataset {
    /// The offending name.
    pub name: String,
}

impl Dataset {
    /// Every dataset, in path order.
    pub const ALL: [Self; 15] = [
        Self::Klines1m,
        Self::AggTrades,
        Self::Trades,
        Self::BookTicker,
        Self::L2Snapshots,
        Self::L2Deltas,
        Self::DepthBands,
        Self::MarkKlines,
        Self::PremiumKlines,
        Self::IndexKlines,
        Self::Funding,
        Self::OpenInterest,
        Self::Metrics,
        Self::Liquidations,
        Self::Instruments,
    ];

    /// Returns the folder name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Klines1m => "klines_1m",
            Self::AggTrades => "agg_trades",
            Self::Trades => "trades",
            Self::BookTicker => "book_ticker",
            Self::L2Snapshots => "l2_snapshots",
            Self::L2Deltas => "l2_deltas",
            Self::DepthBands => "depth_bands",
            Self::MarkKlines => "mark_klines",
            Self::PremiumKlines => "premium_klines",
            Self::IndexKlines => "index_klines",
            Self::Funding => "funding",
            Self::OpenInterest => "open_interest",
            Self::Metrics => "metrics",
            Self::Liquidations => "liquidations",
            Self::Instruments => "instruments",
        }
    }

    /// Returns the columns, in file order. `book_levels` matters for `l2_snapshots` only.
    #[expect(clippy::too_many_lines, reason = "one table, one row per column")]
    pub fn columns(self, book_levels: u16) -> Vec<Column> {
        use ColumnType::{Bool, F64, I8, I32, I64, Text, Ts};
        let fixed: &[(&'static str, ColumnType, bool)] = match self {
            Self::Klines1m => &[
                ("ts_open", Ts, false),
                ("ts_close", Ts, false),
                ("open", F64, false),
                ("high", F64, false),
                ("low", F64, false),
                ("close", F64, false),
                ("volume", F64, false),
                ("volume_raw", F64, true),
                ("quote_volume", F64, true),
                ("n_trades", I64, true),
                ("taker_buy_volume", F64, true),
                ("taker_buy_quote_volume", F64, true),
            ],
            Self::AggTrades => &[
                ("ts_event", Ts, false),
                ("ts_recv", Ts, true),
                ("trade_id", I64, false),
                ("price", F64, false),
                ("qty", F64, false),
                ("qty_raw", F64, true),
                ("aggressor", I8, false),
                ("first_id", I64, false),
                ("last_id", I64, false),
                ("late", Bool, true),
            ],
            Self::Trades => &[
                ("ts_event", Ts, false),
                ("ts_recv", Ts, true),
                ("trade_id", I64, false),
                ("price", F64, false),
                ("qty", F64, false),
                ("qty_raw", F64, true),
                ("aggressor", I8, false),
                ("late", Bool, true),
            ],
            Self::BookTicker => &[
                ("ts_event", Ts, false),
                ("ts_recv", Ts, true),
                ("ts_gateway", Ts, true),
                ("ts_inferred", Bool, true),
                ("update_id", I64, false),
                ("bid_px", F64, false),
                ("bid_qty", F64, false),
                ("ask_px", F64, false),
                ("ask_qty", F64, false),
                ("late", Bool, true),
            ],
            Self::L2Snapshots => return l2_snapshot_columns(book_levels),
            Self::L2Deltas => &[
                ("ts_event", Ts, false),
                ("ts_recv", Ts, true),
                ("msg_seq", I64, false),
                ("is_snapshot", Bool, false),
                ("side", I8, false),
                ("price", F64, false),
                ("qty", F64, false),
                ("first_id", I64, false),
                ("last_id", I64, false),
                ("prev_id", I64, true),
                ("msg_end", Bool, false),
                ("late", Bool, true),
            ],
            Self::DepthBands => &[
                ("ts_event", Ts, false),
                ("percentage", F64, false),
                ("depth", F64, false),
                ("notional", F64, false),
            ],
            Self::MarkKlines | Self::PremiumKlines | Self::IndexKlines => &[
                ("ts_open", Ts, false),
                ("ts_close", Ts, false),
                ("open", F64, false),
                ("high", F64, false),
                ("low", F64, false),
                ("close", F64, false),
                ("n_ticks", I64, true),
            ],
            Self::Funding => &[
                ("ts_event", Ts, false),
                ("rate", F64, false),
                ("interval_h", I32, true),
                ("mark_price", F64, true),
            ],
            Self::OpenInterest => &[
                ("ts_event", Ts, false),
                ("ts_published", Ts, true),
                ("open_interest", F64, false),
                ("notional", F64, true),
            ],
            Self::Metrics => &[
                ("ts_event", Ts, false),
                ("open_interest", F64, true),
                ("open_interest_notional", F64, true),
                ("toptrader_account_ls_ratio", F64, true),
                ("toptrader_position_ls_ratio", F64, true),
                ("account_ls_ratio", F64, true),
                ("taker_ls_volume_ratio", F64, true),
            ],
            Self::Liquidations => &[
                ("ts_event", Ts, false),
                ("side", I8, false),
                ("price", F64, false),
                ("average_price", F64, true),
                ("qty", F64, false),
                ("qty_raw", F64, true),
                ("occurrence", I32, false),
            ],
            Self::Instruments => &[
                ("valid_from", Ts, false),
                ("valid_to", Ts, true),
                ("tick_size", Text, false),
                ("lot_size", Text, false),
                ("min_notional", F64, false),
                ("contract_value", F64, false),
                ("inverse", Bool, false),
                ("funding_interval_h", I32, true),
                ("maker_bps", F64, false),
                ("taker_bps", F64, false),
                ("onboard", Ts, true),
                ("delist", Ts, true),
                ("source", Text, false),
            ],
        };
        fixed
            .iter()
            .map(|&(name, ty, nullable)| Column {
                name: name.to_owned(),
                ty,
                nullable,
            })
            .collect()
    }

    /// Returns the names of the columns a partition is sorted by; the first is its time column.
    pub const fn sort_key(self) -> &'static [&'static str] {
        match self {
            Self::Klines1m | Self::MarkKlines | Self::PremiumKlines | Self::IndexKlines => {
                &["ts_open"]
            }
            Self::AggTrades | Self::Trades => &["ts_event", "trade_id"],
            Self::BookTicker => &["ts_event", "update_id"],
            Self::L2Snapshots => &["ts_event", "seq"],
            Self::L2Deltas => &["ts_event", "msg_seq", "side", "price"],
            Self::DepthBands => &["ts_event", "percentage"],
            Self::Funding | Self::OpenInterest | Self::Metrics => &["ts_event"],
            Self::Liquidations => &["ts_event", "side", "price", "qty", "occurrence"],
            Self::Instruments => &["valid_from"],
        }
    }

    /// Returns the columns that identify a row: equal keys are one row seen twice.
    pub const fn dedupe_key(self) -> &'static [&'static str] {
        match self {
            Self::AggTrades | Self::Trades => &["trade_id"],
            _ => self.sort_key(),
        }
    }

    /// Returns the name of the time column that decides the day of a row.
    pub const fn time_column(self) -> &'static str {
        self.sort_key()[0]
    }

    /// Returns the length of the interval one row covers, or `None` for point events.
    pub const fn interval_us(self) -> Option<i64> {
        match self {
            Self::Klines1m | Self::MarkKlines | Self::PremiumKlines | Self::IndexKlines => {
                Some(60_000_000)
            }
            _ => None,
        }
    }

    /// Returns the Arrow schema of a partition.
    pub fn arrow_schema(self, book_levels: u16) -> SchemaRef {
        arrow_schema(&self.columns(book_levels))
    }
}

/// Returns the Arrow schema of a list of columns.
pub fn arrow_schema(columns: &[Column]) -> SchemaRef {
    let fields: Vec<Field> = columns
        .iter()
        .map(|c| Field::new(&c.name, c.ty.arrow(), c.nullable))
        .collect();
    Arc::new(Schema::new(fields))
}

fn l2_snapshot_columns(book_levels: u16) -> Vec<Column> {
    let column = |name: String, ty, nullable| Column { name, ty, nullable };
    let mut out = vec![
        column("ts_event".to_owned(), ColumnType::Ts, false),
        column("ts_recv".to_owned(), ColumnType::Ts, true),
        column("seq".to_owned(), ColumnType::I64, false),
        column("update_id".to_owned(), ColumnType::I64, true),
    ];
    for level in 0..book_levels {
        for side in ["bid", "ask"] {
            out.push(column(
                format!("{side}_px_{level:02}"),
                ColumnType::F64,
                true,
            ));
            out.push(column(
                format!("{side}_qty_{level:02}"),
                ColumnType::F64,
                true,
            ));
        }
    }
    out
}

/// The few column types of the lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// Microseconds UTC.
    Ts,
    /// 64-bit float, finite, never -0.0.
    F64,
    /// 64-bit signed integer.
    I64,
    /// 32-bit signed integer.
    I32,
    /// +1 / -1 sides.
    I8,
    /// Flag.
    Bool,
    /// UTF-8 text.
    Text,
}

impl ColumnType {
    /// Returns the Arrow type.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Ts => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::F64 => DataType::Float64,
            Self::I64 => DataType::Int64,
            Self::I32 => DataType::Int32,
            Self::I8 => DataType::Int8,
            Self::Bool => DataType::Boolean,
            Self::Text => DataType::Utf8,
        }
    }

    /// Returns the stable name that enters content hashes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ts => "ts_us",
            Self::F64 => "f64",
            Self::I64 => "i64",
            Self::I32 => "i32",
            Self::I8 => "i8",
            Self::Bool => "bool",
            Self::Text => "utf8",
        }
    }

    /// Returns the lake type of an Arrow type, if it is one the lake uses.
    pub fn from_arrow(ty: &DataType) -> Option<Self> {
        Some(match ty {
            DataType::Timestamp(TimeUnit::Microsecond, Some(tz)) if tz.as_ref() == "UTC" => {
                Self::Ts
            }
            DataType::Float64 => Self::F64,
            DataType::Int64 => Self::I64,
            DataType::Int32 => Self::I32,
            DataType::Int8 => Self::I8,
            DataType::Boolean => Self::Bool,
            DataType::Utf8 => Self::Text,
            _ => return None,
        })
    }
}

/// One column of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Column {
    /// Column name.
    pub name: String,
    /// Type.
    pub ty: ColumnType,
    /// May hold nulls.
    pub nullable: bool,
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dataset {
    type Err = UnknownDataset;

    fn from_str(name: &str) -> Result<Self, UnknownDataset> {
        Self::ALL
            .into_iter()
            .find(|d| d.name() == name)
            .ok_or_else(|| UnknownDataset {
                name: name.to_owned(),
            })
    }
}

impl Serialize for Dataset {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Dataset {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
