//! How `modprobe` reads its command line (kmod 28 of UBI 9, `tools/modprobe.c`, `do_modprobe`).

/// What `modprobe` does with its command line (kmod 28 of UBI 9, `tools/modprobe.c`,
/// `do_modprobe`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// `-d`: the root below which `lib/modules/<kernel>` is; empty for the host's.
    pub root: String,
    /// `-S`: another release than the running kernel's.
    pub kernel: Option<String>,
    /// `-C`: configuration files in place of `/etc/modprobe.d`.
    pub config_paths: Vec<String>,
    /// The modules to load: one, or with `-a` all the words.
    pub names: Vec<String>,
    /// The parameters of the one module, as the kernel gets them.
    pub parameters: String,
    /// `--force-vermagic`, `-f`.
    pub force_vermagic: bool,
    /// `--force-modversion`, `-f`.
    pub force_modversions: bool,
    /// `--first-time`: a module that is there already is an error.
    pub first_time: bool,
    /// `-i`: neither install commands nor soft dependencies.
    pub ignore_commands: bool,
    /// `-b`: the blacklist counts for the named module too.
    pub use_blacklist: bool,
    /// What it does instead of loading, where an option says so.
    pub instead: Option<Instead>,
}

/// What `modprobe` does instead of loading anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instead {
    /// `-r`
    Removes,
    /// `-R`
    LooksUp,
    /// `-n`, `-D`
    DryRun,
    /// `-c`
    PrintsConfig,
    /// `--show-modversions`
    PrintsVersions,
    /// `--show-exports`
    PrintsExports,
    /// `-V`
    PrintsVersion,
    /// `-h`
    PrintsHelp,
}

/// Why `modprobe` would end with an error before it looks for any module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArgsFault {
    /// It has no such option, which is written like this.
    UnknownOption(String),
    /// Several options begin like this.
    SeveralOptions(String),
    /// This option takes no value.
    NoValue(String),
    /// The value of this word's option is missing.
    ValueMissing(String),
    /// No module is named.
    NoModule,
}

/// One option of `modprobe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flag {
    All,
    Instead(Instead),
    /// Ends at once, whatever follows.
    Exit(Instead),
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

/// `cmdopts` of `tools/modprobe.c`.
const LONG: &[(&str, Flag)] = &[
    ("all", Flag::All),
    ("remove", Flag::Instead(Instead::Removes)),
    ("remove-dependencies", Flag::Nothing),
    ("resolve-alias", Flag::Instead(Instead::LooksUp)),
    ("first-time", Flag::FirstTime),
    ("ignore-install", Flag::IgnoreCommands),
    ("ignore-remove", Flag::IgnoreCommands),
    ("use-blacklist", Flag::UseBlacklist),
    ("force", Flag::Force),
    ("force-modversion", Flag::ForceModversion),
    ("force-vermagic", Flag::ForceVermagic),
    ("show-depends", Flag::Instead(Instead::DryRun)),
    ("showconfig", Flag::Instead(Instead::PrintsConfig)),
    ("show-config", Flag::Instead(Instead::PrintsConfig)),
    ("show-modversions", Flag::Instead(Instead::PrintsVersions)),
    ("dump-modversions", Flag::Instead(Instead::PrintsVersions)),
    ("show-exports", Flag::Instead(Instead::PrintsExports)),
    ("dry-run", Flag::Instead(Instead::DryRun)),
    ("show", Flag::Instead(Instead::DryRun)),
    ("config", Flag::Config),
    ("dirname", Flag::Root),
    ("set-version", Flag::Kernel),
    ("syslog", Flag::Nothing),
    ("quiet", Flag::Nothing),
    ("verbose", Flag::Nothing),
    ("version", Flag::Exit(Instead::PrintsVersion)),
    ("help", Flag::Exit(Instead::PrintsHelp)),
];

fn short(letter: char) -> Option<Flag> {
    Some(match letter {
        'a' => Flag::All,
        'r' => Flag::Instead(Instead::Removes),
        'R' => Flag::Instead(Instead::LooksUp),
        'i' => Flag::IgnoreCommands,
        'b' => Flag::UseBlacklist,
        'f' => Flag::Force,
        'D' | 'n' => Flag::Instead(Instead::DryRun),
        'c' => Flag::Instead(Instead::PrintsConfig),
        'C' => Flag::Config,
        'd' => Flag::Root,
        'S' => Flag::Kernel,
        's' | 'q' | 'v' => Flag::Nothing,
        'V' => Flag::Exit(Instead::PrintsVersion),
        'h' => Flag::Exit(Instead::PrintsHelp),
        _ => return None,
    })
}

/// A long option by its name or an unambiguous beginning of it, as `getopt_long` has it.
fn long(word: &str) -> Result<Flag, ArgsFault> {
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
        [] => Err(ArgsFault::UnknownOption(format!("--{word}"))),
        _ => Err(ArgsFault::SeveralOptions(format!("--{word}"))),
    }
}

/// Reads a command line as `getopt_long` of the GNU C library does: options may follow
/// other words, `--` ends them.
///
/// # Errors
/// `modprobe` would end with an error before it looks for any module, and why.
pub fn parse(words: &[String]) -> Result<CommandLine, ArgsFault> {
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
                return Err(ArgsFault::NoValue(format!("--{name}")));
            }
            flags.push((flag, value));
        } else if word.len() > 1 && word.starts_with('-') {
            let letters = &word[1..];
            for (at, letter) in letters.char_indices() {
                let flag =
                    short(letter).ok_or_else(|| ArgsFault::UnknownOption(format!("-{letter}")))?;
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
                    .ok_or_else(|| ArgsFault::ValueMissing(word.clone()))?,
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
        return Err(ArgsFault::NoModule);
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
