//! Recorded sessions and files of REST answers.

use std::sync::Arc;

use quant_core::market::{Market, Symbol, Venue};
use quant_core::time::UnixMicros;

use super::channels::{Channels, envelope};
use super::input::{self, Head};
use super::report::Inspection;
use super::soundness::Course;
use super::{Subject, exchange_of, rows};
use crate::schema::Dataset;
use crate::sniff::{bybit_market, okx_market};
use crate::venues::book_flow::{BookOptions, DEFAULT_CADENCE};
use crate::venues::capture::{Capture, Frame};
use crate::venues::contracts::QtyUnit;
use crate::venues::deepcoin::pages as deepcoin;
use crate::venues::pages::{PageFormat, PageMessages, split_received};
use crate::venues::rows::FileTotals;
use crate::venues::tables::{MessageParser, TableOptions};
use crate::venues::{binance, bybit, hyperliquid, okx};

/// What was seen on the way besides the streams.
#[derive(Default)]
struct Seen {
    messages: u64,
    unreadable: u64,
    first_unreadable: Option<u64>,
    http: u64,
    connects: u64,
    other: u64,
    with_pu: u64,
    depth: u64,
    images: u64,
    pair: bool,
}

/// Inspects a recording.
pub(super) fn inspect(
    subject: &Subject<'_>,
    head: &Head,
    venue: Venue,
    capture: bool,
    out: &mut Inspection,
) {
    out.exchange = Some(exchange_of(subject, venue));
    let style = if capture {
        "capture, one envelope a line"
    } else {
        "frames, one `<received> <json>` a line"
    };
    out.format = format!("recording of {} ({style})", venue.name());
    let mut channels = Channels::default();
    let mut seen = Seen::default();
    let mut reader = Capture::default();
    let (ended, result) = input::lines(subject, &head.spec, |number, line| {
        match reader.read(line) {
            Err(_) => {
                seen.unreadable += 1;
                seen.first_unreadable.get_or_insert(number);
            }
            Ok(Frame::Other) => seen.other += 1,
            Ok(Frame::Connected { .. }) => seen.connects += 1,
            Ok(Frame::Http { .. }) => seen.http += 1,
            Ok(Frame::Message { received, body, .. }) => {
                seen.messages += 1;
                let Some(envelope) = envelope(venue, body) else {
                    if !body.starts_with(b"p") {
                        seen.unreadable += 1;
                        seen.first_unreadable.get_or_insert(number);
                    }
                    return;
                };
                seen.images += u64::from(envelope.is_image);
                if envelope.channel.starts_with(b"depth") {
                    seen.depth += 1;
                    seen.with_pu += u64::from(envelope.has_pu);
                }
                channels.see(&envelope, received);
            }
        }
    });
    rows::ending(subject, ended, &result, out);
    let busiest = channels.busiest();
    seen.pair = busiest.first().is_some_and(|(name, _)| name.contains('_'));
    out.channels = channels.summaries();
    out.receive_lag_ms = channels.lag.spread(1_000.0);
    facts(&seen, out);
    let Some((instrument, _)) = busiest.first() else {
        return out.fail("streams", "no message names an instrument");
    };
    out.symbol = Some(instrument.clone());
    let names: Vec<&str> = busiest.iter().take(8).map(|(n, _)| n.as_str()).collect();
    out.symbol_by = Some(if busiest.len() == 1 {
        "its messages".to_owned()
    } else {
        format!("the busiest of {}: {}", busiest.len(), names.join(", "))
    });
    let market = match venue {
        Venue::Binance => binance_market(&seen, subject),
        Venue::Okx => Some(okx_market(instrument)),
        Venue::Bybit => Some(bybit_market(instrument)),
        _ => Some((
            Market::Swap,
            "perpetuals are told from spot by the coin's name".to_owned(),
        )),
    };
    let market = market.unwrap_or_else(|| (Market::Um, "nothing tells it".to_owned()));
    out.market = Some(market.0.name().to_owned());
    out.market_by = Some(market.1);
    if let Some(totals) = parse(subject, head, venue, market.0, instrument, out) {
        Course::of(&totals).judge(out);
    }
}

fn facts(seen: &Seen, out: &mut Inspection) {
    match seen.first_unreadable {
        None => out.ok("messages", &format!("all {} readable", seen.messages)),
        Some(row) => {
            let total = seen.messages + seen.other + seen.http + seen.connects + seen.unreadable;
            let text = format!(
                "{} lines cannot be read, the first is row {row}",
                seen.unreadable
            );
            if seen.unreadable as f64 > 0.01 * total as f64 {
                out.fail("messages", &text);
            } else {
                out.warn("messages", &text);
            }
        }
    }
    if seen.http + seen.connects + seen.other > 0 {
        out.note(format!(
            "{} connections, {} REST answers, {} other lines",
            seen.connects, seen.http, seen.other
        ));
    }
    if seen.images > 0 {
        out.note(format!(
            "{} REST images of the book between the frames",
            seen.images
        ));
    } else if seen.depth > 0 {
        out.warn(
            "REST image",
            "none inside: without the recording before it no book can be built",
        );
    }
    if let Some(lag) = out.receive_lag_ms
        && lag.median < 0.0
    {
        out.note(format!(
            "the recorder's clock runs at least {} ms behind the venue's: receive times are stored, never trusted",
            -lag.median
        ));
    }
}

