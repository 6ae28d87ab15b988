//! Large texts inside JSON: compressed with gzip, then base64.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use std::io::{Read as _, Write as _};

/// Texts up to this many bytes stay as they are.
const SMALL: usize = 4096;

/// Bytes of an unpacked text: what a hostile archive may become.
const MOST_BYTES: u64 = 256 << 20;

/// A text, as it is or packed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a text, or `{\"gzip\": BASE64}`")]
pub(super) enum Packed {
    /// As it is.
    Plain(String),
    /// Base64 of what gzip makes of it.
    Gzip {
        /// Base64.
        gzip: String,
    },
}

impl Packed {
    /// Packs a text that is large.
    pub fn new(text: String) -> Self {
        if text.len() <= SMALL {
            return Self::Plain(text);
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        match encoder
            .write_all(text.as_bytes())
            .and_then(|()| encoder.finish())
        {
            Ok(bytes) => Self::Gzip {
                gzip: BASE64_STANDARD.encode(bytes),
            },
            Err(_) => Self::Plain(text),
        }
    }

    /// The text.
    ///
    /// # Errors
    ///
    /// What is wrong with the packing.
    pub fn text(&self) -> Result<String, String> {
        let packed = match self {
            Self::Plain(text) => return Ok(text.clone()),
            Self::Gzip { gzip } => gzip,
        };
        let bytes = BASE64_STANDARD
            .decode(packed)
            .map_err(|error| format!("`gzip` is no base64: {error}"))?;
        let mut text = String::new();
        GzDecoder::new(bytes.as_slice())
            .take(MOST_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(|error| format!("`gzip` holds no compressed text: {error}"))?;
        if text.len() as u64 > MOST_BYTES {
            return Err(format!("`gzip` holds more than {} MiB", MOST_BYTES >> 20));
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        for size in [0, SMALL, SMALL + 1, 1 << 20] {
            let text = "0123456789 ".repeat(size / 11 + 1)[..size].to_owned();
            let packed = Packed::new(text.clone());
            assert_eq!(matches!(packed, Packed::Gzip { .. }), size > SMALL);
            assert_eq!(packed.text(), Ok(text));
        }
    }

    #[test]
    fn broken_packing_is_told() {
        for (gzip, part) in [("&", "no base64"), ("AAAA", "no compressed text")] {
            let error = Packed::Gzip { gzip: gzip.into() }.text().expect_err(gzip);
            assert!(error.contains(part), "{error}");
        }
    }
}
