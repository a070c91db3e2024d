//! Partition writer