fn binance_market(seen: &Seen, subject: &Subject<'_>) -> Option<(Market, String)> {
    if seen.depth > 0 && seen.with_pu == 0 {
        return Some((
            Market::Spot,
            "depth updates without `pu`: spot's rule".to_owned(),
        ));
    }
    if seen.with_pu > 0 && seen.pair {
        return Some((
            Market::Cm,
            "depth updates with `pu` and a coin-margined symbol".to_owned(),
        ));
    }
    if seen.with_pu > 0 {
        return Some((
            Market::Um,
            "depth updates with `pu`: the rule of futures".to_owned(),
        ));
    }
    let market = subject.facts.market?;
    Some((market, format!("the folder `{market}` it lies in")))
}

/// Runs the parser that ingestion would use; returns what it counted, if it took the recording.
fn parse(
    subject: &Subject<'_>,
    head: &Head,
    venue: Venue,
    market: Market,
    instrument: &str,
    out: &mut Inspection,
) -> Option<FileTotals> {
    let Ok(symbol) = instrument.parse::<Symbol>() else {
        out.warn("instrument", "its name is no symbol of the lake");
        return None;
    };
    let unit = match market {
        Market::Cm | Market::Inverse => QtyUnit::Inverse { usd: 1.0 },
        Market::Swap if venue == Venue::Okx => QtyUnit::Linear { ctval: 1.0 },
        _ => QtyUnit::Base,
    };
    let book = BookOptions {
        levels: 50,
        cadence: DEFAULT_CADENCE,
        unit,
    };
    let key = rows::contracts(venue, market, &symbol)?.key;
    match venue {
        Venue::Binance => {
            let options = binance::recording::RecordingOptions {
                market,
                symbol,
                book,
            };
            let session = Arc::new(binance::recording::Session::default());
            let datasets = binance::recording::RECORDED;
            rows::run(
                subject,
                head,
                &datasets,
                true,
                &|parse| {
                    Ok(binance::recording::recording_parser(
                        options.clone(),
                        &datasets,
                        parse,
                        &session,
                        None,
                    ))
                },
                out,
            )
        }
        Venue::Okx => {
            let options =
                okx::recording::OkxRecordingOptions::new(&key, Some(unit), 50, book.cadence);
            let datasets = okx::recording::OkxRecordingOptions::DATASETS;
            rows::run(
                subject,
                head,
                &datasets,
                true,
                &|parse| Ok(okx::recording::recording_parser(&options, &datasets, parse)),
                out,
            )
        }
        Venue::Hyperliquid => {
            let options = hyperliquid::messages::HyperliquidOptions::new(&key, 50, book.cadence);
            let datasets = hyperliquid::messages::HyperliquidOptions::DATASETS;
            rows::run(
                subject,
                head,
                &datasets,
                false,
                &|parse| {
                    Ok(hyperliquid::messages::recording_parser(
                        &options, &datasets, parse,
                    ))
                },
                out,
            )
        }
        Venue::Bybit => {
            let datasets = bybit::recording::DATASETS;
            let options = bybit::recording::Recording {
                market,
                symbol,
                depth: None,
                book,
                datasets: datasets.to_vec(),
            };
            rows::run(
                subject,
                head,
                &datasets,
                false,
                &|parse| Ok(bybit::recording::recording_parser(&options, parse)),
                out,
            )
        }
        Venue::Deepcoin | Venue::Csv => {
            out.warn(
                "ingestion",
                "recordings of this venue are not read; its streams were counted only",
            );
            None
        }
    }
}

