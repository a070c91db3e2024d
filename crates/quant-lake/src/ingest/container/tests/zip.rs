//! The one member of a zip, made byte by byte: names, types, codecs, sizes, directories.

use std::io::Cursor;

use ::zip::ZipWriter;
use ::zip::write::SimpleFileOptions;
use flate2::{Compression, Crc};

use super::*;

fn by_extension() -> ContainerSpec {
    Container::Zip(Pick::Extension("csv".to_owned())).into()
}

fn by_name() -> ContainerSpec {
    Container::Zip(Pick::Named("x.csv".to_owned())).into()
}

/// A zip as a vendor makes it.
pub(super) fn sound(text: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("x.csv", SimpleFileOptions::default())
        .unwrap();
    zip.write_all(text).unwrap();
    zip.finish().unwrap().into_inner()
}

/// An entry of which every field can lie.
#[derive(Clone)]
struct Entry {
    name: Vec<u8>,
    local_name: Option<Vec<u8>>,
    method: u16,
    flags: u16,
    crc: u32,
    local_crc: Option<u32>,
    size: u64,
    compressed: u64,
    zip64: bool,
    mode: u32,
    data: Vec<u8>,
    /// Offset written in the directory instead of the true one.
    offset: Option<u32>,
    /// Whether there is a local header at all.
    listed_only: bool,
}

fn entry(name: &[u8], text: &[u8]) -> Entry {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(text).unwrap();
    let data = encoder.finish().unwrap();
    let mut crc = Crc::new();
    crc.update(text);
    Entry {
        name: name.to_vec(),
        local_name: None,
        method: 8,
        flags: 0,
        crc: crc.sum(),
        local_crc: None,
        size: text.len() as u64,
        compressed: data.len() as u64,
        zip64: false,
        mode: 0o100_644,
        data,
        offset: None,
        listed_only: false,
    }
}

fn stored(name: &[u8], text: &[u8]) -> Entry {
    Entry {
        method: 0,
        compressed: text.len() as u64,
        data: text.to_vec(),
        ..entry(name, text)
    }
}

fn put(out: &mut Vec<u8>, words: &[u16], longs: &[u32]) {
    for word in words {
        out.extend_from_slice(&word.to_le_bytes());
    }
    for long in longs {
        out.extend_from_slice(&long.to_le_bytes());
    }
}

fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    let low = |n: u64, e: &Entry| {
        if e.zip64 {
            u32::MAX
        } else {
            u32::try_from(n & 0xffff_ffff).unwrap()
        }
    };
    let len = |n: usize| u16::try_from(n).unwrap();
    for e in entries {
        let offset = u32::try_from(out.len()).unwrap();
        let extra: Vec<u8> = if e.zip64 {
            let mut extra = vec![1, 0, 16, 0];
            extra.extend_from_slice(&e.size.to_le_bytes());
            extra.extend_from_slice(&e.compressed.to_le_bytes());
            extra
        } else {
            Vec::new()
        };
        if !e.listed_only {
            let name = e.local_name.as_ref().unwrap_or(&e.name);
            out.extend_from_slice(b"PK\x03\x04");
            put(
                &mut out,
                &[20, e.flags, e.method, 0, 0x21],
                &[
                    e.local_crc.unwrap_or(e.crc),
                    low(e.compressed, e),
                    low(e.size, e),
                ],
            );
            put(&mut out, &[len(name.len()), len(extra.len())], &[]);
            out.extend_from_slice(name);
            out.extend_from_slice(&extra);
            out.extend_from_slice(&e.data);
        }
        directory.extend_from_slice(b"PK\x01\x02");
        // Made on unix, so that the mode counts.
        put(
            &mut directory,
            &[0x0314, 20, e.flags, e.method, 0, 0x21],
            &[e.crc, low(e.compressed, e), low(e.size, e)],
        );
        put(
            &mut directory,
            &[len(e.name.len()), len(extra.len()), 0, 0, 0],
            &[e.mode << 16, e.offset.unwrap_or(offset)],
        );
        directory.extend_from_slice(&e.name);
        directory.extend_from_slice(&extra);
    }
    let start = u32::try_from(out.len()).unwrap();
    let bytes = u32::try_from(directory.len()).unwrap();
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06");
    let count = len(entries.len());
    put(&mut out, &[0, 0, count, count], &[bytes, start]);
    put(&mut out, &[0], &[]);
    out
}

