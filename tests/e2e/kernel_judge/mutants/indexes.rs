//! Edits of the folder around a module: lines of depmod's files, files of other names, indexes
//! that do not fit what is there.

use super::super::folder::Folder;
use super::random::Random;

/// What `modprobe` reads, and the texts that it does not.
const FILES: [&str; 12] = [
    "modules.dep.bin",
    "modules.dep.bin",
    "modules.dep",
    "modules.alias.bin",
    "modules.softdep",
    "modules.softdep",
    "modules.symbols.bin",
    "modules.builtin.bin",
    "modules.builtin.alias.bin",
    "modules.devname",
    "modules.alias",
    "modules.weakdep",
];

/// Lines of `modules.softdep` that somebody could have written.
const SOFT: [&str; 10] = [
    "softdep kmm_good pre: kmm_base",
    "softdep kmm_good pre: kmm_absent",
    "softdep kmm_soft post: kmm_absent",
    "softdep kmm_base pre: kmm_user",
    "softdep kmm_user pre: kmm_good post: kmm_base",
    "softdep kmm-good pre: kmm-base",
    "softdep kmm_good kmm_base",
    "softdep",
    "# softdep kmm_good pre: kmm_absent",
    "softdep kmm_good pre: dummy \\",
];

#[derive(Clone, Copy)]
enum Edit {
    Lines,
    Soft,
    Gone,
    Empty,
    Another,
    Renamed,
    Moved,
    Copied,
    Stale,
}

/// Edits the folder around one of its modules; the folder, what was done, and the module's
/// new name where it has one that is to be asked for.
pub(super) fn edit(
    random: &mut Random,
    folder: &Folder,
    file: &str,
) -> Option<(Folder, String, Option<String>)> {
    let edit = random.weighted(&[
        (2, Edit::Lines),
        (3, Edit::Soft),
        (3, Edit::Gone),
        (1, Edit::Empty),
        (2, Edit::Another),
        (5, Edit::Renamed),
        (3, Edit::Moved),
        (2, Edit::Copied),
        (3, Edit::Stale),
    ]);
    let folder = folder.clone();
    let bytes = folder.bytes(file);
    let (start, end) = file.split_once(".ko")?;
    let (parent, name) = start.rsplit_once('/')?;
    let (folder, words) = match edit {
        Edit::Lines => return lines(random, folder).map(|(folder, words)| (folder, words, None)),
        Edit::Soft => {
            let line = random.pick(&SOFT);
            let text = [folder.bytes("modules.softdep"), line.as_bytes().to_vec()];
            let end = if random.below(4) == 0 { "" } else { "\n" };
            let text = [text.concat(), end.as_bytes().to_vec()].concat();
            (
                folder.put("modules.softdep", text),
                format!("`{line}` in modules.softdep"),
            )
        }
        Edit::Gone => {
            let index = *random.pick(&FILES);
            if !folder.indexes().iter().any(|name| name == index) {
                return None;
            }
            (folder.without(index), format!("{index} gone"))
        }
        Edit::Empty => {
            let index = *random.pick(&FILES);
            (folder.put(index, ""), format!("{index} empty"))
        }
        Edit::Another => {
            let all = folder.indexes();
            let (index, other) = (*random.pick(&FILES), random.pick(&all));
            let bytes = folder.bytes(other);
            (folder.put(index, bytes), format!("{other} as {index}"))
        }
        Edit::Renamed => {
            let new = match random.below(5) {
                0 | 1 => name.replace('_', "-"),
                2 => name.to_uppercase(),
                3 => format!("{name}_2"),
                _ => "kmm_other".to_owned(),
            };
            let to = format!("{parent}/{new}.ko{end}");
            let folder = folder.without(file).put(&to, bytes);
            let (folder, how) = indexed_or_not(random, folder);
            let asked = (random.below(2) == 0).then_some(new);
            return Some((folder, format!("{file} renamed {to}{how}"), asked));
        }
        Edit::Moved => {
            let to = random.pick(&[
                "updates",
                "extra/kmm",
                "weak-updates",
                "kernel",
                "build",
                "EXTRA",
            ]);
            let to = format!("{to}/{name}.ko{end}");
            let (folder, how) = indexed_or_not(random, folder.without(file).put(&to, bytes));
            (folder, format!("{file} moved to {to}{how}"))
        }
        Edit::Copied => {
            let to = random.pick(&["updates", "weak-updates", "kernel", "zzz"]);
            let to = format!("{to}/{name}.ko{end}");
            let bytes = if random.below(2) == 0 {
                bytes
            } else {
                b"\x7fELF".to_vec()
            };
            let length = bytes.len();
            let (folder, how) = indexed_or_not(random, folder.put(&to, bytes));
            (folder, format!("{to} of {length} bytes beside {file}{how}"))
        }
        Edit::Stale => {
            let old = folder.clone().without(file);
            let old = old
                .clone()
                .indexes()
                .iter()
                .fold(old, |old, index| old.without(index));
            let old = old.depmod();
            let indexes = old.indexes();
            let folder = indexes
                .iter()
                .fold(folder, |folder, index| folder.put(index, old.bytes(index)));
            (folder, format!("indexes from before {file} came"))
        }
    };
    Some((folder, words, None))
}

/// Runs depmod over the folder as it is now, or leaves the indexes of what was there before.
pub(super) fn indexed_or_not(random: &mut Random, folder: Folder) -> (Folder, &'static str) {
    if random.below(3) == 0 {
        return (folder, ", indexes as before");
    }
    (again(folder), ", then depmod")
}

/// Runs depmod in place of what it wrote before, which stays where it ends at an assertion of its
/// own over the damage (`elf_get_mem`): nobody has other indexes then.
pub(super) fn again(folder: Folder) -> Folder {
    let bare = folder
        .indexes()
        .iter()
        .fold(folder.clone(), |folder, index| folder.without(index));
    bare.indexed(None).unwrap_or(folder)
}

/// Lines of a text of depmod's in another order, gone, doubled, or with another path.
fn lines(random: &mut Random, folder: Folder) -> Option<(Folder, String)> {
    let file = *random.pick(&["modules.dep", "modules.softdep", "modules.alias"]);
    let before = String::from_utf8(folder.bytes(file)).expect("depmod writes text");
    let mut lines: Vec<String> = before.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return None;
    }
    let (at, other) = (random.below(lines.len()), random.below(lines.len()));
    let words = match random.below(5) {
        0 => {
            lines.swap(at, other);
            format!("lines {at} and {other} of {file} swapped")
        }
        1 => format!("`{}` gone from {file}", lines.remove(at)),
        2 => {
            let line = lines[at].clone();
            lines.insert(other, line);
            format!("line {at} of {file} once more as {other}")
        }
        3 => {
            lines[at] = lines[at].replacen("kmm_", "kmm-", 1);
            format!("`{}` in {file}", lines[at])
        }
        _ => {
            lines[at] = format!("/{}", lines[at]);
            format!("`{}` in {file}", lines[at])
        }
    };
    let after = lines.join("\n") + "\n";
    (after != before).then(|| (folder.put(file, after), words))
}
