//! Keeps the cache's folder within its size.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file of the cache.
struct Kept {
    path: PathBuf,
    modified: SystemTime,
    size: u64,
}

/// Removes entries of other formats, and of the rest the oldest until no more than `size`
/// bytes are left. `is_current` tells of a folder whether its entries have this format; folders
/// that hold no entries are left alone. What cannot be removed stays.
pub(super) fn sweep(dir: &Path, size: u64, is_current: impl Fn(&str) -> Option<bool>) {
    let mut kept = Vec::new();
    for folder in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = folder.file_name();
        let is_folder = folder.file_type().is_ok_and(|kind| kind.is_dir());
        match is_current(&name.to_string_lossy()).filter(|_| is_folder) {
            Some(true) => files(&folder.path(), &mut kept),
            Some(false) => {
                let _ = fs::remove_dir_all(folder.path());
            }
            None => {}
        }
    }
    let mut total: u64 = kept.iter().map(|file| file.size).sum();
    kept.sort_by_key(|file| file.modified);
    for file in kept {
        if total <= size {
            return;
        }
        if fs::remove_file(&file.path).is_ok() {
            total -= file.size;
        }
    }
}

fn files(folder: &Path, kept: &mut Vec<Kept>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if let Ok(metadata) = entry.metadata()
            && metadata.is_file()
        {
            kept.push(Kept {
                path: entry.path(),
                modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                size: metadata.len(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn old_formats_go_then_the_oldest_entries_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let put = |folder: &str, name: &str, age: u64| {
            let folder = dir.path().join(folder);
            fs::create_dir_all(&folder).expect("a folder");
            let file = fs::File::create(folder.join(name)).expect("a file");
            file.set_len(100).expect("its length");
            let date = SystemTime::now() - Duration::from_secs(age);
            file.set_modified(date).expect("its date");
        };
        put("new", "a", 30);
        put("new", "b", 10);
        put("new", "c", 20);
        put("old", "a", 0);
        put("photos", "a", 100);
        let is_current = |folder: &str| match folder {
            "new" => Some(true),
            "old" => Some(false),
            _ => None,
        };
        let exists = |path: &str| dir.path().join(path).exists();
        sweep(dir.path(), 300, is_current);
        assert!(exists("new/a") && !exists("old"));
        sweep(dir.path(), 150, is_current);
        assert!(exists("new/b") && !exists("new/a") && !exists("new/c"));
        sweep(dir.path(), 0, is_current);
        assert!(!exists("new/b") && exists("photos/a"));
    }
}
