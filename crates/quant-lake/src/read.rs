//! Streaming reads
