//! Writes `truth.parquet` while an archive is made.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use quant_core::synth::derive::decimal_text;
use quant_core::synth::{InstrumentParams, MinuteTruth};
use quant_core::time::UnixMicros;
use quant_lake::truth::{TRUTH_FILE, TruthFile, TruthWriter};

use super::files::StoredFile;
use crate::error::{CommandResult, Kinded as _};

/// The truth file under construction.
pub(super) struct Truth(TruthWriter<BufWriter<File>>);

impl Truth {
    pub(super) fn create(root: &Path) -> CommandResult<Self> {
        TruthWriter::create(&root.join(TRUTH_FILE))
            .map(Self)
            .internal_error()
    }

    pub(super) fn minute(
        &mut self,
        key: &str,
        start: UnixMicros,
        truth: &MinuteTruth,
    ) -> CommandResult<()> {
        self.0.minute(key, start, truth).internal_error()
    }

    /// Adds a finished file as it was before defects.
    pub(super) fn file(
        &mut self,
        file: &StoredFile,
        params: &InstrumentParams,
    ) -> CommandResult<()> {
        let (lot, money) = (params.lot_size, params.tick_size.product(params.lot_size));
        let volume = file.sums.as_ref().and_then(|s| decimal_text(s.lots, lot));
        let quote = file
            .sums
            .as_ref()
            .zip(money)
            .and_then(|(s, step)| decimal_text(s.tick_lots, step));
        let entry = TruthFile {
            instrument: &file.instrument.to_string(),
            dataset: file.dataset.name(),
            day: file.day,
            path: &file.path,
            volume: volume.as_deref(),
            quote: quote.as_deref(),
        };
        self.0.file(&entry, &file.records).internal_error()
    }

    pub(super) fn finish(self) -> CommandResult<()> {
        self.0.finish().internal_error()
    }
}
