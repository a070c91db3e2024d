//! The files of static.okx.com: trades, candles and funding are cut at midnight of UTC+8, books at midnight UTC.
//!
//! So the first 16 hours of a UTC day lie in the file of its date and the last 8 in that of the next.

use quant_core::market::{InstrumentKey, Market};
use quant_core::time::{Day, TimeRange, UnixMicros};

use super::{FileKind, FileUnit, NotArchived, whole_days, with_unpacked};
use crate::schema::Dataset;
use crate::venues::binance::Period;
use crate::venues::okx::encode::InstType;
use crate::venues::okx::encode::names::{Module, archive_id};

/// Returns the files that hold `datasets` of an instrument over `range` (whole UTC days), by product, then time.
///
/// Trades come from `trades` files and serve `agg_trades` too, one match per row; where an `aggtrades` file is there,
/// `agg_trades` come from it. Daily files go before monthly ones, files of one instrument before those of all.
///
/// # Errors
/// `NotArchived` for the first dataset the venue has no archive of.
pub fn plan_okx(
    key: &InstrumentKey,
    datasets: &[Dataset],
    range: &TimeRange,
) -> Result<Vec<FileUnit>, NotArchived> {
    let names = InstNames::new(key);
    let known = matches!(key.market, Market::Spot | Market::Swap);
    let unpublished = |dataset| NotArchived {
        exchange: key.exchange,
        dataset,
        market: key.market,
        has: match (known, names.inst_type) {
            (false, _) => {
                "its markets are `--market spot` and `--market swap`, which also has inverse contracts (BTC-USD-SWAP) and dated ones (BTC-USD-220527)"
            }
            (true, InstType::Swap) => {
                "give `--datasets` of trades, agg_trades, klines_1m, funding, l2_snapshots, l2_deltas"
            }
            (true, _) => {
                "give `--datasets` of trades, agg_trades, klines_1m, l2_snapshots, l2_deltas; funding is of swaps only"
            }
        },
    };
    let served = |dataset: Dataset| match dataset {
        Dataset::Trades
        | Dataset::AggTrades
        | Dataset::Klines1m
        | Dataset::L2Deltas
        | Dataset::L2Snapshots => true,
        Dataset::Funding => names.inst_type == InstType::Swap,
        _ => false,
    };
    if let Some(&other) = datasets.iter().find(|d| !known || !served(**d)) {
        return Err(unpublished(other));
    }
    let Some(whole) = whole_days(range) else {
        return Ok(Vec::new());
    };
    let mut out = Vec::new();
    for &dataset in datasets {
        match dataset {
            Dataset::Trades | Dataset::AggTrades => {
                product(&mut out, &names, Module::Trades, dataset, &whole);
            }
            Dataset::Klines1m => product(&mut out, &names, Module::Candles, dataset, &whole),
            Dataset::Funding => product(&mut out, &names, Module::Funding, dataset, &whole),
            _ => {}
        }
    }
    let is_book = |d: &Dataset| matches!(d, Dataset::L2Deltas | Dataset::L2Snapshots);
    let books: Vec<Dataset> = datasets.iter().copied().filter(is_book).collect();
    if !books.is_empty() {
        out.extend(whole.days().map(|day| book(&names, &books, day)));
    }
    Ok(out)
}

/// The names an instrument goes by in file names.
struct InstNames<'a> {
    inst: &'a str,
    inst_type: InstType,
    /// The instrument itself, then the chain of its underlying's futures.
    own: Vec<String>,
}

impl<'a> InstNames<'a> {
    fn new(key: &'a InstrumentKey) -> Self {
        let inst = key.symbol.as_str();
        let inst_type = match key.market {
            Market::Spot => InstType::Spot,
            _ if inst.ends_with("-SWAP") => InstType::Swap,
            _ => InstType::Futures,
        };
        let mut own = vec![inst.to_owned()];
        let archived = archive_id(inst, inst_type);
        if archived != inst {
            own.push(archived);
        }
        Self {
            inst,
            inst_type,
            own,
        }
    }