fn one(e: Entry) -> Vec<u8> {
    zip(&[e])
}

#[test]
fn sound_archives() {
    let text = lines(300);
    let named = |name: &[u8]| one(entry(name, &text));
    let ok = Ok(text.as_slice());
    check(
        &by_extension(),
        &[
            ("deflated", named(b"x.csv"), ok),
            ("stored", one(stored(b"x.csv", &text)), ok),
            ("empty", one(stored(b"x.csv", b"")), Ok(b"")),
            ("made by a library", sound(&text), ok),
            (
                "zip64 sizes",
                one(Entry {
                    zip64: true,
                    ..entry(b"x.csv", &text)
                }),
                ok,
            ),
            ("any stem", named(b"BTC-USDT trades (1).csv"), ok),
            ("other case", named(b"X.CSV"), ok),
            ("two dots", named(b"2024-12-01_XRPUSDT_ob500.data.csv"), ok),
            (
                "no mode",
                one(Entry {
                    mode: 0,
                    ..entry(b"x.csv", &text)
                }),
                ok,
            ),
        ],
    );
    check(&by_name(), &[("exact name", named(b"x.csv"), ok)]);
    let got = read(&named(b"Y.Csv"), &by_extension()).unwrap();
    assert_eq!(got.member.as_deref(), Some("Y.Csv"));
}

#[test]
fn hostile_names() {
    let named = |name: &[u8]| one(entry(name, b"1,2\n"));
    let path = Err("Member Path");
    let other = Err("Member Name");
    let paths: &[&[u8]] = &[
        b"../x.csv",
        b"../../../../etc/cron.d/x.csv",
        b"/x.csv",
        b"//host/x.csv",
        b"./x.csv",
        b"a/x.csv",
        b"a/../x.csv",
        b"..\\x.csv",
        b"a\\x.csv",
        b"\\x.csv",
        b"\\\\host\\share\\x.csv",
        b"C:\\x.csv",
        b"C:/x.csv",
        b"C:x.csv",
        b"x.csv\0",
        b"x\0.csv",
        b"\0x.csv",
        b"..",
        b"\xe2\x88\x95/x.csv",
    ];
    for name in paths {
        let shown = String::from_utf8_lossy(name).into_owned();
        check(&by_extension(), &[(&shown, named(name), path)]);
        check(&by_name(), &[(&shown, named(name), path)]);
    }
    let names: &[&[u8]] = &[
        b"x.txt",
        b"x",
        b"csv",
        b".csv",
        b"x.csv.exe",
        b"x.csv ",
        b"x.csv.",
        b"x.cs\xd1\x85",
        b"x.\xef\xbd\x83\xef\xbd\x93\xef\xbd\x96",
        b"x.csv\n",
        b"x.csv::$DATA",
    ];
    for name in names {
        let shown = String::from_utf8_lossy(name).into_owned();
        check(&by_extension(), &[(&shown, named(name), other)]);
        check(&by_name(), &[(&shown, named(name), other)]);
    }
    check(
        &by_name(),
        &[
            ("another stem", named(b"y.csv"), other),
            ("another case", named(b"X.csv"), other),
        ],
    );
    // Names are judged as stored, so a second name in an extra field changes nothing.
    check(
        &by_extension(),
        &[("folder", named(b"x.csv/"), Err("Member Folder"))],
    );
}

#[test]
fn hostile_types() {
    let text = lines(50);
    let of_mode = |mode| {
        one(Entry {
            mode,
            ..entry(b"x.csv", &text)
        })
    };
    let link = Err("Member Link");
    check(
        &by_extension(),
        &[
            ("symbolic link", of_mode(0o120_777), link),
            ("pipe", of_mode(0o010_644), link),
            ("character device", of_mode(0o020_644), link),
            ("block device", of_mode(0o060_644), link),
            ("socket", of_mode(0o140_644), link),
            ("folder by mode", of_mode(0o040_755), Err("Member Folder")),
            (
                "link of 2^60 bytes",
                one(Entry {
                    mode: 0o120_777,
                    zip64: true,
                    size: 1 << 60,
                    ..stored(b"x.csv", b"/etc/passwd")
                }),
                link,
            ),
            (
                "link of 2^60 stored bytes",
                one(Entry {
                    mode: 0o120_777,
                    zip64: true,
                    size: 1 << 60,
                    compressed: 1 << 60,
                    ..stored(b"x.csv", b"a")
                }),
                link,
            ),
            (
                "chained links",
                zip(&[
                    Entry {
                        mode: 0o120_777,
                        ..stored(b"a", b"/etc")
                    },
                    Entry {
                        mode: 0o120_777,
                        ..stored(b"a/x.csv", b"passwd")
                    },
                ]),
                Err("MemberCount 2"),
            ),
            (
                "a link and the file",
                zip(&[
                    Entry {
                        mode: 0o120_777,
                        ..stored(b"a", b"/etc")
                    },
                    entry(b"x.csv", &text),
                ]),
                Err("MemberCount 2"),
            ),
        ],
    );
}

