//! The one member of a tar.gz: names, types, sizes, extensions, ends.

use ::tar::{EntryType, Header};

use super::gzip::gz;
use super::*;

fn spec() -> ContainerSpec {
    Container::TarGz(Pick::Extension("data".to_owned())).into()
}

/// An entry with any name and any declared size.
fn entry_of(kind: EntryType, name: &[u8], declared: u64, data: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(declared);
    header.set_cksum();
    let mut out = header.as_bytes().to_vec();
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn entry(name: &[u8], data: &[u8]) -> Vec<u8> {
    entry_of(EntryType::Regular, name, data.len() as u64, data)
}

fn special(kind: u8, name: &[u8]) -> Vec<u8> {
    entry_of(EntryType::new(kind), name, 0, b"")
}

fn ended(entries: &[&[u8]]) -> Vec<u8> {
    let mut out = entries.concat();
    out.resize(out.len() + 1024, 0);
    out
}

fn tgz(entries: &[&[u8]]) -> Vec<u8> {
    gz(&ended(entries))
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let mut len = rest + 1;
        while len != rest + len.to_string().len() {
            len = rest + len.to_string().len();
        }
        body.extend_from_slice(format!("{len} {key}={value}\n").as_bytes());
    }
    body
}

fn extension(kind: u8, body: &[u8]) -> Vec<u8> {
    entry_of(
        EntryType::new(kind),
        b"././@PaxHeader",
        body.len() as u64,
        body,
    )
}

/// A tar as the venue makes it.
pub(super) fn sound() -> Vec<u8> {
    ended(&[&entry(b"x.data", &lines(300))])
}

#[test]
fn sound_archives() {
    let text = lines(300);
    let large = lines(40_000);
    let member = entry(b"x.data", &text);
    let old = {
        let mut header = Header::new_old();
        header.as_mut_bytes()[..6].copy_from_slice(b"x.data");
        header.as_mut_bytes()[156] = 0;
        header.set_size(text.len() as u64);
        header.set_cksum();
        let mut out = header.as_bytes().to_vec();
        out.extend_from_slice(&text);
        out.resize(out.len().next_multiple_of(512), 0);
        out
    };
    let mut blocked = ended(&[&member]);
    blocked.resize(blocked.len().next_multiple_of(10_240), 0);
    let long_name = [&[b'n'; 150][..], b".data\0"].concat();
    let (head, tail) = blocked.split_at(700);
    check(
        &spec(),
        &[
            ("one member", tgz(&[&member]), Ok(&text)),
            ("an old header", tgz(&[&old]), Ok(&text)),
            ("padded to a record", gz(&blocked), Ok(&text)),
            (
                "in two gzip members",
                [gz(head), gz(tail)].concat(),
                Ok(&text),
            ),
            (
                "beyond one block",
                tgz(&[&entry(b"x.data", &large)]),
                Ok(&large),
            ),
            ("an empty member", tgz(&[&entry(b"x.data", b"")]), Ok(b"")),
            (
                "of whole blocks",
                tgz(&[&entry(b"x.data", &text[..1024])]),
                Ok(&text[..1024]),
            ),
            ("other case", tgz(&[&entry(b"X.DATA", &text)]), Ok(&text)),
            ("with ./", tgz(&[&entry(b"./x.data", &text)]), Ok(&text)),
            (
                "in a folder",
                tgz(&[&entry(b"a/b/x.data", &text)]),
                Ok(&text),
            ),
            (
                "pax times",
                tgz(&[
                    &extension(b'x', &pax(&[("mtime", "1.5"), ("uname", "a\nb")])),
                    &member,
                ]),
                Ok(&text),
            ),
            (
                "pax comment for all",
                tgz(&[&extension(b'g', &pax(&[("comment", "0123")])), &member]),
                Ok(&text),
            ),
            (
                "pax name",
                tgz(&[
                    &extension(b'x', &pax(&[("path", "good.data")])),
                    &entry(b"x", &text),
                ]),
                Ok(&text),
            ),
            (
                "pax size",
                tgz(&[
                    &extension(b'x', &pax(&[("size", &text.len().to_string())])),
                    &entry_of(EntryType::Regular, b"x.data", 0, &text),
                ]),
                Ok(&text),
            ),
            (
                "long name",
                tgz(&[&extension(b'L', &long_name), &entry(b"nnn", &text)]),
                Ok(&text),
            ),
            (
                "long link before a file",
                tgz(&[&extension(b'K', b"somewhere\0"), &member]),
                Ok(&text),
            ),
        ],
    );
    let got = read(
        &tgz(&[&extension(b'L', &long_name), &entry(b"nnn", &text)]),
        &spec(),
    );
    assert_eq!(got.unwrap().member.unwrap().len(), 155);
}

