//! Request weights per fixed window, and bans of those who go on over the limit.

/// What a window says about one more request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Served; the weight used in this window, this request included.
    Ok(u32),
    /// Over the limit; milliseconds until the window ends.
    TooMany(i64),
    /// Banned; milliseconds until the ban ends.
    Banned(i64),
}

/// A fixed window aligned to multiples of its length, as venues count weights per minute.
///
/// Whoever sends `patience` more requests while over the limit is banned; each further ban lasts twice as long.
#[derive(Clone, Debug)]
pub struct Window {
    length_ms: i64,
    max: u32,
    /// Requests over the limit in one window before the ban; `None`: no bans.
    patience: Option<u32>,
    first_ban_ms: i64,
    longest_ban_ms: i64,
    index: i64,
    used: u32,
    over: u32,
    banned_until: i64,
    next_ban_ms: i64,
}

impl Window {
    /// Returns a window without bans.
    pub const fn new(length_ms: i64, max: u32) -> Self {
        Self {
            length_ms,
            max,
            patience: None,
            first_ban_ms: 0,
            longest_ban_ms: 0,
            index: i64::MIN,
            used: 0,
            over: 0,
            banned_until: i64::MIN,
            next_ban_ms: 0,
        }
    }

    /// Adds bans: after `patience` refused requests in one window, for `first_ban_ms` up to `longest_ban_ms`.
    #[must_use]
    pub const fn with_bans(
        mut self,
        patience: u32,
        first_ban_ms: i64,
        longest_ban_ms: i64,
    ) -> Self {
        self.patience = Some(patience);
        self.first_ban_ms = first_ban_ms;
        self.next_ban_ms = first_ban_ms;
        self.longest_ban_ms = longest_ban_ms;
        self
    }

    /// Returns the largest weight of a window.
    pub const fn max(&self) -> u32 {
        self.max
    }

    /// Counts a request.
    pub fn take(&mut self, now_ms: i64, weight: u32) -> Verdict {
        if now_ms < self.banned_until {
            return Verdict::Banned(self.banned_until - now_ms);
        }
        let index = now_ms.div_euclid(self.length_ms);
        if index != self.index {
            self.index = index;
            self.used = 0;
            self.over = 0;
        }
        self.used = self.used.saturating_add(weight);
        if self.used <= self.max {
            return Verdict::Ok(self.used);
        }
        self.over += 1;
        if self.patience.is_some_and(|patience| self.over > patience) {
            self.banned_until = now_ms + self.next_ban_ms;
            self.next_ban_ms = (self.next_ban_ms * 2).min(self.longest_ban_ms);
            return Verdict::Banned(self.banned_until - now_ms);
        }
        Verdict::TooMany((index + 1) * self.length_ms - now_ms)
    }

    /// Returns the weight used in the window that holds `now_ms`.
    pub const fn used(&self, now_ms: i64) -> u32 {
        if now_ms.div_euclid(self.length_ms) == self.index {
            self.used
        } else {
            0
        }
    }
}

/// Whole seconds for a `Retry-After` header, at least 1.
pub const fn retry_after_s(ms: i64) -> i64 {
    let seconds = (ms + 999).div_euclid(1_000);
    if seconds < 1 { 1 } else { seconds }
}

#[cfg(test)]
mod tests;
