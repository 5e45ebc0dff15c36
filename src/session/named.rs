//! Kernels that are named as they are, without an image that has to be read.

use crate::cli::target::TargetArgs;
use crate::cluster::pools::assign::Assigned;
use crate::error::Error;
use crate::image_build::builder::this_machine;
use crate::input::PreflightInput;
use crate::kernel::streams::StreamKernel;
use crate::model::target::{Arch, Scope, Target};
use crate::session::request::Found;

/// The kernels that are named without an image, for a command that reads none.
///
/// # Errors
/// Nothing names a kernel.
pub(crate) fn named_targets(
    args: &TargetArgs,
    preflights: &[PreflightInput],
) -> Result<(Vec<Target>, Vec<String>), Error> {
    let mut found = named(args, args.kernel_version.iter(), args.dtk_image.as_deref());
    if found.targets.is_empty() && args.release_image.is_empty() {
        for preflight in preflights {
            if let Some(kernel) = &preflight.kernel_version {
                found.add(named(args, [kernel], preflight.dtk_image.as_deref()));
            }
        }
    }
    if found.targets.is_empty() {
        let images = [
            ("--release-image", !args.release_image.is_empty()),
            ("--dtk-image", args.dtk_image.is_some()),
            ("--os-image", args.os_image.is_some()),
            ("--to", !args.to.is_empty()),
            ("--current", args.current),
        ];
        let given = images.iter().find(|(_, is_given)| *is_given);
        return Err(Error::Usage {
            message: match given {
                Some((flag, _)) => format!(
                    "no target kernel given: this command reads no image and no node, so it \
                     cannot resolve {flag}"
                ),
                None => "no target kernel given".to_owned(),
            },
            hint: "Pass --kernel-version; `kubectl kmm preflight targets` prints the kernels of \
                a release or a cluster."
                .to_owned(),
        });
    }
    Ok((found.targets, found.notes))
}

/// Kernels by their names, each for the architectures of `--arch`, or the one that it shows.
pub(super) fn named<'a>(
    args: &TargetArgs,
    kernels: impl IntoIterator<Item = &'a String>,
    dtk_image: Option<&str>,
) -> Found {
    let mut found = Found::default();
    let mut assigned = Assigned::default();
    for kernel in kernels {
        let archs = if args.arch.is_empty() {
            let arch = Arch::of_kernel_release(kernel).unwrap_or_else(|| {
                let arch = this_machine();
                found.notes.push(format!(
                    "The kernel version {kernel} names no architecture; checking {arch} (this \
                     machine). Use --arch to change it."
                ));
                arch
            });
            vec![arch]
        } else {
            args.arch.clone()
        };
        for arch in archs {
            let one = StreamKernel {
                kernel_version: kernel.clone(),
                dtk_image: dtk_image.map(str::to_owned),
                os_image: None,
                nodes_image: None,
            };
            let scope = Scope {
                is_new: true,
                ..Scope::default()
            };
            assigned.add(one, arch, scope);
        }
    }
    found.targets = assigned.targets;
    found
}
