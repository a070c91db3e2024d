//! Pieces of JSON text, appended without building a tree. Names come from [`Symbol`], which needs no escapes.
//!
//! [`Symbol`]: quant_core::market::Symbol

use super::text::{Look, push_decimal, push_integer, push_millis};

/// The end of a JSON text under construction; every method returns it for the next piece.
pub(super) struct Json<'a>(pub(super) &'a mut Vec<u8>);

impl Json<'_> {
    /// Appends text as it is.
    #[inline]
    pub(super) fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    #[inline]
    pub(super) fn int(&mut self, value: i64) -> &mut Self {
        push_integer(self.0, value);
        self
    }

    /// Appends a time as whole milliseconds.
    #[inline]
    pub(super) fn millis(&mut self, ts_us: i64) -> &mut Self {
        push_millis(self.0, ts_us);
        self
    }

    /// Appends a decimal as a string.
    #[inline]
    pub(super) fn decimal(&mut self, value: f64, look: Look) -> &mut Self {
        self.0.push(b'"');
        push_decimal(self.0, value, look);
        self.0.push(b'"');
        self
    }

    #[inline]
    pub(super) fn flag(&mut self, value: bool) -> &mut Self {
        self.raw(if value { "true" } else { "false" })
    }

    /// Appends a string of any content.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.0.push(b'"');
        for c in text.chars() {
            match c {
                '"' => self.0.extend_from_slice(b"\\\""),
                '\\' => self.0.extend_from_slice(b"\\\\"),
                c if u32::from(c) < 0x20 => {
                    super::text::append(self.0, format_args!("\\u{:04x}", u32::from(c)));
                }
                c => {
                    let mut bytes = [0; 4];
                    self.0
                        .extend_from_slice(c.encode_utf8(&mut bytes).as_bytes());
                }
            }
        }
        self.0.push(b'"');
        self
    }

    /// Appends `[price,quantity]` pairs between brackets.
    pub(super) fn levels(&mut self, levels: &[(f64, f64)], price: Look, qty: Look) -> &mut Self {
        self.0.push(b'[');
        for (i, &(px, amount)) in levels.iter().enumerate() {
            self.raw(if i == 0 { "[" } else { ",[" })
                .decimal(px, price)
                .raw(",")
                .decimal(amount, qty)
                .raw("]");
        }
        self.raw("]")
    }
}

/// Appends items as a JSON array: `[`, the items as `push` writes them with commas between, `]`.
pub fn push_array<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}
