//! `quant config`: check, show, schema.

use std::process::ExitCode;

use super::args::{Config as Args, ConfigCommand};
use super::ui::Ui;
use crate::config::{Config, schema_json};
use crate::error::{CommandResult, Kinded as _};

pub(crate) fn run(args: &Args, ui: Ui) -> CommandResult<ExitCode> {
    match &args.command {
        ConfigCommand::Check(args) => {
            let config = Config::load(&args.config, &args.set)?;
            let text = format!(
                "`{}` is valid: {} over {}",
                args.config.display(),
                config
                    .raw
                    .instruments
                    .iter()
                    .map(|i| format!("{}:{}:{}", i.exchange, i.market, i.symbol))
                    .collect::<Vec<_>>()
                    .join(", "),
                config.range
            );
            ui.answer(
                &serde_json::json!({"valid": true, "range": config.range}),
                &text,
            )?;
        }
        ConfigCommand::Show(args) => {
            let config = Config::load(&args.config, &args.set)?;
            ui.answer(&config.raw, &config.to_yaml()?)?;
        }
        ConfigCommand::Schema => {
            let schema = schema_json()?;
            let value: serde_json::Value = serde_json::from_str(&schema).internal_error()?;
            ui.answer(&value, &schema)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
