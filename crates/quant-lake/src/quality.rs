//! Quality counters
