//! The file system of an image, as far down as its layers were read.
//!
//! The rules are those of the kernel's overlayfs over layers as containers/storage unpacks
//! them (OCI image spec, layer.md): a whiteout or a non-directory hides everything of that
//! name below, directories merge down to an opaque one, and a path's parents are
//! directories of its layer whether or not they have entries of their own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::images::layers::layer_paths::{
    components, first, first_key, implies_dir, join, names_in,
};
use crate::model::layer::{LayerIndex, Node};

/// How many links one look-up follows (`MAXSYMLINKS` in the kernel's `fs/namei.c`).
const MAX_LINKS: u32 = 40;
/// How many folders one look-up goes through, those of links included: with more it is as if
/// the links looped.
const MAX_STEPS: usize = 4096;
/// How deep [`Overlay::walk`] goes.
const MAX_DEPTH: usize = 256;

static DIR: Node = Node::Dir;

/// The answer hangs on a layer that was not read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeedLayer;

/// A path as the layers leave it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found<'a> {
    /// What stands there; never a symlink or hard link after [`Overlay::lookup`].
    pub node: &'a Node,
    /// The layer it comes from, counted from the top.
    pub from_top: usize,
}

/// The upper layers of an image.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    layers: Vec<Arc<LayerIndex>>,
    total: usize,
}

/// A directory with the layers that add to it, the top one first.
#[derive(Debug, Clone)]
struct MergedDir {
    path: String,
    layers: Vec<usize>,
    /// Layers that were not read yet may add to it.
    open: bool,
}

/// What one name in a directory is.
enum Seen<'a> {
    /// With its path where that is another, for a hard link.
    Leaf(Found<'a>, Option<String>),
    Dir(MergedDir),
}

/// What a whole path is, links on the way followed.
enum Resolved<'a> {
    Leaf { found: Found<'a>, path: String },
    Dir(MergedDir),
}

impl Resolved<'_> {
    fn into_path(self) -> String {
        match self {
            Self::Leaf { path, .. } => path,
            Self::Dir(dir) => dir.path,
        }
    }
}

impl Overlay {
    /// The file system of an image with `total` layers, none of which is read yet.
    pub fn new(total: usize) -> Self {
        Self {
            layers: Vec::with_capacity(total),
            total,
        }
    }

    /// Adds the next lower layer.
    pub fn push(&mut self, layer: Arc<LayerIndex>) {
        self.layers.push(layer);
    }

    /// True when every layer was read.
    pub fn is_complete(&self) -> bool {
        self.layers.len() >= self.total
    }

