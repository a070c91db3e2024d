//! Brings days of REST history into the lake: what is there already is not asked for, each fetch of a day is one page file.
//!
//! Most days are asked for whole and replaced whole. Where a venue shows the latest rows only, or the lake holds the beginning of a day
//! by ids, pages add to the rows of the lake; what cannot be had any more is a gap (`holes`).

mod holes;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use quant_core::market::{Instrument, InstrumentKey};
use quant_core::time::{Day, MICROS_PER_HOUR, TimeRange, UnixMicros};
use quant_lake::commit::{DatasetWriter, WriterOptions};
use quant_lake::ingest::{
    FileError, FileOutcome, FileStatus, HeldDay, IngestReport, PageSource, PagesRequest, Progress,
    RowCounts, SourceError, close_day, has_pages, held_day, ingest_pages,
};
use quant_lake::instruments::to_batch;
use quant_lake::layout::{DatasetKey, PartitionSetSpec, symbol_folder};
use quant_lake::manifest::{IngestParams, Source, SourceKind};
use quant_lake::quality::Quality;
use quant_lake::schema::Dataset;
use quant_lake::venues::contracts::QtyUnit;
use quant_lake::write::PartitionMeta;

use self::holes::hole;
use super::{IngestContext, ingest_error};
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::rest::fetch::{UNLISTED, ask};
use crate::rest::venues::{self, Job, Unavailable, VenueCx};
use crate::rest::{
    FetchPagesError, Governor, RestClient, RestError, RestOptions, SystemTimer, fetch_pages,
    governor::quotas_of,
};
use crate::run::identity::sha256_hex;

/// Bans and long pauses, in the lake's folder.
const HOLDS_FILE: &str = ".rest-holds.json";
/// Version of what writes terms into the lake.
const TERMS_VERSION: &str = "instruments-rest-1";

/// What to do about an instrument whose terms the venue does not tell any more.
const TERMS_AT_HAND: &str = "the venue lists no contract that is over: give its terms (contract value, tick, lot) in an instrument table, --instruments FILE";

/// How a command wants its host to be talked to.
#[derive(Clone, Debug)]
pub struct RestArgs {
    /// Another host than the venue's.
    pub base_url: Option<String>,
    /// Tries after the first one.
    pub retries: u32,
    /// Longest silence of the host.
    pub timeout: Duration,
}

/// One venue's host, shared by all instruments of a command.
#[derive(Debug)]
pub struct RestSource {
    client: RestClient,
}

impl RestSource {
    /// Connects to the host of an exchange's market; asks it nothing, unless it is not the venue's own.
    ///
    /// # Errors
    /// Configuration errors: no such API, a bad address, simulated data under a real name or the other way round.
    pub fn open(
        context: &IngestContext<'_>,
        key: &InstrumentKey,
        args: &RestArgs,
    ) -> CommandResult<Self> {
        let venue = key.exchange.venue;
        let Some(host) = venues::default_host(venue, key.market) else {
            return Err(CommandError::text(
                ErrorKind::Config,
                &format!("`{}` has no REST history on {}", key.exchange, key.market),
            )
            .hint("REST history is known of binance (spot, um, cm), okx, deepcoin and hyperliquid (swap)"));
        };
        let timer = Arc::new(SystemTimer::default());
        let options = RestOptions {
            retries: args.retries,
            silence: args.timeout,
            seed: u64::from(std::process::id()) ^ context.created_at.0.cast_unsigned(),
            holds: Some(context.lake.root().join(HOLDS_FILE)),
            ..RestOptions::default()
        };
        let base_url = args.base_url.as_deref().unwrap_or(host);
        let governor = Arc::new(Governor::new(quotas_of(venue)));
        let client = RestClient::new(base_url, options, governor, timer).config_error()?;
        let source = Self { client };
        let simulated = args.base_url.is_some() && source.is_simulated(context)?;
        match (simulated, key.exchange.simulated) {
            (true, false) => Err(super::simulated_as_real(base_url, key)),
            (false, true) => Err(CommandError::text(
                ErrorKind::Config,
                &format!("`{}` is simulated and `{base_url}` is not", key.exchange),
            )
            .hint(
                "serve a simulated market with `quant mock-exchange` and name it with `--base-url`",
            )),
            _ => Ok(source),
        }
    }

