//! What runs that were killed have left: their builders, and their folders with Secrets.

use std::path::Path;

use crate::image_build::processes;
use crate::own_files::workspace;

/// Ends the builders of dead runs and removes their folders. A run that is alive holds its
/// folder locked and is not touched.
pub(crate) fn remove() {
    for (folder, _lock) in workspace::left_by_dead_runs() {
        tracing::info!("removing {}, which a killed run left", folder.display());
        processes::end_working_in(&folder);
        workspace::remove(&folder);
    }
}

/// True when a process's environment names something below a folder: builders get their
/// temporary folder there.
pub(super) fn names_folder(environment: &[u8], folder: &Path) -> bool {
    let folder = folder.as_os_str().as_encoded_bytes();
    environment
        .split(|byte| *byte == 0)
        .filter_map(|variable| variable.strip_prefix(b"TMPDIR="))
        .any(|value| {
            value
                .strip_prefix(folder)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_works_in_the_folder_is_meant() {
        let folder = Path::new("/var/tmp/kmm-preflight-a");
        for (environment, named) in [
            (
                &b"A=b\0TMPDIR=/var/tmp/kmm-preflight-a/0/temporary\0"[..],
                true,
            ),
            (b"TMPDIR=/var/tmp/kmm-preflight-a", true),
            (b"TMPDIR=/var/tmp/kmm-preflight-ab/0", false),
            (b"TMPDIR=/var/tmp\0OTHER=/var/tmp/kmm-preflight-a", false),
            (b"", false),
        ] {
            assert_eq!(names_folder(environment, folder), named);
        }
    }
}
