//! The catalogue of features as a user sees it, and the document made of it.

use crate::support::run;

fn ran(args: &[&str]) -> crate::support::Ran {
    let dir = tempfile::tempdir().unwrap();
    let all: Vec<&str> = std::iter::once("features")
        .chain(args.iter().copied())
        .collect();
    run(dir.path(), &all)
}

#[test]
fn the_document_is_what_the_declarations_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/features.md");
    let found = std::fs::read_to_string(path).unwrap();
    let made = ran(&["docs"]).code(0).stdout;
    assert!(
        found.replace("\r\n", "\n") == made,
        "docs/features.md is stale: run `just docs` (quant features docs > docs/features.md)"
    );
}

#[test]
fn the_list_holds_both_tiers() {
    let list = ran(&["list", "--json"]).code(0).json();
    let names = |tier: u64| -> Vec<String> {
        list.as_array()
            .unwrap()
            .iter()
            .filter(|e| e["tier"] == tier)
            .map(|e| e["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let (statistics, kinds) = (names(1), names(2));
    for name in ["mid", "mlofi", "state"] {
        assert!(statistics.iter().any(|n| n == name), "{name}");
    }
    for name in ["atr", "basis", "correlation", "funding", "tfi"] {
        assert!(kinds.iter().any(|n| n == name), "{name}");
    }
    assert!(kinds.is_sorted());
    let text = ran(&["list"]).code(0).stdout;
    let entries = statistics.len() + kinds.len();
    assert_eq!(text.lines().count(), entries + 2, "a header and a sum");
}

#[test]
fn one_is_shown_by_its_name_or_by_a_column() {
    let text = ran(&["show", "correlation"]).code(0).stdout;
    for words in [
        "tier 2",
        "Pearson",
        "min_valid_share",
        "5m close",
        "example",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let by_column = ran(&["show", "oi_change_7d", "--json"]).code(0).json();
    assert_eq!(by_column[0]["name"], "oi_change");
    assert_eq!(by_column[0]["example"]["kind"], "oi_change");
    // By a name of others, and by a column of other parameters.
    let tobi = ran(&["show", "tobi"]).code(0).stdout;
    assert!(
        tobi.contains("imbalance_close") && tobi.contains("found as"),
        "{tobi}"
    );
    let vpin = ran(&["show", "vpin_20", "--json"]).code(0).json();
    assert_eq!(vpin[0]["name"], "vpin");
    let statistic = ran(&["show", "mid_close", "--json"]).code(0).json();
    assert_eq!(statistic[0]["columns"].as_array().unwrap().len(), 4);
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest() {
    let refused = ran(&["show", "corelation"]).code(2);
    assert_eq!(refused.stdout, "");
    refused.says(&[
        "`corelation`",
        "hint: nearest: `correlation`",
        "quant features list",
    ]);
}
