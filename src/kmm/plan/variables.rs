//! The variables of KMM's templates.

use crate::kmm::releases::{Feature, KmmRelease};

/// A kernel version of fewer than three parts, which no release of KMM can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid kernel version {0}: expected at least three components (major.minor.patch)")]
pub(crate) struct BadKernelVersion(pub String);

/// The field that a template stands in; each has its own variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TemplateField<'a> {
    /// `containerImage` of a Module.
    ContainerImage {
        /// The Module's name.
        name: &'a str,
        /// Its namespace.
        namespace: &'a str,
    },
    /// `sign.unsignedImage` and `sign.filesToSign`.
    Sign,
}

/// The variables of a field (KMM, `internal/utils/replaceStrings.go`,
/// `KernelComponentsAsEnvVars`, and `internal/module/kernelmapper.go`). KMM ≥2.1 normalises
/// the kernel version first; KMM 1.0 knows only the full version in a containerImage.
///
/// # Errors
/// The version has fewer than three parts.
pub(crate) fn variables(
    kernel_version: &str,
    field: TemplateField<'_>,
    release: KmmRelease,
) -> Result<Vec<(&'static str, String)>, BadKernelVersion> {
    let kernel = if release.has(Feature::NormalisedKernel) {
        normalise(kernel_version)
    } else {
        kernel_version.to_owned()
    };
    let parts: Vec<&str> = kernel.split(['.', ',', '-']).collect();
    let [x, y, z, ..] = parts[..] else {
        return Err(BadKernelVersion(kernel_version.to_owned()));
    };
    let xyz = format!("{x}.{y}.{z}");
    let mut variables = vec![("KERNEL_FULL_VERSION", kernel.clone())];
    if !release.has(Feature::ContainerImage) && field != TemplateField::Sign {
        variables.extend(
            ["KERNEL_XYZ", "KERNEL_X", "KERNEL_Y", "KERNEL_Z"].map(|name| (name, String::new())),
        );
        return Ok(variables);
    }
    variables.extend([
        ("KERNEL_XYZ", xyz),
        ("KERNEL_X", x.to_owned()),
        ("KERNEL_Y", y.to_owned()),
        ("KERNEL_Z", z.to_owned()),
    ]);
    variables.push(("KERNEL_VERSION", kernel));
    if let TemplateField::ContainerImage { name, namespace } = field {
        variables.push(("MOD_NAME", name.to_owned()));
        variables.push(("MOD_NAMESPACE", namespace.to_owned()));
    }
    Ok(variables)
}

/// The kernel version as it may stand in a tag or label (KMM ≥2.1,
/// `internal/kernel/kernel.go`): every other character becomes `_`.
pub(crate) fn normalise(kernel_version: &str) -> String {
    kernel_version
        .chars()
        .map(|c| match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' => c,
            _ => '_',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(major: u8, minor: u8) -> KmmRelease {
        KmmRelease {
            major,
            minor,
            upstream: false,
        }
    }

    fn value(kernel: &str, field: TemplateField<'_>, at: KmmRelease, name: &str) -> Option<String> {
        variables(kernel, field, at)
            .expect("a kernel version of three parts")
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    #[test]
    fn each_release_has_its_variables() {
        let image = TemplateField::ContainerImage {
            name: "m",
            namespace: "ns",
        };
        let rt = "5.14.0-284.el9.x86_64+rt";
        for (field, at, name, expected) in [
            (
                image,
                release(2, 7),
                "KERNEL_FULL_VERSION",
                Some("5.14.0-284.el9.x86_64_rt"),
            ),
            (
                image,
                release(2, 7),
                "KERNEL_VERSION",
                Some("5.14.0-284.el9.x86_64_rt"),
            ),
            (image, release(2, 7), "KERNEL_XYZ", Some("5.14.0")),
            (image, release(2, 7), "KERNEL_X", Some("5")),
            (image, release(2, 7), "KERNEL_Y", Some("14")),
            (image, release(2, 7), "KERNEL_Z", Some("0")),
            (image, release(2, 7), "MOD_NAME", Some("m")),
            (image, release(2, 7), "MOD_NAMESPACE", Some("ns")),
            (TemplateField::Sign, release(2, 7), "MOD_NAME", None),
            (
                TemplateField::Sign,
                release(2, 7),
                "KERNEL_VERSION",
                Some("5.14.0-284.el9.x86_64_rt"),
            ),
            (image, release(2, 0), "KERNEL_FULL_VERSION", Some(rt)),
            (image, release(2, 0), "MOD_NAME", Some("m")),
            (image, release(1, 1), "KERNEL_VERSION", Some(rt)),
            (image, release(1, 0), "KERNEL_FULL_VERSION", Some(rt)),
            (image, release(1, 0), "KERNEL_VERSION", None),
            (image, release(1, 0), "KERNEL_XYZ", Some("")),
            (image, release(1, 0), "MOD_NAME", None),
            (
                TemplateField::Sign,
                release(1, 0),
                "KERNEL_XYZ",
                Some("5.14.0"),
            ),
            (
                TemplateField::Sign,
                release(1, 0),
                "KERNEL_VERSION",
                Some(rt),
            ),
        ] {
            assert_eq!(
                value(rt, field, at, name).as_deref(),
                expected,
                "{field:?} {at:?} {name}"
            );
        }
    }

    #[test]
    fn a_version_needs_three_parts() {
        for (kernel, good) in [
            ("5.14.0", true),
            ("5.14-0", true),
            ("5,14,0", false),
            ("a-b-c", true),
            ("5.14", false),
            ("tesdt", false),
            ("", false),
        ] {
            assert_eq!(
                variables(kernel, TemplateField::Sign, KmmRelease::NEWEST).is_ok(),
                good,
                "{kernel}"
            );
        }
    }
}
