//! Vendor defects: every planted one is caught, and clean days raise no alarm.
//!
//! Works on the libraries, not on the command: a sweep is some hundred partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use quant::synth::request::{apply_overrides, instrument_of, profile_of};
use quant::synth::{BookOptions, SynthRequest, write_archive};
use quant_core::market::{InstrumentKey, Venue};
use quant_core::synth::WorldParams;
use quant_core::time::{Day, TimeRange, UnixMicros};
use quant_lake::defects::{DefectKind, DefectPlan, PlantedDefect, Shape, StoredFile, plant};
use quant_lake::ingest::{
    FileOutcome, FileStatus, IngestOptions, IngestRequest, LocalArchive, NoProgress, ingest_vision,
};
use quant_lake::layout::Lake;
use quant_lake::quality::{DayReport, Finding, Severity, assess};
use quant_lake::read::HashMemo;
use quant_lake::schema::Dataset;
use quant_lake::venues::binance::VisionType;
use quant_lake::venues::binance::encode::checksum_line;

use crate::support::{read_json, run};

/// What the archive of a simulated perpetual holds, the monthly funding file apart.
const DATASETS: [Dataset; 9] = [
    Dataset::Klines1m,
    Dataset::AggTrades,
    Dataset::Trades,
    Dataset::BookTicker,
    Dataset::DepthBands,
    Dataset::MarkKlines,
    Dataset::PremiumKlines,
    Dataset::IndexKlines,
    Dataset::Metrics,
];

/// A simulated market.
#[derive(Clone, Copy, Debug)]
struct World {
    seed: u64,
    profile: &'static str,
    look: &'static str,
    trades_per_day: u32,
    days: u32,
}

impl World {
    const START: &'static str = "2024-01-01";

    fn range(self) -> TimeRange {
        let start: Day = Self::START.parse().unwrap();
        let end = start.plus(i32::try_from(self.days).unwrap());
        TimeRange::new(start.start(), end.start()).unwrap()
    }

    fn simulate(self, out: &Path, datasets: &[Dataset]) {
        let symbol = if self.look == "btc" {
            "BTCUSDT"
        } else {
            "SOLUSDT"
        };
        let mut instruments = vec![instrument_of(&format!("um:{symbol}:{}", self.look)).unwrap()];
        let trades = f64::from(self.trades_per_day);
        apply_overrides(
            &mut instruments,
            &[
                format!("trades_per_day={trades}"),
                format!("quotes_per_day={}", 3.0 * trades),
            ],
        )
        .unwrap();
        let request = SynthRequest {
            world: WorldParams {
                seed: self.seed,
                profile: profile_of(self.profile).unwrap(),
                start_day: Self::START.parse().unwrap(),
                instruments,
            },
            venue: Venue::Binance,
            days: self.days,
            datasets: datasets.to_vec(),
            book: BookOptions {
                levels: 20,
                cadence_ms: 1_000,
            },
            defects: None,
        };
        write_archive(out, &request, &AtomicBool::new(false), &|_| {}).unwrap();
    }

    fn key(self) -> InstrumentKey {
        let symbol = if self.look == "btc" {
            "BTCUSDT"
        } else {
            "SOLUSDT"
        };
        InstrumentKey {
            exchange: "sim-binance".parse().unwrap(),
            market: "um".parse().unwrap(),
            symbol: symbol.parse().unwrap(),
        }
    }

    fn ingest(self, archive: &Path, lake: &Lake, datasets: &[Dataset]) -> Vec<FileOutcome> {
        let source = LocalArchive::open(archive.to_owned()).unwrap();
        let request = IngestRequest {
            key: self.key(),
            datasets: datasets.to_vec(),
            range: self.range(),
            instruments: Vec::new(),
            options: IngestOptions::default(),
            created_at: UnixMicros(1),
        };
        let stop = AtomicBool::new(false);
        ingest_vision(lake, &source, &request, &NoProgress, &stop)
            .unwrap()
            .files
    }

    fn assess(self, lake: &Lake, datasets: &[Dataset]) -> Vec<DayReport> {
        assess(
            lake,
            &self.key(),
            self.range(),
            datasets,
            &HashMemo::default(),
        )
        .unwrap()
    }
}

fn zips(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            zips(&path, out);
        } else if path.extension().is_some_and(|e| e == "zip") {
            out.push(path);
        }
    }
}

