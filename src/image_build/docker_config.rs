//! docker's folder for one build: the run's credentials, and of the user's settings what
//! says where the daemon is and what the client can do.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::images::registry::folders;
use crate::own_files::workspace::write_private;

/// Settings of config.json that are kept; credentials are not.
const KEPT: [&str; 4] = [
    "currentContext",
    "cliPluginsExtraDirs",
    "proxies",
    "HttpHeaders",
];
/// Folders beside it that are kept.
const FOLDERS: [&str; 2] = ["contexts", "cli-plugins"];

/// Where the user's own settings are: `$DOCKER_CONFIG`, or `.docker` in the home folder.
pub(crate) fn of_user() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name);
    folders::named(&variable, "DOCKER_CONFIG")
        .or_else(|| Some(folders::home(&variable)?.join(".docker")))
}

/// Writes `config.json` with `auths` (in the form of containers-auth.json(5)) and the user's
/// settings into a folder.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write(folder: &Path, user: Option<&Path>, auths: &str) -> io::Result<PathBuf> {
    let object =
        |text: &str| -> Map<String, Value> { serde_json::from_str(text).unwrap_or_default() };
    let mut config = object(auths);
    if let Some(user) = user {
        let theirs = fs::read_to_string(user.join("config.json")).unwrap_or_default();
        let theirs = object(&theirs).into_iter();
        config.extend(theirs.filter(|(key, _)| KEPT.contains(&key.as_str())));
        #[cfg(unix)]
        for name in FOLDERS {
            let place = user.join(name);
            if place.is_dir() {
                std::os::unix::fs::symlink(fs::canonicalize(place)?, folder.join(name))?;
            }
        }
    }
    let path = folder.join("config.json");
    write_private(&path, Value::Object(config).to_string().as_bytes())?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_users_daemon_is_kept_and_the_users_credentials_are_not() {
        let user = tempfile::tempdir().expect("a folder");
        let theirs = r#"{"auths":{"a":{}},"credsStore":"x","currentContext":"far"}"#;
        fs::write(user.path().join("config.json"), theirs).expect("a file");
        fs::create_dir_all(user.path().join("contexts/meta")).expect("a folder");
        let own = tempfile::tempdir().expect("a folder");
        let path = write(own.path(), Some(user.path()), r#"{"auths":{"b":{}}}"#);
        let text = fs::read_to_string(path.expect("it is written")).expect("a file");
        assert_eq!(text, r#"{"auths":{"b":{}},"currentContext":"far"}"#);
        assert!(own.path().join("contexts/meta").is_dir());
        assert!(!own.path().join("cli-plugins").exists());
        drop(own);
        assert!(user.path().join("contexts/meta").is_dir());
    }

    #[test]
    fn without_settings_of_the_user_there_are_only_credentials() {
        let own = tempfile::tempdir().expect("a folder");
        let path = write(own.path(), Some(Path::new("/no/such")), r#"{"auths":{}}"#);
        let text = fs::read_to_string(path.expect("it is written")).expect("a file");
        assert_eq!(text, r#"{"auths":{}}"#);
    }
}
