//! Ids of book messages as the futures venues number them.

/// Id of message 0, near what USD-M had in 2024.
const FIRST: i64 = 5_000_000_000_000;

/// Ids between two messages of one symbol, on average: those of all other symbols.
const STRIDE: i64 = 97;

/// Largest jitter, exclusive; below `STRIDE - 1`, so that ids ascend and never follow each other directly.
const JITTER: u64 = 64;

/// Returns the futures update id of the simulator's book message `message_id`.
///
/// On USD-M and COIN-M the ids of one symbol are taken from a counter of the whole venue, so that the first id of an
/// update is not the last id of the update before plus one, and only `pu` chains them; on spot each symbol has its own
/// contiguous ids (the message id itself). With these ids for `U`, `u`, `pu`, `lastUpdateId` and the `u` of
/// `bookTicker`, a book kept by the spot rule breaks at the first futures update, as on the venue.
///
/// # Shapes
/// Strictly ascending, with at least 34 and at most 160 between neighbours; message ids from 0 to 10^15.
///
/// # Determinism
/// A fixed function: the same message has the same id in archives, REST and streams.
pub const fn um_update_id(message_id: i64) -> i64 {
    // A multiplicative hash (Knuth, TAOCP 3, 6.4): the upper bits of the product look irregular.
    let hash = message_id
        .cast_unsigned()
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    FIRST + message_id * STRIDE + ((hash >> 40) % JITTER).cast_signed()
}
