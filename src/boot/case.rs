//! One case of a guest: the folder of an image as KMM's worker has it, and its `modprobe`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernel_loader::module::compression::{self, Compression};
use kernel_loader::module::{LARGEST_MODULE, names};

use crate::boot::archive::Archive;
use crate::check::facts::TargetFacts;
use crate::check::image::ImageCheck;
use crate::images::layers::kept_files::is_module_name;
use crate::images::layers::layer_reader::Purpose;
use crate::images::layers::overlay::{NeedLayer, Overlay};
use crate::images::open::{FileBytes, Images, OpenImage};
use crate::judge::{self, LoadCase};
use crate::kmm::planned::Work;
use crate::kmm::releases::{Feature, KmmRelease};
use crate::kmm::worker::{command_line, copied};
use crate::model::layer::Node;
use crate::model::target::Target;

/// The most bytes of a folder that is put into a guest.
const LARGEST_FOLDER: u64 = 192 << 20;

/// A case that is ready.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// Its number in this run.
    pub(super) number: usize,
    /// The archive of its files.
    pub(super) archive: PathBuf,
    /// Bytes of that.
    pub(super) size: u64,
    /// The in-tree modules that it loads, by their paths below `/lib/modules/K`.
    pub(super) in_tree: BTreeSet<String>,
    /// The names of its modules as words of a shell; empty where that is not possible.
    pub(super) names: String,
}

/// What a case is made of.
pub(super) struct Making<'a> {
    pub(super) check: &'a ImageCheck,
    pub(super) image: &'a OpenImage,
    pub(super) work: &'a Work,
    pub(super) target: &'a Target,
    /// Packings that the guest's kmod cannot unpack.
    pub(super) lacks: &'a [Compression],
}

/// The files of a folder: what is in it by its path, and the paths of regular files.
struct Listed {
    folders: Vec<String>,
    links: Vec<(String, String)>,
    files: Vec<String>,
    /// The paths of the files in the image.
    in_image: Vec<String>,
}

impl Making<'_> {
    /// Makes the case; `None` where nothing of the image reaches `modprobe`.
    ///
    /// # Errors
    /// Why the kernel cannot be asked about it.
    pub(super) async fn case(
        &self,
        number: usize,
        folder: PathBuf,
    ) -> Result<Option<Case>, String> {
        let release = self.check.release;
        if !release.has(Feature::ImageExtractor) {
            return Err(format!("--boot supports KMM 2.2 and later, not {release}"));
        }
        let words = command_line::of_module(&self.work.modprobe, release);
        let Some(run) = script(&words) else {
            return Err("an argument of modprobe has a zero byte".to_owned());
        };
        let images = &self.check.images;
        let overlay = self.overlay(images).await?;
        let Some((at, listed)) = self.list(&overlay, release)? else {
            return Ok(None);
        };
        let load = LoadCase {
            work: self.work,
            target: self.target,
            release,
            flavor_is_assumed: false,
        };
        let working_dir = &self.image.config.working_dir;
        let in_tree = |known: TargetFacts| {
            judge::in_tree_files(&load, &overlay, working_dir, known.facts.as_deref())
                .map_err(|NeedLayer| "a layer could not be read")?
                .ok_or("modprobe reads the node's own folder of modules, not the image's")
        };
        let mut reached = in_tree(self.check.facts.of(self.target).await)?;
        if !reached.is_empty() {
            reached = in_tree(self.check.facts.of_nodes(self.target).await)?;
        }
        drop(overlay);
        let files = images.files(self.image, &listed.in_image).await;
        let files = files.map_err(|finding| finding.message)?;
        if files.len() != listed.in_image.len() {
            return Err("a file in the image exceeds the size limit".to_owned());
        }
        let links = listed.links.iter().map(|(path, _)| path);
        let names = words_of_names(listed.files.iter().chain(links).chain(&reached));
        let softdep = command_line::softdep_conf(&self.work.modprobe.modules_loading_order);
        let lacks = self.lacks.to_vec();
        let archive = folder.join(number.to_string());
        let path = archive.clone();
        let written = tokio::task::spawn_blocking(move || {
            let root = format!("kmm/cases/{number}");
            let mut archive = Archive::new(BufWriter::new(File::create(&path)?));
            archive.file(&format!("{root}/run"), 0o644, run.as_bytes())?;
            archive.folder(&format!("{root}/tmp"))?;
            archive.file(&format!("{root}/softdep.conf"), 0o644, softdep.as_bytes())?;
            let place = |path: &str| format!("{root}/{}/{path}", at.trim_start_matches('/'));
            for folder in &listed.folders {
                archive.folder(&place(folder))?;
            }
            for (path, target) in &listed.links {
                archive.link(&place(path), target)?;
            }
            for (path, file) in listed.files.iter().zip(&files) {
                put(&mut archive, &place(path), file, &lacks)?;
            }
            archive.finish()?;
            Ok(std::fs::metadata(&path)?.len())
        });
        let size = written
            .await
            .map_err(|fault| fault.to_string())?
            .map_err(|fault: io::Error| format!("cannot write the boot files: {fault}"))?;
        Ok(Some(Case {
            number,
            archive,
            size,
            in_tree: reached,
            names,
        }))
    }

    async fn overlay(&self, images: &Arc<Images>) -> Result<Overlay, String> {
        let mut overlay = Overlay::new(self.image.layers.len());
        for from_top in 0..self.image.layers.len() {
            let layer = images.layer(self.image, from_top, Purpose::Modules).await;
            overlay.push(layer.map_err(|finding| finding.message)?);
        }
        Ok(overlay)
    }

    /// What KMM's `cp -R` copies, and where to.
    fn list(
        &self,
        overlay: &Overlay,
        release: KmmRelease,
    ) -> Result<Option<(String, Listed)>, String> {
        let unread = |NeedLayer| "a layer could not be read".to_owned();
        let copied = copied::of(
            overlay,
            &self.image.config.working_dir,
            release,
            &self.work.modprobe.dir_name,
            &self.target.kernel_version,
        );
        let Ok(copied) = copied.map_err(unread)? else {
            return Ok(None);
        };
        let mut listed = Listed {
            folders: Vec::new(),
            links: Vec::new(),
            files: Vec::new(),
            in_image: Vec::new(),
        };
        match overlay.lookup_link(&copied.from).map_err(unread)? {
            None => return Ok(None),
            Some(found) => match found.node {
                Node::Symlink(target) => {
                    listed.links.push((String::new(), target.clone()));
                    return Ok(Some((copied.at, listed)));
                }
                Node::Dir => listed.folders.push(String::new()),
                Node::File { .. } | Node::Hardlink(_) | Node::Other => return Ok(None),
            },
        }
        let mut size = 0;
        for (path, found) in overlay.walk(&copied.from).map_err(unread)? {
            match found.node {
                Node::Dir => listed.folders.push(path),
                Node::Symlink(target) => listed.links.push((path, target.clone())),
                Node::File { size: bytes, .. } => {
                    size += bytes;
                    listed.in_image.push(format!("{}/{path}", copied.from));
                    listed.files.push(path);
                }
                Node::Hardlink(_) | Node::Other => {}
            }
        }
        if size > LARGEST_FOLDER {
            return Err(format!(
                "/{} has {} MiB; the limit for --boot is {} MiB",
                copied.from,
                size >> 20,
                LARGEST_FOLDER >> 20
            ));
        }
        Ok(Some((copied.at, listed)))
    }
}

