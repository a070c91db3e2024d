//! The order in which rows of a day arrive: as they were received, or over two sockets with delays and losses of their own.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use quant_core::market::InstrumentKey;
use quant_core::time::{Day, MICROS_PER_MINUTE, TimeRange, UnixMicros};
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::read::{HashMemo, PartitionSet};
use quant_lake::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use quant_lake::stream::{MicroSpec, STATE_DATASETS};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::live::{Arrived, can_be_late};
use super::rows::{event_of, flagged_late, known_of, received_of};
use crate::error::{CommandResult, Kinded as _};

/// Rows read at once.
const BATCH_ROWS: usize = 1 << 16;

/// Rows this near to a day still tell how far its stream has come.
const EDGE_US: i64 = 10 * MICROS_PER_MINUTE;

/// One row on its way.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When it arrives, in the clock of whoever put it in order.
    pub at: i64,
    /// When it was received, in the receiver's clock.
    pub received: Option<i64>,
    /// Ingestion found that it had come after the watermark.
    pub flagged: bool,
    /// Its row in its partition.
    pub row: usize,
    /// The event.
    pub arrived: Arrived,
}

impl Arrival {
    const fn ts(&self) -> i64 {
        self.arrived.event.ts_known().0
    }
}

/// What two sockets do to the rows of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sockets {
    /// Seed of delays and losses.
    pub seed: u64,
    /// Longest delay.
    pub max_delay_us: i64,
    /// Disconnections of each socket.
    pub n_disconnects: u32,
    /// Length of one.
    pub down_us: i64,
}

/// Rows of a day in order of arrival, and the rows that never arrive, per dataset.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    /// What arrives.
    pub list: Vec<Arrival>,
    /// Rows lost or too late, by dataset.
    pub lost: BTreeMap<Dataset, Vec<usize>>,
}

/// Reads the rows of a day, the state records of the days around it whose places may lie in it, and of rows that were received
/// those just before and after the day: they move the watermark.
///
/// # Errors
/// Reading errors.
pub fn read(
    lake: &Lake,
    instrument: &InstrumentKey,
    datasets: &[Dataset],
    day: Day,
) -> CommandResult<Vec<Arrival>> {
    let memo = HashMemo::default();
    let mut out = Vec::new();
    let mut has_samples = false;
    let mut received = Vec::new();
    for &dataset in datasets {
        let key = DatasetKey {
            instrument: instrument.clone(),
            dataset,
        };
        let spec = PartitionSetSpec::raw(&key, DEFAULT_BOOK_LEVELS);
        let Some(set) = PartitionSet::open_if_present(lake, &spec).data_error()? else {
            continue;
        };
        has_samples |= dataset == Dataset::OpenInterest && set.manifest().partition(day).is_some();
        let around = if STATE_DATASETS.contains(&dataset) {
            -1..=1
        } else {
            0..=0
        };
        let n_before = out.len();
        for of in around.map(|distance| day.plus(distance)) {
            if set.manifest().partition(of).is_none() {
                continue;
            }
            let mut row = 0;
            for batch in set.read_day(of, None, BATCH_ROWS, &memo).data_error()? {
                let batch = batch.data_error()?;
                let of_batch =
                    (0..batch.num_rows()).filter_map(|at| arrival(dataset, &batch, at, row + at));
                out.extend(of_batch);
                row += batch.num_rows();
            }
        }
        if can_be_late(dataset)
            && out[n_before..]
                .iter()
                .any(|a: &Arrival| a.received.is_some())
        {
            received.push((dataset, set));
        }
    }
    if has_samples {
        // Of the two that tell open interest, the one that the day has.
        out.retain(|a| a.arrived.dataset != Dataset::Metrics);
    }
    for (dataset, set) in received {
        for edge in [
            TimeRange {
                start: day.start().plus(-EDGE_US),
                end: day.start(),
            },
            TimeRange {
                start: day.end(),
                end: day.end().plus(EDGE_US),
            },
        ] {
            for batch in set.read(edge, None, BATCH_ROWS, &memo).data_error()? {
                let batch = batch.data_error()?;
                out.extend((0..batch.num_rows()).filter_map(|at| arrival(dataset, &batch, at, at)));
            }
        }
    }
    Ok(out)
}

fn arrival(dataset: Dataset, batch: &RecordBatch, at: usize, row: usize) -> Option<Arrival> {
    let event = event_of(dataset, batch, at)?;
    let known = known_of(batch, at).unwrap_or(event.ts_known());
    Some(Arrival {
        at: known.0,
        received: received_of(batch, at).map(|ts| ts.0),
        flagged: flagged_late(batch, at),
        row,
        arrived: Arrived {
            dataset,
            known,
            event,
        },
    })
}

/// Puts rows in the order in which they were received. The receiver's clock may be seconds off, so what has no time of receipt,
/// states and archives, arrives when the stream's own time reaches it: the largest time received so far.
pub fn as_recorded(mut list: Vec<Arrival>, micro: &MicroSpec) -> Arrivals {
    place_states(&mut list, micro);
    let (mut received, placed): (Vec<_>, Vec<_>) =
        (list.into_iter()).partition(|a| a.received.is_some() && can_be_late(a.arrived.dataset));
    received.sort_by_key(|a| a.received);
    Arrivals {
        list: by_stream_time(received, placed),
        lost: BTreeMap::new(),
    }
}

