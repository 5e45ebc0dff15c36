//! Which kernel mapping is for a kernel (KMM, `internal/module/kernelmapper.go`,
//! `findKernelMapping`).

use crate::kmm::module::KernelMapping;
use crate::kmm::plan::go_regexp::{self, PatternError};
use crate::kmm::planned::MappingMatch;
use crate::kmm::releases::KmmRelease;

/// Why no mapping can be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoMapping {
    /// None matches.
    #[error("no kernel mapping matches kernel {0}")]
    NotFound(String),
    /// A regexp that stands before every match does not compile, which ends KMM's search.
    #[error("the regexp of kernelMappings[{index}] is not valid in Go: {why}")]
    BadRegexp {
        /// The mapping.
        index: usize,
        /// What is wrong with it.
        why: String,
    },
    /// What KMM makes of a regexp that stands before every match cannot be told.
    #[error("whether the regexp of kernelMappings[{index}] matches is not known: {why}")]
    Unclear {
        /// The mapping.
        index: usize,
        /// Why.
        why: String,
    },
}

impl NoMapping {
    /// The mapping at whose regexp the search ended.
    pub(crate) fn regexp_at(&self) -> Option<usize> {
        match self {
            Self::NotFound(_) => None,
            Self::BadRegexp { index, .. } | Self::Unclear { index, .. } => Some(*index),
        }
    }
}

/// Finds the mapping for a kernel: the first whose literal is the kernel, or whose regexp
/// matches somewhere in it. The kernel is compared as it is, not normalised.
///
/// # Errors
/// None matches, or a regexp that is reached does not compile or cannot be understood.
pub(crate) fn find(
    mappings: &[KernelMapping],
    kernel_version: &str,
    release: KmmRelease,
) -> Result<MappingMatch, NoMapping> {
    for (index, mapping) in mappings.iter().enumerate() {
        if matches(index, mapping, kernel_version, release)? {
            let literal = !mapping.literal.is_empty() && mapping.literal == kernel_version;
            let by = if literal {
                format!("literal '{}'", mapping.literal)
            } else {
                format!("regexp '{}'", mapping.regexp)
            };
            return Ok(MappingMatch {
                index,
                by,
                is_assumed: mapping.is_assumed,
            });
        }
    }
    Err(NoMapping::NotFound(kernel_version.to_owned()))
}

fn matches(
    index: usize,
    mapping: &KernelMapping,
    kernel_version: &str,
    release: KmmRelease,
) -> Result<bool, NoMapping> {
    if !mapping.literal.is_empty() && mapping.literal == kernel_version {
        return Ok(true);
    }
    if mapping.regexp.is_empty() {
        return Ok(false);
    }
    go_regexp::compile(&mapping.regexp, release.go())
        .and_then(|pattern| pattern.is_match(kernel_version))
        .map_err(|error| match error {
            PatternError::Refused(why) => NoMapping::BadRegexp { index, why },
            PatternError::Unclear(why) => NoMapping::Unclear { index, why },
        })
}

/// What became of one mapping in the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    /// The mapping in words: `literal 'K'`, `regexp 'R'`, or both.
    pub rule: String,
    /// The user assumes it (`--assume-image`).
    pub is_assumed: bool,
    /// What came of it.
    pub result: TriedResult,
}

/// What became of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TriedResult {
    /// It is the one.
    Used,
    /// It does not match.
    NoMatch,
    /// It does not compile, and ended the search.
    Bad,
    /// What KMM makes of it cannot be told, which ended the search.
    Unclear,
    /// The search ended before it.
    NotReached,
}

impl TriedResult {
    /// The words of `explain`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::NoMatch => "no match",
            Self::Bad => "not a Go regexp",
            Self::Unclear => "cannot be told",
            Self::NotReached => "not reached",
        }
    }
}

/// Every mapping and what became of it, in order.
pub(crate) fn trace(
    mappings: &[KernelMapping],
    kernel_version: &str,
    release: KmmRelease,
) -> Vec<Tried> {
    let mut over = false;
    mappings
        .iter()
        .enumerate()
        .map(|(index, mapping)| {
            let result = if over {
                TriedResult::NotReached
            } else {
                match matches(index, mapping, kernel_version, release) {
                    Ok(true) => TriedResult::Used,
                    Ok(false) => TriedResult::NoMatch,
                    Err(NoMapping::Unclear { .. }) => TriedResult::Unclear,
                    Err(_) => TriedResult::Bad,
                }
            };
            over |= result != TriedResult::NoMatch;
            Tried {
                rule: rule(mapping),
                is_assumed: mapping.is_assumed,
                result,
            }
        })
        .collect()
}

/// A mapping in words.
pub(crate) fn rule(mapping: &KernelMapping) -> String {
    match (mapping.literal.as_str(), mapping.regexp.as_str()) {
        ("", "") => "neither literal nor regexp".to_owned(),
        (literal, "") => format!("literal '{literal}'"),
        ("", regexp) => format!("regexp '{regexp}'"),
        (literal, regexp) => format!("literal '{literal}' or regexp '{regexp}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(literal: &str, regexp: &str) -> KernelMapping {
        KernelMapping {
            literal: literal.to_owned(),
            regexp: regexp.to_owned(),
            ..KernelMapping::default()
        }
    }

    #[test]
    fn the_first_match_wins() {
        let kernel = "5.14.0-70.el9.x86_64+rt";
        for (mappings, expected) in [
            (vec![("", ".*"), (kernel, "")], Ok((0, "regexp '.*'"))),
            (vec![("5.14.0", ""), ("", "el9")], Ok((1, "regexp 'el9'"))),
            (
                vec![(kernel, "^never$")],
                Ok((0, "literal '5.14.0-70.el9.x86_64+rt'")),
            ),
            (vec![("never", "el9")], Ok((0, "regexp 'el9'"))),
            (vec![("", "_rt")], Err(())),
            (vec![("", "")], Err(())),
            (vec![], Err(())),
            (vec![("", "(")], Err(())),
            (
                vec![(kernel, ""), ("", "(")],
                Ok((0, "literal '5.14.0-70.el9.x86_64+rt'")),
            ),
            (vec![("", "("), (kernel, "")], Err(())),
        ] {
            let mappings: Vec<_> = mappings.iter().map(|(l, r)| mapping(l, r)).collect();
            let found = find(&mappings, kernel, KmmRelease::NEWEST);
            let found = found.as_ref().map(|found| (found.index, found.by.as_str()));
            assert_eq!(found.map_err(|_| ()), expected, "{mappings:?}");
        }
    }

    #[test]
    fn the_trace_says_where_the_search_ended() {
        let mappings = [mapping("a", ""), mapping("", "5"), mapping("", "(")];
        let results: Vec<_> = trace(&mappings, "5.14.0", KmmRelease::NEWEST)
            .iter()
            .map(|t| t.result)
            .collect();
        assert_eq!(
            results,
            [
                TriedResult::NoMatch,
                TriedResult::Used,
                TriedResult::NotReached
            ]
        );
    }
}
