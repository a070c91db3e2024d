//! Zstandard: headers, frames, ends.

use ::zstd::stream::raw::CParameter;
use ::zstd::stream::write::Encoder;

use super::*;

fn spec() -> ContainerSpec {
    Container::Zstd.into()
}

fn frame(text: &[u8], checksum: bool, window_log: u32) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(checksum).unwrap();
    encoder
        .set_parameter(CParameter::WindowLog(window_log))
        .unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zst(text: &[u8]) -> Vec<u8> {
    frame(text, true, 20)
}

/// A frame of one segment, as whole buffers are packed: it declares its size.
fn sized(text: &[u8]) -> Vec<u8> {
    ::zstd::bulk::compress(text, 3).unwrap()
}

fn skippable(number: u8, declared: u32, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0x50 + number, 0x2a, 0x4d, 0x18];
    out.extend_from_slice(&declared.to_le_bytes());
    out.extend_from_slice(body);
    out
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A frame header with nothing sound behind it.
fn head(flags: u8, rest: &[u8]) -> Vec<u8> {
    join(&[&[0x28, 0xb5, 0x2f, 0xfd, flags], rest, &[0; 64]])
}

#[test]
fn frames_and_what_follows_them() {
    let (a, b) = (lines(200), lines(90));
    let both = join(&[&a, &b]);
    let large = lines(60_000);
    let garbage = Err("TrailingGarbage zstd frame");
    let skip = skippable(3, 5, b"12345");
    check(
        &spec(),
        &[
            ("one frame", zst(&a), Ok(&a)),
            ("without a checksum", frame(&a, false, 20), Ok(&a)),
            ("of one segment", sized(&a), Ok(&a)),
            ("an empty frame", zst(b""), Ok(b"")),
            ("an empty sized frame", sized(b""), Ok(b"")),
            ("two frames", join(&[&zst(&a), &zst(&b)]), Ok(&both)),
            (
                "two sorts of frames",
                join(&[&sized(&a), &zst(&b)]),
                Ok(&both),
            ),
            ("beyond one block", zst(&large), Ok(&large)),
            ("beyond one block, sized", sized(&large), Ok(&large)),
            ("skippable frames", join(&[&skip, &zst(&a), &skip]), Ok(&a)),
            ("only a skippable frame", skip.clone(), Ok(b"")),
            ("an empty skippable frame", skippable(15, 0, b""), Ok(b"")),
            ("fifty empty frames", zst(b"").repeat(50), Ok(b"")),
            ("one byte behind", join(&[&zst(&a), b"x"]), garbage),
            ("text behind", join(&[&zst(&a), b"1,2,3\n"]), garbage),
            ("a zero behind", join(&[&zst(&a), &[0]]), garbage),
            ("zero padding", join(&[&zst(&a), &[0; 512]]), garbage),
            ("gzip behind", join(&[&zst(&a), &gzip::gz(&b)]), garbage),
            (
                "an old frame behind",
                join(&[&zst(&a), &[0x27, 0xb5, 0x2f, 0xfd]]),
                garbage,
            ),
            (
                "half a magic behind",
                join(&[&zst(&a), &[0x28, 0xb5]]),
                Err("Truncated zstd frame header"),
            ),
            (
                "a skippable frame that lies",
                skippable(0, u32::MAX, b"123"),
                Err("Truncated zstd frame"),
            ),
        ],
    );
}

#[test]
fn headers_that_cannot_be() {
    let text = lines(200);
    let mut wrong_checksum = zst(&text);
    *wrong_checksum.last_mut().unwrap() ^= 1;
    let mut wrong_size = sized(&text);
    wrong_size[5] ^= 1;
    check(
        &spec(),
        &[
            ("wrong checksum", wrong_checksum, Err("Corrupt")),
            ("wrong size", wrong_size, Err("Corrupt")),
            ("window of 2^28", head(0, &[18 << 3]), Err("Window")),
            ("window of 2^41", head(0, &[31 << 3 | 7]), Err("Window")),
            (
                "window just too large",
                head(0, &[17 << 3 | 1]),
                Err("Window"),
            ),
            (
                "one segment of 2^60",
                head(0xe0, &(1_u64 << 60).to_le_bytes()),
                Err("Window"),
            ),
            ("one segment of 2^64", head(0xe0, &[0xff; 8]), Err("Window")),
            ("one segment of 2^32", head(0xa0, &[0xff; 4]), Err("Window")),
            (
                "a dictionary",
                head(1, &[0, 7]),
                Err("Header zstd frame that needs a dictionary"),
            ),
            (
                "a dictionary of four bytes",
                head(3, &[0, 0, 0, 0, 9]),
                Err("Header zstd frame that needs a dictionary"),
            ),
            ("a reserved bit", head(8, &[0]), Err("Corrupt")),
            ("a reserved block", head(0, &[0, 7, 0, 0]), Err("Corrupt")),
            (
                "a block too large",
                head(0, &[0, 0xfc, 0xff, 0xff]),
                Err("Corrupt"),
            ),
        ],
    );
    // The largest window that is granted.
    let window = frame(&text, true, 27);
    assert_eq!(read(&window, &spec()).unwrap().text, text);
}

