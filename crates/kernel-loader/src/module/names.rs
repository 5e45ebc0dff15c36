//! Names of modules (`libkmod-util.c`).

/// The file name suffixes of kernel modules that kmod knows (`kmod_exts`).
pub const SUFFIXES: [&str; 4] = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];

/// The spelling under which kmod and the kernel know a module: `-` is `_`
/// (`modname_normalize`).
pub fn normalize(name: &str) -> String {
    name.replace('-', "_")
}

/// The file's path without its module suffix; `None` where it has none.
pub fn without_suffix(path: &str) -> Option<&str> {
    SUFFIXES.iter().find_map(|suffix| path.strip_suffix(suffix))
}

/// The normalised name of the module in a file: the part of its name before the first dot
/// (`path_to_modname`).
pub fn of_path(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    normalize(file.split('.').next().unwrap_or(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_the_name() {
        for (path, name) in [
            ("kernel/drivers/net/my-driver.ko.xz", "my_driver"),
            ("a.ko", "a"),
            ("extra/a_b.x.ko", "a_b"),
            ("plain", "plain"),
        ] {
            assert_eq!(of_path(path), name);
        }
    }

    #[test]
    fn suffixes_are_taken_off() {
        assert_eq!(without_suffix("x/a.ko.zst"), Some("x/a"));
        assert_eq!(without_suffix("x/a.ko"), Some("x/a"));
        assert_eq!(without_suffix("x/a.kos"), None);
    }
}
