//! Tier-1 bar partitions