#[test]
fn wrong_content() {
    check(
        &spec(),
        &[
            ("no bytes", vec![], Err("WrongKind zstd: empty")),
            ("text", lines(9), Err("WrongKind zstd: plain text")),
            ("gzip", gzip::gz(b"a\n"), Err("WrongKind zstd: gzip")),
            ("zip", b"PK\x03\x04..".to_vec(), Err("WrongKind zstd: zip")),
            (
                "zstd 0.7",
                b"\x27\xb5\x2f\xfd\0\0\0".to_vec(),
                Err("WrongKind zstd: unknown binary data"),
            ),
            ("packed twice", zst(&zst(&lines(9))), Err("Nested zstd")),
            ("gzip inside", zst(&gzip::gz(b"a\n")), Err("Nested gzip")),
            (
                "Parquet inside",
                zst(b"PAR1\x15\x04"),
                Err("Nested Parquet"),
            ),
            ("a tar inside", zst(&tar::sound()), Err("Nested tar")),
        ],
    );
}

#[test]
fn cut_at_every_byte() {
    let (a, b) = (lines(40), lines(25));
    let (first, skip) = (zst(&a), skippable(1, 3, b"abc"));
    let whole = join(&[&first, &skip, &zst(&b)]);
    let text = join(&[&a, &b]);
    let accepting = spec().accepting_truncated();
    for len in 1..whole.len() {
        if len == first.len() || len == first.len() + skip.len() {
            assert_eq!(read(&whole[..len], &spec()).unwrap().text, a);
            continue;
        }
        let error = read(&whole[..len], &spec()).unwrap_err();
        assert!(
            matches!(error, ArchiveError::Truncated { at, .. } if at == len as u64),
            "{len}: {error}"
        );
        let got = read(&whole[..len], &accepting).unwrap();
        assert!(got.truncated, "{len}");
        assert!(text.starts_with(&got.text) && whole_lines(&got.text) == got.text);
        assert!(len < first.len() || got.text.len() >= a.len());
    }
    // Every block that is there is delivered, up to its last line.
    let large = lines(60_000);
    let packed = zst(&large);
    let got = read(&packed[..packed.len() - 3], &accepting).unwrap();
    assert!(
        got.truncated && got.text == large,
        "only the checksum is missing"
    );
    let got = read(&packed[..packed.len() / 2], &accepting).unwrap();
    assert!(got.text.len() > large.len() / 3 && large.starts_with(&got.text));
    assert_eq!(whole_lines(&got.text), got.text);
    assert!(got.dropped > 0 && got.dropped < 64);
}

#[test]
fn every_damaged_byte_is_found_or_harmless() {
    let text = lines(30);
    let good = join(&[&zst(&text), &skippable(2, 3, b"abc"), &zst(b"end\n")]);
    let expected = join(&[&text, b"end\n"]);
    for at in 0..good.len() {
        for mask in [1, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= mask;
            if let Ok(got) = read(&bad, &spec()) {
                // Damage may turn a frame into one that is skipped, or end it early, only at a frame's own head.
                assert_eq!(got.text, expected, "byte {at} ^ {mask}");
            }
        }
    }
}

#[test]
fn bombs_stop_early() {
    let bomb = zst(&vec![b'0'; 20 << 20]);
    assert!(bomb.len() < 4096);
    check(
        &spec(),
        &[("many thousands to one", bomb.clone(), Err("Ratio"))],
    );
    let limits = Limits {
        max_member_bytes: 1 << 20,
        max_ratio: u64::MAX,
    };
    for spec in [spec(), spec().accepting_truncated()] {
        let error = read_within(&bomb, &spec, limits).unwrap_err();
        let ArchiveError::TooLarge { bytes, .. } = error else {
            panic!("{error}")
        };
        assert!(
            bytes <= (1 << 20) + 512 * 1024,
            "{bytes} bytes were inflated"
        );
    }
}
