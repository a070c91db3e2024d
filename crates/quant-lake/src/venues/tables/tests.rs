//! Tables against small streams whose counts are known.
