//! What the fuzz targets call, one function for each parser of files that strangers made.
//! `tests/corpus.rs` calls the same functions with the corpus.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};

use kernel_loader::depmod::effort::Effort;
use kernel_loader::depmod::index::Index;
use kernel_loader::kernel::config::Config;
use kernel_loader::kernel::facts::{FileTree, KernelFacts};
use kernel_loader::kernel::symvers::Symbols;
use kernel_loader::module::ModuleFile;
use kernel_loader::module::content::Content as ModuleContent;
use kernel_loader::module::facts::{self, Depth};
use kmm_preflight::for_tests::{
    Arch, Budget, Content, ImageConfig, KmmRelease, LayerIndex, LayerLimits, LoadCase, Modprobe,
    Node, Overlay, Purpose, Reading, Target, TlsOptions, Trust, Work, judge, read_layer,
};

const KERNEL: &str = "6.1.0-56-amd64";
const FOLDER: &str = "opt/lib/modules/6.1.0-56-amd64";
/// The key that signed the seeds of `signature`.
const CERTIFICATE: &[u8] = include_bytes!("../seeds/certificate.der");
/// A module that loads, and its `modules.dep.bin`.
const MODULE: &[u8] = include_bytes!("../corpus/elf/ticker.ko");
const MODULES_DEP: &[u8] = include_bytes!("../corpus/index/modules.dep.bin");

/// An uncompressed module without a signature. Rules see the same, however much of it is held
/// packed.
pub fn elf(bytes: &[u8]) {
    let whole = [bytes, b"tail"].concat();
    let content = ModuleContent::of(&whole);
    let length = bytes.len() as u64;
    let full = facts::gather(&content, length, Depth::Full);
    let slim = facts::gather(&content, length, Depth::Slim);
    for most in [0, 64, bytes.len() / 2] {
        let mut packed = ModuleContent::in_room(Vec::new(), most);
        packed.write_all(&whole).expect("memory");
        assert_eq!(facts::gather(&packed, length, Depth::Full), full);
        assert_eq!(facts::gather(&packed, length, Depth::Slim), slim);
    }
    if let (Ok(full), Ok(slim)) = (&full, &slim) {
        assert_eq!(full.modinfo, slim.modinfo);
        assert_eq!(full.exports, slim.exports);
    }
}

/// A module file in any form, down to the judge's rules.
pub fn module(bytes: &[u8]) {
    load(bytes, MODULES_DEP, b"");
}

/// The content of `.modinfo`.
pub fn modinfo(bytes: &[u8]) {
    let text: usize = facts::modinfo(bytes)
        .iter()
        .map(|(tag, value)| tag.len() + value.len())
        .sum();
    // What is no UTF-8 may become three bytes for one.
    assert!(text <= bytes.len() * 3);
}

/// What is appended to a module.
pub fn signature(bytes: &[u8]) {
    load(&[MODULE, bytes].concat(), MODULES_DEP, b"");
}

/// `Module.symvers`.
pub fn symvers(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let symbols = Symbols::parse(&*text);
    for symbol in symbols.iter() {
        assert!(symbols.get(symbol.name).is_some());
    }
}

/// `.config`.
pub fn config(bytes: &[u8]) {
    let config = Config::parse(String::from_utf8_lossy(bytes));
    assert_ne!(config.get("MODULES"), Some("n"));
}

/// The texts of a kernel's module folder: one after the other, with a line of three dashes
/// between them.
pub fn modules_dep(bytes: &[u8]) {
    let mut parts = split(bytes, b"\n---\n");
    let mut next = || parts.next().unwrap_or_default().into();
    let tree = Folder([
        ("modules.dep", next()),
        ("modules.builtin", next()),
        ("modules.builtin.modinfo", next()),
    ]);
    if let Ok(facts) = KernelFacts::gather(KERNEL, Arch::Amd64, &tree) {
        assert!(
            facts
                .in_tree
                .is_none_or(|modules| modules.len() <= bytes.len())
        );
    }
}

/// One of depmod's binary indexes.
pub fn index(bytes: &[u8]) {
    let Ok(index) = Index::parse(bytes.into()) else {
        return;
    };
    for key in index.keys().iter().take(1000) {
        let _ = index.search(key, &Effort::default());
    }
    for word in ["ticker", "pci:v00001234d00005678sv*", "symbol:meter_read"] {
        let _ = index.search(word, &Effort::default());
        let _ = index.search_wild(word, &Effort::default());
    }
}

