//! The one error type of the command line: a kind that decides the exit code, a message, and hints.
//!
//! Libraries below have their own typed errors; this file alone turns them into what a user reads.

use core::fmt;
use std::path::Path;

/// Who can do something about it; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A bug or a broken machine: exit code 1.
    Internal,
    /// Wrong arguments or configuration: exit code 2.
    Config,
    /// Bad, missing or altered data: exit code 3.
    Data,
    /// A gate refused to produce a number: exit code 4.
    Gate,
    /// Ctrl-C or SIGTERM: exit code 130.
    Interrupted,
}

impl ErrorKind {
    /// Returns the process exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Config => 2,
            Self::Data => 3,
            Self::Gate => 4,
            Self::Interrupted => 130,
        }
    }

    /// Returns the stable name used in `--json` errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Config => "config",
            Self::Data => "data",
            Self::Gate => "gate",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A failed command.
#[derive(Clone, Debug)]
pub struct CommandError {
    /// Who can do something about it.
    pub kind: ErrorKind,
    /// What failed and where, one line per cause.
    pub message: String,
    /// What to do.
    pub hints: Vec<String>,
}

/// Result of a command.
pub type CommandResult<T> = Result<T, CommandError>;

impl CommandError {
    /// Returns an error of `kind` whose message is `error` and its sources; `hint:` lines inside become hints.
    pub fn new(kind: ErrorKind, error: &dyn std::error::Error) -> Self {
        let mut out = Self::text(kind, &error.to_string());
        let mut source = error.source();
        while let Some(cause) = source {
            let text = Self::text(kind, &cause.to_string());
            // Many errors already print their source inline; a cause is added only if it says something new.
            if !out.message.contains(&text.message) {
                out.message.push_str("\n  caused by: ");
                out.message.push_str(&text.message);
            }
            out.hints.extend(text.hints);
            if let Some(hint) = cause.downcast_ref().and_then(io_hint) {
                out.hints.push(hint.to_owned());
            }
            source = cause.source();
        }
        out
    }

    /// Returns an error from text; lines that start with `hint:` become hints.
    pub fn text(kind: ErrorKind, text: &str) -> Self {
        let (mut message, mut hints) = (Vec::new(), Vec::new());
        for line in text.lines() {
            match line.trim_start().strip_prefix("hint:") {
                Some(hint) => hints.push(hint.trim().to_owned()),
                None => message.push(line),
            }
        }
        Self {
            kind,
            message: message.join("\n"),
            hints,
        }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Returns an internal error for a file-system step on `path`.
    pub fn io(step: &str, path: &Path, error: &std::io::Error) -> Self {
        let out = Self::text(
            ErrorKind::Internal,
            &format!("cannot {step} `{}`: {error}", path.display()),
        );
        match io_hint(error) {
            Some(hint) => out.hint(hint),
            None => out,
        }
    }
}

/// Returns what to do about a failure of the file system that the user can do something about.
fn io_hint(error: &std::io::Error) -> Option<&'static str> {
    use std::io::ErrorKind as Io;
    match error.kind() {
        Io::StorageFull | Io::QuotaExceeded => Some(
            "free some disk space, then run the same command again: finished partitions are kept",
        ),
        Io::PermissionDenied | Io::ReadOnlyFilesystem => Some(
            "this path must be open to this user; another folder for what is written is `--lake DIR` (a run: `--set paths.lake=DIR`, `--set paths.artifacts=DIR`)",
        ),
        Io::NotADirectory => Some("a part of this path is a file: name another folder"),
        _ => None,
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        for hint in &self.hints {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CommandError {}

/// Attaches a kind to any typed error.
pub trait Kinded<T> {
    /// Maps the error to a configuration error (exit 2).
    ///
    /// # Errors
    /// The mapped error, if there is one.
    fn config_error(self) -> CommandResult<T>;
    /// Maps the error to a data error (exit 3).
    ///
    /// # Errors
    /// The mapped error, if there is one.
    fn data_error(self) -> CommandResult<T>;
    /// Maps the error to an internal error (exit 1).
    ///
    /// # Errors
    /// The mapped error, if there is one.
    fn internal_error(self) -> CommandResult<T>;
}

impl<T, E: std::error::Error> Kinded<T> for Result<T, E> {
    fn config_error(self) -> CommandResult<T> {
        self.map_err(|e| CommandError::new(ErrorKind::Config, &e))
    }
    fn data_error(self) -> CommandResult<T> {
        self.map_err(|e| CommandError::new(ErrorKind::Data, &e))
    }
    fn internal_error(self) -> CommandResult<T> {
        self.map_err(|e| CommandError::new(ErrorKind::Internal, &e))
    }
}

#[cfg(test)]
mod tests;
