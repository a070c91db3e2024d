//! Runs `quant`, makes the archives it ingests and reads what it wrote. No test of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, RecordBatch};
use arrow_schema::DataType;
use quant_core::time::Day;
use quant_lake::venues::binance::encode;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Returns the command in a folder, free of everything the environment could add to it.
pub(crate) fn command(cwd: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quant"));
    command.current_dir(cwd).args(args).env_remove("COLUMNS");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("QUANT_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end.
pub(crate) fn run(cwd: &Path, args: &[&str]) -> Ran {
    Ran::of(&mut command(cwd, args))
}

/// What a finished command left on its streams.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from_output(command.output().unwrap())
    }

    pub(crate) fn from_output(output: std::process::Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, expected, "{self:#?}");
        self
    }

    /// Parses stdout as the one JSON value it must be.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:#?}"))
    }

    /// Asserts that stderr holds all of these words.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.stderr.contains(word),
                "stderr does not say `{word}`: {}",
                self.stderr
            );
        }
        self
    }
}

/// Header of the USD-margined aggregated trades.
pub(crate) const HEADER: &str =
    "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker";

/// Returns `n` aggregated trades spread over a day, each with another price, ids from `first_id`.
pub(crate) fn agg_rows(day: &str, first_id: u64, n: u64) -> Vec<String> {
    let start = day.parse::<Day>().unwrap().start().0 / 1_000;
    let step = 86_400_000 / i64::try_from(n).unwrap();
    (0..n)
        .zip(0_i64..)
        .map(|(i, k)| {
            let id = first_id + i;
            let price = 40_000 + (i * 7) % 100;
            let (maker, at) = (i % 3 == 0, start + k * step);
            format!(
                "{id},{price}.{},0.{:03},{id},{id},{at},{maker}",
                i % 10,
                i % 900 + 1
            )
        })
        .collect()
}

/// Returns a text file: a header and rows, each with a line end.
pub(crate) fn text(header: &str, rows: &[String]) -> String {
    let mut out = format!("{header}\n");
    for row in rows {
        out.push_str(row);
        out.push('\n');
    }
    out
}

/// Returns a zip of these members.
pub(crate) fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Name of the only member of a day's aggregated trades.
pub(crate) fn member(day: &str) -> String {
    format!("BTCUSDT-aggTrades-{day}.csv")
}

/// Puts an archive of aggregated trades and its checksum in place.
pub(crate) fn put_zip(root: &Path, day: &str, zip: &[u8]) -> PathBuf {
    let name = format!("BTCUSDT-aggTrades-{day}.zip");
    let path = root
        .join("data/futures/um/daily/aggTrades/BTCUSDT")
        .join(&name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, zip).unwrap();
    std::fs::write(checksum_path(&path), encode::checksum_line(zip, &name)).unwrap();
    path
}

/// Puts the text of a day in place, zipped.
pub(crate) fn put_text(root: &Path, day: &str, text: &str) -> PathBuf {
    put_zip(
        root,
        day,
        &encode::csv_zip(&member(day), text.as_bytes()).unwrap(),
    )
}

/// Returns the path of an archive's checksum.
pub(crate) fn checksum_path(zip: &Path) -> PathBuf {
    zip.with_extension("zip.CHECKSUM")
}

/// Arguments that ingest the aggregated trades of `[start, end)` from `archive` into `lake`, relative to the folder.
pub(crate) fn ingest_args<'a>(start: &'a str, end: &'a str) -> Vec<&'a str> {
    let mut args = vec!["build-dataset", "--exchange", "binance", "--market", "um"];
    args.extend(["--symbol", "BTCUSDT", "--start", start, "--end", end]);
    args.extend(["--source", "vision", "--root", "archive"]);
    args.extend(["--datasets", "agg_trades", "--lake", "lake", "--json"]);
    args
}

/// Returns every file and folder below `dir` with its hash; locks prove nothing by existing and are left out.
pub(crate) fn listing(dir: &Path) -> BTreeMap<String, String> {
    fn walk(root: &Path, dir: &Path, out: &mut BTreeMap<String, String>) {
        let Ok(entries) = std::fs::read_dir(dir) else {
            return;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_string_lossy();
            let name = name.replace('\\', "/");
            if path.is_dir() {
                if !path.ends_with(".locks") {
                    out.insert(format!("{name}/"), String::new());
                    walk(root, &path, out);
                }
            } else {
                out.insert(name, sha256(&std::fs::read(&path).unwrap()));
            }
        }
    }
    let mut out = BTreeMap::new();
    walk(dir, dir, &mut out);
    out
}

/// Returns the hex sha256.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in Sha256::digest(bytes) {
        write!(out, "{byte:02x}").unwrap();
    }
    out
}

/// Copies a folder with everything in it.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_dir(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Folder of a dataset of the instrument most tests use.
pub(crate) const AGG_SET: &str = "raw/binance/um/BTCUSDT/agg_trades";

