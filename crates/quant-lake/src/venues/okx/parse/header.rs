//! How the archive names its columns: today's names, older ones that end in Chinese, and files without a header.
//!
//! Until 2022 and later the header read `trade_id/<Chinese>,side/<Chinese>,...` in GBK. What stands before the slash is
//! today's name; nothing here needs to decode the rest. Names that are Chinese throughout are taken by position.

use crate::venues::rows::Fields;

/// The names of one product's columns.
pub(super) struct Names {
    /// Names, in today's order. The first names the instrument.
    pub(super) columns: &'static [&'static str],
    /// Names of columns that may be absent, in the order they follow.
    pub(super) optional: &'static [&'static str],
    /// Older files leave the instrument to the name of the file.
    may_be_unnamed: bool,
    /// Older name and today's.
    aliases: &'static [(&'static str, &'static str)],
    /// Orders of files named in Chinese throughout, told apart by their number of columns.
    orders: &'static [&'static [&'static str]],
}

/// Order of trades before `instrument_name` was added.
pub(super) const OLD_TRADES: [&str; 5] = ["trade_id", "side", "size", "price", "created_time"];

pub(super) const TRADES: Names = Names {
    columns: &[
        "instrument_name",
        "trade_id",
        "side",
        "price",
        "size",
        "created_time",
    ],
    optional: &["source"],
    may_be_unnamed: true,
    aliases: &[],
    orders: &[
        &OLD_TRADES,
        &[
            "instrument_name",
            "trade_id",
            "side",
            "price",
            "size",
            "created_time",
        ],
    ],
};

pub(super) const CANDLES: Names = Names {
    columns: &[
        "instrument_name",
        "open",
        "high",
        "low",
        "close",
        "vol",
        "vol_ccy",
        "vol_quote",
        "open_time",
        "confirm",
    ],
    optional: &[],
    may_be_unnamed: false,
    aliases: &[],
    orders: &[],
};

pub(super) const FUNDING: Names = Names {
    columns: &["instrument_name", "funding_rate", "funding_time"],
    optional: &["real_funding_rate", "realized_rate"],
    may_be_unnamed: false,
    aliases: &[("contract_type", "instrument_name")],
    orders: &[&[
        "instrument_name",
        "funding_rate",
        "real_funding_rate",
        "funding_time",
    ]],
};

impl Names {
    /// Returns the field of each column and optional column in a file of that order.
    pub(super) fn positions(&self, order: &[&str]) -> Vec<usize> {
        let place = |name: &&str| order.iter().position(|o| o == name).unwrap_or(usize::MAX);
        self.columns
            .iter()
            .chain(self.optional)
            .map(place)
            .collect()
    }

    /// Reads a header that is not today's; `None` if it is no known one.
    pub(super) fn place(&self, header: &Fields<'_>) -> Option<Vec<usize>> {
        let names: Vec<&[u8]> = (0..header.len()).map(|i| header.get(i)).collect();
        let is_chinese = |name: &&[u8]| !name.is_ascii();
        let plain: Vec<&str> = names.iter().map(|name| self.plain(name)).collect();
        let is_old = names.iter().any(is_chinese)
            || self
                .aliases
                .iter()
                .any(|(old, _)| names.contains(&old.as_bytes()));
        if !is_old {
            // Plain names must be today's, or the vendor has changed the format.
            return None;
        }
        if names.iter().all(is_chinese) && plain.iter().all(|name| name.is_empty()) {
            let order = self
                .orders
                .iter()
                .find(|order| order.len() == names.len())?;
            return Some(self.positions(order));
        }
        let known = |name: &str| self.columns.contains(&name) || self.optional.contains(&name);
        let each_once = plain
            .iter()
            .enumerate()
            .all(|(i, name)| known(name) && !plain[..i].contains(name));
        let needed = &self.columns[usize::from(self.may_be_unnamed)..];
        let complete = needed.iter().all(|name| plain.contains(name));
        (each_once && complete).then(|| self.positions(&plain))
    }

    /// Returns today's name of a column: what stands before the slash or the first Chinese character.
    fn plain<'a>(&self, name: &'a [u8]) -> &'a str {
        let end = name
            .iter()
            .position(|&b| b == b'/' || !b.is_ascii())
            .unwrap_or(name.len());
        // ASCII up to here.
        let plain = core::str::from_utf8(&name[..end])
            .unwrap_or_default()
            .trim();
        let alias = self.aliases.iter().find(|(old, _)| *old == plain);
        alias.map_or(plain, |(_, today)| today)
    }
}
