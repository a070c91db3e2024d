//! Tests of the names of sources, and of which days can mix.

use super::*;
use crate::bars::STAT_COLUMNS;

const EVERY_SECOND: BookSource = BookSource::Images(ImageCadence::EveryUs(1_000_000));

#[test]
fn names_go_to_the_lake_and_back() {
    let images = BookSource::Images;
    for (source, name) in [
        (BookSource::None, "none"),
        (BookSource::Deltas, "l2_deltas"),
        (images(ImageCadence::Unknown), "l2_snapshots"),
        (EVERY_SECOND, "l2_snapshots@1s"),
        (images(ImageCadence::EveryUs(100_000)), "l2_snapshots@100ms"),
        (
            images(ImageCadence::EveryUs(1_500_000)),
            "l2_snapshots@1500ms",
        ),
        (images(ImageCadence::EveryUs(250)), "l2_snapshots@250us"),
        (images(ImageCadence::Message), "l2_snapshots@message"),
        (images(ImageCadence::Snapshot), "l2_snapshots@snapshot"),
    ] {
        assert_eq!(source.to_string(), name);
        assert_eq!(name.parse(), Ok(source));
    }
    for source in [
        QuoteSource::None,
        QuoteSource::BookTicker,
        QuoteSource::Book,
    ] {
        assert_eq!(source.name().parse(), Ok(source));
    }
    for bad in [
        "",
        "l2",
        "l2_snapshots@",
        "l2_snapshots@0s",
        "l2_snapshots@1h",
        "l2_snapshots@s",
        "l2_snapshots@-1s",
        "l2_snapshots1s",
        "l2_snapshots@99999999999999999999s",
        "l2_snapshots@18446744073709551615s",
    ] {
        assert_eq!(bad.parse::<BookSource>(), Err(UnknownSource), "{bad}");
    }
    assert!("quotes".parse::<QuoteSource>().is_err());
}

/// By the first column of each statistic: `docs/minute_rows.md` says which table a column is in.
#[test]
fn every_statistic_says_what_it_is_made_of() {
    let of = |name: &str| {
        let at = STAT_COLUMNS.iter().position(|c| *c == name);
        STAT_MADE_OF[at.unwrap()]
    };
    for name in [
        "mid_open",
        "mid_close",
        "spread_tw",
        "spread_close",
        "imbalance_bucket",
        "wmid_tw",
        "bid_qty_tw",
        "ofi",
        "ofi_depth",
        "n_quotes",
        "is_stale",
        "n_depletions",
        "refill_secs",
    ] {
        assert_eq!(of(name), MadeOf::Touches, "{name}");
    }
    for name in [
        "depth_bid_tw",
        "mlofi_01",
        "mlofi_10",
        "ofi_weighted",
        "obi_tw",
        "wall_ratio",
        "book_added_bid",
        "book_removed_ask",
        "n_book_updates",
        "book_age",
    ] {
        assert_eq!(of(name), MadeOf::Books, "{name}");
    }
    for name in ["flow_n", "flow_yy", "rv_n", "rv", "rv_min"] {
        assert_eq!(of(name), MadeOf::GridPrices, "{name}");
    }
    for name in [
        "n_buys",
        "size_sq",
        "signed_volume",
        "vpin_imbalance",
        "liq_buy",
        "mark",
        "open_interest",
        "band_ask",
    ] {
        assert_eq!(of(name), MadeOf::Other, "{name}");
    }
}

#[test]
fn days_agree_where_what_was_used_is_the_same() {
    let day = |quotes, book, has_trades| StatSources {
        quotes,
        book,
        has_trades,
    };
    let ticker = QuoteSource::BookTicker;
    let of_book = QuoteSource::Book;
    let agree = |a: StatSources, b: StatSources| {
        let of = [
            MadeOf::Touches,
            MadeOf::Books,
            MadeOf::GridPrices,
            MadeOf::Other,
        ];
        let both = of.map(|made_of| a.agree(b, made_of));
        assert_eq!(both, of.map(|made_of| b.agree(a, made_of)));
        both
    };
    // Touches of the venue do not care for the book; its statistics do. Trades are not asked for prices.
    assert_eq!(
        agree(
            day(ticker, BookSource::Deltas, true),
            day(ticker, EVERY_SECOND, false)
        ),
        [true, false, true, true]
    );
    // The first level of the book is another thing with another book.
    for book in [
        BookSource::Deltas,
        BookSource::Images(ImageCadence::EveryUs(100_000)),
        BookSource::Images(ImageCadence::Message),
        BookSource::Images(ImageCadence::Unknown),
    ] {
        assert_eq!(
            agree(day(of_book, book, true), day(of_book, EVERY_SECOND, true)),
            [false, false, false, true]
        );
    }
    // Touches of the venue and of the same book.
    assert_eq!(
        agree(
            day(ticker, EVERY_SECOND, true),
            day(of_book, EVERY_SECOND, true)
        ),
        [false, true, false, true]
    );
    // Without touches prices are those of trades.
    let none = QuoteSource::None;
    assert_eq!(
        agree(
            day(none, BookSource::None, true),
            day(none, BookSource::None, false)
        ),
        [true, true, false, true]
    );
    assert_eq!(
        agree(
            day(none, BookSource::None, true),
            day(ticker, BookSource::None, true)
        ),
        [false, true, false, true]
    );
}
