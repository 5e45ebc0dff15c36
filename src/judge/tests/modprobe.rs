//! What is loaded, from where, and what the worker needs for it.

use super::*;

#[test]
fn dependencies_come_from_modules_dep() {
    let files = || {
        vec![
            ("foo.ko", ko(uses(module("foo"), "of_bar", 5))),
            ("extra/bar.ko", ko(exports(module("bar"), "of_bar", 5))),
        ]
    };
    let listed = [("foo", "foo.ko: extra/bar.ko"), ("bar", "extra/bar.ko:")];
    Case::of(layer(&listed, files())).is(Verified, &[]);
    Case::of(layer(&[("foo", "foo.ko:")], files())).is(Failed, &[Code::DependencyMissing]);
    // kmod forgets every dependency when one of them is not there.
    Case::of(layer(&[("foo", "foo.ko: extra/bar.ko gone.ko")], files()))
        .is(Failed, &[Code::DependencyMissing, Code::DependencyMissing]);
    Case::of(layer(
        &[("foo", "foo.ko: gone.ko")],
        vec![("foo.ko", ko(module("foo")))],
    ))
    .is(Verified, &[Code::DependencyMissing]);
}

/// Beside what a real image has, an image that was made to keep the look at it going.
#[test]
fn more_modules_than_any_modprobe_loads_are_not_followed() {
    let one = || vec![("foo.ko", ko(module("foo"))), ("bar.ko", ko(module("bar")))];
    let needs = |count: usize| format!("foo.ko:{}", " bar.ko".repeat(count));
    let dependencies = |count: usize| {
        let line = needs(count);
        Case::of(layer(&[("foo", &line), ("bar", "bar.ko:")], one()))
    };
    dependencies(20).is(Verified, &[]);
    dependencies(40_000).is(Verdict::Error, &[Code::ModuleUnreadable]);

    let chain = |length: usize| {
        let names: Vec<String> = (0..=length).map(|at| format!("m{at}")).collect();
        let lines: Vec<(String, String)> = names
            .iter()
            .map(|name| (name.clone(), "bar.ko:".to_owned()))
            .chain([("foo".to_owned(), "foo.ko:".to_owned())])
            .collect();
        let lines: Vec<(&str, &str)> = lines.iter().map(|(k, v)| (&**k, &**v)).collect();
        let softdeps: String = std::iter::once("softdep foo pre: m0\n".to_owned())
            .chain((0..length).map(|at| format!("softdep m{at} pre: m{}\n", at + 1)))
            .collect();
        let mut files = one();
        files.push(("modules.softdep", bytes(softdeps.as_bytes())));
        Case::of(layer(&lines, files)).judge().0
    };
    let is_unreadable = |findings: &[Finding]| {
        let mut codes = findings.iter().map(|finding| finding.code);
        codes.any(|code| code == Code::ModuleUnreadable)
    };
    assert!(!is_unreadable(&chain(100)));
    assert!(is_unreadable(&chain(1_000)));

    let softdeps = "softdep x pre: y\n".repeat(100_000);
    let mut files = one();
    files.push(("modules.softdep", bytes(softdeps.as_bytes())));
    let lines = [("foo", "foo.ko:")];
    Case::of(layer(&lines, files)).is(Verdict::Error, &[Code::ModuleUnreadable]);
}

#[test]
fn an_in_tree_dependency_needs_the_host_link() {
    let lines = [("foo", "foo.ko: host/kernel/drivers/net/dummy.ko.xz")];
    let elf = || ko(uses(module("foo"), "of_dummy", 4));
    let link = Node::Symlink(format!("/lib/modules/{K}"));
    let with = layer(&lines, vec![("foo.ko", elf()), ("host", link)]);
    Case::of(with).is(Verified, &[]);
    Case::of(layer(&lines, vec![("foo.ko", elf())]))
        .is(Failed, &[Code::DependencyMissing, Code::DependencyMissing]);
}

