//! The mock exchange: archives, REST and sockets of simulated markets or of a recording, with planned faults.
//!
//! Written from the venues' documents and from recorded frames, never from this project's parsers. Nothing it serves was
//! ever traded. Parts: `world` makes the market, `clock` runs it, `venues` speak for it, `server` and `socket` carry what they
//! say, `faults`, `delay` and `pipe` spoil it, `counters` and `control` tell what happened.

pub mod archive;
pub mod clock;
pub mod control;
pub mod counters;
pub mod delay;
pub mod faults;
pub mod limits;
pub mod pipe;
pub mod player;
pub mod recording;
pub mod server;
pub mod socket;
pub mod top;
pub mod venue;
pub mod venues;
pub mod world;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use quant_core::synth::{
    MinuteModel as _, OrderBookMarket, SimBook, SimMinute, SynthError, WorldParams,
};
use quant_core::time::{MICROS_PER_MINUTE, UnixMicros};
use serde::Serialize;
use tokio::sync::watch;

use archive::{Archive, ArchiveError};
use clock::{Clock, Speed};
use counters::Counters;
use delay::{BadDelay, DelayRules};
use faults::{FaultError, Faults, Plan};
use recording::{Recording, RecordingFault};
use server::Server;
use world::generator::{self, Demand};
use world::{Feed, Instrument, World};