    /// Returns the client of the host.
    pub const fn client(&self) -> &RestClient {
        &self.client
    }

    /// Returns the terms of an instrument whose quantities count contracts: those known, else those the venue has now, as if
    /// they had held since `since`.
    ///
    /// # Errors
    /// Configuration error if the venue does not list it; data errors of the host.
    pub fn terms_since(
        &self,
        context: &IngestContext<'_>,
        key: &InstrumentKey,
        known: &[Instrument],
        since: UnixMicros,
    ) -> CommandResult<Vec<Instrument>> {
        if !known.is_empty() || !venues::needs_contract(key) {
            return Ok(known.to_vec());
        }
        let work = Work {
            source: self,
            context,
            key,
            terms: known,
            named: true,
            cx: None,
            ahead_us: 0,
        };
        match work.fetch_terms(since, (0.0, 0.0)) {
            Ok(terms) => Ok(vec![terms]),
            Err(Early::Command(error)) if error.kind == ErrorKind::Config => {
                Err(error.hint(TERMS_AT_HAND))
            }
            Err(Early::Command(error)) => Err(error),
            Err(Early::Stopped) => Err(CommandError::text(
                ErrorKind::Interrupted,
                "interrupted while asking for the terms of the instrument",
            )),
            Err(Early::Status(FileStatus::Failed { error })) => {
                // Venues refuse the name of a contract that is over as they refuse one that never was.
                let is_refused = error.to_string().contains(UNLISTED);
                let error = CommandError::new(ErrorKind::Data, &error);
                Err(if is_refused {
                    error.hint(TERMS_AT_HAND)
                } else {
                    error
                })
            }
            Err(Early::Status(_)) => Ok(Vec::new()),
        }
    }

    /// Returns the UTC days that the last `hours` of the venue's clock touch, whole: today ends when it ends.
    ///
    /// # Errors
    /// Data errors of the host.
    pub fn last_days(
        &self,
        context: &IngestContext<'_>,
        key: &InstrumentKey,
        hours: u32,
    ) -> CommandResult<TimeRange> {
        let now = match self.clock(context, key) {
            Ok(now) => now,
            Err(error) => return Err(fetch_error(error)),
        };
        let from = now.plus(-i64::from(hours) * MICROS_PER_HOUR);
        TimeRange::new(from.day().start(), now.day().end()).config_error()
    }

    /// Asks the venue for its clock; ours, where it does not tell.
    fn clock(
        &self,
        context: &IngestContext<'_>,
        key: &InstrumentKey,
    ) -> Result<UnixMicros, FetchPagesError> {
        let Some(request) = venues::time_request(key) else {
            return Ok(self.client.timer().wall());
        };
        let venue = key.exchange.venue;
        let (_, now) = ask(&self.client, &request, context.stop, &mut 0, |a| {
            venues::read_time(venue, &a.body)
        })?;
        Ok(now)
    }

    /// Asks whether a mock exchange answers at this address.
    fn is_simulated(&self, context: &IngestContext<'_>) -> CommandResult<bool> {
        let request = crate::rest::Request::get("/_mock/status", "", 0);
        match self.client.send(&request, context.stop) {
            Ok(answer) => {
                let status: serde_json::Value =
                    serde_json::from_slice(&answer.body).unwrap_or_default();
                Ok(answer.status == 200 && status["simulated"] == true)
            }
            // A page of another kind is no mock; whatever else is wrong shows itself with the first request.
            Err(RestError::NotJson { .. }) => Ok(false),
            Err(error) => Err(rest_error(error)),
        }
    }

