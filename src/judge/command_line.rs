//! What `modprobe` is told: KMM's command line, and how `modprobe` reads it.

use crate::kmm::module::Modprobe;
use crate::kmm::planned::KmmRelease;

/// The folder that KMM's init container and worker share.
pub(super) const SHARED_DIR: &str = "/tmp";

/// What `modprobe` does with its command line (kmod 28 of UBI 9, `tools/modprobe.c`,
/// `do_modprobe`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CommandLine {
    /// `-d`: the root below which `lib/modules/<kernel>` is; empty for the host's.
    pub(super) root: String,
    /// `-S`: another release than the running kernel's.
    pub(super) kernel: Option<String>,
    /// `-C`: configuration files in place of `/etc/modprobe.d`.
    pub(super) config_paths: Vec<String>,
    /// The modules to load: one, or with `-a` all the words.
    pub(super) names: Vec<String>,
    /// The parameters of the one module, as the kernel gets them.
    pub(super) parameters: String,
    /// `--force-vermagic`, `-f`.
    pub(super) force_vermagic: bool,
    /// `--force-modversion`, `-f`.
    pub(super) force_modversions: bool,
    /// `--first-time`: a module that is there already is an error.
    pub(super) first_time: bool,
    /// `-i`: neither install commands nor soft dependencies.
    pub(super) ignore_commands: bool,
    /// `-b`: the blacklist counts for the named module too.
    pub(super) use_blacklist: bool,
    /// What it does instead of loading, where an option says so.
    pub(super) instead: Option<&'static str>,
}

