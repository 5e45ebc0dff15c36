//! The judge over images and kernels that are put together in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{LoadCase, Trust, judge};
use crate::image::open::ImageConfig;
use crate::image::overlay::{NeedLayer, Overlay};
use crate::kernel::facts::KernelFacts;
use crate::kernel::symvers::Symbols;
use crate::kmod::index::tests::build;
use crate::kmod::module_file::{
    Compression, ElfFacts, ExportedSymbol, ModuleFile, SignatureState, SymbolVersion,
    UndefinedSymbol,
};
use crate::model::finding::{Code, Finding};
use crate::model::layer::{Content, LayerIndex, Node};
use crate::model::module::{Modprobe, ModprobeArgs, TlsOptions};
use crate::model::plan::{KmmRelease, Work};
use crate::model::target::{Arch, Target};
use crate::model::verdict::Verdict;

const K: &str = "5.14.0-70.el9.x86_64";
const FOLDER: &str = "opt/lib/modules/5.14.0-70.el9.x86_64";
const MAGIC: &str = "5.14.0-70.el9.x86_64 SMP preempt mod_unload modversions ";

/// A module for the kernel of these tests: it uses `printk` by its version.
fn module(name: &str) -> ElfFacts {
    ElfFacts {
        is_64: true,
        little_endian: true,
        machine: 62,
        modinfo: vec![
            ("license".into(), "GPL".into()),
            ("vermagic".into(), MAGIC.into()),
        ],
        versions: Some(vec![
            SymbolVersion {
                name: "module_layout".into(),
                crc: 1,
            },
            SymbolVersion {
                name: "_printk".into(),
                crc: 2,
            },
        ]),
        undefined: vec![UndefinedSymbol {
            name: "_printk".into(),
            weak: false,
        }],
        this_module_name: name.into(),
        ..ElfFacts::default()
    }
}

fn uses(mut elf: ElfFacts, symbol: &str, crc: u64) -> ElfFacts {
    elf.undefined.push(UndefinedSymbol {
        name: symbol.into(),
        weak: false,
    });
    elf.versions.get_or_insert_default().push(SymbolVersion {
        name: symbol.into(),
        crc,
    });
    elf
}

fn exports(mut elf: ElfFacts, symbol: &str, crc: u32) -> ElfFacts {
    elf.exports.push(ExportedSymbol {
        name: symbol.into(),
        crc: Some(crc),
        gpl: false,
        namespace: None,
    });
    elf
}

fn set(mut elf: ElfFacts, tag: &str, value: &str) -> ElfFacts {
    elf.modinfo.retain(|(known, _)| &**known != tag);
    elf.modinfo.push((tag.into(), value.into()));
    elf
}

fn ko(elf: ElfFacts) -> Node {
    Node::File {
        size: 1000,
        mode: 0o644,
        content: Content::Module(Arc::new(ModuleFile {
            file_size: 1000,
            compression: Compression::None,
            signature: SignatureState::Absent,
            elf: Ok(elf),
        })),
    }
}

fn bytes(content: &[u8]) -> Node {
    Node::File {
        size: content.len() as u64,
        mode: 0o644,
        content: Content::Bytes(content.into()),
    }
}

fn program() -> Node {
    Node::File {
        size: 1000,
        mode: 0o755,
        content: Content::Skipped,
    }
}

/// One layer with depmod's index for these lines of modules.dep, and a shell.
fn layer(lines: &[(&str, &str)], files: Vec<(&str, Node)>) -> LayerIndex {
    let mut layer = LayerIndex::default();
    for (name, content) in [
        ("modules.dep.bin", bytes(&build(lines))),
        ("modules.builtin.bin", bytes(b"")),
        ("modules.alias.bin", bytes(&build(&[]))),
        ("modules.softdep", bytes(b"# nothing\n")),
    ] {
        layer.entries.insert(format!("{FOLDER}/{name}"), content);
    }
    for (path, node) in files {
        let path = match path.strip_prefix('/') {
            Some(path) => path.to_owned(),
            None => format!("{FOLDER}/{path}"),
        };
        layer.entries.insert(path, node);
    }
    layer
}

