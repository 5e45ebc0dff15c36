//! Indexes that are built here, whole and damaged.

use super::build::build;
use super::*;

#[test]
fn keys_are_found_exactly_and_as_patterns() {
    let bytes = build(&[
        ("foo", "foo.ko:"),
        ("foobar", "foobar.ko: foo.ko"),
        ("pci:v*d00[0-9]", "x"),
        ("pci:v1d001", "y"),
    ]);
    let index = Index::parse(bytes).expect("an index");
    let found = |key: &str| index.search(key, &Effort::default()).expect("an end");
    assert_eq!(found("foo").as_deref(), Some("foo.ko:"));
    assert_eq!(found("foobar").as_deref(), Some("foobar.ko: foo.ko"));
    for absent in ["", "fo", "foob", "foobarx", "z"] {
        assert_eq!(found(absent), None, "{absent}");
    }
    let matching = |word: &str| index.search_wild(word, &Effort::default()).expect("an end");
    assert_eq!(matching("pci:v1d001").len(), 2);
    assert_eq!(matching("pci:v2d005"), ["x"]);
    assert_eq!(matching("foo"), ["foo.ko:"]);
    assert_eq!(index.keys().len(), 4);
}

#[test]
fn what_kmod_does_not_open() {
    let good = build(&[("a", "b")]);
    assert!(Index::parse(good[..8].into()).is_err());
    assert!(Index::parse(b"BOOTFAST....".as_slice().into()).is_err());
    let mut other = good.to_vec();
    other[5] = 3;
    assert_eq!(
        Index::parse(other.into()).err(),
        Some(IndexFault::Version(3))
    );
}

#[test]
fn a_text_that_the_end_of_the_file_cuts_has_no_end() {
    let mut bytes = build(&[("a", "one")]).to_vec();
    let at = bytes.len() as u32 | HAS_VALUES;
    bytes[8..12].copy_from_slice(&at.to_be_bytes());
    bytes.extend([0, 0, 0, 1, 0, 0, 0, 0, b'v']);
    let cut = Index::parse(bytes.as_slice().into()).expect("an index");
    assert_eq!(
        cut.search("a", &Effort::default()),
        Err(SearchFault::Endless)
    );
    assert_eq!(
        cut.search_wild("a", &Effort::default()),
        Err(SearchFault::Endless)
    );
    bytes.push(0);
    let whole = Index::parse(bytes.into()).expect("an index");
    assert_eq!(whole.search("a", &Effort::default()), Ok(None));
}

/// A node of its own with values of these priorities.
fn with_values(priorities: impl Iterator<Item = u32>) -> Index {
    let mut bytes = build(&[]).to_vec();
    let at = u32::try_from(bytes.len()).expect("a small index") | HAS_PREFIX | HAS_VALUES;
    bytes[8..12].copy_from_slice(&at.to_be_bytes());
    bytes.extend(b"key\0");
    let priorities: Vec<u32> = priorities.collect();
    bytes.extend((priorities.len() as u32).to_be_bytes());
    for priority in priorities {
        bytes.extend(priority.to_be_bytes());
        bytes.extend(format!("v{priority}\0").as_bytes());
    }
    Index::parse(bytes.into()).expect("an index")
}

#[test]
fn values_come_by_their_priority_however_many_there_are() {
    let effort = Effort::default();
    let few = with_values([3, 1, 2].into_iter());
    assert_eq!(
        few.search_wild("key", &effort).expect("found"),
        ["v1", "v2", "v3"]
    );
    let many = with_values((0..40_000).rev());
    let found = many.search_wild("key", &effort).expect("found");
    assert_eq!((&*found[0], &*found[39_999]), ("v0", "v39999"));
    let too_many = with_values(0..100_000);
    assert_eq!(too_many.search("key", &effort), Err(SearchFault::TooMuch));
    assert_eq!(
        too_many.search_wild("key", &effort),
        Err(SearchFault::TooMuch)
    );
}

#[test]
fn effort_is_counted_over_all_searches() {
    let (effort, index) = (Effort::of(10 << 20), with_values(0..40_000));
    let searches = (0..1_000).take_while(|_| index.search("key", &effort).is_ok());
    let searches = searches.count();
    assert!((10..100).contains(&searches), "{searches}");
}

/// One node of 256 children, each of which is the node itself.
#[test]
fn a_trie_that_loops_comes_to_an_end() {
    let mut bytes = build(&[]).to_vec();
    let at = u32::try_from(bytes.len()).expect("a small index") | HAS_CHILDREN | HAS_VALUES;
    bytes[8..12].copy_from_slice(&at.to_be_bytes());
    bytes.extend([0, 255]);
    bytes.extend(at.to_be_bytes().repeat(256));
    bytes.extend([0, 0, 0, 1, 0, 0, 0, 0, b'v', 0]);
    let index = Index::parse(bytes.into()).expect("an index");
    assert_eq!(index.keys(), [""]);
}

proptest::proptest! {
    #[test]
    fn damage_never_panics_or_hangs(at in 0usize..200, byte: u8, cut in 12usize..200) {
        let mut bytes = build(&[("foo", "a"), ("fob*", "b"), ("x", "c")]).to_vec();
        let length = bytes.len();
        bytes[8 + at % (length - 8)] = byte;
        bytes.truncate(cut.max(12));
        if let Ok(index) = Index::parse(bytes.into()) {
            let _ = (index.search("foo", &Effort::default()), index.search_wild("fobx", &Effort::default()), index.keys());
        }
    }
}
