//! The REST client against hosts that misbehave: the outcome of every fault, how often it was asked, and that nothing is
//! sent while a host wants nothing.
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quant::rest::{Answer, Governor, Quota, Request, RestClient, RestError, RestOptions, Timer};
use quant_core::time::UnixMicros;

/// Tries after the first one in these tests.
const RETRIES: u32 = 3;
const ALL: usize = RETRIES as usize + 1;

/// Time that passes only while somebody waits.
#[derive(Debug, Default)]
struct FakeTimer(Mutex<Duration>);

impl FakeTimer {
    fn advance(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

impl Timer for FakeTimer {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }
    fn wall(&self) -> UnixMicros {
        let start: UnixMicros = "2026-01-05T00:00:00Z".parse().unwrap();
        start.plus(i64::try_from(self.now().as_micros()).unwrap())
    }
    fn sleep(&self, time: Duration, _: &AtomicBool) {
        self.advance(time);
    }
}

/// What the host does with its n-th connection.
type Behaviour = Arc<dyn Fn(usize, &mut TcpStream) + Send + Sync>;

struct Host {
    url: String,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Host {
    fn n(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Serves every connection on a thread of its own; reads the head first unless `blind`.
fn serve(blind: bool, behaviour: Behaviour) -> Host {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let host = Host {
        url,
        connections: Arc::default(),
        heads: Arc::default(),
    };
    let (connections, heads) = (Arc::clone(&host.connections), Arc::clone(&host.heads));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let n = connections.fetch_add(1, Ordering::SeqCst);
            let (behaviour, heads) = (Arc::clone(&behaviour), Arc::clone(&heads));
            std::thread::spawn(move || {
                if !blind {
                    let head = read_head(&mut stream);
                    heads.lock().unwrap().push(head);
                }
                behaviour(n, &mut stream);
            });
        }
    });
    host
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).to_ascii_lowercase()
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut out = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    )
    .into_bytes();
    out.extend_from_slice(body);
    out
}

/// Answers with the texts in turn, the last one for ever.
fn texts(answers: Vec<Vec<u8>>) -> Behaviour {
    Arc::new(move |n, stream| {
        // The client may be gone already: that is what is tested.
        drop(stream.write_all(&answers[n.min(answers.len() - 1)]));
    })
}

fn good() -> Vec<u8> {
    answer("200 OK", "Content-Type: application/json\r\n", b"[1]")
}

fn limited(retry_after: &str) -> Vec<u8> {
    answer("429 Too Many Requests", retry_after, b"{\"code\":-1003}")
}

fn options(seed: u64) -> RestOptions {
    RestOptions {
        retries: RETRIES,
        connect: Duration::from_millis(500),
        silence: Duration::from_millis(400),
        total: Duration::from_millis(800),
        max_body: 64 << 10,
        seed,
        ..RestOptions::default()
    }
}

fn client(url: &str, options: RestOptions) -> (RestClient, Arc<FakeTimer>) {
    let timer = Arc::new(FakeTimer::default());
    let governor = Arc::new(Governor::new(Vec::new()));
    let shared: Arc<dyn Timer> = timer.clone();
    (
        RestClient::new(url, options, governor, shared).unwrap(),
        timer,
    )
}

fn ask(client: &RestClient) -> Result<Answer, RestError> {
    client.send(&Request::get("/x", "w", 1), &AtomicBool::new(false))
}

fn name(result: &Result<Answer, RestError>) -> String {
    match result {
        Ok(answer) => answer.status.to_string(),
        Err(error) => error.name().to_owned(),
    }
}

/// One line of the table: a fault, what it comes to, how many connections it takes.
struct Case {
    fault: &'static str,
    host: Host,
    outcome: &'static str,
    connections: usize,
}

fn case(
    fault: &'static str,
    answers: Vec<Vec<u8>>,
    outcome: &'static str,
    connections: usize,
) -> Case {
    acts(fault, false, texts(answers), outcome, connections)
}