/// `depmod_module_is_higher_priority`: which of two files of one name is listed.
#[test]
fn an_in_tree_module_that_depmod_lists_is_loaded_in_place_of_the_images() {
    let in_tree = "host/kernel/drivers/net/dummy.ko.xz";
    let case = |lines: &[(&str, &str)], own: &str, name: &str| {
        let link = Node::Symlink(format!("/lib/modules/{K}"));
        let mut files = vec![("foo.ko", ko(module("foo"))), ("host", link)];
        if !own.is_empty() {
            files.push((own, ko(module("dummy"))));
        }
        Case::of(layer(lines, files)).with(|case| case.modprobe.module_name = name.to_owned())
    };
    let listed = format!("{in_tree}:");
    let alone = [("dummy", listed.as_str())];
    case(&alone, "extra/dummy.ko", "dummy").is(Unknown, &[Code::InTreeModule]);
    case(&alone, "", "dummy").is(Verified, &[]);
    let needs = format!("foo.ko: {in_tree}");
    let both = [("foo", needs.as_str()), ("dummy", &listed)];
    case(&both, "extra/dummy.ko", "foo").is(Unknown, &[Code::InTreeModule]);
    case(&both, "", "foo").is(Verified, &[]);
    let own = [("dummy", "updates/dummy.ko:")];
    case(&own, "updates/dummy.ko", "dummy").is(Verified, &[]);
    let (findings, _) = case(&alone, "extra/dummy.ko", "dummy").judge();
    let of_in_tree = findings.iter().find(|it| it.code == Code::InTreeModule);
    let finding = of_in_tree.expect("a finding");
    for path in ["kernel/drivers/net/dummy.ko.xz", "extra/dummy.ko"] {
        assert!(finding.message.contains(path), "{}", finding.message);
    }
    let hint = finding.hint.as_deref().unwrap_or_default();
    assert!(hint.contains("updates"), "{hint}");
}

/// A package of the kernel may leave modules out, which nodes have.
#[test]
fn an_in_tree_module_that_only_the_facts_lack_is_a_doubt() {
    let lines = [("foo", "foo.ko: host/kernel/net/crc7.ko.xz")];
    let case = |built: Option<&str>, is_of_nodes| {
        let link = Node::Symlink(format!("/lib/modules/{K}"));
        let files = vec![("foo.ko", ko(module("foo"))), ("host", link)];
        Case::of(layer(&lines, files)).with(|case| {
            let facts = case.facts.as_mut().expect("facts");
            facts.built_as_modules = built.map(|name| [Box::from(name)].into());
            facts.is_of_nodes = is_of_nodes;
        })
    };
    case(Some("crc7"), false).is(Unknown, &[Code::KernelFactsMissing]);
    case(None, false).is(Unknown, &[Code::KernelFactsMissing]);
    let codes = [Code::DependencyMissing];
    case(Some("dummy"), false).is(Verified, &codes);
    case(Some("crc7"), true).is(Verified, &codes);
}

#[test]
fn upstreams_worker_has_the_nodes_modules_twice() {
    let lines = [("foo", "foo.ko: host/kernel/drivers/net/dummy.ko.xz")];
    let case = |upstream, minor| {
        let link = Node::Symlink(format!("/host/lib/modules/{K}"));
        let elf = ko(uses(module("foo"), "of_dummy", 4));
        let files = vec![("foo.ko", elf), ("host", link)];
        Case::of(layer(&lines, files)).with(|case| {
            case.release = KmmRelease {
                major: 2,
                minor,
                upstream,
            };
        })
    };
    let (missing, assumed) = (Code::DependencyMissing, Code::KmmFlavorUnknown);
    case(true, 7).is(Verified, &[]);
    case(true, 6).is(Verified, &[]);
    case(true, 5).is(Failed, &[missing, missing, assumed]);
    case(false, 7).is(Failed, &[missing, missing, assumed]);
}

