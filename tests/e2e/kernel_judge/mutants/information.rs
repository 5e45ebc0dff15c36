//! Edits of `.modinfo`, string by string.

use super::super::elf::Elf;
use super::random::Random;

const SECTION: &str = ".modinfo";

/// Keys with values that somebody could have written.
const VALUES: [(&str, &[&str]); 19] = [
    (
        "license",
        &[
            "GPL v2",
            "GPL and additional rights",
            "Dual BSD/GPL",
            "Dual MIT/GPL",
            "Proprietary",
            "BSD",
            "MIT",
            "GPLv2",
            "GPL-2.0",
            "GPL-2.0-only",
            "gpl",
            "",
        ],
    ),
    (
        "depends",
        &[
            "",
            "kmm_base",
            "kmm_absent",
            "kmm_good,kmm_base",
            "dummy",
            ",",
        ],
    ),
    ("name", &["kmm_other", "kmm-good", "", "dummy"]),
    (
        "import_ns",
        &[
            "KMM_SPACE",
            "KMM_OTHER",
            "",
            "kmm_space",
            "KMM_SPACE,KMM_OTHER",
        ],
    ),
    ("retpoline", &["Y", "N", ""]),
    ("intree", &["Y", "N", ""]),
    ("staging", &["Y", "N"]),
    ("livepatch", &["Y", "N", ""]),
    ("test", &["Y"]),
    ("version", &["1.0", ""]),
    ("srcversion", &["0123456789ABCDEF0123456", ""]),
    ("alias", &["kmm_good", "kmm_other", "*", ""]),
    (
        "softdep",
        &["pre: kmm_absent", "post: kmm_good", "pre:", ""],
    ),
    ("weakdep", &["kmm_absent", "kmm_good"]),
    ("firmware", &["kmm/other.bin", ""]),
    ("parm", &["answer:another text", "answer", ""]),
    ("parmtype", &["answer:charp", "answer", "absent:int", ""]),
    ("scmversion", &["g0123456789ab"]),
    ("sig_id", &["PKCS#7"]),
];

#[derive(Clone, Copy)]
enum Edit {
    Swap,
    Remove,
    Double,
    ToFront,
    Magic,
    Value,
    Added,
    Key,
    Joined,
    Padded,
    NoEnd,
    Reversed,
}

/// Makes one edit; the file, and what was done in words.
pub(super) fn edit(random: &mut Random, module: &Elf) -> Option<(Vec<u8>, String)> {
    let index = module.find(SECTION)?;
    module.bytes.get(module.range_of(index))?;
    let entries = module.modinfo();
    if entries.is_empty() {
        return None;
    }
    let edit = random.weighted(&[
        (3, Edit::Swap),
        (5, Edit::Remove),
        (3, Edit::Double),
        (1, Edit::ToFront),
        (6, Edit::Magic),
        (9, Edit::Value),
        (3, Edit::Added),
        (3, Edit::Key),
        (1, Edit::Joined),
        (2, Edit::Padded),
        (1, Edit::NoEnd),
        (1, Edit::Reversed),
    ]);
    let mut after = entries.clone();
    let at = random.below(entries.len());
    let chosen = entries[at].clone();
    let words = match edit {
        Edit::Swap => {
            let other = random.below(entries.len());
            after.swap(at, other);
            format!("`{chosen}` and `{}` swapped", entries[other])
        }
        Edit::Remove => {
            after.remove(at);
            format!("`{chosen}` removed")
        }
        Edit::Double => {
            let to = random.below(entries.len() + 1);
            after.insert(to, chosen.clone());
            format!("`{chosen}` once more as number {to}")
        }
        Edit::ToFront => {
            after.remove(at);
            after.insert(0, chosen.clone());
            format!("`{chosen}` before all others")
        }
        Edit::Magic => {
            let at = entries
                .iter()
                .position(|entry| entry.starts_with("vermagic="))?;
            after[at] = magic(random, &entries[at])?;
            format!("`{}` -> `{}`", entries[at], after[at])
        }
        Edit::Value => {
            let (key, value) = value(random);
            let start = format!("{key}=");
            let at = entries.iter().position(|entry| entry.starts_with(&start))?;
            after[at] = start + value;
            format!("`{}` -> `{}`", entries[at], after[at])
        }
        Edit::Added => {
            let (key, value) = value(random);
            let to = *random.pick(&[0, entries.len()]);
            after.insert(to, format!("{key}={value}"));
            format!("`{}` as number {to}", after[to])
        }
        Edit::Key => {
            let (key, value) = chosen.split_once('=')?;
            after[at] = match random.below(5) {
                0 => format!("{}={value}", key.to_uppercase()),
                1 => format!("{key} = {value}"),
                2 => format!(" {key}={value}"),
                3 => key.to_owned(),
                _ => format!("x{key}={value}"),
            };
            format!("`{chosen}` -> `{}`", after[at])
        }
        Edit::Joined => {
            let next = after.get(at + 1)?.clone();
            after.remove(at + 1);
            after[at] = format!("{chosen}\n{next}");
            format!("`{chosen}` and `{next}` joined by a line feed")
        }
        Edit::Padded => {
            let zeros = 1 + random.below(70);
            after[at] = "\0".repeat(zeros) + &chosen;
            format!("{zeros} zeros before `{chosen}`")
        }
        Edit::NoEnd => {
            let bytes = entries.join("\0").into_bytes();
            let bytes = module.clone().contents(SECTION, &bytes).bytes;
            return Some((bytes, format!("no end of `{}`", entries[entries.len() - 1])));
        }
        Edit::Reversed => {
            after.reverse();
            format!("the order of {SECTION} reversed")
        }
    };
    (after != entries).then(|| (module.clone().set_modinfo(&after).bytes, words))
}

fn value(random: &mut Random) -> (&'static str, &'static str) {
    // Half of them where they count most.
    let most = if random.below(2) == 0 {
        6
    } else {
        VALUES.len()
    };
    let (key, values) = VALUES[random.below(most)];
    (key, *random.pick(values))
}

/// Another version magic: release and flags, with a blank after each.
fn magic(random: &mut Random, entry: &str) -> Option<String> {
    let (release, flags) = entry.split_once(' ')?;
    let mut words: Vec<&str> = flags.split(' ').filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return None;
    }
    let at = random.below(words.len());
    match random.below(10) {
        0 | 1 => {
            words.remove(at);
        }
        2 => words.insert(
            at,
            *random.pick(&["preempt", "preempt_rt", "SMP", "RANDSTRUCT_1"]),
        ),
        3 => {
            let to = random.below(words.len());
            words.swap(at, to);
        }
        4 => return Some(entry.trim_end().to_owned()),
        5 => return Some(format!("{entry} ")),
        6 => return Some(entry.replacen(' ', "\t", 1)),
        _ => {
            let version = release.strip_prefix("vermagic=")?;
            let other = match random.below(5) {
                0 => format!("{version}.debug"),
                1 => version.replacen('-', "_", 1),
                2 => version.to_uppercase(),
                3 => version.split('-').next()?.to_owned(),
                _ => "5.14.0-427.13.1.el9_4.x86_64".to_owned(),
            };
            return Some(format!("vermagic={other} {flags}"));
        }
    }
    Some(format!("{release} {} ", words.join(" ")))
}
