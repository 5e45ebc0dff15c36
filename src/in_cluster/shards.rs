//! Which Modules each shard of a run checks.
//!
//! Every shard can compute the whole partition from the same inputs, so none depends on another
//! one. Modules whose images share layers stay together, so that shards together fetch few
//! layers twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// One part of a sharded run: `I/N`, with I from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 0.
    pub index: u32,
    /// How many there are.
    pub count: NonZeroU32,
}

/// Why the text of a `--shard` cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadShard {
    /// Not two numbers.
    #[error("not of the form I/N, such as 0/4")]
    Form,
    /// There is no such shard.
    #[error("I counts from 0 and must be less than N")]
    Range,
}

impl Shard {
    /// The one shard of a run that is not divided.
    pub const WHOLE: Self = Self {
        index: 0,
        count: NonZeroU32::MIN,
    };
}

impl FromStr for Shard {
    type Err = BadShard;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (index, count) = text.split_once('/').ok_or(BadShard::Form)?;
        let index = index.parse().map_err(|_| BadShard::Form)?;
        let count: u32 = count.parse().map_err(|_| BadShard::Form)?;
        let count = NonZeroU32::new(count).ok_or(BadShard::Range)?;
        match index < count.get() {
            true => Ok(Self { index, count }),
            false => Err(BadShard::Range),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// The layers of a Module's images: digest and size in bytes, the lowest layer first.
pub(crate) type Layers = Vec<(String, u64)>;

/// The shard of each Module, in the order given. A group of Modules that share layers is split
/// when it is at least twice the mean of the shards, so that two shards share one that is all
/// there is; then its parts share the lowest layers only. Modules without layers (no image, or
/// none that can be read) are spread evenly.
pub(crate) fn assign(modules: &[Layers], count: NonZeroU32) -> Vec<u32> {
    let count = count.get() as usize;
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let total = bytes_of(modules, 0..modules.len());
    let mean = total / count as u64;
    for group in groups(modules) {
        let bytes = bytes_of(modules, group.iter().copied());
        let is_large = u128::from(bytes) * count as u128 >= 2 * u128::from(total);
        match count > 1 && bytes > 0 && is_large {
            true => parts.extend(split(modules, group, mean, count)),
            false => parts.push(group),
        }
    }
    // The largest part first, each to the shard with the least to do; order and index decide
    // between equals, so that every shard computes the same.
    parts.sort_by_key(|part| {
        let bytes = bytes_of(modules, part.iter().copied());
        (std::cmp::Reverse((bytes, part.len())), part[0])
    });
    let mut load = vec![(0_u64, 0_usize); count];
    let mut shards = vec![0; modules.len()];
    for part in parts {
        let least = (0..count).min_by_key(|shard| (load[*shard], *shard));
        let shard = least.unwrap_or_default();
        load[shard].0 += bytes_of(modules, part.iter().copied());
        load[shard].1 += part.len();
        for module in part {
            shards[module] = u32::try_from(shard).unwrap_or_default();
        }
    }
    shards
}

/// The size of the distinct layers of some modules, in bytes.
fn bytes_of(modules: &[Layers], of: impl IntoIterator<Item = usize>) -> u64 {
    let layers: BTreeSet<&(String, u64)> = of.into_iter().flat_map(|at| &modules[at]).collect();
    layers.iter().map(|(_, size)| size).sum()
}

/// The modules that share a layer, directly or through others; each group in the order given.
fn groups(modules: &[Layers]) -> Vec<Vec<usize>> {
    let mut parent: Vec<usize> = (0..modules.len()).collect();
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (module, layers) in modules.iter().enumerate() {
        for (digest, _) in layers {
            let other = *first.entry(digest).or_insert(module);
            let (one, other) = (root(&mut parent, module), root(&mut parent, other));
            parent[one.max(other)] = one.min(other);
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for module in 0..modules.len() {
        groups
            .entry(root(&mut parent, module))
            .or_default()
            .push(module);
    }
    groups.into_values().collect()
}

fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}

/// Splits a group into as many parts as it has means, at most `count`. Modules are ordered by
/// their layers from the lowest one on, so that those that share most are neighbours; the layers
/// that all of them share are part of every part.
fn split(modules: &[Layers], mut group: Vec<usize>, mean: u64, count: usize) -> Vec<Vec<usize>> {
    let bytes = bytes_of(modules, group.iter().copied());
    let parts = bytes.div_ceil(mean.max(1)).min(count as u64);
    let shared: u64 = modules[group[0]]
        .iter()
        .filter(|layer| group.iter().all(|module| modules[*module].contains(layer)))
        .map(|(_, size)| size)
        .sum();
    let limit = shared + (bytes - shared).div_ceil(parts);
    group.sort_by(|one, other| modules[*one].cmp(&modules[*other]).then(one.cmp(other)));
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut bytes = 0;
    for module in group {
        let added: u64 = modules[module]
            .iter()
            .filter(|(digest, _)| !seen.contains(digest.as_str()))
            .map(|(_, size)| size)
            .sum();
        match parts.last_mut() {
            Some(part) if bytes + added <= limit => {
                part.push(module);
                bytes += added;
            }
            _ => {
                parts.push(vec![module]);
                seen.clear();
                bytes = modules[module].iter().map(|(_, size)| size).sum();
            }
        }
        seen.extend(modules[module].iter().map(|(digest, _)| digest.as_str()));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn count(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).expect("not zero")
    }

    /// `bases` groups of `each` modules: a base of 100 MiB and a layer of 5 MiB of its own.
    fn modules(bases: usize, each: usize) -> Vec<Layers> {
        (0..bases * each)
            .map(|module| {
                let base = module % bases;
                vec![
                    (format!("base-{base}"), 100 * MIB),
                    (format!("own-{module}"), 5 * MIB),
                ]
            })
            .collect()
    }

    fn fetched(modules: &[Layers], shards: &[u32], number: u32) -> (usize, u64) {
        let mut layers = 0;
        let mut bytes = 0;
        for shard in 0..number {
            let of = (0..modules.len()).filter(|module| shards[*module] == shard);
            let own: BTreeSet<_> = of.flat_map(|module| &modules[module]).collect();
            layers += own.len();
            bytes += own.iter().map(|(_, size)| size).sum::<u64>();
        }
        (layers, bytes)
    }

    #[test]
    fn a_shard_is_read_and_written_the_same_way() {
        let shard: Shard = "2/4".parse().expect("a shard");
        assert_eq!((shard.index, shard.count.get()), (2, 4));
        assert_eq!(shard.to_string(), "2/4");
        for (text, why) in [
            ("4/4", BadShard::Range),
            ("0/0", BadShard::Range),
            ("", BadShard::Form),
            ("1", BadShard::Form),
            ("-1/2", BadShard::Form),
            ("a/b", BadShard::Form),
        ] {
            assert_eq!(text.parse::<Shard>(), Err(why), "{text}");
        }
    }

    #[test]
    fn groups_that_share_a_base_stay_together_and_no_byte_is_fetched_twice() {
        let modules = modules(12, 10);
        let shards = assign(&modules, count(4));
        assert_eq!(
            fetched(&modules, &shards, 4),
            fetched(&modules, &[0; 120], 1)
        );
        for shard in 0..4 {
            let own = shards.iter().filter(|own| **own == shard).count();
            assert_eq!(own, 30, "the shards have the same to do");
        }
    }

    #[test]
    fn a_group_that_is_too_large_is_split_and_only_its_base_is_fetched_again() {
        let modules = modules(1, 200);
        let shards = assign(&modules, count(10));
        let (layers, bytes) = fetched(&modules, &shards, 10);
        let (once, once_bytes) = fetched(&modules, &[0; 200], 1);
        let used: BTreeSet<&u32> = shards.iter().collect();
        assert!(used.len() > 5, "{used:?}");
        assert!(layers <= once + 20, "{layers} {once}");
        assert!(bytes <= once_bytes + 20 * 100 * MIB, "{bytes} {once_bytes}");
    }

    #[test]
    fn two_shards_share_a_group_that_is_all_there_is() {
        for each in [200, 201] {
            let shards = assign(&modules(1, each), count(2));
            let of_first = shards.iter().filter(|shard| **shard == 0).count();
            assert!(of_first.abs_diff(each / 2) <= 1, "{of_first} of {each}");
        }
    }

    #[test]
    fn every_module_is_in_one_shard_whatever_is_known_of_its_image() {
        let mut modules = modules(3, 5);
        modules.extend((0..25).map(|_| Layers::new()));
        for number in [1, 2, 7, 100] {
            let shards = assign(&modules, count(number));
            assert_eq!(shards.len(), modules.len());
            assert!(shards.iter().all(|shard| *shard < number));
            assert_eq!(
                shards,
                assign(&modules, count(number)),
                "each shard computes the same"
            );
        }
        let none = vec![Layers::new(); 20];
        let shards = assign(&none, count(4));
        for shard in 0..4 {
            assert_eq!(shards.iter().filter(|own| **own == shard).count(), 5);
        }
        assert!(assign(&[], count(3)).is_empty());
    }
}
