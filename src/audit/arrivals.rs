//! The order in which rows of a day arrive: as they were received, or over two sockets with delays and losses of their own.

use std::collections::BTreeMap;

use quant_core::market::InstrumentKey;
use quant_core::time::Day;
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::read::{HashMemo, PartitionSet};
use quant_lake::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use quant_lake::stream::{MicroSpec, STATE_DATASETS};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::live::Arrived;
use super::rows::event_of;
use crate::error::{CommandResult, Kinded as _};

/// Rows read at once.
const BATCH_ROWS: usize = 1 << 16;

/// One row on its way.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When it arrives, in the venue's clock.
    pub at: i64,
    /// Its row in its partition.
    pub row: usize,
    /// The event.
    pub arrived: Arrived,
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

/// Reads the rows of a day, and the state records of the days around it whose places may lie in it.
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
    for &dataset in datasets {
        let key = DatasetKey {
            instrument: instrument.clone(),
            dataset,
        };
        let spec = PartitionSetSpec::raw(&key, DEFAULT_BOOK_LEVELS);
        let Some(set) = PartitionSet::open_if_present(lake, &spec).data_error()? else {
            continue;
        };
        let around = if STATE_DATASETS.contains(&dataset) {
            -1..=1
        } else {
            0..=0
        };
        for distance in around {
            let of = day.plus(distance);
            if set.manifest().partition(of).is_none() {
                continue;
            }
            let mut row = 0;
            for batch in set.read_day(of, None, BATCH_ROWS, &memo).data_error()? {
                let batch = batch.data_error()?;
                for at in 0..batch.num_rows() {
                    if let Some(event) = event_of(dataset, &batch, at) {
                        let known = super::rows::known_of(&batch, at).unwrap_or(event.ts_known());
                        let recv = super::rows::received_of(&batch, at);
                        out.push(Arrival {
                            at: recv.unwrap_or(known).0,
                            row,
                            arrived: Arrived {
                                dataset,
                                known,
                                event,
                            },
                        });
                    }
                    row += 1;
                }
            }
        }
    }
    Ok(out)
}

/// Puts rows in the order of their arrival as recorded; rows without a receipt time arrive at their own time. State records are
/// known, and thus arrive, at their time of availability.
pub fn as_recorded(mut list: Vec<Arrival>, micro: &MicroSpec) -> Arrivals {
    place_states(&mut list, micro);
    list.sort_by_key(|a| a.at);
    Arrivals {
        list,
        lost: BTreeMap::new(),
    }
}

/// Sends the rows over two sockets: books and quotes over one, everything else over the other.
///
/// Each has a delay that wanders between nothing and the longest one, and is down now and then: what was under way or
/// sent then is lost. The levels of a book message share its fate.
pub fn over_sockets(
    mut list: Vec<Arrival>,
    micro: &MicroSpec,
    sockets: Sockets,
    day: Day,
) -> Arrivals {
    let mut dice = ChaCha8Rng::seed_from_u64(sockets.seed);
    let mut below =
        move |n: i64| i64::try_from(dice.next_u64() % n.unsigned_abs().max(1)).unwrap_or(0);
    let mut down: [Vec<i64>; 2] = [Vec::new(), Vec::new()];
    for socket in &mut down {
        for _ in 0..sockets.n_disconnects {
            socket.push(day.start().0 + below(quant_core::time::MICROS_PER_DAY));
        }
    }
    // Times as sent: both sockets see the stream in order.
    for arrival in &mut list {
        arrival.at = arrival.arrived.known.0;
    }
    place_states(&mut list, micro);
    list.sort_by_key(|a| a.at);
    let mut delay = [sockets.max_delay_us / 4; 2];
    let mut last = [(i64::MIN, 0_i64); 2];
    let mut out = Arrivals::default();
    for mut arrival in list {
        let dataset = arrival.arrived.dataset;
        if STATE_DATASETS.contains(&dataset) {
            out.list.push(arrival);
            continue;
        }
        let socket = usize::from(!matches!(dataset, Dataset::BookTicker | Dataset::L2Deltas));
        let sent = arrival.at;
        if last[socket].0 != sent {
            // A new message: its delay is near the one before, and messages of a socket never overtake one another.
            let step = below(sockets.max_delay_us / 10 + 1) - sockets.max_delay_us / 20;
            delay[socket] = (delay[socket] + step).clamp(0, sockets.max_delay_us);
            last[socket] = (sent, (sent + delay[socket]).max(last[socket].1));
        }
        let is_down = down[socket]
            .iter()
            .any(|from| (*from..from + sockets.down_us).contains(&sent));
        if is_down {
            out.lost.entry(dataset).or_default().push(arrival.row);
            continue;
        }
        arrival.at = last[socket].1;
        out.list.push(arrival);
    }
    out.list.sort_by_key(|a| a.at);
    out.drop_late(micro.watermark_ms * 1_000);
    out
}

fn place_states(list: &mut [Arrival], micro: &MicroSpec) {
    for arrival in list {
        let dataset = arrival.arrived.dataset;
        if STATE_DATASETS.contains(&dataset) {
            let lag_ms = micro.lags_ms.get(&dataset).copied().unwrap_or(0);
            arrival.at = arrival.arrived.known.0 + lag_ms * 1_000;
        }
    }
}

impl Arrivals {
    /// Moves what comes after the watermark to the lost rows: the definition, not the code that is audited.
    fn drop_late(&mut self, lag_us: i64) {
        let mut newest = i64::MIN;
        let lost = &mut self.lost;
        self.list.retain(|arrival| {
            let dataset = arrival.arrived.dataset;
            if STATE_DATASETS.contains(&dataset) {
                return true;
            }
            let ts = arrival.arrived.event.ts_known().0;
            let is_late = ts < newest.saturating_sub(lag_us);
            newest = newest.max(ts);
            if is_late {
                lost.entry(dataset).or_default().push(arrival.row);
            }
            !is_late
        });
    }

    /// Returns the number of rows that never arrived in time.
    pub fn n_lost(&self) -> u64 {
        self.lost.values().map(|rows| rows.len() as u64).sum()
    }
}
