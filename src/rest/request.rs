//! One request as a pager asks for it: method, address, and what it costs.

use core::fmt::Write as _;

/// A request to a venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Path and query, e.g. `/fapi/v1/klines?symbol=BTCUSDT`.
    pub path: String,
    /// JSON to send with POST; GET without it.
    pub post: Option<String>,
    /// Which limit it counts against; see [`crate::rest::governor`].
    pub bucket: &'static str,
    /// How much it counts.
    pub weight: u32,
}

impl Request {
    /// Returns a GET request.
    pub fn get(path: impl Into<String>, bucket: &'static str, weight: u32) -> Self {
        Self {
            path: path.into(),
            post: None,
            bucket,
            weight,
        }
    }

    /// Returns a POST request of a JSON body.
    pub fn post(path: &str, body: &serde_json::Value, bucket: &'static str, weight: u32) -> Self {
        Self {
            path: path.to_owned(),
            post: Some(body.to_string()),
            bucket,
            weight,
        }
    }

    /// Adds a query parameter; anything but letters, digits and `-_.~,` is escaped.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl core::fmt::Display) -> Self {
        self.path
            .push(if self.path.contains('?') { '&' } else { '?' });
        self.path.push_str(name);
        self.path.push('=');
        for byte in value.to_string().bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~,".contains(&byte) {
                self.path.push(char::from(byte));
            } else {
                let written = write!(self.path, "%{byte:02X}");
                debug_assert!(written.is_ok());
            }
        }
        self
    }

    /// Adds a query parameter if there is a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl core::fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    //! Tests of query text.
    use super::*;

    #[test]
    fn values_are_escaped_and_parameters_are_joined() {
        let request = Request::get("/x", "w", 1)
            .with("symbol", "币安USDT")
            .with("list", "A-B,C")
            .with_some("limit", Some(5))
            .with_some("after", None::<i64>)
            .with("q", "a&b=c d");
        assert_eq!(
            request.path,
            "/x?symbol=%E5%B8%81%E5%AE%89USDT&list=A-B,C&limit=5&q=a%26b%3Dc%20d"
        );
    }
}
