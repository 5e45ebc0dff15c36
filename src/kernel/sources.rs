//! Kernel facts from disk (`--kernel-dir`).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use kernel_loader::kernel::facts::{FileTree, KernelFacts};
use kernel_loader::module::ModuleFile;
use kernel_loader::module::facts::Depth;

use crate::findings::finding::{Code, Effect, Finding};
use crate::findings::kernel_facts;
use crate::model::target::Arch;

/// The largest file that is read from disk, in bytes.
const LARGEST_FILE: u64 = 64 << 20;
/// How many links one path may go through, as in the kernel (`MAXSYMLINKS`).
const MOST_LINKS: usize = 40;

/// Gathers the facts about a kernel from a folder: a root with `/usr/src/kernels/K` and
/// `/lib/modules/K`, a `/lib/modules/K`, or an unpacked headers tree.
///
/// A folder that is itself called `lib/modules/K` is read as part of the root that it
/// stands in, for its links (`build`) are absolute.
///
/// # Errors
/// The folder is none of these, or describes another kernel.
pub(crate) fn from_dir(
    dir: &Path,
    kernel_version: &str,
    arch: Arch,
) -> Result<(KernelFacts, Vec<Finding>), Finding> {
    if !dir.is_dir() {
        return Err(Finding::new(
            Code::KernelFactsMissing,
            format!("kernel folder {} is not a folder", dir.display()),
        )
        .with_effect(Effect::Blocks)
        .hint("Pass a folder with --kernel-dir, or a driver-toolkit image with --dtk-image."));
    }
    let tree = FolderTree::of(dir, kernel_version);
    let gathered = kernel_facts::gather(kernel_version, arch, &tree);
    let lost = tree.first_lost();
    let name_link = |finding: Finding| match &lost {
        Some(lost) if finding.code == Code::KernelFactsMissing => Finding {
            message: format!("{}; {lost}", finding.message),
            ..finding
        }
        .hint(format!(
            "Pass a folder that also has what {} leads to, or copy it there.",
            lost.link.display()
        )),
        _ => finding,
    };
    match gathered {
        Ok((facts, findings)) => Ok((facts, findings.into_iter().map(name_link).collect())),
        Err(mut finding) => {
            finding.message = format!("kernel folder {}: {}", dir.display(), finding.message);
            Err(name_link(finding))
        }
    }
}

/// The content of files of a folder with a kernel, by their paths as they are asked for, below
/// the root that [`from_dir`] reads. What is not there, or too large, is left out.
pub(crate) fn files(
    dir: &Path,
    kernel_version: &str,
    paths: &[String],
) -> BTreeMap<String, Vec<u8>> {
    let tree = FolderTree::of(dir, kernel_version);
    let read = |path: &String| Some((path.clone(), tree.read(path)?.into_owned()));
    paths.iter().filter_map(read).collect()
}

/// The first link on these paths that leads out of a folder with a kernel.
pub(crate) fn lost_link(dir: &Path, kernel_version: &str, paths: &[String]) -> Option<LostLink> {
    let tree = FolderTree::of(dir, kernel_version);
    for path in paths {
        tree.resolve(path);
    }
    tree.first_lost()
}

/// A link that leads to nothing inside of the folder that it is in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LostLink {
    link: PathBuf,
    target: PathBuf,
}

impl fmt::Display for LostLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (link, target) = (self.link.display(), self.target.display());
        write!(
            f,
            "link {link} leads to {target}, which is not in that folder"
        )
    }
}

/// The root of a folder that is the root's `lib/modules/K`, `usr/lib/modules/K`,
/// `usr/src/kernels/K` or `usr/src/linux-headers-K`.
fn root_of(dir: &Path, kernel_version: &str) -> Option<PathBuf> {
    [
        format!("usr/lib/modules/{kernel_version}"),
        format!("lib/modules/{kernel_version}"),
        format!("usr/src/kernels/{kernel_version}"),
        format!("usr/src/linux-headers-{kernel_version}"),
    ]
    .iter()
    .find(|place| dir.ends_with(place))
    .and_then(|place| dir.ancestors().nth(Path::new(place).components().count()))
    .map(Path::to_owned)
}