/// depmod ran where the kernel's own modules were not: the link alone helps nothing.
#[test]
fn a_hint_asks_for_no_host_link_that_is_there() {
    let lines = [("foo", "foo.ko:")];
    let elf = || ko(uses(module("foo"), "of_dummy", 4));
    let link = Node::Symlink(format!("/lib/modules/{K}"));
    for (files, asks_for_link) in [
        (vec![("foo.ko", elf()), ("host", link)], false),
        (vec![("foo.ko", elf())], true),
    ] {
        let (findings, _) = Case::of(layer(&lines, files)).judge();
        let missing = findings.iter().find(|f| f.code == Code::DependencyMissing);
        let hint = missing.and_then(|f| f.hint.clone()).expect("a hint");
        assert_eq!(hint.contains("ln -s"), asks_for_link, "{hint}");
        assert!(hint.contains("before running depmod"), "{hint}");
    }
}

#[test]
fn soft_dependencies_never_fail_a_load() {
    let lines = [("foo", "foo.ko:"), ("bar", "bar.ko:")];
    let broken = set(module("bar"), "vermagic", "wrong ");
    let case = |order: &[&str]| {
        let files = vec![
            ("foo.ko", ko(module("foo"))),
            ("bar.ko", ko(broken.clone())),
        ];
        Case::of(layer(&lines, files)).with(|case| {
            case.modprobe.modules_loading_order =
                order.iter().map(|name| (*name).to_owned()).collect();
        })
    };
    case(&["foo", "bar"]).is(Verified, &[Code::SoftDependencyMissing]);
    case(&["foo", "gone"]).is(Verified, &[Code::SoftDependencyMissing]);
    // A module's own soft dependency stands before KMM's, and only the first counts.
    let mut own = layer(
        &lines,
        vec![
            ("foo.ko", ko(uses(module("foo"), "of_bar", 5))),
            ("bar.ko", ko(exports(module("bar"), "of_bar", 5))),
            ("modules.softdep", bytes(b"softdep foo pre: other\n")),
        ],
    );
    let order = |layer| {
        Case::of(layer).with(|case| {
            case.modprobe.modules_loading_order = vec!["foo".into(), "bar".into()];
        })
    };
    order(own.clone()).is(
        Failed,
        &[
            Code::DependencyMissing,
            Code::SoftDependencyMissing,
            Code::SoftDependencyMissing,
        ],
    );
    own.entries
        .insert(format!("{FOLDER}/modules.softdep"), bytes(b"# nothing\n"));
    order(own).is(Verified, &[]);
}

#[test]
fn what_modprobe_does_not_find() {
    let absent = |layer: LayerIndex, name: &str| {
        let mut layer = layer;
        layer.entries.remove(&format!("{FOLDER}/{name}"));
        layer
    };
    let whole = || layer(&[("foo", "foo.ko:")], vec![("foo.ko", ko(module("foo")))]);
    Case::of(absent(whole(), "modules.dep.bin")).is(Failed, &[Code::ModulesDepMissing]);
    Case::of(absent(whole(), "foo.ko")).is(Failed, &[Code::ModuleNotFound]);
    Case::of(layer(&[], vec![("foo.ko", ko(module("foo")))]))
        .is(Failed, &[Code::ModuleNotInModulesDep]);
    Case::of(layer(&[], Vec::new())).is(Failed, &[Code::ModuleNotFound]);
    let mut other = LayerIndex::default();
    other
        .entries
        .insert("opt/lib/modules/5.14.0-1/foo.ko".into(), ko(module("foo")));
    let case = Case::of(other);
    case.is(Failed, &[Code::ModuleNotFound]);
    assert!(case.judge().0[0].message.contains("5.14.0-1"));
}

