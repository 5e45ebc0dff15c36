//! Shell patterns, as aliases and soft dependencies use them.

/// `fnmatch(pattern, text, 0)` of the C library: `*`, `?`, `[…]` and `\`.
pub fn matches(pattern: &str, text: &str) -> bool {
    fn class(pattern: &[char], c: char) -> Option<(bool, usize)> {
        let negated = matches!(pattern.first(), Some('!' | '^'));
        let mut at = usize::from(negated);
        let mut hit = false;
        let start = at;
        loop {
            match pattern.get(at)? {
                ']' if at > start => return Some((hit != negated, at + 1)),
                low => {
                    let high = match (pattern.get(at + 1), pattern.get(at + 2)) {
                        (Some('-'), Some(high)) if *high != ']' => {
                            at += 2;
                            high
                        }
                        _ => low,
                    };
                    hit |= (*low..=*high).contains(&c);
                    at += 1;
                }
            }
        }
    }
    /// How many pattern characters match this one; `None` where they do not.
    fn one(pattern: &[char], c: char) -> Option<usize> {
        match pattern.split_first()? {
            ('?', _) => Some(1),
            ('[', rest) => match class(rest, c) {
                Some((hit, length)) => hit.then_some(length + 1),
                None => (c == '[').then_some(1),
            },
            ('\\', rest) if !rest.is_empty() => (rest[0] == c).then_some(2),
            (p, _) => (*p == c).then_some(1),
        }
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p + 1, t));
            p += 1;
        } else if let Some(length) = one(&pattern[p..], text[t]) {
            p += length;
            t += 1;
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            p = after;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_the_c_library() {
        for (pattern, text, answer) in [
            ("foo", "foo", true),
            ("f*o", "fo", true),
            ("f*o", "fox", false),
            ("?", "", false),
            ("v[0-9A-F]", "vB", true),
            ("v[!0-9]", "v1", false),
            ("[]x]", "]", true),
            ("a\\*", "a*", true),
            ("[", "[", true),
            (
                "*a*a*a*a*a*a*a*a*a*a*a*a*b",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                false,
            ),
        ] {
            assert_eq!(matches(pattern, text), answer, "{pattern} {text}");
        }
    }
}