    /// Ingests the days of an instrument that the lake has not got whole. Days beyond the venue's reach are refused if their
    /// dataset was `named`; of what a venue has by default they are not published any more.
    ///
    /// # Errors
    /// Data errors of the host or the lake as a whole; those of single days are in the report.
    pub fn ingest(
        &self,
        context: &IngestContext<'_>,
        key: &InstrumentKey,
        (datasets, named): (&[Dataset], bool),
        range: TimeRange,
        terms: &[Instrument],
    ) -> CommandResult<IngestReport> {
        crate::run::space::require(context.lake.root(), 0)?;
        let days: Vec<Day> = range.days().collect();
        let mut work = Work {
            source: self,
            context,
            key,
            terms,
            named,
            cx: None,
            ahead_us: 0,
        };
        // Terms are those of now: one answer, however many days are asked for.
        let per = |dataset: &Dataset| match dataset {
            Dataset::Instruments => days.len().min(1),
            _ => days.len(),
        };
        context
            .progress
            .planned(datasets.iter().map(per).sum::<usize>());
        let report = work.all(datasets, &days);
        // Stays if something else is in it.
        drop(std::fs::remove_dir(work.downloads()));
        report
    }
}

/// The work on one instrument.
struct Work<'a> {
    source: &'a RestSource,
    context: &'a IngestContext<'a>,
    key: &'a InstrumentKey,
    terms: &'a [Instrument],
    /// The user named the datasets: what is out of reach is an error.
    named: bool,
    /// Known once the venue had to be asked.
    cx: Option<VenueCx>,
    /// The venue's clock minus ours, when it was asked.
    ahead_us: i64,
}

/// Hands on what is read of a page file; that it is planned and done is told of its day.
struct Reading<'a>(&'a dyn Progress);

impl Progress for Reading<'_> {
    fn started(&self, file: &str) {
        self.0.started(file);
    }

    fn advanced(&self, bytes: u64) {
        self.0.advanced(bytes);
    }
}

/// How one day ended early.
enum Early {
    Stopped,
    Status(FileStatus),
    Command(CommandError),
}

impl From<FetchPagesError> for Early {
    fn from(error: FetchPagesError) -> Self {
        match error {
            FetchPagesError::Rest(RestError::Interrupted { .. }) => Self::Stopped,
            FetchPagesError::Rest(error) if is_final(&error) => Self::Command(rest_error(error)),
            other => Self::Status(failed(&other)),
        }
    }
}

impl From<CommandError> for Early {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}

/// Returns whether an error concerns the host, so that no other day can do better.
const fn is_final(error: &RestError) -> bool {
    matches!(
        error,
        RestError::Banned { .. } | RestError::Held { .. } | RestError::Forbidden { .. }
    )
}

fn rest_error(error: RestError) -> CommandError {
    match error {
        RestError::Interrupted { .. } => CommandError::new(ErrorKind::Interrupted, &error),
        other => CommandError::new(ErrorKind::Data, &other),
    }
}

fn fetch_error(error: FetchPagesError) -> CommandError {
    match error {
        FetchPagesError::Rest(error) => rest_error(error),
        other => CommandError::new(ErrorKind::Data, &other),
    }
}

fn failed(error: &dyn std::error::Error) -> FileStatus {
    FileStatus::Failed {
        error: FileError::Source(SourceError::Refused {
            problem: error.to_string(),
        }),
    }
}

