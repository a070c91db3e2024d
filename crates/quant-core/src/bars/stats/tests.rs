//! Tests of the statistics; each file under `tests/` belongs to one family.
