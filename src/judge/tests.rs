//! The judge over images and kernels that are put together in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

#[path = "../../crates/kernel-loader/src/depmod/index/build.rs"]
mod index;
mod modprobe;
mod signature;

use index::build;
use kernel_loader::kernel::config::Config;
use kernel_loader::kernel::facts::KernelFacts;
use kernel_loader::kernel::symvers::Symbols;
use kernel_loader::module::btf::BtfFault;
use kernel_loader::module::compression::Compression;
use kernel_loader::module::{ElfFacts, ExportedSymbol, ModuleFile, SymbolVersion, UndefinedSymbol};
use kernel_loader::signature::SignatureState;

use super::{LoadCase, Trust, judge};
use crate::findings::finding::{Code, Finding};
use crate::images::layers::overlay::{NeedLayer, Overlay};
use crate::images::open::ImageConfig;
use crate::kmm::module::{Modprobe, ModprobeArgs, TlsOptions};
use crate::kmm::planned::Work;
use crate::kmm::releases::KmmRelease;
use crate::model::layer::{Content, LayerIndex, Node};
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
            has_value: false,
        }],
        this_module_name: name.into(),
        ..ElfFacts::default()
    }
}

fn uses(mut elf: ElfFacts, symbol: &str, crc: u64) -> ElfFacts {
    elf.undefined.push(UndefinedSymbol {
        name: symbol.into(),
        weak: false,
        has_value: false,
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

const CONFIG: &str = "\
CONFIG_MODULES=y
CONFIG_MODVERSIONS=y
CONFIG_MODULE_SIG=y
CONFIG_LIVEPATCH=y
CONFIG_STRICT_MODULE_RWX=y
";

fn kernel() -> KernelFacts {
    KernelFacts {
        kernel_version: K.into(),
        arch: Some(Arch::Amd64),
        config: Some(Config::parse(CONFIG)),
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
    config: String,
    modprobe: Modprobe,
    release: KmmRelease,
    shell: bool,
}

impl Case {
    fn of(layer: LayerIndex) -> Self {
        Self {
            layers: vec![layer],
            facts: Some(kernel()),
            config: CONFIG.to_owned(),
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
            case.config += &format!("CONFIG_{name}={value}\n");
            case.facts.as_mut().expect("facts").config = Some(Config::parse(&*case.config));
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
        let target = Target::new(K, Arch::Amd64);
        let case = LoadCase {
            work: &work,
            target: &target,
            release: self.release,
            flavor_is_assumed: true,
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
                Ok(judged) => return (judged.findings, read),
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
        // That Secure Boot would refuse an unsigned module is told of nearly every case.
        let of_secure_boot = |finding: &&Finding| finding.message.contains("Secure Boot");
        let told = findings.iter().filter(|finding| !of_secure_boot(finding));
        (verdict, told.map(|finding| finding.code).collect())
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
    let codes = [Code::VermagicMismatch, Code::KernelFactsMissing];
    unknown.is(Failed, &codes);
    let unknown =
        Case::module(set(module("foo"), "vermagic", other)).with(|case| case.facts = None);
    unknown.is(Unknown, &[Code::KernelFactsMissing]);
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
        .is(Unknown, &[Code::VermagicMismatch, Code::KernelFactsMissing]);
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
    Case::module(weak.clone()).is(Verified, &[]);
    weak.undefined[1].has_value = true;
    Case::module(weak).is(Unknown, &[Code::ElfInvalid]);
    Case::module(uses(module("foo"), "of_dummy", 4)).is(Failed, &[Code::DependencyMissing]);
    Case::module(uses(module("foo"), "gpl_only", 3)).is(Verified, &[]);
    let proprietary = set(uses(module("foo"), "gpl_only", 3), "license", "Proprietary");
    Case::module(proprietary).is(Failed, &[Code::SymbolGplOnly]);
    Case::module(exports(module("foo"), "_printk", 2)).is(Failed, &[Code::SymbolDuplicate]);
}

#[test]
fn type_information_counts_where_a_mismatch_is_not_allowed() {
    let module = |btf: Result<(), BtfFault>, magic: &str| ElfFacts {
        btf: Some(btf),
        ..set(module("foo"), "vermagic", magic)
    };
    let other = MAGIC.replace(K, "5.14.0-69.el9.x86_64");
    let bad = || Err(BtfFault::Magic);
    for (elf, looks, allows, verdict) in [
        (module(bad(), MAGIC), "n", "n", Verified),
        (module(bad(), MAGIC), "y", "y", Verified),
        (module(bad(), MAGIC), "y", "n", Failed),
        (module(Ok(()), MAGIC), "y", "n", Verified),
        (module(Ok(()), &other), "y", "n", Unknown),
        (module(Ok(()), &other), "y", "y", Verified),
    ] {
        let codes: &[Code] = match verdict {
            Verified => &[],
            _ => &[Code::ElfInvalid],
        };
        Case::module(elf)
            .option("DEBUG_INFO_BTF_MODULES", looks)
            .option("MODULE_ALLOW_BTF_MISMATCH", allows)
            .is(verdict, codes);
    }
}

#[test]
fn a_namespace_has_to_be_imported() {
    let case = |namespace: &str, elf| {
        Case::module(elf).with(|case| {
            let in_namespace = SYMVERS.replace("_GPL\t", &format!("_GPL\t{namespace}"));
            case.facts.as_mut().expect("facts").symbols = Some(Symbols::parse(in_namespace));
        })
    };
    let elf = uses(module("foo"), "gpl_only", 3);
    let missing = [Code::SymbolNamespaceMissing];
    case("NS", elf.clone()).is(Failed, &missing);
    case("NS", set(elf.clone(), "import_ns", "NS")).is(Verified, &[]);
    case("NS", elf.clone())
        .option("MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS", "y")
        .is(Verified, &missing);
    // `verify_module_namespace` compares the name in `struct module`, not that of the file.
    case("module:bar,foo", elf.clone()).is(Verified, &[]);
    case("module:bar,fo*", elf.clone()).is(Verified, &[]);
    case("module:bar,foo.ko", elf).is(Failed, &missing);
}

#[test]
fn an_enforcing_kernel_refuses_unsigned_modules() {
    Case::module(module("foo"))
        .option("MODULE_SIG_FORCE", "y")
        .is(Failed, &[Code::SignatureMissing]);
}
