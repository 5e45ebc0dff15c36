//! What release and driver-toolkit images contain about their kernels (KMM ≤2.3,
//! `preflightvalidationocp_reconciler.go`; openshift/driver-toolkit, `Dockerfile`).

use std::collections::BTreeMap;

use serde::Deserialize;

/// `/etc/driver-toolkit-release.json` of a driver-toolkit image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct DriverToolkitRelease {
    /// `uname -r` of the standard kernel.
    #[serde(rename = "KERNEL_VERSION")]
    pub kernel_version: String,
    /// `uname -r` of the real-time kernel, where the image has one.
    #[serde(rename = "RT_KERNEL_VERSION", default)]
    pub rt_kernel_version: Option<String>,
    /// The RHEL release.
    #[serde(rename = "RHEL_VERSION", default)]
    pub rhel_version: String,
}

impl DriverToolkitRelease {
    /// Reads the file. The real-time kernel is kept where it is one: the image's build fills
    /// the field with the output of `rpm -q`, which is a sentence where no such package is
    /// installed, and some builds wrote the standard kernel.
    ///
    /// # Errors
    /// It is not JSON, or has no standard kernel.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut release: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        release.kernel_version = release.kernel_version.trim().to_owned();
        if release.kernel_version.is_empty() {
            return Err("KERNEL_VERSION is empty".to_owned());
        }
        if !is_kernel_release(&release.kernel_version) {
            return Err(format!(
                "KERNEL_VERSION `{}` is not a kernel version",
                release.kernel_version
            ));
        }
        let standard = &release.kernel_version;
        release.rt_kernel_version = release
            .rt_kernel_version
            .map(|version| version.trim().to_owned())
            .filter(|version| is_kernel_release(version) && version != standard);
        Ok(release)
    }
}

/// True for what `uname -r` prints: digits and a dot first, and no blanks.
pub(crate) fn is_kernel_release(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '~');
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.contains('.')
        && text.len() <= 128
        && text.chars().all(is_part)
}

#[derive(Deserialize)]
struct ImageStream {
    #[serde(default)]
    metadata: Metadata,
    spec: ImageStreamSpec,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    name: Option<String>,
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
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    from: Option<ImageStreamFrom>,
}

#[derive(Deserialize)]
struct ImageStreamFrom {
    #[serde(default)]
    name: String,
}

/// What an image of a release is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A driver-toolkit image.
    Toolkit,
    /// The operating system of nodes.
    MachineOs,
}

/// One image of a release that is about kernels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PayloadImage {
    /// The tag in `image-references`.
    pub tag: String,
    /// The reference.
    pub image: String,
    /// What it is for.
    pub role: Role,
}

impl PayloadImage {
    /// What the tag has behind the name of its first image: `10` of `driver-toolkit-10` and of
    /// `rhel-coreos-10`; empty for the first.
    pub(crate) fn suffix(&self) -> &str {
        match self.tag.rsplit_once('-') {
            Some((_, digits)) if digits.bytes().all(|c| c.is_ascii_digit()) => digits,
            _ => "",
        }
    }
}

/// The images of a release that are about kernels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Payload {
    /// The release's version.
    pub version: Option<String>,
    /// Driver-toolkit and machine-os images.
    pub images: Vec<PayloadImage>,
}

impl Payload {
    /// Reads `release-manifests/image-references` of a release image.
    ///
    /// # Errors
    /// It is not an ImageStream, or has no usable driver-toolkit and no machine-os entry.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let stream: ImageStream =
            serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let images: Vec<PayloadImage> = stream
            .spec
            .tags
            .into_iter()
            .filter_map(|tag| {
                let role = role(&tag)?;
                let image = tag.from.map(|from| from.name).unwrap_or_default();
                (!image.is_empty()).then_some(PayloadImage {
                    tag: tag.name,
                    image,
                    role,
                })
            })
            .collect();
        if images.is_empty() {
            return Err("no usable driver-toolkit entry".to_owned());
        }
        Ok(Self {
            version: stream.metadata.name.filter(|name| !name.is_empty()),
            images,
        })
    }
}