fn acts(
    fault: &'static str,
    blind: bool,
    behaviour: Behaviour,
    outcome: &'static str,
    connections: usize,
) -> Case {
    Case {
        fault,
        host: serve(blind, behaviour),
        outcome,
        connections,
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn redirect(to: &str) -> Vec<u8> {
    answer("302 Found", &format!("Location: {to}\r\n"), b"")
}

fn statuses() -> Vec<Case> {
    let date = "Date: Sun, 06 Nov 1994 08:49:00 GMT\r\n";
    let at = format!("{date}Retry-After: Sun, 06 Nov 1994 08:49:07 GMT\r\n");
    let far = format!("{date}Retry-After: Sun, 06 Nov 2094 08:49:07 GMT\r\n");
    let status = |status: &str, headers: &str| answer(status, headers, b"{\"code\":-1}");
    vec![
        case("429, seconds", vec![limited("Retry-After: 2\r\n"), good()], "200", 2),
        case("429, date", vec![limited(&at), good()], "200", 2),
        case("429, date far away", vec![limited(&far)], "held", 1),
        case("429, no word", vec![limited("")], "exhausted", ALL),
        case("429, negative", vec![limited("Retry-After: -5\r\n")], "exhausted", ALL),
        case("429, nonsense", vec![limited("Retry-After: soon\r\n")], "exhausted", ALL),
        case("429, 10^9", vec![limited("Retry-After: 1000000000\r\n")], "held", 1),
        case("429, 10^30", vec![limited("Retry-After: 1000000000000000000000000000000\r\n")], "exhausted", ALL),
        case("418, seconds", vec![status("418 I'm a teapot", "Retry-After: 120\r\n")], "banned", 1),
        case("418, no word", vec![status("418 I'm a teapot", "")], "banned", 1),
        case("418, zero", vec![status("418 I'm a teapot", "Retry-After: 0\r\n")], "banned", 1),
        case("403", vec![status("403 Forbidden", "")], "forbidden", 1),
        case("451", vec![status("451 Unavailable", "")], "forbidden", 1),
        case("404", vec![status("404 Not Found", "")], "404", 1),
        case("400", vec![status("400 Bad Request", "")], "400", 1),
        case("500 once", vec![status("500 Oops", ""), good()], "200", 2),
        case("502", vec![status("502 Bad Gateway", "")], "exhausted", ALL),
        case("503 unknown", vec![answer("503 Unavailable", "", b"{\"code\":-1000,\"msg\":\"Unknown error, please check your request or try again later.\"}"), good()], "200", 2),
        case("503, 10^9", vec![status("503 Unavailable", "Retry-After: 1000000000\r\n")], "held", 1),
        case("408", vec![status("408 Timeout", ""), good()], "200", 2),
        case("304, stale ETag", vec![b"HTTP/1.1 304 Not Modified\r\nETag: \"old\"\r\nConnection: close\r\n\r\n".to_vec()], "status", 1),
        case("204", vec![answer("204 No Content", "", b"")], "status", 1),
    ]
}

fn bodies() -> Vec<Case> {
    let short = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\n[1,2".to_vec();
    let cut = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,2,\r\n5\r\n3,4".to_vec();
    let chunked = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n".to_vec();
    let bomb = gzip(&vec![b' '; 20 << 20]);
    let zipped = |body: &[u8]| answer("200 OK", "Content-Encoding: gzip\r\n", body);
    let half = gzip(b"[1,2,3]");
    let many = vec![b' '; 65 << 10];
    vec![
        case(
            "200 with HTML",
            vec![answer(
                "200 OK",
                "Content-Type: text/html\r\n",
                b"<html>Maintenance</html>",
            )],
            "not-json",
            1,
        ),
        case(
            "200 with nothing",
            vec![answer("200 OK", "", b"")],
            "exhausted",
            ALL,
        ),
        case(
            "200 with two values",
            vec![answer("200 OK", "", b"[1][2]")],
            "not-json",
            1,
        ),
        case(
            "200 with bad UTF-8",
            vec![answer("200 OK", "", b"[\"\xff\xfe\"]")],
            "not-json",
            1,
        ),
        case("short body", vec![short.clone()], "exhausted", ALL),
        case("short body once", vec![short, good()], "200", 2),
        case("chunked", vec![chunked], "200", 1),
        case("chunked, cut", vec![cut], "exhausted", ALL),
        case("gzip", vec![zipped(&gzip(b"[1]"))], "200", 1),
        case(
            "gzip, cut",
            vec![zipped(&half[..half.len() - 6])],
            "exhausted",
            ALL,
        ),
        case("gzip, not gzip", vec![zipped(b"[1]")], "exhausted", ALL),
        case("gzip bomb", vec![zipped(&bomb)], "too-large", 1),
        case(
            "brotli",
            vec![answer("200 OK", "Content-Encoding: br\r\n", b"[1]")],
            "not-json",
            1,
        ),
        case(
            "too long",
            vec![answer("200 OK", "", &many)],
            "too-large",
            1,
        ),
        case(
            "HTTP/1.0",
            vec![b"HTTP/1.0 200 OK\r\n\r\n[1]".to_vec()],
            "200",
            1,
        ),
        case(
            "HTTP/1.0, cut",
            vec![b"HTTP/1.0 200 OK\r\n\r\n[1,2".to_vec()],
            "exhausted",
            ALL,
        ),
    ]
}

fn connections() -> Vec<Case> {
    let drip: Behaviour = Arc::new(|_, stream| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
        drop(stream.write_all(head));
        for _ in 0..1_000 {
            if stream.write_all(b" ").is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let head_for_ever: Behaviour = Arc::new(|_, stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n"));
        while stream.write_all(b"X-More: yes\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let head_too_long: Behaviour = Arc::new(|_, stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n"));
        let line = format!("X-More: {}\r\n", "y".repeat(1 << 16));
        while stream.write_all(line.as_bytes()).is_ok() {}
    });
    let silent: Behaviour = Arc::new(|_, stream| {
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest));
    });
    // Closing with unread bytes in the buffer resets the connection.
    let reset: Behaviour = Arc::new(|_, stream| {
        std::thread::sleep(Duration::from_millis(30));
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[1,"));
        std::thread::sleep(Duration::from_millis(30));
    });
    let garbage = b"\x15\x03\x01 this is not HTTP\r\n\r\n".to_vec();
    vec![
        acts("slow-loris body", false, drip, "exhausted", ALL),
        acts("head never ends", false, head_for_ever, "exhausted", ALL),
        acts("head too long", false, head_too_long, "exhausted", ALL),
        acts("silence", false, silent, "exhausted", ALL),
        acts("reset mid-body", true, reset, "exhausted", ALL),
        case("not HTTP", vec![garbage], "exhausted", ALL),
        case(
            "redirect to file:",
            vec![redirect("file:///etc/passwd")],
            "redirected",
            1,
        ),
        // The first request and three redirects.
        case("redirect loop", vec![redirect("/x")], "redirected", 4),
        case(
            "redirect on the host",
            vec![redirect("/y"), good()],
            "200",
            2,
        ),
    ]
}

#[test]
fn every_fault_comes_to_its_outcome_in_its_number_of_requests() {
    let cases: Vec<Case> = [statuses(), bodies(), connections()]
        .into_iter()
        .flatten()
        .collect();
    let n = cases.len();
    let (wrong, done) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for case in &cases {
            let (wrong, done) = (&wrong, &done);
            scope.spawn(move || {
                let (client, _) = client(&case.host.url, options(1));
                let result = ask(&client);
                let found = (name(&result), case.host.n());
                done.fetch_add(1, Ordering::SeqCst);
                if found != (case.outcome.to_owned(), case.connections) {
                    let line = format!(
                        "{}: {found:?}, expected {:?}: {result:?}",
                        case.fault,
                        (case.outcome, case.connections)
                    );
                    wrong.lock().unwrap().push(line);
                }
                if let Err(error) = &result {
                    assert!(error.to_string().contains(&case.host.url), "{error}");
                }
            });
        }
    });
    assert_eq!(done.into_inner(), n);
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {n}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_host_elsewhere_is_never_asked() {
    let other = serve(false, texts(vec![good()]));
    let host = serve(false, texts(vec![redirect(&format!("{}/x", other.url))]));
    let (client, _) = client(&host.url, options(1));
    assert_eq!(name(&ask(&client)), "redirected");
    assert_eq!((host.n(), other.n()), (1, 0));
}

#[test]
fn nothing_is_sent_inside_a_ban_by_any_thread_nor_by_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let banned = answer("418 I'm a teapot", "Retry-After: 180\r\n", b"{}");
    let host = serve(false, texts(vec![banned, good()]));
    let kept = RestOptions {
        holds: Some(dir.path().join("holds.json")),
        ..options(1)
    };
    let (first, timer) = client(&host.url, kept.clone());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let error = ask(&first).unwrap_err();
                    assert_eq!(error.name(), "banned", "{error}");
                    assert!(
                        error.to_string().contains("2026-01-05T00:03:00Z"),
                        "{error}"
                    );
                }
            });
        }
    });
    assert_eq!(host.n(), 1);
    // Another process, at the same time.
    let (second, _) = client(&host.url, kept.clone());
    assert_eq!(name(&ask(&second)), "banned");
    assert_eq!(host.n(), 1);
    timer.advance(Duration::from_secs(100));
    assert_eq!(name(&ask(&first)), "banned");
    assert_eq!(host.n(), 1);
    // The last seconds are waited out.
    timer.advance(Duration::from_secs(50));
    assert_eq!(name(&ask(&first)), "200");
    assert_eq!((host.n(), timer.now()), (2, Duration::from_mins(3)));
}

