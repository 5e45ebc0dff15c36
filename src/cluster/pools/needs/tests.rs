use serde_json::{Value, json};

use super::*;

fn node(name: &str, roles: &[&str], arch: &str, kernel: &str) -> Node {
    let labels: serde_json::Map<String, Value> = roles
        .iter()
        .map(|role| (format!("node-role.kubernetes.io/{role}"), json!("")))
        .collect();
    Node::of(&json!({
        "metadata": {"name": name, "labels": labels},
        "status": {"nodeInfo": {"architecture": arch, "kernelVersion": kernel,
                                "operatingSystem": "linux"}}
    }))
    .expect("a Linux node")
}

fn pool(name: &str, more: &Value) -> Pool {
    let mut spec = json!({
        "nodeSelector": {"matchLabels": {format!("node-role.kubernetes.io/{name}"): ""}},
        "configuration": {"name": format!("rendered-{name}")}});
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    Pool::of(&json!({"metadata": {"name": name}, "spec": spec,
        "status": {"configuration": {"name": format!("rendered-{name}")}}}))
}

fn rendered(kind: &str, image: &str) -> Rendered {
    Rendered::of(&json!({"spec": {"kernelType": kind, "osImageURL": image}}))
}

/// A cluster with these pools and nodes, every pool with the standard kernel of the release.
fn fleet(pools: Vec<Pool>, nodes: Vec<Node>) -> Fleet {
    let configs = pools
        .iter()
        .map(|pool| {
            (
                format!("rendered-{}", pool.name),
                rendered("default", "os@sha256:today"),
            )
        })
        .collect();
    Fleet {
        pools: Pools::Known(pools),
        nodes: Some(nodes),
        configs: Some(configs),
        streams: OsStreams::default(),
        release_images: ["mirror/os@sha256:today".to_owned()].into(),
    }
}

fn set(fleet: &mut Fleet, name: &str, config: Rendered) {
    let configs = fleet.configs.as_mut().expect("configurations");
    configs.insert(name.to_owned(), config);
}

/// Each need as `pool/source/kind/arch/nodes`.
fn shown(needs: &Needs) -> Vec<String> {
    let shown = needs.needs.iter().map(|need| {
        let source = match &need.source {
            Source::Stream(name) => name.as_str(),
            Source::AnyStream => "any",
            Source::Image(image) => image.as_str(),
        };
        let nodes = need.nodes.as_ref().map(|nodes| nodes.len().to_string());
        format!(
            "{} {source} {} {} {}",
            need.pool.as_deref().unwrap_or("-"),
            need.kernel_type,
            need.arch.map_or("-", Arch::as_str),
            nodes.as_deref().unwrap_or("-"),
        )
    });
    shown.collect()
}

fn whys(needs: &Needs) -> Vec<String> {
    needs.unserved.iter().map(ToString::to_string).collect()
}

#[test]
fn a_node_belongs_to_one_pool() {
    let pools: Vec<Pool> = ["master", "worker", "infra", "gpu"]
        .iter()
        .map(|name| pool(name, &json!({})))
        .chain([pool("empty", &json!({"nodeSelector": {}}))])
        .collect();
    for (roles, expected) in [
        (&["worker"][..], Some("worker")),
        (&["worker", "infra"], Some("infra")),
        (&["infra"], Some("infra")),
        (&["master", "infra"], Some("master")),
        (&["master", "worker"], Some("master")),
        (&["other"], None),
    ] {
        let node = node("n", roles, "amd64", "5.14.0");
        let found = match pool_of(&node, &pools) {
            Membership::Pool(pool) => Some(pool.name.as_str()),
            Membership::Several(_) | Membership::None => None,
        };
        assert_eq!(found, expected, "{roles:?}");
    }
    let both = node("n", &["worker", "infra", "gpu"], "amd64", "5.14.0");
    assert_eq!(
        pool_of(&both, &pools),
        Membership::Several(vec!["infra", "gpu"])
    );
}

