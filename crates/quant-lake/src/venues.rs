//! Venue formats
