//! Gzip: headers, members, trailers, ends.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::Crc;
use flate2::write::DeflateEncoder;

use super::*;

fn spec() -> ContainerSpec {
    Container::Gzip.into()
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A member whose parts can be anything.
fn built(flags: u8, optional: &[u8], data: &[u8], crc: u32, size: u32) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 255];
    out.extend_from_slice(optional);
    if flags & 2 != 0 {
        let sum = self::crc(&out).to_le_bytes();
        out.extend_from_slice(&sum[..2]);
    }
    out.extend_from_slice(data);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&size.to_le_bytes());
    out
}

pub(super) fn gz(text: &[u8]) -> Vec<u8> {
    let size = u32::try_from(text.len()).unwrap();
    built(0, &[], &deflate(text), crc(text), size)
}

fn with_flags(flags: u8, optional: &[u8], text: &[u8]) -> Vec<u8> {
    let size = u32::try_from(text.len()).unwrap();
    built(flags, optional, &deflate(text), crc(text), size)
}

fn and(mut a: Vec<u8>, b: &[u8]) -> Vec<u8> {
    a.extend_from_slice(b);
    a
}

#[test]
fn header_fields() {
    let text = lines(300);
    let extra = |len: u16| and(len.to_le_bytes().to_vec(), &vec![7; usize::from(len)]);
    let long = and(vec![b'n'; 100 * 1024], &[0]);
    let bad_fhcrc = {
        let mut bytes = with_flags(2, &[], &text);
        bytes[10] ^= 1;
        bytes
    };
    let ok = Ok(text.as_slice());
    check(
        &spec(),
        &[
            ("plain", gz(&text), ok),
            ("text flag", with_flags(1, &[], &text), ok),
            ("FNAME", with_flags(8, b"a name.csv\0", &text), ok),
            ("empty FNAME", with_flags(8, b"\0", &text), ok),
            (
                "hostile FNAME",
                with_flags(8, b"../../etc/passwd\0", &text),
                ok,
            ),
            ("FCOMMENT", with_flags(16, b"a comment\0", &text), ok),
            ("FNAME, FCOMMENT", with_flags(24, b"a\0b\0", &text), ok),
            ("empty FEXTRA", with_flags(4, &extra(0), &text), ok),
            ("FEXTRA", with_flags(4, &extra(6), &text), ok),
            ("largest FEXTRA", with_flags(4, &extra(u16::MAX), &text), ok),
            ("FHCRC", with_flags(2, &[], &text), ok),
            (
                "all fields",
                with_flags(31, &and(extra(9), b"n\0c\0"), &text),
                ok,
            ),
            (
                "wrong FHCRC",
                bad_fhcrc,
                Err("Header gzip header with a wrong CRC"),
            ),
            (
                "endless FNAME",
                with_flags(8, &long, &text),
                Err("Header endless gzip header"),
            ),
            (
                "endless FCOMMENT",
                with_flags(16, &long, &text),
                Err("Header endless gzip header"),
            ),
            (
                "unknown compression",
                and(vec![0x1f, 0x8b, 7], &gz(&text)[3..]),
                Err("Header gzip with a compression other than deflate"),
            ),
            (
                "old pack",
                and(vec![0x1f, 0x1e], &gz(&text)[2..]),
                Err("WrongKind gzip: unknown binary data"),
            ),
        ],
    );
    for flag in [0x20, 0x40, 0x80, 0xe0] {
        check(
            &spec(),
            &[(
                "reserved flag",
                with_flags(flag, &[], &text),
                Err("Header gzip header with reserved flags"),
            )],
        );
    }
}

#[test]
fn members_and_what_follows_them() {
    let (a, b) = (lines(200), lines(90));
    let both = and(a.clone(), &b);
    let large = lines(60_000);
    let many: Vec<u8> = b.split_inclusive(|c| *c == b'\n').flat_map(gz).collect();
    let empty = gz(b"");
    let garbage = Err("TrailingGarbage gzip member");
    check(
        &spec(),
        &[
            ("two members", and(gz(&a), &gz(&b)), Ok(&both)),
            ("a member per line", many, Ok(&b)),
            ("an empty member", empty.clone(), Ok(b"")),
            ("fifty empty members", empty.repeat(50), Ok(b"")),
            (
                "empty members around",
                and(and(empty.clone(), &gz(&a)), &empty),
                Ok(&a),
            ),
            ("beyond one block", gz(&large), Ok(&large)),
            ("one byte behind", and(gz(&a), b"x"), garbage),
            ("text behind", and(gz(&a), b"1,2,3\n"), garbage),
            ("html behind", and(gz(&a), b"<html></html>"), garbage),
            ("a zero behind", and(gz(&a), &[0]), garbage),
            ("zero padding", and(gz(&a), &[0; 512]), garbage),
            (
                "more padding than a block",
                and(gz(&a), &vec![0; 300_000]),
                garbage,
            ),
            (
                "half a magic behind",
                and(gz(&a), &[0x1f]),
                Err("Truncated gzip header"),
            ),
            ("another magic behind", and(gz(&a), &[0x1f, 0x8c]), garbage),
            (
                "another method behind",
                and(gz(&a), &[0x1f, 0x8b, 9]),
                Err("Header gzip with a compression other than deflate"),
            ),
            (
                "garbage behind two",
                and(and(gz(&a), &gz(&b)), &[9, 9]),
                garbage,
            ),
        ],
    );
}

