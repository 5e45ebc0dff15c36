//! A target's kernel, made ready to boot: its image, and the file system that all guests of it
//! share.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernel_loader::kernel::facts::KernelFacts;
use kernel_loader::module::compression::Compression;

use crate::boot::archive::Archive;
use crate::boot::programs::{self, GuestFile, Missing, Programs};
use crate::boot::source::{Source, kernel_paths, module_paths};
use crate::boot::{guest, kernel_image};
use crate::check::facts::FactsStore;
use crate::images::open::Images;
use crate::model::target::{Arch, Target};
use crate::own_files::workspace::Scratch;

/// How often a system is looked at for libraries.
const MOST_LOOKS: usize = 8;

/// A kernel that can be booted.
#[derive(Debug)]
pub(super) struct BootKernel {
    /// QEMU's program.
    pub(super) qemu: PathBuf,
    /// The kernel as QEMU starts it.
    pub(super) image: PathBuf,
    /// The archive of the guest's programs.
    pub(super) base: PathBuf,
    /// Packings that the guest's kmod cannot unpack.
    pub(super) lacks: Vec<Compression>,
    /// Where its in-tree modules are.
    source: Source,
    kernel: String,
}

impl BootKernel {
    /// Makes a target's kernel ready. The second part is what has to be told of it.
    ///
    /// # Errors
    /// Why it cannot be booted.
    pub(super) async fn prepare(
        store: &FactsStore,
        images: &Arc<Images>,
        target: &Target,
        scratch: &Scratch,
    ) -> Result<(Self, Option<String>), String> {
        let qemu = find_qemu(target.arch)?;
        let facts = store.of(target).await.facts;
        if let Some(why) = facts.and_then(|facts| cannot_speak(&facts, target)) {
            return Err(why);
        }
        let kernel = &target.kernel_version;
        let mut reasons = Vec::new();
        for place in store.places(target) {
            let source = match Source::open(store, images, place, target).await {
                Ok(source) => source,
                Err(why) => {
                    reasons.push(why);
                    continue;
                }
            };
            let mut paths = kernel_paths(kernel);
            paths.extend(programs::first_paths(target.arch));
            let files = match source.read(paths.clone()).await {
                Ok(files) => files,
                Err(why) => {
                    reasons.push(why);
                    continue;
                }
            };
            let found = kernel_paths(kernel)
                .into_iter()
                .find_map(|path| Some((files.get(&path)?, path)));
            let Some((image, path)) = found else {
                let link = source.why_absent(kernel_paths(kernel)).await;
                reasons.push(format!(
                    "{source} has no kernel image (vmlinuz) of {kernel}{link}"
                ));
                continue;
            };
            let image = kernel_image::bootable(image, target.arch)
                .map_err(|why| format!("{path} of {source}: {why}"))?
                .into_owned();
            let absent = paths.into_iter().filter(|path| !files.contains_key(path));
            let absent: BTreeSet<String> = absent.collect();
            let programs = find_programs(&source, target.arch, files, absent).await?;
            let remark = programs.of_this_machine.then(|| {
                format!(
                    "--boot: kernel {kernel} runs with the shell, mount and kmod of this \
                     machine; {source} does not have them"
                )
            });
            let (folder, files) = (folder(scratch)?, programs.files);
            let written = tokio::task::spawn_blocking(move || write(&folder, &image, &files));
            let (image, base) = written
                .await
                .map_err(|fault| fault.to_string())?
                .map_err(|fault| format!("cannot write the boot files: {fault}"))?;
            let kernel = Self {
                qemu,
                image,
                base,
                lacks: programs.lacks,
                source,
                kernel: kernel.clone(),
            };
            return Ok((kernel, remark));
        }
        Err(if reasons.is_empty() {
            format!(
                "no source for the kernel image of {kernel}: pass --os-image, --dtk-image or \
                 --kernel-dir"
            )
        } else {
            reasons.join("; ")
        })
    }

