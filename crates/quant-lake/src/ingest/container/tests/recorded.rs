//! Recorded files, where they are present, and how fast they are read. Absent data is said out loud.

use std::io::Read as _;
use std::path::PathBuf;
use std::time::Instant;

use super::*;

fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("QUANT_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let found = Some(root.join(path)).filter(|p| p.exists());
    if found.is_none() {
        let mut err = std::io::stderr();
        writeln!(
            err,
            "SKIPPED: no shared data at {}",
            root.join(path).display()
        )
        .unwrap();
    }
    found
}

#[test]
fn recordings_and_archives() {
    for (path, kind, extension, rows, bytes) in [
        (
            "recordings/binance/um/btcusdt_20240808.gz",
            Kind::Gzip,
            "",
            93_954,
            27_757_550,
        ),
        (
            "recordings/binance/spot/btcusdt_20240808.gz",
            Kind::Gzip,
            "",
            41_249,
            11_104_853,
        ),
        (
            "recordings/hyperliquid/btcusd_20250126.gz",
            Kind::Gzip,
            "",
            55,
            94_105,
        ),
        (
            "recordings/okx/OKX.jsonl.zst",
            Kind::Zstd,
            "",
            440,
            4_701_941,
        ),
        (
            "recordings/bybit/BYBIT.jsonl.zst",
            Kind::Zstd,
            "",
            3_256,
            2_558_843,
        ),
        (
            "archives/okx/match/orderbook/L2/400lv/daily/20220513/BTC-USDT-L2orderbook-400lv-2022-05-13.tar.gz",
            Kind::TarGz,
            "data",
            0,
            0o372_714,
        ),
        (
            "archives/bybit/orderbook/linear/XRPUSDT/2024-12-01_XRPUSDT_ob500.data.zip",
            Kind::Zip,
            "data",
            50,
            0,
        ),
        (
            "archives/bybit/trading/BTCUSDT/BTCUSDT2026-08-09.csv.gz",
            Kind::Gzip,
            "",
            0,
            0,
        ),
    ] {
        let Some(file) = shared(path) else { continue };
        assert_eq!(sniff(&file).unwrap(), kind, "{path}");
        let spec = ContainerSpec::of_kind(kind, extension).unwrap();
        let got = read_path(&file, &spec, Limits::default(), 512 * 1024).unwrap();
        let found = memchr::memchr_iter(b'\n', &got.text).count();
        assert!(
            found > 0 && (rows == 0 || found == rows),
            "{path}: {found} lines"
        );
        assert!(
            bytes == 0 || got.text.len() == bytes,
            "{path}: {} bytes",
            got.text.len()
        );
        let accepting = spec.accepting_truncated();
        let again = read_path(&file, &accepting, Limits::default(), 512 * 1024).unwrap();
        assert!(again == got, "{path}");
    }
}

#[test]
fn speed_beside_the_library() {
    if std::env::var_os("RUN_SLOW_TESTS").is_none() {
        return;
    }
    let Some(file) = shared("recordings/binance/um/btcusdt_20240808.gz") else {
        return;
    };
    let mut buffer = vec![0; 512 * 1024];
    let mut err = std::io::stderr();
    for _ in 0..5 {
        let mut rates = Vec::new();
        for accept_truncated in [false, true] {
            let began = Instant::now();
            let container = Container::Gzip;
            let spec = ContainerSpec {
                container,
                accept_truncated,
            };
            let mut stream = open(&file, &spec, Limits::default()).unwrap();
            let mut total = 0;
            loop {
                let n = stream.fill(&mut buffer).unwrap();
                total += n;
                if n < buffer.len() {
                    break;
                }
            }
            stream.finish_hash().unwrap();
            rates.push(total as f64 / 1e6 / began.elapsed().as_secs_f64());
        }
        let began = Instant::now();
        let input =
            std::io::BufReader::with_capacity(256 * 1024, std::fs::File::open(&file).unwrap());
        let mut decoder = flate2::bufread::MultiGzDecoder::new(input);
        let mut total = 0;
        loop {
            let n = decoder.read(&mut buffer).unwrap();
            total += n;
            if n == 0 {
                break;
            }
        }
        rates.push(total as f64 / 1e6 / began.elapsed().as_secs_f64());
        let [strict, accepting, library] = rates[..] else {
            unreachable!()
        };
        writeln!(
            err,
            "MB/s: {strict:.0}, accepting {accepting:.0}, flate2 without hash {library:.0}"
        )
        .unwrap();
    }
}
