//! Image configurations (OCI image spec: config.md), as far as a check needs them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::images::bounded::AtMost;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::manifest::null_as_default;
use crate::model::target::Arch;

/// Most bytes of an image configuration.
pub(crate) const MAX_CONFIG: u64 = 4 << 20;
/// Most steps of an image's history, and words of its command.
const MAX_STEPS: usize = 1 << 12;

/// The operating system stream of an image of a release.
pub(crate) const STREAM_LABEL: &str = "io.openshift.os.streamclass";
/// The kernel of a machine-os image; an image that is built on it inherits the label.
pub(crate) const KERNEL_LABEL: &str = "ostree.linux";
/// The version of a release image.
pub(crate) const RELEASE_LABEL: &str = "io.openshift.release";
/// The labels that are kept of a configuration.
const OS_LABELS: [&str; 3] = [STREAM_LABEL, KERNEL_LABEL, RELEASE_LABEL];

/// What an image's configuration says, as far as a check needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// `architecture`, where it says one: a label that some builders write wrong, so that
    /// containers/image logs a difference and goes on (`copy/single.go`).
    pub architecture: Option<String>,
    /// True when a `RUN` in its history, or a shell as its command or entry point, shows
    /// that the image has a shell and the basic tools.
    pub shows_a_shell: bool,
    /// The directory in which commands run, `/` where it says none.
    pub working_dir: String,
    /// Its labels of [`OS_LABELS`].
    pub labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ConfigDocument {
    #[serde(deserialize_with = "null_as_default")]
    architecture: String,
    #[serde(deserialize_with = "null_as_default")]
    config: Execution,
    history: AtMost<History, MAX_STEPS>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Execution {
    entrypoint: AtMost<String, MAX_STEPS>,
    cmd: AtMost<String, MAX_STEPS>,
    #[serde(deserialize_with = "null_as_default")]
    working_dir: String,
    #[serde(deserialize_with = "null_as_default")]
    labels: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct History {
    #[serde(deserialize_with = "null_as_default")]
    created_by: String,
}

impl ImageConfig {
    /// The architecture that it says, where that is another one.
    pub(crate) fn other_architecture(&self, arch: Arch) -> Option<&str> {
        let label = self.architecture.as_deref();
        label.filter(|label| label.parse() != Ok(arch))
    }

    /// Reads an image configuration.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let document: ConfigDocument = serde_json::from_slice(bytes).map_err(|fault| {
            Fault::new(
                FaultKind::Unreadable,
                format!("the image's configuration cannot be read: {fault}"),
            )
        })?;
        let is_shell = |argv: &[String]| {
            argv.first().is_some_and(|program| {
                let name = program.rsplit('/').next().unwrap_or(program);
                matches!(name, "sh" | "bash" | "ash" | "dash")
            })
        };
        // Builders write instructions that run nothing with a `#(nop)`.
        let runs = |step: &History| {
            step.created_by.contains("/bin/sh -c") && !step.created_by.contains("#(nop)")
        };
        Ok(Self {
            architecture: (!document.architecture.is_empty()).then_some(document.architecture),
            shows_a_shell: is_shell(&document.config.entrypoint.0)
                || is_shell(&document.config.cmd.0)
                || document.history.0.iter().any(runs),
            working_dir: if document.config.working_dir.is_empty() {
                "/".to_owned()
            } else {
                document.config.working_dir
            },
            labels: document
                .config
                .labels
                .into_iter()
                .filter(|(name, _)| OS_LABELS.contains(&name.as_str()))
                .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_show_a_shell() {
        for (config, expected) in [
            (
                r#"{"history":[{"created_by":"RUN /bin/sh -c make # buildkit"}]}"#,
                true,
            ),
            (
                r#"{"history":[{"created_by":"|1 K=5 /bin/sh -c make"}]}"#,
                true,
            ),
            (
                r##"{"history":[{"created_by":"/bin/sh -c #(nop) COPY a b"}]}"##,
                false,
            ),
            (
                r#"{"history":[{"created_by":"RUN /x # buildkit"},{}]}"#,
                false,
            ),
            (r#"{"config":{"Cmd":["/bin/bash"]}}"#, true),
            (
                r#"{"config":{"Entrypoint":["/usr/bin/sh","-c"],"Cmd":null}}"#,
                true,
            ),
            (
                r#"{"config":{"Cmd":["/usr/bin/flash"]},"history":null}"#,
                false,
            ),
            ("{}", false),
        ] {
            let facts = ImageConfig::parse(config.as_bytes()).expect("a configuration");
            assert_eq!(facts.shows_a_shell, expected, "{config}");
        }
    }
}
