//! The effective sample, and the size of what is still tested of features with a long memory, measured.
//!
//! Returns are white. The shocks of a feature go with the return of their own minute, as those of a price and of what falls
//! with volatility do; later returns cannot be predicted. `RUN_SLOW_TESTS=1 ... -- --nocapture` prints the table of
//! `docs/diagnostics.md`.

use super::super::*;
use super::size::Normals;

/// Returns an AR(1) path, stationary for `rho < 1`, with the shocks that drive it.
fn path(seed: u64, n: usize, rho: f64) -> (Vec<f64>, Vec<f64>) {
    let mut z = Normals::new(seed, "persistent");
    let scale = if rho < 1.0 {
        (1.0 - rho * rho).sqrt()
    } else {
        1.0
    };
    let mut x = if rho < 1.0 { z.next() } else { 0.0 };
    (0..n)
        .map(|_| {
            let shock = z.next();
            x = rho * x + scale * shock;
            (x, shock)
        })
        .unzip()
}

fn effective(rho: f64, n: usize) -> f64 {
    let of = |seed| effective_sample(&path(seed, n, rho).0).unwrap();
    let mut all: Vec<f64> = (0..40).map(of).collect();
    all.sort_by(f64::total_cmp);
    quantile_of_sorted(&all, 0.5).unwrap()
}

#[test]
fn the_effective_sample_is_that_of_the_mean() {
    // Known: n (1 - rho) / (1 + rho).
    for (rho, expected) in [(0.0, 4_000.0), (0.5, 1_333.0), (0.9, 210.5), (0.97, 60.9)] {
        let found = effective(rho, 4_000);
        assert!(
            (0.75..=1.1).contains(&(found / expected)),
            "{rho}: {found} of {expected}"
        );
    }
    let walk = effective(1.0, 4_000);
    assert!(walk < 5.0, "{walk}");
}

#[test]
fn by_hand_the_effective_sample_of_a_short_series() {
    // Mean 0, variance 1; products of neighbours -1, 1, 1, 1, -1, 1, 1 and of the next but one -1, 1, 1, -1, -1, 1. A
    // quarter of the sample allows lags up to 2.
    let xs = [1.0, -1.0, -1.0, -1.0, -1.0, 1.0, 1.0, 1.0];
    let r1 = 3.0 / 7.0;
    let r2 = 0.0;
    let series = GappySeries::new(&xs).unwrap();
    assert!((series.at(1).0.unwrap() - r1).abs() < 1e-12);
    assert!((series.at(2).0.unwrap() - r2).abs() < 1e-12);
    let r = r1 + (1.0 + 3.0 * r1) / 8.0;
    let by_first = 8.0 * (1.0 - r) / (1.0 + r);
    let by_sum = 8.0 / (1.0 + 2.0 * r1 + 2.0 * r2);
    assert!(by_first < by_sum);
    assert!((effective_sample(&xs).unwrap() - by_first).abs() < 1e-12);
}

#[test]
fn noise_does_not_hide_a_level_nor_do_gaps() {
    let (walk, _) = path(3, 2_880, 1.0);
    let (noise, _) = path(4, 2_880, 0.0);
    let scale = std_dev(&walk, 0).unwrap();
    let hidden: Vec<f64> = walk
        .iter()
        .zip(&noise)
        .map(|(w, z)| w / scale + z)
        .collect();
    let first = autocorrelation(&hidden, &[1]).unwrap()[0];
    assert!(first < 0.6, "{first}");
    assert!(effective_sample(&hidden).unwrap() < 30.0);
    let mut with_gaps = walk;
    for hole in (0..2_880).step_by(3) {
        with_gaps[hole] = f64::NAN;
    }
    assert!(effective_sample(&with_gaps).unwrap() < 30.0);
    // What turns around at each step is worth its number, not more.
    let saw: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
    assert!((effective_sample(&saw).unwrap() - 100.0).abs() < 1e-9);
    assert_eq!(
        effective_sample(&[1.0; 9]),
        Err(Undefined::NoVariation { n: 9 })
    );
    assert!(effective_sample(&[1.0, f64::NAN, 2.0, f64::NAN]).is_err());
}

/// What a feature is made of besides its shocks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Feature {
    /// The AR(1) path.
    Path,
    /// With as much white noise on top.
    Noisy,
}

