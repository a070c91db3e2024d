//! Brings files at hand into the lake: recordings, and archives of OKX and Bybit that were downloaded by hand.

mod recordings;
mod units;

pub use recordings::recordings;

use std::path::Path;

use quant_core::market::{Instrument, InstrumentKey, Venue};
use quant_core::time::TimeRange;
use quant_lake::ingest::container::{Container, Pick};
use quant_lake::ingest::discover::{
    Discovery, FileKind, FileUnit, Folders, FoundFile, Packing, discover, plan_bybit, plan_okx,
};
use quant_lake::ingest::{
    FileOutcome, FileStatus, FilesRequest, IngestReport, MakeFileParser, RowCounts, Slice,
    VendorFile, ingest_files, with_names_that_differ,
};
use quant_lake::manifest::{IngestParams, SourceKind};
use quant_lake::schema::Dataset;
use quant_lake::venues::book_flow::{BookOptions, Cadence};
use quant_lake::venues::contracts::QtyUnit;
use quant_lake::venues::contracts::over_time::UnitSpan;
use quant_lake::venues::{binance, bybit, okx};

use super::{IngestContext, ingest_error, simulated_as_real};
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::synth::is_simulated;

/// Folders above a file that are looked at for the simulator's marker.
const MARKER_DEPTH: usize = 6;

/// How books become rows.
#[derive(Clone, Copy, Debug)]
pub struct BookChoice {
    /// Levels per side of an image.
    pub levels: u16,
    /// When images are taken.
    pub cadence: Cadence,
    /// Which of OKX's products books are taken of, by its levels; whichever is there if absent.
    pub okx_depth: Option<u16>,
}

/// One instrument and the days asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The instrument.
    pub key: &'a InstrumentKey,
    /// Datasets; all that the source can fill if empty.
    pub datasets: &'a [Dataset],
    /// Days; all that the files hold if absent.
    pub range: Option<TimeRange>,
    /// What is known of the instrument over time.
    pub terms: &'a [Instrument],
}

impl Asked<'_> {
    /// Returns the asked datasets that a source can fill, or why there are none.
    fn of(&self, possible: &[Dataset]) -> CommandResult<Vec<Dataset>> {
        if self.datasets.is_empty() {
            return Ok(possible.to_vec());
        }
        match self.datasets.iter().find(|d| !possible.contains(d)) {
            None => Ok(self.datasets.to_vec()),
            Some(other) => {
                let names: Vec<&str> = possible.iter().map(|d| d.name()).collect();
                Err(CommandError::text(
                    ErrorKind::Config,
                    &format!("this source of `{}` has no `{other}`", self.key),
                )
                .hint(format!("it can fill {}", names.join(", "))))
            }
        }
    }
}

/// Files that one parser reads.
struct Group<'a> {
    files: Vec<VendorFile>,
    kind: SourceKind,
    version: &'static str,
    params: IngestParams,
    levels: u16,
    /// Days they are asked for, of one unit; all that were asked for if absent.
    range: Option<TimeRange>,
    make: Box<MakeFileParser<'a>>,
}

/// Ingests files of OKX's archive that lie in folders.
///
/// Days on which contracts are worth different amounts are read one stretch after the other, a file that has rows of both twice.
///
/// # Errors
/// Configuration errors: another exchange, folders that are none, unknown terms, terms that change inside a day.
pub fn okx_manual(
    context: &IngestContext<'_>,
    asked: &Asked<'_>,
    folders: &Folders,
    kind: SourceKind,
    book: BookChoice,
) -> CommandResult<IngestReport> {
    let key = asked.key;
    require_venue(key, Venue::Okx)?;
    let range = required_range(asked)?;
    let wanted = match asked.datasets {
        [] => default_okx(key, folders, &range)?,
        asked => asked.to_vec(),
    };
    refuse_simulated(key, folders)?;
    let mut plan = plan_okx(key, &wanted, &range).config_error()?;
    if let Some(depth) = book.okx_depth {
        let mark = format!("-{depth}lv-");
        let books = plan.iter_mut().filter(|u| u.kind == FileKind::OkxBook);
        books.for_each(|unit| unit.paths.retain(|path| path.contains(&mark)));
    }
    let mut found = discover(plan, folders).config_error()?;
    if kind == SourceKind::OkxHist {
        // What the archive's own list says about a hole is the better reason: its caller tells it.
        found.missing.clear();
    }
    let mut groups = Vec::new();
    for span in asked.spans(range)? {
        let files = units::within(&found.files, span.range);
        okx_groups(asked, &span, &files, kind, book, &mut groups)?;
    }
    finish(context, asked, groups, &found)
}

