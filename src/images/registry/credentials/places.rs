//! Where this machine keeps credentials for registries.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::images::registry::credentials::CredentialSource;
use crate::images::registry::credentials::docker_config::DockerConfig;
use crate::images::registry::folders::{self, Variable};

/// The largest file of credentials, in bytes.
const LARGEST_FILE: u64 = 4 << 20;

/// The sources of this machine, first one first: the one file that `--authfile` or
/// `$REGISTRY_AUTH_FILE` names, or else podman's and docker's files where they are
/// (containers-auth.json(5), "FILES").
///
/// # Errors
/// The file that was named cannot be read. A file in one of the usual places is passed over
/// when it is absent; where it is damaged, it says so when a credential is asked of it.
pub(crate) fn sources(
    authfile: Option<&Path>,
    variable: Variable<'_>,
) -> Result<Vec<CredentialSource>, String> {
    if let Some(path) = authfile {
        let config =
            read(path).map_err(|error| format!("--authfile {}: {error}", path.display()))?;
        let config = config.map_err(|error| format!("--authfile {}: {error}", path.display()))?;
        let name = format!("--authfile {}", path.display());
        return Ok(vec![CredentialSource::of_config(name, Ok(config))]);
    }
    if let Some(path) = variable("REGISTRY_AUTH_FILE").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let name = format!("$REGISTRY_AUTH_FILE {}", path.display());
        let config = read(&path).map_err(|error| format!("{name}: {error}"))?;
        return Ok(vec![CredentialSource::of_config(name, config)]);
    }
    Ok(usual_places(variable)
        .into_iter()
        .filter_map(|path| {
            let config = match read(&path) {
                Ok(config) => config,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                Err(error) => Err(error.to_string()),
            };
            Some(CredentialSource::of_config(
                path.display().to_string(),
                config,
            ))
        })
        .collect())
}

fn usual_places(variable: Variable<'_>) -> Vec<PathBuf> {
    let home = folders::home(variable);
    let docker =
        folders::named(variable, "DOCKER_CONFIG").or_else(|| Some(home.as_ref()?.join(".docker")));
    let containers = [
        folders::named(variable, "XDG_RUNTIME_DIR"),
        folders::settings(variable),
    ]
    .map(|dir| Some(dir?.join("containers/auth.json")));
    let [running, kept] = containers;
    [
        running,
        kept,
        docker.map(|dir| dir.join("config.json")),
        home.map(|dir| dir.join(".dockercfg")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A file's configuration, or why its content is none.
fn read(path: &Path) -> io::Result<Result<DockerConfig, String>> {
    let size = fs::metadata(path)?.len();
    if size > LARGEST_FILE {
        return Ok(Err(format!("larger than {LARGEST_FILE} bytes")));
    }
    let bytes = fs::read(path)?;
    Ok(if path.ends_with(".dockercfg") {
        DockerConfig::parse_legacy(&bytes)
    } else {
        DockerConfig::parse(&bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHS: &str = r#"{"auths":{"quay.io":{"auth":"dTpw"}}}"#;

    fn names(authfile: Option<&Path>, variables: &[(&str, &Path)]) -> Vec<String> {
        let variable = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.as_os_str().to_owned())
        };
        sources(authfile, &variable)
            .expect("readable files")
            .iter()
            .map(|source| source.name().to_owned())
            .collect()
    }

    #[test]
    fn a_named_file_stands_alone_and_the_usual_ones_follow_podmans_order() {
        let home = tempfile::tempdir().expect("a folder");
        let at = |path: &str| {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(&path, AUTHS).expect("a file");
            path
        };
        let containers = at(".config/containers/auth.json");
        let docker = at(".docker/config.json");
        let named = at("named.json");
        let shown = |path: &Path| path.display().to_string();
        assert_eq!(
            names(None, &[("HOME", home.path())]),
            [shown(&containers), shown(&docker)]
        );
        assert_eq!(
            names(
                None,
                &[("HOME", home.path()), ("REGISTRY_AUTH_FILE", &named)]
            ),
            [format!("$REGISTRY_AUTH_FILE {}", named.display())]
        );
        assert_eq!(
            names(Some(&named), &[("HOME", home.path())]),
            [format!("--authfile {}", named.display())]
        );
        assert!(names(None, &[]).is_empty());
    }

    #[test]
    fn a_named_file_has_to_be_there_and_to_be_json() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("auth.json");
        let none = |_: &str| None;
        assert!(sources(Some(&path), &none).is_err());
        fs::write(&path, "secret").expect("a file");
        let error = sources(Some(&path), &none).expect_err("no JSON");
        assert!(
            error.contains("line 1") && !error.contains("secret"),
            "{error}"
        );
    }
}
