//! KMM's releases: one row per release, one line per behaviour that changed.

use std::fmt;
use std::str::FromStr;

/// How the preflight CRs of a KMM release look and how their validation behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// 1.0 to 2.0: `v1beta1`, `status.crStatuses`.
    One,
    /// 2.1 to 2.3: `v1beta2`, `releaseImage`, True and False.
    Two,
    /// 2.4 on: `kernelVersion` and `dtkImage`, Success, Failure and InProgress.
    Three,
}

impl Generation {
    /// The version in which preflight CRs are read and written.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::One => "v1beta1",
            Self::Two | Self::Three => "v1beta2",
        }
    }
}

/// One release line.
struct Row {
    version: (u8, u8),
    generation: Generation,
    /// The minor number of the oldest Go that its binaries are built with (`Dockerfile`).
    go: u8,
    /// The upstream operator has this release too.
    upstream: bool,
}

const fn row(version: (u8, u8), generation: Generation, go: u8) -> Row {
    Row {
        version,
        generation,
        go,
        upstream: !matches!(version, (1, 0)),
    }
}

const RELEASES: &[Row] = &[
    row((1, 0), Generation::One, 18),
    row((1, 1), Generation::One, 19),
    row((2, 0), Generation::One, 19),
    row((2, 1), Generation::Two, 21),
    row((2, 2), Generation::Two, 21),
    row((2, 3), Generation::Two, 23),
    row((2, 4), Generation::Three, 24),
    row((2, 5), Generation::Three, 24),
    row((2, 6), Generation::Three, 24),
    row((2, 7), Generation::Three, 25),
];

/// Whose operator it is (`--kmm-flavor`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Flavor {
    /// OpenShift's
    Openshift,
    /// The upstream operator
    Upstream,
}

/// What a release does that its predecessors do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// `containerImage` of the container counts where a mapping has none; the build arguments
    /// and variables beside KERNEL_FULL_VERSION; `useRTKernel`.
    ContainerImage,
    /// An admission webhook for Modules.
    Webhook,
    /// Worker pods load modules, not a DaemonSet of the module image.
    Worker,
    /// The webhook limits name and namespace, whether `version` is set or not.
    NameLimit,
    /// The kernel version is normalised before it is substituted.
    NormalisedKernel,
    /// `inTreeModulesToRemove`, which excludes the older singular field.
    InTreeModules,
    /// The webhook rejects images without tag or digest.
    TaggedImages,
    /// An init container copies the kernel's folder in the module image itself.
    ImageExtractor,
    /// The worker unloads an in-tree module only where the node has its file.
    InTreeFiles,
    /// `tolerations`, checked by the webhook.
    Tolerations,
    /// A pod that pulls the image is the whole Image stage, and builds belong to a
    /// ModuleBuildSignConfig `<module>-preflight`.
    PullPods,
    /// `moduleLoader` may be absent: Modules that only run a device plugin.
    OptionalLoader,
    /// The webhook limits the host paths of device plugins.
    HostPaths,
    /// `filesToSign` holds globs, is required, and must be below `dirName`.
    SignGlobs,
    /// `dra`, and `/run` among the allowed host paths.
    Dra,
    /// A build that is signed pushes to `containerImage`; no intermediate image.
    NoIntermediateImage,
}

impl Feature {
    /// The first release that has it.
    fn since(self) -> (u8, u8) {
        match self {
            Self::ContainerImage | Self::Webhook => (1, 1),
            Self::Worker | Self::NameLimit => (2, 0),
            Self::NormalisedKernel | Self::InTreeModules => (2, 1),
            Self::TaggedImages | Self::ImageExtractor | Self::InTreeFiles => (2, 2),
            Self::Tolerations => (2, 3),
            Self::PullPods | Self::OptionalLoader => (2, 4),
            Self::HostPaths => (2, 5),
            Self::SignGlobs => (2, 6),
            Self::Dra | Self::NoIntermediateImage => (2, 7),
        }
    }
}

/// A KMM release line, as far as its behaviour differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KmmRelease {
    /// Major number.
    pub major: u8,
    /// Minor number.
    pub minor: u8,
    /// The upstream operator, which has no PreflightValidationOCP and no DTK.
    pub upstream: bool,
}

impl KmmRelease {
    /// The newest release that this program knows; the default without a cluster.
    pub const NEWEST: Self = Self {
        major: 2,
        minor: 7,
        upstream: false,
    };

    /// A release of the OpenShift operator.
    pub const fn openshift(major: u8, minor: u8) -> Self {
        Self {
            major,
            minor,
            upstream: false,
        }
    }

    /// Every release of the OpenShift operator, the oldest first, as `X.Y`.
    pub fn all() -> impl Iterator<Item = String> {
        RELEASES.iter().map(
            |Row {
                 version: (x, y), ..
             }| format!("{x}.{y}"),
        )
    }

