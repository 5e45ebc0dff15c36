//! Templates, their operators, and what is refused.

use proptest::prelude::*;

use super::*;

#[test]
fn templates_are_substituted_as_envsubst_does() {
    let variables = [
        ("KERNEL_X", "5".to_owned()),
        ("KERNEL_FULL_VERSION", "5.14.0-70.el9".to_owned()),
        ("EMPTY", String::new()),
    ];
    for (template, expected) in [
        ("", ""),
        ("plain:tag", "plain:tag"),
        ("a:${KERNEL_FULL_VERSION}", "a:5.14.0-70.el9"),
        ("a:$KERNEL_FULL_VERSION", "a:5.14.0-70.el9"),
        ("a:$KERNEL_X.$KERNEL_X", "a:5.5"),
        ("a:${KERNEL_X}${KERNEL_X}", "a:55"),
        ("a:$UNKNOWN-x", "a:-x"),
        ("a:${UNKNOWN}", "a:"),
        ("a:$KERNEL_XY", "a:"),
        ("${UNKNOWN:-d}", "d"),
        ("${UNKNOWN:=d}", "d"),
        ("${UNKNOWN-d}", "d"),
        ("${UNKNOWN=d}", "d"),
        ("${UNKNOWN+d}", ""),
        ("${UNKNOWN:+d}", ""),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY:=d}", "d"),
        ("${EMPTY-d}", ""),
        ("${EMPTY=d}", ""),
        ("${EMPTY+d}", "d"),
        ("${EMPTY:+d}", "d"),
        ("${KERNEL_X:-d}", "5"),
        ("${KERNEL_X+d}", "d"),
        ("${UNKNOWN:-$KERNEL_X}", "5"),
        ("${UNKNOWN:-a b/c:d}", "a b/c:d"),
        ("${UNKNOWN:-}", ""),
        ("${KERNEL_X:x}", "5"),
        ("${UNKNOWN:-${KERNEL_X}}", "}"),
        ("$$KERNEL_X", "$KERNEL_X"),
        ("$$", "$"),
        ("a$", "a$"),
        ("a$.b", "a$.b"),
        ("$_", "$_"),
        ("$_x", ""),
        ("${}", "${}"),
        ("${_}", "${_}"),
        ("$1", ""),
        ("$①", "$①"),
        ("$é①", "①"),
        ("$٣x", ""),
        ("$Ⅷ", "$Ⅷ"),
        ("${KERNEL_X①}", "5"),
        ("}{", "}{"),
    ] {
        assert_eq!(
            substitute(template, &variables).as_deref(),
            Ok(expected),
            "{template}"
        );
    }
}

#[test]
fn an_open_brace_is_an_error() {
    for template in ["a:${KERNEL_X", "${", "${KERNEL_X\n}", "${UNKNOWN:-d"] {
        let error = substitute(template, &[]).expect_err(template).to_string();
        assert!(error.contains("closing brace expected"), "{error}");
    }
    assert!(substitute("${V-$_}", &[]).is_err());
}

proptest! {
    /// Whatever the template, it is resolved or refused, and a text without a dollar
    /// sign is what it was.
    #[test]
    fn nothing_panics(template in r"[a-z$\{\}:=+_A-Z0-9/ \n\-]{0,30}", value: String) {
        let variables = [("KERNEL_X", value)];
        let resolved = substitute(&template, &variables);
        if !template.contains('$') {
            prop_assert_eq!(resolved, Ok(template));
        }
    }

    /// A known variable stands for its value wherever it is, and the value is not read
    /// for variables again.
    #[test]
    fn values_are_taken_as_they_are(
        before in "[a-z./:-]{0,8}", value in "[ -~]{0,12}", after in "[./:-]{0,8}"
    ) {
        let variables = [("KERNEL_X", value.clone())];
        let expected = format!("{before}{value}{after}");
        for template in [
            format!("{before}${{KERNEL_X}}{after}"),
            format!("{before}$KERNEL_X{after}"),
        ] {
            prop_assert_eq!(substitute(&template, &variables), Ok(expected.clone()));
        }
        let quoted = format!("{before}$${{KERNEL_X}}{after}");
        let literal = format!("{before}${{KERNEL_X}}{after}");
        prop_assert_eq!(substitute(&quoted, &variables), Ok(literal));
    }
}