#[test]
fn a_pool_has_a_stream_by_itself_by_the_workers_or_by_default() {
    let streams = OsStreams {
        default: Some("rhel-9".into()),
        ..OsStreams::default()
    };
    let named = json!({"osImageStream": {"name": "rhel-10"}});
    let worker = pool("worker", &named);
    let master = pool("master", &json!({}));
    let infra = pool("infra", &json!({}));
    let own = pool("gpu", &json!({"osImageStream": {"name": "rhel-11"}}));
    let pools = [worker.clone(), master.clone(), infra.clone(), own.clone()];
    for (pool, expected) in [
        (&worker, "rhel-10"),
        (&master, "rhel-9"),
        (&infra, "rhel-10"),
        (&own, "rhel-11"),
    ] {
        let stream = stream_of(pool, &pools, &streams);
        assert_eq!(stream.as_deref(), Some(expected), "{}", pool.name);
    }
    assert_eq!(stream_of(&master, &pools, &OsStreams::default()), None);
}

#[test]
fn each_pool_needs_its_kernels() {
    let pools = vec![
        pool("master", &json!({})),
        pool("worker", &json!({"osImageStream": {"name": "rhel-10"}})),
        pool("rt", &json!({})),
        pool("layered", &json!({})),
    ];
    let nodes = vec![
        node("m", &["master"], "amd64", "5.14.0"),
        node("w1", &["worker"], "amd64", "5.14.0"),
        node("w2", &["worker"], "arm64", "5.14.0"),
        node("w3", &["worker"], "arm64", "5.14.0"),
        node("r", &["worker", "rt"], "amd64", "5.14.0"),
        node("l", &["worker", "layered"], "amd64", "5.14.0"),
    ];
    let mut fleet = fleet(pools, nodes);
    set(
        &mut fleet,
        "rendered-rt",
        rendered("realtime", "os@sha256:today"),
    );
    set(
        &mut fleet,
        "rendered-layered",
        rendered("", "own@sha256:layered"),
    );
    let all = needs(&fleet, &Choice::default());
    assert_eq!(
        shown(&all),
        [
            "master any default amd64 1",
            "worker rhel-10 default amd64 1",
            "worker rhel-10 default arm64 2",
            "rt rhel-10 realtime amd64 1",
            "layered own@sha256:layered default amd64 1",
        ]
    );
    assert!(all.unserved.is_empty() && all.notes.is_empty());

    let chosen = Choice {
        pools: vec!["worker".into()],
        archs: vec![Arch::Arm64],
        kernel_types: vec![KernelType::Pages64k, KernelType::Default],
        os_streams: vec!["rhel-9".into()],
    };
    assert_eq!(
        shown(&needs(&fleet, &chosen)),
        [
            "worker rhel-9 64k-pages arm64 2",
            "worker rhel-9 default arm64 2"
        ]
    );
}

#[test]
fn a_pool_without_nodes_is_told() {
    let pools = vec![pool("worker", &json!({})), pool("infra", &json!({}))];
    let nodes = vec![node("w", &["worker"], "amd64", "5.14.0")];
    let fleet = fleet(pools, nodes);
    let all = needs(&fleet, &Choice::default());
    assert_eq!(shown(&all), ["worker any default amd64 1"]);
    assert_eq!(all.notes, ["Pool infra has no nodes; it is not checked."]);
    let named = Choice {
        pools: vec!["infra".into()],
        ..Choice::default()
    };
    assert_eq!(shown(&needs(&fleet, &named)), ["infra any default - -"]);
}

#[test]
fn a_pool_in_the_midst_of_an_update_needs_both_kernels() {
    let mut worker = pool("worker", &json!({}));
    worker.desired = Some("rendered-new".into());
    let nodes = vec![node("w", &["worker"], "amd64", "5.14.0")];
    let mut fleet = fleet(vec![worker], nodes);
    set(
        &mut fleet,
        "rendered-new",
        rendered("realtime", "os@sha256:today"),
    );
    let all = needs(&fleet, &Choice::default());
    assert_eq!(
        shown(&all),
        ["worker any realtime amd64 1", "worker any default amd64 1"]
    );
    assert!(
        all.notes[0].contains("from rendered-worker to rendered-new"),
        "{:?}",
        all.notes
    );

    // The image of the release that is left is not an image of the pool's own.
    set(
        &mut fleet,
        "rendered-new",
        rendered("default", "os@sha256:today"),
    );
    set(
        &mut fleet,
        "rendered-worker",
        rendered("default", "os@sha256:yesterday"),
    );
    let all = needs(&fleet, &Choice::default());
    assert_eq!(shown(&all), ["worker any default amd64 1"]);

    // Two images of its own are both named.
    set(
        &mut fleet,
        "rendered-new",
        rendered("default", "own@sha256:2"),
    );
    set(
        &mut fleet,
        "rendered-worker",
        rendered("default", "own@sha256:1"),
    );
    let all = needs(&fleet, &Choice::default());
    assert_eq!(
        shown(&all),
        [
            "worker own@sha256:2 default amd64 1",
            "worker own@sha256:1 default amd64 1"
        ]
    );
}