#[test]
fn hostile_names() {
    let text = lines(20);
    let name = |name: &[u8]| tgz(&[&entry(name, &text)]);
    let path = Err("Member Path");
    check(
        &spec(),
        &[
            ("..", name(b"../x.data"), path),
            (".. inside", name(b"a/../x.data"), path),
            (".. at the end", name(b"x.data/.."), path),
            ("absolute", name(b"/etc/x.data"), path),
            ("two slashes", name(b"//host/x.data"), path),
            ("backslash", name(b"..\\x.data"), path),
            ("share", name(b"\\\\host\\x.data"), path),
            ("drive", name(b"C:/x.data"), path),
            ("relative to a drive", name(b"C:x.data"), path),
            ("no name", name(b""), path),
            (
                "NUL in a pax name",
                tgz(&[
                    &extension(b'x', &pax(&[("path", "x\0.data")])),
                    &entry(b"x.data", &text),
                ]),
                path,
            ),
            (
                "a pax name that leads out",
                tgz(&[
                    &extension(b'x', &pax(&[("path", "../x.data")])),
                    &entry(b"x.data", &text),
                ]),
                path,
            ),
            (
                "a long name that leads out",
                tgz(&[&extension(b'L', b"/x.data\0"), &entry(b"x.data", &text)]),
                path,
            ),
            ("other extension", name(b"x.csv"), Err("Member Name")),
            ("no extension", name(b"data"), Err("Member Name")),
            (
                "nothing but an extension",
                name(b".data"),
                Err("Member Name"),
            ),
            ("an extension more", name(b"x.data.sh"), Err("Member Name")),
            (
                "extension of a folder",
                name(b"x.data/y"),
                Err("Member Name"),
            ),
            (
                "a file that is a folder",
                name(b"x.data/"),
                Err("Member Folder"),
            ),
        ],
    );
}

