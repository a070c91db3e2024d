//! The opening of a day with microstructure: as values, as rows, and back.

use quant_core::bars::{Opening, OpeningState};
use quant_core::market::{BookLevel, BookSnapshot, Funding, Touch, TouchAt};
use quant_core::time::{Day, UnixMicros};

use super::{OpeningKind, OpeningRow};
use crate::stream::Link;

/// What a day starts from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DayOpening {
    /// Market at 00:00 UTC.
    pub opening: Opening,
    /// Last message of the book, for the chain to go on from.
    pub link: Option<Link>,
    /// Size of a volume bucket, base units; `None` without history.
    pub volume_bucket: Option<f64>,
    /// Base units traded on days before, by distance in days.
    pub volumes: Vec<(u8, f64)>,
}

impl DayOpening {
    /// Returns the rows of the opening of `day`.
    pub fn to_rows(&self, day: Day) -> Vec<OpeningRow> {
        use OpeningKind as K;
        let mut out = Vec::new();
        let mut put = |kind, ts_event, seq, px, qty| {
            out.push(OpeningRow {
                kind,
                ts_event,
                seq,
                px,
                qty,
            });
        };
        let o = &self.opening;
        if let Some((ts, px)) = o.last_trade_ts.zip(o.last_price) {
            put(K::LastTrade, ts, 0, Some(px), None);
        }
        if let Some(TouchAt { ts, touch }) = o.touch {
            put(K::LastQuote, ts, 0, Some(touch.bid_px), Some(touch.bid_qty));
            put(K::LastQuote, ts, 1, Some(touch.ask_px), Some(touch.ask_qty));
        }
        if let Some(book) = &o.book {
            for (kind, side) in [(K::BookBid, &book.bids), (K::BookAsk, &book.asks)] {
                for (seq, level) in (0..).zip(side) {
                    put(kind, book.ts_event, seq, Some(level.px), Some(level.qty));
                }
            }
            if let Some(link) = self.link {
                let is_snapshot = f64::from(u8::from(link.is_snapshot));
                put(
                    K::BookId,
                    book.ts_event,
                    link.last_id,
                    None,
                    Some(is_snapshot),
                );
            }
        }
        let s = &o.state;
        for (kind, known) in [
            (K::Mark, s.mark),
            (K::Index, s.index),
            (K::Premium, s.premium),
        ] {
            if let Some((at, px)) = known {
                put(kind, at, 0, Some(px), None);
            }
        }
        if let Some(f) = s.funding {
            let hours = f64::from(f.interval_h);
            put(K::Funding, f.ts_event, 0, Some(f.rate), Some(hours));
        }
        if let Some((at, qty)) = s.open_interest {
            put(K::OpenInterest, at, 0, None, Some(qty));
        }
        let last = day.start().plus(-1);
        if let Some(size) = self.volume_bucket {
            put(K::VolumeBucket, last, 0, None, Some(size));
        }
        for (back, qty) in &self.volumes {
            put(K::DayVolume, last, i64::from(*back), None, Some(*qty));
        }
        out
    }

    /// Returns what rows say; kinds of other bar sets have no meaning here and are left out.
    pub fn from_rows(rows: &[OpeningRow]) -> Self {
        let first =
            |kind: OpeningKind, seq: i64| rows.iter().find(move |r| r.kind == kind && r.seq == seq);
        let known = |kind| first(kind, 0).and_then(|r| Some((r.ts_event, r.px?)));
        let level = |r: &OpeningRow| {
            Some(BookLevel {
                px: r.px?,
                qty: r.qty?,
            })
        };
        let side = |kind: OpeningKind| -> Vec<BookLevel> {
            let of_side = rows.iter().filter(|r| r.kind == kind);
            of_side.filter_map(level).collect()
        };
        let book_row = rows
            .iter()
            .find(|r| matches!(r.kind, OpeningKind::BookBid | OpeningKind::BookAsk));
        let id_row = rows.iter().find(|r| r.kind == OpeningKind::BookId);
        let book = book_row.map(|r| BookSnapshot {
            ts_event: r.ts_event,
            ts_recv: None,
            seq: id_row.map_or(0, |r| r.seq),
            bids: side(OpeningKind::BookBid),
            asks: side(OpeningKind::BookAsk),
        });
        let touch = first(OpeningKind::LastQuote, 0)
            .zip(first(OpeningKind::LastQuote, 1))
            .and_then(|(bid, ask)| {
                let touch = Touch::of(level(bid)?, level(ask)?)?;
                Some(TouchAt {
                    ts: bid.ts_event,
                    touch,
                })
            });
        let last_trade = known(OpeningKind::LastTrade);
        Self {
            link: id_row.filter(|_| book.is_some()).map(|r| Link {
                last_id: r.seq,
                is_snapshot: r.qty.is_some_and(|q| q > 0.0),
            }),
            opening: Opening {
                last_price: last_trade.map(|(_, px)| px),
                last_trade_ts: last_trade.map(|(ts, _)| ts),
                touch,
                book,
                state: OpeningState {
                    mark: known(OpeningKind::Mark),
                    index: known(OpeningKind::Index),
                    premium: known(OpeningKind::Premium),
                    funding: first(OpeningKind::Funding, 0).and_then(funding),
                    open_interest: first(OpeningKind::OpenInterest, 0)
                        .and_then(|r| Some((r.ts_event, r.qty?))),
                },
            },
            volume_bucket: first(OpeningKind::VolumeBucket, 0).and_then(|r| r.qty),
            volumes: rows
                .iter()
                .filter(|r| r.kind == OpeningKind::DayVolume)
                .filter_map(|r| Some((u8::try_from(r.seq).ok()?, r.qty?)))
                .collect(),
        }
    }
}

fn funding(row: &OpeningRow) -> Option<Funding> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole hours as written; the cast saturates"
    )]
    let interval_h = row.qty.unwrap_or(0.0) as u32;
    Some(Funding {
        ts_event: place(row),
        rate: row.px?,
        interval_h,
    })
}

/// Returns the place of a state record in the stream, which is the time of its row.
const fn place(row: &OpeningRow) -> UnixMicros {
    row.ts_event
}
