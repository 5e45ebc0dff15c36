//! The command lines of docker, whose daemon keeps images and containers.

use std::path::{Path, PathBuf};

use crate::image_build::command::{BuildRun, Folders, text};
use crate::image_build::tool::Tool;

/// One file of a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretFile {
    /// Its id in the build.
    pub id: String,
    /// The file.
    pub source: PathBuf,
    /// Where steps see it.
    pub target: String,
}

/// Any command of docker's.
pub(crate) fn command(folders: &Folders, words: &[&str]) -> Tool {
    Tool {
        program: "docker".into(),
        args: words.iter().map(|word| (*word).to_owned()).collect(),
        env: vec![("TMPDIR".into(), text(&folders.temporary))],
        folder: folders.context.clone(),
    }
}

/// The build, by BuildKit: the older builder hands over no Secrets, and leaves images behind
/// when it fails. Every step runs, as in KMM's builds: what the daemon remembers of an older
/// build may be of another Secret or package source.
///
/// The daemon takes no folders for steps: each file of a Secret is handed over by id, and the
/// Dockerfile mounts it ([`with_secret_mounts`]).
pub(crate) fn build(folders: &Folders, run: &BuildRun, secret_files: &[SecretFile]) -> Tool {
    let platform = format!("linux/{}", run.arch);
    let mut tool = command(
        folders,
        &[
            "build",
            "--progress",
            "plain",
            "--no-cache",
            "--pull",
            "--platform",
            &platform,
        ],
    );
    for (name, value) in &run.args {
        tool.args
            .extend(["--build-arg".to_owned(), format!("{name}={value}")]);
    }
    for file in secret_files {
        let source = text(&file.source);
        tool.args.extend([
            "--secret".to_owned(),
            format!("id={},src={source}", file.id),
        ]);
    }
    tool.args.extend([
        "--tag".to_owned(),
        run.tag.clone(),
        "--file".to_owned(),
        text(&run.dockerfile),
        text(&folders.context),
    ]);
    tool.env.push(("DOCKER_BUILDKIT".into(), "1".into()));
    if let Some(folder) = run.authfile.as_deref().and_then(Path::parent) {
        tool.env.push(("DOCKER_CONFIG".into(), text(folder)));
    }
    tool
}

/// What the daemon does as it is set up itself, whatever this run is told; `None` where that
/// makes no difference.
pub(crate) fn unheeded(run: &BuildRun) -> Option<String> {
    let mut what = Vec::new();
    if !run.insecure.is_empty() {
        what.push("baseImageRegistryTLS and --insecure-registry");
    }
    if run.certificates.is_some() {
        what.push("--ca-file");
    }
    if run.registries_conf.is_some() {
        what.push("the rules for mirrors");
    }
    (!what.is_empty()).then(|| {
        format!(
            "docker's daemon pulls base images with its own configuration, without {}",
            what.join(", ")
        )
    })
}

/// The Dockerfile with every Secret mounted in every `RUN`, at the offsets given (bytes
/// where the keyword `RUN` stands).
pub(crate) fn with_secret_mounts(text: &str, runs: &[usize], files: &[SecretFile]) -> String {
    let mounts: String = files
        .iter()
        .map(|file| format!(" --mount=type=secret,id={},target={}", file.id, file.target))
        .collect();
    let mut out = text.to_owned();
    for offset in runs.iter().rev() {
        out.insert_str(offset + "RUN".len(), &mounts);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image_build::command::tests::{folders, run};

    #[test]
    fn secrets_are_mounted_by_id() {
        let file = SecretFile {
            id: "token-0".into(),
            source: "/w/1/secrets/token/key".into(),
            target: "/run/secrets/token/key".into(),
        };
        let tool = build(&folders(), &run(), std::slice::from_ref(&file));
        assert_eq!(
            tool.args.join(" "),
            "build --progress plain --no-cache --pull --platform linux/arm64 \
             --build-arg KERNEL_VERSION=5.14 --secret id=token-0,src=/w/1/secrets/token/key \
             --tag localhost/kmm-preflight:1 --file /w/1/Dockerfile /w/context"
        );
        assert!(
            tool.env
                .contains(&("DOCKER_CONFIG".into(), "/w/1/auth".into()))
        );
        let text = "FROM x\nRUN a\nrun b\n";
        assert_eq!(
            with_secret_mounts(text, &[7, 13], &[file]),
            "FROM x\nRUN --mount=type=secret,id=token-0,target=/run/secrets/token/key a\n\
             run --mount=type=secret,id=token-0,target=/run/secrets/token/key b\n"
        );
    }

    #[test]
    fn what_the_daemon_does_not_heed_is_said() {
        let said = unheeded(&run()).unwrap_or_default();
        assert!(
            said.contains("--insecure-registry, the rules for mirrors"),
            "{said}"
        );
        let plain = BuildRun {
            insecure: Vec::new(),
            registries_conf: None,
            ..run()
        };
        assert_eq!(unheeded(&plain), None);
    }
}
