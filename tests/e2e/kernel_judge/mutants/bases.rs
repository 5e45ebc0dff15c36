//! What is damaged: folders of modules that load as they are.

use super::super::case::Case;
use super::super::cases::{gzip, sign, xz, zstd};
use super::super::folder::Folder;
use super::super::forge::{Forge, image};
use super::super::kernel::Kernel;
use super::random::Random;
use super::{calls, edits, indexes, packings, rework, signatures};

/// How the damaged file is packed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Packing {
    Plain,
    Gzip,
    Xz,
    Zstd,
}

/// A folder, the file in it that is damaged, and the module that is loaded then.
pub(super) struct Base<'f> {
    forge: &'f Forge,
    pub(super) name: &'static str,
    folder: Folder,
    /// Module file below the folder.
    pub(super) file: String,
    module: Vec<u8>,
    pub(super) loaded: &'static str,
    packing: Packing,
    signed: bool,
}

/// The bases for one kernel.
pub(super) fn all(forge: &Forge) -> Vec<Base<'_>> {
    let base = |name, modules: &[&'static str], damaged: &str| Base {
        forge,
        name,
        folder: signed_folder(forge, modules),
        file: format!("extra/{damaged}.ko"),
        module: forge.ko(damaged),
        loaded: modules.last().expect("a module to load"),
        packing: Packing::Plain,
        signed: forge.kernel.enforces_signatures(),
    };
    let packed = |name, packing, suffix: &str| {
        let mut base = base(name, &["kmm_good"], "kmm_good");
        let plain = base.folder.bytes(&base.file);
        base.folder = base.folder.without(&base.file);
        base.file += suffix;
        base.folder = indexes::again(base.folder.put(&base.file, pack(packing, &plain)));
        base.packing = packing;
        base
    };
    let mut bases = vec![
        base("good", &["kmm_good"], "kmm_good"),
        base("weak", &["kmm_weak"], "kmm_weak"),
        base("kernelgpl", &["kmm_kernelgpl"], "kmm_kernelgpl"),
        base("user-base", &["kmm_base", "kmm_user"], "kmm_base"),
        base("user-user", &["kmm_base", "kmm_user"], "kmm_user"),
        base("nsuser-base", &["kmm_base", "kmm_nsuser"], "kmm_base"),
        base("nsuser-nsuser", &["kmm_base", "kmm_nsuser"], "kmm_nsuser"),
        base("gpluser-base", &["kmm_base", "kmm_gpluser"], "kmm_base"),
        base(
            "soft-base",
            &["kmm_base", "kmm_good", "kmm_soft"],
            "kmm_base",
        ),
        base("top-user", &["kmm_base", "kmm_user", "kmm_top"], "kmm_user"),
        packed("good-gz", Packing::Gzip, ".gz"),
        packed("good-xz", Packing::Xz, ".xz"),
        packed("good-zst", Packing::Zstd, ".zst"),
    ];
    let mut signed = base("good-signed", &["kmm_good"], "kmm_good");
    signed.signed = true;
    let bytes = sign_for(forge, &signed.module);
    signed.folder = signed.folder.put(&signed.file, bytes);
    bases.push(signed);
    bases
}

fn signed_folder(forge: &Forge, modules: &[&str]) -> Folder {
    let plain = forge.with(modules).depmod();
    if !forge.kernel.enforces_signatures() {
        return plain;
    }
    modules.iter().fold(plain, |folder, name| {
        folder.put(
            &format!("extra/{name}.ko"),
            sign_for(forge, &forge.ko(name)),
        )
    })
}

/// Signed by the key of an enforcing kernel; the others take a key that they do not know.
fn sign_for(forge: &Forge, module: &[u8]) -> Vec<u8> {
    let (key, certificate) = if forge.kernel.enforces_signatures() {
        forge.kernel.signing_key()
    } else {
        Kernel::built("sigforce").elliptic_key()
    };
    sign(module, &key, &certificate, "sha256")
}

fn pack(packing: Packing, bytes: &[u8]) -> Vec<u8> {
    match packing {
        Packing::Plain => bytes.to_vec(),
        Packing::Gzip => gzip(bytes),
        Packing::Xz => xz(bytes),
        Packing::Zstd => zstd(bytes),
    }
}

/// What the edits of one mutant are made to.
#[derive(Clone, Copy)]
enum Part {
    /// The module, which is signed and packed afterwards.
    Module,
    /// The file as it stands in the folder: its packing and its signature.
    File,
    /// The folder around it.
    Folder,
    /// The words that `modprobe` is called with.
    Call,
}

/// How a file is edited.
#[derive(Clone, Copy)]
enum File {
    Bytes,
    Packing,
    Signature,
    Module,
}

/// How a folder is edited.
#[derive(Clone, Copy)]
enum Around {
    Bytes,
    Files,
}

/// A folder with a few edits, the edits in words, and the module that is loaded from it.
pub(super) struct Mutant {
    pub(super) folder: Folder,
    pub(super) edits: Vec<String>,
    pub(super) loaded: String,
    pub(super) parameters: Vec<String>,
    pub(super) arguments: Vec<String>,
}