#[test]
fn encryption_and_codecs() {
    let text = lines(50);
    check(
        &by_extension(),
        &[
            (
                "encrypted",
                one(Entry {
                    flags: 1,
                    ..entry(b"x.csv", &text)
                }),
                Err("Member Encrypted"),
            ),
            (
                "strongly encrypted",
                one(Entry {
                    flags: 0x41,
                    ..entry(b"x.csv", &text)
                }),
                Err("Member Encrypted"),
            ),
            (
                "encrypted and stored",
                one(Entry {
                    flags: 1,
                    ..stored(b"x.csv", &text)
                }),
                Err("Member Encrypted"),
            ),
        ],
    );
    for method in [
        1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 14, 16, 18, 19, 20, 93, 94, 95, 96, 97, 98, 0xfffe,
    ] {
        let bytes = one(Entry {
            method,
            ..entry(b"x.csv", &text)
        });
        check(
            &by_extension(),
            &[(
                &format!("method {method}"),
                bytes,
                Err("Member Compression"),
            )],
        );
    }
}

#[test]
fn members_that_are_too_many_or_misplaced() {
    let text = lines(50);
    let good = || entry(b"x.csv", &text);
    let not = Err("NotAZip");
    let second = |name: &[u8]| Entry {
        listed_only: true,
        offset: Some(0),
        ..entry(name, &text)
    };
    check(
        &by_extension(),
        &[
            ("empty zip", zip(&[]), Err("MemberCount 0")),
            (
                "two texts",
                zip(&[good(), entry(b"y.csv", b"a\n")]),
                Err("MemberCount 2"),
            ),
            (
                "a note beside",
                zip(&[good(), entry(b"README", b"a\n")]),
                Err("MemberCount 2"),
            ),
            (
                "resource fork",
                zip(&[good(), entry(b"__MACOSX/._x.csv", b"a")]),
                Err("MemberCount 2"),
            ),
            ("the same name twice", zip(&[good(), good()]), not),
            (
                "overlapping entries",
                zip(&[good(), second(b"y.csv")]),
                Err("MemberCount 2"),
            ),
            (
                "overlap under one name",
                zip(&[good(), second(b"x.csv")]),
                not,
            ),
            (
                "a thousand overlaps",
                {
                    let mut all = vec![good()];
                    all.extend((0..1_000).map(|i| second(format!("{i}.csv").as_bytes())));
                    zip(&all)
                },
                Err("MemberCount 1001"),
            ),
            (
                "other name in the data",
                one(Entry {
                    local_name: Some(b"y.csv".to_vec()),
                    ..good()
                }),
                not,
            ),
            (
                "other CRC in the data",
                one(Entry {
                    local_crc: Some(7),
                    ..good()
                }),
                not,
            ),
            (
                "offset beyond the end",
                one(Entry {
                    offset: Some(u32::MAX - 9),
                    ..good()
                }),
                not,
            ),
            (
                "offset into the data",
                one(Entry {
                    offset: Some(9),
                    ..good()
                }),
                not,
            ),
        ],
    );
}

