//! What `inspect` shows: the kernel modules of an image.

use kernel_loader::module::ModuleFile;
use kernel_loader::module::compression::Compression;
use kernel_loader::signature::SignatureState;
use owo_colors::Style as Paint;
use serde_json::{Value, json};
use tabled::builder::Builder;
use unicode_width::UnicodeWidthStr;

use crate::findings::kernel_words;
use crate::model::printable::printable_line;
use crate::report::answer::Answer;
use crate::report::data::API_VERSION;
use crate::report::screen::Screen;
use crate::report::table::borderless;
use crate::report::wrap::wrap;

/// The kernel modules of one image, by path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Inspection {
    /// The image as it was asked for.
    pub image: String,
    /// The digest of the manifest that was read.
    pub digest: String,
    /// The architecture that was looked at.
    pub arch: String,
    /// Its modules.
    pub modules: Vec<InspectedModule>,
}

/// One kernel module file of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InspectedModule {
    /// Absolute path in the image.
    pub path: String,
    /// The module's name.
    pub name: String,
    /// The kernel whose folder it is in, or else the one it was built for.
    pub kernel: Option<String>,
    /// Version magic.
    pub vermagic: Option<String>,
    /// Modules that it needs.
    pub depends: Vec<String>,
    /// Licence.
    pub license: Option<String>,
    /// Who signed it.
    pub signer: Option<String>,
    /// Size of the file in bytes.
    pub size: u64,
    /// How the file is compressed: `none`, `gzip`, `xz` or `zstd`.
    pub compression: &'static str,
    /// Digest of the layer that the file comes from.
    pub layer: String,
    /// Where the path is a symlink: the absolute path of the file that it leads to.
    pub link: Option<String>,
    /// Why the kernel would not read the file.
    pub problem: Option<String>,
}

impl InspectedModule {
    /// Describes a module file at a path of the image.
    pub(crate) fn new(path: &str, file: &ModuleFile, layer: &str) -> Self {
        let elf = file.elf.as_ref().ok();
        let value = |tag: &str| elf?.modinfo(tag).map(|value| value.trim_end().to_owned());
        let vermagic = value("vermagic");
        let of_folder = path
            .split_once("lib/modules/")
            .and_then(|(_, rest)| rest.split_once('/'))
            .map(|(kernel, _)| kernel.to_owned());
        let of_vermagic = vermagic
            .as_ref()
            .and_then(|vermagic| vermagic.split(' ').next())
            .map(str::to_owned);
        let file_name = path.rsplit('/').next().unwrap_or(path);
        Self {
            path: path.to_owned(),
            name: elf
                .map(|elf| elf.this_module_name.to_string())
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| {
                    file_name
                        .split(".ko")
                        .next()
                        .unwrap_or(file_name)
                        .to_owned()
                }),
            kernel: of_folder.or(of_vermagic),
            vermagic,
            depends: value("depends")
                .unwrap_or_default()
                .split(',')
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            license: value("license"),
            signer: match &file.signature {
                SignatureState::Present(signature) => Some(signature.signer.clone()),
                SignatureState::Malformed(why) => {
                    Some(format!("unreadable: {}", kernel_words::malformed(*why)))
                }
                SignatureState::Unsupported(why) => {
                    Some(format!("unreadable: {}", kernel_words::unsupported(why)))
                }
                SignatureState::Absent => None,
            },
            size: file.file_size,
            compression: match file.compression {
                Compression::None => "none",
                Compression::Gzip => "gzip",
                Compression::Xz => "xz",
                Compression::Zstd => "zstd",
            },
            layer: layer.to_owned(),
            link: None,
            problem: file.elf.as_ref().err().map(kernel_words::fault),
        }
    }
}

impl Answer for Inspection {
    /// The table where it fits the screen, or else a block for every module.
    fn text(&self, screen: &Screen, wide: bool) -> String {
        if self.modules.is_empty() {
            return String::new();
        }
        let table = self.table(wide);
        if wide || table.lines().all(|line| line.width() <= screen.width) {
            return table;
        }
        let blocks: Vec<String> = self.modules.iter().map(|one| block(one, screen)).collect();
        blocks.join("\n")
    }

    fn names(&self) -> Option<Vec<String>> {
        let paths = self.modules.iter().map(|module| module.path.clone());
        Some(paths.collect())
    }

    fn document(&self) -> Value {
        let modules: Vec<Value> = self
            .modules
            .iter()
            .map(|module| {
                json!({
                    "path": module.path,
                    "name": module.name,
                    "kernel": module.kernel,
                    "vermagic": module.vermagic,
                    "depends": module.depends,
                    "license": module.license,
                    "signer": module.signer,
                    "size": module.size,
                    "compression": module.compression,
                    "layer": module.layer,
                    "link": module.link,
                    "problem": module.problem,
                })
            })
            .collect();
        json!({
            "apiVersion": API_VERSION,
            "kind": "KernelModules",
            "image": self.image,
            "digest": self.digest,
            "arch": self.arch,
            "modules": modules,
        })
    }
}

