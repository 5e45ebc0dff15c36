//! What KMM copies out of the image, and where to: the shell command of its init container,
//! which runs in the image's working directory.

use crate::findings::finding::{Code, Finding};
use crate::images::layers::overlay::{NeedLayer, Overlay};
use crate::kmm::releases::{Feature, KmmRelease};
use crate::kmm::worker::command_line::{SHARED_DIR, join};

/// The part of the image that the worker has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Copied {
    /// Its place in the worker.
    pub(crate) at: String,
    /// Its place in the image, relative to the image's root; empty for the whole image.
    pub(crate) from: String,
    /// The folder of the kernel's modules in the image, relative to the image's root.
    pub(crate) folder: String,
}

/// What a KMM release copies of `dirName`: since 2.2 an init container copies the one folder
/// (`internal/pod/workerpodmanager.go`, `baseWorkerPod` and `addCopyCommand`), 2.0 and 2.1
/// unpack the whole image (`internal/worker/imagepuller.go`), 1.x runs `modprobe` in the image
/// itself. `Err` holds why nothing reaches the worker.
///
/// # Errors
/// A layer further down decides.
pub(crate) fn of(
    overlay: &Overlay,
    working_dir: &str,
    release: KmmRelease,
    dir_name: &str,
    kernel: &str,
) -> Result<Result<Copied, Finding>, NeedLayer> {
    if !release.has(Feature::Worker) {
        let root = in_image(overlay, working_dir, dir_name)?;
        let folder = join(&["/", &root, "lib/modules", kernel]);
        return Ok(Ok(Copied {
            at: "/".to_owned(),
            from: String::new(),
            folder: folder.trim_start_matches('/').to_owned(),
        }));
    }
    if !release.has(Feature::ImageExtractor) {
        let folder = join(&["/", dir_name, "lib/modules", kernel]);
        return Ok(Ok(Copied {
            at: SHARED_DIR.to_owned(),
            from: String::new(),
            folder: folder.trim_start_matches('/').to_owned(),
        }));
    }
    let to = join(&[SHARED_DIR, dir_name, "lib/modules"]);
    let source = join(&[dir_name, "lib/modules", kernel]);
    let from = in_image(overlay, working_dir, &source)?;
    if let Some(why) = fails(overlay, &source, &from, &to)? {
        let finding = Finding::new(
            Code::ModuleNotFound,
            format!("dirName `{dir_name}`: KMM's `cp -R {source} {to}` {why}"),
        );
        return Ok(Err(finding.hint(
            "Put the modules below a folder such as /opt in the image, and write the folder with \
             its leading slash.",
        )));
    }
    Ok(Ok(Copied {
        at: format!("{to}/{kernel}"),
        folder: from.clone(),
        from,
    }))
}

/// Why the copy fails whatever is in the folder, or does not reach the worker.
fn fails(
    overlay: &Overlay,
    source: &str,
    from: &str,
    to: &str,
) -> Result<Option<&'static str>, NeedLayer> {
    if source.starts_with('-') {
        return Ok(Some("reads the folder as an option"));
    }
    if !is_below_shared(to) {
        return Ok(Some("puts the modules where the worker does not find them"));
    }
    if is_hidden(overlay, from)? {
        return Ok(Some(
            "finds nothing: a volume of the pod hides the image's /tmp",
        ));
    }
    Ok(None)
}

/// True for what the image has below `/tmp`, over which the pod mounts an empty volume.
///
/// # Errors
/// A layer further down decides.
pub(crate) fn is_hidden(overlay: &Overlay, path: &str) -> Result<bool, NeedLayer> {
    let real = overlay.real_path(path)?;
    let real = real.as_deref().unwrap_or(path).trim_start_matches('/');
    Ok(is_below_shared(&format!("/{real}")))
}

