//! Names that lead out of the folder: of members, links, files, instruments and checksum files. Nothing is ever written
//! outside of the lake, and inside only under names of the lake's own making.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ::tar::{EntryType, Header};
use quant_core::market::Symbol;

use crate::layout::{parse_symbol_folder, symbol_folder};

use super::*;
use crate::ingest::tests::fixture::{day, zip_of};
use crate::ingest::tests::lab::{DAY, Given};

/// A name no file may have after any attack.
const CANARY: &str = "quant-canary";

/// Hostile names; most lead out of any folder.
fn names() -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for up in 1..7 {
        out.push(format!("{}{CANARY}", "../".repeat(up)));
        out.push(format!("{}{CANARY}", "..\\".repeat(up)));
        out.push(format!("a/{}{CANARY}", "../".repeat(up + 1)));
    }
    for name in [
        "/tmp/quant-canary",
        "//tmp/quant-canary",
        "/quant-canary",
        "\\tmp\\quant-canary",
        "C:\\quant-canary",
        "C:quant-canary",
        "\\\\server\\share\\quant-canary",
        "\\\\?\\C:\\quant-canary",
        "./quant-canary",
        "./../quant-canary",
        "....//quant-canary",
        "..;/quant-canary",
        "%2e%2e%2fquant-canary",
        "..%2fquant-canary",
        "..%c0%afquant-canary",
        "\u{2025}/quant-canary",
        "\u{ff0e}\u{ff0e}/quant-canary",
        "..\u{2215}quant-canary",
        "quant-canary\0.csv",
        "quant-canary/",
        "quant-canary\n",
        "~/quant-canary",
        "~root/quant-canary",
        "$HOME/quant-canary",
        "file:///tmp/quant-canary",
        "CON",
        "NUL",
        "..",
        ".",
        "a/..",
        ".locks/quant-canary",
        "raw/quant-canary",
    ] {
        out.push(name.to_owned());
    }
    out
}

/// Every path below a folder, links not followed.
fn tree(root: &Path) -> BTreeSet<PathBuf> {
    let mut out = BTreeSet::new();
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            }
            out.insert(entry.path());
        }
    }
    out
}

/// Asserts that the folder of the test and the lake hold what they may hold.
#[track_caller]
fn check_tree(lab: &Lab, before: &BTreeSet<PathBuf>, what: &str) {
    let lake = lab.fixture.lake().root().to_owned();
    for path in tree(&lab.fixture.at) {
        let text = path.to_string_lossy();
        assert!(!text.contains(CANARY), "{what}: {text}");
        if before.contains(&path) {
            continue;
        }
        let inside = path
            .strip_prefix(&lake)
            .unwrap_or_else(|_| panic!("{what}: {text}"));
        let top = inside.components().next().unwrap().as_os_str();
        let tops = ["raw", ".locks", ".receipts", "quarantine", "sources"];
        assert!(tops.iter().any(|t| top == *t), "{what}: {text}");
    }
    for outside in [
        "/tmp/quant-canary",
        "/quant-canary",
        "quant-canary",
        "../quant-canary",
    ] {
        assert!(!Path::new(outside).exists(), "{what}: {outside}");
    }
}

