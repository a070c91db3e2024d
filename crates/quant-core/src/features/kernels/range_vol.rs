//! Range estimators of variance: one value per bar, the root of their mean over a window.

use core::fmt;
use core::marker::PhantomData;

use crate::features::kernels::rolling::ValidSum;
use crate::features::kernels::{BarKernel, PriceBar};

/// A variance of one bar from its own prices.
pub(crate) trait BarVariance: fmt::Debug + Send {
    /// Returns the variance; it may be negative.
    fn variance(bar: &PriceBar) -> f64;
}

/// Root of the mean of a variance over the last n bars.
#[derive(Debug)]
pub(crate) struct RangeKernel<V> {
    window: ValidSum,
    variance: PhantomData<V>,
}

impl<V> RangeKernel<V> {
    pub(crate) fn new(bars: u32) -> Self {
        Self {
            window: ValidSum::new(bars, 1.0),
            variance: PhantomData,
        }
    }
}

impl<V: BarVariance> BarKernel for RangeKernel<V> {
    fn clear(&mut self) {
        self.window.clear();
    }

    fn push(&mut self, bar: &PriceBar) {
        self.window.push(Some(V::variance(bar)));
    }

    fn write(&self, out: &mut [Option<f64>]) {
        out[0] = self
            .window
            .mean()
            .filter(|variance| *variance >= 0.0)
            .map(f64::sqrt);
    }

    fn memory_bars(&self) -> Option<u32> {
        Some(self.window.size())
    }
}
