//! Simulated worlds written to disk: a market from `quant-core::synth`, in a venue's own formats, with the truth beside it.

mod archive;
mod binance;
mod bybit;
mod files;
mod okx;
pub mod request;

pub use archive::{MARKER_FILE, SynthFile, SynthReport, is_simulated, write_archive};
pub use request::{BookOptions, Look, SynthRequest};
