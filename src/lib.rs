//! The edge of `quant`: command line, configs, runs, reports and downloads.
//!
//! Everything that touches the outside world lives in this package; numbers are made in `quant-core` and stored
//! by `quant-lake`. See `ARCHITECTURE.md`.

pub mod audit;
pub mod cli;
pub mod config;
pub mod error;
pub mod facts;
pub mod fetch;
pub mod mock;
pub mod report;
pub mod rest;
pub mod run;
pub mod synth;