    /// What a path names, with symlinks (also of directories) followed inside the image
    /// root, and hard links resolved. `None`: there is no such file, or the links loop.
    /// `path` is relative to the image root, with or without a leading `/`.
    ///
    /// # Errors
    /// A layer further down decides.
    pub fn lookup(&self, path: &str) -> Result<Option<Found<'_>>, NeedLayer> {
        let resolved = self.resolve(path, 0, true, &mut { MAX_LINKS })?;
        Ok(resolved.map(found))
    }

    /// The same without following a symlink in the last component.
    ///
    /// # Errors
    /// A layer further down decides.
    pub fn lookup_link(&self, path: &str) -> Result<Option<Found<'_>>, NeedLayer> {
        let resolved = self.resolve(path, 0, false, &mut { MAX_LINKS })?;
        Ok(resolved.map(found))
    }

    /// The path, free of links and relative to the image root, of what `path` names.
    ///
    /// # Errors
    /// A layer further down decides.
    pub fn real_path(&self, path: &str) -> Result<Option<String>, NeedLayer> {
        let resolved = self.resolve(path, 0, true, &mut { MAX_LINKS })?;
        Ok(resolved.map(Resolved::into_path))
    }

    /// The layer, counted from the top, and the path in it, of the regular file that `path`
    /// names.
    ///
    /// # Errors
    /// A layer further down decides.
    pub fn locate(&self, path: &str) -> Result<Option<(usize, String)>, NeedLayer> {
        Ok(match self.resolve(path, 0, true, &mut { MAX_LINKS })? {
            Some(Resolved::Leaf { found, path }) => match found.node {
                Node::File { .. } => Some((found.from_top, path)),
                _ => None,
            },
            Some(Resolved::Dir(_)) | None => None,
        })
    }

    /// The names in a directory, merged over the layers, sorted; `None` where there is no
    /// such directory.
    ///
    /// # Errors
    /// A layer further down decides.
    pub fn list(&self, dir: &str) -> Result<Option<Vec<String>>, NeedLayer> {
        let Some(Resolved::Dir(dir)) = self.resolve(dir, 0, true, &mut { MAX_LINKS })? else {
            return Ok(None);
        };
        let children = self.children(&dir)?;
        Ok(Some(children.into_iter().map(|(name, _)| name).collect()))
    }

    /// Everything below a directory by its path relative to it: files, directories, and
    /// symlinks unresolved (what `cp -R` would copy). Empty where there is no such directory.
    ///
    /// # Errors
    /// A layer further down decides.
    pub fn walk(&self, dir: &str) -> Result<BTreeMap<String, Found<'_>>, NeedLayer> {
        let mut seen = BTreeMap::new();
        let Some(Resolved::Dir(top)) = self.resolve(dir, 0, true, &mut { MAX_LINKS })? else {
            return Ok(seen);
        };
        let mut open = vec![(String::new(), top, 0)];
        while let Some((prefix, dir, depth)) = open.pop() {
            for (name, child) in self.children(&dir)? {
                let path = join(&prefix, &name);
                match child {
                    Seen::Leaf(leaf, _) => {
                        seen.insert(path, leaf);
                    }
                    Seen::Dir(dir) => {
                        let from_top = dir.layers.first().copied().unwrap_or_default();
                        let node = &DIR;
                        seen.insert(path.clone(), Found { node, from_top });
                        if depth < MAX_DEPTH {
                            open.push((path, dir, depth + 1));
                        }
                    }
                }
            }
        }
        Ok(seen)
    }

    /// The paths, free of links and sorted, of what is no directory and whose path is accepted.
    /// It reads the layers' lists as they are, which is far quicker than a [`Overlay::walk`] of
    /// the whole image where few paths are accepted.
    ///
    /// # Errors
    /// A layer was not read yet.
    pub fn find(&self, accept: impl Fn(&str) -> bool) -> Result<BTreeSet<&str>, NeedLayer> {
        if !self.is_complete() {
            return Err(NeedLayer);
        }
        let mut seen = BTreeSet::new();
        for layer in &self.layers {
            for path in layer.entries.keys().filter(|path| accept(path)) {
                let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                let is_there = self.real_path(parent)?.is_some_and(|real| real == parent)
                    && self
                        .lookup_link(path)?
                        .is_some_and(|found| *found.node != Node::Dir);
                if is_there {
                    seen.insert(path.as_str());
                }
            }
        }
        Ok(seen)
    }

    fn resolve(
        &self,
        path: &str,
        first_layer: usize,
        follow_last: bool,
        links: &mut u32,
    ) -> Result<Option<Resolved<'_>>, NeedLayer> {
        let mut rest: VecDeque<String> = components(path).map(str::to_owned).collect();
        let mut dirs = vec![self.root(first_layer)];
        let mut steps = 0;
        while let Some(name) = rest.pop_front() {
            steps += 1;
            if steps > MAX_STEPS {
                return Ok(None);
            }
            if name == ".." {
                if dirs.len() > 1 {
                    dirs.pop();
                }
                continue;
            }
            let Some(dir) = dirs.last() else {
                return Ok(None);
            };
            let path = join(&dir.path, &name);
            match self.child(dir, &path, links)? {
                None => return Ok(None),
                Some(Seen::Dir(dir)) => dirs.push(dir),
                Some(Seen::Leaf(found, linked)) => {
                    if let Node::Symlink(target) = found.node
                        && (follow_last || !rest.is_empty())
                    {
                        if *links == 0 {
                            return Ok(None);
                        }
                        *links -= 1;
                        if target.starts_with('/') {
                            dirs.truncate(1);
                        }
                        for name in components(target).rev() {
                            rest.push_front(name.to_owned());
                        }
                    } else if rest.is_empty() {
                        let path = linked.unwrap_or(path);
                        return Ok(Some(Resolved::Leaf { found, path }));
                    } else {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(dirs.pop().map(Resolved::Dir))
    }

    fn root(&self, first_layer: usize) -> MergedDir {
        let mut dir = MergedDir {
            path: String::new(),
            layers: Vec::new(),
            open: !self.is_complete(),
        };
        for (from_top, layer) in self.layers.iter().enumerate().skip(first_layer) {
            dir.layers.push(from_top);
            if layer.opaque.contains("") {
                dir.open = false;
                break;
            }
        }
        dir
    }

    /// What stands at `path`, whose parent is `dir`; a hard link is what it links to.
    fn child(
        &self,
        dir: &MergedDir,
        path: &str,
        links: &mut u32,
    ) -> Result<Option<Seen<'_>>, NeedLayer> {
        let mut merged = MergedDir {
            path: path.to_owned(),
            layers: Vec::new(),
            open: dir.open,
        };
        for &from_top in &dir.layers {
            let layer = &self.layers[from_top];
            match layer.entries.get(path) {
                Some(Node::Dir) => merged.layers.push(from_top),
                Some(node) if merged.layers.is_empty() => {
                    return match node {
                        Node::Hardlink(target) => self.linked(target, from_top, links),
                        _ => Ok(Some(Seen::Leaf(Found { node, from_top }, None))),
                    };
                }
                Some(_) => {
                    merged.open = false;
                    break;
                }
                None if implies_dir(layer, path) => merged.layers.push(from_top),
                None => {}
            }
            if layer.whiteouts.contains(path) || layer.opaque.contains(path) {
                merged.open = false;
                break;
            }
        }
        match (merged.layers.is_empty(), merged.open) {
            (false, _) => Ok(Some(Seen::Dir(merged))),
            (true, true) => Err(NeedLayer),
            (true, false) => Ok(None),
        }
    }

    /// The file that a hard link in layer `from_top` was made of: a name in that layer or
    /// in one below it.
    fn linked(
        &self,
        target: &str,
        from_top: usize,
        links: &mut u32,
    ) -> Result<Option<Seen<'_>>, NeedLayer> {
        if *links == 0 {
            return Ok(None);
        }
        *links -= 1;
        match self.resolve(target, from_top, false, links)? {
            Some(Resolved::Leaf { found, path }) => Ok(Some(Seen::Leaf(found, Some(path)))),
            Some(Resolved::Dir(_)) | None => Ok(None),
        }
    }

    fn children(&self, dir: &MergedDir) -> Result<Vec<(String, Seen<'_>)>, NeedLayer> {
        if dir.open {
            return Err(NeedLayer);
        }
        let mut names = BTreeSet::new();
        for &from_top in &dir.layers {
            let layer = &self.layers[from_top];
            names_in(&dir.path, &mut names, |after| {
                first_key(&layer.entries, after)
            });
            names_in(&dir.path, &mut names, |after| {
                first(&layer.whiteouts, after)
            });
            names_in(&dir.path, &mut names, |after| first(&layer.opaque, after));
        }
        let mut children = Vec::with_capacity(names.len());
        for name in names {
            let path = join(&dir.path, name);
            if let Some(child) = self.child(dir, &path, &mut { MAX_LINKS })? {
                children.push((name.to_owned(), child));
            }
        }
        Ok(children)
    }
}

fn found(resolved: Resolved<'_>) -> Found<'_> {
    match resolved {
        Resolved::Leaf { found, .. } => found,
        Resolved::Dir(dir) => Found {
            node: &DIR,
            from_top: dir.layers.first().copied().unwrap_or_default(),
        },
    }
}

#[cfg(test)]
mod tests;