#[test]
fn the_end_of_a_ban_is_read_from_the_text_if_no_header_says_it() {
    let body =
        b"{\"code\":-1003,\"msg\":\"Way too many requests; IP banned until 1767571500000.\"}";
    let host = serve(false, texts(vec![answer("418 I'm a teapot", "", body)]));
    let (client, _) = client(&host.url, options(1));
    let error = ask(&client).unwrap_err();
    assert!(
        error.to_string().contains("until 2026-01-05T00:05:00Z"),
        "{error}"
    );
}

#[test]
fn a_pause_the_host_asks_for_is_kept_by_all_threads() {
    for seed in 0..20 {
        let host = serve(false, texts(vec![limited("Retry-After: 7\r\n"), good()]));
        let (client, timer) = client(&host.url, options(seed));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(name(&ask(&client)), "200"));
            }
        });
        assert!(timer.now() >= Duration::from_secs(7), "{:?}", timer.now());
        assert_eq!(host.n(), 5);
    }
}

#[test]
fn backoff_is_jittered_by_the_seed_and_doubles() {
    let mut waited = Vec::new();
    for seed in 0..20 {
        let host = serve(false, texts(vec![answer("500 Oops", "", b"{}")]));
        let (client, timer) = client(&host.url, options(seed));
        assert_eq!(name(&ask(&client)), "exhausted");
        assert_eq!(host.n(), ALL);
        // 500, 1000 and 2000 ms, each shortened by up to a half.
        let total = timer.now();
        assert!(total >= Duration::from_millis(1_750) && total <= Duration::from_millis(3_500));
        waited.push(total);
    }
    waited.sort();
    waited.dedup();
    assert!(waited.len() >= 15, "{waited:?}");
}

