//! The words and variables of a Dockerfile's instructions.

use std::collections::BTreeMap;

/// An instruction without the lines that are comments, in it or behind it.
pub(super) fn without_comments(instruction: &str) -> String {
    let lines = instruction.split_inclusive('\n');
    lines
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect()
}

/// A shell command on one line: line ends behind the escape character are spaces, and comment
/// lines between them are left out.
pub(super) fn unfolded(shell: &str, escape: char) -> String {
    without_comments(shell)
        .lines()
        .map(|line| line.trim_end())
        .map(|line| line.strip_suffix(escape).unwrap_or(line))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Words of an `ARG` or `ENV`, quotes taken away.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// `ENV A=1 B=2` sets two names, the older `ENV A 1` one.
pub(super) fn env_names(text: &str) -> Vec<String> {
    let words = words(text);
    if words.first().is_some_and(|word| word.contains('=')) {
        words
            .iter()
            .filter_map(|word| Some(word.split_once('=')?.0.to_owned()))
            .collect()
    } else {
        words.into_iter().take(1).collect()
    }
}

/// `$NAME`, `${NAME}` and `${NAME:-default}` with the values put in; what has none is empty
/// (Dockerfile reference, "Environment replacement").
pub(crate) fn expand(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (name, default, after) = if let Some(braced) = rest.strip_prefix('{') {
            let Some((inside, after)) = braced.split_once('}') else {
                return out;
            };
            let end = inside.find(|c: char| !is_name(c)).unwrap_or(inside.len());
            let (name, operator) = inside.split_at(end);
            let default = operator
                .strip_prefix(":-")
                .or_else(|| operator.strip_prefix('-'));
            (name, default, after)
        } else {
            let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            (name, None, after)
        };
        match values.get(name).filter(|value| !value.is_empty()) {
            Some(value) => out.push_str(value),
            None => out.push_str(default.unwrap_or_default()),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The names of the variables that a text refers to.
pub(crate) fn variables(text: &str) -> Vec<&str> {
    text.match_indices('$')
        .filter(|(at, _)| !text[..*at].ends_with(['\\', '$']))
        .filter_map(|(at, _)| {
            let rest = &text[at + 1..];
            let rest = rest.strip_prefix('{').unwrap_or(rest);
            let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
            Some(&rest[..end]).filter(|name| !name.is_empty())
        })
        .collect()
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in() {
        let values = [("A".to_owned(), "1".to_owned())].into();
        for (text, expanded) in [
            ("x$A-y", "x1-y"),
            ("${A}${B}", "1"),
            ("${B:-2}${B-3}${A:-4}", "231"),
            ("${A", ""),
            ("no", "no"),
        ] {
            assert_eq!(expand(text, &values), expanded, "{text}");
        }
        assert_eq!(variables("$A ${B:-x} \\$C $$ $(pwd)"), ["A", "B"]);
    }
}
