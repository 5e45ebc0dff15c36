//! Patterns and what Go makes of them.

use proptest::prelude::*;

use super::*;

/// The Go of the newest KMM.
const GO: u8 = 25;

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
        ("\\p{Greek}", "b", Some(false)),
        ("\\p{Greek}", "β", None),
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
        let answer = compile(pattern, GO)
            .and_then(|compiled| compiled.is_match(text))
            .ok();
        assert_eq!(answer, matches, "`{pattern}` on `{text}`");
    }
}

/// What a differential test against Go has shown, by class.
#[test]
fn odd_patterns_mean_what_they_mean_in_go() {
    for (pattern, text, matches) in [
        // Flags stand beside what is repeated.
        ("^a(?i)*$", "aaa", Some(true)),
        ("^a*(?i)*$", "aaa", Some(true)),
        ("^a*(?)*$", "aa", Some(true)),
        ("(?i)*", "a", None),
        ("a|(?i)*", "a", None),
        ("((?i)*a)", "a", None),
        ("^a*\\Q\\E*$", "aa", Some(true)),
        ("a(?i)b|C", "c", Some(true)),
        ("(?i-i)A", "a", Some(false)),
        ("(?imsU)A", "a", Some(true)),
        ("(?ii)A", "a", Some(true)),
        ("(?-)a", "a", None),
        // Counts multiply, but not inside no repetition at all.
        ("(?:a{1000}){0}b", "b", Some(true)),
        ("((?:a{1000}){0}){5}b", "b", Some(true)),
        ("(?:a{34}){30}", "a", None),
        ("(?:(?:a{2,}){2,}){251}", "a", None),
        ("(?:a{0,}){1000}", "a", Some(true)),
        // Surrogates are characters of patterns, and of no text.
        ("\\x{D800}", "a", Some(false)),
        ("[\\x{D7FF}-\\x{E000}]", "\u{e000}", Some(true)),
        ("[\\x{D800}-\\x{DFFF}]", "a", Some(false)),
        ("[^\\x{D800}]", "a", Some(true)),
        ("\\x{110000}", "a", None),
        ("\\x{00000041}", "A", Some(true)),
        ("\\x{}", "a", None),
        // Between characters, never within.
        ("\\B", "aéa", Some(false)),
        ("\\B", "é", Some(true)),
        // `[:` without a name.
        ("[[:]]", ":]", Some(true)),
        ("[[::]]", "a", None),
        // Names of Go 1.25.
        ("\\p{greek}", "b", Some(false)),
        ("\\p{Upper case-Letter}", "B", Some(true)),
        ("\\P{ASCII}", "b", Some(false)),
        ("\\p{Assigned}", "b", Some(true)),
        ("\\p{Cs}", "b", Some(false)),
        ("\\p{gc=Lu}", "B", None),
        ("\\p{Alphabetic}", "B", None),
        ("\\p{Garay}", "B", None),
        ("\\p{}", "B", None),
    ] {
        let answer = compile(pattern, GO)
            .and_then(|compiled| compiled.is_match(text))
            .ok();
        assert_eq!(answer, matches, "`{pattern}` on `{text}`");
    }
}

/// Where releases of Go differ, and where this program's limits are, nothing is claimed.
#[test]
fn what_cannot_be_told_names_the_pattern() {
    let long = "a".repeat(20_000);
    let deep = format!("{}a{}", "(?:".repeat(300), ")".repeat(300));
    let large = "\\pL{1000}".repeat(3);
    for (pattern, go) in [
        ("\\p{Letter}", 24),
        ("\\p{greek}", 23),
        ("\\p{Old_Italic}", 25),
        ("\\p{Kawi}", 19),
        ("(?<n>a)", 21),
        (&*long, 25),
        (&*deep, 25),
        (&*large, 25),
    ] {
        match compile(pattern, go) {
            Err(PatternError::Unclear(why)) => assert!(why.contains('`'), "{why}"),
            other => panic!("`{}`: {other:?}", &pattern[..pattern.len().min(40)]),
        }
    }
    for (pattern, go) in [("\\p{Old_Italic}", 24), ("\\p{Kawi}", 21), ("(?<n>a)", 22)] {
        assert!(compile(pattern, go).is_ok(), "{pattern}");
    }
}

#[test]
fn a_bad_pattern_says_why() {
    let error = compile("5.14(", GO).expect_err("an open group");
    assert_eq!(error.to_string(), "missing closing ): `5.14(`");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is compiled, compiling and matching end without a panic.
    #[test]
    fn nothing_panics(pattern in r"[a-z0-9\\\[\](){}|*+?^$.:,_\-&~QEdDsSwWpPxzbB\u{e9}]{0,24}", text: String) {
        if let Ok(regex) = build(&pattern, GO) {
            let _ = regex.is_match(&text);
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
            let regex = build(&pattern, GO).expect("a quoted text compiles");
            prop_assert!(regex.is_match(&text) == Ok(true), "{}", pattern);
            prop_assert_eq!(regex.is_match(&other), Ok(text == other));
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
            let regex = build(&pattern, GO).expect("a pattern");
            prop_assert_eq!(regex.is_match(&kernel), Ok(found), "{} {}", pattern, kernel);
        }
    }
}
