//! Files stay inside their folder, ranges are read as HTTP has it, listings page as S3 does.
use super::*;

fn tree(files: &[&str]) -> (tempfile::TempDir, Archive) {
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        let path = dir.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file).unwrap();
    }
    let archive = Archive::new(dir.path()).unwrap();
    (dir, archive)
}

#[test]
fn files_are_found_below_the_root_and_nowhere_else() {
    let (dir, archive) = tree(&["data/a.zip", "static.okx.com/cdn/b.zip"]);
    let secret = dir.path().parent().unwrap().join("mock-archive-secret");
    std::fs::write(&secret, "x").unwrap();
    assert_eq!(archive.find("/data/a.zip", "").unwrap().bytes, 10);
    assert!(archive.find("/cdn/b.zip", "static.okx.com:443").is_some());
    assert!(archive.find("/static.okx.com/cdn/b.zip", "").is_some());
    for path in [
        "/../mock-archive-secret",
        "/data/../../mock-archive-secret",
        "//etc/passwd",
        "/data",
        "/",
        "",
        "/data/a.zip\0",
        "/data/b.zip",
    ] {
        assert_eq!(archive.find(path, ""), None, "{path}");
        assert_eq!(archive.find(path, "../.."), None, "{path}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&secret, dir.path().join("data/link")).unwrap();
        assert_eq!(
            archive.find("/data/link", ""),
            None,
            "a link that leads out"
        );
    }
    std::fs::remove_file(secret).unwrap();
    assert!(Archive::new(&dir.path().join("missing")).is_err());
}

#[test]
fn ranges() {
    for (header, expected) in [
        (None, Part::Whole),
        (Some("bytes=0-3"), Part::Range(0, 4)),
        (Some("bytes=4-"), Part::Range(4, 10)),
        (Some("bytes=4-99"), Part::Range(4, 10)),
        (Some("bytes=-3"), Part::Range(7, 10)),
        (Some("bytes=-99"), Part::Range(0, 10)),
        (Some("bytes=10-"), Part::Unsatisfiable),
        (Some("bytes=-0"), Part::Unsatisfiable),
        (Some("bytes=5-4"), Part::Whole),
        (Some("bytes=0-1,3-4"), Part::Whole),
        (Some("lines=0-1"), Part::Whole),
        (Some("bytes=x-"), Part::Whole),
    ] {
        assert_eq!(part_of(header, 10), expected, "{header:?}");
    }
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open)
        .skip(1)
        .filter_map(|part| part.split(close).next())
        .collect()
}

#[test]
fn listings_show_children_once_and_echo_the_prefix() {
    let (_dir, archive) = tree(&[
        "data/um/BTC/1.zip",
        "data/um/BTC/2.zip",
        "data/um/ETH/1.zip",
        "data/um/readme",
        "other/x",
    ]);
    let list = |query: &str| {
        let answer = archive.s3_listing(&Query::parse(query));
        String::from_utf8(answer.body).unwrap()
    };
    let xml = list("delimiter=/&prefix=data/um/");
    assert_eq!(
        between(&xml, "<CommonPrefixes><Prefix>", "</Prefix>"),
        ["data/um/BTC/", "data/um/ETH/"]
    );
    assert_eq!(between(&xml, "<Key>", "</Key>"), ["data/um/readme"]);
    // The trap: a reader that takes every <Prefix> sees a child that does not exist.
    assert_eq!(between(&xml, "<Prefix>", "</Prefix>").len(), 3);
    assert!(xml.contains("<IsTruncated>false</IsTruncated>") && !xml.contains("NextMarker"));
    let all = list("prefix=data/um/");
    assert_eq!(between(&all, "<Key>", "</Key>").len(), 4);
    let none = list("prefix=data/um/LTC/&delimiter=/");
    assert!(
        between(&none, "<Key>", "</Key>").is_empty()
            && none.contains("<Prefix>data/um/LTC/</Prefix>")
    );
}

#[test]
fn pages_of_any_size_add_up_to_the_whole() {
    let names: Vec<String> = (0..23)
        .map(|i| format!("data/{}/{i:02}.zip", ["a", "b", "c"][i % 3]))
        .collect();
    let (_dir, archive) = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for (delimiter, expected) in [("", 23), ("/", 3)] {
        for max in 1..30 {
            let (mut seen, mut marker) = (Vec::new(), String::new());
            loop {
                let entries = archive.list("data/");
                let page = page(&entries, "data/", delimiter, &marker, max);
                seen.extend(page.keys.into_iter().map(|k| k.path));
                seen.extend(page.prefixes);
                match page.next {
                    Some(next) => marker = next,
                    None => break,
                }
            }
            assert_eq!(seen.len(), expected, "{delimiter} {max}");
            assert!(seen.is_sorted());
        }
    }
}

#[test]
fn folders_are_pages_of_links() {
    let (_dir, archive) = tree(&[
        "public.bybit.com/trading/BTCUSDT/a&b.csv.gz",
        "public.bybit.com/trading/x",
    ]);
    let page = archive
        .html_listing("/trading/", "public.bybit.com")
        .unwrap();
    let html = String::from_utf8(page.body).unwrap();
    assert_eq!(between(&html, "href=\"", "\""), ["BTCUSDT/", "x"]);
    assert!(
        archive
            .html_listing("/trading/none/", "public.bybit.com")
            .is_none()
    );
    let inner = archive
        .html_listing("/public.bybit.com/trading/BTCUSDT/", "")
        .unwrap();
    assert!(
        String::from_utf8(inner.body)
            .unwrap()
            .contains("a&amp;b.csv.gz")
    );
}
