//! Binance Vision beyond single days: replaced archives, monthly files with holes, an ingest that is interrupted.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use quant_lake::venues::binance::encode;

use crate::support::{
    AGG_SET, HEADER, Ran, agg_rows, checksum_path, contents, copy_dir, ingest_args, put_text, run,
    sha256, text,
};

const DAYS: [&str; 3] = ["2024-01-01", "2024-01-02", "2024-01-03"];
const END: &str = "2024-01-04";

/// Writes a list of replaced archives.
fn put_list(path: &Path, rows: &[(&str, &str, &str)]) {
    let mut out = "File Path,Original File Checksum,New File Checksum\n".to_owned();
    for (name, old, new) in rows {
        let folder = "data/futures/um/daily/aggTrades/BTCUSDT";
        writeln!(out, "{folder}/{name},{old}  {name},{new}  {name}").unwrap();
    }
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, out).unwrap();
}

fn hash_of(path: &Path) -> String {
    sha256(&std::fs::read(path).unwrap())
}

/// Puts a monthly archive of aggregated trades in place.
fn put_month(root: &Path, rows: &[String]) -> PathBuf {
    let stem = "BTCUSDT-aggTrades-2024-01";
    let zip = encode::csv_zip(&format!("{stem}.csv"), text(HEADER, rows).as_bytes()).unwrap();
    let dir = root.join("data/futures/um/monthly/aggTrades/BTCUSDT");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join(format!("{stem}.zip"));
    std::fs::write(&path, &zip).unwrap();
    let line = encode::checksum_line(&zip, &format!("{stem}.zip"));
    std::fs::write(checksum_path(&path), line).unwrap();
    path
}

fn ingest(cwd: &Path, lake: &str, more: &[&str]) -> Ran {
    let mut args = ingest_args(DAYS[0], END);
    let at = args.iter().position(|a| *a == "lake").unwrap();
    args[at] = lake;
    args.extend(more);
    run(cwd, &args)
}

fn check(cwd: &Path, lake: &str, more: &[&str]) -> Ran {
    let mut args = vec!["check-updates", "--lake", lake, "--list", "updates"];
    args.extend(more);
    run(cwd, &args)
}

#[test]
fn replaced_archives_are_found_and_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let (cwd, archive) = (dir.path(), dir.path().join("archive"));
    let zips: Vec<PathBuf> = DAYS
        .iter()
        .zip((1..).step_by(10_000))
        .map(|(day, id)| put_text(&archive, day, &text(HEADER, &agg_rows(day, id, 500))))
        .collect();
    ingest(cwd, "lake", &[]).code(0);
    let before = contents(&cwd.join("lake"), AGG_SET);
    let (old, same) = (hash_of(&zips[1]), hash_of(&zips[0]));
    let name = "BTCUSDT-aggTrades-2024-01-02.zip";

    // A list that knows the stored file as the new one is no reason to do anything.
    let (aa, bb) = ("a".repeat(64), "b".repeat(64));
    let renewed = "BTCUSDT-aggTrades-2024-01-01.zip";
    put_list(
        &cwd.join("updates/2024-02-01.csv"),
        &[(renewed, &aa, &same)],
    );
    let fine = check(cwd, "lake", &["--json"]).code(0).json();
    assert_eq!(
        (&fine["n_renewed"], &fine["n_partitions"]),
        (&1.into(), &3.into())
    );

    // Replaced twice: by a version nobody has, then by the one that is published now.
    let changed = text(HEADER, &agg_rows(DAYS[1], 10_001, 400));
    let new_zip = encode::csv_zip("BTCUSDT-aggTrades-2024-01-02.csv", changed.as_bytes()).unwrap();
    let new = sha256(&new_zip);
    put_list(&cwd.join("updates/2024-03-01.csv"), &[(name, &old, &bb)]);
    put_list(&cwd.join("updates/2024-04-01.csv"), &[(name, &bb, &new)]);
    let found = check(cwd, "lake", &["--json"])
        .code(3)
        .says(&["1 partition(s)", "--refetch"]);
    let stale = found.json()["stale"].clone();
    assert_eq!(stale.as_array().unwrap().len(), 1);
    let stale = &stale[0];
    assert_eq!(
        (&stale["set"], &stale["date"]),
        (&AGG_SET.into(), &DAYS[1].into())
    );
    assert_eq!(stale["file"], name);
    assert_eq!(
        (&stale["old_sha256"], &stale["new_sha256"]),
        (&old.into(), &new.as_str().into())
    );
    let told = check(cwd, "lake", &[]).code(3);
    assert!(
        told.stdout.contains(&new) && told.stdout.contains("2024-03-01.csv"),
        "{told:#?}"
    );

    // An ingest that would take the old file says so.
    ingest(cwd, "other", &["--updates", "updates"])
        .code(0)
        .says(&["warning", "the venue has replaced this file", name]);

    // The folder still has the old file: nothing is gained, and that is no success.
    let refetch = ["--refetch", "--root", "archive"];
    check(cwd, "lake", &refetch)
        .code(3)
        .says(&["still serves the old files"]);
    assert_eq!(contents(&cwd.join("lake"), AGG_SET), before);

    put_text(&archive, DAYS[1], &changed);
    assert_eq!(hash_of(&zips[1]), new);
    let done = check(cwd, "lake", &[&refetch[..], &["--json"]].concat())
        .code(0)
        .json();
    assert_eq!(done["still_stale"], 0);
    assert_eq!(done["refetched"].as_array().unwrap().len(), 1);
    assert_eq!(done["refetched"][0]["status"], "written");
    ingest(cwd, "fresh", &[]).code(0);
    let after = contents(&cwd.join("lake"), AGG_SET);
    assert_eq!(after, contents(&cwd.join("fresh"), AGG_SET));
    assert_ne!(after[DAYS[1]], before[DAYS[1]]);
    assert_eq!(after[DAYS[0]], before[DAYS[0]]);
    check(cwd, "lake", &[]).code(0);
    run(cwd, &["verify", "--lake", "lake"]).code(0);
}

