//! The preflight CR to create: what each KMM release takes (pure).

use serde_json::{Map, Value, json};

use crate::cluster::api::resource::{PREFLIGHT, PREFLIGHT_OCP, Resource};
use crate::cluster::kmm::preflight::PreflightSpec;
use crate::error::Error;
use crate::kmm::releases::{Generation, KmmRelease};

/// What the user asked for; a release image that KMM does not resolve itself is resolved by
/// then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PreflightRequest {
    /// The kernel.
    pub kernel_version: Option<String>,
    /// The driver-toolkit image.
    pub dtk_image: Option<String>,
    /// The release image.
    pub release_image: Option<String>,
    /// The release that `--to` named, for the CR's name.
    pub to: Option<String>,
    /// The real-time kernel of the release.
    pub rt: bool,
    /// Push what is built.
    pub push_built_image: bool,
}

/// A CR to create.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// Its kind.
    pub resource: Resource,
    /// Its name.
    pub name: String,
    /// Its spec.
    pub spec: PreflightSpec,
}

impl PreflightRequest {
    /// True when this KMM wants the kernel where the user named a release image: OpenShift's
    /// since 2.4, and upstream's always, which knows no release images.
    pub(crate) fn needs_resolution(&self, kmm: KmmRelease) -> bool {
        self.release_image.is_some() && (kmm.generation() == Generation::Three || kmm.upstream)
    }

    /// The CR for this KMM.
    ///
    /// # Errors
    /// The request contradicts itself, lacks a target, or is beyond this release.
    pub(crate) fn desired(&self, kmm: KmmRelease, name: Option<&str>) -> Result<Desired, Error> {
        let resource = self.kind(kmm)?;
        let mut spec = PreflightSpec {
            push_built_image: self.push_built_image,
            ..PreflightSpec::default()
        };
        if resource.plural == PREFLIGHT_OCP.plural && kmm.generation() != Generation::Three {
            if self.rt && !kmm.has_rt() {
                return Err(Error::Usage {
                    message: format!("{} cannot check a real-time kernel", kmm),
                    hint: "Pass --kernel-version, or update KMM to 1.1 or later.".to_owned(),
                });
            }
            spec.release_image = self.release_image.clone().unwrap_or_default();
            spec.use_rt_kernel = self.rt;
        } else {
            spec.kernel_version = self.kernel_version.clone().unwrap_or_default();
            if resource.plural == PREFLIGHT_OCP.plural {
                spec.dtk_image = self.dtk_image.clone().unwrap_or_default();
            }
        }
        check_kernel(&spec.kernel_version)?;
        let name = match name {
            Some(name) => name.to_owned(),
            None => self.name(),
        };
        check_name(&name)?;
        Ok(Desired {
            resource,
            name,
            spec,
        })
    }

    /// PreflightValidationOCP, but for upstream KMM, and for a bare kernel up to 2.3, which
    /// every release checks by a PreflightValidation.
    fn kind(&self, kmm: KmmRelease) -> Result<Resource, Error> {
        let plain = PREFLIGHT.at(kmm.generation().api_version());
        let ocp = PREFLIGHT_OCP.at(kmm.generation().api_version());
        match (&self.release_image, &self.kernel_version) {
            (None, None) => Err(Error::Usage {
                message: "no target kernel given".to_owned(),
                hint: "Pass --release-image IMAGE, --to X.Y.Z or --kernel-version KERNEL."
                    .to_owned(),
            }),
            _ if self.rt && self.release_image.is_none() => Err(Error::Usage {
                message: "--rt chooses between the kernels of a release".to_owned(),
                hint: "Use it with --release-image or --to, or pass the real-time kernel with \
                    --kernel-version."
                    .to_owned(),
            }),
            (_, Some(_)) if kmm.upstream => Ok(plain),
            _ if kmm.generation() == Generation::Three => Ok(ocp),
            (Some(_), _) => Ok(ocp),
            (None, Some(_)) if self.dtk_image.is_some() => Err(Error::Usage {
                message: format!(
                    "{} finds the driver-toolkit image of a release itself; --dtk-image is not \
                     supported",
                    kmm
                ),
                hint: "Pass --release-image, or remove --dtk-image.".to_owned(),
            }),
            (None, Some(_)) => Ok(plain),
        }
    }