/// Measures one world: a feature with memory `rho` whose shocks correlate with the returns of their own minute.
fn measure(
    seed: u64,
    (n, h, rho, together, kind): (usize, usize, f64, f64, Feature),
) -> InformationCoefficient {
    let (mut xs, shocks) = path(seed, n, rho);
    let mut z = Normals::new(seed, "returns");
    let apart = (1.0 - together * together).sqrt();
    let steps: Vec<f64> = shocks
        .iter()
        .map(|shock| together * shock + apart * z.next())
        .collect();
    if kind == Feature::Noisy {
        let scale = std_dev(&xs, 0).unwrap();
        for x in &mut xs {
            *x = *x / scale + z.next();
        }
    }
    let mut level = 0.0;
    let prices: Vec<f64> = steps
        .iter()
        .map(|r| {
            level += r;
            level
        })
        .collect();
    let sums: Vec<f64> = (0..n)
        .map(|t| {
            prices
                .get(t + h)
                .map_or(f64::NAN, |later| later - prices[t])
        })
        .collect();
    let returns = ForwardReturns {
        sums: &sums,
        steps: &steps,
        horizon: h,
    };
    let params = IcParams {
        block: (2 * h).max(60),
        replicates: 0,
        level: 0.95,
        seed: 1,
        name: "persistent",
        min_effective: MIN_EFFECTIVE,
    };
    information_coefficient(&xs, &returns, &params).unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "how many worlds a test draws; nothing that is tested knows it"
)]
fn is_slow() -> bool {
    std::env::var_os("RUN_SLOW_TESTS").is_some_and(|v| v == "1")
}

#[test]
fn what_is_still_tested_of_persistent_features_has_its_size() {
    let is_slow = is_slow();
    let worlds: u64 = if is_slow { 400 } else { 20 };
    println!(
        "minutes, memory, shocks with returns, feature | horizon: tested, rejected rank, rejected linear, of {worlds} worlds"
    );
    let mut all = [0_u64; 4];
    for (n, rho, together, kind) in [
        (1_440, 0.9, -0.7, Feature::Path),
        (2_880, 0.9, -0.7, Feature::Path),
        (2_880, 0.95, -0.7, Feature::Path),
        (2_880, 0.97, -0.7, Feature::Path),
        (2_880, 0.98, -0.7, Feature::Path),
        (2_880, 0.99, 0.0, Feature::Path),
        (2_880, 0.99, -0.7, Feature::Path),
        (10_080, 0.99, -0.7, Feature::Path),
        (2_880, 0.999, -0.7, Feature::Path),
        (2_880, 0.999, -0.7, Feature::Noisy),
        // The price itself, and what it is under noise.
        (2_880, 1.0, 1.0, Feature::Path),
        (2_880, 1.0, 1.0, Feature::Noisy),
    ] {
        let mut line = format!("{n} {rho} {together} {kind:?} |");
        for h in [1, 60] {
            let found: Vec<InformationCoefficient> = (0..worlds)
                .map(|seed| measure(seed, (n, h, rho, together, kind)))
                .collect();
            let count = |of: &dyn Fn(&InformationCoefficient) -> Option<f64>| {
                let ps: Vec<f64> = found.iter().filter_map(of).collect();
                let rejected = ps.iter().filter(|p| **p <= 0.05).count();
                (ps.len() as u64, rejected as u64)
            };
            let (tested, rank) = count(&|f| f.rank.p);
            let (tested_linear, linear) = count(&|f| f.linear.p);
            line = format!("{line} {h}: {tested} {rank} {linear}");
            for (sum, more) in all.iter_mut().zip([tested, rank, tested_linear, linear]) {
                *sum += more;
            }
            for (tested, rejected) in [(tested, rank), (tested_linear, linear)] {
                // Of all worlds, tested or not: no column floods the family.
                assert!(rejected as f64 <= 0.09 * worlds as f64 + 1.5, "{line}");
                if is_slow && 2 * tested >= worlds {
                    let share = rejected as f64 / tested as f64;
                    assert!((0.025..=0.08).contains(&share), "{line}: {share}");
                }
                if rho >= 0.999 && n == 2_880 {
                    // Noise makes the long memory harder to see (9 % of the worlds at 0.999).
                    let most = if kind == Feature::Path { 0.02 } else { 0.15 };
                    assert!(tested as f64 <= most * worlds as f64 + 1.5, "{line}");
                }
                if rho <= 0.9 {
                    assert!(100 * tested >= 90 * worlds, "{line}");
                }
            }
            for f in &found {
                for estimate in [f.rank, f.linear] {
                    assert_eq!(estimate.p.is_none(), estimate.untested.is_some());
                    assert!(estimate.interval.is_none());
                }
            }
        }
        println!("{line}");
    }
    for (tested, rejected) in [(all[0], all[1]), (all[2], all[3])] {
        let share = rejected as f64 / tested as f64;
        println!("of all that is tested: {rejected} of {tested}, {share:.3}");
        assert!((0.025..=0.08).contains(&share), "{share}");
    }
}
