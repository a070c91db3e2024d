//! Containers read back by other readers, whatever the pieces they were written in.

use std::io::Read as _;

use flate2::read::GzDecoder;
use proptest::prelude::*;

use super::*;

fn name(name: &str) -> FileName {
    FileName {
        folder: "some/folder".to_owned(),
        name: name.to_owned(),
    }
}

fn gz(pieces: &[Vec<u8>]) -> PackedFile {
    let mut file = GzFile::new(name("a.csv.gz"), Effort::Normal);
    for piece in pieces {
        file.push(piece).unwrap();
    }
    file.finish().unwrap()
}

fn zip(pieces: &[Vec<u8>]) -> PackedFile {
    let mut file = ZipFile::new(name("a.data.zip"), "a.data", Effort::Fast).unwrap();
    for piece in pieces {
        file.push(piece).unwrap();
    }
    file.finish().unwrap()
}

fn tar_gz(pieces: &[Vec<u8>]) -> PackedFile {
    let mut file = TarGzFile::new(name("a.tar.gz"), "a.data".to_owned(), Effort::Fast);
    for piece in pieces {
        file.push(piece).unwrap();
    }
    file.finish().unwrap()
}

/// Reads a gzip file that must have one member and nothing behind it.
fn gunzip(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    GzDecoder::new(&mut bytes).read_to_end(&mut out).unwrap();
    assert!(bytes.is_empty(), "bytes behind the gzip member");
    out
}

fn only_member(tar: &[u8]) -> (String, Vec<u8>) {
    let mut archive = tar::Archive::new(tar);
    let mut members = archive.entries().unwrap();
    let mut first = members.next().unwrap().unwrap();
    let mut content = Vec::new();
    first.read_to_end(&mut content).unwrap();
    assert_eq!(first.header().mtime().unwrap(), 0);
    let path = first.path().unwrap().to_string_lossy().into_owned();
    assert!(members.next().is_none());
    (path, content)
}

#[test]
fn paths() {
    let file = gz(&[]);
    assert_eq!(file.path(), "some/folder/a.csv.gz");
    assert_eq!(gunzip(&file.bytes), b"");
}

#[test]
fn a_tar_of_no_bytes_and_of_whole_records() {
    for size in [0, 1, 511, 512, 513, 1_024] {
        let content = vec![b'x'; size];
        let file = tar_gz(core::slice::from_ref(&content));
        let tar = gunzip(&file.bytes);
        assert_eq!(tar.len() % 512, 0);
        assert_eq!(only_member(&tar), ("a.data".to_owned(), content));
    }
}

#[test]
fn a_tar_larger_than_every_buffer() {
    // Hard to compress, so that the output outgrows its room many times.
    let mut state = 1_u64;
    let content: Vec<u8> = (0..3_000_000)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .collect();
    let pieces: Vec<Vec<u8>> = content.chunks(70_001).map(<[u8]>::to_vec).collect();
    let file = tar_gz(&pieces);
    assert!(file.bytes.len() > 2_900_000);
    assert_eq!(only_member(&gunzip(&file.bytes)).1, content);
}

#[test]
fn a_member_name_that_no_header_holds() {
    let mut file = TarGzFile::new(name("a.tar.gz"), "x".repeat(300), Effort::Fast);
    file.push(b"content").unwrap();
    assert!(matches!(file.finish(), Err(PackError::Container { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn content_comes_back(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3_000), 0..12)) {
        let content = pieces.concat();
        let file = gz(&pieces);
        prop_assert_eq!(gunzip(&file.bytes), content.clone());
        prop_assert_eq!(&gz(&pieces).bytes, &file.bytes);

        let file = zip(&pieces);
        let mut archive = ::zip::ZipArchive::new(Cursor::new(&file.bytes)).unwrap();
        prop_assert_eq!(archive.len(), 1);
        let mut back = Vec::new();
        let mut member = archive.by_index(0).unwrap();
        prop_assert_eq!(member.name().unwrap(), "a.data");
        member.read_to_end(&mut back).unwrap();
        prop_assert_eq!(&back, &content);
        prop_assert_eq!(&zip(&pieces).bytes, &file.bytes);

        let file = tar_gz(&pieces);
        prop_assert_eq!(only_member(&gunzip(&file.bytes)).1, content);
        prop_assert_eq!(&tar_gz(&pieces).bytes, &file.bytes);
    }
}
