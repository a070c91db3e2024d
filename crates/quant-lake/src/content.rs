//! Content hash
