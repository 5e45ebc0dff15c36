//! Lists and maps of JSON documents, bounded while they are read: a few bytes of a document may
//! stand for a hundred times as many in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A list of at most `N` elements; `null` is an empty one.
#[derive(Debug)]
pub(crate) struct AtMost<T, const N: usize>(pub(crate) Vec<T>);

impl<T, const N: usize> Default for AtMost<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for AtMost<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T, const N: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for List<T, N> {
            type Value = AtMost<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(AtMost::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut kept = Vec::new();
                while let Some(element) = list.next_element()? {
                    if kept.len() == N {
                        return Err(A::Error::custom(format_args!("a list of more than {N}")));
                    }
                    kept.push(element);
                }
                Ok(AtMost(kept))
            }
        }

        deserializer.deserialize_any(List(PhantomData))
    }
}

/// The annotations that this program reads; others are passed over.
const ANNOTATIONS: [&str; 7] = [
    "org.opencontainers.image.ref.name",
    "io.containerd.image.name",
    "containerd.io/snapshot/stargz/toc.digest",
    "io.github.containers.zstd-chunked.manifest-checksum",
    "io.github.containers.zstd-chunked.manifest-position",
    "io.containers.zstd-chunked.manifest-checksum",
    "io.containers.zstd-chunked.manifest-position",
];

/// The annotations of a descriptor that are read; `null` is none.
pub(crate) fn annotations<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    struct Annotations;

    impl<'de> Visitor<'de> for Annotations {
        type Value = BTreeMap<String, String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map of annotations")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(BTreeMap::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut kept = BTreeMap::new();
            while let Some(key) = map.next_key::<String>()? {
                if ANNOTATIONS.contains(&&*key) {
                    kept.insert(key, map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(kept)
        }
    }

    deserializer.deserialize_any(Annotations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_at_its_bound() {
        let read = |text: &str| serde_json::from_str::<AtMost<u8, 3>>(text).map(|list| list.0);
        assert_eq!(read("[1,2,3]").expect("three"), [1, 2, 3]);
        assert!(read("null").expect("none").is_empty());
        for (text, part) in [("[1,2,3,4]", "more than 3"), ("{}", "a list")] {
            let fault = read(text).expect_err("not such a list").to_string();
            assert!(fault.contains(part), "{fault}");
        }
    }

    #[test]
    fn only_annotations_that_are_read_are_kept() {
        let text = r#"{"a":"b","io.containerd.image.name":"n","c":{"d":1}}"#;
        let read = annotations(&mut serde_json::Deserializer::from_str(text)).expect("a map");
        assert_eq!(read.into_values().collect::<Vec<_>>(), ["n"]);
    }
}