/// A folder as a root: links are followed inside of it, wherever they point.
#[derive(Debug)]
struct FolderTree {
    root: PathBuf,
    lost: Mutex<BTreeSet<LostLink>>,
}

impl FolderTree {
    fn of(dir: &Path, kernel_version: &str) -> Self {
        let real = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        Self {
            root: root_of(&real, kernel_version).unwrap_or(real),
            lost: Mutex::default(),
        }
    }

    /// The real place of a path, with every link resolved inside the root.
    fn resolve(&self, path: &str) -> Option<PathBuf> {
        let mut rest: Vec<String> = components(Path::new(path));
        rest.reverse();
        let mut real = self.root.clone();
        let mut links = 0;
        let mut last_link = None;
        while let Some(part) = rest.pop() {
            if part == ".." {
                if real != self.root {
                    real.pop();
                }
                continue;
            }
            let next = real.join(&part);
            let Ok(metadata) = fs::symlink_metadata(&next) else {
                self.lose(last_link, rest.len());
                return None;
            };
            if !metadata.file_type().is_symlink() {
                real = next;
                continue;
            }
            links += 1;
            if links > MOST_LINKS {
                return None;
            }
            let target = fs::read_link(&next).ok()?;
            // As Linux has it, on every system.
            if target.has_root() {
                real = self.root.clone();
            }
            let behind = rest.len();
            rest.extend(components(&target).into_iter().rev());
            last_link = Some((next, target, behind));
        }
        Some(real)
    }

    /// Keeps a link whose own target is not there, unlike one that led to a folder without the
    /// file that was looked for.
    fn lose(&self, link: Option<(PathBuf, PathBuf, usize)>, left: usize) {
        if let Some((link, target, behind)) = link
            && left >= behind
        {
            let link = link.strip_prefix(&self.root).unwrap_or(&link).to_owned();
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.insert(LostLink { link, target });
        }
    }

    fn first_lost(&self) -> Option<LostLink> {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.first().cloned()
    }
}

fn components(path: &Path) -> Vec<String> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            Component::ParentDir => Some("..".to_owned()),
            _ => None,
        })
        .collect()
}

impl FileTree for FolderTree {
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        let file = self.resolve(path)?;
        let metadata = fs::metadata(&file).ok()?;
        if !metadata.is_file() || metadata.len() > LARGEST_FILE {
            return None;
        }
        fs::read(file).ok().map(Cow::Owned)
    }

    fn list(&self, dir: &str) -> Vec<String> {
        let Some(entries) = self.resolve(dir).and_then(|dir| fs::read_dir(dir).ok()) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        names.sort();
        names
    }

    fn is_file(&self, path: &str) -> bool {
        self.resolve(path).is_some_and(|file| file.is_file())
    }

    fn module(&self, path: &str) -> Option<Arc<ModuleFile>> {
        let bytes = self.read(path)?;
        Some(Arc::new(ModuleFile::parse(&bytes, Depth::Slim)))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A root whose headers are where a link leads.
    fn messages(target: &str) -> Vec<String> {
        let root = tempfile::tempdir().expect("a folder");
        let place = |path: &str| root.path().join(path);
        fs::create_dir_all(place("usr/src/kernels")).expect("a folder");
        fs::create_dir_all(place("headers")).expect("a folder");
        fs::write(place("headers/.config"), "CONFIG_64BIT=y\n").expect("a file");
        fs::write(place("headers/Module.symvers"), "").expect("a file");
        symlink(target, place("usr/src/kernels/6.1.0")).expect("a link");
        let findings = match from_dir(root.path(), "6.1.0", Arch::Amd64) {
            Ok((_, findings)) => findings,
            Err(finding) => vec![finding],
        };
        findings.into_iter().map(|it| it.message).collect()
    }

    #[test]
    fn a_link_that_leads_out_of_the_folder_is_named() {
        for target in ["/elsewhere/headers", "../../../../elsewhere"] {
            let messages = messages(target);
            let link = format!("link usr/src/kernels/6.1.0 leads to {target}");
            assert!(messages[0].contains(&link), "{messages:?}");
        }
        for target in ["/headers", "../../../headers"] {
            let messages = messages(target);
            let names_link = messages.iter().any(|message| message.contains("link"));
            assert!(!names_link, "{messages:?}");
        }
    }
}
