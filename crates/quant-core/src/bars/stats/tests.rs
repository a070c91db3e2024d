//! Tests of the statistics; each file under `tests/` belongs to one family.
#![expect(
    clippy::float_cmp,
    reason = "hand-worked values are exact, and bits are the subject of some tests"
)]

mod book;
mod causality;
mod day;
mod prices;
mod state;
mod tape;
mod touch;
mod trades;