#[test]
fn our_own_limit_is_kept_before_the_host_has_to_say_it() {
    let host = serve(false, texts(vec![good()]));
    let timer = Arc::new(FakeTimer::default());
    let quota = Quota::new("w", Duration::from_secs(2), 3);
    let shared: Arc<dyn Timer> = timer.clone();
    let governor = Arc::new(Governor::new(vec![quota]));
    let client = RestClient::new(&host.url, options(1), governor, shared).unwrap();
    for _ in 0..7 {
        assert_eq!(name(&ask(&client)), "200");
    }
    assert_eq!(timer.now(), Duration::from_secs(4));
}

#[test]
fn cookies_are_not_kept() {
    let set = answer("200 OK", "Set-Cookie: id=1; Path=/\r\n", b"[1]");
    let host = serve(false, texts(vec![set]));
    let (client, _) = client(&host.url, options(1));
    assert_eq!(name(&ask(&client)), "200");
    assert_eq!(name(&ask(&client)), "200");
    let heads = host.heads.lock().unwrap();
    assert_eq!(heads.len(), 2);
    assert!(
        heads.iter().all(|head| !head.contains("cookie")),
        "{heads:?}"
    );
}

#[test]
fn an_address_that_does_not_answer_is_given_up() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let plain = serve(false, texts(vec![good()]));
    let tls = plain.url.replace("http://", "https://");
    for url in [&*address, "http://host.invalid", &tls] {
        let (client, _) = client(url, options(1));
        let error = ask(&client).unwrap_err();
        assert!(
            matches!(error, RestError::Exhausted { attempts, .. } if attempts == RETRIES + 1),
            "{url}: {error}"
        );
    }
    for url in ["file:///etc/passwd", "ftp://host", "host"] {
        let timer: Arc<dyn Timer> = Arc::new(FakeTimer::default());
        let governor = Arc::new(Governor::new(Vec::new()));
        assert!(
            RestClient::new(url, options(1), governor, timer).is_err(),
            "{url}"
        );
    }
}

