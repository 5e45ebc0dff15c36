//! Which configuration files are read, and whose they are: a project's file comes from whoever can
//! write to the repository, and so may one that `--config` names. Only the one in the user's own
//! configuration folder is the user's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Command};

use crate::cli::config::file::ConfigFile;
use crate::cli::config::{Environment, flags, truth};
use crate::cli::connection::ConnectionArgs;
use crate::cli::help;
use crate::error::Error;

/// The name of a project's file.
const PROJECT_FILE: &str = ".kmm-preflight.yaml";
/// What concerns trust, credentials, programs, places and what is left out, beside the connection
/// flags.
const OWN_FILE_ONLY: [&str; 19] = [
    "insecure-registry",
    "ca-file",
    "authfile",
    "registries-conf",
    "signing-cert",
    "cache-dir",
    "dir",
    // Programs, and how much of this machine they see.
    "builder",
    "build-isolation",
    "boot",
    "image",
    // With the user's credentials they write to a registry, to the cluster or to a server.
    "push-built-image",
    "pushgateway",
    "report-configmap",
    "in-cluster",
    "job-namespace",
    "keep",
    "verified",
    // A part without Modules is no failure, so a check of everything would end well.
    "shard",
];

/// The files to read: the one that `--config` names, or the project's; then the user's own.
pub(super) fn files(
    args: &[OsString],
    environment: &Environment,
) -> Result<Vec<ConfigFile>, Error> {
    let [config, none] = ["--config", "--no-config"].map(|flag| given(args, flag));
    let variable = environment.get("KMM_PREFLIGHT_NO_CONFIG");
    let is_off = variable.is_some_and(|value| value.to_str().and_then(truth) != Some(false));
    if none.is_some() || is_off {
        return Ok(Vec::new());
    }
    let named = config.or_else(|| environment.get("KMM_PREFLIGHT_CONFIG").map(OsString::from));
    let own = environment
        .get("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(environment.get("HOME")?).join(".config")))
        .map(|folder| folder.join("kmm-preflight").join("config.yaml"));
    let is_own = |path: &Path| {
        let real = |path: &Path| path.canonicalize().ok();
        own.as_deref()
            .is_some_and(|own| real(own).is_some() && real(own) == real(path))
    };
    let mut paths: Vec<PathBuf> = match named {
        Some(path) => vec![PathBuf::from(path)],
        None => project_file(&environment.folder).into_iter().collect(),
    };
    let has_own = paths.iter().any(|path| is_own(path));
    paths.extend(own.clone().filter(|own| own.is_file() && !has_own));
    let mut refused: Vec<String> = OWN_FILE_ONLY.map(str::to_owned).into();
    let connection = ConnectionArgs::augment_args(Command::new(""));
    refused.extend(
        connection
            .get_arguments()
            .filter_map(|arg| arg.get_long().map(str::to_owned)),
    );
    let known: Vec<String> = flags(&help::command())
        .into_iter()
        .map(|flag| flag.name)
        .collect();
    paths
        .into_iter()
        .map(|path| {
            let refused = if is_own(&path) { &[][..] } else { &refused };
            ConfigFile::read(&path, &known, refused)
        })
        .collect()
}

/// The value of a flag that is looked for before the command line is read.
fn given(args: &[OsString], flag: &str) -> Option<OsString> {
    let mut args = args.iter().take_while(|arg| *arg != "--");
    let mut found = None;
    while let Some(arg) = args.next() {
        if arg == flag {
            found = match flag {
                "--no-config" => Some(OsString::new()),
                _ => args.next().cloned(),
            };
        } else if let Some(value) = arg.to_str().and_then(|arg| arg.strip_prefix(flag))
            && let Some(value) = value.strip_prefix('=')
        {
            found = Some(value.into());
        }
    }
    found
}

/// The project's file: in the folder or a parent, up to the root of the repository.
fn project_file(folder: &Path) -> Option<PathBuf> {
    let root = folder
        .ancestors()
        .find(|folder| folder.join(".git").exists())
        .unwrap_or(folder);
    folder
        .ancestors()
        .take_while(|folder| folder.starts_with(root))
        .map(|folder| folder.join(PROJECT_FILE))
        .find(|file| file.is_file())
}
