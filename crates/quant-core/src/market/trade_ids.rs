//! What the ids of a numbered stream of trades tell: that some of them never came.

/// Ids in a row that must be missing before trades count as lost. Shorter holes of Binance are normal: insurance fund and ADL
/// trades are left out.
pub const LOST_TRADE_IDS: i64 = 5;

/// Follows the ids of a venue that numbers its trades one by one, within a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TradeIds {
    largest: Option<i64>,
}

impl TradeIds {
    /// Takes the id of the next trade in the order of the stream and returns whether trades were lost before it.
    ///
    /// The first trade tells nothing, and neither does an id that is not the largest so far.
    ///
    /// # Causality
    /// A loss is told by the first trade after it: not before, and not for what came between.
    #[inline]
    pub fn lost_before(&mut self, id: i64) -> bool {
        let Some(largest) = self.largest else {
            self.largest = Some(id);
            return false;
        };
        self.largest = Some(largest.max(id));
        id.saturating_sub(largest) > LOST_TRADE_IDS
    }
}

#[cfg(test)]
mod tests {
    use super::TradeIds;

    #[test]
    fn five_missing_ids_are_a_loss_and_four_are_not() {
        let mut ids = TradeIds::default();
        // 10 tells nothing; 15 leaves out 11..=14; 21 leaves out 16..=20; 21 again; back to 12; 22; 28 leaves out 23..=27.
        let told: Vec<bool> = [10, 15, 21, 21, 12, 22, 28]
            .into_iter()
            .map(|id| ids.lost_before(id))
            .collect();
        assert_eq!(told, [false, false, true, false, false, false, true]);
        assert!(
            !TradeIds {
                largest: Some(i64::MIN)
            }
            .lost_before(i64::MIN)
        );
        assert!(
            TradeIds {
                largest: Some(i64::MIN)
            }
            .lost_before(i64::MAX)
        );
    }
}