#[test]
fn links_are_followed_in_the_worker() {
    let lines = [("foo", "foo.ko:")];
    let inside = layer(
        &lines,
        vec![
            ("foo.ko", Node::Symlink("data/foo.ko".into())),
            ("data/foo.ko", ko(module("foo"))),
        ],
    );
    Case::of(inside).is(Verified, &[]);
    let outside = layer(
        &lines,
        vec![
            ("foo.ko", Node::Symlink("/srv/foo.ko".into())),
            ("/srv/foo.ko", ko(module("foo"))),
        ],
    );
    Case::of(outside).is(Failed, &[Code::ModuleNotFound]);
    // `cp -R` copies a link that is named on its command line as a link.
    let mut linked = LayerIndex::default();
    for (path, node) in layer(&lines, vec![("foo.ko", ko(module("foo")))]).entries {
        linked.entries.insert(path.replace(K, "real"), node);
    }
    linked
        .entries
        .insert(FOLDER.into(), Node::Symlink("real".into()));
    Case::of(linked).is(Failed, &[Code::ModuleNotFound]);
}

#[test]
fn no_lower_layer_is_read_than_the_answer_needs() {
    let top = layer(&[("foo", "foo.ko:")], vec![("foo.ko", ko(module("foo")))]);
    let case = Case::of(top).with(|case| case.layers.push(LayerIndex::default()));
    assert_eq!(case.judge().1, 1);
    let case = case.with(|case| case.shell = false);
    assert_eq!(case.judge().1, 2);
}

#[test]
fn the_init_container_needs_its_tools() {
    let with = |names: &[&'static str]| {
        let mut files = vec![("foo.ko", ko(module("foo")))];
        files.extend(names.iter().map(|name| (*name, program())));
        Case::of(layer(&[("foo", "foo.ko:")], files)).with(|case| case.shell = false)
    };
    with(&["/bin/sh", "/usr/bin/mkdir", "/bin/cp"]).is(Verified, &[]);
    with(&["/bin/sh", "/usr/bin/mkdir"]).is(Failed, &[Code::ImageToolsMissing]);
    with(&[]).is(Failed, &[Code::ImageToolsMissing]);
    with(&[])
        .with(|case| {
            case.release = KmmRelease {
                minor: 1,
                ..KmmRelease::NEWEST
            };
        })
        .is(Verified, &[]);
}

#[test]
fn firmware_that_cannot_be_copied_fails_the_load() {
    let case = |files: Vec<(&str, Node)>| {
        let mut files = files;
        files.push(("foo.ko", ko(set(module("foo"), "firmware", "x.bin"))));
        Case::of(layer(&[("foo", "foo.ko:")], files))
            .with(|case| case.modprobe.firmware_path = "/firmware".into())
    };
    case(vec![("/firmware/x.bin", bytes(b"x"))]).is(Verified, &[]);
    case(vec![("/firmware/y.bin", bytes(b"x"))]).is(Verified, &[Code::FirmwareMissing]);
    case(vec![("/firmware/.keep", bytes(b"x"))])
        .is(Failed, &[Code::FirmwareMissing, Code::FirmwareMissing]);
}

#[test]
fn arguments_that_load_nothing_fail() {
    let raw = |words: &[&str]| {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Case::module(module("foo")).with(|case| {
            case.modprobe.raw_args = Some(ModprobeArgs {
                load: words,
                unload: Vec::new(),
            });
        })
    };
    raw(&["-d", "/tmp/opt", "foo"]).is(Verified, &[]);
    raw(&["-d", "/opt", "foo"]).is(Failed, &[Code::ModuleNotFound]);
    raw(&["-n", "-d", "/tmp/opt", "foo"]).is(Failed, &[Code::ModprobeArgsInvalid]);
    raw(&["dummy"]).is(Verified, &[Code::InTreeModule]);
    raw(&["-d", "/tmp/opt", "foo", "x=1"]).is(Verified, &[Code::ModprobeArgsInvalid]);
}
