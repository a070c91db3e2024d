//! Ingestion: vendor archives and user files become partitions, or typed refusals that leave the lake as it was.
//!
//! A partition is committed only after its file was read to the end, its CRC and checksum matched and every row was
//! accounted for. The network is the caller's: see [`source::ArchiveSource`].

pub mod archive;
pub mod checksum;
pub mod chunks;
mod collect;
pub mod container;
mod csv_run;
pub mod discover;
mod files;
mod pages_run;
mod pipeline;
pub mod plan;
mod quarantine;
mod receipt;
pub mod report;
pub mod run;
mod session;
pub mod source;
mod unit;
pub mod updates;

pub use csv_run::{CsvRequest, ingest_csv};
pub use files::{FilesRequest, MakeFileParser, VendorFile, ingest_files};
pub use pages_run::{
    HeldDay, PageSource, PagesRequest, close_day, has_pages, held_day, ingest_pages,
};
pub use plan::{PlanOptions, Unit, plan_vision};
pub use report::{
    DayOutcome, FileOutcome, FileStatus, IngestReport, NoProgress, Progress, RowCounts,
};
pub use run::{IngestError, IngestOptions, IngestRequest, ingest_vision};
pub use session::{in_session_order, with_names_that_differ};
pub use source::{ArchiveSource, Fetched, LocalArchive, SourceError};
pub use unit::{FileError, Slice};

#[cfg(test)]
mod tests;
