//! The venues the mock speaks for, one file each, written from their documents and from recorded frames.

pub mod binance;
pub mod bybit;
pub mod deepcoin;
pub mod hyperliquid;
pub mod okx;
mod parts;

use super::venue::VenueHandler;
use super::world::World;

/// Returns a handler per venue; the first that claims a path answers it.
pub fn all(world: &World) -> Vec<Box<dyn VenueHandler>> {
    vec![
        Box::new(binance::Binance::new(world)),
        Box::new(okx::Okx::new(world)),
        Box::new(bybit::Bybit::new(world)),
        Box::new(deepcoin::Deepcoin::new(world)),
        Box::new(hyperliquid::Hyperliquid::new(world)),
    ]
}
