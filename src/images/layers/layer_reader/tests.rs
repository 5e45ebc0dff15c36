use kernel_loader::module::ModuleFile;
use kernel_loader::module::compression::Compression;
use kernel_loader::module::content::AS_THEY_ARE;
use kernel_loader::module::facts::Depth;
use tar::{Builder, EntryType, Header};

use super::*;

/// A layer from lines: `f NAME CONTENT`, `d NAME`, `l NAME TARGET`, `h NAME TARGET`,
/// `c NAME` (a character device 0/0).
fn archive(text: &str) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for line in text.split(';').map(str::trim).filter(|l| !l.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let content = words.get(2).copied().unwrap_or_default();
        let mut header = Header::new_ustar();
        let kind = match words[0] {
            "f" => EntryType::Regular,
            "d" => EntryType::Directory,
            "l" => EntryType::Symlink,
            "h" => EntryType::Link,
            _ => EntryType::Char,
        };
        header.set_entry_type(kind);
        // Names as they are, `..` too, which the builder refuses.
        header.as_mut_bytes()[..words[1].len()].copy_from_slice(words[1].as_bytes());
        header.set_mode(0o644);
        header.set_size(0);
        if words[0] == "f" {
            header.set_size(content.len() as u64);
        } else if matches!(words[0], "l" | "h") {
            header.as_mut_bytes()[157..157 + content.len()].copy_from_slice(content.as_bytes());
        }
        header.set_cksum();
        let data = if words[0] == "f" { content } else { "" };
        tar.append(&header, data.as_bytes()).expect("memory");
    }
    tar.into_inner().expect("memory")
}

fn read_with(text: &str, wanted: &[&str], limits: LayerLimits) -> Result<ReadLayer, TarFault> {
    let wanted = wanted.iter().map(|path| (*path).to_owned()).collect();
    let reading = Reading {
        purpose: Purpose::Modules,
        limits,
        wanted: &wanted,
        large_file: &Mutex::default(),
        budget: &Budget::of(usize::MAX),
    };
    read_layer(&*archive(text), &reading)
}