impl Inspection {
    /// A table; `wide` has more columns.
    fn table(&self, wide: bool) -> String {
        let mut head = vec!["PATH", "KERNEL", "VERMAGIC", "DEPENDS", "SIGNER"];
        if wide {
            head.extend(["NAME", "LICENSE", "SIZE", "COMPRESSION", "LAYER"]);
        }
        let mut table = Builder::default();
        table.push_record(head);
        for module in &self.modules {
            let or_dash = |text: Option<&str>| match text {
                Some(text) if !text.is_empty() => text.to_owned(),
                _ => "-".to_owned(),
            };
            let path = match &module.link {
                Some(target) => format!("{} -> {target}", module.path),
                None => module.path.clone(),
            };
            let vermagic = match &module.problem {
                Some(problem) => format!("({problem})"),
                None => or_dash(module.vermagic.as_deref()),
            };
            let mut row = vec![
                path,
                or_dash(module.kernel.as_deref()),
                vermagic,
                or_dash(Some(&module.depends.join(","))),
                or_dash(module.signer.as_deref()),
            ];
            if wide {
                row.extend([
                    module.name.clone(),
                    or_dash(module.license.as_deref()),
                    module.size.to_string(),
                    module.compression.to_owned(),
                    module.layer.clone(),
                ]);
            }
            table.push_record(row.into_iter().map(printable_line));
        }
        borderless(table, 3)
    }
}

fn block(module: &InspectedModule, screen: &Screen) -> String {
    let path = printable_line(&module.path);
    let title = screen.paint(&path, Paint::new().bold());
    let mut text = format!("{title}\n");
    let depends = module.depends.join(", ");
    for (name, value) in [
        ("link to", module.link.as_deref()),
        ("problem", module.problem.as_deref()),
        ("kernel", module.kernel.as_deref()),
        ("vermagic", module.vermagic.as_deref()),
        ("depends", Some(depends.as_str())),
        ("signer", module.signer.as_deref()),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let value = printable_line(value);
            let value = wrap(&value, screen.width, "            ");
            text.push_str(&format!("  {name:<10}{}", value.trim_start()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use kernel_loader::module::{ElfFacts, ElfFault, Invalid};

    use super::*;
    use crate::report::format::Format;
    use crate::report::print;

    fn inspection() -> Inspection {
        let good = ModuleFile {
            file_size: 4096,
            compression: Compression::Xz,
            signature: SignatureState::Absent,
            elf: Ok(ElfFacts {
                modinfo: vec![
                    ("license".into(), "GPL".into()),
                    ("depends".into(), "a,b".into()),
                    ("vermagic".into(), "5.14.0 SMP mod_unload ".into()),
                ],
                this_module_name: "foo".into(),
                ..ElfFacts::default()
            }),
        };
        let broken = ModuleFile {
            elf: Err(ElfFault::Invalid(Invalid::NoSymbols)),
            ..good.clone()
        };
        Inspection {
            image: "registry.example/foo:1".into(),
            digest: "sha256:1".into(),
            arch: "amd64".into(),
            modules: vec![
                InspectedModule::new("/opt/lib/modules/5.14.0/foo.ko.xz", &good, "sha256:2"),
                InspectedModule::new("/srv/bar.ko", &broken, "sha256:3"),
            ],
        }
    }

    #[test]
    fn the_table_has_a_line_for_every_module() {
        assert_eq!(
            inspection().table(false),
            "PATH                                KERNEL   VERMAGIC                              DEPENDS   SIGNER\n\
             /opt/lib/modules/5.14.0/foo.ko.xz   5.14.0   5.14.0 SMP mod_unload                 a,b       -\n\
             /srv/bar.ko                         -        (module has no symbols (stripped?))   -         -\n"
        );
        assert!(inspection().table(true).contains("sha256:3"));
    }

    #[test]
    fn a_narrow_screen_shows_a_block_for_every_module() {
        let narrow = Screen {
            width: 40,
            ..Screen::PLAIN
        };
        assert_eq!(
            inspection().text(&narrow, false),
            "/opt/lib/modules/5.14.0/foo.ko.xz\n  kernel    5.14.0\n  \
             vermagic  5.14.0 SMP mod_unload\n  depends   a, b\n\n\
             /srv/bar.ko\n  problem   module has no symbols\n            (stripped?)\n"
        );
        let wide = Screen {
            width: 120,
            ..Screen::PLAIN
        };
        assert_eq!(inspection().text(&wide, false), inspection().table(false));
    }

    /// An image's files and modules are named by strangers.
    #[test]
    fn no_name_acts_on_the_terminal() {
        let mut inspection = inspection();
        inspection.modules[0].path = "/opt/\u{1b}[2Kfoo\n.ko".into();
        inspection.modules[0].vermagic = Some("\u{1b}]0;title\u{7}".into());
        let narrow = Screen {
            width: 40,
            ..Screen::PLAIN
        };
        for text in [
            inspection.table(true),
            inspection.text(&narrow, false),
            print(&inspection, Format::Name, &narrow).expect("names"),
        ] {
            assert!(text.contains("\\u{1b}[2Kfoo\\n.ko"), "{text}");
            assert!(
                !text.contains('\u{1b}') && !text.contains('\u{7}'),
                "{text}"
            );
        }
        let document = inspection.document();
        assert_eq!(document["modules"][0]["path"], "/opt/\u{1b}[2Kfoo\n.ko");
    }

    #[test]
    fn data_and_names_hold_every_module() {
        let document = inspection().document();
        assert_eq!(document["modules"][0]["kernel"], "5.14.0");
        assert_eq!(document["modules"][0]["depends"], json!(["a", "b"]));
        assert_eq!(document["modules"][1]["name"], "bar");
        assert_eq!(
            inspection().names().expect("names"),
            ["/opt/lib/modules/5.14.0/foo.ko.xz", "/srv/bar.ko"]
        );
    }
}
