//! Tests of the downloader against a scripted server on loopback.
use super::*;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::sync::mpsc;

/// Serves one canned answer per connection and reports the request heads it saw.
fn serve(answers: Vec<Vec<u8>>) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tx, rx) = mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head).unwrap() == 0 {
                    break;
                }
            }
            tx.send(head).unwrap();
            stream.write_all(&answer).unwrap();
        }
    });
    (address, rx)
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n").into_bytes();
    out.extend_from_slice(body);
    out
}

fn host(url: &str, retries: u32) -> HttpHost {
    let mut host = HttpHost::new(url, retries, Duration::from_secs(5)).unwrap();
    host.first_pause = Duration::from_millis(1);
    host
}

fn go() -> AtomicBool {
    AtomicBool::new(false)
}

#[test]
fn not_found_is_an_answer_and_is_asked_once() {
    let (url, seen) = serve(vec![answer("404 Not Found", "Content-Length: 0\r\n", b"")]);
    assert_eq!(host(&url, 5).text("a/b.CHECKSUM", &go()).unwrap(), None);
    assert!(seen.recv().unwrap().starts_with("GET /a/b.CHECKSUM "));
    assert!(seen.try_recv().is_err());
}

#[test]
fn a_cut_download_is_resumed_where_it_stopped() {
    let (url, seen) = serve(vec![
        answer("200 OK", "Content-Length: 10\r\n", b"0123"),
        answer(
            "206 Partial Content",
            "Content-Length: 6\r\nContent-Range: bytes 4-9/10\r\n",
            b"456789",
        ),
    ]);
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("x.zip.partial");
    assert_eq!(
        host(&url, 2).download("x.zip", &dest, &go()).unwrap(),
        Some(10)
    );
    assert_eq!(std::fs::read(&dest).unwrap(), b"0123456789");
    assert!(!seen.recv().unwrap().to_ascii_lowercase().contains("range:"));
    assert!(
        seen.recv()
            .unwrap()
            .to_ascii_lowercase()
            .contains("range: bytes=4-")
    );
}

#[test]
fn a_server_without_ranges_sends_the_file_again() {
    let (url, _seen) = serve(vec![answer("200 OK", "Content-Length: 4\r\n", b"abcd")]);
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("x");
    std::fs::write(&dest, b"zz").unwrap();
    assert_eq!(host(&url, 0).download("x", &dest, &go()).unwrap(), Some(4));
    assert_eq!(std::fs::read(&dest).unwrap(), b"abcd");
}

#[test]
fn server_errors_are_retried_and_then_given_up() {
    let busy = || answer("500 Internal Server Error", "Content-Length: 0\r\n", b"");
    let (url, seen) = serve(vec![busy(), busy(), busy()]);
    let error = host(&url, 2).text("x", &go()).unwrap_err();
    assert!(
        matches!(error, FetchError::Exhausted { tries: 3, .. }),
        "{error}"
    );
    assert_eq!(seen.iter().count(), 3);
}

#[test]
fn a_long_retry_after_ends_the_download_at_once() {
    let (url, _seen) = serve(vec![answer(
        "429 Too Many Requests",
        "Retry-After: 1000000000\r\nContent-Length: 0\r\n",
        b"",
    )]);
    let error = host(&url, 5).text("x", &go()).unwrap_err();
    assert!(
        matches!(
            error,
            FetchError::RateLimited {
                status: 429,
                seconds: 1_000_000_000,
                ..
            }
        ),
        "{error}"
    );
}

/// A host that bans, with answers to spare: who asks again is seen.
fn banning(status: &str, headers: &str) -> (String, mpsc::Receiver<String>) {
    let ban = || answer(status, headers, b"");
    serve(vec![ban(), ban(), ban(), ban()])
}