/// The product of an archive path.
fn product(path: &str) -> (Dataset, Shape) {
    let found = Dataset::ALL
        .into_iter()
        .filter_map(|d| Some((d, VisionType::of(d)?)))
        .find(|(_, kind)| path.split('/').any(|part| part == kind.name()));
    let (dataset, kind) = found.unwrap_or_else(|| panic!("no product of {path}"));
    (dataset, Shape::vision(kind))
}

/// Copies an archive and plants one kind into a share of its files.
fn planted(clean: &Path, out: &Path, kind: DefectKind, rate: f64, seed: u64) -> Vec<PlantedDefect> {
    let plan = DefectPlan::new(seed, &[(kind.name(), rate)]).unwrap();
    let mut files = Vec::new();
    zips(clean, &mut files);
    files.sort();
    let mut defects = Vec::new();
    for file in files {
        let relative = file.strip_prefix(clean).unwrap().to_str().unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let checksum = Some(checksum_line(&bytes, name));
        let stored = StoredFile { bytes, checksum };
        let (stored, defect) = plant(&plan, relative, product(relative).1, stored).unwrap();
        defects.extend(defect);
        let target = out.join(relative);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(&target, stored.bytes).unwrap();
        std::fs::write(
            target.with_extension("zip.CHECKSUM"),
            stored.checksum.unwrap(),
        )
        .unwrap();
    }
    // The mark of a simulated archive.
    std::fs::copy(clean.join("SIMULATED.json"), out.join("SIMULATED.json")).unwrap();
    defects
}

/// Detectors that count as catching a kind; `None` if the ingest itself must.
fn detectors(kind: DefectKind) -> &'static [&'static str] {
    match kind {
        DefectKind::Gap => &[
            "missing_minutes",
            "id_gap",
            "band_gap",
            "missing_samples",
            "missing_quotes",
            "funding_gap",
            "absent_day",
            "silence",
        ],
        DefectKind::FrozenBands => &["frozen_bands"],
        DefectKind::ShiftedOi => &["repeated_oi", "oi_shift"],
        DefectKind::ZeroSizeLevel => &["empty_level"],
        DefectKind::CrossedBook => &["crossed_book"],
        // A premium has no second source: there the missing minute at the edge tells.
        DefectKind::LabelShift => &["label_shift", "missing_minutes"],
        DefectKind::UnitSwitch => &["kline_length"],
        DefectKind::ContractMixup => &["volume_ratio", "kline_units"],
        DefectKind::FrozenKlines => &["frozen_klines", "flat_klines", "minutes_without_kline"],
        DefectKind::StaleQuotes => &["frozen_quotes"],
        DefectKind::OtherDay | DefectKind::InterleavedDays => &["other_day_rows", "funding_extra"],
        _ => &[],
    }
}

/// Says how a defect was caught: refused file, rows counted, a remark, or a finding that names the day.
fn caught(
    defect: &PlantedDefect,
    outcome: Option<&FileOutcome>,
    reports: &[DayReport],
) -> Option<String> {
    let (dataset, _) = product(&defect.path);
    let outcome = outcome?;
    if let FileStatus::Failed { error } = &outcome.status {
        return Some(format!(
            "refused: {}",
            error.to_string().lines().next().unwrap_or("")
        ));
    }
    let counts = outcome.counts;
    let by_count = match defect.kind {
        DefectKind::Duplicate => counts.duplicates > 0,
        DefectKind::Unsorted => outcome.out_of_order > 0,
        DefectKind::OtherDay | DefectKind::InterleavedDays => {
            counts.filtered > 0 || counts.quarantined > 0
        }
        DefectKind::UnitSwitch => counts.quarantined > 0,
        _ => false,
    };
    if by_count {
        return Some("counted".to_owned());
    }
    let remark = match defect.kind {
        DefectKind::UnitSwitch => "mixed time units",
        DefectKind::MissingHeader => "no header",
        DefectKind::ReorderedHeader => "another order",
        _ => "\0",
    };
    if outcome.notes.iter().any(|n| n.contains(remark)) {
        return Some("remarked".to_owned());
    }
    let names = detectors(defect.kind);
    let hit = |f: &&Finding| {
        f.severity >= Severity::Warn
            && f.dataset == dataset
            && outcome.first_day <= f.day
            && f.day <= outcome.last_day
            && names.contains(&f.detector.as_str())
    };
    let findings = reports.iter().flat_map(|r| &r.findings);
    findings.into_iter().find(hit).map(|f| f.detector.clone())
}