#[test]
fn trailers_and_data() {
    let text = lines(200);
    let (data, sum, size) = (
        deflate(&text),
        crc(&text),
        u32::try_from(text.len()).unwrap(),
    );
    let of = |crc, size| built(0, &[], &data, crc, size);
    check(
        &spec(),
        &[
            ("wrong CRC", of(sum ^ 1, size), Err("Crc")),
            ("zero CRC", of(0, size), Err("Crc")),
            ("size too small", of(sum, size - 1), Err("Size")),
            ("size too large", of(sum, size + 1), Err("Size")),
            ("zero size", of(sum, 0), Err("Size")),
            ("largest size", of(sum, u32::MAX), Err("Size")),
            (
                "wrong CRC of the second member",
                and(gz(&text), &of(!sum, size)),
                Err("Crc"),
            ),
            (
                "reserved block type",
                built(0, &[], &[7, 0, 0, 0, 0], 0, 0),
                Err("Corrupt"),
            ),
            (
                "stored block that lies",
                built(0, &[], &[1, 5, 0, 0, 0, 1, 2, 3, 4, 5], 0, 0),
                Err("Corrupt"),
            ),
            (
                "a zlib stream inside",
                built(0, &[], &[0x78, 0x9c, 3, 0, 0, 0, 0, 1], 0, 0),
                Err("Corrupt"),
            ),
            (
                "a distance before the start",
                built(0, &[], &[0x4b, 0x04, 0x62, 0, 0, 0, 0, 0], 0, 0),
                Err("Corrupt"),
            ),
        ],
    );
}

#[test]
fn wrong_content() {
    check(
        &spec(),
        &[
            ("no bytes", vec![], Err("WrongKind gzip: empty")),
            ("text", lines(9), Err("WrongKind gzip: plain text")),
            (
                "a page",
                b"<html>404</html>".to_vec(),
                Err("WrongKind gzip: plain text"),
            ),
            (
                "a zip",
                b"PK\x03\x04....".to_vec(),
                Err("WrongKind gzip: zip"),
            ),
            (
                "Parquet",
                b"PAR1....".to_vec(),
                Err("WrongKind gzip: Parquet"),
            ),
            (
                "zeros",
                vec![0; 100],
                Err("WrongKind gzip: unknown binary data"),
            ),
            ("packed twice", gz(&gz(&lines(9))), Err("Nested gzip")),
            ("a zip inside", gz(b"PK\x03\x04....\0\0"), Err("Nested zip")),
            (
                "zstd inside",
                gz(b"\x28\xb5\x2f\xfd...."),
                Err("Nested zstd"),
            ),
            (
                "a tar inside",
                gz(&tar::sound()),
                Err("WrongKind gzip: tar.gz"),
            ),
        ],
    );
}

#[test]
fn cut_at_every_byte() {
    let (a, b) = (lines(40), lines(25));
    let first = with_flags(31, b"\x03\0xyzname\0comment\0", &a);
    let whole = and(first.clone(), &gz(&b));
    let text = and(a.clone(), &b);
    let accepting = spec().accepting_truncated();
    let mut seen = std::collections::BTreeSet::new();
    for len in 1..whole.len() {
        if len == first.len() {
            // A member that ends is an end.
            assert_eq!(read(&whole[..len], &spec()).unwrap().text, a);
            continue;
        }
        let error = read(&whole[..len], &spec()).unwrap_err();
        assert!(
            matches!(error, ArchiveError::Truncated { at, .. } if at == len as u64),
            "{len}: {error}"
        );
        seen.insert(tag(&error));
        let got = read(&whole[..len], &accepting).unwrap();
        assert!(got.truncated, "{len}");
        assert!(
            text.starts_with(&got.text) && whole_lines(&got.text) == got.text,
            "{len}"
        );
        if len > first.len() {
            assert!(
                got.text.len() >= a.len(),
                "{len}: a whole member is delivered whole"
            );
        }
    }
    let parts = ["gzip data", "gzip header", "gzip trailer"];
    assert!(
        seen.iter().map(String::as_str).eq(parts
            .map(|p| format!("Truncated {p}"))
            .iter()
            .map(String::as_str))
    );
    let got = read(&whole, &accepting).unwrap();
    assert_eq!((got.text, got.truncated, got.dropped), (text, false, 0));
}

