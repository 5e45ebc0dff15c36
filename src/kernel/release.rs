//! What release and driver-toolkit images say of their kernels (KMM ≤2.3,
//! `preflightvalidationocp_reconciler.go`).

use serde::Deserialize;

/// `/etc/driver-toolkit-release.json` of a driver-toolkit image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DriverToolkitRelease {
    /// `uname -r` of the standard kernel.
    #[serde(rename = "KERNEL_VERSION")]
    pub kernel_version: String,
    /// `uname -r` of the real-time kernel, where the release has one.
    #[serde(rename = "RT_KERNEL_VERSION", default)]
    pub rt_kernel_version: Option<String>,
    /// The RHEL release.
    #[serde(rename = "RHEL_VERSION", default)]
    pub rhel_version: String,
}

impl DriverToolkitRelease {
    /// Reads the file.
    ///
    /// # Errors
    /// It is no JSON, or names no kernel.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut release: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if release.kernel_version.trim().is_empty() {
            return Err("KERNEL_VERSION is empty".to_owned());
        }
        release.rt_kernel_version = release
            .rt_kernel_version
            .filter(|version| !version.trim().is_empty());
        Ok(release)
    }
}

#[derive(Deserialize)]
struct ImageStream {
    spec: ImageStreamSpec,
}

#[derive(Deserialize)]
struct ImageStreamSpec {
    #[serde(default)]
    tags: Vec<ImageStreamTag>,
}

#[derive(Deserialize)]
struct ImageStreamTag {
    name: String,
    #[serde(default)]
    from: Option<ImageStreamFrom>,
}

#[derive(Deserialize)]
struct ImageStreamFrom {
    #[serde(default)]
    name: String,
}

/// The driver-toolkit image that `release-manifests/image-references` of a release image
/// names.
///
/// # Errors
/// It is no ImageStream, or has no usable `driver-toolkit` entry.
pub fn driver_toolkit_of_release(bytes: &[u8]) -> Result<String, String> {
    let stream: ImageStream = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    stream
        .spec
        .tags
        .into_iter()
        .find(|tag| tag.name == "driver-toolkit")
        .ok_or_else(|| "no driver-toolkit entry".to_owned())?
        .from
        .map(|from| from.name)
        .filter(|name| !name.is_empty())
        .ok_or_else(|| "the driver-toolkit entry names no image".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_toolkit_names_its_kernels() {
        let release = DriverToolkitRelease::parse(
            br#"{"KERNEL_VERSION":"5.14.0-1.el9.x86_64","RT_KERNEL_VERSION":"","RHEL_VERSION":"9.4","MORE":1}"#,
        )
        .expect("a release file");
        assert_eq!(release.kernel_version, "5.14.0-1.el9.x86_64");
        assert_eq!(release.rt_kernel_version, None);
        assert_eq!(release.rhel_version, "9.4");
        for bytes in [&b"{}"[..], br#"{"KERNEL_VERSION":" "}"#, b"text"] {
            assert!(DriverToolkitRelease::parse(bytes).is_err());
        }
    }

    #[test]
    fn a_release_names_its_driver_toolkit() {
        let named = br#"{"spec":{"tags":[{"name":"cli","from":{"name":"a"}},{"name":"driver-toolkit","from":{"name":"q/dtk@sha256:1"}}]}}"#;
        assert_eq!(
            driver_toolkit_of_release(named).as_deref(),
            Ok("q/dtk@sha256:1")
        );
        for bytes in [
            &br#"{"spec":{"tags":[]}}"#[..],
            br#"{"spec":{"tags":[{"name":"driver-toolkit","from":null}]}}"#,
            b"[]",
        ] {
            assert!(driver_toolkit_of_release(bytes).is_err());
        }
    }
}