/// Adds the groups of files of OKX's archive that have one unit.
fn okx_groups<'a>(
    asked: &Asked<'a>,
    span: &UnitSpan<'a>,
    found: &[FoundFile],
    kind: SourceKind,
    book: BookChoice,
    groups: &mut Vec<Group<'a>>,
) -> CommandResult<()> {
    let key = asked.key;
    let is_book = |f: &&FoundFile| f.unit.kind == FileKind::OkxBook;
    let (books, rows): (Vec<&FoundFile>, Vec<&FoundFile>) = found.iter().partition(is_book);
    if !rows.is_empty() {
        groups.push(rows_group(
            asked,
            span,
            &rows,
            kind,
            okx::PARSER_VERSION,
            okx::parser,
        ));
    }
    // Books of 50, 400 and 5,000 levels are different products; a file's name says which it is.
    for depth in [50_usize, 400, 5_000] {
        let mark = format!("-{depth}lv");
        // A file unpacked by hand may lack the mark: it is read as the common product.
        let of_depth = |f: &&&FoundFile| {
            let name = name_of(&f.path);
            name.contains(&mark) || (depth == 400 && !name.contains("lv"))
        };
        let files: Vec<&FoundFile> = books.iter().filter(of_depth).copied().collect();
        if files.is_empty() {
            continue;
        }
        let options = okx::book::OkxBookOptions {
            inst_id: key.symbol.as_str().to_owned(),
            unit: asked.known_unit(span)?,
            levels: book.levels,
            cadence: book.cadence,
            depth,
            // One file for all dated futures of an underlying.
            shared: files
                .iter()
                .any(|f| f.unit.paths.iter().any(|p| p.contains("futureschain"))),
        };
        groups.push(Group {
            files: found_files(&files, "data", true),
            kind,
            version: okx::book::BOOK_VERSION,
            params: options.params(),
            levels: book.levels,
            range: Some(span.range),
            make: Box::new(move |file, parse| {
                Ok(okx::book::book_parser(&options, &file.datasets, parse))
            }),
        });
    }
    Ok(())
}

/// Ingests files of Bybit's archives that lie below a folder.
///
/// Days on which contracts are worth different amounts are read one stretch after the other, a file that has rows of both twice.
///
/// # Errors
/// Configuration errors: another exchange, folders that are none, unknown terms, terms that change inside a day.
pub fn bybit_manual(
    context: &IngestContext<'_>,
    asked: &Asked<'_>,
    folders: &Folders,
    book: BookChoice,
) -> CommandResult<IngestReport> {
    let key = asked.key;
    require_venue(key, Venue::Bybit)?;
    let range = required_range(asked)?;
    let wanted = match asked.datasets {
        [] => vec![Dataset::Trades, Dataset::L2Snapshots, Dataset::L2Deltas],
        asked => asked.to_vec(),
    };
    refuse_simulated(key, folders)?;
    let plan = plan_bybit(key, &wanted, &range).config_error()?;
    let found = discover(plan, folders).config_error()?;
    let mut groups = Vec::new();
    for span in asked.spans(range)? {
        let files = units::within(&found.files, span.range);
        bybit_groups(asked, &span, &files, book, &mut groups)?;
    }
    finish(context, asked, groups, &found)
}

/// Adds the groups of files of Bybit's archives that have one unit.
fn bybit_groups<'a>(
    asked: &Asked<'a>,
    span: &UnitSpan<'a>,
    found: &[FoundFile],
    book: BookChoice,
    groups: &mut Vec<Group<'a>>,
) -> CommandResult<()> {
    let is_book = |f: &&FoundFile| f.unit.kind == FileKind::BybitBook;
    let (books, rows): (Vec<&FoundFile>, Vec<&FoundFile>) = found.iter().partition(is_book);
    let kind = SourceKind::BybitManual;
    if !rows.is_empty() {
        groups.push(rows_group(
            asked,
            span,
            &rows,
            kind,
            bybit::PARSER_VERSION,
            bybit::parser,
        ));
    }
    if !books.is_empty() {
        let options = book_options(asked.known_unit(span)?, book);
        let symbol = asked.key.symbol.clone();
        groups.push(Group {
            files: found_files(&books, "data", true),
            kind,
            version: bybit::book::PARSER_VERSION,
            params: options.params(),
            levels: book.levels,
            range: Some(span.range),
            make: Box::new(move |file, parse| {
                let archive = bybit::book::BookFile {
                    symbol: symbol.clone(),
                    depth: book_depth(&file.name),
                    book: options,
                    datasets: file.datasets.clone(),
                };
                Ok(bybit::book::book_parser(&archive, parse))
            }),
        });
    }
    Ok(())
}

