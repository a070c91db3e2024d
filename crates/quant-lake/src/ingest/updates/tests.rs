//! Lists of replaced archives: what is read, what is refused, and which version is the last.

use std::io::{Cursor, Write as _};
use std::path::Path;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const HEADER: &str = "File,Original File Checksum,New File Checksum";

fn sha(c: char) -> String {
    std::iter::repeat_n(c, 64).collect()
}

fn row(file: &str, old: char, new: char) -> String {
    let name = file.rsplit('/').next().unwrap().trim_end_matches(".zip");
    format!("{file},{}  {name}.zip,{}  {name}.zip\n", sha(old), sha(new))
}

fn parse(text: &str) -> Result<Vec<ListedUpdate>, UpdatesError> {
    parse_list(Path::new("list.csv"), text)
}

#[test]
fn both_headers_and_both_ways_of_naming_a_file() {
    let name = "BNBBTC-aggTrades-2018-01";
    let path = format!("data/spot/monthly/aggTrades/BNBBTC/{name}.zip");
    for (header, file) in [
        (HEADER.to_owned(), name.to_owned()),
        (HEADER.replace("File,", "File Path,"), path.clone()),
    ] {
        let rows = parse(&format!("{header}\n{}", row(&file, 'a', 'b'))).unwrap();
        let expected = ListedUpdate {
            file,
            old_sha256: sha('a'),
            new_sha256: sha('b'),
        };
        assert_eq!(rows, [expected]);
    }
}

#[test]
fn what_is_no_list_is_refused_with_its_line() {
    let good = row("A-trades-2020-01", 'a', 'b');
    let refused = |text: &str| parse(text).unwrap_err().to_string();
    for header in [
        "",
        "File,Old,New",
        "file,original file checksum,new file checksum",
    ] {
        let said = refused(&format!("{header}\n{good}"));
        assert!(said.contains("the first line is"), "{said}");
    }
    assert!(refused(&format!("{HEADER}\n")).contains("lists nothing"));
    for (bad, why) in [
        (good.replacen(',', ";", 1), "2 cells"),
        (
            good.replacen(&sha('a'), &sha('a')[1..], 1),
            "is not a checksum",
        ),
        (good.replacen(".zip", ".gz", 1), "a checksum of"),
        (
            good.replacen("  A-trades-2020-01.zip", "", 1),
            "without a file name",
        ),
        (good.replace(&sha('b'), &sha('a')), "the same"),
        (format!("\"{good}"), "not a file"),
        ("\n".to_owned(), "1 cells"),
        (good.clone(), "line 2 replaces the same"),
    ] {
        let said = refused(&format!("{HEADER}\n{good}{bad}"));
        assert!(
            said.contains("line 3") && said.contains(why),
            "{why}: {said}"
        );
    }
    let circle = format!(
        "{HEADER}\n{}{}",
        row("A-trades-2020-01", 'a', 'b'),
        row("A-trades-2020-01", 'b', 'a')
    );
    assert!(refused(&circle).contains("in a circle"));
}

#[test]
fn the_last_version_of_a_chain_counts() {
    let rows = |text: String| parse(&format!("{HEADER}\n{text}")).unwrap();
    let mut updates = Updates::default();
    updates.add("1.csv", &rows(row("A-x-2020-01", 'a', 'b')));
    updates.add("2.csv", &rows(row("A-x-2020-01", 'b', 'c')));
    let c = sha('c');
    assert_eq!(updates.successor(&sha('a')), Some((c.as_str(), "1.csv")));
    assert_eq!(updates.successor(&sha('b')), Some((c.as_str(), "2.csv")));
    assert_eq!(updates.successor(&c), None);
    // The venue goes back to the first version: that one stands again.
    updates.add("3.csv", &rows(row("A-x-2020-01", 'c', 'a')));
    assert_eq!(updates.successor(&sha('a')), None);
    let a = sha('a');
    assert_eq!(updates.successor(&sha('b')), Some((a.as_str(), "2.csv")));
    assert_eq!(updates.successor(&sha('c')), Some((a.as_str(), "3.csv")));
    assert_eq!(updates.size(), (3, 3));
    // Two steps inside one list.
    let mut one = Updates::default();
    let both = row("A-x-2020-01", 'b', 'c') + &row("A-x-2020-01", 'a', 'b');
    one.add("1.csv", &rows(both));
    assert_eq!(one.successor(&sha('a')), Some((c.as_str(), "1.csv")));
}

fn zip_of(members: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn zips_and_folders() {
    let dir = tempfile::tempdir().unwrap();
    let list = |old, new| format!("{HEADER}\n{}", row("A-x-2020-01", old, new));
    let zip = zip_of(&[
        ("2022-01-01_updates.csv", &list('a', 'b')),
        ("__MACOSX/._2022-01-01_updates.csv", "\0\0"),
    ]);
    std::fs::write(dir.path().join("2022-01-01_updates.zip"), &zip).unwrap();
    std::fs::write(dir.path().join("2022-02-01_updates.csv"), list('b', 'c')).unwrap();
    std::fs::write(dir.path().join("README.md"), "other").unwrap();
    let updates = Updates::read(&[dir.path().to_owned()]).unwrap();
    assert_eq!(updates.size(), (2, 2));
    assert_eq!(updates.successor(&sha('a')).unwrap().0, sha('c'));

    for (n, (members, why)) in [
        (&[][..], "0 members"),
        (&[("a.csv", "x"), ("b.csv", "x")][..], "2 members"),
        (&[("a.txt", "x")][..], "is no .csv"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = dir.path().join(format!("bad-{n}.zip"));
        std::fs::write(&path, zip_of(members)).unwrap();
        let said = Updates::read(std::slice::from_ref(&path))
            .unwrap_err()
            .to_string();
        assert!(said.contains(why), "{said}");
    }
    let cut = dir.path().join("cut.zip");
    std::fs::write(&cut, &zip[..zip.len() / 2]).unwrap();
    assert!(matches!(
        Updates::read(&[cut]),
        Err(UpdatesError::Zip { .. })
    ));
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(
        Updates::read(&[empty.path().to_owned()]),
        Err(UpdatesError::NoLists { .. })
    ));
    assert!(matches!(
        Updates::read(&[empty.path().join("none.csv")]),
        Err(UpdatesError::Io { .. })
    ));
}

#[test]
fn the_venues_own_lists() {
    let root = std::env::var_os("QUANT_SHARED_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let dir = root.join("archives/binance/updates");
    if !dir.is_dir() {
        eprintln!("skipped: there is no `{}`", dir.display());
        return;
    }
    let updates = Updates::read(&[dir]).unwrap();
    // Counted with `wc -l`, the headers left out.
    assert_eq!(updates.size(), (2, 360 + 132));
    assert!(updates.withdraws("109df4fd75c918bc1b1dc653c24dc3b76854b08e994d15b53e625509993f4323"));
}
