//! The upgrade of a cluster with six pools: which kernels its nodes get, and which Modules load
//! on them.

use serde_json::{Value, json};

use super::fleet::{Fleet, lines_of};
use super::payload::{LAYERED, NEW, OLD, REALTIME, TEN as TEN_KERNEL, module_layer};
use crate::cluster::operator::call;
use crate::kubectl::{completing, offered};
use crate::support::image::Image;
use crate::support::preflight::Ended;

const STREAM: &str = "osimagestreams.machineconfiguration.openshift.io/cluster";
const MASTER_AND_WORKER: &str = "6.1.0-56-amd64 amd64 default rhel-9 5.0.1 master,worker 3";
const RT: &str = "6.1.0-56-rt-amd64 amd64 realtime rhel-9 5.0.1 rt 1";
const TEN: &str = "6.12.117+deb12-amd64 amd64 default rhel-10 5.0.1 ten 1";
const ARM: &str = "6.1.0-56-arm64 arm64 default rhel-9 5.0.1 worker 1";
const OWN_IMAGE: &str = "6.1.0-56-cloud-amd64 amd64 default rhel-9 - layered 1";

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

#[test]
fn the_kernels_of_an_upgrade_are_those_of_the_pools() {
    let fleet = Fleet::start();
    let all = [MASTER_AND_WORKER, RT, TEN, ARM, OWN_IMAGE];
    let all = sorted(all.map(str::to_owned).into());
    assert_eq!(sorted(fleet.targets(&["--to=5.0.1"])), all);
    let image = fleet.releases.next.clone();
    assert_eq!(sorted(fleet.targets(&["--release-image", &image])), all);
    assert_eq!(fleet.targets(&["--to=5.0.1", "--pool=rt"]), [RT]);
    assert_eq!(fleet.targets(&["--to=5.0.1", "--arch=arm64"]), [ARM]);
    assert_eq!(
        fleet.targets(&["--current", "--pool=worker"]),
        [
            "6.1.0-53-amd64 amd64 default rhel-9 4.19.1 worker 2",
            "6.1.0-53-arm64 arm64 default - - worker 1",
        ]
    );
    let ended = fleet.call(&["targets", "--to=all", "-o=json"]).code(3);
    let both = MASTER_AND_WORKER.replace("5.0.1", "5.0.1, 5.0.2");
    let lines = lines_of(&ended);
    assert!(lines.contains(&both), "{lines:?}");
    assert!(lines.contains(&TEN.to_owned()), "{lines:?}");
    for word in [
        "The kernel of pool ten is not known: release 5.0.2 has no operating system stream rhel-10",
        "Slow: nodes are slow",
        "Pool empty has no nodes",
    ] {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
    for (words, word) in [
        (
            ["--to=5.0.1", "--pool=nosuch"],
            "empty, layered, master, rt, ten, worker",
        ),
        (["--to=9.9.9", "--pool=rt"], "5.0.2 (conditional), 5.0.1"),
        (["--to=5.0.1", "--os-stream=rhel-8"], "rhel-9, rhel-10"),
    ] {
        let ended = fleet.call(&[&["targets"][..], &words].concat()).code(2);
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
}

#[test]
fn the_pools_streams_are_those_of_the_cluster_where_they_name_none() {
    let fleet = Fleet::with_streams(&["v1alpha1"]);
    let words = ["--to=5.0.1", "--pool=master"];
    let kernels = || -> Vec<String> {
        let lines = fleet.targets(&words);
        let first = |line: &String| line.split(' ').next().unwrap_or_default().to_owned();
        lines.iter().map(first).collect()
    };
    assert_eq!(kernels(), [NEW]);
    let available = json!([{"name": "rhel-9", "osImage": fleet.releases.today_os}]);
    fleet.cluster.set_status(
        STREAM,
        &json!({"defaultStream": "rhel-10", "availableStreams": available}),
    );
    assert_eq!(kernels(), [TEN_KERNEL]);
    fleet.cluster.kubectl(&["delete", STREAM], "");
    assert_eq!(kernels(), [NEW, TEN_KERNEL]);
    // Without pools it is the release that is checked.
    let ended = fleet
        .call(&[
            "targets",
            "-o=json",
            "--to=5.0.1",
            "--pools=off",
            "--arch=amd64",
        ])
        .code(0);
    assert_eq!(
        lines_of(&ended),
        [
            "6.1.0-56-amd64 amd64 default rhel-9 5.0.1  null",
            "6.12.117+deb12-amd64 amd64 default rhel-10 5.0.1  null",
        ]
    );
    assert!(
        ended.stderr.contains("--pools off: the cluster's pools"),
        "{}",
        ended.stderr
    );
}

#[test]
fn pools_and_streams_are_completed_from_the_cluster() {
    let fleet = Fleet::with_streams(&["v1alpha1"]);
    let home = completing(&fleet.cluster);
    let offered = |words: &[&str]| offered(home.path(), words);
    let pools = ["empty", "layered", "master", "rt", "ten", "worker"];
    assert_eq!(offered(&["targets", "--to=5.0.1", "--pool", ""]), pools);
    assert_eq!(offered(&["run", "--local", "--pool=r"]), ["--pool=rt"]);
    let available = ["rhel-9", "rhel-10"].map(|name| json!({"name": name}));
    fleet
        .cluster
        .set_status(STREAM, &json!({"availableStreams": available}));
    let mut streams = offered(&["targets", "--os-stream", ""]);
    streams.sort();
    assert_eq!(streams, ["rhel-10", "rhel-9"]);
    assert_eq!(offered(&["run", "--os-stream", "rhel-1"]), ["rhel-10"]);
}

#[test]
fn modules_of_a_file_count_for_the_nodes_that_they_select() {
    let fleet = Fleet::start();
    let image = fleet.releases.push_module("ticker", NEW);
    let mut module = fleet.module("ticker", Some("master"), &image);
    // An owner that is not the controller writes no mappings.
    module["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "ConfigMap",
        "name": "gpu", "uid": "a-b"}]);
    let run = |module: &Value| {
        call(
            &fleet.cluster,
            &["run", "--local", "-f=-", "-o=json", "--to=5.0.1"],
        )
        .input(module.to_string())
        .run()
    };
    let ended = run(&module).code(0);
    assert_eq!(rows(&ended), ["Module/ticker 6.1.0-56-amd64 verified"]);
    let mapping = &mut module["spec"]["moduleLoader"]["container"]["kernelMappings"][0];
    *mapping = json!({"literal": OLD, "containerImage": image});
    let ended = run(&module).code(1);
    assert_eq!(
        rows(&ended),
        ["Module/ticker 6.1.0-56-amd64 failed mapping-not-found"]
    );
}