impl Base<'_> {
    /// The folder as it is, which loads.
    pub(super) fn undamaged(&self) -> Case {
        let name = format!("undamaged-{}", self.name);
        Case::new(&name, self.loaded, image(&self.folder)).noted(&self.file)
    }

    pub(super) fn damaged(&self, random: &mut Random) -> Mutant {
        let part = random.weighted(&[
            (70, Part::Module),
            (if self.is_whole() { 15 } else { 40 }, Part::File),
            (14, Part::Folder),
            // The others have no parameters.
            (if self.loaded == "kmm_good" { 10 } else { 0 }, Part::Call),
        ]);
        let count = random.weighted(&[(4, 1), (4, 2), (2, 3)]);
        let (folder, edits) = match part {
            Part::Module => self.with_module(random, count),
            Part::File => self.with_file(random, count),
            Part::Folder => return self.with_folder(random, count),
            Part::Call => return self.with_call(random, count),
        };
        self.mutant(folder, edits)
    }

    fn mutant(&self, folder: Folder, edits: Vec<String>) -> Mutant {
        Mutant {
            folder,
            edits,
            loaded: self.loaded.to_owned(),
            parameters: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// Neither packed nor signed.
    fn is_whole(&self) -> bool {
        self.packing == Packing::Plain && !self.signed
    }

    fn sign(&self, module: &[u8]) -> Vec<u8> {
        match self.signed {
            true => sign_for(self.forge, module),
            false => module.to_vec(),
        }
    }

    fn with_module(&self, random: &mut Random, count: usize) -> (Folder, Vec<String>) {
        let (bytes, mut edits) = rework::of_module(random, &self.module, count);
        let bytes = pack(self.packing, &self.sign(&bytes));
        let mut folder = self.folder.clone().put(&self.file, bytes);
        if random.below(4) == 0 {
            folder = indexes::again(folder);
            edits.push("then depmod".to_owned());
        }
        (folder, edits)
    }

    fn with_file(&self, random: &mut Random, count: usize) -> (Folder, Vec<String>) {
        let signed = if self.signed { 1 } else { 0 };
        let kind = random.weighted(&[
            (if self.is_whole() { 0 } else { 4 }, File::Bytes),
            (6, File::Packing),
            (8 * signed, File::Signature),
            (3 * signed, File::Module),
        ]);
        let plain = self.sign(&self.module);
        let put = |bytes: &[u8]| {
            self.folder
                .clone()
                .put(&self.file, pack(self.packing, bytes))
        };
        match kind {
            File::Bytes => {
                let from = match self.packing {
                    Packing::Plain => self.module.len(),
                    _ => 0,
                };
                let packed = pack(self.packing, &plain);
                let (bytes, edits) = edits::of_bytes(random, &packed, from, count);
                (self.folder.clone().put(&self.file, bytes), edits)
            }
            File::Packing => {
                let (suffix, bytes, words) = until_some(|| packings::edit(random, &plain));
                let (start, _) = self.file.split_once(".ko").expect("a module file");
                let to = format!("{start}.ko{suffix}");
                let folder = self.folder.clone().without(&self.file).put(&to, bytes);
                let (folder, how) = indexes::indexed_or_not(random, folder);
                (folder, vec![format!("{words}{how}")])
            }
            File::Signature => {
                let (bytes, words) = until_some(|| signatures::edit(random, &plain));
                (put(&bytes), vec![words])
            }
            File::Module => {
                let (bytes, mut edits) = rework::of_module(random, &plain, count);
                edits.insert(0, "after it was signed".to_owned());
                (put(&bytes), edits)
            }
        }
    }

    fn with_call(&self, random: &mut Random, count: usize) -> Mutant {
        let (parameters, arguments) = calls::words(random, count);
        let edits = vec![format!("called with {arguments:?} and {parameters:?}")];
        Mutant {
            parameters,
            arguments,
            ..self.mutant(self.folder.clone(), edits)
        }
    }

    fn with_folder(&self, random: &mut Random, count: usize) -> Mutant {
        match random.weighted(&[(1, Around::Bytes), (3, Around::Files)]) {
            Around::Bytes => {
                let indexes: Vec<String> = self.folder.indexes();
                let name = random.pick(&indexes);
                let bytes = self.folder.bytes(name);
                let (bytes, mut edits) = edits::of_bytes(random, &bytes, 0, count);
                edits.insert(0, name.clone());
                self.mutant(self.folder.clone().put(name, bytes), edits)
            }
            Around::Files => {
                let (folder, words, asked) =
                    until_some(|| indexes::edit(random, &self.folder, &self.file));
                let mut mutant = self.mutant(folder, vec![words]);
                // The modules on top of it are asked for by their own names.
                if self.file.contains(&format!("/{}.ko", self.loaded))
                    && let Some(name) = asked
                {
                    mutant.edits.push(format!("loaded as {name}"));
                    mutant.loaded = name;
                }
                mutant
            }
        }
    }
}

/// Asks for an edit until one fits.
fn until_some<T>(mut edit: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(done) = edit() {
            return done;
        }
    }
}
