use serde_json::json;

use super::*;
use crate::kernel::release::DriverToolkitRelease;

const K9: &str = "5.14.0-570.el9.x86_64";
const K10: &str = "6.12.0-55.el10.x86_64";

fn stream(name: &str, kernel: &str, rt: Option<&str>) -> Stream {
    Stream {
        name: Some(name.into()),
        dtk_image: Some(format!("dtk-{name}")),
        toolkit: Some(DriverToolkitRelease {
            kernel_version: kernel.into(),
            rt_kernel_version: rt.map(str::to_owned),
            rhel_version: String::new(),
        }),
        ..Stream::default()
    }
}

fn release(version: &str, streams: Vec<Stream>) -> ReleaseKernels {
    ReleaseKernels {
        release_image: Some(format!("release:{version}")),
        version: Some(version.into()),
        arch: Arch::Amd64,
        streams,
        notes: Vec::new(),
    }
}

fn need(pool: &str, source: Source, kernel_type: KernelType, node: &str) -> Need {
    Need {
        pool: Some(pool.into()),
        source,
        kernel_type,
        arch: Some(Arch::Amd64),
        nodes: Some([node.to_owned()].into()),
    }
}

fn of_stream(name: &str) -> Source {
    Source::Stream(name.into())
}

/// Each target as `kernel/pools/releases/nodes`.
fn shown(assigned: &Assigned) -> Vec<String> {
    let shown = assigned.targets.iter().map(|target| {
        let scope = &target.scope;
        format!(
            "{} {} {} {}",
            target.kernel_version,
            scope.pools.join(","),
            scope.releases.join(","),
            scope.nodes.as_ref().map_or(0, BTreeSet::len)
        )
    });
    shown.collect()
}

#[test]
fn equal_kernels_are_one_target_that_names_its_pools() {
    let rt = format!("{K9}+rt");
    let two = release(
        "5.0.1",
        vec![
            stream("rhel-9", K9, Some(&rt)),
            stream("rhel-10", K10, None),
        ],
    );
    let needs = [
        need("master", of_stream("rhel-9"), KernelType::Default, "m"),
        need("worker", of_stream("rhel-10"), KernelType::Default, "w"),
        need("infra", of_stream("rhel-9"), KernelType::Default, "i"),
        need("rt", of_stream("rhel-9"), KernelType::Realtime, "r"),
    ];
    let assigned = assign(&needs, &[two], &OwnImages::new());
    assert_eq!(
        shown(&assigned),
        [
            format!("{K9} master,infra 5.0.1 2"),
            format!("{K10} worker 5.0.1 1"),
            format!("{rt} rt 5.0.1 1"),
        ]
    );
    assert!(assigned.unserved.is_empty());
    assert_eq!(
        assigned.targets[1].dtk_image.as_deref(),
        Some("dtk-rhel-10")
    );
}

#[test]
fn a_kernel_of_two_releases_is_one_target() {
    let releases = [
        release("4.19.1", vec![stream("rhel-9", K9, None)]),
        release("4.19.2", vec![stream("rhel-9", K9, None)]),
    ];
    let needs = [need("worker", Source::AnyStream, KernelType::Default, "w")];
    let assigned = assign(&needs, &releases, &OwnImages::new());
    assert_eq!(shown(&assigned), [format!("{K9} worker 4.19.1,4.19.2 1")]);
}

#[test]
fn what_a_release_lacks_is_told_with_the_pools_name() {
    let one = release("4.19.1", vec![stream("rhel-9", K9, None)]);
    let needs = [
        need("worker", of_stream("rhel-10"), KernelType::Default, "w"),
        need("rt", of_stream("rhel-9"), KernelType::Realtime, "r"),
        need("pages", of_stream("rhel-9"), KernelType::Pages64k, "p"),
    ];
    let assigned = assign(&needs, &[one], &OwnImages::new());
    assert!(assigned.targets.is_empty());
    let whys: Vec<String> = assigned.unserved.iter().map(ToString::to_string).collect();
    for (why, words) in whys.iter().zip([
        [
            "pool worker",
            "no operating system stream rhel-10",
            "it has: rhel-9",
        ],
        ["pool rt", "no real-time kernel", "4.19.1"],
        ["pool pages", "no 64k-pages kernel", "4.19.1"],
    ]) {
        for word in words {
            assert!(why.contains(word), "{word}: {why}");
        }
    }
}