/// The rows of a report as `kind/name kernel verdict code`.
fn rows(ended: &Ended) -> Vec<String> {
    let report = ended.json();
    let rows = report["modules"].as_array().expect("rows").iter();
    rows.map(|row| {
        let text = |key: &str| row[key].as_str().unwrap_or_default();
        let findings = row["findings"].as_array().into_iter().flatten();
        let mut errors = findings.filter(|finding| finding["severity"] == "error");
        let worst = errors.next().and_then(|finding| finding["code"].as_str());
        let line = format!(
            "{}/{} {} {} {}",
            text("kind"),
            text("name"),
            text("kernelVersion"),
            text("verdict"),
            worst.unwrap_or_default()
        );
        line.trim_end().to_owned()
    })
    .collect()
}

#[test]
fn modules_are_judged_for_the_kernels_of_the_nodes_that_they_select() {
    let fleet = Fleet::start();
    let releases = &fleet.releases;
    let image = releases.push_module("ticker", NEW);
    releases.push_module("ticker", REALTIME);
    releases.push_module("ticker", LAYERED);
    let sensor = releases.push_module("sensor", OLD);
    releases.push_module("sensor", NEW);
    for module in [
        fleet.module("ticker", Some("worker"), &image),
        fleet.module("sensor", Some("master"), &sensor),
        fleet.module("lonely", Some("nobody"), &image),
    ] {
        fleet.cluster.apply(&module.to_string());
    }
    let run = ["run", "--local", "--to=5.0.1"];
    let with = |words: &[&str]| fleet.call(&[&run[..], words].concat());
    let ended = with(&["-o=json", "--pool=worker", "--pool=rt", "--pool=layered"]).code(1);
    let lines = rows(&ended);
    for row in [
        "Module/ticker 6.1.0-56-amd64 verified",
        "Module/ticker 6.1.0-56-rt-amd64 failed symbol-version-mismatch",
        "Module/ticker 6.1.0-56-cloud-amd64 failed symbol-version-mismatch",
        "Module/ticker 6.1.0-56-arm64 failed image-not-found",
    ] {
        assert!(lines.contains(&row.to_owned()), "{row}: {lines:#?}");
    }
    assert!(
        !lines.iter().any(|line| line.contains("sensor")),
        "{lines:#?}"
    );
    assert!(
        ended.stdout.contains("no-node-selected"),
        "{}",
        ended.stdout
    );
    let note = "Module ns1/ticker: no pool is safe (layered, rt, worker)";
    assert!(ended.stderr.contains(note), "{}", ended.stderr);

    // What loads today and would not tomorrow stands first.
    let ended = with(&["-o=json", "--current"]).code(1);
    let lines = rows(&ended);
    assert_eq!(
        lines[0],
        "Module/sensor 6.1.0-56-amd64 failed upgrade-breaks"
    );
    assert!(
        lines.contains(&"Module/sensor 6.1.0-53-amd64 verified".to_owned()),
        "{lines:#?}"
    );
    assert_eq!(ended.json()["causes"][0]["code"], "upgrade-breaks");
    let note = "Module ns1/sensor: no pool is safe (master)";
    assert!(ended.stderr.contains(note), "{}", ended.stderr);
    let table = with(&["--current"]).code(1);
    for word in ["pools master, worker", "pool layered", "5.0.1, pool ten"] {
        assert!(table.stdout.contains(word), "{word}: {}", table.stdout);
    }
    assert!(table.stdout.lines().all(|line| line.chars().count() <= 80));

    // So does a run that watches.
    let ended = with(&["-o=json", "--current", "--watch", "--timeout=25s"]);
    assert_eq!(
        rows(&ended).first().map(String::as_str),
        Some("Module/sensor 6.1.0-56-amd64 failed upgrade-breaks"),
        "{}",
        ended.stderr
    );
}