/// `modules.softdep`, a line of three dashes, and `modules.dep.bin`.
pub fn modprobe(bytes: &[u8]) {
    let mut parts = split(bytes, b"\n---\n");
    let softdep = parts.next().unwrap_or_default();
    load(MODULE, parts.next().unwrap_or_default(), softdep);
}

/// A layer, compressed or not.
pub fn tar(bytes: &[u8]) {
    for purpose in [Purpose::Modules, Purpose::Kernel] {
        let reading = Reading {
            purpose,
            limits: LayerLimits {
                unpacked: 64 << 20,
                ..LayerLimits::default()
            },
            wanted: &BTreeSet::from(["etc/os-release".to_owned()]),
            large_file: &Mutex::default(),
            budget: &Budget::of(usize::MAX),
        };
        let Ok(layer) = read_layer(bytes, &reading) else {
            return;
        };
        for path in layer.index.entries.keys() {
            let clean = |part: &str| !matches!(part, "" | "." | "..");
            assert!(path.split('/').all(clean), "{path:?} is not clean");
        }
        let mut overlay = Overlay::new(1);
        overlay.push(Arc::new(layer.index));
        let files = overlay.walk("opt").expect("one layer of one");
        for path in files.keys() {
            overlay.lookup(path).expect("one layer of one");
        }
    }
}

/// Judges an image whose folder has one module and these indexes.
fn load(module: &[u8], dep: &[u8], softdep: &[u8]) {
    let file = |content| Node::File {
        size: module.len() as u64,
        mode: 0o755,
        content,
    };
    let mut layer = LayerIndex::default();
    let parsed = ModuleFile::parse(module, Depth::Full);
    for (name, content) in [
        ("extra/ticker.ko", Content::Module(Arc::new(parsed))),
        ("modules.dep.bin", Content::Bytes(dep.into())),
        ("modules.softdep", Content::Bytes(softdep.into())),
    ] {
        layer
            .entries
            .insert(format!("{FOLDER}/{name}"), file(content));
    }
    let mut overlay = Overlay::new(1);
    overlay.push(Arc::new(layer));
    let work = Work {
        image: "registry.example/ticker:1".to_owned(),
        registry_tls: TlsOptions::default(),
        image_repo_secret: None,
        modprobe: Modprobe {
            module_name: "ticker".to_owned(),
            parameters: vec!["count=1".to_owned()],
            ..Modprobe::default()
        },
        in_tree_modules_to_remove: Vec::new(),
        build: None,
        sign: None,
    };
    let target = Target::new(KERNEL, Arch::Amd64);
    let case = LoadCase {
        work: &work,
        target: &target,
        release: KmmRelease::NEWEST,
        flavor_is_assumed: false,
    };
    let config = ImageConfig {
        shows_a_shell: true,
        ..ImageConfig::default()
    };
    let tree = Folder([
        (
            ".config",
            b"CONFIG_MODULES=y\nCONFIG_MODULE_SIG=y\n".as_slice().into(),
        ),
        (
            "Module.symvers",
            b"0x1\t_printk\tvmlinux\tEXPORT_SYMBOL\t\n"
                .as_slice()
                .into(),
        ),
        ("modules.builtin", Arc::default()),
    ]);
    let kernel = KernelFacts::gather(KERNEL, Arch::Amd64, &tree).expect("a kernel");
    let trust = Trust {
        certificates: vec![CERTIFICATE.to_vec()],
        secure_boot: false,
    };
    for facts in [None, Some(&kernel)] {
        judge(&case, &overlay, &config, facts, &trust).expect("one layer of one");
    }
}

fn split<'b>(bytes: &'b [u8], mark: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let text = rest?;
        let at = text.windows(mark.len()).position(|window| window == mark);
        rest = at.map(|at| &text[at + mark.len()..]);
        Some(&text[..at.unwrap_or(text.len())])
    })
}

/// A module folder in memory.
struct Folder([(&'static str, Arc<[u8]>); 3]);

impl FileTree for Folder {
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        let file = self.0.iter().find(|(name, _)| *name == path)?;
        Some(Cow::Borrowed(&file.1))
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