#[test]
fn a_configuration_that_is_gone_leaves_its_pool_without_a_kernel() {
    let pools = vec![pool("worker", &json!({})), pool("infra", &json!({}))];
    let nodes = vec![
        node("w", &["worker"], "amd64", "5.14.0"),
        node("i", &["infra"], "amd64", "5.14.0"),
    ];
    let mut fleet = fleet(pools, nodes);
    let configs = fleet.configs.as_mut().expect("configurations");
    configs.remove("rendered-infra");
    let all = needs(&fleet, &Choice::default());
    assert_eq!(shown(&all), ["worker any default amd64 1"]);
    assert_eq!(
        whys(&all),
        [
            "The kernel of pool infra is not known: its rendered MachineConfig rendered-infra \
             does not exist"
        ]
    );
    assert_eq!(all.unserved[0].nodes, Some(["i".to_owned()].into()));

    set(
        &mut fleet,
        "rendered-infra",
        rendered("fast", "os@sha256:today"),
    );
    let all = needs(&fleet, &Choice::default());
    assert!(
        whys(&all)[0].contains("kernelType fast"),
        "{:?}",
        whys(&all)
    );
}

#[test]
fn without_the_right_to_read_configurations_no_pool_gets_a_kernel() {
    let pools = vec![pool("worker", &json!({}))];
    let nodes = vec![node("w", &["worker"], "arm64", "5.14.0+rt")];
    let mut fleet = fleet(pools, nodes);
    fleet.configs = None;
    let all = needs(&fleet, &Choice::default());
    assert_eq!(shown(&all), ["- any default arm64 -"]);
    assert_eq!(all.unserved.len(), 1);
    assert!(whys(&all)[0].contains("pool worker"), "{:?}", whys(&all));
}

#[test]
fn without_the_right_to_list_nodes_pools_keep_their_kernels() {
    let mut fleet = fleet(vec![pool("worker", &json!({}))], Vec::new());
    fleet.nodes = None;
    let all = needs(&fleet, &Choice::default());
    assert_eq!(shown(&all), ["worker any default - -"]);
}

#[test]
fn without_pools_the_nodes_tell_what_they_need() {
    let fleet = Fleet {
        pools: Pools::None,
        nodes: Some(vec![
            node("a", &["worker"], "amd64", "5.14.0-1.el9.x86_64"),
            node("b", &["worker"], "arm64", "5.14.0-1.el9.aarch64+64k"),
            node("c", &["worker"], "amd64", "5.14.0-1.el9.x86_64+rt"),
            node("d", &["worker"], "riscv64", "6.1.0"),
        ]),
        ..Fleet::default()
    };
    let all = needs(&fleet, &Choice::default());
    assert_eq!(
        shown(&all),
        [
            "- any default amd64 1",
            "- any realtime amd64 1",
            "- any 64k-pages arm64 1"
        ]
    );
    let nothing = needs(&Fleet::default(), &Choice::default());
    assert_eq!(shown(&nothing), ["- any default - -"]);
    let forbidden = Fleet {
        pools: Pools::Forbidden,
        ..fleet
    };
    let all = needs(&forbidden, &Choice::default());
    assert_eq!(
        shown(&all),
        [
            "- any default - -",
            "- any default amd64 -",
            "- any default arm64 -"
        ]
    );
}

#[test]
fn a_node_that_no_pool_or_two_pools_select_has_no_kernel() {
    let pools = vec![
        pool("worker", &json!({})),
        pool("infra", &json!({})),
        pool("gpu", &json!({})),
    ];
    let nodes = vec![
        node("w", &["worker"], "amd64", "5.14.0"),
        node("x", &["infra", "gpu"], "amd64", "5.14.0"),
        node("y", &["other"], "amd64", "5.14.0"),
    ];
    let all = needs(&fleet(pools, nodes), &Choice::default());
    let whys = whys(&all);
    assert!(
        whys[0].contains("node x is not known: pools infra and gpu"),
        "{whys:?}"
    );
    assert!(
        whys[1].contains("node y is not known: no MachineConfigPool"),
        "{whys:?}"
    );
}
