//! The kernel's configuration (`.config`).

use crate::kernel::named_lines::{Counts, NamedLines};

/// A kernel's configuration, as its file has it.
#[derive(Debug, Clone)]
pub struct Config(NamedLines);

impl Config {
    /// Reads a `.config`: `CONFIG_X=value` lines, with strings in quotes. Of an option that
    /// stands twice the last one counts, as in Kconfig's own reading (`conf_read_simple`).
    pub fn parse(text: impl Into<Box<str>>) -> Self {
        Self(NamedLines::new(
            text,
            |line| Some(option(line)?.0),
            Counts::Last,
        ))
    }

    /// The value of an option, which is named without the prefix: `y`, `m`, a number, or a
    /// string without quotes. `None` where it is not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = option(self.0.get(name)?)?;
        let value = value.trim();
        let unquoted = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'))
            .unwrap_or(value);
        (unquoted != "n").then_some(unquoted)
    }

    /// True for an option with the value `y`.
    pub fn is_set(&self, name: &str) -> bool {
        self.get(name) == Some("y")
    }
}

fn option(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("CONFIG_")?.split_once('=')
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            options in btree_map("[A-Z0-9_]{1,20}", "[ym]|[0-9]{1,5}|0x[0-9a-f]{1,8}|\"[ -!#-~]{0,20}\"", 0..20),
            comment in "# [ -~]{0,40}",
        ) {
            let mut text = format!("{comment}\n");
            for (name, value) in &options {
                text += &format!("# CONFIG_{name}_NOT is not set\nCONFIG_{name}={value}\n");
            }
            let config = Config::parse(text);
            for (name, value) in &options {
                let unquoted = value.trim_matches('"');
                let expected = Some(unquoted).filter(|value| *value != "n");
                prop_assert_eq!(config.get(name), expected, "{}", name);
                let other = format!("{name}_NOT");
                if !options.contains_key(&other) {
                    prop_assert_eq!(config.get(&other), None);
                }
            }
        }

        #[test]
        fn no_text_panics(text in "(CONFIG_[A-Z]{0,3}|=|\"|[ \\t\\r\\n]|\\PC){0,60}") {
            let config = Config::parse(&*text);
            for name in ["", "A", "ABC"] {
                let value = config.get(name).unwrap_or_default();
                prop_assert!(text.contains(value));
            }
        }
    }

    #[test]
    fn options_that_are_set_are_found_by_name() {
        let config = Config::parse(
            "# comment\nCONFIG_MODVERSIONS=y\n# CONFIG_MODULE_SIG_FORCE is not set\n\
             CONFIG_LOCALVERSION=\"-test\"\nCONFIG_NR_CPUS=64\nCONFIG_X=n\nnonsense\n\
             CONFIG_TWICE=y\nCONFIG_TWICE=m\n",
        );
        for (name, value) in [
            ("MODVERSIONS", Some("y")),
            ("MODULE_SIG_FORCE", None),
            ("LOCALVERSION", Some("-test")),
            ("NR_CPUS", Some("64")),
            ("X", None),
            ("TWICE", Some("m")),
            ("nonsense", None),
        ] {
            assert_eq!(config.get(name), value, "{name}");
            assert_eq!(config.is_set(name), value == Some("y"), "{name}");
        }
    }
}
