//! What a run takes from the cluster's own registry beside modules' images, and what it pushes
//! there; and the commands that are about one image of it.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::payload::{REALTIME, toolkit};
use super::setup::{OpenShift, SERVICE};
use crate::build::busybox;
use crate::cluster::example::{self, KERNEL};
use crate::cluster::operator::call;
use crate::sign_file::Pair;
use crate::support::cluster::ADMIN;
use crate::support::image::{Dialect, Image, index_of, sha256};
use crate::support::preflight::{Ended, Preflight};

const SIGNED: &str = "image-registry.openshift-image-registry.svc:5000/drivers/signed:1";

fn inspected(own: &OpenShift, image: &str) -> Value {
    let ended = call(&own.cluster, &["inspect", "-o=json", image]).run();
    ended.code(0).json()
}

fn push(own: &OpenShift, words: &[&str]) -> Ended {
    OpenShift::local(call(&own.cluster, &[]))
        .arg("--push-built-image")
        .args(words)
        .run()
}

#[test]
fn an_unsigned_image_of_it_is_signed_and_pushed_there() {
    let own = OpenShift::start();
    let pair = Pair::rsa("2048");
    for (name, key, bytes) in [
        ("key", "key", pair.read("key.pem")),
        ("cert", "cert", pair.read("cert.der")),
    ] {
        let secret = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "namespace": "ns1"}, "data": {key: STANDARD.encode(&bytes)}});
        own.cluster.apply(&secret.to_string());
    }
    let mut module = OpenShift::of_image(SIGNED);
    module["spec"]["moduleLoader"]["container"]["kernelMappings"][0]["sign"] = json!({
        "unsignedImage": format!("{SERVICE}/drivers/ticker:1"),
        "keySecret": {"name": "key"}, "certSecret": {"name": "cert"},
        "filesToSign": ["/opt/lib/modules/${KERNEL_FULL_VERSION}/extra/ticker.ko"]});
    own.cluster.apply(&module.to_string());
    let ended = push(&own, &[]).code(0);
    assert!(ended.stdout.contains("was pushed as"), "{}", ended.stdout);
    assert!(!ended.stderr.contains(ADMIN), "{}", ended.stderr);
    let signer = inspected(&own, SIGNED)["modules"][0]["signer"].clone();
    assert!(signer.to_string().contains("module signer"), "{signer}");
    // It is there now, and good.
    let row = own.run().code(0).json()["modules"][0].clone();
    assert_eq!(row["verificationStage"], "Done", "{row}");
    assert!(!row.to_string().contains("image-replaced"), "{row}");
}

#[test]
fn base_images_of_it_are_given_to_the_builder_and_the_result_is_pushed() {
    let own = OpenShift::start();
    own.registry.push("base/busybox:1", &busybox().build());
    // An image of an index, for which another architecture is the first.
    let foreign = Image::new().architecture("arm64").build();
    let both = [foreign, example::image("sensor")];
    own.registry.push_index("base/both:1", &both, Dialect::Oci);
    let index = sha256(&index_of(&both, Dialect::Oci).0);
    let built = format!("{SERVICE}/drivers/built:1");
    let digest = example::image("ticker").digest;
    let dockerfile = format!(
        "FROM {SERVICE}/drivers/ticker@{digest} AS ticker\n\
         FROM {SERVICE}/base/both@{index} AS both\n\
         FROM {SERVICE}/base/busybox:1\n\
         COPY --from=both /opt /opt\n\
         COPY --from=ticker /opt /opt\n"
    );
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"dockerfile": dockerfile},
                     "metadata": {"name": "dockerfile", "namespace": "ns1"}});
    own.cluster.apply(&map.to_string());
    let mut module = OpenShift::of_image(&built);
    module["spec"]["moduleLoader"]["container"]["kernelMappings"][0]["build"] =
        json!({"dockerfileConfigMap": {"name": "dockerfile"}});
    own.cluster.apply(&module.to_string());
    let logs = tempfile::tempdir().expect("a folder");
    let to = logs.path().display().to_string();
    let ended = push(&own, &["--builder=buildah", "--cache-dir", &to]).code(0);
    assert!(ended.stdout.contains("was pushed as"), "{}", ended.stdout);
    let kept = fs::read_dir(logs.path().join("builds"))
        .expect("logs")
        .flatten();
    for log in kept {
        let log = fs::read_to_string(log.path()).expect("a log");
        assert!(!log.contains(ADMIN), "{log}");
    }
    assert_eq!(inspected(&own, &built)["modules"][0]["kernel"], KERNEL);
    // A base image that is not there.
    own.cluster
        .apply(&map.to_string().replace("busybox:1", "nosuch:1"));
    let patch = json!([{"op": "replace", "value": format!("{SERVICE}/drivers/other:1"),
        "path": "/spec/moduleLoader/container/kernelMappings/0/containerImage"}]);
    let patch = patch.to_string();
    own.cluster.kubectl(
        &[
            "patch",
            "-n=ns1",
            "modules/ticker",
            "--type=json",
            "-p",
            &patch,
        ],
        "",
    );
    let ended = push(&own, &["--builder=buildah"]).code(1);
    assert!(ended.stdout.contains("base image"), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("in the Dockerfile"),
        "{}",
        ended.stdout
    );
}

#[test]
fn kernel_and_inspect_read_images_of_it() {
    let own = OpenShift::start();
    let ticker = format!("{SERVICE}/drivers/ticker:1");
    let ended = call(&own.cluster, &["inspect", "-o=json", &ticker]).run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("port-forward"), "{}", ended.stderr);
    let name = "openshift/driver-toolkit:latest";
    let image = toolkit("rhel-9", KERNEL, REALTIME).build();
    own.registry.push(name, &image);
    let ended = call(
        &own.cluster,
        &["kernel", "-o=json", &format!("{SERVICE}/{name}")],
    )
    .run();
    let kernels = ended.code(0).json()["kernels"].clone();
    assert_eq!(kernels[0]["rtKernelVersion"], REALTIME);
    // Without a cluster the way to one is named.
    for words in [
        &["inspect", &ticker][..],
        &["kernel", &ticker],
        &[
            "run",
            "--local",
            "-f=-",
            "--kernel-version",
            KERNEL,
            "--progress=none",
        ],
    ] {
        let module = OpenShift::of_image(&ticker).to_string();
        let ended = Preflight::new(words).input(module).run();
        assert_eq!(ended.code, Some(3), "{words:?}: {}", ended.stderr);
        let said = ended.stdout + &ended.stderr;
        assert!(said.contains("--kubeconfig"), "{words:?}: {said}");
    }
}