#[test]
fn hostile_types() {
    let text = lines(20);
    check(
        &spec(),
        &[
            (
                "folder",
                tgz(&[&special(b'5', b"x.data")]),
                Err("Member Folder"),
            ),
            (
                "hard link",
                tgz(&[&special(b'1', b"x.data")]),
                Err("Member Link"),
            ),
            (
                "symbolic link",
                tgz(&[&special(b'2', b"x.data")]),
                Err("Member Link"),
            ),
            (
                "symbolic link that lies about its size",
                tgz(&[&entry_of(EntryType::Symlink, b"x.data", 1 << 60, b"")]),
                Err("Member Link"),
            ),
            (
                "chained links",
                tgz(&[&special(b'2', b"a.data"), &special(b'2', b"x.data")]),
                Err("Member Link"),
            ),
            (
                "long link",
                tgz(&[
                    &extension(b'K', b"/etc/passwd\0"),
                    &special(b'2', b"x.data"),
                ]),
                Err("Member Link"),
            ),
            (
                "character device",
                tgz(&[&special(b'3', b"x.data")]),
                Err("Member Special"),
            ),
            (
                "block device",
                tgz(&[&special(b'4', b"x.data")]),
                Err("Member Special"),
            ),
            (
                "pipe",
                tgz(&[&special(b'6', b"x.data")]),
                Err("Member Special"),
            ),
            (
                "contiguous file",
                tgz(&[&special(b'7', b"x.data")]),
                Err("Member Special"),
            ),
            (
                "volume label",
                tgz(&[&special(b'V', b"x.data")]),
                Err("Member Special"),
            ),
            (
                "continued file",
                tgz(&[&special(b'M', b"x.data")]),
                Err("Member Special"),
            ),
            (
                "folder dump",
                tgz(&[&special(b'D', b"x.data")]),
                Err("Member Special"),
            ),
            (
                "unknown type",
                tgz(&[&special(b'Z', b"x.data")]),
                Err("Member Special"),
            ),
            (
                "sparse file",
                tgz(&[&special(b'S', b"x.data")]),
                Err("Member Sparse"),
            ),
            (
                "pax sparse file",
                tgz(&[
                    &extension(
                        b'x',
                        &pax(&[("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "9")]),
                    ),
                    &entry(b"x.data", &text),
                ]),
                Err("Member Sparse"),
            ),
        ],
    );
}

#[test]
fn members_that_are_too_many_or_too_few() {
    let (text, other) = (lines(20), entry(b"y.data", b"a\n"));
    let member = entry(b"x.data", &text);
    check(
        &spec(),
        &[
            ("none", gz(&[0; 1024]), Err("MemberCount 0")),
            (
                "only a comment",
                tgz(&[&extension(b'g', &pax(&[("comment", "x")]))]),
                Err("MemberCount 0"),
            ),
            ("two", tgz(&[&member, &other]), Err("MemberCount 2")),
            (
                "the same twice",
                tgz(&[&member, &member]),
                Err("MemberCount 2"),
            ),
            (
                "a note behind",
                tgz(&[&member, &entry(b"README", b"x")]),
                Err("Member Name"),
            ),
            (
                "a note before",
                tgz(&[&entry(b"README", b"x"), &member]),
                Err("Member Name"),
            ),
            (
                "a folder before",
                tgz(&[&special(b'5', b"a/"), &member]),
                Err("Member Folder"),
            ),
            (
                "a folder behind",
                tgz(&[&member, &special(b'5', b"a/")]),
                Err("Member Folder"),
            ),
            (
                "a link behind",
                tgz(&[&member, &special(b'2', b"l")]),
                Err("Member Link"),
            ),
            (
                "an extension behind",
                tgz(&[&member, &extension(b'x', &pax(&[("path", "y.data")]))]),
                Err("Header tar extension without a member"),
            ),
        ],
    );
}

#[test]
fn sizes_and_headers_that_lie() {
    let text = lines(60);
    let bytes = text.len() as u64;
    let sized = |declared| tgz(&[&entry_of(EntryType::Regular, b"x.data", declared, &text)]);
    let patched = |at: usize, with: &[u8]| {
        let mut tar = sound();
        tar[at..at + with.len()].copy_from_slice(with);
        let header: &mut [u8; 512] = tar.first_chunk_mut().unwrap();
        let mut fixed = Header::from_byte_slice(&header[..]).clone();
        fixed.set_cksum();
        header.copy_from_slice(fixed.as_bytes());
        gz(&tar)
    };
    let mut wrong_sum = sound();
    wrong_sum[200] ^= 1;
    let size_error = Err("Header tar header with an impossible size");
    check(
        &spec(),
        &[
            (
                "one byte short",
                sized(bytes - 1),
                Err("Header tar member longer than its header says"),
            ),
            (
                "a block short",
                sized(bytes - 512),
                Err("Header tar member longer than its header says"),
            ),
            (
                "zero",
                sized(0),
                Err("Header tar header with a wrong checksum"),
            ),
            (
                "two blocks long",
                sized(bytes + 1024),
                Err("Truncated tar header"),
            ),
            (
                "far too long",
                sized(bytes + 1_000_000),
                Err("Truncated tar member"),
            ),
            ("2^60", sized(1 << 60), Err("TooLarge")),
            (
                "2^64",
                patched(
                    124,
                    &[0x80, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255],
                ),
                Err("TooLarge"),
            ),
            (
                "beyond 64 bits",
                patched(124, &[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]),
                size_error,
            ),
            ("negative", patched(124, &[0xff; 12]), size_error),
            ("no number", patched(124, b"zzzzzzzzzzz\0"), size_error),
            (
                "wrong checksum",
                gz(&wrong_sum),
                Err("Header tar header with a wrong checksum"),
            ),
            (
                "not a tar",
                gz(&text),
                Err("Header tar header with a wrong checksum"),
            ),
        ],
    );
}

#[test]
fn extensions_that_lie() {
    let member = entry(b"x.data", &lines(60));
    let with = |kind: u8, body: &[u8]| tgz(&[&extension(kind, body), &member]);
    let local = pax(&[("mtime", "1")]);
    let size_error = Err("Header tar header with an impossible size");
    let unreadable = Err("Header tar extension that cannot be read");
    check(
        &spec(),
        &[
            (
                "pax size beyond 64 bits",
                with(b'x', &pax(&[("size", "99999999999999999999")])),
                size_error,
            ),
            (
                "negative pax size",
                with(b'x', &pax(&[("size", "-1")])),
                size_error,
            ),
            (
                "pax size of 2^60",
                with(b'x', &pax(&[("size", "1152921504606846976")])),
                Err("TooLarge"),
            ),
            (
                "pax without a length",
                with(b'x', b"path=x.data\n"),
                unreadable,
            ),
            (
                "pax with a length too large",
                with(b'x', b"99 path=x.data\n"),
                unreadable,
            ),
            (
                "pax with a length too small",
                with(b'x', b"3 path=x.data\n"),
                unreadable,
            ),
            (
                "pax of length 0",
                with(b'x', b"0 path=x.data\n"),
                unreadable,
            ),
            ("pax without a value", with(b'x', b"8 path\n\n"), unreadable),
            ("pax of NULs", with(b'x', &[0; 30]), unreadable),
            (
                "pax twice",
                tgz(&[&extension(b'x', &local), &extension(b'x', &local), &member]),
                Err("Header tar extension twice for one member"),
            ),
            (
                "long name twice",
                tgz(&[&extension(b'L', b"a"), &extension(b'L', b"b"), &member]),
                Err("Header tar extension twice for one member"),
            ),
            (
                "a name for all",
                with(b'g', &pax(&[("path", "y.data")])),
                Err("Header tar extension that renames every member"),
            ),
            (
                "a size for all",
                with(b'g', &pax(&[("size", "1")])),
                Err("Header tar extension that renames every member"),
            ),
            (
                "endless extension",
                with(b'x', &vec![b'1'; 70_000]),
                Err("Header tar extension of impossible length"),
            ),
            (
                "extension of 2^60",
                tgz(&[&entry_of(EntryType::XHeader, b"x", 1 << 60, b""), &member]),
                Err("Header tar extension of impossible length"),
            ),
        ],
    );
}

#[test]
fn ends() {
    let text = lines(300);
    let tar = sound();
    let end = tar.len() - 1024;
    let mut lone = tar[..end + 512].to_vec();
    lone.extend_from_slice(&entry(b"y.data", b"a\n"));
    let zip = zip::sound(&text);
    check(
        &spec(),
        &[
            ("no end", gz(&tar[..end]), Err("Truncated tar header")),
            (
                "half an end",
                gz(&tar[..end + 512]),
                Err("Truncated end of the tar"),
            ),
            (
                "an entry between",
                gz(&lone),
                Err("Header tar entry after the end of the tar"),
            ),
            (
                "an entry behind",
                gz(&[&tar[..], &entry(b"y.data", b"a\n")].concat()),
                Err("TrailingGarbage zeros after the tar"),
            ),
            (
                "text behind",
                gz(&[&tar[..], b"1,2\n"].concat()),
                Err("TrailingGarbage zeros after the tar"),
            ),
            (
                "garbage behind the gzip",
                [gz(&tar), vec![1]].concat(),
                Err("TrailingGarbage gzip member"),
            ),
            (
                "zeros behind the gzip",
                [gz(&tar), vec![0; 9]].concat(),
                Err("TrailingGarbage gzip member"),
            ),
            ("no bytes", vec![], Err("WrongKind tar.gz: empty")),
            (
                "a tar that is not packed",
                tar.clone(),
                Err("WrongKind tar.gz: tar"),
            ),
            ("a zip", zip.clone(), Err("WrongKind tar.gz: zip")),
            (
                "a zip inside",
                tgz(&[&entry(b"x.data", &zip)]),
                Err("Nested zip"),
            ),
            (
                "a tar inside",
                tgz(&[&entry(b"x.data", &tar)]),
                Err("Nested tar"),
            ),
            (
                "a bomb",
                tgz(&[&entry(b"x.data", &vec![b'0'; 20 << 20])]),
                Err("Ratio"),
            ),
            (
                "a bomb of zeros behind",
                gz(&[&tar[..], &vec![0; 20 << 20]].concat()),
                Err("Ratio"),
            ),
        ],
    );
    // A tar cut anywhere, its gzip sound: never accepted. A cut gzip neither, whatever the flag says.
    for sixteenth in 0..16 {
        let error = read(&gz(&tar[..(tar.len() - 512) * sixteenth / 16]), &spec()).unwrap_err();
        assert!(
            matches!(error, ArchiveError::Truncated { .. }),
            "{sixteenth}/16: {error}"
        );
    }
    let packed = gz(&tar);
    for len in 1..packed.len() {
        let error = read(&packed[..len], &spec().accepting_truncated()).unwrap_err();
        assert!(
            matches!(error, ArchiveError::Truncated { .. }),
            "{len}: {error}"
        );
    }
    let limits = Limits {
        max_member_bytes: 1_000,
        ..Limits::default()
    };
    assert_eq!(
        tag(&read_within(&packed, &spec(), limits).unwrap_err()),
        "TooLarge"
    );
}

#[test]
fn every_damaged_byte_is_found_or_harmless() {
    let text = lines(10);
    let tar = ended(&[
        &extension(b'x', &pax(&[("path", "good.data")])),
        &entry(b"x", &text),
    ]);
    for at in 0..tar.len() {
        for mask in [1, 0x20, 0xff] {
            let mut bad = tar.clone();
            bad[at] ^= mask;
            // A tar has no sum over its data: what is damaged there is the CRC of gzip's to find.
            let in_data = (1536..1536 + text.len()).contains(&at) || (512..1024).contains(&at);
            match read(&gz(&bad), &spec()) {
                Ok(got) => assert!(in_data || got.text == text, "byte {at} ^ {mask}"),
                Err(error) => assert!(!matches!(error, ArchiveError::Io { .. })),
            }
        }
    }
}
