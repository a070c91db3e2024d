//! VPIN without signed trades: volume is split by the size of the price change (bulk classification).

use serde::{Deserialize, Serialize};

use crate::features::kernels::returns::LastClose;
use crate::features::kernels::rolling::ValidSum;
use crate::features::kernels::{MinuteFeature, MinuteKernel, ROW_CAUSALITY};
use crate::features::{FeatureDef, FeatureSpec, MinuteFrame, ParamRules, RowFeature};

/// Parameters of VPIN from price changes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VpinBvcParams {
    /// Number of minutes n.
    pub minutes: u32,
    /// Number of price changes their deviation is taken over.
    pub sigma_minutes: u32,
    /// Smallest share of the window's minutes that must have volume and a deviation.
    pub min_valid_share: f64,
    /// Replay window.
    pub days_back: u16,
}

impl FeatureDef for VpinBvcParams {
    const KIND: &'static str = "vpin_bvc";
    const DOC: &'static str = "VPIN of minutes, volume split by the size of the price change";

    fn example() -> Self {
        Self {
            minutes: 60,
            sigma_minutes: 60,
            min_valid_share: 0.5,
            days_back: 0,
        }
    }

    fn check(&self, rules: &mut ParamRules<'_>) {
        rules.minutes("minutes", self.minutes, 1);
        rules.minutes("sigma_minutes", self.sigma_minutes, 2);
        rules.share("min_valid_share", self.min_valid_share);
    }

    fn days_back(&self) -> u16 {
        self.days_back
    }

    fn build(&self) -> Box<dyn RowFeature> {
        let n = self.minutes;
        let spec = FeatureSpec {
            name: Self::KIND,
            columns: vec![format!("vpin_bvc_{n}")],
            params: vec![
                ("minutes", n.to_string()),
                ("sigma_minutes", self.sigma_minutes.to_string()),
                ("min_valid_share", self.min_valid_share.to_string()),
            ],
            formula: "sum |2 Phi(d / s) - 1| v / sum v over minutes with v > 0, d = c_t - c_(t-1), s = std of the sigma_minutes last d at that minute",
            units: "share in [0, 1]",
            window: format!("{n} minutes"),
            warmup: format!(
                "{n} minutes and enough of them with a deviation of {} changes",
                self.sigma_minutes
            ),
            inputs: "1m close, volume",
            nan_policy: "null until warm, in and after gaps until warm, and below min_valid_share of minutes with volume and s > 0",
            causality: ROW_CAUSALITY,
            reference: "Easley, Lopez de Prado and O'Hara (2012), Bulk Classification of Trading Activity",
            days_back: self.days_back,
        };
        let window = || ValidSum::new(n, self.min_valid_share);
        Box::new(MinuteFeature::of(
            spec,
            Kernel {
                closes: LastClose::new(),
                changes: ValidSum::new(self.sigma_minutes, 1.0),
                imbalance: window(),
                volume: window(),
            },
        ))
    }
}

#[derive(Debug)]
struct Kernel {
    closes: LastClose,
    changes: ValidSum,
    /// Imbalance and volume of the minutes that have both.
    imbalance: ValidSum,
    volume: ValidSum,
}

impl Kernel {
    /// Returns the share of the current minute's volume on its heavier side less that on the other.
    fn split(&mut self, frame: &MinuteFrame<'_>) -> Option<f64> {
        let (before, close) = self.closes.step(frame.traded().row.as_ref())?;
        let change = close - before;
        self.changes.push(Some(change));
        let (_, s) = self.changes.mean_std()?;
        // |2 Phi(z) - 1| = erf(|z| / sqrt 2), without cancellation near 0.
        let z = libm::fabs(change) / s;
        (s > 0.0).then(|| libm::erf(z * core::f64::consts::FRAC_1_SQRT_2))
    }
}

impl MinuteKernel for Kernel {
    fn clear(&mut self) {
        self.closes.clear();
        self.changes.clear();
        self.imbalance.clear();
        self.volume.clear();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        let volume = frame.traded().row.map(|r| r.volume).filter(|v| *v > 0.0);
        let both = self.split(frame).zip(volume);
        self.imbalance.push(both.map(|(share, v)| share * v));
        self.volume.push(both.map(|(_, v)| v));
        if let (Some(imbalance), Some(volume)) = (self.imbalance.sum(), self.volume.sum()) {
            // Equal shares may sum to an ulp above the volume.
            out[0] = Some((imbalance / volume).min(1.0));
        }
    }

    fn memory_minutes(&self) -> Option<u32> {
        Some(self.volume.size() + self.changes.size())
    }
}