#[test]
fn an_accepted_cut_drops_the_incomplete_line_only() {
    let accepting = spec().accepting_truncated();
    // Larger than the look-ahead. Without its trailer a member is cut behind a byte that is known.
    let text = lines(60_000);
    let whole = gz(&text);
    for (keep, drops) in [(0, false), (1, true), (7, true)].map(|(n, d)| (text.len() - n, d)) {
        let kept = &text[..keep];
        let bytes = gz(kept);
        for missing in 1..=8 {
            let cut = &bytes[..bytes.len() - missing];
            let got = read(cut, &accepting).unwrap();
            assert!(got.truncated && got.text == whole_lines(kept), "{got:?}");
            assert_eq!(got.text.len() as u64 + got.dropped, keep as u64);
            assert_eq!(got.dropped > 0, drops);
            let error = read(cut, &spec()).unwrap_err();
            assert_eq!(tag(&error), "Truncated gzip trailer");
        }
    }
    // Anywhere else: all that another reader gets out of it.
    for sixteenth in 1..16 {
        let cut = &whole[..whole.len() * sixteenth / 16];
        let mut other = Vec::new();
        let error = flate2::read::MultiGzDecoder::new(cut).read_to_end(&mut other);
        assert!(error.is_err() && other.len() > text.len() * sixteenth / 17);
        let got = read(cut, &accepting).unwrap();
        assert!(got.truncated && got.text == whole_lines(&other), "{got:?}");
        assert_eq!(got.text.len() as u64 + got.dropped, other.len() as u64);
    }
    // No line end at all, no byte at all.
    for bytes in [&gz(b"an incomplete line")[..25], &[], &[0x1f]] {
        let got = read(bytes, &accepting).unwrap();
        assert!(got.truncated && got.text.is_empty());
    }
    // A sound file may lack its last line end; damage is damage.
    let got = read(&gz(b"a\nb"), &accepting).unwrap();
    assert_eq!((got.text.as_slice(), got.truncated), (&b"a\nb"[..], false));
    let mut bad = gz(&text);
    let middle = bad.len() / 2;
    bad[middle..middle + 64].fill(0xff);
    assert!(read(&bad, &accepting).is_err());
    check(
        &accepting,
        &[
            (
                "garbage",
                and(gz(&text), &[0; 9]),
                Err("TrailingGarbage gzip member"),
            ),
            ("text", text.clone(), Err("WrongKind gzip: plain text")),
        ],
    );
}

#[test]
fn every_damaged_byte_is_found_or_harmless() {
    let text = lines(30);
    let good = and(
        with_flags(31, b"\x03\0xyzname\0comment\0", &text),
        &gz(b"end\n"),
    );
    let expected = and(text, b"end\n");
    for at in 0..good.len() {
        for mask in [1, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= mask;
            if let Ok(got) = read(&bad, &spec()) {
                assert_eq!(got.text, expected, "byte {at} ^ {mask}");
            }
        }
    }
}

#[test]
fn bombs_stop_early() {
    let bomb = gz(&vec![b'0'; 20 << 20]);
    assert!(bomb.len() * 900 < 20 << 20);
    check(
        &spec(),
        &[("a thousand to one", bomb.clone(), Err("Ratio"))],
    );
    check(
        &spec(),
        &[(
            "in small members",
            gz(&vec![b'0'; 60_000]).repeat(100),
            Err("Ratio"),
        )],
    );
    let limits = |max_member_bytes, max_ratio| Limits {
        max_member_bytes,
        max_ratio,
    };
    let error = read_within(&bomb, &spec(), limits(1 << 20, 5_000)).unwrap_err();
    let ArchiveError::TooLarge { bytes, .. } = error else {
        panic!("{error}")
    };
    assert!(
        bytes <= (1 << 20) + 512 * 1024,
        "{bytes} bytes were inflated"
    );
    let error = read_within(&bomb, &spec().accepting_truncated(), limits(1 << 20, 5_000));
    assert_eq!(tag(&error.unwrap_err()), "TooLarge");
    assert!(read_within(&bomb, &spec(), limits(20 << 20, 5_000)).is_ok());
}