#[test]
fn a_day_merged_of_two_files_is_made_again_of_both() {
    let dir = tempfile::tempdir().unwrap();
    let (cwd, archive) = (dir.path(), dir.path().join("archive"));
    let rows: Vec<Vec<String>> = DAYS
        .iter()
        .zip((1..).step_by(10_000))
        .map(|(day, id)| agg_rows(day, id, 300))
        .collect();
    for (day, rows) in DAYS.iter().zip(&rows) {
        put_text(&archive, day, &text(HEADER, rows));
    }
    put_month(&archive, &rows.concat());
    ingest(cwd, "lake", &[]).code(0);
    ingest(cwd, "lake", &["--monthly"]).code(0);
    let zip =
        archive.join("data/futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-01-02.zip");
    let old = hash_of(&zip);
    // The old daily file had rows that are in no file any more.
    let fewer = rows[1][..200].to_vec();
    let month = [rows[0].clone(), fewer.clone(), rows[2].clone()].concat();
    put_text(&archive, DAYS[1], &text(HEADER, &fewer));
    let old_month = hash_of(&put_month(&archive, &rows.concat()));
    let new_month = hash_of(&put_month(&archive, &month));
    let mut list = "File,Original File Checksum,New File Checksum\n".to_owned();
    for (stem, old, new) in [
        ("BTCUSDT-aggTrades-2024-01-02", &old, &hash_of(&zip)),
        ("BTCUSDT-aggTrades-2024-01", &old_month, &new_month),
    ] {
        writeln!(list, "{stem},{old}  {stem}.zip,{new}  {stem}.zip").unwrap();
    }
    std::fs::create_dir(cwd.join("updates")).unwrap();
    std::fs::write(cwd.join("updates/list.csv"), list).unwrap();
    let found = check(cwd, "lake", &["--json"]).code(3).json();
    assert_eq!(
        found["stale"].as_array().unwrap().len(),
        4,
        "3 days of the month, 1 of the day"
    );
    check(cwd, "lake", &["--refetch", "--root", "archive"]).code(0);
    ingest(cwd, "fresh", &[]).code(0);
    assert_eq!(
        contents(&cwd.join("lake"), AGG_SET),
        contents(&cwd.join("fresh"), AGG_SET)
    );
}

#[test]
fn what_is_no_list_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    std::fs::create_dir(cwd.join("lake")).unwrap();
    std::fs::create_dir(cwd.join("updates")).unwrap();
    check(cwd, "lake", &[])
        .code(2)
        .says(&["holds no list", "hint"]);
    std::fs::write(
        cwd.join("updates/a.csv"),
        "File,Original File Checksum,New File Checksum\nA,x  A.zip,y  A.zip\n",
    )
    .unwrap();
    check(cwd, "lake", &[])
        .code(2)
        .says(&["a.csv", "line 2", "is not a checksum"]);
    check(cwd, "nowhere", &[])
        .code(2)
        .says(&["there is no lake"]);
}

