//! Instruments dataset