/// Whether a defect can be seen at all in what is left of the file.
///
/// A few quotes can be missing without a trace: their ids skip anyway. They are seen if a trade among them has no quote.
fn is_visible(defect: &PlantedDefect) -> bool {
    (defect.kind, product(&defect.path).0) != (DefectKind::Gap, Dataset::BookTicker)
}

/// Kinds that files of the Binance archive can have.
fn kinds() -> Vec<DefectKind> {
    DefectKind::ALL
        .into_iter()
        .filter(|k| *k != DefectKind::ClockOffset)
        .collect()
}

/// Caught and planted, per kind.
#[derive(Debug, Default)]
struct Tally {
    of: BTreeMap<(DefectKind, Dataset), (u32, u32)>,
    missed: Vec<String>,
    how: BTreeMap<(DefectKind, String), u32>,
}

impl Tally {
    fn sweep(&mut self, world: World, rate: f64, seeds: core::ops::Range<u64>) {
        let dir = tempfile::tempdir().unwrap();
        let clean = dir.path().join("clean");
        let mut datasets = DATASETS.to_vec();
        datasets.push(Dataset::Funding);
        world.simulate(&clean, &datasets);
        for kind in kinds() {
            for seed in seeds.clone() {
                let at = dir.path().join(format!("{kind}-{seed}"));
                let defects = planted(&clean, &at, kind, rate, seed);
                let touched: BTreeSet<Dataset> =
                    defects.iter().map(|d| product(&d.path).0).collect();
                // What a defect is compared with must be there; bands, the bulk of the rows, only where concerned.
                let needed: Vec<Dataset> = datasets
                    .iter()
                    .copied()
                    .filter(|d| *d != Dataset::DepthBands || touched.contains(d))
                    .collect();
                let lake = Lake::new(at.join("lake"));
                let outcomes = world.ingest(&at, &lake, &needed);
                let reports = world.assess(&lake, &needed);
                for defect in &defects {
                    let outcome = outcomes.iter().find(|o| o.file == defect.path);
                    let how = caught(defect, outcome, &reports);
                    let slot = self
                        .of
                        .entry((defect.kind, product(&defect.path).0))
                        .or_default();
                    slot.1 += 1;
                    slot.0 += u32::from(how.is_some());
                    match how {
                        Some(how) => {
                            let how = how.split(':').next().unwrap().to_owned();
                            *self.how.entry((defect.kind, how)).or_default() += 1;
                        }
                        None if is_visible(defect) => {
                            self.missed.push(format!(
                                "{world:?} seed {seed}: {} {}: {}, {outcome:?}",
                                defect.kind, defect.path, defect.detail
                            ));
                        }
                        None => {}
                    }
                }
                std::fs::remove_dir_all(&at).unwrap();
            }
        }
    }

    #[expect(clippy::print_stderr, reason = "figures of a sweep")]
    fn tell(&self) {
        let mut kinds: BTreeMap<DefectKind, (u32, u32)> = BTreeMap::new();
        for ((kind, _), (caught, planted)) in &self.of {
            let slot = kinds.entry(*kind).or_default();
            slot.0 += caught;
            slot.1 += planted;
        }
        for (kind, (caught, planted)) in kinds {
            let how: Vec<String> = self
                .how
                .iter()
                .filter(|((k, _), _)| *k == kind)
                .map(|((_, how), n)| format!("{how} {n}"))
                .collect();
            eprintln!("{kind:<18} {caught:>4} of {planted:<4} {}", how.join(", "));
        }
        let quotes = self.of.get(&(DefectKind::Gap, Dataset::BookTicker));
        eprintln!("of them gaps of quotes: {quotes:?}");
    }
}

/// Returns alarms and partitions of a clean market.
fn false_alarms(world: World) -> (Vec<Finding>, usize) {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("clean");
    let mut datasets = DATASETS.to_vec();
    datasets.push(Dataset::Funding);
    world.simulate(&archive, &datasets);
    let lake = Lake::new(dir.path().join("lake"));
    world.ingest(&archive, &lake, &datasets);
    let reports = world.assess(&lake, &datasets);
    let partitions = reports.iter().map(|r| r.coverage.len()).sum();
    let alarms = reports
        .into_iter()
        .flat_map(|r| r.findings)
        .filter(|f| f.severity >= Severity::Warn)
        .collect();
    (alarms, partitions)
}

fn is_slow() -> bool {
    std::env::var_os("RUN_SLOW_TESTS").is_some_and(|v| v == "1")
}