    /// Writes in-tree modules, by their paths below `/lib/modules/K`, into an archive, and gives
    /// back those that are not there, each with what is said of it.
    ///
    /// # Errors
    /// Why they cannot be read or written.
    pub(super) async fn write_modules(
        &self,
        modules: &BTreeSet<String>,
        into: PathBuf,
    ) -> Result<BTreeMap<String, String>, String> {
        let places: Vec<String> = modules
            .iter()
            .flat_map(|module| module_paths(&self.kernel, module))
            .collect();
        let files = self.source.read(places).await?;
        let (kernel, wanted) = (self.kernel.clone(), modules.clone());
        let written = tokio::task::spawn_blocking(move || {
            let mut archive = Archive::new(BufWriter::new(File::create(into)?));
            archive.folder(&format!("lib/modules/{kernel}"))?;
            let mut absent = BTreeSet::new();
            for module in wanted {
                let places = module_paths(&kernel, &module);
                match places.iter().find_map(|path| files.get(path)) {
                    Some(bytes) => {
                        archive.file(&format!("lib/modules/{kernel}/{module}"), 0o644, bytes)?;
                    }
                    None => drop(absent.insert(module)),
                }
            }
            archive.finish()?;
            Ok(absent)
        });
        let absent = written
            .await
            .map_err(|fault| fault.to_string())?
            .map_err(|fault: io::Error| format!("cannot write the boot files: {fault}"))?;
        let mut why = BTreeMap::new();
        for module in absent {
            let places = module_paths(&self.kernel, &module).to_vec();
            let link = self.source.why_absent(places).await;
            let said = format!(
                "{} does not have in-tree module {module}{link}",
                self.source
            );
            why.insert(module, said);
        }
        Ok(why)
    }
}

/// A new folder for what a guest needs.
///
/// # Errors
/// It cannot be made.
pub(super) fn folder(scratch: &Scratch) -> Result<PathBuf, String> {
    let made = scratch.folder();
    made.map_err(|fault| format!("cannot create a temporary folder: {fault}"))
}

/// Why the guest could not tell anything, by the kernel's configuration.
fn cannot_speak(facts: &KernelFacts, target: &Target) -> Option<String> {
    let lacks = |(option, _): &(&str, &str)| facts.is_set(option) == Some(false);
    let (option, what) = guest::needed_options(target.arch).into_iter().find(lacks)?;
    Some(format!(
        "kernel {} is built without {what} (CONFIG_{option})",
        target.kernel_version
    ))
}

pub(super) fn find_qemu(arch: Arch) -> Result<PathBuf, String> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let names = guest::programs(arch);
    let places = names.iter().flat_map(|name| {
        let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        let folders = std::env::split_paths(&folders).filter(|folder| folder.is_absolute());
        folders
            .map(move |folder| folder.join(&name))
            .collect::<Vec<_>>()
    });
    places
        .into_iter()
        .find(|place| place.is_file())
        .ok_or_else(|| format!("{} is not installed", names[0]))
}

/// The programs of the kernel's own system, else of this machine.
async fn find_programs(
    source: &Source,
    arch: Arch,
    mut files: BTreeMap<String, Vec<u8>>,
    mut absent: BTreeSet<String>,
) -> Result<Programs, String> {
    let mut why = format!("{source} has programs with too many libraries");
    for _ in 0..MOST_LOOKS {
        match programs::gather(arch, &files, &absent) {
            Ok(files) => {
                return Ok(Programs {
                    files,
                    lacks: Vec::new(),
                    of_this_machine: false,
                });
            }
            Err(Missing::Look(paths)) => {
                let read = source.read(paths.clone()).await?;
                absent.extend(paths.into_iter().filter(|path| !read.contains_key(path)));
                files.extend(read);
            }
            Err(Missing::Never(what)) => {
                why = format!("{source} has {what}");
                break;
            }
        }
    }
    if !guest::is_native(arch) {
        return Err(format!(
            "no shell, mount and kmod for {arch}: {why}; pass a machine-os image with --os-image"
        ));
    }
    tokio::task::spawn_blocking(move || programs::of_this_machine(arch))
        .await
        .map_err(|fault| fault.to_string())?
        .map_err(|own| {
            format!("no shell, mount and kmod for the virtual machine: {why}, and {own}")
        })
}

/// Writes the kernel and the archive of the guest's programs.
pub(super) fn write(
    folder: &Path,
    image: &[u8],
    files: &[GuestFile],
) -> io::Result<(PathBuf, PathBuf)> {
    let (kernel, base) = (folder.join("kernel"), folder.join("base"));
    std::fs::write(&kernel, image)?;
    let mut archive = Archive::new(BufWriter::new(File::create(&base)?));
    for folder in ["proc", "sys", "tmp", "etc/modprobe.d"] {
        archive.folder(folder)?;
    }
    for (device, number) in [
        ("dev/console", (5, 1)),
        ("dev/kmsg", (1, 11)),
        ("dev/null", (1, 3)),
    ] {
        archive.device(device, number)?;
    }
    for file in files {
        archive.file(&file.path, 0o755, &file.bytes)?;
    }
    archive.link("kmm/rmmod", "modprobe")?;
    archive.file(guest::SCRIPT, 0o644, include_bytes!("init.sh"))?;
    archive.finish()?;
    Ok((kernel, base))
}
