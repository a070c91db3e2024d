//! The standard normal law.

use crate::stats::Undefined;

/// Returns P(Z <= z), to about 1e-16 absolute, accurate in the lower tail.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * core::f64::consts::FRAC_1_SQRT_2)
}

/// Returns z with P(Z <= z) = p.
///
/// # Errors
/// `OutOfDomain` unless `0 < p < 1`.
///
/// # References
/// Start: Abramowitz and Stegun 1964, 26.2.23; refined with Halley's method on [`normal_cdf`].
pub fn normal_quantile(p: f64) -> Result<f64, Undefined> {
    if !(p > 0.0 && p < 1.0) {
        return Err(Undefined::OutOfDomain { what: "p" });
    }
    let tail = p.min(1.0 - p);
    let t = (-2.0 * libm::log(tail)).sqrt();
    let num = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let den = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let mut z = -(t - num / den);
    // The start is good to 4.5e-4 and Halley's method triples the digits, so three steps reach f64.
    for _ in 0..3 {
        let density = libm::exp(-0.5 * z * z) / (2.0 * core::f64::consts::PI).sqrt();
        if density <= 0.0 {
            break;
        }
        let step = (normal_cdf(z) - tail) / density;
        z -= step / (1.0 + 0.5 * z * step);
    }
    Ok(if p <= 0.5 { z } else { -z })
}