impl Work<'_> {
    fn downloads(&self) -> PathBuf {
        self.context.lake.root().join("downloads")
    }

    fn all(&mut self, datasets: &[Dataset], days: &[Day]) -> CommandResult<IngestReport> {
        let mut report = IngestReport::default();
        for &dataset in datasets {
            for &day in days {
                // Terms are those of now, once.
                if dataset == Dataset::Instruments && Some(&day) != days.last() {
                    continue;
                }
                let Some(outcome) = self.day(dataset, day)? else {
                    report.stopped = true;
                    return Ok(report);
                };
                report.files.push(outcome);
            }
        }
        Ok(report)
    }

    /// Brings one day; `None` if the caller asked to stop.
    fn day(&mut self, dataset: Dataset, day: Day) -> CommandResult<Option<FileOutcome>> {
        let name = format!(
            "{}-{}-{}-{dataset}-{day}.pages",
            self.key.exchange,
            self.key.market,
            symbol_folder(&self.key.symbol)
        );
        let mut outcome = FileOutcome::unknown(dataset, name.clone(), (day, day));
        let result = if dataset == Dataset::Instruments {
            self.instruments(&mut outcome).map(|()| None)
        } else {
            self.pages(dataset, day, &name, &mut outcome)
        };
        match result {
            Ok(Some(done)) => outcome = done,
            Ok(None) => {}
            Err(Early::Stopped) => return Ok(None),
            Err(Early::Command(error)) => return Err(error),
            Err(Early::Status(status)) => outcome.status = status,
        }
        self.context
            .progress
            .finished(std::slice::from_ref(&outcome));
        Ok(Some(outcome))
    }

    fn pages(
        &mut self,
        dataset: Dataset,
        day: Day,
        name: &str,
        outcome: &mut FileOutcome,
    ) -> Result<Option<FileOutcome>, Early> {
        let held = self.held(dataset, day)?;
        if let Some(mut notes) = self.current(dataset, day, held.as_ref())? {
            outcome.notes.append(&mut notes);
            return Err(Early::Status(FileStatus::Current));
        }
        let mut cx = self.venue()?;
        let now = self.source.client().timer().wall().0 + self.ahead_us;
        cx.age_us = now.saturating_sub(cx.now.0).max(0);
        let mut job = match venues::job(&cx, dataset, day, held.as_ref()) {
            Ok(job) => job,
            Err(error) => return self.unavailable(dataset, day, held, &error, outcome),
        };
        outcome.notes.append(&mut job.notes);
        if !job.complete {
            outcome
                .notes
                .push("the day is not whole and will be asked for again".to_owned());
        }
        let downloads = self.downloads();
        std::fs::create_dir_all(&downloads)
            .map_err(|e| CommandError::io("create", &downloads, &e))?;
        // What adds to the lake's rows has a name of its own in the lineage.
        let name = if job.adds {
            name.replace(".pages", &format!("T{}.pages", self.context.created_at.0))
        } else {
            name.to_owned()
        };
        let path = downloads.join(format!("{name}.{}", std::process::id()));
        let fetched = fetch_pages(
            self.source.client(),
            job.pager.as_mut(),
            (job.format)().as_mut(),
            &path,
            // Days are those of the venue's clock, and so must be what is stamped.
            job.stamped.then_some(self.ahead_us),
            day.range(),
            self.context.stop,
        )?;
        let gaps: Vec<String> = hole(&job, &fetched, day).into_iter().collect();
        let sent = format!("{} page(s), {} request(s)", fetched.pages, fetched.attempts);
        if fetched.wanted == 0 && job.after.is_some() {
            drop(std::fs::remove_file(&path));
            outcome.notes.push(sent);
            if !job.complete {
                return Err(Early::Status(FileStatus::Current));
            }
            self.close(&job.source, day, gaps, outcome);
            return Ok(None);
        }
        // Of a day that goes on there may be nothing final yet: only a bar still forming, or rows of the day before.
        let is_whole = job.complete && job.lost_before.is_none();
        if fetched.rows == 0 || (!is_whole && fetched.wanted == 0) {
            drop(std::fs::remove_file(&path));
            return Err(Early::Status(FileStatus::NotPublished {
                reason: "the venue has no rows of this day (yet)".to_owned(),
            }));
        }
        outcome.notes.push(sent);
        let (source, is_complete) = (job.source.clone(), job.complete);
        let request = PagesRequest {
            source: job.source,
            path: path.clone(),
            name,
            url: fetched.url,
            days: day.range(),
            adds: job.adds,
            gaps,
            options: self.context.options.clone(),
            created_at: self.context.created_at,
        };
        let report = ingest_pages(
            self.context.lake,
            &request,
            &*job.format,
            &Reading(self.context.progress),
            self.context.stop,
        );
        drop(std::fs::remove_file(&path));
        let mut report = report.map_err(|e| ingest_error(&e))?;
        let Some(mut done) = report.files.pop() else {
            return Err(Early::Stopped);
        };
        done.notes.splice(0..0, outcome.notes.drain(..));
        if request.adds && is_complete && matches!(done.status, FileStatus::Current) {
            // The same answer as before the end of the day: now it is known to be the last one.
            self.close(&source, day, Vec::new(), &mut done);
        }
        Ok(Some(done))
    }

    /// Returns what the lake holds of a day that pages may be added to.
    fn held(&self, dataset: Dataset, day: Day) -> Result<Option<HeldDay>, Early> {
        if !matches!(dataset, Dataset::Trades | Dataset::AggTrades) {
            return Ok(None);
        }
        let Ok(Job { source, .. }) = venues::job(&self.after(day), dataset, day, None) else {
            return Ok(None);
        };
        let held = held_day(self.context.lake, &source, day);
        Ok(held.map_err(|e| CommandError::new(ErrorKind::Data, &e))?)
    }

    /// Returns the view of a venue at the earliest moment at which a day is over.
    fn after(&self, day: Day) -> VenueCx {
        VenueCx {
            key: self.key.clone(),
            now: day.end(),
            age_us: 0,
            unit: QtyUnit::Base,
        }
    }

    /// Returns remarks if the lake has all that can be had of a day, from this kind of source; nothing is asked.
    fn current(
        &self,
        dataset: Dataset,
        day: Day,
        held: Option<&HeldDay>,
    ) -> Result<Option<Vec<String>>, Early> {
        let Ok(job) = venues::job(&self.after(day), dataset, day, held) else {
            return Ok(None);
        };
        let has = has_pages(self.context.lake, &job.source, day)
            .map_err(|e| CommandError::new(ErrorKind::Data, &e))?;
        // How whole days are asked for again need not be told of one that is there.
        Ok(
            (job.complete && has).then_some(if held.is_some() && job.adds {
                job.notes
            } else {
                Vec::new()
            }),
        )
    }

    /// Tells why a day is not asked for. What is held of one that cannot be had any more stays, and its rest is a gap.
    fn unavailable(
        &self,
        dataset: Dataset,
        day: Day,
        held: Option<HeldDay>,
        error: &Unavailable,
        outcome: &mut FileOutcome,
    ) -> Result<Option<FileOutcome>, Early> {
        let status = match (error, held) {
            (Unavailable::TooOld { .. }, Some(held)) => {
                let Ok(job) = venues::job(&self.after(day), dataset, day, Some(&held)) else {
                    return Err(Early::Status(failed(error)));
                };
                let mut source = job.source;
                // What contracts are worth is known of the rows that are there.
                source.params = held.params;
                let gap = format!("a gap: the rest of the day cannot be had any more: {error}");
                self.close(&source, day, vec![gap], outcome);
                return Ok(None);
            }
            (Unavailable::TooOld { .. }, None) if self.named => failed(error),
            (
                Unavailable::NotYet { .. }
                | Unavailable::OnlyNow { .. }
                | Unavailable::TooOld { .. },
                _,
            ) => FileStatus::NotPublished {
                reason: error.to_string(),
            },
            (Unavailable::NoRoute { .. }, _) => failed(error),
        };
        Err(Early::Status(status))
    }

    /// Marks a day as one that nothing can be added to, with what is missing of it.
    fn close(&self, source: &PageSource, day: Day, gaps: Vec<String>, outcome: &mut FileOutcome) {
        let closed = close_day(
            self.context.lake,
            source,
            day,
            gaps.len() as u64,
            &self.context.options,
            self.context.created_at,
        );
        outcome.notes.extend(gaps);
        outcome.status = match closed {
            Ok(day) => FileStatus::Written { days: vec![day] },
            Err(error) => FileStatus::Failed { error },
        };
    }

    /// Asks the venue for its clock and, where quantities are contracts, for what they are worth.
    fn venue(&mut self) -> Result<VenueCx, Early> {
        if let Some(cx) = &self.cx {
            return Ok(cx.clone());
        }
        let now = self.source.clock(self.context, self.key)?;
        self.ahead_us = now.0.saturating_sub(self.source.client().timer().wall().0);
        let unit = if venues::needs_contract(self.key) {
            let found = self.fetch_terms(now, (0.0, 0.0))?;
            QtyUnit::of(self.key.market, Some(&found)).ok_or_else(|| {
                CommandError::text(
                    ErrorKind::Data,
                    &format!(
                        "the venue does not say what a contract of `{}` is worth",
                        self.key
                    ),
                )
            })?
        } else {
            QtyUnit::Base
        };
        let cx = VenueCx {
            key: self.key.clone(),
            now,
            age_us: 0,
            unit,
        };
        self.cx = Some(cx.clone());
        Ok(cx)
    }

    fn fetch_terms(&self, at: UnixMicros, fees_bps: (f64, f64)) -> Result<Instrument, Early> {
        let unlisted = || {
            CommandError::text(
                ErrorKind::Config,
                &format!("the venue does not list `{}`", self.key),
            )
            .hint("check `--symbol` and `--market`; OKX and Deepcoin write BTC-USDT-SWAP")
        };
        let request = venues::terms_request(self.key).ok_or_else(unlisted)?;
        let (_, found) = ask(
            self.source.client(),
            &request,
            self.context.stop,
            &mut 0,
            |a| venues::read_terms(&a.body, self.key, at, fees_bps),
        )?;
        let mut found = found.ok_or_else(unlisted)?;
        if found.funding_interval_h.is_some()
            && let Some(request) = venues::interval_request(self.key)
        {
            let client = self.source.client();
            let (_, hours) = ask(client, &request, self.context.stop, &mut 0, |a| {
                venues::read_interval(&a.body, self.key)
            })?;
            // Symbols at the usual hours are not listed.
            found.funding_interval_h = hours.or(found.funding_interval_h);
        }
        Ok(found)
    }

    /// Writes the venue's terms of today into the lake's `instruments`.
    fn instruments(&mut self, outcome: &mut FileOutcome) -> Result<(), Early> {
        let cx = self.venue()?;
        let day = cx.now.day();
        // Venues do not publish their fees there.
        let known = self.terms.iter().rfind(|row| row.key == *self.key);
        let Some(fees) = known.map(|row| (row.maker_bps, row.taker_bps)) else {
            return Err(Early::Status(failed(&SourceError::Refused {
                problem: format!(
                    "the venue publishes no fees and the instrument table has none of `{}`\nhint: copy `configs/instruments.yaml`, add an entry with its fees, and name the copy with --instruments FILE (a run: --set paths.instruments=FILE)",
                    self.key
                ),
            })));
        };
        // From midnight: the same terms asked for twice a day are the same row.
        let row = self.fetch_terms(day.start(), fees)?;
        (outcome.first_day, outcome.last_day) = (day, day);
        outcome.status = self.write_terms(day, row)?;
        if matches!(outcome.status, FileStatus::Written { .. }) {
            outcome.counts = RowCounts {
                rows_in: 1,
                written: 1,
                ..RowCounts::default()
            };
        }
        Ok(())
    }

    fn write_terms(&self, day: Day, row: Instrument) -> CommandResult<FileStatus> {
        let key = DatasetKey {
            instrument: self.key.clone(),
            dataset: Dataset::Instruments,
        };
        let mut options =
            WriterOptions::new(TERMS_VERSION, IngestParams::new(), self.context.created_at);
        options.replace_source = self.context.options.replace_source;
        let writer =
            DatasetWriter::open(self.context.lake, PartitionSetSpec::raw(&key, 0), options)
                .data_error()?;
        writer
            .check_source_kind(day, SourceKind::Rest)
            .data_error()?;
        let rows = [row];
        let body = serde_json::to_vec(&rows).internal_error()?;
        let url = venues::terms_request(self.key).map(|r| self.source.client().url(&r));
        let source = Source {
            kind: SourceKind::Rest,
            name: "terms".to_owned(),
            url,
            bytes: body.len() as u64,
            sha256: sha256_hex(&body),
            checksum_verified: false,
            context: None,
        };
        if writer.is_current(day, &[source.sha256.as_str()]) {
            return Ok(FileStatus::Current);
        }
        let mut partition = writer.begin(day).data_error()?;
        partition
            .write(&to_batch(self.key, &rows).data_error()?)
            .data_error()?;
        let meta = PartitionMeta {
            sources: vec![source],
            rows_in: partition.rows(),
            quality: Quality::default(),
        };
        let done = writer
            .commit(partition.finish(meta).data_error()?)
            .data_error()?;
        Ok(FileStatus::Written {
            days: vec![quant_lake::ingest::DayOutcome {
                day,
                rows: done.rows,
                content_sha256: done.content_sha256,
                merged: false,
                unchanged: false,
            }],
        })
    }
}
