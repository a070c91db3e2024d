//! Any bytes at all, and sound files with damage anywhere: a text or an error, never a panic, always the hash.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn specs() -> Vec<ContainerSpec> {
    let pick = |extension: &str| Pick::Extension(extension.to_owned());
    let strict = [
        Container::Plain,
        Container::Gzip,
        Container::Zstd,
        Container::Zip(pick("csv")),
        Container::Zip(Pick::Named("x.csv".to_owned())),
        Container::TarGz(pick("data")),
    ];
    let strict = strict.map(ContainerSpec::from);
    let accepting = strict.clone().map(ContainerSpec::accepting_truncated);
    strict.into_iter().chain(accepting).collect()
}

/// Reads bytes as every kind of file; returns how many kinds take them.
fn read_as_all(bytes: &[u8]) -> usize {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    sniff(file.path()).unwrap();
    let limits = Limits {
        max_member_bytes: 4 << 20,
        ..Limits::default()
    };
    let reads = specs()
        .into_iter()
        .map(|spec| read_path(file.path(), &spec, limits, 8192));
    reads.flatten().count()
}

fn sound() -> Vec<Vec<u8>> {
    let text = lines(60);
    vec![
        gzip::gz(&text),
        gzip::gz(&tar::sound()),
        zip::sound(&text),
        zstd::zst(&text),
        text,
    ]
}

#[test]
fn sound_files_are_taken() {
    // Strict and accepting, and a zip by name and by extension.
    assert_eq!(
        sound().iter().map(|b| read_as_all(b)).collect::<Vec<_>>(),
        [2, 2, 4, 2, 2]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_bytes(start in 0_usize..8, bytes in vec(any::<u8>(), 0..3000)) {
        let starts: [&[u8]; 8] = [
            b"", b"\x1f\x8b\x08\0\0\0\0\0\0\0", b"\x1f\x8b\x08\x1f", b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfd\0\0",
            b"PK\x03\x04", b"PK\x05\x06", b"\x52\x2a\x4d\x18",
        ];
        read_as_all(&[starts[start], &bytes].concat());
    }

    #[test]
    fn any_bytes_inside_gzip(bytes in vec(any::<u8>(), 0..3000)) {
        read_as_all(&gzip::gz(&bytes));
    }

    #[test]
    fn any_damage(which in 0_usize..5, edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6)) {
        let mut bytes = sound().swap_remove(which);
        for (at, byte, how) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
        }
        read_as_all(&bytes);
    }
}
