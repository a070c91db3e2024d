//! Terms from recorded and written answers.

#![expect(clippy::float_cmp, reason = "decimals are correctly rounded")]

use super::*;

const SWAP: &str = r#"{"instType":"SWAP","instId":"BTC-USD-SWAP","ctType":"inverse","ctVal":"100","ctMult":"1","ctValCcy":"USD","expTime":"","listTime":"1611916828000","lotSz":"1","minSz":"1","state":"live","tickSz":"0.1"}"#;
const LINEAR: &str = r#"{"instType":"FUTURES","instId":"BTC-USDT-240329","ctType":"linear","ctVal":"0.01","ctMult":"10","expTime":"1711699200000","listTime":null,"lotSz":"0.1","minSz":"0.1","state":"suspend","tickSz":"0.1"}"#;
const SPOT: &str = r#"{"instType":"SPOT","instId":"BTC-USDT","ctType":"","ctVal":"","ctMult":"","expTime":"","listTime":"1548133413000","lotSz":"0.00000001","minSz":"0.00001","state":"live","tickSz":"0.1"}"#;

fn body(rows: &[&str]) -> String {
    format!(r#"{{"code":"0","data":[{}],"msg":""}}"#, rows.join(","))
}

#[test]
fn every_kind() {
    let all = instruments(body(&[SWAP, LINEAR, SPOT]).as_bytes()).unwrap();
    assert_eq!(
        all.iter().map(OkxInstrument::unit).collect::<Vec<_>>(),
        [
            Some(QtyUnit::Inverse { usd: 100.0 }),
            Some(QtyUnit::Linear { ctval: 0.1 }),
            Some(QtyUnit::Base),
        ]
    );
    assert_eq!(all[0].listed, Some(1_611_916_828_000_000));
    assert_eq!((all[0].expires, all[1].listed), (None, None));
    assert_eq!(all[1].expires, Some(1_711_699_200_000_000));
    assert_eq!(all[1].state, "suspend");
    assert_eq!(all[2].lot_size.unwrap().size(), 1e-8);
    assert_eq!(all[2].tick_size.unwrap().size(), 0.1);
    assert_eq!(all[2].contract, None);
}

#[test]
fn one_of_many() {
    let text = body(&[SWAP, LINEAR, SPOT]);
    let found = find_instrument(text.as_bytes(), "BTC-USDT")
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.inst_id.as_str(), found.unit()),
        ("BTC-USDT", Some(QtyUnit::Base))
    );
    assert_eq!(
        find_instrument(text.as_bytes(), "BTC-USDT-SWAP").unwrap(),
        None
    );
}

#[test]
fn contracts_of_unknown_worth_have_no_unit() {
    for (from, to) in [
        (r#""ctVal":"100""#, r#""ctVal":"""#),
        (r#""ctType":"inverse""#, r#""ctType":"quanto""#),
        (r#""instType":"SWAP""#, r#""instType":"OPTION""#),
    ] {
        let row = SWAP.replace(from, to);
        let all = instruments(body(&[&row]).as_bytes()).unwrap();
        assert_eq!(all[0].unit(), None, "{to}");
    }
}

#[test]
fn refused() {
    for (text, words) in [
        (
            r#"{"code":"50011","data":[],"msg":"busy"}"#.to_owned(),
            "venue refused",
        ),
        (r#"{"data":[]}"#.to_owned(), "`code`: missing"),
        (r#"{"code":"0"}"#.to_owned(), "`data`: missing"),
        ("[]".to_owned(), "an object"),
        (body(&[r#"{"instType":"SPOT"}"#]), "`instId`: missing"),
        (body(&[&SWAP.replace("100", "-100")]), "not negative"),
        (body(&[&SWAP.replace("100", "NaN")]), "not a finite"),
        (
            body(&[&SWAP.replace("\"ctMult\"", "\"ctVal\"")]),
            "given twice",
        ),
    ] {
        let error = instruments(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn what_the_encoder_writes() {
    use crate::venues::okx::encode::Terms;
    use crate::venues::okx::encode::instruments::{Contract, InstrumentRow, push_instruments};
    let row = InstrumentRow {
        terms: Terms::new("ETH-USDT-SWAP", InstType::Swap, 2, 2),
        base: "ETH".to_owned(),
        quote: "USDT".to_owned(),
        contract: Some(Contract {
            kind: ContractType::Linear,
            ct_val: 0.1,
            ct_mult: 1.0,
            ct_val_ccy: "ETH".to_owned(),
            settle_ccy: "USDT".to_owned(),
            expiry_ms: None,
        }),
        lever: 100,
        list_ms: 1_611_916_828_000,
        lot_size: "0.01".parse().unwrap(),
        min_size: "0.01".parse().unwrap(),
        tick_size: "0.01".parse().unwrap(),
        max_limit: 1e6,
        max_market: 1e4,
    };
    let mut text = Vec::new();
    push_instruments(&mut text, &[row]).unwrap();
    let all = instruments(&text).unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].unit(), Some(QtyUnit::Linear { ctval: 0.1 }));
    assert_eq!(all[0].lot_size.unwrap().size(), 0.01);
    assert_eq!(all[0].listed, Some(1_611_916_828_000_000));
}
