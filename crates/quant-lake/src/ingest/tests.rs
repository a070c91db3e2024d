//! Ingestion from end to end on archives made here: good files, every kind of bad file, and what stays in the lake.

mod bad_input;
mod bybit;
mod catalogue;
mod csv;
mod fixture;
mod good_input;
mod idempotence;
mod lab;
mod pages;
mod recordings;
mod sessions;
mod shared_data;
mod speed;
mod venue_files;
mod watched;
