//! CRC-32 as in IEEE 802.3, zip and gzip, for the checksums venues send with books.
//!
//! Core depends on no crate for it: a table of 1 KiB and a byte at a time are enough for a kilobyte of text.

/// The polynomial of IEEE 802.3, bits reflected.
const POLYNOMIAL: u32 = 0xEDB8_8320;

const TABLE: [u32; 256] = table();

#[expect(
    clippy::cast_possible_truncation,
    reason = "the index of a 256-entry table fits in 32 bits"
)]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ POLYNOMIAL
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

/// A CRC-32 in the making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crc32 {
    state: u32,
}

impl Crc32 {
    /// Returns the CRC of nothing.
    pub const fn new() -> Self {
        Self { state: u32::MAX }
    }

    /// Adds bytes at the end.
    pub fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let [low, ..] = self.state.to_le_bytes();
            self.state = TABLE[usize::from(low ^ byte)] ^ (self.state >> 8);
        }
    }

    /// Returns the CRC of everything added so far.
    pub const fn value(self) -> u32 {
        !self.state
    }
}

impl Default for Crc32 {
    fn default() -> Self {
        Self::new()
    }
}
