//! Paths as layer indexes write them, and the folders that they imply.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::images::layers::layer_limits::LayerLimits;
use crate::images::layers::tar_fault::TarFault;
use crate::model::layer::{LayerIndex, Node};

pub(crate) fn components(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
}

pub(crate) fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() {
        name.to_owned()
    } else {
        // Of exactly its size, unlike what `format!` makes: hundreds of thousands are kept.
        [dir, "/", name].concat()
    }
}

pub(crate) fn first<'a>(set: &'a BTreeSet<String>, from: &str) -> Option<&'a str> {
    set.range::<str, _>((Bound::Included(from), Bound::Unbounded))
        .next()
        .map(String::as_str)
}

pub(crate) fn first_key<'a>(map: &'a BTreeMap<String, Node>, from: &str) -> Option<&'a str> {
    map.range::<str, _>((Bound::Included(from), Bound::Unbounded))
        .next()
        .map(|(key, _)| key.as_str())
}

/// True when something below `path` makes it a directory of this layer.
pub(crate) fn implies_dir(layer: &LayerIndex, path: &str) -> bool {
    let below = format!("{path}/");
    let starts = |key: Option<&str>| key.is_some_and(|key| key.starts_with(&below));
    layer.opaque.contains(path)
        || starts(first_key(&layer.entries, &below))
        || starts(first(&layer.whiteouts, &below))
        || starts(first(&layer.opaque, &below))
}

/// Adds the names directly below `dir`; `first_from` gives the first path at or after one.
pub(crate) fn names_in<'a>(
    dir: &str,
    names: &mut BTreeSet<&'a str>,
    first_from: impl Fn(&str) -> Option<&'a str>,
) {
    let prefix = if dir.is_empty() {
        String::new()
    } else {
        format!("{dir}/")
    };
    let mut from = prefix.clone();
    while let Some(path) = first_from(&from) {
        let Some(rest) = path.strip_prefix(&prefix) else {
            break;
        };
        match rest.split_once('/') {
            // The paths below this name end where its `/` would be a `0`, the next byte.
            Some((name, _)) => {
                names.insert(name);
                from = format!("{prefix}{name}0");
            }
            None => {
                names.insert(rest);
                from = format!("{path}\0");
            }
        }
    }
    names.remove("");
}

/// No name, and no link's target, is longer than the kernel takes it.
pub(crate) fn check_length(path: &str, limits: &LayerLimits) -> Result<(), TarFault> {
    if path.len() > limits.path {
        return Err(TarFault::Limit(format!(
            "a path in the layer is longer than {} bytes",
            limits.path
        )));
    }
    Ok(())
}

/// A name without empty, `.` and `..` components; none leaves the root.
pub(crate) fn clean(name: &str, limits: &LayerLimits) -> Result<String, TarFault> {
    check_length(name, limits)?;
    let is_clean = !name.is_empty()
        && !name
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == "..");
    let clean = if is_clean {
        name.to_owned()
    } else {
        let mut parts: Vec<&str> = Vec::new();
        for part in name.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        parts.join("/")
    };
    if clean.bytes().filter(|byte| *byte == b'/').count() >= limits.depth {
        return Err(TarFault::Limit(format!(
            "a path in the layer has more than {} folders",
            limits.depth
        )));
    }
    Ok(clean)
}
