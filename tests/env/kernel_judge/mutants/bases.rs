//! What is damaged: folders of modules that load as they are.

use super::super::cases::{gzip, sign, xz, zstd};
use super::super::folder::Folder;
use super::super::forge::Forge;
use super::super::kernel::Kernel;
use super::edits;
use super::random::Random;

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
        base.folder = base.folder.put(&base.file, pack(packing, &plain)).depmod();
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
    /// A file of depmod.
    Index,
}

impl Base<'_> {
    /// The folder with a few edits, and the edits in words.
    pub(super) fn damaged(&self, random: &mut Random) -> (Folder, Vec<String>) {
        let whole = self.packing == Packing::Plain && !self.signed;
        let part = random.weighted(&[
            (80, Part::Module),
            (if whole { 0 } else { 40 }, Part::File),
            (10, Part::Index),
        ]);
        let count = random.weighted(&[(6, 1), (3, 2), (1, 3)]);
        match part {
            Part::Module => {
                let (mut bytes, edits) = edits::of_module(random, &self.module, count);
                if self.signed {
                    bytes = sign_for(self.forge, &bytes);
                }
                let bytes = pack(self.packing, &bytes);
                (self.folder.clone().put(&self.file, bytes), edits)
            }
            Part::File => {
                let plain = match self.signed {
                    true => sign_for(self.forge, &self.module),
                    false => self.module.clone(),
                };
                let from = if self.packing == Packing::Plain {
                    self.module.len()
                } else {
                    0
                };
                let bytes = pack(self.packing, &plain);
                let (bytes, edits) = edits::of_bytes(random, &bytes, from, count);
                (self.folder.clone().put(&self.file, bytes), edits)
            }
            Part::Index => {
                let indexes: Vec<String> = self.folder.indexes();
                let name = random.pick(&indexes);
                let bytes = self.folder.bytes(name);
                let (bytes, mut edits) = edits::of_bytes(random, &bytes, 0, count);
                edits.insert(0, name.clone());
                (self.folder.clone().put(name, bytes), edits)
            }
        }
    }
}
