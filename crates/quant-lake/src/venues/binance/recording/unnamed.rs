//! Images of the book that name no symbol: whose they are is told by the frames around them, or not at all.
//!
//! A REST image of spot or of USD-margined futures is ids and levels. On futures the ids are of the whole exchange, so even
//! the book's rule takes another symbol's image. It is used only where nothing of another symbol was recorded.

use super::values::n_levels;
use crate::schema::Dataset;
use crate::venues::rows::{ParseError, excerpt};
use crate::venues::tables::Tables;

/// An image that waits for a frame of the asked symbol.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) text: Vec<u8>,
    pub(super) recv: Option<i64>,
}

/// What is known of whose the images without a symbol are.
#[derive(Debug, Default)]
pub(super) struct Unnamed {
    /// Another symbol that was recorded, in this file or before it in the session.
    pub(super) other: Option<Vec<u8>>,
    /// The asked symbol was seen in this file.
    asked: bool,
    /// Line of the first image without a symbol.
    image: Option<u64>,
    held: Option<Held>,
}

impl Unnamed {
    /// Takes a frame of the asked symbol; returns the image that waited for it.
    #[inline]
    pub(super) fn saw_asked(&mut self, asked: &str, out: &mut Tables) -> Option<Held> {
        if !self.asked {
            self.asked = true;
            self.refuse_mixed(asked, out);
        }
        self.held.take()
    }

    /// Takes a frame of another symbol.
    pub(super) fn saw_other(&mut self, name: &[u8], asked: &str, out: &mut Tables) {
        if self.other.is_none() {
            self.other = Some(name.to_vec());
            self.refuse_mixed(asked, out);
        }
    }

    /// Takes an image without a symbol; returns whether it may be used now. Else it waits.
    pub(super) fn may_use(
        &mut self,
        text: &[u8],
        recv: Option<i64>,
        asked: &str,
        out: &mut Tables,
    ) -> bool {
        self.image.get_or_insert(out.line());
        self.refuse_mixed(asked, out);
        if self.asked {
            return true;
        }
        let text = text.to_owned();
        if let Some(older) = self.held.replace(Held { text, recv }) {
            leave_out(&older, out);
        }
        false
    }

    /// The file has ended: an image that still waits is nobody's.
    pub(super) fn finish(&mut self, out: &mut Tables) {
        if let Some(held) = self.held.take() {
            leave_out(&held, out);
        }
    }

    /// Refuses a file whose images may be of one symbol or of another, if its book is wanted. One that has nothing of the asked
    /// symbol is refused at its end for that.
    fn refuse_mixed(&self, asked: &str, out: &mut Tables) {
        let wanted = out.wants(Dataset::L2Deltas) || out.wants(Dataset::L2Snapshots);
        if let (Some(other), Some(line), true) = (&self.other, self.image, self.asked && wanted) {
            out.fail(ParseError::OtherSource {
                file: out.file().to_owned(),
                line,
                found: format!(
                    "an image of the book that names no symbol, in a recording with frames of `{}`",
                    excerpt(other, 40)
                ),
                asked: format!("one of `{asked}` alone"),
                hint: "split the recording by symbol, each with its own images; what is not of the book can be read as it is, with --datasets",
            });
        }
    }
}

fn leave_out(held: &Held, out: &mut Tables) {
    out.leave_out(Dataset::L2Deltas, n_levels(&held.text));
    for dataset in [Dataset::L2Deltas, Dataset::L2Snapshots] {
        out.diagnose(dataset, "images_before_the_symbol", 1);
    }
}