/// The index in lines, as the archive was written.
fn index(text: &str) -> String {
    let layer = read_with(text, &[], LayerLimits::default()).expect("a good layer");
    let entries = layer.index.entries.iter().map(|(path, node)| match node {
        Node::Dir => format!("d {path}"),
        Node::Symlink(target) => format!("l {path} {target}"),
        Node::Hardlink(target) => format!("h {path} {target}"),
        Node::Other => format!("c {path}"),
        Node::File { size, content, .. } => match content {
            Content::Skipped | Content::NoModule(_) => format!("f {path} {size}"),
            Content::Bytes(bytes) => format!("b {path} {}", String::from_utf8_lossy(bytes)),
            Content::Module(module) => format!("m {path} {}", module.file_size),
            Content::TooLarge(_) => format!("t {path}"),
        },
    });
    let gone = layer.index.whiteouts.iter().map(|path| format!("w {path}"));
    let opaque = layer.index.opaque.iter().map(|path| format!("o {path}"));
    entries
        .chain(gone)
        .chain(opaque)
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn layers_are_unpacked_as_a_node_does() {
    for (text, expected) in [
        ("f ./a x; f /b/c xy; d ./", "f a 1; d b; f b/c 2"),
        ("f ../../a x; f b/../../c x", "f a 1; f c 1"),
        ("f a x; f a xyz", "f a 3"),
        ("f a x; d a; f a/b x", "d a; f a/b 1"),
        ("d a; f a/b x; f a-b x; f a xx", "f a 2; f a-b 1"),
        ("d a; f a/b x; d a", "d a; f a/b 1"),
        ("f a/.wh.b ; f .wh.c ", "d a; w a/b; w c"),
        ("f a/.wh..wh..opq ; f a/b x", "d a; f a/b 1; o a"),
        ("f .wh..wh..opq ; f .wh..wh.plnk ", "o "),
        ("c a/b", "d a; w a/b"),
        ("f a xy; h b a", "f a 2; f b 2"),
        ("f a xy; h ./b /a; f a x", "f a 1; f b 2"),
        ("h b /x/../a", "h b a"),
        (
            "l lib usr/lib; f lib/m x",
            "l lib usr/lib; d usr; d usr/lib; f usr/lib/m 1",
        ),
        ("l a /b/c; f a/m x", "l a /b/c; d b; d b/c; f b/c/m 1"),
        (
            "f a/x 1; l b ../../a; f b/y 1",
            "d a; f a/x 1; f a/y 1; l b ../../a",
        ),
        ("l a a; f a/x 1", "d a; f a/x 1"),
        (
            "f opt/lib/modules/5/m.ko.xz abc; f opt/lib/modules/5/modules.dep m.ko: ; \
             f k/modules.dep.bin b; f k/modules.txt b; f k/m.ko.sig b",
            "d k; f k/m.ko.sig 1; b k/modules.dep.bin b; f k/modules.txt 1; d opt; d opt/lib; \
             d opt/lib/modules; d opt/lib/modules/5; m opt/lib/modules/5/m.ko.xz 3; \
             b opt/lib/modules/5/modules.dep m.ko:",
        ),
    ] {
        assert_eq!(index(text), expected, "{text}");
    }
}

#[test]
fn wanted_files_come_whole() {
    let text = "f a/b.ko one; f c two; h d c; h e a/b.ko; f c three";
    let layer = read_with(text, &["c", "d", "e"], LayerLimits::default()).expect("good");
    let text = |path: &str| String::from_utf8_lossy(&layer.files[path].bytes).into_owned();
    assert_eq!(text("c"), "three");
    assert_eq!(text("d"), "two");
    assert_eq!(layer.files["d"].path, "d");
    assert_eq!(layer.links["e"], "a/b.ko");
}

/// As ostree exports a file system: each file is an object, and a link to it right after.
#[test]
fn a_link_gives_an_object_the_name_that_tells_what_it_is() {
    let object = |name: &str| format!("sysroot/ostree/repo/objects/ab/{name}.file");
    let text = format!(
        "f {0} a.ko:; h usr/lib/modules/6/modules.dep {0}; h usr/lib/modules/6/b.ko {0}; \
         f {1} x; h usr/share/doc/pkg/x {1}; h usr/lib/modules/6/modules.order {0}; \
         f usr/share/doc/pkg/y y; l usr/share/doc/pkg/z y",
        object("c"),
        object("d")
    );
    for (purpose, others) in [(Purpose::Modules, true), (Purpose::Kernel, false)] {
        let reading = Reading {
            purpose,
            limits: LayerLimits::default(),
            wanted: &BTreeSet::new(),
            large_file: &Mutex::default(),
            budget: &Budget::of(usize::MAX),
        };
        let layer = read_layer(&*archive(&text), &reading).expect("a good layer");
        let entries = &layer.index.entries;
        let content = |path: &str| match entries.get(path) {
            Some(Node::File { content, .. }) => Some(content.clone()),
            _ => None,
        };
        let text = Some(Content::Bytes((*b"a.ko:").into()));
        assert_eq!(content("usr/lib/modules/6/modules.dep"), text);
        assert!(matches!(
            content("usr/lib/modules/6/b.ko"),
            Some(Content::Module(_))
        ));
        // Another object came between.
        assert_ne!(content("usr/lib/modules/6/modules.order"), text);
        for path in ["usr/share/doc/pkg/x", "usr/share/doc/pkg/y"] {
            assert_eq!(entries.contains_key(path), others, "{path}");
        }
        let link = entries.get("usr/share/doc/pkg/z");
        assert_eq!(link, Some(&Node::Symlink("y".to_owned())));
    }
}

#[test]
fn limits_end_the_reading() {
    let deep = format!("f {} x", "d/".repeat(40));
    let limits = LayerLimits {
        entries: 2,
        path: 90,
        depth: 20,
        steps: 1000,
        unpacked: 1 << 14,
        module: 4,
        packed_module: 4,
        file: 4,
        kept: 2 * ENTRY + 32,
        wanted: 32,
    };
    let kept = format!("more than {} bytes of memory", limits.kept);
    for (text, part) in [
        ("f a x; f b x; f c x", "more than 2 entries"),
        (&*format!("f {} x", "n".repeat(95)), "longer than 90 bytes"),
        (&*deep, "more than 20 folders"),
        ("f modules.dep abcd; f x/modules.dep abcd", &*kept),
        // Names, links' targets and the folders to which they lead take memory too.
        (&*format!("l a {}", "b".repeat(95)), "longer than 90 bytes"),
        (&*format!("l a {0}; l c {0}", "b".repeat(40)), &*kept),
        ("l a b/b/b/b/b/b/b; f a/x y", &*kept),
    ] {
        let fault = read_with(text, &[], limits).expect_err("beyond a limit");
        assert!(matches!(fault, TarFault::Limit(_)), "{fault}");
        assert!(fault.to_string().contains(part), "{fault}");
    }
    let layer = read_with("f a.ko abcde; f modules.dep abcde", &[], limits).expect("read");
    for path in ["a.ko", "modules.dep"] {
        assert!(
            matches!(
                &layer.index.entries[path],
                Node::File {
                    content: Content::TooLarge(4),
                    ..
                }
            ),
            "{path}"
        );
    }
}

/// A module between whose sections and their table lies more than is held as it is.
#[test]
fn rules_see_all_of_a_large_module() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fuzz/corpus/elf/ticker.ko"
    );
    let file = std::fs::read(file).expect("a module");
    let small = ModuleFile::parse(&file, Depth::Full)
        .elf
        .expect("an ELF file");
    let table = u64::from_le_bytes(file[40..48].try_into().expect("8 bytes"));
    let mut large = file.clone();
    large.resize(AS_THEY_ARE + (3 << 20), 7);
    let at = large.len() as u64;
    large[40..48].copy_from_slice(&at.to_le_bytes());
    large.extend_from_slice(&file[usize::try_from(table).expect("a small file")..]);
    let packed = Compression::Gzip.compress(&large).expect("memory");
    let mut tar = Builder::new(Vec::new());
    for (name, bytes) in [("m.ko", &large), ("m.ko.gz", &packed)] {
        let mut header = Header::new_ustar();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, bytes.as_slice())
            .expect("memory");
    }
    let reading = Reading {
        purpose: Purpose::Modules,
        limits: LayerLimits::default(),
        wanted: &BTreeSet::new(),
        large_file: &Mutex::default(),
        budget: &Budget::of(usize::MAX),
    };
    let layer = read_layer(&*tar.into_inner().expect("memory"), &reading).expect("a good layer");
    for (name, bytes) in [("m.ko", &large), ("m.ko.gz", &packed)] {
        let Node::File { content, .. } = &layer.index.entries[name] else {
            panic!("{name} is a file");
        };
        let Content::Module(module) = content else {
            panic!("{name}: {content:?}");
        };
        assert_eq!(module.file_size, bytes.len() as u64, "{name}");
        assert_eq!(module.elf.as_ref(), Ok(&small), "{name}");
    }
    let room = reading.large_file.lock().expect("nobody panicked");
    assert!(room.capacity() <= AS_THEY_ARE, "{}", room.capacity());
}