/// Inspects a file of REST answers: the first route whose rows fit tells what they are.
pub(super) fn pages(subject: &Subject<'_>, head: &Head, venue: Venue, out: &mut Inspection) {
    let mut found: Option<(Venue, Dataset)> = None;
    let line = head.bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    // An answer longer than the head is not whole: the file's first line is read again.
    let mut first = line.to_vec();
    let (_, _) = input::lines(subject, &head.spec, |number, line| {
        if number == 1 {
            first = line.to_vec();
        }
    });
    let (received, body) = split_received(&first);
    let symbol = symbol_in(body).or_else(|| subject.facts.symbol.clone());
    out.symbol.clone_from(&symbol);
    let symbol = symbol.unwrap_or_else(|| "UNKNOWN".to_owned());
    for (venue, market, dataset) in candidates(venue) {
        let mut format = format_of(venue, market, dataset, &symbol);
        let page = format.as_mut().and_then(|f| f.page(body, received).ok());
        let Some(page) = page else {
            continue;
        };
        if page.bad.is_empty() && page.span.rows > 0 {
            found = Some((venue, dataset));
            break;
        }
    }
    let Some((venue, dataset)) = found else {
        out.exchange = Some(exchange_of(subject, venue));
        out.format = format!("REST answers, by their envelope of {}", venue.name());
        out.lines = 0;
        let text = crate::venues::rows::excerpt(body, 160);
        out.note(format!("first answer: {}", text.escape_debug()));
        return out.fail(
            "format",
            "no route of history has answers like the first one",
        );
    };
    out.exchange = Some(exchange_of(subject, venue));
    out.format = format!("REST pages of {}, {}", venue.name(), dataset.name());
    out.note(
        "nothing in an answer names its market; the first route with such rows is shown".to_owned(),
    );
    let tables = TableOptions {
        datasets: vec![dataset],
        book_levels: 0,
        watermark_us: None,
    };
    rows::run(
        subject,
        head,
        &[dataset],
        true,
        &|parse| {
            let market = candidates(venue).find(|(v, _, d)| (*v, *d) == (venue, dataset));
            let market = market.map_or(Market::Um, |(_, m, _)| m);
            let format = format_of(venue, market, dataset, &symbol).ok_or("no such route")?;
            Ok(Box::new(MessageParser::new(
                PageMessages(format),
                &tables,
                parse,
            )))
        },
        out,
    );
}

/// Routes of history, the likelier first.
fn candidates(venue: Venue) -> impl Iterator<Item = (Venue, Market, Dataset)> {
    let of: Vec<(Venue, Market, Dataset)> = match venue {
        Venue::Binance => {
            let all = binance::pages::BinancePages::DATASETS.into_iter();
            all.map(|d| (venue, Market::Um, d)).collect()
        }
        Venue::Okx | Venue::Deepcoin => {
            let okx = [Dataset::Klines1m, Dataset::Trades, Dataset::Funding];
            let okx = okx.into_iter().map(|d| (Venue::Okx, Market::Swap, d));
            let rest = [Dataset::Klines1m, Dataset::Trades];
            let rest = rest.into_iter().map(|d| (Venue::Deepcoin, Market::Swap, d));
            okx.chain(rest).collect()
        }
        _ => {
            let all = [Dataset::Klines1m, Dataset::Funding];
            all.into_iter().map(|d| (venue, Market::Swap, d)).collect()
        }
    };
    of.into_iter()
}

const FAR: UnixMicros = UnixMicros(i64::MAX / 4);

/// Returns the reader of a route.
fn format_of(
    venue: Venue,
    market: Market,
    dataset: Dataset,
    symbol: &str,
) -> Option<Box<dyn PageFormat>> {
    let symbol = symbol.to_owned();
    Some(match venue {
        Venue::Binance => Box::new(binance::pages::BinancePages {
            dataset,
            market,
            symbol,
            unit: QtyUnit::Base,
            closed_before: FAR,
        }),
        Venue::Okx => Box::new(okx::pages::OkxPages {
            dataset,
            inst_id: symbol,
            unit: QtyUnit::Linear { ctval: 1.0 },
        }),
        Venue::Deepcoin => Box::new(deepcoin::DeepcoinPages {
            route: match dataset {
                Dataset::Klines1m => deepcoin::Route::Candles,
                _ => deepcoin::Route::Trades,
            },
            inst_id: symbol,
            unit: QtyUnit::Linear { ctval: 1.0 },
            closed_before: FAR,
        }),
        Venue::Hyperliquid => Box::new(hyperliquid::pages::HyperliquidPages {
            dataset,
            coin: symbol,
            closed_before: FAR,
        }),
        Venue::Bybit | Venue::Csv => return None,
    })
}

/// Returns the first instrument that an answer names.
fn symbol_in(body: &[u8]) -> Option<String> {
    let keys: [&[u8]; 4] = [b"\"instId\"", b"\"symbol\"", b"\"coin\"", b"\"s\""];
    keys.iter().find_map(|key| {
        let at = memchr::memmem::find(body, key)? + key.len();
        let rest = body.get(at..)?.trim_ascii_start().strip_prefix(b":")?;
        let rest = rest.trim_ascii_start().strip_prefix(b"\"")?;
        let end = memchr::memchr(b'"', rest)?;
        let text = core::str::from_utf8(&rest[..end]).ok()?;
        text.parse::<Symbol>().ok().map(|s| s.as_str().to_owned())
    })
}
