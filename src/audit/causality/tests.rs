//! Tests of the probe instants, of cutting and of comparing.
