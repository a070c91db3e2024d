//! Openings
