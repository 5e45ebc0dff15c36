//! Where users and machines keep settings and caches, on each system.

use std::env::consts::OS;
use std::ffi::OsString;
use std::path::PathBuf;

/// The environment, as far as it names files and folders.
pub(crate) type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// What a variable names; `None` where it is absent or empty.
pub(crate) fn named(variable: Variable<'_>, name: &str) -> Option<PathBuf> {
    variable(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// The user's home folder: `$HOME`, on Windows else `%USERPROFILE%` (client-go, `HomeDir`).
pub(crate) fn home(variable: Variable<'_>) -> Option<PathBuf> {
    home_on(OS, variable)
}

/// The folder of settings: `$XDG_CONFIG_HOME`, else `.config` in the home folder, on every
/// system, as podman and skopeo have it.
pub(crate) fn settings(variable: Variable<'_>) -> Option<PathBuf> {
    named(variable, "XDG_CONFIG_HOME").or_else(|| Some(home(variable)?.join(".config")))
}

/// The folder of caches: `$XDG_CACHE_HOME`, else where the system wants them.
pub(crate) fn caches(variable: Variable<'_>) -> Option<PathBuf> {
    caches_on(OS, variable)
}

/// Folders that hold the machine's settings, below `/etc`. On Windows there are none: every
/// user may make a folder in the root of a drive, so nothing there may say whom to trust.
pub(crate) fn of_machine<const N: usize>(names: [&str; N]) -> Vec<PathBuf> {
    match OS {
        "windows" => Vec::new(),
        _ => names.map(PathBuf::from).to_vec(),
    }
}

fn home_on(os: &str, variable: Variable<'_>) -> Option<PathBuf> {
    let profile = || named(variable, "USERPROFILE");
    named(variable, "HOME").or_else(|| (os == "windows").then(profile)?)
}

fn caches_on(os: &str, variable: Variable<'_>) -> Option<PathBuf> {
    let absolute = |name: &str| named(variable, name).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME").or_else(|| match os {
        "windows" => absolute("LOCALAPPDATA"),
        "macos" => Some(absolute("HOME")?.join("Library/Caches")),
        _ => Some(absolute("HOME")?.join(".cache")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An absolute path on the system that the tests run on.
    fn at(name: &str) -> PathBuf {
        std::env::temp_dir().join(name)
    }

    #[test]
    fn each_system_has_its_own_folders() {
        let all = |name: &str| {
            let known = ["HOME", "USERPROFILE", "LOCALAPPDATA"].contains(&name);
            known.then(|| at(name).into_os_string())
        };
        let windows = |name: &str| all(name).filter(|_| name != "HOME");
        let empty = |_: &str| Some(OsString::new());
        let chosen = |name: &str| (name == "XDG_CACHE_HOME").then(|| at("x").into_os_string());
        for (os, variable, home, caches) in [
            (
                "linux",
                &all as Variable<'_>,
                Some(at("HOME")),
                Some(at("HOME").join(".cache")),
            ),
            (
                "macos",
                &all,
                Some(at("HOME")),
                Some(at("HOME").join("Library/Caches")),
            ),
            ("windows", &all, Some(at("HOME")), Some(at("LOCALAPPDATA"))),
            (
                "windows",
                &windows,
                Some(at("USERPROFILE")),
                Some(at("LOCALAPPDATA")),
            ),
            ("linux", &windows, None, None),
            ("linux", &empty, None, None),
            ("macos", &chosen, None, Some(at("x"))),
            ("windows", &chosen, None, Some(at("x"))),
        ] {
            assert_eq!(home_on(os, variable), home, "{os}");
            assert_eq!(caches_on(os, variable), caches, "{os}");
        }
        let relative = |_: &str| Some(OsString::from("here"));
        assert_eq!(caches_on("linux", &relative), None);
    }
}
