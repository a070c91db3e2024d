//! Recordings as a source: which files are meant, and which venue's reader takes them.

use std::path::PathBuf;
use std::sync::Arc;

use quant_core::market::{InstrumentKey, Venue};
use quant_lake::ingest::container::{ContainerSpec, sniff};
use quant_lake::ingest::{IngestReport, VendorFile, in_session_order, with_names_that_differ};
use quant_lake::manifest::SourceKind;
use quant_lake::schema::Dataset;
use quant_lake::venues::{binance, bybit, hyperliquid, okx};

use super::{Asked, BookChoice, Group, book_options, name_of, refuse_simulated_path, run};
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::run::ensure::IngestContext;

/// Ingests recordings of one instrument: each may hold several datasets and days.
///
/// Several recordings are one session, in the order of their first times whatever order they are named in.
///
/// # Errors
/// Configuration errors: no file, a dataset recordings do not have, terms unknown or changing, simulated files under a real name.
pub fn recordings(
    context: &IngestContext<'_>,
    asked: &Asked<'_>,
    paths: &[PathBuf],
    book: BookChoice,
) -> CommandResult<IngestReport> {
    let key = asked.key;
    let files = with_names_that_differ(vendor_files(&recording_files(key, paths)?)?);
    let files = in_session_order(files, context.options.limits);
    let group = match key.exchange.venue {
        Venue::Binance => of_binance(asked, files, book)?,
        Venue::Bybit => of_bybit(asked, files, book)?,
        Venue::Okx => of_okx(asked, files, book)?,
        Venue::Hyperliquid => of_hyperliquid(asked, files, book)?,
        Venue::Deepcoin | Venue::Csv => {
            return Err(CommandError::text(
                ErrorKind::Config,
                &format!("recordings of `{}` are not read", key.exchange),
            )
            .hint("recordings are read of binance, bybit, okx and hyperliquid"));
        }
    };
    run(context, asked, vec![group])
}

fn of_binance(
    asked: &Asked<'_>,
    files: Vec<VendorFile>,
    book: BookChoice,
) -> CommandResult<Group<'static>> {
    let datasets = asked.of(&binance::recording::RECORDED)?;
    let options = binance::recording::RecordingOptions {
        market: asked.key.market,
        symbol: asked.key.symbol.clone(),
        book: book_options(asked.known(asked.session_unit()?)?, book),
    };
    let session = Arc::new(binance::recording::Session::default());
    let order: Vec<String> = files.iter().map(|f| f.name.clone()).collect();
    Ok(Group {
        files: with_datasets(files, &datasets),
        kind: SourceKind::Recording,
        version: binance::recording::RECORDING_VERSION,
        params: options.params(),
        levels: book.levels,
        range: None,
        make: Box::new(move |file, parse| {
            let at = order.iter().position(|name| *name == file.name);
            let before = session.last_of(&order[..at.unwrap_or(0)]);
            Ok(binance::recording::recording_parser(
                options.clone(),
                &file.datasets,
                parse,
                &session,
                before,
            ))
        }),
    })
}

fn of_bybit(
    asked: &Asked<'_>,
    files: Vec<VendorFile>,
    book: BookChoice,
) -> CommandResult<Group<'static>> {
    let datasets = asked.of(&bybit::recording::DATASETS)?;
    let options = bybit::recording::Recording {
        market: asked.key.market,
        symbol: asked.key.symbol.clone(),
        depth: None,
        book: book_options(asked.known(asked.session_unit()?)?, book),
        datasets: datasets.clone(),
    };
    Ok(Group {
        files: each_alone(with_datasets(files, &datasets)),
        kind: SourceKind::Recording,
        version: bybit::recording::PARSER_VERSION,
        params: options.ingest_params(),
        levels: book.levels,
        range: None,
        make: Box::new(move |_, parse| Ok(bybit::recording::recording_parser(&options, parse))),
    })
}

