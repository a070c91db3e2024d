//! Whose rows or messages a file holds: a file of other instruments only is refused, not read as an empty one.

use super::{ParseError, excerpt};

/// Names of other instruments kept for the message.
const MAX_NAMES: usize = 3;

/// Longest name or excerpt in the message.
const MAX_NAME: usize = 64;

/// What was seen of a file.
#[derive(Debug, Default)]
pub(in crate::venues) struct Holds {
    asked: bool,
    of_others: u64,
    names: Vec<String>,
    /// Messages that are none of the venue's, and the first of them.
    strange: u64,
    first_strange: Option<String>,
}

impl Holds {
    #[inline]
    pub(in crate::venues) const fn saw_asked(&mut self) {
        self.asked = true;
    }

    #[inline]
    pub(in crate::venues) fn saw_other(&mut self, name: &[u8]) {
        self.of_others += 1;
        // Once one message is of the asked instrument nobody will ask for the others.
        if !self.asked && self.names.len() < MAX_NAMES {
            let name = excerpt(name, MAX_NAME);
            if !self.names.contains(&name) {
                self.names.push(name);
            }
        }
    }

    pub(in crate::venues) fn saw_strange(&mut self, text: &[u8]) {
        self.strange += 1;
        self.first_strange
            .get_or_insert_with(|| excerpt(text, MAX_NAME));
    }

    /// Returns whether a message of the asked instrument was seen.
    #[inline]
    pub(in crate::venues) const fn has_asked(&self) -> bool {
        self.asked
    }

    /// Returns why a file is refused that holds nothing of the asked instrument.
    pub(in crate::venues) fn refusal(
        &self,
        file: &str,
        what: &str,
        asked: Option<&str>,
    ) -> Option<ParseError> {
        if self.asked || self.of_others + self.strange == 0 {
            return None;
        }
        let found = if self.of_others > 0 {
            let more = if self.names.len() == MAX_NAMES {
                " and perhaps more"
            } else {
                ""
            };
            let names = self.names.join("`, `");
            format!("rows of `{names}`{more}, {} in all", self.of_others)
        } else {
            let first = self.first_strange.as_deref().unwrap_or_default();
            format!(
                "{} messages that are none of {what}: `{first}`",
                self.strange
            )
        };
        Some(ParseError::OtherInstruments {
            file: file.to_owned(),
            asked: asked.unwrap_or("the instrument").to_owned(),
            found,
        })
    }
}