#[test]
fn nothing_is_sent_inside_a_ban_by_any_file_thread_or_process() {
    for (status, headers, least) in [
        (
            "418 I'm a teapot",
            "Retry-After: 3600\r\nContent-Length: 0\r\n",
            3_500,
        ),
        ("418 I'm a teapot", "Content-Length: 0\r\n", 100),
        (
            "429 Too Many Requests",
            "Retry-After: 3600\r\nContent-Length: 0\r\n",
            3_500,
        ),
        (
            "503 Service Unavailable",
            "Retry-After: 3600\r\nContent-Length: 0\r\n",
            3_500,
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("holds.json");
        let (url, seen) = banning(status, headers);
        let first = host(&url, 5).keeping_holds(file.clone());
        let held = |error: &FetchError| match error {
            FetchError::RateLimited { seconds, .. } => *seconds >= least,
            _ => false,
        };
        let error = first.text("a", &go()).unwrap_err();
        assert!(held(&error), "{status}: {error}");
        std::thread::scope(|scope| {
            for name in ["b", "c"] {
                let (first, dest) = (&first, folder.path().join(name));
                scope.spawn(move || {
                    let error = first.download(name, &dest, &go()).unwrap_err();
                    assert!(held(&error), "{status}: {error}");
                    // What is not begun leaves nothing.
                    assert!(!dest.exists());
                });
            }
        });
        // The next process, and one that asks another host.
        let error = host(&url, 5).keeping_holds(file.clone()).text("d", &go());
        assert!(held(&error.unwrap_err()), "{status}");
        assert_eq!(seen.try_iter().count(), 1, "{status}");
        let (free, _seen) = serve(vec![answer("404 Not Found", "Content-Length: 0\r\n", b"")]);
        let other = host(&free, 0).keeping_holds(file);
        assert_eq!(other.text("e", &go()).unwrap(), None);
    }
}

#[test]
fn a_short_pause_is_waited_out_by_all() {
    let (url, seen) = serve(vec![
        answer(
            "429 Too Many Requests",
            "Retry-After: 1\r\nContent-Length: 0\r\n",
            b"",
        ),
        answer("404 Not Found", "Content-Length: 0\r\n", b""),
        answer("404 Not Found", "Content-Length: 0\r\n", b""),
    ]);
    let host = host(&url, 1);
    let begun = Instant::now();
    assert_eq!(host.text("a", &go()).unwrap(), None);
    assert_eq!(host.text("b", &go()).unwrap(), None);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(seen.iter().take(3).count(), 3);
}

#[test]
fn forbidden_is_final_and_names_the_address() {
    let (url, _seen) = serve(vec![answer("403 Forbidden", "Content-Length: 0\r\n", b"")]);
    let error = host(&url, 5).text("x", &go()).unwrap_err();
    assert!(error.to_string().contains("/x` answered 403"), "{error}");
}

#[test]
fn an_interrupt_stops_before_the_next_try() {
    let stop = AtomicBool::new(true);
    let error = host("http://127.0.0.1:9", 5).text("x", &stop).unwrap_err();
    assert!(matches!(error, FetchError::Interrupted { .. }));
}

#[test]
fn only_http_addresses_are_bases() {
    for url in ["ftp://x", "file:///etc", "x", ""] {
        assert!(
            HttpHost::new(url, 0, Duration::from_secs(1)).is_err(),
            "{url}"
        );
    }
}

/// Serves the given bodies one byte at a time, a few milliseconds apart, each on a connection of its own.
fn serve_slowly(
    bodies: Vec<(&'static str, Vec<u8>)>,
    pause: Duration,
) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tx, rx) = mpsc::channel();
    std::thread::spawn(move || {
        for (head, body) in bodies {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while !seen.ends_with("\r\n\r\n") {
                if reader.read_line(&mut seen).unwrap() == 0 {
                    break;
                }
            }
            tx.send(seen).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            for byte in body {
                // The client hangs up when it has had enough.
                if stream
                    .write_all(&[byte])
                    .and_then(|()| stream.flush())
                    .is_err()
                {
                    break;
                }
                std::thread::sleep(pause);
            }
        }
    });
    (address, rx)
}

#[test]
fn a_download_that_trickles_is_given_up_and_goes_on_where_it_stood() {
    const N: usize = 2_000;
    let whole: Vec<u8> = (0..N).map(|i| u8::try_from(i % 251).unwrap()).collect();
    let (url, seen) = serve_slowly(
        vec![
            (
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2000\r\n\r\n",
                whole
            );
            3
        ],
        Duration::from_millis(5),
    );
    let mut host = host(&url, 2);
    host.min_rate = http::MinRate {
        bytes_per_s: 1_000,
        over: Duration::from_millis(100),
    };
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("x.partial");
    let began = Instant::now();
    let error = host.download("x", &dest, &go()).unwrap_err();
    // Whole, each of the three bodies would take ten seconds.
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    let FetchError::Exhausted { tries: 3, last, .. } = &error else {
        panic!("{error}");
    };
    assert!(last.contains("too slow"), "{last}");
    let range = |head: String| {
        let head = head.to_ascii_lowercase();
        let (_, rest) = head.split_once("range: bytes=")?;
        rest.split('-').next()?.parse::<u64>().ok()
    };
    assert_eq!(range(seen.recv().unwrap()), None);
    assert!(
        range(seen.recv().unwrap()).is_some_and(|at| at > 0),
        "no resume"
    );
}

#[test]
fn a_checksum_that_trickles_is_given_up() {
    let (url, _seen) = serve_slowly(
        vec![(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2000\r\n\r\n",
            vec![b'a'; 2_000],
        )],
        Duration::from_millis(5),
    );
    let mut host = host(&url, 0);
    host.min_rate = http::MinRate {
        bytes_per_s: 1_000,
        over: Duration::from_millis(100),
    };
    let error = host.text("x.CHECKSUM", &go()).unwrap_err();
    assert!(error.to_string().contains("too slow"), "{error}");
}

#[test]
fn a_slow_download_that_is_fast_enough_arrives() {
    let (url, _seen) = serve_slowly(
        vec![(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 200\r\n\r\n",
            vec![7; 200],
        )],
        Duration::from_millis(2),
    );
    let mut host = host(&url, 0);
    host.min_rate = http::MinRate {
        bytes_per_s: 10,
        over: Duration::from_millis(50),
    };
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("x.partial");
    assert_eq!(host.download("x", &dest, &go()).unwrap(), Some(200));
    assert_eq!(std::fs::read(&dest).unwrap(), vec![7; 200]);
}