/// Reads a JSON file.
#[track_caller]
pub(crate) fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Reads the manifest of a set.
#[track_caller]
pub(crate) fn manifest(lake: &Path, set: &str) -> Value {
    read_json(&lake.join(set).join("manifest.json"))
}

/// Returns date -> content hash of a set.
#[track_caller]
pub(crate) fn contents(lake: &Path, set: &str) -> BTreeMap<String, String> {
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let manifest = manifest(lake, set);
    let partitions = manifest["partitions"].as_array().unwrap();
    partitions
        .iter()
        .map(|p| (text(&p["date"]), text(&p["content_sha256"])))
        .collect()
}

/// Returns the data file of a day.
#[track_caller]
pub(crate) fn data_file(lake: &Path, set: &str, day: &str) -> PathBuf {
    let manifest = manifest(lake, set);
    let partitions = manifest["partitions"].as_array().unwrap();
    let partition = partitions.iter().find(|p| p["date"] == day).unwrap();
    let file = partition["file"].as_str().unwrap();
    lake.join(set).join(format!("date={day}")).join(file)
}

/// The columns of a Parquet file.
#[derive(Debug)]
pub(crate) struct Frame(RecordBatch);

impl Frame {
    #[track_caller]
    pub(crate) fn read(path: &Path) -> Self {
        use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
        let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap();
        let schema = builder.schema().clone();
        let mut reader = builder.with_batch_size(rows.max(1)).build().unwrap();
        let batch = reader
            .next()
            .map_or_else(|| RecordBatch::new_empty(schema), Result::unwrap);
        assert!(batch.num_rows() == rows && reader.next().is_none());
        Self(batch)
    }

    pub(crate) fn rows(&self) -> usize {
        self.0.num_rows()
    }

    #[track_caller]
    fn column(&self, name: &str) -> &arrow_array::ArrayRef {
        self.0
            .column_by_name(name)
            .unwrap_or_else(|| panic!("no column `{name}`"))
    }

    #[track_caller]
    pub(crate) fn f64(&self, name: &str) -> Vec<Option<f64>> {
        self.column(name)
            .as_primitive::<Float64Type>()
            .iter()
            .collect()
    }

    /// Times in microseconds.
    #[track_caller]
    pub(crate) fn ts(&self, name: &str) -> Vec<i64> {
        let column = self.column(name).as_primitive::<TimestampMicrosecondType>();
        assert_eq!(column.null_count(), 0);
        column.values().to_vec()
    }

    /// Returns a column of integers without nulls.
    pub(crate) fn i64(&self, name: &str) -> Vec<i64> {
        self.column(name)
            .as_primitive::<Int64Type>()
            .values()
            .to_vec()
    }

    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> Vec<Option<String>> {
        self.rendered(name)
    }

    #[track_caller]
    pub(crate) fn bool(&self, name: &str) -> Vec<bool> {
        let column = self.column(name).as_boolean();
        column.iter().map(|v| v.unwrap()).collect()
    }

    /// Every value of a column as text, whatever its type.
    #[track_caller]
    fn rendered(&self, name: &str) -> Vec<Option<String>> {
        let column = self.column(name);
        match column.data_type() {
            DataType::Utf8 => {
                let column = column.as_string::<i32>();
                column.iter().map(|v| v.map(str::to_owned)).collect()
            }
            DataType::Int32 => {
                let column = column.as_primitive::<Int32Type>();
                column.iter().map(|v| v.map(|v| v.to_string())).collect()
            }
            DataType::Float64 => {
                // Bits, so that equal means equal.
                let bits = |v: f64| format!("{v:?} {:016x}", v.to_bits());
                self.f64(name).into_iter().map(|v| v.map(bits)).collect()
            }
            DataType::Int64 => {
                let column = column.as_primitive::<Int64Type>();
                column.iter().map(|v| v.map(|v| v.to_string())).collect()
            }
            DataType::Boolean => {
                let column = column.as_boolean();
                column.iter().map(|v| v.map(|v| v.to_string())).collect()
            }
            DataType::Timestamp(..) => {
                let column = column.as_primitive::<TimestampMicrosecondType>();
                column.iter().map(|v| v.map(|v| v.to_string())).collect()
            }
            other => panic!("column `{name}` is {other}"),
        }
    }

    /// Every row as `column=value` text.
    pub(crate) fn lines(&self) -> Vec<String> {
        let schema = self.0.schema();
        let columns: Vec<_> = schema
            .fields()
            .iter()
            .map(|f| (f.name().clone(), self.rendered(f.name())))
            .collect();
        (0..self.rows())
            .map(|row| {
                let mut line = String::new();
                for (name, values) in &columns {
                    let value = values[row].as_deref().unwrap_or("null");
                    write!(line, "{name}={value};").unwrap();
                }
                line
            })
            .collect()
    }
}

/// Returns the text inside a gzip file.
pub(crate) fn gunzip(path: &Path) -> String {
    use std::io::Read as _;
    let file = std::fs::File::open(path).unwrap();
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    text
}
