//! A recording as it arrived: its frames go through the decoder that ingestion uses, and every row is handed on at once, as
//! an event, in the order of the frames. Nothing is stored.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use quant_core::market::{Event, InstrumentKey, Market, Venue};
use quant_core::time::TimeRange;

use crate::ingest::FileError;
use crate::ingest::archive::{ArchiveError, Limits};
use crate::ingest::container::{ContainerSpec, open, sniff};
use crate::schema::Dataset;
use crate::venues::book_flow::{BookOptions, DEFAULT_CADENCE};
use crate::venues::contracts::QtyUnit;
use crate::venues::rows::{ParseOptions, RowParser};
use crate::venues::tables::Tap;
use crate::venues::{binance, bybit, hyperliquid, okx};

/// Bytes handed to the decoder at once.
const CHUNK: usize = 1 << 18;

/// Why a recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file cannot be opened or unpacked.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The file is none of the venue, or refused as a whole.
    #[error(transparent)]
    File(#[from] FileError),
    /// No recordings of the venue are read.
    #[error(
        "recordings of `{venue}` are not read\nhint: replay one of binance, bybit, okx or hyperliquid"
    )]
    Venue {
        /// The venue.
        venue: String,
    },
    /// The file is of a kind that holds no frames.
    #[error("`{}` is no recording: it holds no lines\nhint: give a gzip or zstd file of lines", path.display())]
    NotLines {
        /// The file.
        path: PathBuf,
    },
}

/// What is replayed.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Whose frames.
    pub instrument: InstrumentKey,
    /// What a contract is worth.
    pub unit: QtyUnit,
    /// Datasets whose rows are wanted.
    pub datasets: Vec<Dataset>,
    /// Rows outside are not counted; they are handed on all the same.
    pub range: TimeRange,
}

/// Hands every row of the recordings to `take`, with its dataset, in the order of the frames; times of frames that make no
/// row come as heartbeats. Several files of Binance are one session.
///
/// # Errors
/// The first file that cannot be read or is refused.
pub fn replay(
    what: &Replay,
    files: &[PathBuf],
    take: impl FnMut(Dataset, Event) + Send + 'static,
) -> Result<(), ReplayError> {
    let session = Arc::new(binance::recording::Session::default());
    let take = Arc::new(std::sync::Mutex::new(take));
    let mut before: Option<String> = None;
    for path in files {
        let name = path.display().to_string();
        let parse = ParseOptions {
            file: name.clone(),
            range: what.range,
            max_quarantine_share: 1.0,
            collect: what.datasets.clone(),
        };
        let mut parser = parser(what, parse, &session, before.as_deref())?;
        let sink = Arc::clone(&take);
        parser.tap(Tap(Box::new(move |dataset, event| {
            let mut take = sink
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            take(dataset, event);
        })));
        feed(path, parser.as_mut())?;
        before = Some(name);
    }
    Ok(())
}

fn feed(path: &Path, parser: &mut dyn RowParser) -> Result<(), ReplayError> {
    let kind = sniff(path)?;
    let spec = ContainerSpec::of_kind(kind, "").ok_or_else(|| ReplayError::NotLines {
        path: path.to_owned(),
    })?;
    let mut stream = open(path, &spec.accepting_truncated(), Limits::default())?;
    let mut out = Vec::new();
    let mut text: Vec<u8> = Vec::new();
    let mut block = vec![0; CHUNK];
    loop {
        let n = stream.fill(&mut block)?;
        text.extend_from_slice(&block[..n]);
        let is_end = n < block.len();
        let cut = if is_end {
            text.len()
        } else {
            text.iter()
                .rposition(|b| *b == b'\n')
                .map_or(0, |at| at + 1)
        };
        parser
            .feed(&text[..cut], &mut out)
            .map_err(FileError::from)?;
        out.clear();
        text.drain(..cut);
        if is_end {
            break;
        }
    }
    parser.finish(&mut out).map_err(FileError::from)?;
    Ok(())
}

fn parser(
    what: &Replay,
    parse: ParseOptions,
    session: &Arc<binance::recording::Session>,
    before: Option<&str>,
) -> Result<Box<dyn RowParser>, ReplayError> {
    let key = &what.instrument;
    let (market, symbol) = (key.market, key.symbol.clone());
    let book = BookOptions {
        levels: 50,
        cadence: DEFAULT_CADENCE,
        unit: what.unit,
    };
    let datasets = &what.datasets;
    Ok(match key.exchange.venue {
        Venue::Binance => {
            let options = binance::recording::RecordingOptions {
                market,
                symbol,
                book,
            };
            binance::recording::recording_parser(options, datasets, parse, session, before)
        }
        Venue::Okx => {
            let unit = (market != Market::Spot).then_some(what.unit);
            let options = okx::recording::OkxRecordingOptions::new(key, unit, 50, book.cadence);
            okx::recording::recording_parser(&options, datasets, parse)
        }
        Venue::Hyperliquid => {
            let options = hyperliquid::messages::HyperliquidOptions::new(key, 50, book.cadence);
            hyperliquid::messages::recording_parser(&options, datasets, parse)
        }
        Venue::Bybit => {
            let options = bybit::recording::Recording {
                market,
                symbol,
                depth: None,
                book,
                datasets: datasets.clone(),
            };
            bybit::recording::recording_parser(&options, parse)
        }
        Venue::Deepcoin | Venue::Csv => {
            return Err(ReplayError::Venue {
                venue: key.exchange.to_string(),
            });
        }
    })
}
