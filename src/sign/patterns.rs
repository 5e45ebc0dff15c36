//! `filesToSign`: which files an entry names, by KMM release.
//!
//! Up to 2.5 entries are exact paths: 1.0's signer looks them up in the image, and from 1.1
//! on a generated Dockerfile copies each one. From 2.6 on a shell runs
//! `for file in <entry>`, so they are its globs, and the webhook wants them below `dirName`.

use std::collections::BTreeSet;

use glob::{MatchOptions, Pattern};

use crate::findings::finding::{Code, Finding};
use crate::images::layers::overlay::NeedLayer;
use crate::kmm::releases::{Feature, KmmRelease};

/// A shell's rules: `*` and `?` stop at `/` and do not match a leading dot (POSIX shell,
/// section 2.14.3).
const SHELL: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The unsigned image's files. Paths are relative to its root.
pub(crate) trait Files {
    /// True for a regular file, or a link to one.
    ///
    /// # Errors
    /// A layer further down decides.
    fn is_file(&self, path: &str) -> Result<bool, NeedLayer>;

    /// Every regular file, or link to one, below a folder.
    ///
    /// # Errors
    /// A layer further down decides.
    fn below(&self, folder: &str) -> Result<Vec<String>, NeedLayer>;
}

/// What the entries name, or a `sign-failed` for every entry that names nothing or that KMM
/// refuses.
pub(crate) type Selection = Result<BTreeSet<String>, Vec<Finding>>;

/// The files that the entries name, as paths relative to the image root; the release
/// decides how they are read.
///
/// # Errors
/// A layer further down decides.
pub(crate) fn select(
    entries: &[String],
    dir_name: &str,
    release: KmmRelease,
    files: &impl Files,
) -> Result<Selection, NeedLayer> {
    let globs = release.has(Feature::SignGlobs);
    let mut selected = BTreeSet::new();
    let mut faults = Vec::new();
    if globs && entries.is_empty() {
        faults.push(
            Finding::new(
                Code::SignFailed,
                "the sign section has no filesToSign, which KMM requires",
            )
            .hint("List the modules to sign in filesToSign, each below dirName."),
        );
    }
    for entry in entries {
        if globs && !is_below(entry, dir_name) {
            faults.push(
                Finding::new(
                    Code::SignFailed,
                    format!("filesToSign entry {entry} is not below dirName {dir_name}"),
                )
                .hint(format!(
                    "Write {}/lib/modules/<kernel>/<module>.ko.",
                    dir_name.trim_end_matches('/')
                )),
            );
            continue;
        }
        let matching = matches(entry, globs, files)?;
        if matching.is_empty() {
            faults.push(nothing(entry, globs));
        }
        selected.extend(matching);
    }
    Ok(if faults.is_empty() {
        Ok(selected)
    } else {
        Err(faults)
    })
}

fn nothing(entry: &str, globs: bool) -> Finding {
    let finding = Finding::new(
        Code::SignFailed,
        format!("filesToSign entry {entry} matches no file in the unsigned image"),
    );
    if !globs && entry.contains(['*', '?', '[']) {
        finding.hint("This KMM release needs exact paths; patterns work from 2.6 on.")
    } else {
        finding.hint("Compare with `kubectl kmm preflight inspect` of the unsigned image.")
    }
}

/// The webhook's rule of KMM 2.6: an entry starts with `dirName` and a slash.
fn is_below(entry: &str, dir_name: &str) -> bool {
    entry
        .strip_prefix(dir_name.trim_end_matches('/'))
        .is_some_and(|rest| rest.starts_with('/'))
}

fn clean(path: &str) -> &str {
    path.trim_start_matches("./").trim_start_matches('/')
}

fn matches(entry: &str, globs: bool, files: &impl Files) -> Result<Vec<String>, NeedLayer> {
    let entry = clean(entry);
    let first_wild = entry.find(['*', '?', '[', '\\']).filter(|_| globs);
    let pattern = first_wild.and_then(|at| {
        let pattern = Pattern::new(&in_the_words_of_glob(entry)).ok()?;
        let folder = entry[..at]
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        Some((folder, pattern))
    });
    let Some((folder, pattern)) = pattern else {
        let found = files.is_file(entry)?;
        return Ok(found.then(|| entry.to_owned()).into_iter().collect());
    };
    let mut found = files.below(folder)?;
    found.retain(|file| pattern.matches_with(file, SHELL));
    Ok(found)
}

