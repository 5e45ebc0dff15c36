//! The build arguments that KMM gives a build (KMM's `internal/build`).

use crate::kmm::module::BuildArg;
use crate::kmm::releases::{Feature, KmmRelease};

/// Which Module is built for which kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ArgsCase<'a> {
    /// Namespace of the Module.
    pub namespace: &'a str,
    /// Name of the Module.
    pub name: &'a str,
    /// The kernel, as `uname -r` prints it.
    pub kernel_version: &'a str,
    /// The driver-toolkit image of the kernel, where known.
    pub dtk_image: Option<&'a str>,
    /// The KMM release whose rules apply.
    pub release: KmmRelease,
}

/// The Dockerfile asks for `DTK_AUTO` and no driver-toolkit image is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DtkMissing;

/// True when KMM gives the build `DTK_AUTO`: the text stands anywhere in the Dockerfile, and
/// the operator is OpenShift's.
pub(crate) fn wants_dtk(dockerfile: &str, release: KmmRelease) -> bool {
    !release.upstream && dockerfile.contains("DTK_AUTO")
}

/// The names that KMM sets by itself.
pub(crate) fn injected(release: KmmRelease) -> &'static [&'static str] {
    if release.has(Feature::ContainerImage) {
        &[
            "KERNEL_VERSION",
            "KERNEL_FULL_VERSION",
            "MOD_NAME",
            "MOD_NAMESPACE",
        ]
    } else {
        &["KERNEL_VERSION"]
    }
}

/// All arguments, in order: the Module's own, of which KMM replaces those that have the name
/// of one of its own, then the rest of KMM's.
///
/// `MOD_NAME` is the Module's name, which the build after the upgrade gets; KMM's own
/// preflight adds `-preflight` to it from 2.4 on.
///
/// # Errors
/// `DTK_AUTO` is asked for and unknown.
pub(crate) fn build_args(
    own: &[BuildArg],
    dockerfile: &str,
    case: &ArgsCase<'_>,
) -> Result<Vec<(String, String)>, DtkMissing> {
    let mut of_kmm: Vec<(&str, &str)> = injected(case.release)
        .iter()
        .map(|name| {
            let value = match *name {
                "MOD_NAME" => case.name,
                "MOD_NAMESPACE" => case.namespace,
                _ => case.kernel_version,
            };
            (*name, value)
        })
        .collect();
    if wants_dtk(dockerfile, case.release) {
        of_kmm.push(("DTK_AUTO", case.dtk_image.ok_or(DtkMissing)?));
    }
    let mut args: Vec<(String, String)> = own
        .iter()
        .map(|arg| (arg.name.clone(), arg.value.clone()))
        .collect();
    for (name, value) in of_kmm {
        let mut is_given = false;
        for (_, given) in args.iter_mut().filter(|(given, _)| given == name) {
            value.clone_into(given);
            is_given = true;
        }
        if !is_given {
            args.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(args)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(major: u8, minor: u8, upstream: bool) -> KmmRelease {
        KmmRelease {
            major,
            minor,
            upstream,
        }
    }

    fn joined(own: &[(&str, &str)], dockerfile: &str, release: KmmRelease) -> String {
        let own: Vec<BuildArg> = own
            .iter()
            .map(|(name, value)| BuildArg {
                name: (*name).into(),
                value: (*value).into(),
            })
            .collect();
        let case = ArgsCase {
            namespace: "ns",
            name: "mod",
            kernel_version: "5.14.0+k",
            dtk_image: Some("dtk:1"),
            release,
        };
        build_args(&own, dockerfile, &case)
            .expect("a DTK image is known")
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn kmm_replaces_in_place_and_appends_the_rest() {
        for (own, dockerfile, release, expected) in [
            (
                vec![("A", "1"), ("KERNEL_VERSION", "mine"), ("B", "2")],
                "FROM x",
                release(2, 7, false),
                "A=1 KERNEL_VERSION=5.14.0+k B=2 KERNEL_FULL_VERSION=5.14.0+k MOD_NAME=mod \
                 MOD_NAMESPACE=ns",
            ),
            (
                vec![("MOD_NAME", "a"), ("A", "1"), ("MOD_NAME", "b")],
                "FROM x",
                release(2, 3, false),
                "MOD_NAME=mod A=1 MOD_NAME=mod KERNEL_VERSION=5.14.0+k \
                 KERNEL_FULL_VERSION=5.14.0+k MOD_NAMESPACE=ns",
            ),
            (
                vec![],
                "FROM x",
                release(1, 0, false),
                "KERNEL_VERSION=5.14.0+k",
            ),
            (
                vec![("DTK_AUTO", "mine")],
                "# DTK_AUTO",
                release(1, 0, false),
                "DTK_AUTO=dtk:1 KERNEL_VERSION=5.14.0+k",
            ),
            (
                vec![],
                "FROM ${DTK_AUTO}",
                release(2, 6, true),
                "KERNEL_VERSION=5.14.0+k KERNEL_FULL_VERSION=5.14.0+k MOD_NAME=mod \
                 MOD_NAMESPACE=ns",
            ),
        ] {
            assert_eq!(joined(&own, dockerfile, release), expected);
        }
    }

    #[test]
    fn an_unknown_driver_toolkit_is_told() {
        let case = ArgsCase {
            namespace: "ns",
            name: "mod",
            kernel_version: "5.14.0",
            dtk_image: None,
            release: KmmRelease::NEWEST,
        };
        assert_eq!(build_args(&[], "FROM $DTK_AUTO", &case), Err(DtkMissing));
        assert!(build_args(&[], "FROM x", &case).is_ok());
    }
}