/// Returns the levels per side that the name of a Bybit book promises: `2024-12-01_XRPUSDT_ob500.data.zip`.
fn book_depth(name: &str) -> Option<u16> {
    let (_, rest) = name.rsplit_once("_ob")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest.get(..digits)?.parse().ok()
}

/// Makes the parser of a CSV file.
type RowsParser = fn(
    Dataset,
    quant_core::market::Market,
    &quant_core::market::Symbol,
    Option<&Instrument>,
    quant_lake::venues::rows::ParseOptions,
) -> Result<Box<dyn quant_lake::venues::rows::RowParser>, binance::FormatError>;

/// Returns the group of files of rows: one dataset a file.
fn rows_group<'a>(
    asked: &Asked<'a>,
    span: &UnitSpan<'a>,
    found: &[&FoundFile],
    kind: SourceKind,
    version: &'static str,
    parser: RowsParser,
) -> Group<'a> {
    let mut params = IngestParams::new();
    let unit = span.unit;
    params.insert(
        "unit".to_owned(),
        serde_json::json!(unit.map(|u| format!("{u:?}"))),
    );
    // A trades file that serves two datasets is read once for each: its rows are those of one table.
    let mut files = Vec::new();
    for file in found_files(found, "csv", false) {
        for &dataset in &file.datasets {
            files.push(VendorFile {
                datasets: vec![dataset],
                ..file.clone()
            });
        }
    }
    let (asked, terms) = (*asked, span.terms);
    Group {
        files,
        kind,
        version,
        params,
        levels: 0,
        range: Some(span.range),
        make: Box::new(move |file, parse| {
            let dataset = file.datasets.first().copied().unwrap_or(Dataset::Trades);
            let key = asked.key;
            Ok(parser(dataset, key.market, &key.symbol, terms, parse)?)
        }),
    }
}

fn finish(
    context: &IngestContext<'_>,
    asked: &Asked<'_>,
    groups: Vec<Group<'_>>,
    found: &Discovery,
) -> CommandResult<IngestReport> {
    let mut report = run(context, asked, groups)?;
    report
        .files
        .extend(tell(context, found.missing.iter().map(absent).collect()));
    if let Some(first) = report.files.first_mut() {
        first.notes.extend(found.notes.iter().cloned());
    }
    Ok(report)
}

/// Tells the observer of files that are not there, which it was not told were planned.
pub fn tell(context: &IngestContext<'_>, absent: Vec<FileOutcome>) -> Vec<FileOutcome> {
    context.progress.planned(absent.len());
    for outcome in &absent {
        context.progress.finished(std::slice::from_ref(outcome));
    }
    absent
}

/// Returns the line of the report about a file that is not there.
fn absent(unit: &FileUnit) -> FileOutcome {
    FileOutcome {
        dataset: unit.datasets.first().copied().unwrap_or(Dataset::Trades),
        file: unit.paths.first().cloned().unwrap_or_default(),
        first_day: unit.asked.start.day(),
        last_day: unit.asked.end.plus(-1).day(),
        status: FileStatus::NotFound,
        counts: RowCounts::default(),
        out_of_order: 0,
        notes: Vec::new(),
        diagnostics: std::collections::BTreeMap::new(),
    }
}

/// Ingests one group after the other: their files are read by different parsers.
fn run(
    context: &IngestContext<'_>,
    asked: &Asked<'_>,
    groups: Vec<Group<'_>>,
) -> CommandResult<IngestReport> {
    let bytes = |file: &VendorFile| std::fs::metadata(&file.path).map_or(0, |m| m.len());
    let needed = groups.iter().flat_map(|g| &g.files).map(bytes).sum();
    crate::run::space::require(context.lake.root(), needed)?;
    let mut all = IngestReport::default();
    for group in groups {
        let request = FilesRequest {
            key: asked.key.clone(),
            files: group.files,
            kind: group.kind,
            parser_version: group.version,
            params: group.params,
            range: group.range.or(asked.range),
            slice: Slice::OfName,
            book_levels: group.levels,
            options: context.options.clone(),
            created_at: context.created_at,
        };
        let report = ingest_files(
            context.lake,
            &request,
            group.make.as_ref(),
            context.progress,
            context.stop,
        )
        .map_err(|e| ingest_error(&e))?;
        all.files.extend(report.files);
        all.stopped |= report.stopped;
        if all.stopped {
            break;
        }
    }
    Ok(all)
}

