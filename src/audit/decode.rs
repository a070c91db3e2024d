//! Raw recordings through the decoder of ingestion, as events in the order of their frames.

use std::path::PathBuf;

use quant_core::market::{Event, InstrumentKey, Market, Venue};
use quant_core::time::TimeRange;
use quant_lake::replay::{Replay, replay};
use quant_lake::schema::Dataset;
use quant_lake::venues::contracts::QtyUnit;

use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};

/// Hands every row of the recordings to `take`.
///
/// # Errors
/// A file that cannot be read; a market whose quantities are contracts of a size the recording does not tell.
pub fn decode(
    instrument: &InstrumentKey,
    datasets: &[Dataset],
    files: &[PathBuf],
    range: TimeRange,
    take: impl FnMut(Dataset, Event) + Send + 'static,
) -> CommandResult<()> {
    let is_contracts = matches!(instrument.market, Market::Cm | Market::Inverse)
        || (instrument.exchange.venue == Venue::Okx && instrument.market != Market::Spot);
    if is_contracts {
        return Err(CommandError::text(
            ErrorKind::Config,
            &format!("recordings of `{instrument}` count contracts, whose size this audit does not know"),
        )
        .hint("audit a recording of a market that counts coins: binance um or spot, bybit linear or spot"));
    }
    let what = Replay {
        instrument: instrument.clone(),
        unit: QtyUnit::Base,
        datasets: datasets.to_vec(),
        range,
    };
    replay(&what, files, take).data_error()
}
