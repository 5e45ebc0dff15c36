//! Texts in a ConfigMap, compressed where they are long.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};

/// What is appended to the keys of compressed texts.
const COMPRESSED: &str = ".gz";
/// Longer texts are compressed; the API server takes objects of about 1 MiB.
const LONGEST_PLAIN: usize = 512 << 10;
/// The largest text that is unpacked, in bytes.
const LARGEST: u64 = 64 << 20;

/// Puts texts under their keys into a ConfigMap.
pub(super) fn put(map: &mut Value, texts: &[(&str, String)]) {
    let length: usize = texts.iter().map(|(_, text)| text.len()).sum();
    for (key, text) in texts {
        match length > LONGEST_PLAIN {
            true => {
                let key = format!("{key}{COMPRESSED}");
                map["binaryData"][key] = json!(STANDARD.encode(compressed(text)));
            }
            false => map["data"][*key] = json!(text),
        }
    }
}

/// The text of a key.
///
/// # Errors
/// There is none, or it cannot be unpacked.
pub(super) fn get(map: &ConfigMap, key: &str) -> Result<String, String> {
    let plain = map.data.as_ref().and_then(|data| data.get(key));
    let packed_key = format!("{key}{COMPRESSED}");
    let packed = map
        .binary_data
        .as_ref()
        .and_then(|data| data.get(&packed_key));
    match (plain, packed) {
        (Some(text), _) => Ok(text.clone()),
        (None, Some(ByteString(bytes))) => unpacked(bytes),
        (None, None) => Err(format!("neither {key} nor {packed_key}")),
    }
}

fn unpacked(bytes: &[u8]) -> Result<String, String> {
    let mut text = String::new();
    let mut reader = GzDecoder::new(bytes).take(LARGEST + 1);
    reader
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    match text.len() as u64 > LARGEST {
        true => Err(format!("larger than {LARGEST} bytes")),
        false => Ok(text),
    }
}

fn compressed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(text.as_bytes());
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_refused() {
        let bomb = compressed(&" ".repeat(LARGEST as usize + 1));
        assert!(unpacked(&bomb).is_err() && unpacked(b"no archive").is_err());
        assert!(get(&ConfigMap::default(), "key").is_err());
    }
}
