//! The vendor's `.CHECKSUM` files: one sha256 and the canonical file name.

use crate::layout::is_sha256;

/// A parsed checksum file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// Lower-case hex sha256.
    pub sha256: String,
    /// The file name it was made for, if it names one.
    pub name: Option<String>,
}

/// The text is not a checksum file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not a checksum file: `{}`; expected 64 hex digits and a file name\nhint: delete it and fetch it again", text.escape_debug())]
pub struct BadChecksum {
    /// Checksum file.
    pub path: String,
    /// Its first bytes.
    pub text: String,
}

/// Reads `<64 hex digits>  <name>`; the case of the digits and a `*` before the name do not matter.
///
/// # Errors
/// `BadChecksum` for anything else.
pub fn parse_checksum(path: &str, text: &str) -> Result<Checksum, BadChecksum> {
    let bad = || BadChecksum {
        path: path.to_owned(),
        text: text.chars().take(80).collect(),
    };
    let mut lines = text.lines();
    let line = lines.next().ok_or_else(bad)?;
    if lines.any(|l| !l.trim().is_empty()) {
        return Err(bad());
    }
    // The mark of binary mode, and white space on either side of it.
    let is_mark = |c: char| c == '*' || c.is_whitespace();
    let mut parts = line.splitn(2, [' ', '\t']);
    let sha256 = parts.next().unwrap_or_default().to_ascii_lowercase();
    if !is_sha256(&sha256) {
        return Err(bad());
    }
    let name = parts
        .next()
        .map(|n| n.trim_start_matches(is_mark).trim_end().to_owned())
        .filter(|n| !n.is_empty());
    Ok(Checksum { sha256, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "5a6d5718e8f07c59a9c7d292d89ea8177d4721fe45828fedd3f8d59b2ea88360";

    #[test]
    fn reads_the_vendor_line() {
        let text = format!("{HEX}  BTCUSDT-trades-2024-07-18.zip\n");
        let sum = parse_checksum("x.CHECKSUM", &text).unwrap();
        assert_eq!(sum.sha256, HEX);
        assert_eq!(sum.name.as_deref(), Some("BTCUSDT-trades-2024-07-18.zip"));
        assert_eq!(
            parse_checksum("x", &HEX.to_ascii_uppercase())
                .unwrap()
                .sha256,
            HEX
        );
        assert_eq!(
            parse_checksum("x", &format!("{HEX} *a.zip\r\n"))
                .unwrap()
                .name
                .as_deref(),
            Some("a.zip")
        );
    }

    #[test]
    fn the_mark_of_binary_mode_is_no_part_of_the_name() {
        for mark in ["*", "* ", " * ", "*\t*"] {
            let sum = parse_checksum("x", &format!("{HEX} {mark}a b.zip \n")).unwrap();
            assert_eq!(sum.name.as_deref(), Some("a b.zip"), "{mark:?}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for bad in [
            "",
            "\n",
            "abc",
            "<html>not found</html>",
            &HEX[1..],
            &format!("{HEX}0  a.zip"),
            &format!("{HEX}  a\n{HEX}  b\n"),
        ] {
            assert!(parse_checksum("x.CHECKSUM", bad).is_err(), "{bad}");
        }
    }
}
