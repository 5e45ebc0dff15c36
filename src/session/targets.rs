//! The targets of a local run: from the flags, or from the preflight CRs that `-f` gave.

use std::sync::Arc;

use crate::check::targets;
use crate::cli::target::TargetArgs;
use crate::error::Error;
use crate::findings::finding::Finding;
use crate::image_build::builder::this_machine;
use crate::images::open::Images;
use crate::images::registry::access::Access;
use crate::input::PreflightInput;
use crate::model::target::{Arch, Target};
use crate::session::arch;

/// The kernels to check against, each once, and remarks on how they were found.
///
/// # Errors
/// Nothing names a kernel, or an image that should tell it cannot be read.
pub async fn targets(
    args: &TargetArgs,
    release_of_update: Option<String>,
    preflights: &[PreflightInput],
    images: &Arc<Images>,
    access: &Access,
) -> Result<(Vec<Target>, Vec<String>), Error> {
    if args.rt && !args.kernel_version.is_empty() {
        return Err(Error::Usage {
            message: "--rt chooses a kernel of a release, and --kernel-version names one".to_owned(),
            hint: "name the real-time kernel itself with --kernel-version, such as 5.14.0-427.el9.x86_64+rt".to_owned(),
        });
    }
    let mut found = Found::new(args);
    let release = args.release_image.clone().or(release_of_update);
    if !args.kernel_version.is_empty() {
        for kernel in &args.kernel_version {
            found.kernel(kernel, args.dtk_image.as_deref());
        }
    } else if let Some(image) = release.as_ref().or(args.dtk_image.as_ref()) {
        found.image(image, args.rt, images, access).await?;
    } else {
        for preflight in preflights {
            match (&preflight.kernel_version, &preflight.release_image) {
                (Some(kernel), _) => found.kernel(kernel, preflight.dtk_image.as_deref()),
                (None, Some(image)) => {
                    let rt = preflight.rt || args.rt;
                    found.image(image, rt, images, access).await?;
                }
                (None, None) => {}
            }
        }
    }
    if found.targets.is_empty() {
        return Err(Error::Usage {
            message: "no target: nothing names the kernel to check against".to_owned(),
            hint: "name it with --kernel-version, --release-image, --dtk-image or --to, or give a PreflightValidation(OCP) with -f".to_owned(),
        });
    }
    Ok((found.targets, found.notes))
}

/// The kernels that are named without an image, for a command that reads none.
///
/// # Errors
/// Nothing names a kernel.
pub fn named_targets(
    args: &TargetArgs,
    preflights: &[PreflightInput],
) -> Result<(Vec<Target>, Vec<String>), Error> {
    let mut found = Found::new(args);
    for kernel in &args.kernel_version {
        found.kernel(kernel, args.dtk_image.as_deref());
    }
    if found.targets.is_empty() && args.release_image.is_none() {
        for preflight in preflights {
            if let Some(kernel) = &preflight.kernel_version {
                found.kernel(kernel, preflight.dtk_image.as_deref());
            }
        }
    }
    if found.targets.is_empty() {
        return Err(Error::Usage {
            message: "no target: nothing names the kernel, and no image is read here".to_owned(),
            hint: "name it with --kernel-version; `kubectl kmm preflight kernel IMAGE` tells that of a release".to_owned(),
        });
    }
    Ok((found.targets, found.notes))
}

struct Found<'a> {
    args: &'a TargetArgs,
    targets: Vec<Target>,
    notes: Vec<String>,
}

impl<'a> Found<'a> {
    fn new(args: &'a TargetArgs) -> Self {
        Self {
            args,
            targets: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn add(&mut self, kernel_version: &str, arch: Arch, dtk_image: Option<&str>) {
        let target = Target {
            kernel_version: kernel_version.to_owned(),
            arch,
            dtk_image: dtk_image.map(str::to_owned),
        };
        if !self.targets.contains(&target) {
            self.targets.push(target);
        }
    }

    fn kernel(&mut self, kernel: &str, dtk_image: Option<&str>) {
        for arch in &self.args.arch {
            self.add(kernel, *arch, dtk_image);
        }
        if !self.args.arch.is_empty() {
            return;
        }
        let arch = Arch::of_kernel_release(kernel).unwrap_or_else(|| {
            let arch = this_machine();
            self.notes.push(format!(
                "kernel {kernel} tells no architecture: this machine's, {arch}, is checked; --arch names another"
            ));
            arch
        });
        self.add(kernel, arch, dtk_image);
    }

    async fn image(
        &mut self,
        image: &str,
        rt: bool,
        images: &Arc<Images>,
        access: &Access,
    ) -> Result<(), Error> {
        let archs = arch::of_image(&self.args.arch, image, images, access);
        for arch in archs.await.map_err(unresolved)? {
            let resolved = targets::resolve(images, image, arch, access)
                .await
                .map_err(unresolved)?;
            let kernel = resolved.kernel_version(rt).map_err(unresolved)?;
            self.notes
                .push(format!("{image} has kernel {kernel} ({arch})"));
            self.add(&kernel, arch, Some(&resolved.dtk_image));
        }
        Ok(())
    }
}

/// A target that cannot be told keeps the run from starting: nothing was looked at.
fn unresolved(finding: Finding) -> Error {
    Error::Image {
        message: finding.message,
        hint: finding.hint.unwrap_or_default(),
        looked: false,
    }
}
