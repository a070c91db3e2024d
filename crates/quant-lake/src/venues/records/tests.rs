//! Tests of the column builders against the schema of the lake.

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;

use super::*;

fn check<R: Record>(rows: &[R]) -> RecordBatch {
    let schema = R::DATASET.arrow_schema(0);
    let mut columns = R::Columns::default();
    for rows in rows.chunks(2) {
        columns.extend(rows);
    }
    let batch = columns.take(&schema).unwrap();
    assert_eq!(batch.num_rows(), rows.len());
    assert_eq!(columns.len(), 0);
    batch
}

#[test]
#[expect(clippy::too_many_lines, reason = "one row of each dataset")]
fn every_record_has_the_columns_of_its_dataset() {
    check(&[Kline {
        ts_open: Ts(0),
        ts_close: Ts(60_000_000),
        open: 1.0,
        high: 1.0,
        low: 1.0,
        close: 1.0,
        volume: 1.0,
        volume_raw: None,
        quote_volume: None,
        n_trades: None,
        taker_buy_volume: None,
        taker_buy_quote_volume: None,
    }]);
    check(&[AggTrade {
        late: None,
        ts_event: Ts(1),
        ts_recv: None,
        trade_id: 1,
        price: 1.0,
        qty: 1.0,
        qty_raw: None,
        aggressor: 1,
        first_id: 1,
        last_id: 2,
    }]);
    check(&[TradeRow {
        late: None,
        ts_event: Ts(1),
        ts_recv: None,
        trade_id: 1,
        price: 1.0,
        qty: 1.0,
        qty_raw: Some(3.0),
        aggressor: 1,
    }]);
    check(&[BookTickerRow {
        late: None,
        ts_event: Ts(1),
        ts_recv: None,
        ts_gateway: Some(Ts(2)),
        ts_inferred: Some(true),
        update_id: 1,
        bid_px: 1.0,
        bid_qty: 1.0,
        ask_px: 1.0,
        ask_qty: 1.0,
    }]);
    check(&[DepthBandRow {
        ts_event: Ts(1),
        percentage: -5.0,
        depth: 1.0,
        notional: 1.0,
    }]);
    let (ts_open, ts_close, n_ticks) = (Ts(0), Ts(60_000_000), Some(60));
    check(&[MarkKline {
        ts_open,
        ts_close,
        open: 1.0,
        high: 1.0,
        low: 1.0,
        close: 1.0,
        n_ticks,
    }]);
    check(&[PremiumKline {
        ts_open,
        ts_close,
        open: 1.0,
        high: 1.0,
        low: 1.0,
        close: 1.0,
        n_ticks,
    }]);
    check(&[IndexKline {
        ts_open,
        ts_close,
        open: 1.0,
        high: 1.0,
        low: 1.0,
        close: 1.0,
        n_ticks,
    }]);
    check(&[FundingRow {
        ts_event: Ts(1),
        rate: 0.1,
        interval_h: Some(8),
        mark_price: None,
    }]);
    check(&[MetricsRow {
        ts_event: Ts(1),
        open_interest: None,
        open_interest_notional: Some(1.0),
        toptrader_account_ls_ratio: None,
        toptrader_position_ls_ratio: None,
        account_ls_ratio: None,
        taker_ls_volume_ratio: None,
    }]);
    check(&[LiquidationRow {
        ts_event: Ts(1),
        side: 1,
        price: 1.0,
        average_price: None,
        qty: 1.0,
        qty_raw: None,
        occurrence: 0,
    }]);
}

#[test]
fn optional_columns_keep_nulls_in_their_places() {
    for pattern in [
        "", "1", "0", "10", "01", "0101", "1110", "0001", "1111", "0000",
    ] {
        let rows: Vec<FundingRow> = pattern
            .bytes()
            .zip(1_u8..)
            .map(|(b, i)| FundingRow {
                ts_event: Ts(i64::from(i)),
                rate: 0.0,
                interval_h: None,
                mark_price: (b == b'1').then_some(f64::from(i)),
            })
            .collect();
        let batch = check(&rows);
        let marks = batch.column(3).as_primitive::<Float64Type>();
        for (i, row) in rows.iter().enumerate() {
            let got = marks.is_valid(i).then(|| marks.value(i));
            assert_eq!(got, row.mark_price, "{pattern} row {i}");
        }
    }
}

#[test]
fn ordered_bits_order_floats() {
    let values = [
        -f64::MAX,
        -5.0,
        -0.2,
        -f64::MIN_POSITIVE,
        0.0,
        0.2,
        5.0,
        f64::MAX,
    ];
    for pair in values.windows(2) {
        assert!(ordered_bits(pair[0]) < ordered_bits(pair[1]), "{pair:?}");
    }
    assert_eq!(ordered_bits(-0.0), ordered_bits(0.0));
}
