//! Tests of the statistics; each file under `tests/` belongs to one family.

mod book;
mod tape;
mod touch;