const SYMVERS: &str = "\
0x1\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t
0x2\t_printk\tvmlinux\tEXPORT_SYMBOL\t
0x3\tgpl_only\tvmlinux\tEXPORT_SYMBOL_GPL\t
0x4\tof_dummy\tdrivers/net/dummy\tEXPORT_SYMBOL\t
";

fn kernel() -> KernelFacts {
    let config = [
        ("MODULES", "y"),
        ("MODVERSIONS", "y"),
        ("MODULE_SIG", "y"),
        ("LIVEPATCH", "y"),
        ("STRICT_MODULE_RWX", "y"),
    ];
    KernelFacts {
        kernel_version: K.into(),
        arch: Some(Arch::Amd64),
        config: Some(
            config
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect::<BTreeMap<_, _>>(),
        ),
        vermagic: Some(MAGIC.into()),
        symbols: Some(Symbols::parse(SYMVERS)),
        in_tree: Some(BTreeMap::from([(
            "kernel/drivers/net/dummy.ko.xz".into(),
            None,
        )])),
        ..KernelFacts::default()
    }
}

struct Case {
    layers: Vec<LayerIndex>,
    facts: Option<KernelFacts>,
    modprobe: Modprobe,
    release: KmmRelease,
    shell: bool,
}

impl Case {
    fn of(layer: LayerIndex) -> Self {
        Self {
            layers: vec![layer],
            facts: Some(kernel()),
            modprobe: Modprobe {
                module_name: "foo".into(),
                ..Modprobe::default()
            },
            release: KmmRelease::NEWEST,
            shell: true,
        }
    }

