//! One integration binary: it reads this tree, runs `quant` and reads the files it wrote.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a failed unwrap is a failed test"
)]

/// Rules of the tree that a reviewer would otherwise have to remember.
mod architecture;
/// No look-ahead and live equals backtest, on simulated lakes; the audits leave no trace.
mod audit;
/// Archives that must be refused whole leave the lake as it was.
mod bad_archives;
/// Bad rows are counted, and every row is accounted for.
mod bad_rows;
/// Bars: conservation, freshness, what a changed day makes stale.
mod bars;
mod bombs;
/// Books that were not known for a while fail the check.
mod book_gaps;
/// Features in the lake: rows, freshness, chunks that change no bit.
mod build_features;
/// Help, streams, exit codes, refused arguments and configs.
mod cli;
/// Contracts whose worth changes: every day is read with its own, or refused.
mod contract_values;
/// Killed, interrupted and competing writers leave a sound lake.
mod crash;
/// A user's own CSV: stamps, units, refusals.
mod csv;
mod diagnose;
/// The catalogue of features and the document made of it.
mod features;
/// Settled funding is charged to open trades.
mod funding;
/// The fuzz corpus, replayed and mutated.
mod fuzz_corpus;
/// Gates refuse with a diagnosis that names the remedy.
mod gates;
/// What is in a file, told by `quant inspect`.
mod inspect;
/// The offline instrument table parses, is consistent and holds what the configs name.
mod instruments;
/// Crossed and one-sided quotes end the touch in force.
mod invalid_quotes;
/// Two markets that agree up to a minute give the same decisions up to it.
mod lookahead;
/// Bars with microstructure: every column, lineage, the same bits again.
mod micro_bars;
/// The mock exchange from outside: files, pages, limits, sockets, faults.
mod mock;
/// What a run is made of decides what it says.
mod provenance;
/// Vendor defects: planted ones are caught, clean days raise no alarm, runs refuse or mask gaps.
mod quality;
/// Recorded market data, where there is some.
mod real_data;
/// REST history of the mock exchange becomes partitions: all rows, once, nothing under a ban.
mod rest;
/// The REST client against hosts that misbehave.
mod rest_faults;
/// Hyperliquid's `/info` from a simulated market: rows of every dataset equal what it answers.
mod rest_hyperliquid;
/// Terms of instruments out of several answers.
mod rest_terms;
mod rest_union;
/// Row features against the golden vector of their Python oracle.
mod row_features_golden;
/// What a run leaves behind, its cache, its identity, its sums.
mod run_all;
/// Sources without datasets, overrides without a config, counts, gap reports.
mod sources;
/// Runs the binary, makes archives, reads what was written.
mod support;
/// Simulated archives: venues, truth, defects, recordings, refusals.
mod synth;
/// Books of simulated archives lead to their own snapshots and images.
mod synth_books;
/// Facts of simulated markets: verdicts, exit codes, refusals.
mod synth_facts;
/// The universe at a moment: listings, liquidity, nothing later.
mod universe;
/// Damage to a lake is found and named, by `verify` and by every reader.
mod verify;
/// Binance Vision: replaced archives, monthly files, interruption, second runs.
mod vision;
/// A random walk as a CSV of bars.
mod walk;
/// Other instruments than the asked one: refused by name, by market, by content.
mod wrong_instrument;