fn entry(kind: EntryType, name: &[u8], link: &[u8], data: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    let n = name.len().min(100);
    header.as_mut_bytes()[..n].copy_from_slice(&name[..n]);
    let n = link.len().min(100);
    header.as_mut_bytes()[157..157 + n].copy_from_slice(&link[..n]);
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(data.len() as u64);
    header.set_cksum();
    let mut out = header.as_bytes().to_vec();
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn tgz(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut out = entries.concat();
    out.resize(out.len() + 1024, 0);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gz, &out).unwrap();
    gz.finish().unwrap()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of attacks")]
fn attacks() {
    let mut n = 0;
    let names = names();
    let text = Format::UmTrades.good(30);

    // Members of a zip.
    let lab = Lab::prepared(Format::UmTrades);
    lab.vision_zip(b"x");
    let (before, files) = (tree(&lab.fixture.at), lab.fixture.listing());
    let member = Format::UmTrades.name(day(DAY)).replace(".zip", ".csv");
    let in_folder = |name: &String| {
        [
            name.clone(),
            format!("{name}/{member}"),
            format!("{name}\\{member}"),
        ]
    };
    for name in names.iter().flat_map(in_folder) {
        let report = lab.vision_zip(&zip_of(&[(&name, text.as_bytes())]));
        let problems = check(&lab, &report, &refused(&[]));
        assert!(problems.is_empty(), "zip {name:?}: {problems:?}");
        assert_eq!(lab.fixture.listing(), files, "zip {name:?}");
        check_tree(&lab, &before, &name);
        n += 1;
    }
    // The name a checksum file gives is only a name: the hash decides.
    let key = Format::UmTrades.key();
    let period = crate::venues::binance::Period::Day(day(DAY));
    let path = lab
        .fixture
        .put(&key, crate::schema::Dataset::Trades, period, &text);
    let sum_path = path.with_extension("zip.CHECKSUM");
    let sum = std::fs::read_to_string(&sum_path).unwrap();
    let hash = sum.split_whitespace().next().unwrap();
    for name in names.iter().filter(|n| !n.contains(['\n', '\0'])) {
        std::fs::write(&sum_path, format!("{}  {name}\n", "0".repeat(64))).unwrap();
        let request = lab
            .fixture
            .request(&key, crate::schema::Dataset::Trades, DAY, "2024-07-03");
        assert_eq!(
            lab.fixture.ingest(&request).failures().count(),
            1,
            "{name:?}"
        );
        assert_eq!(lab.fixture.listing(), files, "checksum {name:?}");
        check_tree(&lab, &before, name);
        n += 1;
    }
    assert_eq!(hash.len(), 64);

    // Members and links of a tar.
    let lab = Lab::prepared(Format::OkxBook);
    let good = Format::OkxBook.good(30);
    let archive = |entries: &[Vec<u8>]| [Given::new("book.tar.gz", tgz(entries))];
    lab.ingest(&archive(&[]));
    let (before, files) = (tree(&lab.fixture.at), lab.fixture.listing());
    let saved = lab.save();
    for name in &names {
        // With the right extension, so that only the path can be what is wrong.
        let named = format!("{name}/book.data");
        let hostile = entry(EntryType::Regular, named.as_bytes(), b"", good.as_bytes());
        let link = entry(EntryType::Symlink, b"book.data", name.as_bytes(), b"");
        let hard = entry(EntryType::Link, b"book.data", name.as_bytes(), b"");
        let member = entry(EntryType::Regular, b"book.data", b"", good.as_bytes());
        for (what, entries) in [
            ("member", vec![hostile.clone()]),
            ("symlink", vec![link.clone()]),
            ("hard link", vec![hard]),
            ("link, then the file it makes", vec![link, member.clone()]),
            ("a second member", vec![member, hostile]),
        ] {
            let report = lab.ingest(&archive(&entries));
            check_tree(&lab, &before, name);
            // A name that only looks odd is read as a stream; it names no file of ours either way.
            let leads_out =
                name.starts_with(['/', '\\']) || name.split(['/', '\\']).any(|c| c == "..");
            if what == "member" && !leads_out {
                lab.restore(&saved);
            } else {
                assert_eq!(
                    report.failures().count(),
                    1,
                    "{what} {name:?}\n{}",
                    describe(&report)
                );
            }
            assert_eq!(lab.fixture.listing(), files, "{what} {name:?}");
            check_tree(&lab, &before, name);
            n += 1;
        }
    }

    // Names of files: they are kept as words, never as paths.
    for name in &names {
        let lab = Lab::prepared(Format::OkxBook);
        let before = tree(&lab.fixture.at);
        let mut rows = Format::OkxBook.rows(day(DAY), 0, 30);
        rows.push("{".to_owned());
        let mut lab = lab;
        lab.fixture.options.keep_sources = true;
        let given = Given::new(name.clone(), Format::OkxBook.text(&rows));
        let report = lab.ingest(&[given]);
        assert_eq!(
            report.failures().count(),
            0,
            "{name:?}\n{}",
            describe(&report)
        );
        check_tree(&lab, &before, name);
        let line = lab.quarantine().remove(0);
        assert_eq!(line["file"], name.as_str());
        n += 1;
    }

    // Symbols become folders of the lake: whatever could lead elsewhere is no symbol.
    for name in &names {
        let safe = |s: &Symbol| {
            let text = s.as_str();
            !text.contains(['/', '\\', '\0', '\n', ':']) && !text.starts_with('.') && text != ".."
        };
        if let Ok(symbol) = name.parse::<Symbol>() {
            assert!(safe(&symbol), "{name:?}");
            assert_eq!(parse_symbol_folder(&symbol_folder(&symbol)), Ok(symbol));
        }
        // Nor is there a symbol whose folder would lead elsewhere.
        for name in [
            format!("xyz:{name}"),
            format!("xyz%3A{name}"),
            format!("@{name}"),
        ] {
            for symbol in [name.parse(), parse_symbol_folder(&name)]
                .into_iter()
                .flatten()
            {
                let folder = symbol_folder(&symbol);
                assert!(
                    !folder.contains(['/', '\\', '\0', '\n', ':', '.', '~', '$']),
                    "{name:?}"
                );
            }
        }
        let long = format!("{name}{}", "A".repeat(5_000));
        assert!(long.parse::<Symbol>().is_err(), "{long:.40}");
        n += 2;
    }
    println!("{n} path attacks");
    assert!(n >= 200, "{n}");
}

#[cfg(unix)]
#[test]
fn a_link_where_a_folder_of_the_lake_belongs() {
    // Links that the owner of the lake made are followed; those in the way of a file are replaced, not written through.
    let lab = Lab::prepared(Format::UmTrades);
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    std::fs::write(&victim, b"precious").unwrap();
    let spec = lab.spec(crate::schema::Dataset::Trades);
    let manifest = lab.fixture.lake().set_dir(&spec).join("manifest.json");
    let text = std::fs::read(&manifest).unwrap();
    std::fs::write(&victim, &text).unwrap();
    std::fs::remove_file(&manifest).unwrap();
    std::os::unix::fs::symlink(&victim, &manifest).unwrap();
    let report = lab.text(Format::UmTrades.good(30));
    assert_eq!(report.failures().count(), 0, "{report:?}");
    assert_eq!(
        std::fs::read(&victim).unwrap(),
        text,
        "written through a link"
    );
    assert!(
        !std::fs::symlink_metadata(&manifest)
            .unwrap()
            .file_type()
            .is_symlink()
    );
}