fn of_okx(
    asked: &Asked<'_>,
    files: Vec<VendorFile>,
    book: BookChoice,
) -> CommandResult<Group<'static>> {
    let datasets = asked.of(&okx::recording::OkxRecordingOptions::DATASETS)?;
    // Without terms in the table the capture's own answers tell what a contract is worth.
    let unit = asked.session_unit()?;
    let options =
        okx::recording::OkxRecordingOptions::new(asked.key, unit, book.levels, book.cadence);
    Ok(Group {
        files: each_alone(with_datasets(files, &datasets)),
        kind: SourceKind::Recording,
        version: okx::recording::RECORDING_VERSION,
        params: options.params(),
        levels: book.levels,
        range: None,
        make: Box::new(move |file, parse| {
            Ok(okx::recording::recording_parser(
                &options,
                &file.datasets,
                parse,
            ))
        }),
    })
}

fn of_hyperliquid(
    asked: &Asked<'_>,
    files: Vec<VendorFile>,
    book: BookChoice,
) -> CommandResult<Group<'static>> {
    use hyperliquid::messages::{HyperliquidOptions, RECORDING_VERSION, recording_parser};
    let datasets = asked.of(&HyperliquidOptions::DATASETS)?;
    let options = HyperliquidOptions::new(asked.key, book.levels, book.cadence);
    Ok(Group {
        files: each_alone(with_datasets(files, &datasets)),
        kind: SourceKind::Recording,
        version: RECORDING_VERSION,
        params: options.params(),
        levels: book.levels,
        range: None,
        make: Box::new(move |file, parse| Ok(recording_parser(&options, &file.datasets, parse))),
    })
}

/// Returns the recordings named by files and folders.
fn recording_files(key: &InstrumentKey, paths: &[PathBuf]) -> CommandResult<Vec<PathBuf>> {
    if paths.is_empty() {
        return Err(CommandError::text(
            ErrorKind::Config,
            "--source recording needs at least one recording",
        )
        .hint("name files or folders with --input PATH, several times if need be"));
    }
    let mut files = Vec::new();
    for path in paths {
        refuse_simulated_path(key, path)?;
        if !path.exists() {
            let text = format!("there is no recording at `{}`", path.display());
            return Err(CommandError::text(ErrorKind::Config, &text)
                .hint("name files or folders with --input PATH"));
        }
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut inside = Vec::new();
        let unreadable = |e: std::io::Error| {
            CommandError::text(
                ErrorKind::Config,
                &format!("cannot read folder `{}`: {e}", path.display()),
            )
            .hint("name a folder with --input that this user may read")
        };
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?.path();
            let name = entry.to_string_lossy();
            let packed = [".gz", ".zst", ".jsonl", ".log", ".txt"];
            if entry.is_file() && packed.iter().any(|end| name.ends_with(end)) {
                inside.push(entry);
            }
        }
        if inside.is_empty() {
            return Err(CommandError::text(
                ErrorKind::Config,
                &format!("`{}` holds no recording", path.display()),
            )
            .hint("recordings are named *.gz, *.zst, *.jsonl, *.log or *.txt"));
        }
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

fn with_datasets(mut files: Vec<VendorFile>, datasets: &[Dataset]) -> Vec<VendorFile> {
    for file in &mut files {
        file.datasets = datasets.to_vec();
    }
    files
}

/// Marks recordings whose readers take nothing over from the one before: every stream of theirs begins with an image.
fn each_alone(mut files: Vec<VendorFile>) -> Vec<VendorFile> {
    for file in &mut files {
        file.continues = false;
    }
    files
}

/// Describes recordings: packed as their first bytes say, of any day.
fn vendor_files(paths: &[PathBuf]) -> CommandResult<Vec<VendorFile>> {
    let mut out = Vec::new();
    for path in paths {
        let kind = sniff(path).data_error()?;
        let Some(container) = ContainerSpec::of_kind(kind, "log") else {
            return Err(CommandError::text(
                ErrorKind::Data,
                &format!("`{}` is no recording: it is {kind}", path.display()),
            )
            .hint("a recording is text, gzip or zstd with one message a line"));
        };
        out.push(VendorFile {
            path: path.clone(),
            name: name_of(path),
            url: None,
            container: container.accepting_truncated(),
            datasets: Vec::new(),
            days: None,
            whole_days: false,
            sha256: None,
            continues: false,
        });
    }
    Ok(out)
}