#[test]
fn owned_modules_and_those_of_the_boot_are_checked() {
    let fleet = Fleet::start();
    let releases = &fleet.releases;
    let registry = &releases.registry;
    let image = releases.push_module("ticker", NEW);
    let mut owned = fleet.module("ticker", Some("master"), &image);
    let mapping = &mut owned["spec"]["moduleLoader"]["container"]["kernelMappings"][0];
    *mapping = json!({"literal": OLD, "containerImage": image});
    owned["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "ConfigMap",
        "name": "gpu", "uid": "a-b", "controller": true}]);
    fleet.cluster.apply(
        r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "gpu",
            "namespace": "ns1", "ownerReferences": [{"apiVersion": "amd.com/v1alpha1",
            "kind": "DeviceConfig", "name": "gpus", "uid": "c-d", "controller": true}]}}"#,
    );
    let own = Image::new()
        .with_tools()
        .layer(module_layer("ticker", NEW))
        .build();
    registry.push(&format!("boot/ticker:{NEW}"), &own);
    registry.push(&format!("boot/ticker:v1-{NEW}"), &own);
    let boot = json!({"apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "BootModuleConfig",
        "metadata": {"name": "ticker", "namespace": "ns1"},
        "spec": {"machineConfigName": "boot", "machineConfigPoolName": "master",
                 "kernelModuleImage": registry.reference("boot/ticker"),
                 "kernelModuleName": "ticker"}});
    let initramfs = json!({"apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "InitramfsModule",
        "metadata": {"name": "ticker", "namespace": "ns1"},
        "spec": {"selector": {"node-role.kubernetes.io/master": ""}, "moduleNames": ["ticker"],
                 "containerImage": registry.reference("boot/ticker:v1")}});
    for object in [&owned, &boot, &initramfs] {
        fleet.cluster.apply(&object.to_string());
    }
    let run = ["run", "--local", "--to=5.0.1", "--pool=master", "-o=json"];
    let ended = fleet.call(&run).code(3);
    let lines = sorted(rows(&ended));
    assert_eq!(
        lines,
        [
            "BootModuleConfig/ticker 6.1.0-56-amd64 verified",
            "InitramfsModule/ticker 6.1.0-56-amd64 verified",
            "Module/ticker 6.1.0-56-amd64 unknown",
        ]
    );
    assert!(
        ended.stdout.contains("DeviceConfig gpus"),
        "{}",
        ended.stdout
    );
    let assumed = format!("--assume-image=ns1/ticker={image}");
    fleet.call(&[&run[..], &[&assumed]].concat()).code(0);
}
