//! Keeps the content of Secrets out of logs and messages.

/// What stands in the place of a secret.
const HIDDEN: &str = "(hidden)";
/// Shorter values are words of every log and give nothing away.
const SHORTEST: usize = 4;

/// The texts to hide.
#[derive(Clone, Default)]
pub(crate) struct Redaction {
    needles: Vec<String>,
}

impl std::fmt::Debug for Redaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redaction({} texts)", self.needles.len())
    }
}

impl Redaction {
    /// Hides every line of these values.
    pub(crate) fn of<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut needles: Vec<String> = values
            .into_iter()
            .flat_map(|value| {
                String::from_utf8_lossy(value)
                    .split(['\n', '\r'])
                    .map(|line| line.trim().to_owned())
                    .collect::<Vec<_>>()
            })
            .filter(|line| line.len() >= SHORTEST)
            .collect();
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        needles.dedup();
        Self { needles }
    }

    /// How much of a line's end, in bytes, may be the beginning of a text to hide.
    pub(crate) fn reach(&self) -> usize {
        // The needles are in order, the longest first.
        let longest = self.needles.first().map_or(0, String::len);
        longest.saturating_sub(1)
    }

    /// The line without them.
    pub(crate) fn apply(&self, line: &str) -> String {
        self.needles
            .iter()
            .fold(line.to_owned(), |line, needle| line.replace(needle, HIDDEN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_secret_is_hidden() {
        let redaction = Redaction::of([&b"first line\n second line \nab\n"[..], b"first"]);
        for (line, hidden) in [
            ("x first line y", "x (hidden) y"),
            ("second line", "(hidden)"),
            ("first", "(hidden)"),
            ("ab", "ab"),
            ("", ""),
        ] {
            assert_eq!(redaction.apply(line), hidden);
        }
        assert_eq!(format!("{redaction:?}"), "Redaction(3 texts)");
    }
}
