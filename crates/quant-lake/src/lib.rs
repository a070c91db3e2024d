//! Storage of `quant`: typed Parquet partitions with manifests, an atomic commit protocol, and ingestion.
//!
//! Knows Arrow, Parquet, vendor file formats and the file system; knows nothing of the network, the clock,
//! configs or the command line. Vendor parsers are sans-I/O: bytes in, column batches out.

pub mod bars;
pub mod commit;
pub mod content;
pub mod coverage;
pub mod defects;
pub mod features;
pub mod fuzzing;
pub mod ingest;
pub mod inspect;
pub mod instruments;
pub mod layout;
pub mod manifest;
pub mod openings;
pub mod quality;
pub mod read;
pub mod replay;
pub mod schema;
pub mod sniff;
pub mod stream;
pub mod table;
pub mod truth;
pub mod universe;
pub mod venues;
pub mod verify;
pub mod write;
