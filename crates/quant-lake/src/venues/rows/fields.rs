//! The fields of one line, split without allocation.

/// Most fields a line is split into; further ones are only counted.
pub const MAX_FIELDS: usize = 32;

/// Span of a field the line does not have.
const ABSENT: (u32, u32) = (u32::MAX, u32::MAX);

/// The fields of one line.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    line: &'a [u8],
    /// End of each field in the line.
    spans: [(u32, u32); MAX_FIELDS],
    len: usize,
}

impl<'a> Fields<'a> {
    /// Splits a line (shorter than 4 GiB) at every delimiter; quotes do not protect delimiters.
    pub fn split(line: &'a [u8], delimiter: u8) -> Self {
        Self::split_front(line, line.len(), delimiter)
    }

    /// Splits the line that is the first `len` bytes of `text`.
    ///
    /// What follows in `text` does not matter, but lets the end of the line be read eight bytes at a time too.
    #[inline]
    pub fn split_front(text: &'a [u8], len: usize, delimiter: u8) -> Self {
        let line = text.get(..len).unwrap_or(text);
        let mut out = Self {
            line,
            spans: [(0, 0); MAX_FIELDS],
            len: 0,
        };
        let mut start = 0_u32;
        let pattern = u64::from(delimiter) * 0x0101_0101_0101_0101;
        let mut base = 0_u32;
        let mut rest = text;
        let mut left = line.len();
        while left > 0 {
            let word = if let Some((word, tail)) = rest.split_first_chunk::<8>() {
                rest = tail;
                u64::from_le_bytes(*word)
            } else {
                let mut word = [0; 8];
                word[..left].copy_from_slice(&rest[..left]);
                u64::from_le_bytes(word)
            };
            // Exact search for the delimiter in eight bytes: the high bit of a lane is set where the byte matches.
            let x = word ^ pattern;
            let low = 0x7f7f_7f7f_7f7f_7f7f;
            let mut hits = !(((x & low) + low) | x | low);
            if left < 8 {
                hits &= (1 << (8 * left)) - 1;
            }
            while hits != 0 {
                let at = base + hits.trailing_zeros() / 8;
                out.push(start, at);
                start = at + 1;
                hits &= hits - 1;
            }
            base += 8;
            left = left.saturating_sub(8);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "lines are capped far below 4 GiB"
        )]
        out.push(start, line.len() as u32);
        out
    }

    #[inline]
    fn push(&mut self, start: u32, end: u32) {
        if let Some(slot) = self.spans.get_mut(self.len) {
            *slot = (start, end);
        }
        self.len += 1;
    }

    /// Returns the number of fields of the line.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there is no field (never: an empty line has one empty field).
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns whether the line has more fields than can be addressed.
    pub const fn overflowed(&self) -> bool {
        self.len > MAX_FIELDS
    }

    /// Returns a field without surrounding double quotes; empty beyond the last.
    #[inline]
    pub fn get(&self, i: usize) -> &'a [u8] {
        let raw = self.raw(i);
        match raw {
            [b'"', inner @ .., b'"'] => inner,
            _ => raw,
        }
    }

    /// Returns a field as it stands; empty beyond the last.
    #[inline]
    pub fn raw(&self, i: usize) -> &'a [u8] {
        match self.spans.get(i) {
            Some(&(start, end)) if i < self.len => self
                .line
                .get(start as usize..end as usize)
                .unwrap_or_default(),
            _ => &[],
        }
    }

    /// Returns whether a place was filled with no field of the line (see [`Fields::permuted`]), rather than with an empty
    /// one.
    pub fn is_absent(&self, i: usize) -> bool {
        self.spans.get(i).is_none_or(|&span| span == ABSENT) || i >= self.len
    }

    /// Returns the fields in another order: place `i` takes field `order[i]`, or stays absent if there is no such field.
    #[must_use]
    pub fn permuted(&self, order: &[usize]) -> Self {
        let mut out = Self {
            line: self.line,
            spans: [(0, 0); MAX_FIELDS],
            len: order.len(),
        };
        for (slot, &from) in out.spans.iter_mut().zip(order) {
            let span = self.spans.get(from).filter(|_| from < self.len);
            *slot = span.copied().unwrap_or(ABSENT);
        }
        out
    }
}