#[test]
fn every_planted_defect_is_caught() {
    let mut tally = Tally::default();
    let worlds: &[(World, core::ops::Range<u64>)] = if is_slow() {
        &[
            (world(1, "mixed", "btc", 20_000, 4), 0..4),
            (world(2, "null", "alt", 1_500, 6), 0..6),
            (world(3, "planted_hazard", "alt", 6_000, 4), 0..4),
        ]
    } else {
        &[
            (world(1, "mixed", "btc", 3_000, 2), 0..1),
            (world(2, "null", "alt", 1_500, 2), 1..2),
        ]
    };
    for (world, seeds) in worlds {
        tally.sweep(*world, 0.5, seeds.clone());
    }
    tally.tell();
    let kinds: BTreeSet<DefectKind> = tally.of.keys().map(|(kind, _)| *kind).collect();
    for kind in self::kinds() {
        assert!(kinds.contains(&kind), "{kind} was never planted");
    }
    assert!(tally.missed.is_empty(), "{:#?}", tally.missed);
}

const fn world(
    seed: u64,
    profile: &'static str,
    look: &'static str,
    trades_per_day: u32,
    days: u32,
) -> World {
    World {
        seed,
        profile,
        look,
        trades_per_day,
        days,
    }
}

#[test]
fn clean_days_raise_no_alarm() {
    let worlds: &[World] = if is_slow() {
        &[
            world(11, "mixed", "btc", 30_000, 20),
            world(12, "null", "alt", 800, 30),
            world(13, "planted_hazard", "alt", 5_000, 20),
            world(14, "planted_trend", "btc", 2_000, 20),
            world(15, "planted_flow", "alt", 12_000, 10),
            world(16, "planted_reversion", "btc", 6_000, 10),
        ]
    } else {
        &[
            world(11, "mixed", "btc", 4_000, 8),
            world(12, "null", "alt", 800, 14),
            world(13, "planted_hazard", "alt", 2_000, 9),
        ]
    };
    let (mut alarms, mut partitions) = (Vec::new(), 0);
    for world in worlds {
        let (found, n) = false_alarms(*world);
        alarms.extend(found.into_iter().map(|f| (*world, f)));
        partitions += n;
    }
    let concerned: BTreeSet<_> = alarms
        .iter()
        .map(|(w, f)| (w.seed, f.day, f.dataset))
        .collect();
    eprintln!(
        "false alarms: {} of {partitions} clean partitions",
        concerned.len()
    );
    for (world, f) in &alarms {
        let (name, day, text) = (&f.detector, f.day, &f.text);
        eprintln!("  {world:?} {day} {} {name}: {text}", f.dataset);
    }
    assert!(partitions >= 300, "{partitions} partitions");
    assert!(
        concerned.len() * 100 <= partitions,
        "{} of {partitions}: {alarms:#?}",
        concerned.len()
    );
}

#[test]
fn the_command_names_the_gap_and_the_run_refuses_it() {
    let dir = tempfile::tempdir().unwrap();
    let small = world(5, "mixed", "btc", 4_000, 2);
    let datasets = [Dataset::Klines1m, Dataset::Trades, Dataset::Funding];
    small.simulate(&dir.path().join("clean"), &datasets);
    let defects = planted(
        &dir.path().join("clean"),
        &dir.path().join("gap"),
        DefectKind::Gap,
        1.0,
        3,
    );
    assert!(defects.len() >= 4);
    let lake = Lake::new(dir.path().join("lake"));
    small.ingest(&dir.path().join("gap"), &lake, &datasets[..2]);
    let mut args = vec![
        "check-data",
        "--lake",
        "lake",
        "--exchange",
        "sim-binance",
        "--market",
        "um",
        "--symbol",
        "BTCUSDT",
        "--json",
    ];
    let answer = run(dir.path(), &args).code(3).json();
    assert_eq!(answer["ok"], false);
    for (dataset, detector) in [("klines_1m", "missing_minutes"), ("trades", "id_gap")] {
        let of = |f: &&serde_json::Value| f["dataset"] == dataset && f["detector"] == detector;
        let findings = answer["findings"].as_array().unwrap();
        assert_eq!(findings.iter().filter(of).count(), 2, "{dataset}: {answer}");
    }
    // Other datasets were not fetched: a day without them is a finding only if they are asked for.
    args.extend(["--datasets", "klines_1m", "--min-coverage", "0.999"]);
    args.extend(["--out", "data_gap_report.json"]);
    let answer = run(dir.path(), &args).code(3).json();
    assert_eq!(answer["below"].as_array().unwrap().len(), 2);
    assert_eq!(read_json(&dir.path().join("data_gap_report.json")), answer);
}

