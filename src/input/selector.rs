//! Label selectors in kubectl's grammar (apimachinery, `pkg/labels/selector.go`).

use std::collections::BTreeMap;

use crate::error::Error;

/// A parsed `-l`: every requirement has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Greater(i64),
    Less(i64),
}

impl Selector {
    /// Reads a selector such as `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`.
    ///
    /// # Errors
    /// The text is no selector.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        split(text)
            .into_iter()
            .map(|part| requirement(part.trim()))
            .collect::<Option<Vec<_>>>()
            .map(Self)
            .ok_or_else(|| Error::Usage {
                message: format!("`{text}` is not a valid label selector"),
                hint: "Use kubectl's syntax, such as -l 'app=x,tier in (a,b),!old'.".to_owned(),
            })
    }

    /// True when the labels meet every requirement.
    pub(crate) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            let number = value.and_then(|value| value.parse::<i64>().ok());
            match &requirement.rule {
                Rule::Exists => value.is_some(),
                Rule::Absent => value.is_none(),
                Rule::In(values) => value.is_some_and(|value| values.contains(value)),
                Rule::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Rule::Greater(than) => number.is_some_and(|number| number > *than),
                Rule::Less(than) => number.is_some_and(|number| number < *than),
            }
        })
    }
}

/// Cuts at the commas outside parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (index, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    if parts == [""] { Vec::new() } else { parts }
}

fn requirement(text: &str) -> Option<Requirement> {
    let make = |key: &str, rule| {
        is_key(key.trim()).then(|| Requirement {
            key: key.trim().to_owned(),
            rule,
        })
    };
    let value = |text: &str| is_value(text.trim()).then(|| text.trim().to_owned());
    if let Some(key) = text.strip_prefix('!') {
        return make(key, Rule::Absent);
    }
    if let Some((key, right)) = text.split_once("!=") {
        return make(key, Rule::NotIn(vec![value(right)?]));
    }
    if let Some((key, right)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return make(key, Rule::In(vec![value(right)?]));
    }
    if let Some((key, right)) = text.split_once('>') {
        return make(key, Rule::Greater(right.trim().parse().ok()?));
    }
    if let Some((key, right)) = text.split_once('<') {
        return make(key, Rule::Less(right.trim().parse().ok()?));
    }
    if let Some(open) = text.find('(') {
        let inside = text[open + 1..].strip_suffix(')')?;
        let values = inside.split(',').map(value).collect::<Option<Vec<_>>>()?;
        let (key, word) = text[..open].trim().rsplit_once(char::is_whitespace)?;
        return match word {
            "in" => make(key, Rule::In(values)),
            "notin" => make(key, Rule::NotIn(values)),
            _ => None,
        };
    }
    make(text, Rule::Exists)
}

/// A qualified name: `[prefix/]name`.
fn is_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').unwrap_or(("x", key));
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !prefix.is_empty() && !name.is_empty() && prefix.chars().all(is_word) && is_value(name)
}

fn is_value(value: &str) -> bool {
    let is_edge = |c: char| c.is_ascii_alphanumeric();
    value.len() <= 63
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && (value.is_empty() || value.starts_with(is_edge) && value.ends_with(is_edge))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_select_as_kubectls_do() {
        let labels = [("app", "kmm"), ("tier", "a"), ("n", "5"), ("x.io/y", "")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        for (text, expected) in [
            ("", Some(true)),
            ("app=kmm", Some(true)),
            ("app==kmm", Some(true)),
            ("app = kmm", Some(true)),
            ("app!=kmm", Some(false)),
            ("none!=kmm", Some(true)),
            ("app in (x,kmm)", Some(true)),
            ("app in (x, kmm), tier in (a)", Some(true)),
            ("app notin (x)", Some(true)),
            ("none notin (x)", Some(true)),
            ("app notin (kmm)", Some(false)),
            ("app", Some(true)),
            ("!app", Some(false)),
            ("!none,app", Some(true)),
            ("none", Some(false)),
            ("n>4", Some(true)),
            ("n<5", Some(false)),
            ("x.io/y", Some(true)),
            ("x.io/y=", Some(true)),
            ("app=kmm,", None),
            ("app=a=b", None),
            ("app in x", None),
            ("app in (x", None),
            ("app of (x)", None),
            ("n>x", None),
            ("-a=b", None),
            ("a b", None),
        ] {
            let answer = Selector::parse(text).ok().map(|s| s.matches(&labels));
            assert_eq!(answer, expected, "{text}");
        }
    }
}
