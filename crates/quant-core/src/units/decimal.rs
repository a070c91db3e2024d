//! Products of numbers that were decimals: what the venue's own arithmetic gives, without the noise of binary fractions.

/// Powers of ten without rounding.
const POW10: [f64; 19] = [
    1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18,
];

/// The nearest floats of 0.1, 0.01 ...: contract values, mostly.
const TENTHS: [f64; 8] = [0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8];

/// Most decimals of a factor; quantities and contract values have fewer.
const MAX_DECIMALS: usize = 9;

/// Largest integer up to which every integer is a 64-bit float.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Adding and subtracting it rounds a smaller number that is not negative to an integer.
const ROUNDER: f64 = 4_503_599_627_370_496.0;

/// Returns the product of two numbers as the nearest float of the product of their shortest decimals: 140.2 and 0.02 give 2.804,
/// where the product of the floats is 2.8040000000000003.
///
/// Numbers that are no decimals of at most 9 places, and products of more than 15 digits, are multiplied as they are.
///
/// # Units
/// Those of the product. Both numbers are not negative; the result may be infinite for absurd operands.
#[inline]
pub fn decimal_product(a: f64, b: f64) -> f64 {
    if let (Some((m, i)), Some((n, j))) = (as_decimal(a), as_decimal(b)) {
        let product = m * n;
        // Integers below the limit are exact, so the division is the only rounding.
        if product < MAX_EXACT
            && let Some(scale) = POW10.get(i + j)
        {
            return product / scale;
        }
    }
    a * b
}

/// Takes a number apart into an integer and decimal places.
#[inline]
fn as_decimal(x: f64) -> Option<(f64, usize)> {
    if !(0.0..MAX_EXACT).contains(&x) {
        return None;
    }
    if x.trunc() >= x {
        return Some((x, 0));
    }
    if let Some(at) = TENTHS.iter().position(|t| t.total_cmp(&x).is_eq()) {
        return Some((1.0, at + 1));
    }
    (1..=MAX_DECIMALS).find_map(|places| {
        let scale = POW10[places];
        let integer = (x * scale + ROUNDER) - ROUNDER;
        // Both are exact, so this is the float that the decimal is read as.
        let is_it = integer < MAX_EXACT && (integer / scale).total_cmp(&x).is_eq();
        is_it.then_some((integer, places))
    })
}
