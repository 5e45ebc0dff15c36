//! The command lines of the builders.

pub(crate) mod docker;

use std::path::{Path, PathBuf};

use crate::image_build::tool::Tool;
use crate::model::target::Arch;

/// A program that builds images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuilderKind {
    /// buildah
    Buildah,
    /// podman, whose build is buildah's
    Podman,
    /// docker, with its daemon
    Docker,
}

impl BuilderKind {
    /// In the order in which they are tried: without a daemon first.
    pub(crate) const ALL: [Self; 3] = [Self::Buildah, Self::Podman, Self::Docker];

    /// The program.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Buildah => "buildah",
            Self::Podman => "podman",
            Self::Docker => "docker",
        }
    }
}

/// Where a builder without a daemon keeps its images, and how its steps run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Storage {
    /// `--storage-driver`: `overlay`, or `vfs` where that does not work.
    pub driver: &'static str,
    /// `--isolation`; `None` is the program's own default.
    pub isolation: Option<&'static str>,
}

/// The folders of a run that a builder works in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folders {
    /// Images and containers of the run.
    pub storage: PathBuf,
    /// State of running containers.
    pub state: PathBuf,
    /// Temporary files of the builder.
    pub temporary: PathBuf,
    /// An empty folder: KMM's builds have no context.
    pub context: PathBuf,
}

/// One build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuildRun {
    /// The Dockerfile.
    pub dockerfile: PathBuf,
    /// What the result is called while the run lasts.
    pub tag: String,
    /// The architecture of the result.
    pub arch: Arch,
    /// Build arguments.
    pub args: Vec<(String, String)>,
    /// Folders that steps see below `/run/secrets`, by the Secret's name.
    pub secrets: Vec<(String, PathBuf)>,
    /// Credentials for base images, as containers-auth.json(5), in a folder of its own.
    pub authfile: Option<PathBuf>,
    /// Hosts of base images that may be plain HTTP or have unknown certificates; for builders
    /// they stand in `registries_conf`.
    pub insecure: Vec<String>,
    /// A folder with certificate authorities beside the system's.
    pub certificates: Option<PathBuf>,
    /// A signature policy, where the machine has none.
    pub policy: Option<PathBuf>,
    /// registries.conf(5) to use instead of the machine's.
    pub registries_conf: Option<PathBuf>,
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The program with the flags that keep it to the run's own folders.
fn base(kind: BuilderKind, storage: &Storage, folders: &Folders) -> Tool {
    let args = [
        "--root",
        &text(&folders.storage),
        "--runroot",
        &text(&folders.state),
        "--storage-driver",
        storage.driver,
    ];
    let mut args = args.map(str::to_owned).to_vec();
    if kind == BuilderKind::Podman {
        // Its journal of builds is the machine's, and outlives the run.
        args.push("--events-backend=none".to_owned());
    }
    Tool {
        program: kind.program().to_owned(),
        args,
        env: vec![("TMPDIR".into(), text(&folders.temporary))],
        folder: folders.context.clone(),
    }
}

/// buildah's or podman's build.
pub(crate) fn build(
    kind: BuilderKind,
    storage: &Storage,
    folders: &Folders,
    run: &BuildRun,
) -> Tool {
    let mut tool = base(kind, storage, folders);
    let mut arg = |words: &[&str]| {
        tool.args
            .extend(words.iter().map(|word| (*word).to_owned()))
    };
    arg(&[match kind {
        BuilderKind::Buildah => "bud",
        BuilderKind::Podman | BuilderKind::Docker => "build",
    }]);
    if let Some(isolation) = storage.isolation {
        arg(&["--isolation", isolation]);
    }
    arg(&["--platform", &format!("linux/{}", run.arch)]);
    arg(&["--layers=false", "--force-rm"]);
    // KMM's build arguments are plain text in the Module, no Secrets; `--build-arg-file`,
    // which newer builders have, takes no value of several lines.
    for (name, value) in &run.args {
        arg(&["--build-arg", &format!("{name}={value}")]);
    }
    if !run.secrets.is_empty() {
        // The folder keeps its label, so steps could not read it where SELinux confines them.
        arg(&["--security-opt", "label=disable"]);
    }
    for (name, folder) in &run.secrets {
        arg(&[
            "--volume",
            &format!("{}:/run/secrets/{name}:ro", text(folder)),
        ]);
    }
    if let Some(authfile) = &run.authfile {
        arg(&["--authfile", &text(authfile)]);
    }
    if let Some(certificates) = &run.certificates {
        arg(&["--cert-dir", &text(certificates)]);
    }
    if let Some(policy) = &run.policy {
        arg(&["--signature-policy", &text(policy)]);
    }
    arg(&["--tag", &run.tag, "--file", &text(&run.dockerfile)]);
    arg(&[&text(&folders.context)]);
    if let Some(conf) = &run.registries_conf {
        let conf = text(conf);
        tool.env.push(("CONTAINERS_REGISTRIES_CONF".into(), conf));
    }
    tool
}