/// Links that lead through many folders, once for every entry behind them.
#[test]
fn paths_do_not_lead_through_folders_without_end() {
    let limits = LayerLimits {
        steps: 10_000,
        ..LayerLimits::default()
    };
    let links = |count: usize| {
        let target = "x/../".repeat(15) + "x";
        let links = (0..count).map(|at| format!("l l{at} {target}; f l{at}/f{at} y"));
        read_with(&links.collect::<Vec<_>>().join(";"), &[], limits)
    };
    assert!(links(10).is_ok());
    assert!(matches!(links(1_000), Err(TarFault::Limit(_))));
}

/// What others keep is not there for a layer any more, until they let go of it.
#[test]
fn layers_share_a_budget() {
    let budget = Budget::of(200 << 10);
    let read = |text: &str| {
        let reading = Reading {
            purpose: Purpose::Modules,
            limits: LayerLimits::default(),
            wanted: &BTreeSet::new(),
            large_file: &Mutex::default(),
            budget: &budget,
        };
        read_layer(&*archive(text), &reading)
    };
    let files: Vec<String> = (0..500).map(|at| format!("f f{at} x")).collect();
    let files = files.join(";");
    let first = read(&files).expect("enough for one");
    assert!(first.index.charge.bytes() >= 500 * ENTRY);
    assert!(matches!(read(&files), Err(TarFault::Busy)));
    drop(first);
    assert!(read(&files).is_ok());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    /// Whatever the bytes, reading ends without a panic and within the limits.
    #[test]
    fn damaged_layers_never_panic(at in 0_usize..4096, byte: u8, cut in 0_usize..4096, noise: Vec<u8>) {
        let text = "d a; f a/m.ko x; l a/l ../..; h a/h a/m.ko; f a/.wh.b ; f a/modules.dep abc";
        let mut bytes = archive(text);
        let at = at % bytes.len();
        bytes[at] = byte;
        let cut = cut % bytes.len();
        for input in [&bytes[..], &bytes[..cut], &noise[..]] {
            let reading = Reading {
                purpose: Purpose::Kernel,
                limits: LayerLimits::default(),
                wanted: &BTreeSet::from(["a/h".to_owned()]),
                large_file: &Mutex::default(),
                budget: &Budget::of(usize::MAX),
            };
            if let Ok(layer) = read_layer(input, &reading) {
                let clean = |path: &String| {
                    !path.split('/').any(|part| matches!(part, "" | "." | ".."))
                };
                proptest::prop_assert!(layer.index.entries.keys().all(clean));
            }
        }
    }
}