/// A venue whose archives are read by the program, with everything it publishes.
struct OtherVenue {
    exchange: &'static str,
    market: &'static str,
    symbol: &'static str,
    datasets: &'static str,
    source: &'static str,
}

const OTHER_VENUES: [OtherVenue; 2] = [
    OtherVenue {
        exchange: "okx",
        market: "swap",
        symbol: "BTC-USDT-SWAP",
        datasets: "klines_1m,trades,agg_trades,funding,l2_deltas,l2_snapshots",
        source: "okx-manual",
    },
    OtherVenue {
        exchange: "bybit",
        market: "linear",
        symbol: "BTCUSDT",
        datasets: "trades,l2_deltas,l2_snapshots",
        source: "bybit-manual",
    },
];

impl OtherVenue {
    /// Simulates clean days, ingests them one UTC day at a time and returns alarms and partitions.
    fn false_alarms(
        &self,
        profile: &str,
        seed: u32,
        trades: u32,
        days: i32,
    ) -> (Vec<String>, usize) {
        let dir = tempfile::tempdir().unwrap();
        let first: Day = World::START.parse().unwrap();
        let synth = format!(
            "synth --exchange {} --profile {profile} --seed {seed} --days {days} --out clean --set trades_per_day={trades} \
             --set quotes_per_day={}",
            self.exchange,
            3 * trades
        );
        let go = |text: &str| {
            let args: Vec<&str> = text.split_whitespace().collect();
            run(dir.path(), &args)
        };
        go(&synth).code(0);
        let (exchange, market, symbol) = (self.exchange, self.market, self.symbol);
        let terms = format!(
            "instruments:\n  - exchange: sim-{exchange}\n    market: {market}\n    symbol: {symbol}\n    \
             valid_from: \"2019-01-01\"\n    valid_to: null\n    tick_size: \"0.1\"\n    lot_size: \"0.001\"\n    \
             min_notional: 0.0\n    contract_value: 0.01\n    inverse: false\n    funding_interval_h: 8\n    \
             maker_bps: 2.0\n    taker_bps: 5.0\n    onboard: null\n    delist: null\n    source: test\n"
        );
        std::fs::write(dir.path().join("terms.yaml"), terms).unwrap();
        let of =
            format!("--lake lake --exchange sim-{exchange} --market {market} --symbol {symbol}");
        for i in 0..days {
            let (from, to) = (first.plus(i), first.plus(i + 1));
            let (source, datasets) = (self.source, self.datasets);
            go(&format!(
                "build-dataset {of} --source {source} --root clean --start {from} --end {to} --datasets {datasets} \
                 --instruments terms.yaml --quiet"
            ))
            .code(0);
        }
        let ran = go(&format!("check-data {of} --json"));
        let answer = ran.json();
        let list = |key: &str| answer[key].as_array().unwrap().clone();
        let alarms = list("findings")
            .into_iter()
            .filter(|f| f["severity"] != "note")
            .map(|f| format!("{exchange} {profile} {seed}: {f}"))
            .collect();
        let there = list("coverage")
            .into_iter()
            .filter(|c| c["present"] == true);
        (alarms, there.count())
    }
}

#[test]
fn clean_days_of_other_venues_raise_no_alarm() {
    let days = std::env::var("SWEEP_DAYS")
        .ok()
        .and_then(|n| n.parse().ok());
    let worlds: &[(&str, u32, u32)] = if is_slow() {
        &[
            ("mixed", 21, 4_000),
            ("null", 22, 1_500),
            ("planted_trend", 23, 8_000),
        ]
    } else {
        &[("mixed", 21, 1_500)]
    };
    let days = days.unwrap_or(if is_slow() { 4 } else { 2 });
    let (mut alarms, mut partitions) = (Vec::new(), 0);
    for venue in &OTHER_VENUES {
        for (profile, seed, trades) in worlds {
            let (found, n) = venue.false_alarms(profile, *seed, *trades, days);
            alarms.extend(found);
            partitions += n;
        }
    }
    eprintln!(
        "false alarms: {} of {partitions} clean partitions of OKX and Bybit",
        alarms.len()
    );
    assert!(partitions >= 9, "{partitions} partitions");
    assert!(alarms.is_empty(), "{alarms:#?}");
}