    /// One module, named by modules.dep.
    fn module(elf: ElfFacts) -> Self {
        Self::of(layer(&[("foo", "foo.ko:")], vec![("foo.ko", ko(elf))]))
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn option(self, name: &str, value: &str) -> Self {
        self.with(|case| {
            let config = case.facts.as_mut().and_then(|facts| facts.config.as_mut());
            config
                .expect("a configuration")
                .insert(name.into(), value.into());
        })
    }

    fn judge(&self) -> (Vec<Finding>, usize) {
        let work = Work {
            image: "registry.example/foo:1".into(),
            registry_tls: TlsOptions::default(),
            image_repo_secret: None,
            modprobe: self.modprobe.clone(),
            in_tree_modules_to_remove: Vec::new(),
            build: None,
            sign: None,
        };
        let target = Target {
            kernel_version: K.into(),
            arch: Arch::Amd64,
            dtk_image: None,
        };
        let case = LoadCase {
            work: &work,
            target: &target,
            release: self.release,
        };
        let config = ImageConfig {
            shows_a_shell: self.shell,
            ..ImageConfig::default()
        };
        let mut overlay = Overlay::new(self.layers.len());
        let mut read = 0;
        loop {
            let trust = Trust::default();
            match judge(&case, &overlay, &config, self.facts.as_ref(), &trust) {
                Ok(findings) => return (findings, read),
                Err(NeedLayer) => {
                    overlay.push(Arc::new(self.layers[read].clone()));
                    read += 1;
                }
            }
        }
    }

    /// The verdict, and the codes of what decides it.
    fn answer(&self) -> (Verdict, Vec<Code>) {
        let (findings, _) = self.judge();
        let verdict = Verdict::of_findings(&findings);
        let codes = findings.iter().map(|finding| finding.code).collect();
        (verdict, codes)
    }

    fn codes(&self) -> Vec<Code> {
        self.answer().1
    }

    #[track_caller]
    fn is(&self, verdict: Verdict, codes: &[Code]) {
        let (findings, _) = self.judge();
        assert_eq!(self.answer(), (verdict, codes.to_vec()), "{:#?}", findings);
    }
}

use Verdict::{Failed, Unknown, Verified};

#[test]
fn a_module_for_the_kernel_loads() {
    Case::module(module("foo")).is(Verified, &[]);
}

#[test]
fn version_magic_is_compared_as_same_magic_does() {
    let other = "5.14.0-1.el9.x86_64 SMP preempt mod_unload modversions ";
    Case::module(set(module("foo"), "vermagic", other)).is(Verified, &[]);
    let flags = "5.14.0-70.el9.x86_64 SMP mod_unload modversions ";
    Case::module(set(module("foo"), "vermagic", flags)).is(Failed, &[Code::VermagicMismatch]);
    // Without symbol versions in the module the release counts.
    let mut plain = set(module("foo"), "vermagic", other);
    plain.versions = None;
    let codes = Case::module(plain.clone()).option("MODULE_FORCE_LOAD", "y");
    codes.is(Failed, &[Code::VermagicMismatch]);
    let unknown = Case::module(plain).with(|case| case.facts = None);
    unknown.is(Failed, &[Code::VermagicMismatch]);
    let unknown =
        Case::module(set(module("foo"), "vermagic", other)).with(|case| case.facts = None);
    unknown.is(Verified, &[]);
}

#[test]
fn a_module_without_version_magic_needs_forced_loading() {
    let mut elf = module("foo");
    elf.modinfo.retain(|(tag, _)| &**tag != "vermagic");
    Case::module(elf.clone()).is(Failed, &[Code::VermagicMismatch]);
    Case::module(elf.clone())
        .option("MODULE_FORCE_LOAD", "y")
        .is(Verified, &[]);
    Case::module(elf)
        .with(|case| case.facts = None)
        .is(Unknown, &[Code::VermagicMismatch]);
}

#[test]
fn symbol_versions_are_compared_as_check_version_does() {
    let mut elf = module("foo");
    elf.versions.as_mut().expect("versions")[1].crc = 9;
    Case::module(elf.clone()).is(Failed, &[Code::SymbolVersionMismatch]);
    elf.versions.as_mut().expect("versions").truncate(1);
    Case::module(elf.clone()).is(Verified, &[]);
    elf.versions = None;
    let codes = Case::module(elf.clone()).codes();
    assert!(codes.contains(&Code::SymbolVersionMismatch), "{codes:?}");
    Case::module(elf.clone())
        .option("MODULE_FORCE_LOAD", "y")
        .is(Verified, &[]);
    Case::module(elf)
        .option("MODVERSIONS", "n")
        .is(Verified, &[]);
}

#[test]
fn symbols_are_resolved_as_simplify_symbols_does() {
    Case::module(uses(module("foo"), "gone", 7)).is(Failed, &[Code::SymbolMissing]);
    let mut weak = uses(module("foo"), "gone", 7);
    weak.undefined[1].weak = true;
    Case::module(weak).is(Verified, &[]);
    Case::module(uses(module("foo"), "of_dummy", 4)).is(Failed, &[Code::DependencyMissing]);
    Case::module(uses(module("foo"), "gpl_only", 3)).is(Verified, &[]);
    let proprietary = set(uses(module("foo"), "gpl_only", 3), "license", "Proprietary");
    Case::module(proprietary).is(Failed, &[Code::SymbolGplOnly]);
    Case::module(exports(module("foo"), "_printk", 2)).is(Failed, &[Code::SymbolDuplicate]);
}

#[test]
fn a_namespace_has_to_be_imported() {
    let case = |elf| {
        Case::module(elf).with(|case| {
            let in_namespace = SYMVERS.replace("_GPL\t", "_GPL\tNS");
            case.facts.as_mut().expect("facts").symbols = Some(Symbols::parse(in_namespace));
        })
    };
    let elf = uses(module("foo"), "gpl_only", 3);
    case(elf.clone()).is(Failed, &[Code::SymbolNamespaceMissing]);
    case(set(elf.clone(), "import_ns", "NS")).is(Verified, &[]);
    case(elf)
        .option("MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS", "y")
        .is(Verified, &[Code::SymbolNamespaceMissing]);
}

#[test]
fn dependencies_come_from_modules_dep() {
    let files = || {
        vec![
            ("foo.ko", ko(uses(module("foo"), "of_bar", 5))),
            ("extra/bar.ko", ko(exports(module("bar"), "of_bar", 5))),
        ]
    };
    let listed = [("foo", "foo.ko: extra/bar.ko"), ("bar", "extra/bar.ko:")];
    Case::of(layer(&listed, files())).is(Verified, &[]);
    Case::of(layer(&[("foo", "foo.ko:")], files())).is(Failed, &[Code::DependencyMissing]);
    // kmod forgets every dependency when one of them is not there.
    Case::of(layer(&[("foo", "foo.ko: extra/bar.ko gone.ko")], files()))
        .is(Failed, &[Code::DependencyMissing, Code::DependencyMissing]);
    Case::of(layer(
        &[("foo", "foo.ko: gone.ko")],
        vec![("foo.ko", ko(module("foo")))],
    ))
    .is(Verified, &[Code::DependencyMissing]);
}

#[test]
fn an_in_tree_dependency_needs_the_host_link() {
    let lines = [("foo", "foo.ko: host/kernel/drivers/net/dummy.ko.xz")];
    let elf = || ko(uses(module("foo"), "of_dummy", 4));
    let link = Node::Symlink(format!("/lib/modules/{K}"));
    let with = layer(&lines, vec![("foo.ko", elf()), ("host", link)]);
    Case::of(with).is(Verified, &[]);
    Case::of(layer(&lines, vec![("foo.ko", elf())]))
        .is(Failed, &[Code::DependencyMissing, Code::DependencyMissing]);
}

#[test]
fn soft_dependencies_never_fail_a_load() {
    let lines = [("foo", "foo.ko:"), ("bar", "bar.ko:")];
    let broken = set(module("bar"), "vermagic", "wrong ");
    let case = |order: &[&str]| {
        let files = vec![
            ("foo.ko", ko(module("foo"))),
            ("bar.ko", ko(broken.clone())),
        ];
        Case::of(layer(&lines, files)).with(|case| {
            case.modprobe.modules_loading_order =
                order.iter().map(|name| (*name).to_owned()).collect();
        })
    };
    case(&["foo", "bar"]).is(Verified, &[Code::SoftDependencyMissing]);
    case(&["foo", "gone"]).is(Verified, &[Code::SoftDependencyMissing]);
    // A module's own soft dependency stands before KMM's, and only the first counts.
    let mut own = layer(
        &lines,
        vec![
            ("foo.ko", ko(uses(module("foo"), "of_bar", 5))),
            ("bar.ko", ko(exports(module("bar"), "of_bar", 5))),
            ("modules.softdep", bytes(b"softdep foo pre: other\n")),
        ],
    );
    let order = |layer| {
        Case::of(layer).with(|case| {
            case.modprobe.modules_loading_order = vec!["foo".into(), "bar".into()];
        })
    };
    order(own.clone()).is(
        Failed,
        &[Code::DependencyMissing, Code::SoftDependencyMissing],
    );
    own.entries
        .insert(format!("{FOLDER}/modules.softdep"), bytes(b"# nothing\n"));
    order(own).is(Verified, &[]);
}

#[test]
fn what_modprobe_does_not_find() {
    let absent = |layer: LayerIndex, name: &str| {
        let mut layer = layer;
        layer.entries.remove(&format!("{FOLDER}/{name}"));
        layer
    };
    let whole = || layer(&[("foo", "foo.ko:")], vec![("foo.ko", ko(module("foo")))]);
    Case::of(absent(whole(), "modules.dep.bin")).is(Failed, &[Code::ModulesDepMissing]);
    Case::of(absent(whole(), "foo.ko")).is(Failed, &[Code::ModuleNotFound]);
    Case::of(layer(&[], vec![("foo.ko", ko(module("foo")))]))
        .is(Failed, &[Code::ModuleNotInModulesDep]);
    Case::of(layer(&[], Vec::new())).is(Failed, &[Code::ModuleNotFound]);
    let mut other = LayerIndex::default();
    other
        .entries
        .insert("opt/lib/modules/5.14.0-1/foo.ko".into(), ko(module("foo")));
    let case = Case::of(other);
    case.is(Failed, &[Code::ModuleNotFound]);
    assert!(case.judge().0[0].message.contains("5.14.0-1"));
}

#[test]
fn links_are_followed_in_the_worker() {
    let lines = [("foo", "foo.ko:")];
    let inside = layer(
        &lines,
        vec![
            ("foo.ko", Node::Symlink("data/foo.ko".into())),
            ("data/foo.ko", ko(module("foo"))),
        ],
    );
    Case::of(inside).is(Verified, &[]);
    let outside = layer(
        &lines,
        vec![
            ("foo.ko", Node::Symlink("/srv/foo.ko".into())),
            ("/srv/foo.ko", ko(module("foo"))),
        ],
    );
    Case::of(outside).is(Failed, &[Code::ModuleNotFound]);
    // `cp -R` copies a link that is named on its command line as a link.
    let mut linked = LayerIndex::default();
    for (path, node) in layer(&lines, vec![("foo.ko", ko(module("foo")))]).entries {
        linked.entries.insert(path.replace(K, "real"), node);
    }
    linked
        .entries
        .insert(FOLDER.into(), Node::Symlink("real".into()));
    Case::of(linked).is(Failed, &[Code::ModuleNotFound]);
}

#[test]
fn no_lower_layer_is_read_than_the_answer_needs() {
    let top = layer(&[("foo", "foo.ko:")], vec![("foo.ko", ko(module("foo")))]);
    let case = Case::of(top).with(|case| case.layers.push(LayerIndex::default()));
    assert_eq!(case.judge().1, 1);
    let case = case.with(|case| case.shell = false);
    assert_eq!(case.judge().1, 2);
}

#[test]
fn the_init_container_needs_its_tools() {
    let with = |names: &[&'static str]| {
        let mut files = vec![("foo.ko", ko(module("foo")))];
        files.extend(names.iter().map(|name| (*name, program())));
        Case::of(layer(&[("foo", "foo.ko:")], files)).with(|case| case.shell = false)
    };
    with(&["/bin/sh", "/usr/bin/mkdir", "/bin/cp"]).is(Verified, &[]);
    with(&["/bin/sh", "/usr/bin/mkdir"]).is(Failed, &[Code::ImageToolsMissing]);
    with(&[]).is(Failed, &[Code::ImageToolsMissing]);
    with(&[])
        .with(|case| {
            case.release = KmmRelease {
                minor: 1,
                ..KmmRelease::NEWEST
            };
        })
        .is(Verified, &[]);
}

#[test]
fn firmware_that_cannot_be_copied_fails_the_load() {
    let case = |files: Vec<(&str, Node)>| {
        let mut files = files;
        files.push(("foo.ko", ko(set(module("foo"), "firmware", "x.bin"))));
        Case::of(layer(&[("foo", "foo.ko:")], files))
            .with(|case| case.modprobe.firmware_path = "/firmware".into())
    };
    case(vec![("/firmware/x.bin", bytes(b"x"))]).is(Verified, &[]);
    case(vec![("/firmware/y.bin", bytes(b"x"))]).is(Verified, &[Code::FirmwareMissing]);
    case(vec![("/firmware/.keep", bytes(b"x"))])
        .is(Failed, &[Code::FirmwareMissing, Code::FirmwareMissing]);
}

#[test]
fn an_enforcing_kernel_refuses_unsigned_modules() {
    Case::module(module("foo"))
        .option("MODULE_SIG_FORCE", "y")
        .is(Failed, &[Code::SignatureMissing]);
}

#[test]
fn arguments_that_load_nothing_fail() {
    let raw = |words: &[&str]| {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Case::module(module("foo")).with(|case| {
            case.modprobe.raw_args = Some(ModprobeArgs {
                load: words,
                unload: Vec::new(),
            });
        })
    };
    raw(&["-d", "/tmp/opt", "foo"]).is(Verified, &[]);
    raw(&["-d", "/opt", "foo"]).is(Failed, &[Code::ModuleNotFound]);
    raw(&["-n", "-d", "/tmp/opt", "foo"]).is(Failed, &[Code::ModprobeArgsInvalid]);
    raw(&["dummy"]).is(Verified, &[Code::InTreeModule]);
    raw(&["-d", "/tmp/opt", "foo", "x=1"]).is(Verified, &[Code::ModprobeArgsInvalid]);
}
