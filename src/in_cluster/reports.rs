//! Each shard's report as a ConfigMap.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};

use crate::in_cluster::manifests::RUN_LABEL;
use crate::in_cluster::shards::Shard;

/// Label of a report: the index of its shard.
const SHARD_LABEL: &str = "preflight.kmm/shard";
/// The key of a report as it is.
const PLAIN: &str = "report.json";
/// The key of a compressed report.
const COMPRESSED: &str = "report.json.gz";
/// Longer reports are compressed; the API server takes objects of about 1 MiB.
const LONGEST_PLAIN: usize = 512 << 10;
/// The largest report that is unpacked, in bytes.
const LARGEST: u64 = 64 << 20;

/// Who owns a report: it goes with its Job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Name of the Job.
    pub name: String,
    /// UID of the Job.
    pub uid: String,
}

/// The name of a shard's report.
pub fn name_of(run: &str, shard: Shard) -> String {
    format!("{run}-report-{}", shard.index)
}

/// The ConfigMap of a shard's report.
pub fn config_map(
    run: &str,
    namespace: &str,
    shard: Shard,
    owner: Option<&Owner>,
    report: &str,
) -> Value {
    let mut metadata = json!({
        "name": name_of(run, shard),
        "namespace": namespace,
        "labels": {
            "app.kubernetes.io/name": "kmm-preflight",
            RUN_LABEL: run,
            SHARD_LABEL: shard.index.to_string(),
        },
    });
    if let Some(owner) = owner {
        metadata["ownerReferences"] = json!([{
            "apiVersion": "batch/v1", "kind": "Job", "name": owner.name, "uid": owner.uid,
        }]);
    }
    let mut map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
    match report.len() > LONGEST_PLAIN {
        true => map["binaryData"] = json!({COMPRESSED: STANDARD.encode(compressed(report))}),
        false => map["data"] = json!({PLAIN: report}),
    }
    map
}

fn compressed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(text.as_bytes());
    encoder.finish().unwrap_or_default()
}

/// The report that a ConfigMap holds.
///
/// # Errors
/// It holds none, or a damaged one.
pub fn report_of(map: &ConfigMap) -> Result<Value, String> {
    let plain = map.data.as_ref().and_then(|data| data.get(PLAIN));
    let packed = map
        .binary_data
        .as_ref()
        .and_then(|data| data.get(COMPRESSED));
    let text = match (plain, packed) {
        (Some(text), _) => text.clone(),
        (None, Some(ByteString(bytes))) => unpacked(bytes)?,
        (None, None) => return Err(format!("neither {PLAIN} nor {COMPRESSED}")),
    };
    serde_json::from_str(&text).map_err(|error| error.to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(text: &str) -> Shard {
        text.parse().expect("a shard")
    }

    fn map_of(report: &str, owner: Option<&Owner>) -> ConfigMap {
        let map = config_map("run", "ns", shard("2/3"), owner, report);
        serde_json::from_value(map).expect("a ConfigMap")
    }

    #[test]
    fn a_report_comes_back_however_long_it_is() {
        for length in [0, 1000, LONGEST_PLAIN, 5 << 20] {
            let report = json!({"modules": [{"name": "x".repeat(length)}]});
            let map = map_of(&report.to_string(), None);
            assert_eq!(
                map.binary_data.is_some(),
                report.to_string().len() > LONGEST_PLAIN
            );
            assert!(serde_json::to_string(&map).expect("JSON").len() < 1 << 20);
            assert_eq!(report_of(&map).expect("a report"), report);
        }
        assert!(report_of(&map_of("{", None)).is_err());
        assert!(report_of(&ConfigMap::default()).is_err());
    }

    #[test]
    fn a_report_is_labelled_and_goes_with_its_job() {
        let owner = Owner {
            name: "run".into(),
            uid: "u".into(),
        };
        let metadata = map_of("{}", Some(&owner)).metadata;
        let labels = metadata.labels.expect("labels");
        assert_eq!(
            (labels[RUN_LABEL].as_str(), labels[SHARD_LABEL].as_str()),
            ("run", "2")
        );
        assert_eq!(metadata.name.as_deref(), Some("run-report-2"));
        assert_eq!(metadata.owner_references.expect("an owner")[0].uid, "u");
        assert_eq!(map_of("{}", None).metadata.owner_references, None);
    }
}