/// Makes monthly archives of the daily ones below a folder, the header kept once, and removes those.
fn make_monthly(root: &Path) -> usize {
    let mut n = 0;
    for market in ["spot", "futures/um", "futures/cm"] {
        let daily = root.join("data").join(market).join("daily");
        let mut months = std::collections::BTreeMap::<PathBuf, Vec<PathBuf>>::new();
        let mut folders = vec![daily.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "zip") {
                    let name = path.strip_prefix(&daily).unwrap().to_str().unwrap();
                    if !name.starts_with("metrics") && !name.starts_with("bookDepth") {
                        let month = name.strip_suffix(".zip").unwrap();
                        months
                            .entry(PathBuf::from(&month[..month.len() - 3]))
                            .or_default()
                            .push(path);
                    }
                }
            }
        }
        for (month, mut days) in months {
            days.sort();
            let mut whole = String::new();
            for path in days {
                let mut zip = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
                let mut one = String::new();
                zip.by_index(0).unwrap().read_to_string(&mut one).unwrap();
                let first = one.lines().next().unwrap();
                let has_header = first.starts_with(|c: char| c.is_ascii_alphabetic());
                if has_header && !whole.is_empty() {
                    one.drain(..=first.len());
                }
                whole.push_str(&one);
                std::fs::remove_file(&path).unwrap();
                std::fs::remove_file(checksum_path(&path)).unwrap();
            }
            let stem = month.file_name().unwrap().to_str().unwrap();
            let zip = encode::csv_zip(&format!("{stem}.csv"), whole.as_bytes()).unwrap();
            let path = root.join("data").join(market).join("monthly").join(&month);
            let path = path.with_file_name(format!("{stem}.zip"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &zip).unwrap();
            let line = encode::checksum_line(&zip, &format!("{stem}.zip"));
            std::fs::write(checksum_path(&path), line).unwrap();
            n += 1;
        }
    }
    n
}

/// Makes a coin-margined archive of a simulated linear one: the same columns under other names.
fn make_cm(from: &Path, to: &Path) {
    let um = from.join("data/futures/um/daily");
    for (kind, folder, is_pair) in [
        ("klines", "/1m", false),
        ("aggTrades", "", false),
        ("trades", "", false),
        ("bookTicker", "", false),
        ("markPriceKlines", "/1m", false),
        ("premiumIndexKlines", "/1m", false),
        ("indexPriceKlines", "/1m", true),
    ] {
        let symbol = if is_pair { "BTCUSD" } else { "BTCUSD_PERP" };
        let dir = to.join(format!("data/futures/cm/daily/{kind}/{symbol}{folder}"));
        std::fs::create_dir_all(&dir).unwrap();
        for entry in std::fs::read_dir(um.join(format!("{kind}/BTCUSDT{folder}"))).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e != "zip") {
                continue;
            }
            let mut zip = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
            let mut text = String::new();
            zip.by_index(0).unwrap().read_to_string(&mut text).unwrap();
            let text = text.replacen("id,price,qty,quote_qty", "id,price,qty,base_qty", 1);
            let stem = path
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .replace("BTCUSDT", symbol);
            let bytes = encode::csv_zip(&format!("{stem}.csv"), text.as_bytes()).unwrap();
            let path = dir.join(format!("{stem}.zip"));
            std::fs::write(&path, &bytes).unwrap();
            let line = encode::checksum_line(&bytes, &format!("{stem}.zip"));
            std::fs::write(checksum_path(&path), line).unwrap();
        }
    }
}