    /// Returns the first word of files that hold every instrument of a kind.
    const fn everything(&self) -> &'static str {
        match self.inst_type {
            InstType::Spot => "allspot",
            InstType::Swap => "allswap",
            InstType::Futures => "allfuture",
        }
    }
}

/// Returns the packed files of a product for one period.
fn paths(names: &InstNames<'_>, module: Module, dataset: Dataset, period: Period) -> Vec<String> {
    let path_of = |inst: &str| {
        let file = module.file_name(inst, period);
        format!("{}/{}", file.folder, file.name)
    };
    let mut out: Vec<String> = names.own.iter().map(|inst| path_of(inst)).collect();
    match module {
        Module::Trades => {
            if matches!(period, Period::Day(_)) {
                out.push(path_of(names.everything()));
            }
            if dataset == Dataset::AggTrades {
                // Discontinued, but on many disks.
                let aggregated: Vec<String> = out
                    .iter()
                    .map(|path| {
                        path.replace("/trades/", "/aggtrades/")
                            .replace("-trades-", "-aggtrades-")
                    })
                    .collect();
                out.splice(0..0, aggregated);
            }
        }
        Module::Funding => {
            out.dedup();
            match period {
                // The names of the years before `fundingrates`.
                Period::Day(_) => {
                    let old: Vec<String> = out
                        .iter()
                        .map(|path| {
                            path.replace("/swaprates/", "/swaprate/")
                                .replace("allswap-fundingrates", "allswaprate-swaprate")
                        })
                        .collect();
                    out.extend(old);
                }
                // Per instrument on the venue, per family in its documents.
                Period::Month(_) => {
                    let family = module.file_name(names.inst, period);
                    let own = format!("{}/{}-fundingrates-{period}.zip", family.folder, names.inst);
                    out.insert(0, own);
                }
            }
        }
        _ => {}
    }
    out
}

fn product(
    out: &mut Vec<FileUnit>,
    names: &InstNames<'_>,
    module: Module,
    dataset: Dataset,
    whole: &TimeRange,
) {
    let kind = match module {
        Module::Candles => FileKind::OkxCandles,
        Module::Funding => FileKind::OkxFunding,
        _ => FileKind::OkxTrades,
    };
    let first = module.day_of(whole.start.0.div_euclid(1_000));
    let last = module.day_of((whole.end.0 - 1).div_euclid(1_000));
    let days: Vec<Day> = (first.0..=last.0).map(Day).collect();
    let mut months: Vec<Period> = days.iter().map(|&day| Period::month_of(day)).collect();
    months.dedup();
    let daily = days.into_iter().map(Period::Day);
    for period in daily.chain(months) {
        let (start_ms, end_ms) = module.span_ms(period);
        let covers = TimeRange {
            start: UnixMicros(start_ms * 1_000),
            end: UnixMicros(end_ms * 1_000),
        };
        out.push(FileUnit {
            kind,
            datasets: vec![dataset],
            paths: with_unpacked(paths(names, module, dataset, period), ".csv"),
            category: None,
            covers,
            asked: covers.intersection(whole).unwrap_or(covers),
            is_fallback: matches!(period, Period::Month(_)),
        });
    }
}

fn book(names: &InstNames<'_>, datasets: &[Dataset], day: Day) -> FileUnit {
    // The deepest file is one image a second; 400 levels come with every change.
    let packed = [Module::Book400, Module::Book5000, Module::Book50]
        .iter()
        .flat_map(|module| {
            names.own.iter().map(|inst| {
                let file = module.file_name(inst, Period::Day(day));
                format!("{}/{}", file.folder, file.name)
            })
        })
        .collect();
    FileUnit {
        kind: FileKind::OkxBook,
        datasets: datasets.to_vec(),
        paths: with_unpacked(packed, ".data"),
        category: None,
        covers: day.range(),
        asked: day.range(),
        is_fallback: false,
    }
}
