//! Firmware: what KMM copies to the node, and what the modules name.

use std::collections::BTreeSet;

use kernel_loader::module::ElfFacts;

use crate::findings::finding::{Code, Finding};
use crate::images::layers::overlay::{NeedLayer, Overlay};
use crate::kmm::releases::{Feature, KmmRelease};
use crate::kmm::worker::command_line::join;
use crate::kmm::worker::copied::{in_image, is_hidden};

/// How many names a message lists.
const SHOWN: usize = 3;

/// The copy of `firmwarePath`: since 2.2 the init container's last command is
/// `cp -R <firmwarePath>/* …`, whose failure keeps the worker from starting; before that
/// the worker copies the folder, which has to be there.
///
/// # Errors
/// A layer further down decides.
pub(crate) fn copy(
    overlay: &Overlay,
    working_dir: &str,
    firmware_path: &str,
    release: KmmRelease,
) -> Result<Option<Finding>, NeedLayer> {
    if firmware_path.is_empty() {
        return Ok(None);
    }
    let folder = if release.has(Feature::ImageExtractor) {
        in_image(overlay, working_dir, &join(&[firmware_path]))?
    } else {
        join(&["/", firmware_path])
    };
    let names = overlay.list(&folder)?;
    let problem = match &names {
        _ if release.has(Feature::ImageExtractor) && is_hidden(overlay, &folder)? => {
            "is below /tmp, where a volume of the pod hides the image's files"
        }
        None => "is not in the image",
        Some(names)
            if release.has(Feature::ImageExtractor)
                && names.iter().all(|name| name.starts_with('.')) =>
        {
            "is empty in the image"
        }
        Some(_) => return Ok(None),
    };
    Ok(Some(
        Finding::new(
            Code::FirmwareMissing,
            format!(
                "firmwarePath {firmware_path} {problem}: KMM cannot copy it, and nothing is \
                loaded"
            ),
        )
        .hint("Put the firmware there, or remove `firmwarePath` from the Module.")
        .with_effect(crate::findings::finding::Effect::Fails),
    ))
}

/// Firmware that a module names (`MODULE_FIRMWARE`) and that the image does not bring. The
/// node may have it, and the module may do without it.
///
/// # Errors
/// A layer further down decides.
pub(crate) fn named(
    overlay: &Overlay,
    firmware_path: &str,
    modules: &[(String, &ElfFacts)],
) -> Result<Vec<Finding>, NeedLayer> {
    let mut findings = Vec::new();
    for (module, elf) in modules {
        let named: BTreeSet<&str> = elf.modinfo_all("firmware").collect();
        if named.is_empty() {
            continue;
        }
        let mut absent = Vec::new();
        for name in named {
            if firmware_path.is_empty() || !is_there(overlay, firmware_path, name)? {
                absent.push(name);
            }
        }
        if absent.is_empty() {
            continue;
        }
        let shown = absent[..absent.len().min(SHOWN)].join(", ");
        let more = match absent.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        findings.push(
            Finding::new(
                Code::FirmwareMissing,
                format!("{module} may request firmware that is not in the image: {shown}{more}"),
            )
            .hint(
                "Make sure that the nodes have it, or add it to the image and set \
                `firmwarePath`.",
            ),
        );
    }
    Ok(findings)
}

/// The file as the kernel asks for it, plain or compressed (`fw_get_filesystem_firmware`).
fn is_there(overlay: &Overlay, folder: &str, name: &str) -> Result<bool, NeedLayer> {
    for suffix in ["", ".xz", ".zst"] {
        let path = join(&["/", folder, &format!("{name}{suffix}")]);
        if overlay.lookup(&path)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