fn is_below_shared(path: &str) -> bool {
    path.strip_prefix(SHARED_DIR)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// The path, relative to the image's root, that a command in the image means by `path`. What
/// `filepath.Join` left of `..` in it leads up from the working directory itself, links
/// followed; one that is missing is made by the container runtime.
///
/// # Errors
/// A layer further down decides.
pub(crate) fn in_image(
    overlay: &Overlay,
    working_dir: &str,
    path: &str,
) -> Result<String, NeedLayer> {
    let absolute = if path.starts_with('/') {
        join(&[path])
    } else if path.starts_with("..") {
        let real = overlay.real_path(working_dir)?;
        let here = real.unwrap_or_else(|| working_dir.to_owned());
        join(&["/", &here, path])
    } else {
        join(&["/", working_dir, path])
    };
    Ok(absolute.trim_start_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::layer::{LayerIndex, Node};

    fn overlay(links: &[(&str, &str)]) -> Overlay {
        let mut layer = LayerIndex::default();
        for folder in ["srv/a/b", "opt/lib/modules/K", "tmp/x/lib/modules/K"] {
            layer.entries.insert(folder.to_owned(), Node::Dir);
        }
        for (path, target) in links {
            layer
                .entries
                .insert((*path).to_owned(), Node::Symlink((*target).to_owned()));
        }
        let mut overlay = Overlay::new(1);
        overlay.push(Arc::new(layer));
        overlay
    }

    #[test]
    fn a_folder_is_found_from_the_working_directory() {
        let overlay = overlay(&[("short", "srv/a/b"), ("aside", "tmp/x")]);
        for (release, working_dir, dir_name, from, at) in [
            ((2, 4), "/", "/opt", Ok("opt/lib/modules/K"), "/tmp/opt"),
            ((2, 4), "/", "opt", Ok("opt/lib/modules/K"), "/tmp/opt"),
            ((2, 4), "/", ".", Ok("lib/modules/K"), "/tmp"),
            (
                (2, 4),
                "/srv",
                "opt",
                Ok("srv/opt/lib/modules/K"),
                "/tmp/opt",
            ),
            (
                (2, 4),
                "srv",
                "./opt/",
                Ok("srv/opt/lib/modules/K"),
                "/tmp/opt",
            ),
            (
                (2, 4),
                "/srv",
                "//opt//",
                Ok("opt/lib/modules/K"),
                "/tmp/opt",
            ),
            (
                (2, 4),
                "/",
                "/a/../opt",
                Ok("opt/lib/modules/K"),
                "/tmp/opt",
            ),
            ((2, 4), "/", "/opt/..", Ok("lib/modules/K"), "/tmp"),
            ((2, 4), "/srv", "../opt", Err("does not find"), ""),
            ((2, 4), "/", "/../opt", Err("does not find"), ""),
            ((2, 4), "/", "-opt", Err("option"), ""),
            ((2, 4), "/", "/tmp/x", Err("hides"), ""),
            ((2, 4), "/", "/aside", Err("hides"), ""),
            ((2, 4), "/tmp", "x", Err("hides"), ""),
            ((2, 1), "/srv", "opt", Ok("opt/lib/modules/K"), ""),
            ((1, 1), "/srv", "opt", Ok("srv/opt/lib/modules/K"), ""),
            (
                (1, 1),
                "/short",
                "../opt",
                Ok("srv/a/opt/lib/modules/K"),
                "",
            ),
            (
                (1, 1),
                "/not/there",
                "../opt",
                Ok("not/opt/lib/modules/K"),
                "",
            ),
        ] {
            let release = KmmRelease {
                major: release.0,
                minor: release.1,
                upstream: false,
            };
            let copied = of(&overlay, working_dir, release, dir_name, "K").expect("one layer");
            match (copied, from) {
                (Ok(copied), Ok(from)) => {
                    assert_eq!(copied.folder, from, "{dir_name} in {working_dir}");
                    if !at.is_empty() {
                        assert_eq!(copied.at, format!("{at}/lib/modules/K"));
                    }
                }
                (Err(finding), Err(why)) => assert!(finding.message.contains(why)),
                (copied, from) => panic!("{dir_name} in {working_dir}: {copied:?}, not {from:?}"),
            }
        }
    }
}