#[test]
fn a_pool_without_a_stream_gets_each_of_the_release() {
    let rt = format!("{K10}+rt");
    let two = release(
        "5.0.1",
        vec![
            stream("rhel-9", K9, None),
            stream("rhel-10", K10, Some(&rt)),
        ],
    );
    let needs = [
        need("worker", Source::AnyStream, KernelType::Default, "w"),
        need("rt", Source::AnyStream, KernelType::Realtime, "r"),
    ];
    let assigned = assign(&needs, &[two], &OwnImages::new());
    assert_eq!(
        shown(&assigned),
        [
            format!("{K9} worker 5.0.1 1"),
            format!("{K10} worker 5.0.1 1"),
            format!("{rt} rt 5.0.1 1"),
        ]
    );
    assert!(assigned.unserved.is_empty(), "{:?}", assigned.unserved);
}

#[test]
fn a_layered_pool_gets_the_kernel_of_its_own_image() {
    let own_kernel = "5.14.0-999.hotfix.el9.x86_64";
    let image = || Source::Image("own".into());
    let own_stream = Stream {
        os_image: Some("own".into()),
        os_kernel: Some(own_kernel.into()),
        ..Stream::default()
    };
    let kernels = release("", vec![own_stream]);
    let key = || ("own".to_owned(), Arch::Amd64);
    let own: OwnImages = [(key(), Ok(kernels))].into();
    let one = release("4.19.1", vec![stream("rhel-9", K9, None)]);
    let needs = [
        need("layered", image(), KernelType::Default, "l"),
        need("rt", image(), KernelType::Realtime, "r"),
    ];
    let assigned = assign(&needs, std::slice::from_ref(&one), &own);
    assert_eq!(shown(&assigned), [format!("{own_kernel} layered  1")]);
    assert_eq!(assigned.targets[0].os_image.as_deref(), Some("own"));
    assert!(assigned.unserved[0].to_string().contains("pool rt"));

    let away: OwnImages = [(key(), Err("registry x cannot be reached".to_owned()))].into();
    let assigned = assign(&needs[..1], &[one], &away);
    assert!(assigned.targets.is_empty());
    assert_eq!(
        assigned.unserved[0].to_string(),
        "The kernel of pool layered is not known: registry x cannot be reached"
    );
}

#[test]
fn kernels_of_today_have_the_images_of_todays_release() {
    let node = |name: &str, kernel: &str| {
        Node::of(&json!({"metadata": {"name": name},
            "status": {"nodeInfo": {"architecture": "amd64", "kernelVersion": kernel}}}))
        .expect("a node")
    };
    let nodes = [
        node("a", K9),
        node("b", K9),
        node("c", "5.14.0-1.el9.x86_64"),
        node("d", ""),
    ];
    let of_pools: Vec<(&Node, Option<&str>)> = nodes.iter().map(|n| (n, Some("worker"))).collect();
    let todays = [release("4.18.9", vec![stream("rhel-9", K9, None)])];
    let mut assigned = Assigned::default();
    current(&of_pools, &todays, &[], &mut assigned);
    assert_eq!(
        shown(&assigned),
        [
            "5.14.0-1.el9.x86_64 worker  1".to_owned(),
            format!("{K9} worker 4.18.9 2")
        ]
    );
    assert_eq!(assigned.targets[0].dtk_image, None);
    assert_eq!(assigned.targets[1].dtk_image.as_deref(), Some("dtk-rhel-9"));
    assert!(
        assigned
            .targets
            .iter()
            .all(|target| target.scope.is_current)
    );
    assert!(assigned.unserved[0].to_string().contains("node d"));
}