/// A throwaway key of the loopback server, and its self-signed certificate for `localhost`: nobody trusts either.
const KEY: &str = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b020101042038cd55da2c5038de44578ae1\
    c799cff200828faf17b326d438b63f25a2dcdfdaa14403420004ab402fdca346c24cd6ab5958788181b6b587a7f7d650\
    d849e84ff69aefaee17732cd3bc1003b2637643666b7828ce39a4eb647ccfc155ec70e450ab8db98edf6";
const CERTIFICATE: &str = "3082019a30820141a003020102021447c7313e35d8b9cc522adc7e83bf836eb3b4233b300a06082a8648ce3d04030230\
    143112301006035504030c096c6f63616c686f73743020170d3236313132373230353631345a180f3231323631313033\
    3230353631345a30143112301006035504030c096c6f63616c686f73743059301306072a8648ce3d020106082a8648ce\
    3d03010703420004ab402fdca346c24cd6ab5958788181b6b587a7f7d650d849e84ff69aefaee17732cd3bc1003b2637\
    643666b7828ce39a4eb647ccfc155ec70e450ab8db98edf6a36f306d301d0603551d0e041604142ddc870a14c23ffacd\
    8c9e7a740ecaf3d4714d7d301f0603551d230418301680142ddc870a14c23ffacd8c9e7a740ecaf3d4714d7d300f0603\
    551d130101ff040530030101ff301a0603551d110413301182096c6f63616c686f737487047f000001300a06082a8648\
    ce3d040302034700304402200924c9655368dd1ae38cecfbcea3c2e67200f57c31359f498e4709640da8c6ca022070c5\
    28ae6bf3227e90ead655476acae0f864802ceae7f651bb349111619029f5";
fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

#[test]
fn a_certificate_nobody_signed_is_refused() {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    drop(rustls::crypto::ring::default_provider().install_default());
    let key = PrivateKeyDer::try_from(bytes_of(KEY)).unwrap();
    let certificate = CertificateDer::from(bytes_of(CERTIFICATE));
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let answered = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&answered);
    let host = serve(
        true,
        Arc::new(move |_, stream| {
            let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::Stream::new(&mut tls, stream);
            let mut byte = [0];
            if tls.read(&mut byte).is_ok_and(|n| n > 0) {
                seen.fetch_add(1, Ordering::SeqCst);
                drop(tls.write_all(&good()));
            }
        }),
    );
    // Trusted by nobody; and of another name.
    for name in ["localhost", "127.0.0.1"] {
        let before = host.n();
        let url = host
            .url
            .replace("http://127.0.0.1", &format!("https://{name}"));
        let (client, _) = client(&url, options(1));
        let error = ask(&client).unwrap_err();
        assert!(matches!(error, RestError::Exhausted { .. }), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
        assert!(host.n() - before <= ALL * 2);
    }
    // No request got past the handshake.
    assert_eq!(answered.load(Ordering::SeqCst), 0);
}