/// Sends the rows over two sockets: books and quotes over one, trades over the other.
///
/// Each has a delay that wanders between nothing and the longest one, and is down now and then: what is sent then is lost. The levels
/// of a book message share its fate. What comes later than the watermark allows arrives all the same, and is named among
/// the lost: leaving it out is the stream's business. Rows that ingestion flagged do not count, and the days around are not heard.
pub fn over_sockets(
    mut list: Vec<Arrival>,
    micro: &MicroSpec,
    sockets: Sockets,
    day: Day,
) -> Arrivals {
    let mut dice = ChaCha8Rng::seed_from_u64(sockets.seed);
    let mut below =
        move |n: i64| i64::try_from(dice.next_u64() % n.unsigned_abs().max(1)).unwrap_or(0);
    place_states(&mut list, micro);
    let (mut sent, placed): (Vec<_>, Vec<_>) =
        (list.into_iter()).partition(|a| can_be_late(a.arrived.dataset));
    sent.retain(|a| !a.flagged && day.range().contains(UnixMicros(a.ts())));
    // Both sockets see the stream in order.
    sent.sort_by_key(Arrival::ts);
    // Down while there is something to lose: a recording may cover minutes of its day.
    let first = sent.first().map_or(day.start().0, Arrival::ts);
    let last = sent.last().map_or(first, Arrival::ts);
    let mut down: [Vec<i64>; 2] = [Vec::new(), Vec::new()];
    for socket in &mut down {
        for _ in 0..sockets.n_disconnects {
            socket.push(first + below(last - first + 1));
        }
    }
    let mut delay = [sockets.max_delay_us / 4; 2];
    let mut last = [(i64::MIN, 0_i64); 2];
    let mut lost: BTreeMap<Dataset, Vec<usize>> = BTreeMap::new();
    let mut come = Vec::with_capacity(sent.len());
    for mut arrival in sent {
        let dataset = arrival.arrived.dataset;
        let socket = usize::from(!matches!(dataset, Dataset::BookTicker | Dataset::L2Deltas));
        let at = arrival.ts();
        if last[socket].0 != at {
            // A new message: its delay is near the one before, and messages of a socket never overtake one another.
            let step = below(sockets.max_delay_us / 10 + 1) - sockets.max_delay_us / 20;
            delay[socket] = (delay[socket] + step).clamp(0, sockets.max_delay_us);
            last[socket] = (at, (at + delay[socket]).max(last[socket].1));
        }
        let is_down = down[socket]
            .iter()
            .any(|from| (*from..from + sockets.down_us).contains(&at));
        if is_down {
            lost.entry(dataset).or_default().push(arrival.row);
            continue;
        }
        arrival.at = last[socket].1;
        come.push(arrival);
    }
    come.sort_by_key(|a| a.at);
    // Which of them are late: the definition, not the code that is audited.
    let mut newest = i64::MIN;
    for arrival in &come {
        if arrival.ts() < newest.saturating_sub(micro.watermark_ms * 1_000) {
            let late = lost.entry(arrival.arrived.dataset).or_default();
            late.push(arrival.row);
        }
        newest = newest.max(arrival.ts());
    }
    Arrivals {
        list: by_stream_time(come, placed),
        lost,
    }
}

/// States are known, and thus arrive, at their time of availability.
fn place_states(list: &mut [Arrival], micro: &MicroSpec) {
    for arrival in list {
        let dataset = arrival.arrived.dataset;
        if STATE_DATASETS.contains(&dataset) {
            let lag_ms = micro.lags_ms.get(&dataset).copied().unwrap_or(0);
            arrival.at = arrival.arrived.known.0 + lag_ms * 1_000;
        }
    }
}

/// Puts rows with a time to arrive between others in order of arrival: each before the first that is as new.
fn by_stream_time(come: Vec<Arrival>, mut placed: Vec<Arrival>) -> Vec<Arrival> {
    placed.sort_by_key(|a| a.at);
    let mut out = Vec::with_capacity(come.len() + placed.len());
    let mut placed = placed.into_iter().peekable();
    let mut newest = i64::MIN;
    for arrival in come {
        newest = newest.max(arrival.ts());
        while let Some(next) = placed.next_if(|p| p.at <= newest) {
            out.push(next);
        }
        out.push(arrival);
    }
    out.extend(placed);
    out
}

/// Puts the rows of a lake that a recording does not hold between the events of its frames.
pub fn with_recorded(
    recorded: impl Iterator<Item = Arrived>,
    mut others: Vec<Arrival>,
    micro: &MicroSpec,
) -> Vec<Arrived> {
    place_states(&mut others, micro);
    let frames = recorded.map(|arrived| Arrival {
        at: arrived.known.0,
        received: None,
        flagged: false,
        row: 0,
        arrived,
    });
    let all = by_stream_time(frames.collect(), others);
    all.into_iter().map(|a| a.arrived).collect()
}

impl Arrivals {
    /// Returns the number of rows that never arrived in time.
    pub fn n_lost(&self) -> u64 {
        self.lost.values().map(|rows| rows.len() as u64).sum()
    }
}

/// Returns the events of a recording that a day hears.
pub fn hears(day: Day, event: &Arrived) -> bool {
    let ts = event.event.ts_known().0;
    (day.start().0 - EDGE_US..day.end().0 + EDGE_US).contains(&ts)
}

#[cfg(test)]
mod tests;