#[test]
fn monthly_and_daily_files_are_the_same_rows_in_every_dataset_and_market() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let args = [
        "synth",
        "--days",
        "3",
        "--start",
        "2024-01-30",
        "--out",
        "daily",
        "--set",
        "trades_per_day=1500",
        "--set",
        "quotes_per_day=3000",
        "--instruments",
        "um:BTCUSDT:btc,spot:BTCUSDT:btc",
    ];
    run(cwd, &args).code(0);
    make_cm(&cwd.join("daily"), &cwd.join("cm-daily"));
    for root in ["daily", "cm-daily"] {
        copy_dir(&cwd.join(root), &cwd.join(format!("{root}-m")));
        // January and February.
        let expected = if root == "daily" { 2 * (7 + 3) } else { 2 * 7 };
        assert_eq!(make_monthly(&cwd.join(format!("{root}-m"))), expected);
    }
    let both = "klines_1m,agg_trades,trades,book_ticker,mark_klines,premium_klines,index_klines";
    for (exchange, market, symbol, root, datasets) in [
        ("sim-binance", "um", "BTCUSDT", "daily", both),
        (
            "sim-binance",
            "spot",
            "BTCUSDT",
            "daily",
            "klines_1m,agg_trades,trades",
        ),
        ("binance", "cm", "BTCUSD_PERP", "cm-daily", both),
    ] {
        let monthly_root = format!("{root}-m");
        let build = |lake: &str, root: &str, days: [&str; 2], more: &[&str]| {
            let mut args = vec!["build-dataset", "--exchange", exchange, "--market", market];
            args.extend(["--symbol", symbol, "--start", days[0], "--end", days[1]]);
            args.extend(["--source", "vision", "--root", root, "--datasets", datasets]);
            args.extend(["--lake", lake, "--json"]);
            args.extend(more);
            run(cwd, &args).code(0).json()
        };
        let all = ["2024-01-30", "2024-02-02"];
        build("by-day", root, all, &[]);
        let report = build("by-month", &monthly_root, all, &["--monthly"]);
        for file in report["files"].as_array().unwrap() {
            assert_eq!(file["status"], "written", "{file}");
            assert!(
                file["file"].as_str().unwrap().contains("/monthly/"),
                "{file}"
            );
        }
        // Mixed: the first day by a daily file, then the month over it, of which some days are asked at a time.
        build("mixed", root, ["2024-01-30", "2024-01-31"], &[]);
        build(
            "mixed",
            &monthly_root,
            ["2024-01-30", "2024-02-01"],
            &["--monthly"],
        );
        build(
            "mixed",
            &monthly_root,
            ["2024-02-01", "2024-02-02"],
            &["--monthly"],
        );
        build("mixed", root, ["2024-01-31", "2024-02-02"], &[]);
        // A source with daily files only is as good, month or no month.
        let fallback = build("fallback", root, all, &["--monthly"]);
        for file in fallback["files"].as_array().unwrap() {
            assert_eq!(file["status"], "written", "{file}");
            assert!(file["file"].as_str().unwrap().contains("/daily/"), "{file}");
        }
        for dataset in datasets.split(',') {
            let set = format!("raw/{exchange}/{market}/{symbol}/{dataset}");
            let by_day = contents(&cwd.join("by-day"), &set);
            assert_eq!(by_day.len(), 3);
            for lake in ["by-month", "mixed", "fallback"] {
                assert_eq!(contents(&cwd.join(lake), &set), by_day, "{lake} {set}");
            }
        }
        let again = build("by-month", &monthly_root, all, &["--monthly"]);
        assert!(
            again["files"]
                .as_array()
                .unwrap()
                .iter()
                .all(|f| f["status"] == "current")
        );
    }
    for lake in ["by-day", "by-month", "mixed", "fallback"] {
        run(cwd, &["verify", "--lake", lake]).code(0);
    }
}

#[test]
fn a_day_missing_from_a_month_is_told_and_filled() {
    let dir = tempfile::tempdir().unwrap();
    let (cwd, archive) = (dir.path(), dir.path().join("archive"));
    let rows = |day: &str, id| agg_rows(day, id, 300);
    put_month(
        &archive,
        &[rows(DAYS[0], 1), rows(DAYS[2], 20_001)].concat(),
    );
    let told = ingest(cwd, "lake", &["--monthly"]).code(0).json();
    let notes = told["files"][0]["notes"].to_string();
    assert!(notes.contains("no rows on 2024-01-02"), "{told}");
    assert_eq!(
        (
            &told["files"][1]["status"],
            told["files"].as_array().unwrap().len()
        ),
        (&"not found".into(), 2)
    );
    let args = [
        "check-data",
        "--exchange",
        "binance",
        "--market",
        "um",
        "--symbol",
        "BTCUSDT",
        "--lake",
        "lake",
        "--json",
    ];
    let report = run(cwd, &args).json();
    let gaps: Vec<&serde_json::Value> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["day"] == DAYS[1])
        .collect();
    assert_eq!(gaps.len(), 1, "{report}");
    assert_eq!(
        (&gaps[0]["detector"], &gaps[0]["severity"]),
        (&"empty_day".into(), &"fail".into())
    );

    // With a daily file at hand the hole is filled.
    put_text(&archive, DAYS[1], &text(HEADER, &rows(DAYS[1], 10_001)));
    let filled = ingest(cwd, "filled", &["--monthly"]).code(0).json();
    assert_eq!(filled["files"][1]["status"], "written");
    assert_eq!(filled["rows"]["written"], 900);
    put_text(&archive, DAYS[0], &text(HEADER, &rows(DAYS[0], 1)));
    put_text(&archive, DAYS[2], &text(HEADER, &rows(DAYS[2], 20_001)));
    ingest(cwd, "by-day", &[]).code(0);
    assert_eq!(
        contents(&cwd.join("filled"), AGG_SET),
        contents(&cwd.join("by-day"), AGG_SET)
    );
}

