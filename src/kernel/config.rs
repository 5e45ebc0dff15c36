//! The kernel's configuration (`.config`).

use std::collections::BTreeMap;

/// Reads a `.config`: `CONFIG_X=value` lines by option name without the prefix, strings
/// without their quotes. Options that are not set are absent.
pub fn parse(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| {
            let (name, value) = line.strip_prefix("CONFIG_")?.split_once('=')?;
            let value = value.trim();
            let unquoted = value
                .strip_prefix('"')
                .and_then(|value| value.strip_suffix('"'))
                .unwrap_or(value);
            (unquoted != "n").then(|| (name.to_owned(), unquoted.to_owned()))
        })
        .collect()
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
            let expected: BTreeMap<String, String> = options
                .iter()
                .map(|(name, value)| (name.clone(), value.trim_matches('"').to_owned()))
                .filter(|(_, value)| value != "n")
                .collect();
            prop_assert_eq!(parse(&text), expected);
        }

        #[test]
        fn no_text_panics(text in "(CONFIG_[A-Z]{0,3}|=|\"|[ \\t\\r\\n]|\\PC){0,60}") {
            prop_assert!(parse(&text).len() <= text.lines().count());
        }
    }

    #[test]
    fn options_that_are_set_are_kept_by_name() {
        let config = parse(
            "# comment\nCONFIG_MODVERSIONS=y\n# CONFIG_MODULE_SIG_FORCE is not set\n\
             CONFIG_LOCALVERSION=\"-test\"\nCONFIG_NR_CPUS=64\nCONFIG_X=n\nnonsense\n",
        );
        let seen: Vec<(&str, &str)> = config
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                ("LOCALVERSION", "-test"),
                ("MODVERSIONS", "y"),
                ("NR_CPUS", "64")
            ]
        );
    }
}
