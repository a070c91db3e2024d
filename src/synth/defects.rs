//! Defects asked for on the command line, planted into finished files and listed in `defects.json`.

use quant_core::market::{Market, Venue};
use quant_lake::defects::{self, DefectKind, DefectPlan, PlantedDefect, Shape};
use quant_lake::schema::Dataset;
use quant_lake::venues::binance::VisionType;
use serde::Serialize;

use super::files::StoredFile;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};

/// Name of the list at the root of an archive.
pub const DEFECTS_FILE: &str = "defects.json";

/// Which defects to plant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DefectRequest {
    /// Seed of the defects.
    pub seed: u64,
    /// Kind and the share of the files it can be in that get it.
    pub rates: Vec<(String, f64)>,
}

impl DefectRequest {
    /// Reads `KIND=RATE` texts; `all=RATE` names every kind. `None` without any.
    ///
    /// # Errors
    /// Configuration error: not `KIND=RATE`, unknown kinds, rates that are none.
    pub fn parse(texts: &[String], seed: u64) -> CommandResult<Option<Self>> {
        let mut rates = Vec::new();
        for text in texts {
            let (name, rate) = text
                .split_once('=')
                .and_then(|(name, rate)| Some((name, rate.parse::<f64>().ok()?)))
                .ok_or_else(|| {
                    CommandError::text(
                        ErrorKind::Config,
                        &format!("--defects `{text}`: expected KIND=RATE"),
                    )
                    .hint("e.g. --defects gap=0.2,wrong_checksum=0.1")
                })?;
            if name == "all" {
                rates.extend(DefectKind::ALL.map(|kind| (kind.name().to_owned(), rate)));
            } else {
                rates.push((name.to_owned(), rate));
            }
        }
        if rates.is_empty() {
            return Ok(None);
        }
        let request = Self { seed, rates };
        request.plan()?;
        Ok(Some(request))
    }

    /// Returns the checked plan.
    ///
    /// # Errors
    /// Configuration error.
    pub fn plan(&self) -> CommandResult<DefectPlan> {
        DefectPlan::new(self.seed, &self.rates).config_error()
    }
}

/// Content of `defects.json`.
#[derive(Serialize)]
struct List<'a> {
    simulated: bool,
    request: &'a DefectRequest,
    defects: &'a [PlantedDefect],
}

/// Plants into one file after the other and remembers what it did.
pub(super) struct Planter {
    request: DefectRequest,
    plan: DefectPlan,
    planted: Vec<PlantedDefect>,
}

impl Planter {
    pub(super) fn new(request: DefectRequest) -> CommandResult<Self> {
        Ok(Self {
            plan: request.plan()?,
            request,
            planted: Vec::new(),
        })
    }

    pub(super) fn plant(&mut self, file: &mut StoredFile) -> CommandResult<()> {
        let Some(shape) = shape_of(file) else {
            return Ok(());
        };
        let stored = defects::StoredFile {
            bytes: std::mem::take(&mut file.bytes),
            checksum: file.checksum.take(),
        };
        let (stored, planted) =
            defects::plant(&self.plan, &file.path, shape, stored).internal_error()?;
        file.bytes = stored.bytes;
        file.checksum = stored.checksum;
        self.planted.extend(planted);
        Ok(())
    }

    pub(super) fn count(&self) -> usize {
        self.planted.len()
    }

    pub(super) fn json(&self) -> CommandResult<String> {
        let list = List {
            simulated: true,
            request: &self.request,
            defects: &self.planted,
        };
        Ok(serde_json::to_string_pretty(&list).internal_error()? + "\n")
    }
}

/// Returns how the lines of a file look.
fn shape_of(file: &StoredFile) -> Option<Shape> {
    if file.path.starts_with("recordings/") {
        return Some(Shape::Recording);
    }
    match file.instrument.exchange.venue {
        Venue::Binance => VisionType::of(file.dataset).map(Shape::vision),
        Venue::Bybit => match (file.dataset, file.instrument.market) {
            (Dataset::Trades, Market::Spot) => Some(Shape::BybitSpotTrades),
            (Dataset::Trades, _) => Some(Shape::BybitTrades),
            _ => Some(Shape::Book),
        },
        Venue::Okx => Some(match file.dataset {
            Dataset::Trades => Shape::OkxTrades,
            Dataset::Klines1m => Shape::OkxCandles,
            Dataset::Funding => Shape::OkxFunding,
            _ => Shape::Book,
        }),
        _ => None,
    }
}
