//! Names that people, papers and other libraries use, and the entries of the registries they mean.
//!
//! A synonym is no second name of a column: it leads `quant features show` to the declaration, and nothing else reads it.

/// Name, and the statistics or kinds of features it means; an entry of either tier with that name is meant.
pub(super) const SYNONYMS: &[(&str, &[&str])] = &[
    ("average_true_range", &["atr", "atr_minutes"]),
    ("bid_ask_spread", &["spread"]),
    ("bipower_variation", &["jump", "variance"]),
    ("book_imbalance", &["obi", "imbalance"]),
    ("bvc", &["vpin_bvc"]),
    ("cancel_ratio", &["replenishment", "added"]),
    ("cvd", &["signed"]),
    ("depth_imbalance", &["obi"]),
    ("donchian", &["extremes"]),
    ("illiq", &["amihud"]),
    ("integrated_ofi", &["ofi_weighted"]),
    ("jump_variation", &["jump"]),
    ("kaufman_er", &["efficiency_ratio"]),
    ("kyle_lambda", &["kyle", "kyle_minute"]),
    ("kyles_lambda", &["kyle", "kyle_minute"]),
    ("lambda", &["kyle", "kyle_minute"]),
    ("lpi", &["liquidation_pressure"]),
    ("mark_price", &["state", "premium"]),
    ("medrv", &["jump", "variance"]),
    ("microprice", &["wmid", "wmid_dev"]),
    ("mid_price", &["mid"]),
    ("minrv", &["jump", "variance"]),
    ("multi_level_ofi", &["mlofi", "ofi_weighted"]),
    ("ofi_levels", &["mlofi", "ofi_weighted"]),
    ("oi", &["state", "oi_change"]),
    ("order_book_imbalance", &["obi", "imbalance"]),
    ("order_flow_imbalance", &["ofi", "mlofi"]),
    ("queue_imbalance", &["imbalance"]),
    ("realised_volatility", &["realised_vol"]),
    ("realized_vol", &["realised_vol"]),
    ("realized_volatility", &["realised_vol"]),
    ("relative_volume", &["volume_ratio"]),
    ("roll_spread", &["roll"]),
    ("tobi", &["imbalance"]),
    ("top_of_book_imbalance", &["imbalance"]),
    ("toxicity", &["flow_toxicity", "vpin"]),
    ("trade_flow_imbalance", &["tfi"]),
    ("trade_imbalance", &["tfi"]),
    ("vpin_signed", &["vpin"]),
    ("vwap", &["session_vwap", "session_vwap_z"]),
    ("weighted_mid", &["wmid", "wmid_dev"]),
];

/// Returns the synonyms of an entry, in alphabetical order.
pub(super) fn of(entry: &str) -> impl Iterator<Item = &'static str> {
    SYNONYMS
        .iter()
        .filter(move |(_, meant)| meant.contains(&entry))
        .map(|(name, _)| *name)
}
