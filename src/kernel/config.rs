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
    use super::*;

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
