//! 1m and 5m bars
