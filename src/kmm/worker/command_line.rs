//! What KMM tells `modprobe`.

use crate::kmm::module::Modprobe;
use crate::kmm::releases::{Feature, KmmRelease};

/// The folder that KMM's init container and worker share.
pub(crate) const SHARED_DIR: &str = "/tmp";

/// The arguments that KMM gives `modprobe`: since 2.0 its worker (`internal/worker/worker.go`,
/// `LoadKmod`), before that the container of the image itself.
pub(crate) fn of_module(modprobe: &Modprobe, release: KmmRelease) -> Vec<String> {
    if let Some(raw) = &modprobe.raw_args {
        return raw.load.clone();
    }
    let root = if release.has(Feature::Worker) {
        join(&[SHARED_DIR, &modprobe.dir_name])
    } else {
        modprobe.dir_name.clone()
    };
    let mut words = vec!["-vd".to_owned(), root];
    if let Some(args) = &modprobe.args {
        words.extend(args.load.iter().cloned());
    }
    words.push(modprobe.module_name.clone());
    words.extend(modprobe.parameters.iter().cloned());
    words
}

/// KMM's `/etc/modprobe.d/softdep.conf` (`internal/pod/workerpodmanager.go`,
/// `getModulesOrderAnnotationValue`): each module of `modulesLoadingOrder` needs the next first.
pub(crate) fn softdep_conf(order: &[String]) -> String {
    order
        .windows(2)
        .map(|pair| format!("softdep {} pre: {}\n", pair[0], pair[1]))
        .collect()
}

/// Go's `filepath.Join`: joined with `/`, cleaned of `.`, `..` and empty elements without
/// a look at any link.
pub(crate) fn join(parts: &[&str]) -> String {
    let joined = parts
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join("/");
    let absolute = joined.starts_with('/');
    let mut clean: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." if clean.last().is_some_and(|last| *last != "..") => {
                clean.pop();
            }
            ".." if absolute => {}
            part => clean.push(part),
        }
    }
    let root = if absolute { "/" } else { "" };
    format!("{root}{}", clean.join("/"))
}

#[cfg(test)]
mod tests {
    use kernel_loader::modprobe::command_line::parse;
    use kernel_loader::modprobe::config::Config;

    use super::*;
    use crate::kmm::module::ModprobeArgs;

    #[test]
    fn kmm_puts_its_arguments_together() {
        let mut modprobe = Modprobe {
            module_name: "foo".into(),
            dir_name: "/opt/../srv/".into(),
            parameters: vec!["a=b c".into()],
            args: Some(ModprobeArgs {
                load: vec!["--force".into()],
                unload: Vec::new(),
            }),
            ..Modprobe::default()
        };
        assert_eq!(
            of_module(&modprobe, KmmRelease::NEWEST),
            ["-vd", "/tmp/srv", "--force", "foo", "a=b c"]
        );
        let line = parse(&of_module(&modprobe, KmmRelease::NEWEST)).expect("a command line");
        assert_eq!(line.parameters, "a=\"b c\"");
        modprobe.raw_args = Some(ModprobeArgs {
            load: vec![
                "-d".into(),
                "/tmp/opt".into(),
                "-a".into(),
                "x".into(),
                "y".into(),
            ],
            unload: Vec::new(),
        });
        let line = parse(&of_module(&modprobe, KmmRelease::NEWEST)).expect("a command line");
        assert_eq!(line.names, ["x", "y"]);
    }

    #[test]
    fn paths_are_cleaned_as_go_does() {
        for (parts, clean) in [
            (&["/tmp", "/opt"][..], "/tmp/opt"),
            (&["/tmp", ""], "/tmp"),
            (&["", "lib"], "lib"),
            (&["/..", "a/./b//c/.."], "/a/b"),
            (&["../x", "y"], "../x/y"),
        ] {
            assert_eq!(join(parts), clean, "{parts:?}");
        }
    }

    #[test]
    fn a_loading_order_is_a_chain() {
        let mut config = Config::default();
        let order = ["a".into(), "b".into(), "c".into()];
        config.read(&softdep_conf(&order)).expect("short names");
        let chain: Vec<_> = config
            .softdeps
            .iter()
            .map(|dep| (dep.name.as_str(), dep.pre.join(" ")))
            .collect();
        assert_eq!(chain, [("a", "b".to_owned()), ("b", "c".to_owned())]);
    }
}
