//! Whether the book of a file can be trusted all the way: unbroken, in the order of time, not crossed.
//!
//! Ingestion takes such files too, and counts what is missing; a person who looks at a file wants to hear it as loudly as
//! that of a file that would be refused.

use super::report::Inspection;
use crate::schema::Dataset;
use crate::venues::rows::FileTotals;

/// Share of messages after which a crossed book is no accident of the feed but a wrong book.
const MAX_CROSSED_SHARE: f64 = 0.5;

/// What is counted of a book on the way through a file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Course {
    /// Messages that went into the book.
    pub(super) applied: u64,
    /// Places where the chain of messages is broken.
    pub(super) breaks: u64,
    /// Messages that came while the book was void.
    pub(super) lost: u64,
    /// Messages after which the best bid was above the best ask.
    pub(super) crossed: u64,
    /// Messages earlier than the one before.
    pub(super) times_fall: u64,
    /// Images made, at the default cadence.
    pub(super) images: u64,
}

impl Course {
    /// Returns what the parsers of an ingest counted.
    pub(super) fn of(totals: &FileTotals) -> Self {
        let books = [Dataset::L2Snapshots, Dataset::L2Deltas];
        let of = |name: &str| -> u64 {
            // Some counters are told of both datasets.
            let counts = totals.iter().filter(|(d, _)| books.contains(d));
            let counts = counts.filter_map(|(_, t)| t.diagnostics.get(name).copied());
            counts.max().unwrap_or(0)
        };
        // Of Binance's updates those count that neither went in nor were in the image already.
        let images_applied = of("rest_images").saturating_sub(of("images_of_a_book_in_step"));
        let updates_applied = of("messages_applied").saturating_sub(images_applied);
        let unapplied = of("depth_updates")
            .saturating_sub(of("updates_older_than_the_image"))
            .saturating_sub(updates_applied);
        let images = totals.iter().find(|(d, _)| *d == Dataset::L2Snapshots);
        Self {
            applied: of("messages_applied"),
            breaks: of("resyncs"),
            lost: [
                "messages_left_out",
                "updates_without_an_image",
                "sequence_breaks",
                "messages_with_wrong_checksum",
            ]
            .into_iter()
            .map(of)
            .sum::<u64>()
            .max(unapplied),
            crossed: of("crossed_books"),
            times_fall: of("times_moved_forward"),
            images: images.map_or(0, |(_, t)| t.days.values().map(|d| d.kept).sum()),
        }
    }

    /// Returns the share of messages after which the book was crossed.
    pub(super) fn crossed_share(&self) -> f64 {
        self.crossed as f64 / self.applied.max(1) as f64
    }

    /// Books what it comes to.
    pub(super) fn judge(&self, out: &mut Inspection) {
        if self.breaks > 0 {
            let lost = match self.lost {
                0 => String::new(),
                n => format!(", {n} messages lost"),
            };
            out.fault(
                "chain of the book",
                &format!(
                    "{} breaks, the book is void from each to the next snapshot{lost}; an ingest takes the rest and counts the gaps",
                    self.breaks
                ),
            );
        }
        if self.times_fall > 0 {
            out.fault(
                "times of the book",
                &format!(
                    "time runs backwards: {} messages are earlier than the one before; an ingest moves them forward",
                    self.times_fall
                ),
            );
        }
        let share = self.crossed_share();
        let text = format!(
            "crossed after {} of {} messages ({:.1} %)",
            self.crossed,
            self.applied,
            100.0 * share
        );
        if self.crossed == 0 {
            if self.applied > 0 {
                out.ok(
                    "book",
                    &format!("never crossed; {} images made", self.images),
                );
            }
        } else if share > MAX_CROSSED_SHARE {
            out.fault(
                "book",
                &format!("{text}: it is wrong most of the time; {} images made, an ingest makes none of a crossed book", self.images),
            );
        } else {
            out.warn("book", &format!("{text}; {} images made", self.images));
        }
    }
}