/// The shell's pattern for the `glob` crate: `**` is two stars, `[^…]` is `[!…]`, and a
/// backslash takes the meaning from the character behind it.
fn in_the_words_of_glob(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push_str(&Pattern::escape(&chars.next().unwrap_or('\\').to_string())),
            '*' => {
                while chars.next_if_eq(&'*').is_some() {}
                out.push('*');
            }
            '[' => {
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('!');
                }
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const R26: KmmRelease = KmmRelease {
        major: 2,
        minor: 6,
        upstream: false,
    };
    const R25: KmmRelease = KmmRelease {
        major: 2,
        minor: 5,
        upstream: false,
    };

    struct Listing(Vec<&'static str>);

    impl Files for Listing {
        fn is_file(&self, path: &str) -> Result<bool, NeedLayer> {
            Ok(self.0.contains(&path))
        }

        fn below(&self, folder: &str) -> Result<Vec<String>, NeedLayer> {
            let prefix = format!("{folder}/");
            let inside = self.0.iter().filter(|path| path.starts_with(&prefix));
            Ok(inside.map(|path| (*path).to_owned()).collect())
        }
    }

    fn image() -> Listing {
        Listing(vec![
            "opt/lib/modules/6.1/a.ko",
            "opt/lib/modules/6.1/b.ko",
            "opt/lib/modules/6.1/.hidden.ko",
            "opt/lib/modules/6.1/extra/c.ko",
            "opt/lib/modules/6.1/[x].ko",
            "opt/readme",
        ])
    }

    fn named(entry: &str, release: KmmRelease) -> Vec<String> {
        select(&[entry.to_owned()], "/opt", release, &image())
            .expect("every layer is there")
            .map(|found| {
                found
                    .iter()
                    .filter_map(|path| path.rsplit('/').next())
                    .map(str::to_owned)
                    .collect()
            })
            .unwrap_or_default()
    }

    #[test]
    fn globs_are_those_of_a_shell() {
        for (entry, files) in [
            ("/opt/lib/modules/6.1/a.ko", vec!["a.ko"]),
            ("/opt/lib/modules/6.1/[ab].ko", vec!["a.ko", "b.ko"]),
            ("/opt/lib/modules/6.1/[^a].ko", vec!["b.ko"]),
            ("/opt/lib/modules/6.1/[!a].ko", vec!["b.ko"]),
            ("/opt/lib/modules/6.1/?.ko", vec!["a.ko", "b.ko"]),
            ("/opt/lib/modules/6.1/*/*.ko", vec!["c.ko"]),
            ("/opt/lib/modules/6.1/**/*.ko", vec!["c.ko"]),
            ("/opt/lib/modules/6.1/\\[x\\].ko", vec!["[x].ko"]),
            ("/opt/lib/modules/6.1/*.xz", vec![]),
        ] {
            assert_eq!(named(entry, R26), files, "{entry}");
        }
        assert_eq!(
            named("/opt/lib/modules/6.1/*.ko", R26),
            ["[x].ko", "a.ko", "b.ko"]
        );
    }

    #[test]
    fn before_2_6_entries_are_exact() {
        assert_eq!(named("/opt/lib/modules/6.1/a.ko", R25), ["a.ko"]);
        assert_eq!(named("/opt/lib/modules/6.1/[x].ko", R25), ["[x].ko"]);
        assert_eq!(named("/opt/lib/modules/6.1/*.ko", R25), [""; 0]);
    }

    #[test]
    fn every_fault_is_told() {
        let entries = [
            "/usr/lib/a.ko".to_owned(),
            "/opt/nothing.ko".to_owned(),
            "/opt/readme".to_owned(),
        ];
        let faults = select(&entries, "/opt", R26, &image())
            .expect("every layer is there")
            .expect_err("two bad entries");
        assert_eq!(
            faults
                .iter()
                .map(|fault| &*fault.message)
                .collect::<Vec<_>>(),
            [
                "filesToSign entry /usr/lib/a.ko is not below dirName /opt",
                "filesToSign entry /opt/nothing.ko matches no file in the unsigned image",
            ]
        );
        assert!(matches!(select(&[], "/opt", R26, &image()), Ok(Err(_))));
        assert_eq!(select(&[], "/opt", R25, &image()), Ok(Ok(BTreeSet::new())));
    }
}