/// Writes the built image into an OCI layout. Compression only pays for a later push.
pub(crate) fn export(
    kind: BuilderKind,
    storage: &Storage,
    folders: &Folders,
    run: &BuildRun,
    layout: &Path,
    compress: bool,
) -> Tool {
    let mut tool = base(kind, storage, folders);
    tool.args.push("push".into());
    if !compress && kind == BuilderKind::Buildah {
        tool.args.push("--disable-compression".into());
    }
    if let Some(policy) = &run.policy {
        tool.args
            .extend(["--signature-policy".into(), text(policy)]);
    }
    tool.args.push(run.tag.clone());
    tool.args.push(format!("oci:{}:{LAYOUT_TAG}", text(layout)));
    tool
}

/// Reads an image from the OCI layout [`BASE_LAYOUT`] of a folder into the storage, where builds
/// find it under its name. Some builders (buildah 1.28) call it by the path of the layout, in
/// which no upper-case letter may be: the path is relative, and the name is given to the image
/// of this ID afterwards.
pub(crate) fn import(
    kind: BuilderKind,
    storage: &Storage,
    folders: &Folders,
    run: &BuildRun,
    folder: &Path,
    (id, name): (&str, &str),
) -> [Tool; 2] {
    let mut pull = base(kind, storage, folders);
    folder.clone_into(&mut pull.folder);
    // An index may be in the layout.
    let platform = format!("linux/{}", run.arch);
    pull.args
        .extend(["pull".into(), "--platform".into(), platform]);
    if let Some(policy) = &run.policy {
        pull.args
            .extend(["--signature-policy".into(), text(policy)]);
    }
    pull.args.push(format!("oci:{BASE_LAYOUT}:{name}"));
    let mut tag = base(kind, storage, folders);
    tag.args.extend(["tag", id, name].map(str::to_owned));
    [pull, tag]
}

/// The layout of a base image.
pub(crate) const BASE_LAYOUT: &str = "base";

/// What the built image is called in its layout.
pub(crate) const LAYOUT_TAG: &str = "built";

/// Takes the built image out of the storage, which would otherwise grow with every build.
pub(crate) fn forget(
    kind: BuilderKind,
    storage: &Storage,
    folders: &Folders,
    run: &BuildRun,
) -> Tool {
    let mut tool = base(kind, storage, folders);
    tool.args
        .extend(["rmi", "--force", &run.tag].map(str::to_owned));
    tool
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn folders() -> Folders {
        Folders {
            storage: "/w/storage".into(),
            state: "/w/state".into(),
            temporary: "/w/tmp".into(),
            context: "/w/context".into(),
        }
    }

    pub(super) fn run() -> BuildRun {
        BuildRun {
            dockerfile: "/w/1/Dockerfile".into(),
            tag: "localhost/kmm-preflight:1".into(),
            arch: Arch::Arm64,
            args: vec![("KERNEL_VERSION".into(), "5.14".into())],
            secrets: vec![("token".into(), "/w/1/secrets/token".into())],
            authfile: Some("/w/1/auth/config.json".into()),
            insecure: vec!["reg.example".into()],
            certificates: None,
            policy: None,
            registries_conf: Some("/etc/mine.conf".into()),
        }
    }

    #[test]
    fn buildah_is_told_everything_and_keeps_to_the_runs_folders() {
        let storage = Storage {
            driver: "vfs",
            isolation: Some("chroot"),
        };
        let tool = build(BuilderKind::Buildah, &storage, &folders(), &run());
        assert_eq!(
            tool.args.join(" "),
            "--root /w/storage --runroot /w/state --storage-driver vfs bud --isolation chroot \
             --platform linux/arm64 --layers=false --force-rm \
             --build-arg KERNEL_VERSION=5.14 --security-opt label=disable \
             --volume /w/1/secrets/token:/run/secrets/token:ro \
             --authfile /w/1/auth/config.json \
             --tag localhost/kmm-preflight:1 --file /w/1/Dockerfile /w/context"
        );
        assert!(
            tool.env
                .contains(&("CONTAINERS_REGISTRIES_CONF".into(), "/etc/mine.conf".into()))
        );
        let tool = build(BuilderKind::Podman, &storage, &folders(), &run());
        let podman = tool.args.join(" ");
        assert!(
            podman.contains("--storage-driver vfs --events-backend=none build --isolation"),
            "{podman}"
        );
        let layout = Path::new("/w/1/layout");
        let tool = export(
            BuilderKind::Buildah,
            &storage,
            &folders(),
            &run(),
            layout,
            false,
        );
        assert!(tool.args.join(" ").ends_with(
            "push --disable-compression localhost/kmm-preflight:1 oci:/w/1/layout:built"
        ));
    }
}