    /// A name from the target: a DNS label.
    fn name(&self) -> String {
        let target = match (&self.to, &self.release_image, &self.kernel_version) {
            (Some(version), _, _) => version.clone(),
            (None, Some(image), _) => image_label(image),
            (None, None, Some(kernel)) => kernel.clone(),
            (None, None, None) => String::new(),
        };
        let rt = if self.rt { "-rt" } else { "" };
        label(&format!("preflight-{target}"), rt)
    }
}

impl Desired {
    /// The CR as an object; fields without a value are left out.
    pub fn object(&self) -> Value {
        json!({
            "apiVersion": self.resource.api_version(),
            "kind": self.resource.kind,
            "metadata": {"name": self.name},
            "spec": spec_object(&self.spec),
        })
    }

    /// How an existing CR's spec differs, one line per field; empty when it is equal.
    pub fn differences(&self, existing: &PreflightSpec) -> Vec<String> {
        let (ours, theirs) = (spec_object(&self.spec), spec_object(existing));
        let mut fields: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
        fields.sort();
        fields.dedup();
        let show = |value: Option<&Value>| value.map_or("unset".to_owned(), Value::to_string);
        fields
            .into_iter()
            .filter(|field| ours.get(*field) != theirs.get(*field))
            .map(|field| {
                format!(
                    "spec.{field} is {} in the cluster and {} in this run",
                    show(theirs.get(field)),
                    show(ours.get(field))
                )
            })
            .collect()
    }
}

/// A spec with the fields that have a value; the API server's defaults are false and "".
fn spec_object(spec: &PreflightSpec) -> Map<String, Value> {
    let mut object = Map::new();
    for (field, value) in [
        ("releaseImage", &spec.release_image),
        ("kernelVersion", &spec.kernel_version),
        ("dtkImage", &spec.dtk_image),
    ] {
        if !value.is_empty() {
            object.insert(field.to_owned(), json!(value));
        }
    }
    for (field, value) in [
        ("useRTKernel", spec.use_rt_kernel),
        ("pushBuiltImage", spec.push_built_image),
    ] {
        if value {
            object.insert(field.to_owned(), json!(true));
        }
    }
    object
}

/// A kernel version in fewer than three parts ends the operator up to 2.3 in a panic, and is
/// refused by the webhook since 2.4 (`kernel.go`, `preflightvalidationocp_webhook.go`).
fn check_kernel(kernel: &str) -> Result<(), Error> {
    if kernel.is_empty() || kernel.split(['.', ',', '-']).count() >= 3 {
        return Ok(());
    }
    Err(Error::Usage {
        message: format!("`{kernel}` is not a kernel version that KMM accepts"),
        hint: "Pass it as `uname -r` prints it, such as 5.14.0-427.28.1.el9_4.x86_64.".to_owned(),
    })
}

/// Checks that a name can be that of a CR (RFC 1123 subdomain).
///
/// # Errors
/// It cannot.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let label_is_good = |label: &str| {
        label.starts_with(edge)
            && label.ends_with(edge)
            && label.chars().all(|c| edge(c) || c == '-')
    };
    if name.len() <= 253 && name.split('.').all(label_is_good) {
        return Ok(());
    }
    Err(Error::Usage {
        message: format!("`{name}` is not a valid name of a CR"),
        hint: "Use lower-case letters, digits, `-` and `.`, with a letter or digit at both ends."
            .to_owned(),
    })
}

/// What an image reference says of its release: the tag, or the first digits of the digest.
fn image_label(image: &str) -> String {
    if let Some((_, digest)) = image.split_once('@') {
        let hex = digest.rsplit(':').next().unwrap_or(digest);
        return hex.chars().take(12).collect();
    }
    let last = image.rsplit('/').next().unwrap_or(image);
    match last.rsplit_once(':') {
        Some((_, tag)) => tag.to_owned(),
        None => last.to_owned(),
    }
}

/// A DNS label of at most 63 characters from any text, with `suffix` kept whole.
fn label(text: &str, suffix: &str) -> String {
    let mut label = String::new();
    for c in text.to_lowercase().chars() {
        let c = if c.is_ascii_alphanumeric() { c } else { '-' };
        if c != '-' || !label.ends_with('-') {
            label.push(c);
        }
    }
    label.truncate(63 - suffix.len());
    format!("{}{suffix}", label.trim_matches('-'))
}

#[cfg(test)]
mod tests;
