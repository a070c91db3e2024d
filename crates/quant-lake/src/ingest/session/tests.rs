//! Orders of recordings of all shapes, packed and plain.

use std::io::Write as _;
use std::path::Path;

use super::*;
use crate::ingest::container::{ContainerSpec, sniff};
use crate::schema::Dataset;

fn put(dir: &Path, name: &str, text: &str) -> VendorFile {
    let path = dir.join(name);
    let mut bytes = text.as_bytes().to_vec();
    if path.extension().is_some_and(|end| end == "gz") {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&bytes).unwrap();
        bytes = gz.finish().unwrap();
    }
    std::fs::write(&path, bytes).unwrap();
    let kind = sniff(&path).unwrap();
    VendorFile {
        container: ContainerSpec::of_kind(kind, "log")
            .unwrap()
            .accepting_truncated(),
        path,
        name: name.to_owned(),
        url: None,
        datasets: vec![Dataset::Trades],
        days: None,
        whole_days: false,
        sha256: None,
        continues: false,
    }
}

fn order(files: Vec<VendorFile>) -> Vec<(String, bool)> {
    let ordered = in_session_order(files, Limits::default());
    ordered.into_iter().map(|f| (f.name, f.continues)).collect()
}

#[test]
fn recordings_are_put_into_the_order_of_their_first_times() {
    let dir = tempfile::tempdir().unwrap();
    // A capture begins with lines that are no messages; a bare frame has the venue's time only.
    let capture =
        "{\"t\":\"header\",\"version\":1}\n{\"t\":\"recv\",\"ts\":1723161603.5,\"data\":\"{}\"}\n";
    let files = vec![
        put(dir.path(), "a.gz", "1723161605000000000 {}\n"),
        put(dir.path(), "b.jsonl", capture),
        put(dir.path(), "c.log", "1723161602000 {}\n"),
        put(
            dir.path(),
            "d.gz",
            "junk\n\n{\"e\":\"trade\",\"E\":1723161604000}\n",
        ),
        put(dir.path(), "e.txt", "1723161601000000 {}"),
        put(dir.path(), "z.gz", "1723161605000000000 {}\n"),
        put(dir.path(), "y.txt", "no time at all\n"),
        put(dir.path(), "f.txt", "1723161600 {}\n"),
    ];
    let expected = [
        "y.txt", "f.txt", "e.txt", "c.log", "b.jsonl", "d.gz", "a.gz", "z.gz",
    ];
    let expected: Vec<(String, bool)> = expected
        .iter()
        .enumerate()
        .map(|(i, name)| ((*name).to_owned(), i > 0))
        .collect();
    for turn in 0..files.len() {
        let mut given = files.clone();
        given.rotate_left(turn);
        assert_eq!(order(given.clone()), expected);
        given.reverse();
        assert_eq!(order(given), expected);
    }
}

#[test]
fn a_damaged_recording_comes_first_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let good = put(dir.path(), "a.gz", "1723161605000000000 {}\n");
    let bad = put(
        dir.path(),
        "b.gz",
        &"1723161605000000000 {}\n".repeat(5_000),
    );
    let mut bytes = std::fs::read(&bad.path).unwrap();
    bytes[12..40].fill(0xff);
    std::fs::write(&bad.path, bytes).unwrap();
    assert_eq!(
        order(vec![good, bad]),
        [("b.gz".to_owned(), false), ("a.gz".to_owned(), true)]
    );
}

#[test]
fn files_of_one_name_get_names_that_differ() {
    let dir = tempfile::tempdir().unwrap();
    let at = |folder: &str, name: &str| {
        let folder = dir.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        put(&folder, name, "1723161605000 {}\n")
    };
    let names = |files: Vec<VendorFile>| -> Vec<String> {
        let named = with_names_that_differ(files).into_iter();
        named.map(|f| f.name).collect()
    };
    let given = vec![at("d1", "a.gz"), at("d2", "a.gz"), at("d1", "b.gz")];
    assert_eq!(names(given), ["d1/a.gz", "d2/a.gz", "b.gz"]);
    // The folder directly above tells nothing here.
    let given = vec![at("x/raw", "a.gz"), at("y/raw", "a.gz"), at("d1", "a.gz")];
    let expected = ["x/raw/a.gz", "y/raw/a.gz"];
    let found = names(given);
    assert_eq!(found[..2], expected);
    assert!(found[2].ends_with("/d1/a.gz"), "{found:?}");
    // One file, named twice, is one file.
    let mut again = at("d1", "a.gz");
    again.path = dir.path().join("d2/../d1/a.gz");
    assert_eq!(
        names(vec![at("d1", "a.gz"), again.clone()]),
        ["a.gz", "a.gz"]
    );
    let given = vec![at("d1", "a.gz"), at("d2", "a.gz"), again];
    assert_eq!(names(given), ["d1/a.gz", "d2/a.gz", "d1/a.gz"]);
    // One that lies above the others.
    let given = vec![at("", "a.gz"), at("d1", "a.gz")];
    let found = names(given);
    assert_ne!(found[0], found[1]);
}