/// What a tag is for. The Machine Config Operator finds the operating systems by their source,
/// the repository openshift/os; releases without that annotation name them `…coreos`.
fn role(tag: &ImageStreamTag) -> Option<Role> {
    let name = tag.name.as_str();
    if name == "driver-toolkit" || name.starts_with("driver-toolkit-") {
        return Some(Role::Toolkit);
    }
    if name.contains("extensions") {
        return None;
    }
    let source = tag
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get("io.openshift.build.source-location"));
    let is_os_source = source.is_some_and(|source| {
        source
            .trim_end_matches('/')
            .ends_with("github.com/openshift/os")
    });
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    (is_os_source || stem.ends_with("coreos")).then_some(Role::MachineOs)
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
        for bytes in [
            &b"{}"[..],
            br#"{"KERNEL_VERSION":" "}"#,
            br#"{"KERNEL_VERSION":"package kernel-core is not installed"}"#,
            br#"{"KERNEL_VERSION":"../../etc"}"#,
            b"text",
        ] {
            assert!(DriverToolkitRelease::parse(bytes).is_err());
        }
    }

    #[test]
    fn what_is_not_another_kernel_is_not_a_real_time_kernel() {
        for (rt, kept) in [
            ("5.14.0-1.el9.x86_64+rt", true),
            ("4.18.0-372.9.1.rt7.166.el8.x86_64", true),
            (" 5.14.0-1.el9.x86_64+rt\\n", true),
            ("5.14.0-1.el9.x86_64", false),
            (" 5.14.0-1.el9.x86_64 ", false),
            ("package kernel-rt-core is not installed", false),
            ("5.14.0 is not installed", false),
            ("none", false),
            ("", false),
        ] {
            let text =
                format!(r#"{{"KERNEL_VERSION":"5.14.0-1.el9.x86_64","RT_KERNEL_VERSION":"{rt}"}}"#);
            let release = DriverToolkitRelease::parse(text.as_bytes()).expect("a release file");
            assert_eq!(release.rt_kernel_version.is_some(), kept, "{rt}");
        }
    }

    #[test]
    fn a_release_names_its_images_about_kernels() {
        let named = br#"{"metadata":{"name":"5.0.1"},"spec":{"tags":[
            {"name":"cli","from":{"name":"a"}},
            {"name":"driver-toolkit","from":{"name":"q/dtk@sha256:1"}},
            {"name":"driver-toolkit-10","from":{"name":"q/dtk@sha256:2"}},
            {"name":"rhel-coreos","annotations":{"io.openshift.build.source-location":"https://github.com/openshift/os"},"from":{"name":"q/os@sha256:3"}},
            {"name":"rhel-coreos-10","from":{"name":"q/os@sha256:4"}},
            {"name":"rhel-coreos-10-extensions","from":{"name":"q/ext@sha256:5"}},
            {"name":"rhel-coreos-extensions","annotations":{"io.openshift.build.source-location":"https://github.com/openshift/os"},"from":{"name":"q/ext@sha256:6"}},
            {"name":"stream-coreos","from":null}]}}"#;
        let payload = Payload::parse(named).expect("a payload");
        assert_eq!(payload.version.as_deref(), Some("5.0.1"));
        let seen: Vec<(&str, Role, &str)> = payload
            .images
            .iter()
            .map(|image| (image.image.as_str(), image.role, image.suffix()))
            .collect();
        assert_eq!(
            seen,
            [
                ("q/dtk@sha256:1", Role::Toolkit, ""),
                ("q/dtk@sha256:2", Role::Toolkit, "10"),
                ("q/os@sha256:3", Role::MachineOs, ""),
                ("q/os@sha256:4", Role::MachineOs, "10"),
            ]
        );
        for bytes in [
            &br#"{"spec":{"tags":[]}}"#[..],
            br#"{"spec":{"tags":[{"name":"driver-toolkit","from":null}]}}"#,
            b"[]",
        ] {
            assert!(Payload::parse(bytes).is_err());
        }
    }
}