/// One option of `modprobe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flag {
    All,
    Instead(&'static str),
    /// Ends at once, whatever follows.
    Exit(&'static str),
    FirstTime,
    IgnoreCommands,
    UseBlacklist,
    Force,
    ForceModversion,
    ForceVermagic,
    Config,
    Root,
    Kernel,
    Nothing,
}

impl Flag {
    fn takes_a_value(self) -> bool {
        matches!(self, Self::Config | Self::Root | Self::Kernel)
    }
}

const REMOVES: &str = "removes modules";
const LOOKS_UP: &str = "only looks an alias up";
const DRY_RUN: &str = "only shows what it would do";

/// `cmdopts` of `tools/modprobe.c`.
const LONG: &[(&str, Flag)] = &[
    ("all", Flag::All),
    ("remove", Flag::Instead(REMOVES)),
    ("remove-dependencies", Flag::Nothing),
    ("resolve-alias", Flag::Instead(LOOKS_UP)),
    ("first-time", Flag::FirstTime),
    ("ignore-install", Flag::IgnoreCommands),
    ("ignore-remove", Flag::IgnoreCommands),
    ("use-blacklist", Flag::UseBlacklist),
    ("force", Flag::Force),
    ("force-modversion", Flag::ForceModversion),
    ("force-vermagic", Flag::ForceVermagic),
    ("show-depends", Flag::Instead(DRY_RUN)),
    ("showconfig", Flag::Instead("only prints its configuration")),
    (
        "show-config",
        Flag::Instead("only prints its configuration"),
    ),
    (
        "show-modversions",
        Flag::Instead("only prints symbol versions"),
    ),
    (
        "dump-modversions",
        Flag::Instead("only prints symbol versions"),
    ),
    (
        "show-exports",
        Flag::Instead("only prints exported symbols"),
    ),
    ("dry-run", Flag::Instead(DRY_RUN)),
    ("show", Flag::Instead(DRY_RUN)),
    ("config", Flag::Config),
    ("dirname", Flag::Root),
    ("set-version", Flag::Kernel),
    ("syslog", Flag::Nothing),
    ("quiet", Flag::Nothing),
    ("verbose", Flag::Nothing),
    ("version", Flag::Exit("only prints its version")),
    ("help", Flag::Exit("only prints its help")),
];

fn short(letter: char) -> Option<Flag> {
    Some(match letter {
        'a' => Flag::All,
        'r' => Flag::Instead(REMOVES),
        'R' => Flag::Instead(LOOKS_UP),
        'i' => Flag::IgnoreCommands,
        'b' => Flag::UseBlacklist,
        'f' => Flag::Force,
        'D' | 'n' => Flag::Instead(DRY_RUN),
        'c' => Flag::Instead("only prints its configuration"),
        'C' => Flag::Config,
        'd' => Flag::Root,
        'S' => Flag::Kernel,
        's' | 'q' | 'v' => Flag::Nothing,
        'V' => Flag::Exit("only prints its version"),
        'h' => Flag::Exit("only prints its help"),
        _ => return None,
    })
}

/// A long option by its name or an unambiguous beginning of it, as `getopt_long` has it.
fn long(word: &str) -> Result<Flag, String> {
    if let Some((_, flag)) = LONG.iter().find(|(name, _)| *name == word) {
        return Ok(*flag);
    }
    let mut flags: Vec<Flag> = LONG
        .iter()
        .filter(|(name, _)| name.starts_with(word))
        .map(|(_, flag)| *flag)
        .collect();
    flags.dedup();
    match flags[..] {
        [flag] => Ok(flag),
        [] => Err(format!("modprobe has no option `--{word}`")),
        _ => Err(format!("modprobe has several options `--{word}…`")),
    }
}

/// The arguments that KMM gives `modprobe`: since 2.0 its worker (`internal/worker/worker.go`,
/// `LoadKmod`), before that the container of the image itself.
pub(super) fn of_module(modprobe: &Modprobe, release: KmmRelease) -> Vec<String> {
    if let Some(raw) = &modprobe.raw_args {
        return raw.load.clone();
    }
    let root = if release.at_least(2, 0) {
        join(&[SHARED_DIR, &modprobe.dir_name])
    } else {
        modprobe.dir_name.clone()
    };
    let mut words = vec!["-vd".to_owned(), root];
    if let Some(args) = &modprobe.args {
        words.extend(args.load.iter().cloned());
    }
    words.push(modprobe.module_name.clone());
    words.extend(modprobe.parameters.iter().cloned());
    words
}

/// Reads a command line as `getopt_long` of the GNU C library does: options may follow
/// other words, `--` ends them.
///
/// # Errors
/// `modprobe` would end with an error before it looks for any module, and why.
pub(super) fn parse(words: &[String]) -> Result<CommandLine, String> {
    let mut line = CommandLine::default();
    let mut all = false;
    let mut plain: Vec<&str> = Vec::new();
    let mut rest = words.iter();
    'words: while let Some(word) = rest.next() {
        let mut flags: Vec<(Flag, Option<String>)> = Vec::new();
        if word == "--" {
            plain.extend(rest.map(String::as_str));
            break;
        } else if let Some(name) = word.strip_prefix("--") {
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (name, None),
            };
            let flag = long(name)?;
            if value.is_some() && !flag.takes_a_value() {
                return Err(format!("modprobe's option `--{name}` takes no value"));
            }
            flags.push((flag, value));
        } else if word.len() > 1 && word.starts_with('-') {
            let letters = &word[1..];
            for (at, letter) in letters.char_indices() {
                let flag =
                    short(letter).ok_or_else(|| format!("modprobe has no option `-{letter}`"))?;
                let glued = &letters[at + letter.len_utf8()..];
                if flag.takes_a_value() && !glued.is_empty() {
                    flags.push((flag, Some(glued.to_owned())));
                    break;
                }
                flags.push((flag, None));
            }
        } else {
            plain.push(word);
        }
        for (flag, value) in flags {
            let value = match value {
                Some(value) => value,
                None if flag.takes_a_value() => rest
                    .next()
                    .cloned()
                    .ok_or_else(|| format!("modprobe's option `{word}` lacks its value"))?,
                None => String::new(),
            };
            match flag {
                Flag::All => all = true,
                Flag::Instead(what) => line.instead = line.instead.or(Some(what)),
                Flag::Exit(what) => {
                    line.instead = Some(what);
                    break 'words;
                }
                Flag::FirstTime => line.first_time = true,
                Flag::IgnoreCommands => line.ignore_commands = true,
                Flag::UseBlacklist => line.use_blacklist = true,
                Flag::Force => {
                    line.force_vermagic = true;
                    line.force_modversions = true;
                }
                Flag::ForceModversion => line.force_modversions = true,
                Flag::ForceVermagic => line.force_vermagic = true,
                Flag::Config => line.config_paths.push(value),
                Flag::Root => line.root = value,
                Flag::Kernel => line.kernel = Some(value),
                Flag::Nothing => {}
            }
        }
    }
    if plain.is_empty() && line.instead.is_none() {
        return Err("modprobe is given no module".to_owned());
    }
    if all {
        line.names = plain.iter().map(|name| (*name).to_owned()).collect();
    } else if let Some((name, parameters)) = plain.split_first() {
        line.names = vec![(*name).to_owned()];
        line.parameters = joined_parameters(parameters);
    }
    Ok(line)
}

