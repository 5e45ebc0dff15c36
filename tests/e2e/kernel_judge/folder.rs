//! The module folder of an image, `<dirName>/lib/modules/K`, as a Dockerfile
//! would fill it and `depmod` would index it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::image::Layer;
use crate::support::server::environment;

/// What stands at a path of the folder.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    File(Vec<u8>),
    Link(String),
}

/// A module folder under construction; paths are relative to it.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    dir: String,
    release: String,
    entries: BTreeMap<String, Entry>,
}

impl Folder {
    /// An empty folder of kernel `release` below `/opt`.
    pub(crate) fn new(release: &str) -> Self {
        Self {
            dir: "opt".to_owned(),
            release: release.to_owned(),
            entries: BTreeMap::new(),
        }
    }

    /// The folder below another `dirName`, written without its first slash.
    pub(crate) fn below(mut self, dir: &str) -> Self {
        dir.clone_into(&mut self.dir);
        self
    }

    /// The folder of another kernel.
    pub(crate) fn of(mut self, release: &str) -> Self {
        release.clone_into(&mut self.release);
        self
    }

    /// Puts a file.
    pub(crate) fn put(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.entries
            .insert(path.to_owned(), Entry::File(bytes.into()));
        self
    }

    /// Puts a symbolic link.
    pub(crate) fn link(mut self, path: &str, target: &str) -> Self {
        self.entries
            .insert(path.to_owned(), Entry::Link(target.to_owned()));
        self
    }

    /// Takes a path out again.
    pub(crate) fn without(mut self, path: &str) -> Self {
        assert!(self.entries.remove(path).is_some(), "{path} was there");
        self
    }

    /// The bytes of a file.
    pub(crate) fn bytes(&self, path: &str) -> Vec<u8> {
        match &self.entries[path] {
            Entry::File(bytes) => bytes.clone(),
            Entry::Link(target) => panic!("{path} is a link to {target}"),
        }
    }

    /// Names of depmod's files.
    pub(crate) fn indexes(&self) -> Vec<String> {
        let names = self.entries.keys();
        let names = names.filter(|name| name.starts_with("modules."));
        names.cloned().collect()
    }

    /// Runs depmod over what is there and adds its indexes.
    pub(crate) fn depmod(self) -> Self {
        self.depmod_with_host(None)
    }

    /// The `host` link to the node's in-tree modules, then depmod over both.
    pub(crate) fn depmod_on_host(self, host_modules: &Path) -> Self {
        let target = format!("/lib/modules/{}", self.release);
        self.depmod_with_host(Some(host_modules))
            .link("host", &target)
    }

    fn depmod_with_host(self, host_modules: Option<&Path>) -> Self {
        let indexed = self.indexed(host_modules);
        indexed.unwrap_or_else(|output| panic!("{output:?}"))
    }

    /// The same; what depmod said where it failed.
    pub(crate) fn indexed(mut self, host_modules: Option<&Path>) -> Result<Self, Output> {
        let root = tempfile::tempdir().expect("a folder for depmod");
        let modules = root.path().join("lib/modules").join(&self.release);
        fs::create_dir_all(&modules).expect("a folder for depmod");
        for (path, entry) in &self.entries {
            let path = modules.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            match entry {
                Entry::File(bytes) => fs::write(path, bytes).expect("a file"),
                Entry::Link(target) => symlink(target, path).expect("a link"),
            }
        }
        if let Some(host) = host_modules {
            symlink(host, modules.join("host")).expect("the host link");
        }
        let depmod = environment().join("kmod/depmod");
        let output = Command::new(depmod)
            .arg("-b")
            .arg(root.path())
            .arg(&self.release)
            .output()
            .expect("depmod runs");
        if !output.status.success() {
            return Err(output);
        }
        for entry in fs::read_dir(&modules).expect("depmod's indexes") {
            let path = entry.expect("a file").path();
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            if name.starts_with("modules.") && !self.entries.contains_key(&name) {
                let bytes = fs::read(&path).expect("an index");
                self.entries.insert(name, Entry::File(bytes));
            }
        }
        Ok(self)
    }

    /// Path of the folder in the image, without a first slash.
    pub(crate) fn path(&self) -> String {
        let path = format!("{}/lib/modules/{}", self.dir, self.release);
        path.trim_start_matches('/').to_owned()
    }

    /// One layer with the folder and all that is in it.
    pub(crate) fn layer(&self) -> Layer {
        self.layer_with_prefix("")
    }

    /// The same with a prefix before every name of the archive.
    pub(crate) fn layer_with_prefix(&self, prefix: &str) -> Layer {
        self.add_to(Layer::new(), prefix)
    }

    /// Adds the folder to a layer.
    pub(crate) fn add_to(&self, mut layer: Layer, prefix: &str) -> Layer {
        let mut folders = std::collections::BTreeSet::new();
        for path in self.entries.keys() {
            let full = format!("{}/{path}", self.path());
            for (at, _) in full.match_indices('/') {
                folders.insert(full[..at].to_owned());
            }
        }
        for folder in folders {
            layer = layer.dir(&format!("{prefix}{folder}/"));
        }
        for (path, entry) in &self.entries {
            let path = format!("{prefix}{}/{path}", self.path());
            layer = match entry {
                Entry::File(bytes) => layer.file(&path, bytes),
                Entry::Link(target) => layer.symlink(&path, target),
            };
        }
        layer
    }
}
