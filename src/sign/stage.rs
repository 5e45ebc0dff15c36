//! Signs an image: reads the files, writes one layer, leaves everything below it where it is.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use kernel_loader::module::LARGEST_MODULE;
use kernel_loader::module::compression::{Compression, decompress_whole};

use crate::findings::finding::{Code, Effect, Finding};
use crate::findings::kernel_words;
use crate::images::layers::layer_reader::Purpose;
use crate::images::layers::overlay::{NeedLayer, Overlay};
use crate::images::layouts::write;
use crate::images::open::{FileBytes, Images, OpenImage};
use crate::kmm::releases::KmmRelease;
use crate::model::layer::Node;
use crate::model::target::Arch;
use crate::own_files::workspace::Scratch;
use crate::sign::derived::{self, Derived};
use crate::sign::keys::Signer;
use crate::sign::layer::{self, File, Layer};
use crate::sign::patterns::{self, Files};
use crate::sign::{appended, pkcs7};

/// What is to be signed.
#[derive(Debug, Clone)]
pub(crate) struct SignRequest {
    /// `filesToSign`, templates resolved.
    pub entries: Vec<String>,
    /// `dirName` of the Module.
    pub dir_name: String,
    /// The KMM release whose rules apply.
    pub release: KmmRelease,
    /// The architecture of the image.
    pub arch: Arch,
}

/// A signed image.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    /// The image, open.
    pub image: OpenImage,
    /// What should be known about it.
    pub findings: Vec<Finding>,
}

/// Signs the files of an image that the request names.
///
/// # Errors
/// `sign-failed`, or why the image could not be read.
pub(crate) async fn sign(
    images: &Images,
    scratch: &Scratch,
    unsigned: &OpenImage,
    signer: Arc<Signer>,
    request: &SignRequest,
) -> Result<Signed, Vec<Finding>> {
    let paths = select(images, unsigned, request).await?;
    if paths.is_empty() {
        let warning = Finding::new(
            Code::SignFailed,
            "filesToSign is empty, so this KMM release signs nothing",
        );
        return Ok(Signed {
            image: unsigned.clone(),
            findings: vec![warning.as_warning()],
        });
    }
    let files = images.files(unsigned, &paths).await.map_err(one)?;
    let documents = images.documents(unsigned).await.map_err(one)?;
    let folder = scratch.folder().map_err(|error| one(io_fault(&error)))?;
    let worked = tokio::task::spawn_blocking(move || {
        let (files, findings) = sign_files(&signer, files)?;
        let layer = layer::write(&files).map_err(|error| io_fault(&error))?;
        let derived = derived::with_layer(&documents.manifest, &documents.config, &layer)
            .map_err(|fault| Finding::new(Code::SignFailed, fault.to_string()))?;
        let layout = folder.join("layout");
        write_layout(&layout, &layer, &derived).map_err(|error| io_fault(&error))?;
        Ok((layout, findings))
    })
    .await;
    let (layout, findings) = match worked {
        Ok(result) => result.map_err(one)?,
        Err(fault) => {
            let message = format!("internal error while signing: {fault}");
            return Err(one(Finding::new(Code::Internal, message)));
        }
    };
    let image = images
        .open_on_top(unsigned, &layout, request.arch)
        .await
        .map_err(one)?;
    Ok(Signed { image, findings })
}

fn one(finding: Finding) -> Vec<Finding> {
    vec![finding]
}

/// The files to sign by their real paths, reading layers from the top until all are known.
async fn select(
    images: &Images,
    unsigned: &OpenImage,
    request: &SignRequest,
) -> Result<Vec<String>, Vec<Finding>> {
    let mut overlay = Overlay::new(unsigned.layers.len());
    for from_top in 0..=unsigned.layers.len() {
        if let Ok(selection) = selection(&overlay, request) {
            return selection;
        }
        if from_top < unsigned.layers.len() {
            let layer = images.layer(unsigned, from_top, Purpose::Modules).await;
            overlay.push(layer.map_err(one)?);
        }
    }
    Err(one(Finding::new(
        Code::Internal,
        "internal error: every layer was read and the files to sign are not known",
    )))
}

