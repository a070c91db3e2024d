//! Simulated worlds written to disk: a market from `quant-core::synth`, in a venue's own formats, with the truth beside it.

mod archive;
mod binance;
mod bybit;
pub mod defects;
mod files;
pub mod okx;
pub mod request;
mod truth;

pub use archive::{MARKER_FILE, SynthFile, SynthReport, is_marker, is_simulated, write_archive};
pub use request::{BookOptions, Look, SynthRequest};
