//! Speeds are read, the clock steps, pauses, holds, and waits for its sockets.
use super::*;

#[test]
fn speeds() {
    assert_eq!("1".parse(), Ok(Speed::Times(1.0)));
    assert_eq!("2.5x".parse(), Ok(Speed::Times(2.5)));
    assert_eq!("10000".parse(), Ok(Speed::Times(10_000.0)));
    assert_eq!("max".parse(), Ok(Speed::Max));
    for bad in ["0", "-1", "10001", "nan", "inf", "", "fast", "1e9"] {
        assert!(bad.parse::<Speed>().is_err(), "{bad}");
    }
}

fn driven<T>(clock: &Arc<Clock>, test: impl AsyncFnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let driver = Arc::clone(clock);
        let task = tokio::spawn(async move {
            let world = World::new(Vec::new());
            driver.drive(&world, &Demand::default(), 0, 0).await;
        });
        let out = test().await;
        clock.stop();
        task.await.unwrap();
        out
    })
}

async fn until(clock: &Clock, ready: impl Fn(i64) -> bool) {
    let mut now = clock.subscribe();
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !ready(*now.borrow_and_update()) {
            now.changed().await.unwrap();
        }
    });
    waited.await.expect("the clock does not move");
}

#[test]
fn a_fast_clock_moves_and_a_paused_one_stands() {
    let clock = Arc::new(Clock::new(UnixMicros(0), Speed::Times(1_000.0), false));
    driven(&clock, async || {
        until(&clock, |now| now > 1_000_000).await;
        clock.set_paused(true);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let stood = clock.now();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(clock.now(), stood);
        let to = clock.step(7_000);
        assert_eq!(to, stood.plus(7_000));
        until(&clock, |now| now == to.0).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(clock.now(), to, "a step ends where it should");
        clock.set_paused(false);
        until(&clock, |now| now > to.0 + 1_000).await;
    });
}

#[test]
fn as_fast_as_the_sockets_read_means_that_none_is_left_behind() {
    let clock = Arc::new(Clock::new(UnixMicros(0), Speed::Max, false));
    driven(&clock, async || {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(clock.now(), UnixMicros(0), "nobody listens");
        let (fast, slow) = (clock.join(), clock.join());
        let idle = clock.join();
        idle.report(UnixMicros(0), false);
        slow.report(UnixMicros(0), true);
        fast.report(UnixMicros(0), true);
        until(&clock, |now| now == MAX_MODE_STEP_US).await;
        fast.report(UnixMicros(MAX_MODE_STEP_US), true);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(
            clock.now().0,
            MAX_MODE_STEP_US,
            "the slow one is waited for"
        );
        slow.report(UnixMicros(MAX_MODE_STEP_US), true);
        until(&clock, |now| now == 2 * MAX_MODE_STEP_US).await;
        drop(slow);
        fast.report(UnixMicros(2 * MAX_MODE_STEP_US), true);
        until(&clock, |now| now == 3 * MAX_MODE_STEP_US).await;
    });
}

#[test]
fn a_held_clock_waits_for_the_first_subscription() {
    let clock = Arc::new(Clock::new(UnixMicros(5), Speed::Times(1_000.0), true));
    driven(&clock, async || {
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(clock.now(), UnixMicros(5));
        let socket = clock.join();
        socket.report(UnixMicros(5), true);
        until(&clock, |now| now > 100_000).await;
        assert!(!clock.status().held);
    });
}

#[test]
fn connection_time_runs_at_most_a_hundred_times_the_wall() {
    let clock = Clock::new(UnixMicros(0), Speed::Times(10_000.0), false);
    std::thread::sleep(Duration::from_millis(20));
    let fast = clock.conn_ms();
    assert!((2_000..60_000).contains(&fast), "{fast}");
    clock.set_speed(Speed::Max);
    let before = clock.conn_ms();
    std::thread::sleep(Duration::from_millis(20));
    let by_wall = clock.conn_ms() - before;
    assert!((20..1_500).contains(&by_wall), "{by_wall}");
}
