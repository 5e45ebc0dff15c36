//! Where this machine keeps its rules for mirrors.

use std::fs;
use std::path::{Path, PathBuf};

use crate::images::registry::folders::{self, Variable};
use crate::images::registry::mirrors::Mirrors;
use crate::images::registry::mirrors::registries_conf::RegistriesConf;

/// The rules of the file that `--registries-conf` or `$CONTAINERS_REGISTRIES_CONF` names, or
/// else of the user's registries.conf or of `/etc/containers`, with the drop-in folder beside
/// it; and remarks about them.
///
/// # Errors
/// A file that was named, or one that is there, cannot be read or understood.
pub(crate) fn read(
    named: Option<&Path>,
    variable: Variable<'_>,
) -> Result<(Mirrors, Vec<String>), String> {
    let file = match named {
        Some(path) => Some(path.to_owned()),
        None => folders::named(variable, "CONTAINERS_REGISTRIES_CONF").or_else(|| {
            usual_places(variable)
                .into_iter()
                .find(|path| path.is_file())
        }),
    };
    let Some(file) = file else {
        return Ok((Mirrors::default(), Vec::new()));
    };
    let mut files = vec![file.clone()];
    files.extend(drop_ins(&file));
    let mut mirrors = Vec::new();
    let mut unqualified = Vec::new();
    let mut remarks = Vec::new();
    for file in files {
        let text =
            fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let conf =
            RegistriesConf::parse(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        for key in conf.unknown_keys {
            remarks.push(format!("{}: unknown key `{key}`", file.display()));
        }
        // A later file replaces what an earlier one says of a prefix.
        for registry in conf.registries {
            mirrors.retain(|known: &crate::images::registry::mirrors::Registry| {
                known.prefix != registry.prefix
            });
            mirrors.push(registry);
        }
        if let Some(list) = conf.unqualified {
            unqualified = list;
        }
    }
    Ok((Mirrors::new(mirrors, unqualified), remarks))
}

fn usual_places(variable: Variable<'_>) -> Vec<PathBuf> {
    folders::settings(variable)
        .map(|dir| dir.join("containers/registries.conf"))
        .into_iter()
        .chain(folders::of_machine(["/etc/containers/registries.conf"]))
        .collect()
}

/// `registries.conf.d/*.conf` beside the file, by name.
fn drop_ins(file: &Path) -> Vec<PathBuf> {
    let folder = file.with_file_name("registries.conf.d");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "conf")
        })
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drop_ins_replace_what_the_file_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("registries.conf");
        fs::write(
            &file,
            "colour = 1\n[[registry]]\nlocation = \"a.io\"\n[[registry.mirror]]\nlocation = \"one\"\n",
        )
        .expect("a file");
        fs::create_dir(folder.path().join("registries.conf.d")).expect("a folder");
        fs::write(
            folder.path().join("registries.conf.d/10.conf"),
            "[[registry]]\nlocation = \"a.io\"\n[[registry.mirror]]\nlocation = \"two\"\n",
        )
        .expect("a file");
        let (mirrors, remarks) = read(Some(&file), &|_| None).expect("good files");
        let sources = mirrors.sources("a.io/x:1").expect("not blocked");
        assert_eq!(sources[0].reference, "two/x:1");
        assert_eq!(sources.len(), 2);
        assert!(remarks[0].ends_with("unknown key `colour`"), "{remarks:?}");
    }

    #[test]
    fn a_named_file_has_to_be_there_and_to_be_good() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("r.conf");
        assert!(read(Some(&file), &|_| None).is_err());
        fs::write(&file, "[").expect("a file");
        let error = read(Some(&file), &|_| None).expect_err("no TOML");
        assert!(
            error.contains("r.conf") && error.contains("line 1"),
            "{error}"
        );
    }
}
