use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;

const K: &str = "6.1.0-56-amd64";

/// A `/lib/modules/K` in memory.
struct Tree(Vec<(&'static str, Vec<u8>)>);

impl FileTree for Tree {
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        let (_, bytes) = self.0.iter().find(|(name, _)| *name == path)?;
        Some(bytes.as_slice().into())
    }

    fn list(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn is_file(&self, path: &str) -> bool {
        self.0.iter().any(|(name, _)| *name == path)
    }

    fn module(&self, _: &str) -> Option<Arc<ModuleFile>> {
        None
    }
}

fn facts(files: Vec<(&'static str, Vec<u8>)>) -> KernelFacts {
    gather(K, Arch::Amd64, &Tree(files)).expect("a folder of modules")
}

fn in_tree(text: &str) -> Vec<String> {
    let facts = facts(vec![("modules.dep", text.into())]);
    let paths = facts.in_tree.expect("modules.dep lists the modules");
    paths.keys().map(|path| path.to_string()).collect()
}

#[test]
fn odd_lines_of_modules_dep_name_no_module() {
    for (text, expected) in [
        ("", &[][..]),
        ("kernel/a.ko:\n", &["kernel/a.ko"]),
        ("kernel/a.ko.xz: kernel/b.ko.xz\n", &["kernel/a.ko.xz"]),
        ("kernel/a.ko: kernel/b.ko\r\n", &["kernel/a.ko"]),
        ("kernel/a.ko", &["kernel/a.ko"]),
        ("# comment\n\n:\nkernel/a.txt: b\n", &[]),
        ("kernel/a.ko:\nkernel/a.ko:\n", &["kernel/a.ko"]),
    ] {
        assert_eq!(in_tree(text), expected, "{text:?}");
    }
}

#[test]
fn built_in_code_with_a_folder_is_told_from_the_rest() {
    let modinfo = b"a.license=GPL\0b.version=1\0c.parmtype=x:int\0d.parm=x:text\0odd\0\
                    tree.parmtype=x:int\0c2port.parmtype=x:int\0";
    let facts = facts(vec![
        ("modules.builtin", b"kernel/lib/a-b.ko\n".to_vec()),
        ("modules.builtin.modinfo", modinfo.to_vec()),
        (
            "modules.dep",
            b"kernel/drivers/misc/c2port.ko.xz:\n".to_vec(),
        ),
    ]);
    assert_eq!(facts.built_in.expect("a list"), ["a_b".into()]);
    let folders = facts.built_in_folders.expect("a list");
    assert_eq!(folders, ["b".into(), "c".into(), "rcutree".into()].into());
}

#[test]
fn a_symvers_that_cannot_be_read_is_not_taken_for_missing() {
    let whole: &[u8] = b"0x00000001\tkfree\tvmlinux\tEXPORT_SYMBOL\t\n";
    let cut = b"\x1f\x8b\x08\0\0\0\0\0".to_vec();
    let known = |files: Vec<(&'static str, Vec<u8>)>| gather(K, Arch::Amd64, &Tree(files));
    for damaged in [&cut[..], b"", b"<html>"] {
        let files = vec![(".config", Vec::new()), ("symvers.gz", damaged.to_vec())];
        let fault = known(files).expect_err("no facts");
        let path = "symvers.gz".to_owned();
        assert_eq!(fault, FactsFault::Symbols { path });
    }
    let files = vec![("Module.symvers", whole.to_vec()), ("symvers.gz", cut)];
    let facts = known(files).expect("the other file is whole");
    assert!(facts.symbols.is_some_and(|symbols| !symbols.is_empty()));
}

#[test]
fn a_folder_of_the_kernel_without_facts_is_no_other_kernel() {
    struct Empty;
    impl FileTree for Empty {
        fn read(&self, _: &str) -> Option<Cow<'_, [u8]>> {
            None
        }
        fn list(&self, dir: &str) -> Vec<String> {
            let there: &[&str] = match dir {
                "lib/modules" => &[K],
                _ => &[],
            };
            there.iter().map(|name| (*name).to_owned()).collect()
        }
        fn is_file(&self, _: &str) -> bool {
            false
        }
        fn module(&self, _: &str) -> Option<Arc<ModuleFile>> {
            None
        }
    }
    let fault = gather(K, Arch::Amd64, &Empty).expect_err("no facts");
    assert_eq!(fault, FactsFault::Absent { others: Vec::new() });
}

proptest! {
    #[test]
    fn what_depmod_writes_is_read(
        paths in btree_set("kernel/[a-z0-9_/-]{0,20}[a-z0-9]\\.ko(\\.(gz|xz|zst))?", 0..30),
        needs in vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let paths: Vec<String> = paths.into_iter().collect();
        let mut text = String::new();
        for path in &paths {
            text += path;
            text.push(':');
            for need in &needs {
                text.push(' ');
                text += &paths[need.index(paths.len())];
            }
            text.push('\n');
        }
        prop_assert_eq!(in_tree(&text), paths);
    }

    #[test]
    fn no_text_panics(
        dep in "([a-z/]{0,6}|\\.ko|:|[ \\t\\r\\n]|\\PC){0,60}",
        built_in in "([a-z/]{0,6}|\\.ko|[ \\r\\n]|\\PC){0,40}",
        modinfo in vec(any::<u8>(), 0..100),
    ) {
        facts(vec![
            ("modules.dep", dep.into()),
            ("modules.builtin", built_in.into()),
            ("modules.builtin.modinfo", modinfo),
        ]);
    }
}
