//! `modprobe`'s configuration: `modules.softdep` of the module folder, and files beside it.

use crate::depmod::effort::TooMuch;
use crate::module::names;

/// The most bytes of one file of the configuration; that of a kernel with all its modules has
/// some thousand.
pub const MOST_TEXT: usize = 1 << 20;

/// What the configuration says, in the order of its files (kmod,
/// `libkmod/libkmod-config.c`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Pattern and module's name.
    pub aliases: Vec<(String, String)>,
    /// Soft dependencies; only the first that matches a module counts.
    pub softdeps: Vec<SoftDep>,
    /// Module and options.
    pub options: Vec<(String, String)>,
    /// Module and shell command.
    pub install: Vec<(String, String)>,
    /// Names that only `-b` looks at.
    pub blacklist: Vec<String>,
}

/// `softdep NAME pre: A B post: C`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SoftDep {
    /// Pattern of the module's name.
    pub name: String,
    /// Asked for before the module.
    pub pre: Vec<String>,
    /// Asked for after it.
    pub post: Vec<String>,
}

impl Config {
    /// Adds a file (`kmod_config_parse`): words separated by blanks, `\` at the end of a
    /// line continues it, lines that make no sense are passed over.
    ///
    /// # Errors
    /// It is larger than any that depmod writes.
    pub fn read(&mut self, text: &str) -> Result<(), TooMuch> {
        if text.len() > MOST_TEXT {
            return Err(TooMuch);
        }
        let text = text.replace("\\\n", "");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((command, rest)) = word(line) else {
                continue;
            };
            let Some((name, rest)) = word(rest) else {
                continue;
            };
            let Some(name) = underscores(name) else {
                continue;
            };
            match command {
                "alias" => {
                    if let Some(target) = word(rest).and_then(|(target, _)| underscores(target)) {
                        self.aliases.push((name, target));
                    }
                }
                "blacklist" => self.blacklist.push(name),
                "options" if !rest.is_empty() => self.options.push((name, rest.replace('\t', " "))),
                "install" if !rest.is_empty() => self.install.push((name, rest.to_owned())),
                "softdep" if !rest.is_empty() => self.softdeps.push(softdep(name, rest)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// `strtok_r` with blank and tab: the first word, and what follows its separator.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches([' ', '\t']);
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (!word.is_empty()).then_some((word, rest))
}

fn softdep(name: String, text: &str) -> SoftDep {
    let mut dep = SoftDep {
        name,
        ..SoftDep::default()
    };
    let mut post = None;
    for word in text.split_ascii_whitespace() {
        match (word, post) {
            ("pre:", _) => post = Some(false),
            ("post:", _) => post = Some(true),
            (word, Some(false)) => dep.pre.push(word.to_owned()),
            (word, Some(true)) => dep.post.push(word.to_owned()),
            (_, None) => {}
        }
    }
    dep
}

/// kmod's `underscores`: dashes outside brackets become underscores; `None` where the
/// brackets do not match.
pub fn underscores(text: &str) -> Option<String> {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ']' if !inside => return None,
            ']' => inside = false,
            '[' => inside = true,
            _ => {}
        }
        out.push(if c == '-' && !inside { '_' } else { c });
    }
    (!inside).then_some(out)
}

/// kmod's `modname_normalize`: dashes become underscores, and a dot ends the name.
pub fn module_name(text: &str) -> String {
    names::normalize(text.split('.').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_as_kmod_does() {
        let mut config = Config::default();
        config
            .read(
                "# a comment\nsoftdep my-mod pre: a-b  c post: d\nalias pci:v* my-mod\n\
             install x \\\n/bin/false\nnonsense\noptions y a=1\tb=2\nblacklist z-1\nsoftdep q\n",
            )
            .expect("a small file");
        assert_eq!(
            config,
            Config {
                aliases: vec![("pci:v*".into(), "my_mod".into())],
                softdeps: vec![SoftDep {
                    name: "my_mod".into(),
                    pre: vec!["a-b".into(), "c".into()],
                    post: vec!["d".into()],
                }],
                options: vec![("y".into(), "a=1 b=2".into())],
                install: vec![("x".into(), "/bin/false".into())],
                blacklist: vec!["z_1".into()],
            }
        );
    }
}