#[test]
fn a_second_run_does_nothing_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (cwd, archive) = (dir.path(), dir.path().join("archive"));
    for (day, id) in DAYS.iter().zip((1..).step_by(10_000)) {
        put_text(&archive, day, &text(HEADER, &agg_rows(day, id, 300)));
    }
    let args: Vec<&str> = ingest_args(DAYS[0], END)
        .into_iter()
        .filter(|a| *a != "--json")
        .collect();
    run(cwd, &args).code(0).says(&[
        "ingest: 3 files planned",
        "ingest: 3 files: 3 written; 900 rows",
    ]);
    let again = run(cwd, &args).code(0);
    assert!(
        again
            .stderr
            .contains("nothing to do: 3 files are in the lake already\n"),
        "{again:#?}"
    );
    let quiet = run(cwd, &[&args[..], &["--quiet"]].concat()).code(0);
    assert_eq!(quiet.stderr, "");
    let json = run(cwd, &[&args[..], &["--json"]].concat()).code(0);
    assert_eq!(json.stderr, "");
    assert!(json.json()["files"].is_array());
}

#[cfg(unix)]
#[test]
fn ctrl_c_inside_a_large_file() {
    use crate::support::{command, listing};
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let dir = tempfile::tempdir().unwrap();
    let (cwd, archive) = (dir.path(), dir.path().join("archive"));
    put_text(&archive, DAYS[0], &text(HEADER, &agg_rows(DAYS[0], 1, 500)));
    put_text(
        &archive,
        DAYS[1],
        &text(HEADER, &agg_rows(DAYS[1], 10_001, 1_200_000)),
    );
    ingest(cwd, "undisturbed", &[]).code(0);
    let whole = contents(&cwd.join("undisturbed"), AGG_SET);
    let mut args = ingest_args(DAYS[0], END);
    args.retain(|a| *a != "--json");
    args.extend(["--jobs", "1"]);
    let child = command(cwd, &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first day is in the lake and the second one, far larger, is being written.
    let day = cwd.join("lake").join(AGG_SET).join("date=2024-01-02");
    let started = Instant::now();
    while !day.is_dir() && started.elapsed() < Duration::from_mins(1) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .output()
        .unwrap();
    assert!(kill.status.success(), "the ingest ended before the signal");
    let at = Instant::now();
    let ran = Ran::from_output(child.wait_with_output().unwrap())
        .code(130)
        .says(&[
            "interrupted",
            "run the same command again: finished days are kept",
            "not done",
        ]);
    assert!(at.elapsed() < Duration::from_secs(20), "{ran:#?}");
    let there = contents(&cwd.join("lake"), AGG_SET);
    assert_eq!(
        there.into_iter().collect::<Vec<_>>(),
        [(DAYS[0].to_owned(), whole[DAYS[0]].clone())]
    );
    let report = run(cwd, &["verify", "--json", "--lake", "lake"])
        .code(0)
        .json();
    assert_eq!(report["problems"].as_array().unwrap().len(), 0, "{report}");
    assert!(
        !listing(&cwd.join("lake"))
            .keys()
            .any(|p| p.contains(".tmp"))
    );
    run(cwd, &args)
        .code(0)
        .says(&["1 written", "1 in the lake already"]);
    assert_eq!(contents(&cwd.join("lake"), AGG_SET), whole);
    run(cwd, &["verify", "--lake", "lake"]).code(0);
    run(cwd, &args)
        .code(0)
        .says(&["nothing to do: 2 files are in the lake already"]);
}
