//! The kind of a file by its content.

use super::*;

#[track_caller]
fn kind(bytes: &[u8]) -> Kind {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    sniff(file.path()).unwrap()
}

#[test]
fn by_content() {
    let text = lines(2_000);
    let tar = tar::sound();
    let mut cut_char = vec![b'a'; 4095];
    cut_char.extend_from_slice("\u{20ac}".as_bytes());
    for (bytes, expected) in [
        (vec![], Kind::Empty),
        (b"PK\x03\x04".to_vec(), Kind::Zip),
        (b"PK\x05\x06".to_vec(), Kind::Zip),
        (zip::sound(&text), Kind::Zip),
        (gzip::gz(&text), Kind::Gzip),
        (gzip::gz(b""), Kind::Gzip),
        (b"\x1f\x8b damaged".to_vec(), Kind::Gzip),
        (gzip::gz(&tar), Kind::TarGz),
        (gzip::gz(&tar)[..30].to_vec(), Kind::Gzip),
        (tar, Kind::Tar),
        (zstd::zst(&text), Kind::Zstd),
        (b"\x50\x2a\x4d\x18\0\0\0\0".to_vec(), Kind::Zstd),
        (b"PAR1 and more".to_vec(), Kind::Parquet),
        (text, Kind::Text),
        (b"id,price\r\n1,2\r\n".to_vec(), Kind::Text),
        ("\u{feff}id\tpr\u{e9}cio\n".as_bytes().to_vec(), Kind::Text),
        (cut_char, Kind::Text),
        (b"PKI,1\n".to_vec(), Kind::Text),
        (b"{\"stream\":\"btcusdt@trade\"}".to_vec(), Kind::Text),
        (b"id\0price\n".to_vec(), Kind::Binary),
        (b"caf\xe9\n".to_vec(), Kind::Binary),
        (b"half a character \xe2\x82".to_vec(), Kind::Binary),
        (vec![0; 600], Kind::Binary),
        (b"\x7fELF\x02\x01".to_vec(), Kind::Binary),
    ] {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(30)]).into_owned();
        assert_eq!(kind(&bytes), expected, "{start:?}");
    }
    assert!(matches!(
        sniff(Path::new("no such file")),
        Err(ArchiveError::Io { .. })
    ));
    let folder = tempfile::tempdir().unwrap();
    let refused = sniff(folder.path());
    assert!(matches!(refused, Err(ArchiveError::NotAFile { .. })));
}

#[test]
fn every_kind_opens_as_what_it_is() {
    let text = lines(500);
    for bytes in [
        zip::sound(&text),
        gzip::gz(&text),
        zstd::zst(&text),
        text.clone(),
    ] {
        let spec = ContainerSpec::of_kind(kind(&bytes), "csv").unwrap();
        assert_eq!(read(&bytes, &spec).unwrap().text, text);
    }
    let tar = gzip::gz(&tar::sound());
    let spec = ContainerSpec::of_kind(kind(&tar), "DATA").unwrap();
    let got = read(&tar, &spec).unwrap();
    assert_eq!(got.member.as_deref(), Some("x.data"));
    for kind in [Kind::Empty, Kind::Tar, Kind::Parquet, Kind::Binary] {
        assert_eq!(ContainerSpec::of_kind(kind, "csv"), None);
    }
}

#[test]
fn plain_files() {
    let text = lines(50_000);
    check(
        &Container::Plain.into(),
        &[
            ("text", text.clone(), Ok(&text)),
            ("no bytes", vec![], Ok(b"")),
            ("no line end", b"a\nb".to_vec(), Ok(b"a\nb")),
            // The parser counts bad bytes; they are no other container.
            ("a NUL", b"a\0b\n".to_vec(), Ok(b"a\0b\n")),
            ("gzip", gzip::gz(&text), Err("WrongKind plain text: gzip")),
            ("zip", zip::sound(&text), Err("WrongKind plain text: zip")),
            ("zstd", zstd::zst(&text), Err("WrongKind plain text: zstd")),
            ("tar", tar::sound(), Err("WrongKind plain text: tar")),
            (
                "Parquet",
                b"PAR1".to_vec(),
                Err("WrongKind plain text: Parquet"),
            ),
        ],
    );
    for container in [
        Container::Plain,
        Container::Gzip,
        Container::Zstd,
        Container::Zip(Pick::Extension("csv".to_owned())),
        Container::TarGz(Pick::Extension("data".to_owned())),
    ] {
        let error = open(
            Path::new("no such file"),
            &container.into(),
            Limits::default(),
        );
        assert!(matches!(error, Err(ArchiveError::Io { .. })));
    }
}

#[test]
fn what_is_no_file_is_refused_without_being_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut paths = vec![dir.path().to_owned()];
    if cfg!(unix) {
        // A device without an end, and one behind a link.
        let link = dir.path().join("trades.csv");
        #[cfg(unix)]
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        paths.extend([link, "/dev/zero".into()]);
        // A pipe nobody writes to.
        let pipe = dir.path().join("pipe.gz");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        if made.is_ok_and(|s| s.success()) {
            paths.push(pipe);
        }
    }
    for path in paths {
        let refused = [
            sniff(&path).err(),
            crate::ingest::archive::hash_file(&path).err(),
        ];
        for error in refused {
            let error = error.map(|e| e.to_string()).unwrap_or_default();
            assert!(
                error.contains("is no file") && error.contains("hint:"),
                "{error}"
            );
        }
    }
}
