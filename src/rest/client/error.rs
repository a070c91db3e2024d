//! Why a request was not answered, and what to do about it.

use quant_core::time::UnixMicros;

use crate::fetch::FetchError;

/// A request that will not be answered.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// The client cannot be set up.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The host has banned this address (418).
    #[error(
        "`{url}`: the host has banned this address until {until} ({seconds} s; status 418)\nhint: nothing is sent before that; run the same command again afterwards, finished days are kept"
    )]
    Banned {
        /// The address.
        url: String,
        /// End of the ban.
        until: UnixMicros,
        /// Seconds from now.
        seconds: u64,
    },
    /// The host asks for a longer pause than we wait.
    #[error(
        "`{url}`: the host wants no requests until {until} ({seconds} s; status {status})\nhint: nothing is sent before that; run the same command again afterwards, finished days are kept"
    )]
    Held {
        /// The address.
        url: String,
        /// Status that said so.
        status: u16,
        /// End of the pause.
        until: UnixMicros,
        /// Seconds from now.
        seconds: u64,
    },
    /// The host's firewall refuses this address or region (403, 451).
    #[error(
        "`{url}` answered {status}{said}\nhint: the venue's firewall refuses this address or its region; asking again makes it worse. Use archives (`--source vision`, `--root DIR`) or another network"
    )]
    Forbidden {
        /// The address.
        url: String,
        /// Status.
        status: u16,
        /// Start of the body.
        said: String,
    },
    /// Success, but not an API answer.
    #[error(
        "`{url}` answered 200 with {found}, not JSON\nhint: a proxy or a maintenance page speaks instead of the venue; check `--base-url`"
    )]
    NotJson {
        /// The address.
        url: String,
        /// What came.
        found: String,
    },
    /// The host redirects to another host, out of https, or in circles.
    #[error(
        "`{url}`: {problem}\nhint: redirects are followed on the same host only; give the final address with `--base-url`"
    )]
    Redirected {
        /// The address.
        url: String,
        /// What it did.
        problem: String,
    },
    /// The answer is larger than any page, or inflates to more.
    #[error(
        "`{url}` sent more than {limit} bytes where a page was expected\nhint: a proxy may speak instead of the venue: check `--base-url`; nothing of this day was kept"
    )]
    TooLarge {
        /// The address.
        url: String,
        /// Limit.
        limit: u64,
    },
    /// A status that means nothing here.
    #[error("`{url}` answered {status}\nhint: check `--base-url`")]
    Status {
        /// The address.
        url: String,
        /// Status.
        status: u16,
    },
    /// Every try failed.
    #[error(
        "`{url}` failed {attempts} times, last: {last}\nhint: check the connection and run the same command again; finished days are kept"
    )]
    Exhausted {
        /// The address.
        url: String,
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        last: String,
    },
    /// Ctrl-C or SIGTERM.
    #[error("interrupted while asking `{url}`")]
    Interrupted {
        /// The address.
        url: String,
    },
}

impl RestError {
    /// Returns the short name of the kind of failure.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Fetch(_) => "setup",
            Self::Banned { .. } => "banned",
            Self::Held { .. } => "held",
            Self::Forbidden { .. } => "forbidden",
            Self::NotJson { .. } => "not-json",
            Self::Redirected { .. } => "redirected",
            Self::TooLarge { .. } => "too-large",
            Self::Status { .. } => "status",
            Self::Exhausted { .. } => "exhausted",
            Self::Interrupted { .. } => "interrupted",
        }
    }
}