/// A file as the worker has it. Where the guest's kmod cannot unpack a module that the worker's
/// can, it gets the module unpacked: kmod goes by what is in a file, not by its name, which a link
/// to it may have.
fn put(
    archive: &mut Archive<BufWriter<File>>,
    path: &str,
    file: &FileBytes,
    lacks: &[Compression],
) -> io::Result<()> {
    if lacks.contains(&Compression::of(&file.bytes))
        && compression::start(&file.bytes, 4) == b"\x7fELF"
        && let Ok(plain) = compression::decompress(&file.bytes, LARGEST_MODULE)
    {
        return archive.file(path, file.mode, &plain);
    }
    archive.file(path, file.mode, &file.bytes)
}

/// The call of `modprobe` as a line of a shell; `None` for words that no program can be given.
fn script(words: &[String]) -> Option<String> {
    let mut line = String::from("exec /kmm/modprobe");
    for word in words {
        if word.contains('\0') {
            return None;
        }
        line.push_str(&format!(" '{}'", word.replace('\'', r"'\''")));
    }
    line.push('\n');
    Some(line)
}

/// The names of the modules among files, as the kernel spells them; empty where one is no plain
/// word.
fn words_of_names<'a>(files: impl Iterator<Item = &'a String>) -> String {
    let modules = files.filter(|path| is_module_name(path));
    let names: BTreeSet<String> = modules.map(|path| names::of_path(path)).collect();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match names.iter().all(|name| name.chars().all(is_plain)) {
        true => Vec::from_iter(names).join(" "),
        false => String::new(),
    }
}

/// Writes the file system of one guest: what all share, its in-tree modules, its cases, and the
/// list of those, each with the names of its modules where they are known.
pub(super) fn write_initrd(
    into: &Path,
    parts: &[PathBuf],
    cases: &[(usize, String)],
    mark: &str,
) -> io::Result<u64> {
    let mut file = File::create(into)?;
    for part in parts {
        io::copy(&mut File::open(part)?, &mut file)?;
    }
    let mut plan = format!("mark={mark}\ncases='");
    cases
        .iter()
        .for_each(|(number, _)| plan += &format!("{number} "));
    plan += "'\n";
    for (number, names) in cases {
        plan += &format!("modules_{number}='{names}'\n");
    }
    let mut archive = Archive::new(&file);
    archive.file("kmm/plan", 0o644, plan.as_bytes())?;
    archive.finish()?;
    Ok(file.metadata()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_modprobe_as_they_are() {
        let words = ["-vd", "/tmp/opt", "it's", "a=$(x) `y`", ""].map(str::to_owned);
        assert_eq!(
            script(&words).as_deref(),
            Some("exec /kmm/modprobe '-vd' '/tmp/opt' 'it'\\''s' 'a=$(x) `y`' ''\n")
        );
        assert_eq!(script(&["a\0b".to_owned()]), None);
    }

    #[test]
    fn names_of_modules_are_plain_words() {
        let words = |files: &[&str]| {
            let files: Vec<String> = files.iter().map(|&file| file.to_owned()).collect();
            words_of_names(files.iter())
        };
        let files = ["modules.dep", "extra/b-1.ko.xz", "kernel/a.ko"];
        assert_eq!(words(&files), "a b_1");
        assert_eq!(words(&["a.ko", "'$(reboot)'.ko"]), "");
    }
}