/// How far the tapes are made ahead of the clock: enough that a fast reader seldom waits, little enough to fit in memory.
const AHEAD_US: i64 = 10 * MICROS_PER_MINUTE;
/// How long the server waits for its sockets when it ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why the mock exchange does not start.
#[derive(Debug, thiserror::Error)]
pub enum MockError {
    /// The address is taken or not ours.
    #[error(
        "cannot listen on {address}: {source}\nhint: choose another port, or `--port 0` for a free one"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The world cannot be simulated.
    #[error(transparent)]
    World(#[from] SynthError),
    /// The archive folder is not there.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The recording cannot be read.
    #[error(transparent)]
    Recording(#[from] RecordingFault),
    /// The fault plan is wrong.
    #[error(transparent)]
    Faults(#[from] FaultError),
    /// A delay is wrong.
    #[error(transparent)]
    Delay(#[from] BadDelay),
    /// The system refuses threads or sockets.
    #[error("cannot run the server: {source}")]
    System {
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// What to serve.
#[derive(Debug)]
pub struct MockOptions {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Simulated market, if there is to be one.
    pub world: Option<WorldParams>,
    /// Minutes of history before the clock's start, and how much is kept behind it.
    pub history_minutes: u32,
    /// Speed of the clock.
    pub speed: Speed,
    /// The clock waits for the first subscription.
    pub hold: bool,
    /// Folder of archives.
    pub archive: Option<PathBuf>,
    /// Recording to replay instead of a simulated market.
    pub recording: Option<PathBuf>,
    /// Planned faults.
    pub plan: Plan,
    /// Delays of sockets.
    pub delays: DelayRules,
    /// Seed of delays.
    pub seed: u64,
}

/// What was started, for scripts.
#[derive(Clone, Debug, Serialize)]
pub struct Started {
    /// Nothing here was ever traded; false while a recording is replayed.
    pub simulated: bool,
    /// Base address of HTTP.
    pub url: String,
    /// Base address of sockets.
    pub ws_url: String,
    /// Port.
    pub port: u16,
    /// Simulated instant at which the clock began, microseconds.
    pub start_us: i64,
    /// Instruments as `market:symbol`.
    pub instruments: Vec<String>,
}

struct Simulated(OrderBookMarket);

impl Feed for Simulated {
    fn book(&self) -> SimBook {
        self.0.book()
    }

    fn next_minute(&mut self, out: &mut SimMinute) {
        self.0.next_minute(out);
    }
}

/// Serves until `stop` is raised; `started` is called once everything is ready, before the first request is answered.
///
/// # Errors
/// Anything that keeps it from starting; nothing is served then.
pub fn run(
    options: MockOptions,
    stop: &AtomicBool,
    started: impl FnOnce(&Started),
) -> Result<(), MockError> {
    let system = |source| MockError::System { source };
    let archive = options.archive.as_deref().map(Archive::new).transpose()?;
    let recording = options
        .recording
        .as_deref()
        .map(Recording::read)
        .transpose()?;
    // Bound before the market is made: a taken port should be known at once.
    let listener =
        std::net::TcpListener::bind(options.address).map_err(|source| MockError::Bind {
            address: options.address,
            source,
        })?;
    listener.set_nonblocking(true).map_err(system)?;
    let address = listener.local_addr().map_err(system)?;

    let demand = Arc::new(Demand::default());
    let (world, mut start, makers) = match &options.world {
        Some(params) => simulate(params, &options, &demand)?,
        None => (World::new(Vec::new()), UnixMicros(0), Vec::new()),
    };
    let venues = match &recording {
        Some(recording) => {
            start = recording.start();
            vec![Box::new(recording::Replay::new(recording.clone())) as Box<dyn venue::VenueHandler>]
        }
        None => venues::all(&world),
    };
    let replays = recording.is_some();
    let hold = options.hold || replays;
    let server = Arc::new(Server {
        venues,
        world,
        clock: Arc::new(Clock::new(start, options.speed, hold)),
        faults: Faults::new(options.plan, start),
        counters: Counters::default(),
        delays: options.delays,
        archive,
        seed: options.seed,
        stop: watch::Sender::new(false),
        base_url: OnceLock::new(),
    });
    let url = server::base_url(address);
    let listed = server.world.instruments().iter();
    let report = Started {
        simulated: !replays,
        ws_url: url.replacen("http", "ws", 1),
        port: address.port(),
        start_us: start.0,
        instruments: listed
            .map(|i| format!("{}:{}", i.params.market, i.params.symbol))
            .collect(),
        url: url.clone(),
    };
    drop(server.base_url.set(url));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(system)?;
    let keep_us = i64::from(options.history_minutes) * MICROS_PER_MINUTE;
    let served = runtime.block_on(serve(&server, &demand, listener, keep_us, stop, || {
        started(&report);
    }));
    runtime.shutdown_timeout(FAREWELL);
    demand.stop();
    for maker in makers {
        // A panic of a generator has already been reported by the panic hook.
        drop(maker.join());
    }
    served.map_err(system)
}

type Simulation = (World, UnixMicros, Vec<std::thread::JoinHandle<()>>);

/// Starts the generators and waits until the history is there.
fn simulate(
    params: &WorldParams,
    options: &MockOptions,
    demand: &Arc<Demand>,
) -> Result<Simulation, MockError> {
    let first = params.start_day.start();
    let start = first.plus(i64::from(options.history_minutes) * MICROS_PER_MINUTE);
    let mut instruments = Vec::new();
    let mut feeds: Vec<Box<dyn Feed>> = Vec::new();
    for (index, instrument) in params.instruments.iter().enumerate() {
        feeds.push(Box::new(Simulated(OrderBookMarket::new(params, index)?)));
        instruments.push(Arc::new(Instrument::new(instrument.clone(), first)));
    }
    demand.want(start.plus(AHEAD_US), first);
    let world = World::new(instruments);
    let mut makers = Vec::new();
    for (instrument, feed) in world.instruments().iter().zip(feeds) {
        let maker = generator::spawn(Arc::clone(instrument), feed, Arc::clone(demand));
        makers.push(maker.map_err(|source| MockError::System { source })?);
    }
    while world.generated() <= start {
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok((world, start, makers))
}

async fn serve(
    server: &Arc<Server>,
    demand: &Arc<Demand>,
    listener: std::net::TcpListener,
    keep_us: i64,
    stop: &AtomicBool,
    started: impl FnOnce(),
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let clocked = Arc::clone(server);
    let demand = Arc::clone(demand);
    let clock = tokio::spawn(async move {
        let Server { clock, world, .. } = &*clocked;
        clock.drive(world, &demand, AHEAD_US, keep_us).await;
    });
    let mut serving = tokio::spawn(server::serve(Arc::clone(server), listener));
    started();
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    loop {
        tokio::select! {
            ended = &mut serving => return ended.unwrap_or_else(|e| Err(std::io::Error::other(e))),
            _ = tick.tick() => if stop.load(Ordering::Relaxed) { break },
        }
    }
    server.stop.send_replace(true);
    server.clock.stop();
    drop(tokio::time::timeout(FAREWELL, serving).await);
    clock.abort();
    Ok(())
}
