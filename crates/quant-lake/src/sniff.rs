//! What a text is, told from its first lines and its file's name; reads no file and parses no row.
//!
//! The content decides; a name only adds what content cannot tell (the instrument, the day, which kind of kline). Every answer
//! says what it rests on, so that a person can disagree.

mod messages;
mod names;
mod tables;

use quant_core::market::{Market, Venue};

use crate::schema::Dataset;

pub use names::{FileFacts, facts_of};
pub use tables::likely_time;
pub(crate) use tables::{bybit_market, okx_market};

/// Bytes of a text that are looked at.
pub const HEAD_BYTES: usize = 64 * 1024;

/// Rows of one dataset in a vendor's columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsFile {
    /// Whose format.
    pub venue: Venue,
    /// Market, and what tells it.
    pub market: Option<(Market, String)>,
    /// The datasets the columns fit; several if only a name could tell.
    pub datasets: Vec<Dataset>,
    /// The instrument, and what tells it.
    pub symbol: Option<(String, String)>,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Whether the first line names them.
    pub header: bool,
}

/// What a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sniffed {
    /// Nothing.
    Empty,
    /// Rows in a vendor's columns.
    Rows(RowsFile),
    /// Bybit order book messages, one a line.
    BybitBook {
        /// Symbol of the first message.
        symbol: String,
        /// Levels by its topic.
        depth: Option<u32>,
    },
    /// OKX order book messages, one a line.
    OkxBook {
        /// Instrument of the first message.
        inst_id: String,
        /// Whether lines have an `action`; without one every line is a whole book.
        actions: bool,
    },
    /// A recorded session of a venue; `capture` if every line is an envelope with `t`, `conn` and `ts`.
    Recording {
        /// Venue, by the shape of the messages.
        venue: Venue,
        /// Envelope style.
        capture: bool,
    },
    /// Answers of a REST route, one a line.
    Pages {
        /// Venue, by the shape of the answers.
        venue: Venue,
    },
    /// Binance's list of replaced archives.
    UpdatesList,
    /// Delimited text nobody knows.
    Csv {
        /// Field separator.
        delimiter: u8,
        /// Names of the columns, or `column 1` ...
        columns: Vec<String>,
        /// Whether the first line names them.
        header: bool,
    },
    /// JSON nobody knows: keys of its first value.
    Json {
        /// Keys of the first object.
        keys: Vec<String>,
    },
    /// Other text.
    Text,
}

/// Tells what a text is by its first bytes; `name` is the path of its file, `/`-separated, as far as it is known.
pub fn sniff_text(head: &[u8], name: &str) -> Sniffed {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let head = &head[..head.len().min(HEAD_BYTES)];
    let facts = facts_of(name);
    let mut lines = head
        .split(|b| *b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = lines.find(|line| !line.trim_ascii().is_empty());
    let Some(first) = first else {
        return Sniffed::Empty;
    };
    if let Some(found) = messages::sniff(head, first) {
        return found;
    }
    let second = lines.find(|line| !line.trim_ascii().is_empty());
    tables::sniff(first, second, &facts)
}

#[cfg(test)]
mod tests;