fn selection(
    overlay: &Overlay,
    request: &SignRequest,
) -> Result<Result<Vec<String>, Vec<Finding>>, NeedLayer> {
    let selected = patterns::select(
        &request.entries,
        &request.dir_name,
        request.release,
        &Tree(overlay),
    )?;
    let selected = match selected {
        Ok(selected) => selected,
        Err(faults) => return Ok(Err(faults)),
    };
    let mut real = BTreeMap::new();
    for path in selected {
        real.insert(overlay.real_path(&path)?.unwrap_or(path), ());
    }
    Ok(Ok(real.into_keys().collect()))
}

struct Tree<'a>(&'a Overlay);

impl Files for Tree<'_> {
    fn is_file(&self, path: &str) -> Result<bool, NeedLayer> {
        let found = self.0.lookup(path)?;
        Ok(found.is_some_and(|found| matches!(found.node, Node::File { .. })))
    }

    fn below(&self, folder: &str) -> Result<Vec<String>, NeedLayer> {
        let mut files = Vec::new();
        for (path, found) in self.0.walk(folder)? {
            let path = match folder {
                "" => path,
                folder => format!("{folder}/{path}"),
            };
            let is_file = match found.node {
                Node::File { .. } => true,
                Node::Symlink(_) | Node::Hardlink(_) => self.is_file(&path)?,
                Node::Dir | Node::Other => false,
            };
            if is_file {
                files.push(path);
            }
        }
        Ok(files)
    }
}

/// Signs each file; a compressed module is signed inside its compression.
fn sign_files(
    signer: &Signer,
    files: Vec<FileBytes>,
) -> Result<(Vec<File>, Vec<Finding>), Finding> {
    let mut signed = Vec::new();
    let mut findings = Vec::new();
    for file in files {
        let compression = Compression::of(&file.bytes);
        let failed = |what: &str| {
            Finding::new(
                Code::SignFailed,
                format!("/{} could not be signed: {what}", file.path),
            )
        };
        let plain = decompress_whole(&file.bytes, LARGEST_MODULE)
            .map_err(|fault| failed(&kernel_words::fault(&fault)))?;
        let content = appended::without_signature(&plain);
        let message = pkcs7::sign(signer, content).map_err(|fault| failed(&fault.to_string()))?;
        let bytes = compression
            .compress(&appended::with_signature(content, &message))
            .map_err(|error| failed(&error.to_string()))?;
        if compression != Compression::None {
            findings.push(sealed_in(&file.path));
        }
        signed.push(File {
            path: file.path,
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
            bytes,
        });
    }
    Ok((signed, findings))
}

fn sealed_in(path: &str) -> Finding {
    Finding::new(
        Code::SignFailed,
        format!(
            "/{path} is compressed: this run signed the uncompressed module, but KMM appends the \
             signature to the compressed file, where neither modprobe nor the kernel reads it"
        ),
    )
    .as_warning()
    .hint("Ship the module uncompressed, or sign it before compressing it.")
}

/// An OCI layout (image-layout.md) with the blobs that are new.
fn write_layout(layout: &Path, layer: &Layer, derived: &Derived) -> io::Result<()> {
    for (digest, bytes) in [
        (&layer.digest, &layer.blob),
        (&derived.config_digest, &derived.config),
        (&derived.digest, &derived.manifest),
    ] {
        write::blob(layout, digest)?.write_all(bytes)?;
    }
    let size = derived.manifest.len();
    write::finish(layout, &derived.media_type, &derived.digest, size, None)
}

/// The machine kept the image from being written.
fn io_fault(error: &io::Error) -> Finding {
    Finding::new(
        Code::SignFailed,
        format!("the signed image could not be written: {error}"),
    )
    .with_effect(Effect::Blocks)
    .hint("Check the space and the permissions of the folder in TMPDIR.")
}
