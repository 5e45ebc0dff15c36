//! Patterns and what Go makes of them.

use proptest::prelude::*;

use super::*;

/// What Go 1.26's `regexp.MatchString` answers; `None` where it does not compile.
#[test]
fn patterns_mean_what_they_mean_in_go() {
    let el9 = "5.14.0-70.58.1.el9_0.x86_64";
    for (pattern, text, matches) in [
        ("", el9, Some(true)),
        ("el9", el9, Some(true)),
        ("^5\\.14", el9, Some(true)),
        ("^5.15", el9, Some(false)),
        ("x86_64$", el9, Some(true)),
        ("x86$", el9, Some(false)),
        ("^.*$", el9, Some(true)),
        ("^.+\\.x86_64$", el9, Some(true)),
        (
            "^5\\.14\\.0-\\d+\\.\\d+\\.\\d\\.el9_\\d\\.x86_64\\z",
            el9,
            Some(true),
        ),
        ("\\d", "٣", Some(false)),
        ("\\w", "é", Some(false)),
        ("\\D", "٣", Some(true)),
        ("\\s", "\u{b}", Some(false)),
        ("\\S", "\u{b}", Some(true)),
        ("^\\W$", "_", Some(false)),
        ("^\\W$", "`", Some(true)),
        ("é\\b", "é", Some(false)),
        ("a\\b", "aé", Some(true)),
        ("\\Q5.14\\E", el9, Some(true)),
        ("\\Q5.14", "5x14", Some(false)),
        ("\\Qa\\E*b", "aab", Some(true)),
        ("(?i)EL9", el9, Some(true)),
        ("(?i:EL)9", el9, Some(true)),
        ("(?-i)EL9", el9, Some(false)),
        ("(?x)a", "a", None),
        ("(?u)a", "a", None),
        ("(?s).", "\n", Some(true)),
        (".", "\n", Some(false)),
        ("(?P<n>el)9", el9, Some(true)),
        ("(?<n>el)9", el9, Some(true)),
        ("(?P<1>el)9", el9, Some(true)),
        ("(?P<n>a)(?P<n>b)", "ab", Some(true)),
        ("(?=a)", "a", None),
        ("(?!a)", "a", None),
        ("(a)\\1", "aa", None),
        ("\\101", "A", Some(true)),
        ("\\0", "\0", Some(true)),
        ("\\x41\\x{42}", "AB", Some(true)),
        ("\\xZZ", "A", None),
        ("\\pL\\p{Lu}", "aB", Some(true)),
        ("\\p{Greek}", "β", Some(true)),
        ("\\P{Greek}", "b", Some(true)),
        ("\\p{^Greek}", "b", Some(true)),
        ("\\p{Nonsense}", "b", None),
        ("\\C", "a", None),
        ("\\Z", "a", None),
        ("\\_\\-\\ \\<", "_- <", Some(true)),
        ("\\y", "y", None),
        ("\\", "", None),
        ("a{2}", "aa", Some(true)),
        ("a{,2}", "a{,2}", Some(true)),
        ("a{,2}", "aa", Some(false)),
        ("a{x", "a{x", Some(true)),
        ("{", "{", Some(true)),
        ("a{1000}", "a", Some(false)),
        ("a{1001}", "a", None),
        ("a{2,1}", "a", None),
        ("(a{100}){100}", "a", None),
        ("(a{10}){100}", "a", Some(false)),
        ("a**", "a", None),
        ("a*?", "a", Some(true)),
        ("a*+", "a", None),
        ("*a", "a", None),
        ("(*a)", "a", None),
        ("a|*", "a", None),
        ("^*", "a", Some(true)),
        ("(a", "a", None),
        ("a)", "a", None),
        ("a|", "b", Some(true)),
        ("()", "b", Some(true)),
        ("[a&&b]", "&", Some(true)),
        ("[a~~b]", "~", Some(true)),
        ("[[a]", "[", Some(true)),
        ("[]a]", "]", Some(true)),
        ("[^]a]", "]", Some(false)),
        ("[a-]", "-", Some(true)),
        ("[\\d-z]", "-", Some(true)),
        ("[a-\\d]", "a", None),
        ("[z-a]", "a", None),
        ("[[:digit:]]", "7", Some(true)),
        ("[[:^digit:]]", "7", Some(false)),
        ("[[:nope:]]", "7", None),
        ("[a", "a", None),
        ("[", "a", None),
        ("[+.\\-]", "-", Some(true)),
        ("(?m)^b$", "a\nb\nc", Some(true)),
        ("^b$", "a\nb\nc", Some(false)),
    ] {
        let answer = compile(pattern)
            .ok()
            .map(|regex| regex.is_match(text.as_bytes()));
        assert_eq!(answer, matches, "`{pattern}` on `{text}`");
    }
}

#[test]
fn a_bad_pattern_says_why() {
    let error = compile("5.14(").expect_err("an open group");
    assert_eq!(error.to_string(), "missing closing ): `5.14(`");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is compiled, compiling and matching end without a panic.
    #[test]
    fn nothing_panics(pattern in r"[a-z0-9\\\[\](){}|*+?^$.:,_\-&~QEdDsSwWpPxzbB\u{e9}]{0,24}", text: String) {
        if let Ok(regex) = build(&pattern) {
            regex.is_match(text.as_bytes());
        }
    }

    /// A text in `\\Q…\\E`, and one whose marks are escaped, mean themselves and nothing else.
    #[test]
    fn quoted_texts_mean_themselves(text in "[ -~]{0,20}", other in "[ -~]{0,20}") {
        let escaped: String = text
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\{c}") })
            .collect();
        let mut patterns = vec![format!("^(?:{escaped})$")];
        if !text.contains('\\') {
            patterns.push(format!("^\\Q{text}\\E$"));
        }
        for pattern in patterns {
            let regex = build(&pattern).expect("a quoted text compiles");
            prop_assert!(regex.is_match(text.as_bytes()), "{}", pattern);
            prop_assert_eq!(regex.is_match(other.as_bytes()), text == other);
        }
    }

    /// Kernel versions are found by the patterns that people write for them.
    #[test]
    fn kernels_are_found(parts in proptest::collection::vec(0_u16..999, 3), el in 7_u8..10) {
        let [x, y, z] = [parts[0], parts[1], parts[2]];
        let kernel = format!("{x}.{y}.{z}-427.el{el}.x86_64");
        for (pattern, found) in [
            (format!("^{x}\\.{y}\\."), true),
            (format!(r"^{x}\.\d+\.[0-9]+-.*\.el{el}\.x86_64$"), true),
            (format!("el{el}"), true),
            (format!("^el{el}"), false),
            (format!("el{el}$"), false),
        ] {
            let regex = build(&pattern).expect("a pattern");
            prop_assert_eq!(regex.is_match(kernel.as_bytes()), found, "{} {}", pattern, kernel);
        }
    }
}