    /// True from release `major.minor` on.
    pub fn at_least(self, major: u8, minor: u8) -> bool {
        (self.major, self.minor) >= (major, minor)
    }

    /// True when this release does it.
    pub fn has(self, feature: Feature) -> bool {
        (self.major, self.minor) >= feature.since()
    }

    /// The same release of another operator.
    #[must_use]
    pub fn of(self, flavor: Flavor) -> Self {
        Self {
            upstream: flavor == Flavor::Upstream,
            ..self
        }
    }

    /// True when its worker has the node's modules at `/host/lib/modules` too: upstream's since
    /// 2.6 (`internal/pod/workerpodmanager.go`).
    pub fn mounts_host_modules_twice(self) -> bool {
        self.upstream && self.at_least(2, 6)
    }

    /// True when the PreflightValidationOCP has `useRTKernel`.
    pub fn has_rt(self) -> bool {
        !self.upstream && self.has(Feature::ContainerImage) && !self.has(Feature::PullPods)
    }

    /// How its preflight CRs look.
    pub fn generation(self) -> Generation {
        self.row().generation
    }

    /// The minor number of the oldest Go 1.x that it is built with: a later z-stream may be built
    /// with a newer one.
    pub fn go(self) -> u8 {
        self.row().go
    }

    /// The newest row that is not newer than this release.
    fn row(self) -> &'static Row {
        let own = (self.major, self.minor);
        let older = RELEASES.iter().rfind(|row| row.version <= own);
        older.unwrap_or(&RELEASES[0])
    }
}

impl fmt::Display for KmmRelease {
    /// `KMM 2.4`, or `upstream KMM 2.4`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = if self.upstream { "upstream " } else { "" };
        write!(f, "{origin}KMM {}.{}", self.major, self.minor)
    }
}

impl FromStr for KmmRelease {
    type Err = String;

    /// `X.Y` or `X.Y.Z`, with `v` or `upstream-` in front, or `upstream` alone for its newest.
    fn from_str(text: &str) -> Result<Self, String> {
        let (upstream, number) = match text.strip_prefix("upstream") {
            Some(rest) => (true, rest.strip_prefix(['-', '/', ' ']).unwrap_or(rest)),
            None => (false, text),
        };
        if upstream && number.is_empty() {
            return Ok(Self {
                upstream,
                ..Self::NEWEST
            });
        }
        let parts: Option<Vec<u8>> = number
            .strip_prefix('v')
            .unwrap_or(number)
            .split('.')
            .map(|part| {
                let digits = !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
                part.parse().ok().filter(|_| digits)
            })
            .collect();
        let version = match parts.as_deref() {
            Some(&[major, minor] | &[major, minor, _]) => Some((major, minor)),
            _ => None,
        };
        let is_known = |row: &&Row| Some(row.version) == version && (row.upstream || !upstream);
        match RELEASES.iter().find(is_known) {
            Some(row) => Ok(Self {
                major: row.version.0,
                minor: row.version.1,
                upstream,
            }),
            None => {
                let known: Vec<String> = Self::all().collect();
                Err(format!(
                    "not a known release of KMM; use {}, or a release from 1.1 on with the \
                     prefix upstream-",
                    known.join(", ")
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_text_stands_in_for_a_cluster() {
        use Generation::{One, Three, Two};
        for (text, expected) in [
            ("1.0", Some((One, "v1beta1", false, false))),
            ("v1.1", Some((One, "v1beta1", true, false))),
            ("2.0.3", Some((One, "v1beta1", true, false))),
            ("2.1", Some((Two, "v1beta2", true, false))),
            ("2.3", Some((Two, "v1beta2", true, false))),
            ("2.4", Some((Three, "v1beta2", false, false))),
            ("2.7", Some((Three, "v1beta2", false, false))),
            ("upstream", Some((Three, "v1beta2", false, true))),
            ("upstream-2.3", Some((Two, "v1beta2", false, true))),
            ("upstream-1.0", None),
            ("1.7", None),
            ("0.9", None),
            ("2.8", None),
            ("2.99", None),
            ("3.0", None),
            ("2", None),
            ("2.+7", None),
            ("2.7.1.1", None),
            ("2.7.x", None),
            ("x", None),
            ("", None),
        ] {
            let seen = text.parse::<KmmRelease>().ok().map(|release| {
                let generation = release.generation();
                (
                    generation,
                    generation.api_version(),
                    release.has_rt(),
                    release.upstream,
                )
            });
            assert_eq!(seen, expected, "{text}");
        }
        let refused = "2.99".parse::<KmmRelease>().expect_err("it is not known");
        assert!(refused.contains("2.6, 2.7"), "{refused}");
    }

    #[test]
    fn the_newest_release_is_the_last_row() {
        let last = RELEASES.last().map(|row| row.version);
        assert_eq!(
            last,
            Some((KmmRelease::NEWEST.major, KmmRelease::NEWEST.minor))
        );
        assert!(RELEASES.is_sorted_by_key(|row| row.version));
    }
}
