//! Ingestion