fn book_options(unit: QtyUnit, book: BookChoice) -> BookOptions {
    BookOptions {
        levels: book.levels,
        cadence: book.cadence,
        unit,
    }
}

fn require_venue(key: &InstrumentKey, venue: Venue) -> CommandResult<()> {
    if key.exchange.venue == venue {
        return Ok(());
    }
    Err(CommandError::text(
        ErrorKind::Config,
        &format!(
            "this source is one of `{}`, not of `{}`",
            venue.name(),
            key.exchange
        ),
    )
    .hint(format!("give `--exchange {}`", venue.name())))
}

/// Returns the days asked for, which this source needs.
///
/// # Errors
/// Configuration error without them.
pub fn required_range(asked: &Asked<'_>) -> CommandResult<TimeRange> {
    asked.range.ok_or_else(|| {
        CommandError::text(ErrorKind::Config, "this source needs a range of days")
            .hint("give --start and --end")
    })
}

/// Returns the datasets whose folders were named (all with a common folder), of those that the market has.
fn default_okx(
    key: &InstrumentKey,
    folders: &Folders,
    range: &TimeRange,
) -> CommandResult<Vec<Dataset>> {
    let named: Vec<Dataset> = [
        (Dataset::Klines1m, FileKind::OkxCandles),
        (Dataset::Trades, FileKind::OkxTrades),
        (Dataset::Funding, FileKind::OkxFunding),
        (Dataset::L2Snapshots, FileKind::OkxBook),
        (Dataset::L2Deltas, FileKind::OkxBook),
    ]
    .iter()
    .filter(|(_, kind)| folders.of(*kind).next().is_some())
    .map(|(dataset, _)| *dataset)
    .collect();
    if named.is_empty() {
        return Err(CommandError::text(
            ErrorKind::Config,
            "no folder of files downloaded by hand is named",
        )
        .hint("give --root DIR, or one of --okx-manual-candles-dir, --okx-manual-trades-dir, --okx-manual-book-dir, --okx-manual-funding-dir"));
    }
    let (mut has, mut refused) = (Vec::new(), None);
    for dataset in named {
        match plan_okx(key, &[dataset], range) {
            Ok(_) => has.push(dataset),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) if has.is_empty() => Err(CommandError::new(ErrorKind::Config, &error)),
        _ => Ok(has),
    }
}

fn refuse_simulated(key: &InstrumentKey, folders: &Folders) -> CommandResult<()> {
    let all = folders
        .any
        .iter()
        .chain(&folders.trades)
        .chain(&folders.candles)
        .chain(&folders.funding)
        .chain(&folders.books);
    for folder in all {
        refuse_simulated_path(key, folder)?;
    }
    Ok(())
}

/// Refuses a file or folder of the simulator under a real exchange's name.
fn refuse_simulated_path(key: &InstrumentKey, path: &Path) -> CommandResult<()> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let marked = absolute
        .ancestors()
        .take(MARKER_DEPTH)
        .any(|dir| dir.is_dir() && is_simulated(dir));
    if marked && !key.exchange.simulated {
        return Err(simulated_as_real(&path.display().to_string(), key));
    }
    Ok(())
}

/// Describes archive files that were found by their names.
fn found_files(found: &[&FoundFile], extension: &str, whole_days: bool) -> Vec<VendorFile> {
    let pick = || Pick::Extension(extension.to_owned());
    let files = found
        .iter()
        .map(|file| VendorFile {
            path: file.path.clone(),
            name: name_of(&file.path),
            url: None,
            container: match file.packing {
                Packing::Plain => Container::Plain,
                Packing::Gz => Container::Gzip,
                Packing::Zip => Container::Zip(pick()),
                Packing::TarGz => Container::TarGz(pick()),
            }
            .into(),
            datasets: file.unit.datasets.clone(),
            days: Some((
                file.unit.asked.start.day(),
                file.unit.asked.end.plus(-1).day(),
            )),
            whole_days,
            sha256: None,
            continues: false,
        })
        .collect();
    with_names_that_differ(files)
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}
