//! Parameters, adjusted p-values and numbers of the text.

use super::markdown::number;
use super::*;

fn params() -> DiagnoseParams {
    DiagnoseParams {
        horizons: vec![1, 5, 15],
        replicates: 500,
        block_minutes: 60,
        seed: 1,
    }
}

#[test]
fn bad_parameters_are_refused() {
    assert!(params().check().is_ok());
    for (horizons, word) in [
        (vec![], "--horizons"),
        (vec![5, 1], "--horizons"),
        (vec![1, 1], "--horizons"),
        (vec![0, 1], "--horizons"),
        (vec![1, 10_081], "--horizons"),
    ] {
        let error = DiagnoseParams {
            horizons,
            ..params()
        }
        .check()
        .unwrap_err();
        assert!(error.message.contains(word), "{error}");
    }
    let few = DiagnoseParams {
        replicates: 19,
        ..params()
    };
    assert!(
        few.check()
            .unwrap_err()
            .message
            .contains("--replicates is 19")
    );
    let none = DiagnoseParams {
        block_minutes: 0,
        ..params()
    };
    assert!(
        none.check()
            .unwrap_err()
            .message
            .contains("--block-minutes is 0")
    );
}

#[test]
fn a_block_holds_two_horizons() {
    assert_eq!(measure::block_of(5, &params()), 60);
    assert_eq!(measure::block_of(240, &params()), 480);
}

#[test]
fn numbers_of_the_text_are_short() {
    for (x, text) in [
        (Some(0.0), "0.0000"),
        (Some(0.123_456), "0.1235"),
        (Some(-12.5), "-12.5000"),
        (Some(1e-9), "1.00e-9"),
        (Some(1.5e7), "1.50e7"),
        (None, "none"),
    ] {
        assert_eq!(number(x), text);
    }
}

#[test]
fn whole_days_are_dates_in_file_names() {
    assert_eq!(file_time("2024-01-09T00:00:00Z"), "2024-01-09");
    assert_eq!(file_time("2024-01-09T12:30:00Z"), "2024-01-09T123000Z");
}
