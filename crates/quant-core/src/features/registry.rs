//! The list of every feature kind, for listings and documentation. Examples here are not defaults.

use crate::features::FeatureParams;

/// One kind of feature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureKind {
    /// Name, as in the config key `kind`.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// Valid parameters, to show what the kind takes; `example.build()` gives the full declaration.
    pub example: FeatureParams,
}

/// Returns every feature kind, in name order.
pub fn kinds() -> Vec<FeatureKind> {
    use FeatureParams as P;
    [
        (
            P::Atr {
                bars: 14,
                days_back: 1,
            },
            "Wilder's average true range of 5-minute bars",
        ),
        (
            P::EfficiencyRatio {
                bars: 12,
                days_back: 1,
            },
            "net move over path length of 5-minute closes",
        ),
        (
            P::Ema {
                bars: 20,
                days_back: 1,
            },
            "exponential mean of 5-minute closes",
        ),
        (
            P::EmaGap {
                fast: 20,
                slow: 60,
                atr_bars: 14,
                days_back: 1,
            },
            "fast minus slow exponential mean, in average true ranges",
        ),
        (
            P::EmaSlope {
                bars: 20,
                lag: 3,
                atr_bars: 14,
                days_back: 1,
            },
            "change of the exponential mean per bar, in average true ranges",
        ),
        (
            P::Extremes {
                bars: 24,
                days_back: 1,
            },
            "highest high and lowest low of the 5-minute bars before the current one",
        ),
        (
            P::RealisedVol {
                minutes: 60,
                min_valid_share: 0.8,
                days_back: 1,
            },
            "root of the sum of squared 1-minute log returns",
        ),
        (
            P::RvRatio {
                minutes: 60,
                days: 7,
                min_valid_share: 0.8,
            },
            "realised volatility over the median of its daily medians",
        ),
        (
            P::SessionVwap {},
            "volume-weighted mean price since 00:00 UTC",
        ),
        (
            P::Tfi {
                minutes: 5,
                days_back: 0,
            },
            "bought minus sold volume over both",
        ),
        (
            P::VolumeMedian {
                bars: 24,
                days_back: 1,
            },
            "median volume of the 5-minute bars before the current one",
        ),
        (
            P::Wick { days_back: 0 },
            "upper and lower wick of the last 5-minute bar over its range",
        ),
    ]
    .map(|(example, doc)| FeatureKind {
        name: example.kind(),
        doc,
        example,
    })
    .to_vec()
}