#[test]
fn sizes_and_sums_that_lie() {
    let text = lines(50);
    let good = || entry(b"x.csv", &text);
    let not = Err("NotAZip");
    let trailing = {
        let mut e = good();
        e.data.extend_from_slice(b"hidden");
        e.compressed += 6;
        e
    };
    check(
        &by_extension(),
        &[
            ("wrong CRC", one(Entry { crc: 7, ..good() }), Err("Crc")),
            (
                "wrong CRC, stored",
                one(Entry {
                    crc: 7,
                    ..stored(b"x.csv", &text)
                }),
                Err("Crc"),
            ),
            (
                "one byte less",
                one(Entry {
                    size: text.len() as u64 - 1,
                    ..good()
                }),
                Err("Size"),
            ),
            (
                "one byte more",
                one(Entry {
                    size: text.len() as u64 + 1,
                    ..good()
                }),
                Err("Size"),
            ),
            (
                "nothing declared",
                one(Entry { size: 0, ..good() }),
                Err("Size"),
            ),
            ("hidden behind the data", one(trailing), Err("Corrupt")),
            (
                "zip64 of 2^60",
                one(Entry {
                    zip64: true,
                    size: 1 << 60,
                    ..good()
                }),
                Err("TooLarge"),
            ),
            (
                "zip64 of 2^64",
                one(Entry {
                    zip64: true,
                    size: u64::MAX,
                    ..good()
                }),
                Err("TooLarge"),
            ),
            (
                "zip64 of 2^60 packed",
                one(Entry {
                    zip64: true,
                    compressed: 1 << 60,
                    ..good()
                }),
                not,
            ),
            (
                "a ratio that cannot be",
                one(Entry {
                    size: 1 << 30,
                    ..good()
                }),
                Err("Ratio"),
            ),
            (
                "a bomb",
                one(entry(b"x.csv", &vec![b'0'; 20 << 20])),
                Err("Ratio"),
            ),
            (
                "a bomb that lies",
                one(Entry {
                    size: 1_000,
                    ..entry(b"x.csv", &vec![b'0'; 20 << 20])
                }),
                Err("Size"),
            ),
        ],
    );
}

#[test]
fn wrong_content() {
    let text = lines(50);
    let good = || entry(b"x.csv", &text);
    let not = Err("NotAZip");
    let mut inner = zip(&[good()]);
    inner.extend_from_slice(&zip(&[entry(b"y.csv", b"1\n")]));
    check(
        &by_extension(),
        &[
            (
                "a zip inside",
                one(stored(b"x.csv", &one(good()))),
                Err("Nested zip"),
            ),
            (
                "a deflated zip inside",
                one(entry(b"x.csv", &one(good()))),
                Err("Nested zip"),
            ),
            (
                "gzip inside",
                one(stored(b"x.csv", &gzip::gz(b"a\n"))),
                Err("Nested gzip"),
            ),
            ("two zips glued together", inner, not),
            ("text", text.clone(), Err("WrongKind zip: plain text")),
            (
                "a page",
                b"<html>busy</html>".to_vec(),
                Err("WrongKind zip: plain text"),
            ),
            ("gzip", gzip::gz(&text), Err("WrongKind zip: gzip")),
            ("no bytes", vec![], Err("WrongKind zip: empty")),
            ("zeros", vec![0; 600], not),
            ("only a magic", b"PK\x03\x04".to_vec(), not),
        ],
    );
}

#[test]
fn cut_at_every_byte() {
    for good in [
        one(entry(b"x.csv", &lines(40))),
        one(stored(b"x.csv", &lines(10))),
        sound(&lines(40)),
    ] {
        for len in 0..good.len() {
            let error = read(&good[..len], &by_extension().accepting_truncated()).unwrap_err();
            let (expected, found) = (Kind::Zip, if len == 0 { Kind::Empty } else { Kind::Text });
            assert!(
                tag(&error) == "NotAZip" || tag(&error) == format!("WrongKind {expected}: {found}"),
                "{len}: {error}"
            );
        }
    }
    let large = one(entry(b"x.csv", &lines(20_000)));
    for sixteenth in 1..16 {
        let error = read(&large[..large.len() * sixteenth / 16], &by_extension()).unwrap_err();
        assert_eq!(tag(&error), "NotAZip", "{sixteenth}/16");
    }
}

#[test]
fn every_damaged_byte_is_found_or_harmless() {
    let text = lines(12);
    for good in [
        one(entry(b"x.csv", &text)),
        one(stored(b"x.csv", &text)),
        sound(&text),
    ] {
        for at in 0..good.len() {
            for mask in [1, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= mask;
                match read(&bad, &by_extension()) {
                    Ok(got) => assert_eq!(got.text, text, "byte {at} ^ {mask}"),
                    Err(error) => {
                        assert!(!matches!(error, ArchiveError::Io { .. }), "{at}: {error}");
                    }
                }
            }
        }
    }
}