/// `options_from_array`: a value with a space is put in quotes.
fn joined_parameters(parameters: &[&str]) -> String {
    let quoted = |word: &&str| match word.split_once('=') {
        Some((key, value)) if !value.starts_with(['"', '\'']) && value.contains(' ') => {
            format!("{key}=\"{value}\"")
        }
        _ => (*word).to_owned(),
    };
    parameters.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Go's `filepath.Join`: joined with `/`, cleaned of `.`, `..` and empty elements without
/// a look at any link.
pub(super) fn join(parts: &[&str]) -> String {
    let joined = parts
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join("/");
    let absolute = joined.starts_with('/');
    let mut clean: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." if clean.last().is_some_and(|last| *last != "..") => {
                clean.pop();
            }
            ".." if absolute => {}
            part => clean.push(part),
        }
    }
    let root = if absolute { "/" } else { "" };
    format!("{root}{}", clean.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kmm::module::ModprobeArgs;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_may_stand_anywhere_before_two_dashes() {
        let line = parse(&words("-vd /tmp/opt foo -f a=1 --first-time")).expect("a command line");
        assert_eq!(line.root, "/tmp/opt");
        assert_eq!(line.names, ["foo"]);
        assert_eq!(line.parameters, "a=1");
        assert!(line.force_vermagic && line.force_modversions && line.first_time);
        let line = parse(&words("-d /tmp/opt -- foo -f")).expect("a command line");
        assert_eq!(line.parameters, "-f");
        assert!(!line.force_vermagic);
    }

    #[test]
    fn what_modprobe_refuses() {
        for line in [
            "",
            "-d /tmp/opt",
            "-x foo",
            "--forc foo",
            "--nonsense foo",
            "--quiet=1 foo",
            "foo -d",
        ] {
            assert!(parse(&words(line)).is_err(), "{line}");
        }
        assert!(parse(&words("--dirn /tmp/opt foo")).is_ok());
        assert!(parse(&words("-d/tmp/opt foo")).is_ok());
    }

    #[test]
    fn what_loads_nothing() {
        for line in [
            "-n foo",
            "-r foo",
            "-R foo",
            "--show-depends foo",
            "-V",
            "-h -x",
        ] {
            let line = parse(&words(line)).expect("a command line");
            assert!(line.instead.is_some(), "{line:?}");
        }
    }

    #[test]
    fn kmm_puts_its_arguments_together() {
        let mut modprobe = Modprobe {
            module_name: "foo".into(),
            dir_name: "/opt/../srv/".into(),
            parameters: vec!["a=b c".into()],
            args: Some(ModprobeArgs {
                load: vec!["--force".into()],
                unload: Vec::new(),
            }),
            ..Modprobe::default()
        };
        assert_eq!(
            of_module(&modprobe, KmmRelease::NEWEST),
            ["-vd", "/tmp/srv", "--force", "foo", "a=b c"]
        );
        let line = parse(&of_module(&modprobe, KmmRelease::NEWEST)).expect("a command line");
        assert_eq!(line.parameters, "a=\"b c\"");
        modprobe.raw_args = Some(ModprobeArgs {
            load: vec![
                "-d".into(),
                "/tmp/opt".into(),
                "-a".into(),
                "x".into(),
                "y".into(),
            ],
            unload: Vec::new(),
        });
        let line = parse(&of_module(&modprobe, KmmRelease::NEWEST)).expect("a command line");
        assert_eq!(line.names, ["x", "y"]);
    }

    #[test]
    fn paths_are_cleaned_as_go_does() {
        for (parts, clean) in [
            (&["/tmp", "/opt"][..], "/tmp/opt"),
            (&["/tmp", ""], "/tmp"),
            (&["", "lib"], "lib"),
            (&["/..", "a/./b//c/.."], "/a/b"),
            (&["../x", "y"], "../x/y"),
        ] {
            assert_eq!(join(parts), clean, "{parts:?}");
        }
    }
}
