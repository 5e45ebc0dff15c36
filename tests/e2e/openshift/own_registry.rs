//! The cluster's own registry, from outside: by its route, or through a port-forward of a real
//! API server to a kubelet in front of a real registry.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::setup::{LONG_NAME, NAMESPACE, OpenShift, SERVICE};
use crate::cluster::example;
use crate::cluster::operator::{call, call_as};
use crate::support::cluster::{ADMIN, CERTIFIED, NOBODY};
use crate::support::faults::{Answer, Asked, FaultServer, serve_image};
use crate::support::image::{Image, Layer};
use crate::support::kubelet::Kubelet;
use crate::support::preflight::{Ended, Preflight};
use crate::support::registry::{PASSWORD, USER, write_certificates};

fn code(ended: &Ended) -> String {
    ended.json()["modules"][0]["findings"][0]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn the_clusters_own_registry_is_read_through_a_port_forward() {
    let own = OpenShift::start();
    for host in [SERVICE, LONG_NAME] {
        own.module(host, None);
        let ended = own.run();
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        let told = ended.stderr.matches("port-forward").count();
        assert_eq!(told, 1, "{}", ended.stderr);
        assert!(!ended.stderr.contains(ADMIN), "{}", ended.stderr);
    }
    let asked = own.kubelet.asked();
    let path = format!("/portForward/{NAMESPACE}/image-registry-1?");
    assert!(asked.iter().all(|one| one.starts_with(&path)), "{asked:?}");
}

/// A Secret that pulls from the registry under its Service's name.
fn pull_secret() -> Value {
    let auths = json!({"auths": {SERVICE: {"username": USER, "password": PASSWORD}}});
    json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
           "metadata": {"name": "pull", "namespace": "ns1"},
           "stringData": {".dockerconfigjson": auths.to_string()}})
}

#[test]
fn the_token_may_come_from_a_file_or_a_plugin_and_a_pull_secret_stands_in_for_it() {
    let own = OpenShift::start();
    own.module(SERVICE, None);
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    fs::write(&token, ADMIN).expect("a token file");
    let plugin = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
        "args": ["-c", format!("echo '{{\"status\": {{\"token\": \"{ADMIN}\"}}}}'")],
        "interactiveMode": "Never"}});
    let call_by = |user: Value| {
        let path = folder.path().join("kubeconfig");
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": own.cluster.url(),
                          "certificate-authority": own.cluster.ca()}}],
            "users": [{"name": "c", "user": user}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]});
        fs::write(&path, config.to_string()).expect("a kubeconfig");
        OpenShift::local(Preflight::new([] as [&str; 0]).env("KUBECONFIG", path)).run()
    };
    for user in [json!({"tokenFile": token}), plugin] {
        let ended = call_by(user);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    }
    // Whoever has no token is known by a certificate.
    own.cluster.kubectl(
        &[
            "create",
            "clusterrolebinding",
            "certified",
            "--clusterrole=cluster-admin",
            &format!("--user={CERTIFIED}"),
        ],
        "",
    );
    let [certificate, key] = own.cluster.client_certificate();
    let certified = json!({"client-certificate": certificate, "client-key": key});
    let ended = call_by(certified.clone());
    assert_eq!(ended.code, Some(3), "{}", ended.stdout);
    assert_eq!(code(&ended), "image-unauthorized");
    assert!(ended.stdout.contains("has no token"), "{}", ended.stdout);
    own.cluster.apply(&pull_secret().to_string());
    own.module(SERVICE, Some("pull"));
    let ended = call_by(certified);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn a_port_forward_that_breaks_is_resumed() {
    let own = OpenShift::start();
    // Content that no compression makes small.
    let mut state = 1_u32;
    let noise: Vec<u8> = (0..3_000_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()[3]
        })
        .collect();
    let image = Image::new()
        .with_tools()
        .layer(Layer::new().file("opt/noise", &noise))
        .build();
    own.registry.push("drivers/ticker:1", &image);
    own.module(SERVICE, None);
    own.kubelet.cut_after(1_000_000);
    own.kubelet.cut_after(800_000);
    let ended = own.run();
    // The whole layer was read: the module is in none of its bytes.
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stdout.contains("module-not-found"),
        "{}",
        ended.stdout
    );
    assert!(own.kubelet.asked().len() >= 3, "{:?}", own.kubelet.asked());
}

#[test]
fn a_strangers_certificate_is_an_error_and_gets_no_token() {
    let mut own = OpenShift::start();
    let folder = tempfile::tempdir().expect("a folder");
    write_certificates(folder.path());
    let stranger = FaultServer::with_tls(folder.path(), |_| Answer::new(200, "{}"));
    own.kubelet = Kubelet::start(stranger.port());
    own.add_pod();
    own.module(SERVICE, None);
    let ended = own.run();
    assert_eq!(ended.code, Some(3), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(code(&ended), "image-unreachable");
    assert!(ended.stdout.contains("is not trusted"), "{}", ended.stdout);
    assert!(!own.kubelet.asked().is_empty());
    assert_eq!(stranger.asked("").len(), 0);
    // A Module's word does not change whom the user's token is sent to.
    let patch = json!({"spec": {"moduleLoader": {"container": {
        "registryTLS": {"insecure": true, "insecureSkipTLSVerify": true}}}}});
    own.cluster.kubectl(
        &[
            "patch",
            "-n=ns1",
            "modules/ticker",
            "--type=merge",
            "-p",
            &patch.to_string(),
        ],
        "",
    );
    assert_eq!(own.run().code, Some(3));
    assert_eq!(stranger.asked("").len(), 0);
}

/// `openshift/image-registry` sends clients to a token server under the name that they used.
#[test]
fn the_registrys_token_server_is_asked_through_the_same_port_forward() {
    let mut own = OpenShift::start();
    let folder = tempfile::tempdir().expect("a folder");
    write_certificates(folder.path());
    let image = example::image("ticker");
    let basic = format!("Basic {}", STANDARD.encode(format!("user:{ADMIN}")));
    let registry = FaultServer::with_tls(folder.path(), move |asked: &Asked| {
        let shown = asked
            .headers
            .get("authorization")
            .cloned()
            .unwrap_or_default();
        if asked.path.starts_with("/openshift/token") {
            return match shown == basic {
                true => Answer::new(
                    200,
                    json!({"token": ADMIN, "access_token": ADMIN}).to_string(),
                ),
                false => Answer::new(401, ""),
            };
        }
        if shown == format!("Bearer {ADMIN}") {
            return serve_image(&image, asked);
        }
        let host = &asked.headers["host"];
        let challenge = format!("Bearer realm=\"https://{host}/openshift/token\"");
        Answer::new(401, "").header("www-authenticate", &challenge)
    });
    own.kubelet = Kubelet::start(registry.port());
    own.add_pod();
    let ca = folder.path().join("ca.crt");
    own.config_map(NAMESPACE, "openshift-service-ca.crt", "service-ca.crt", &ca);
    own.module(SERVICE, None);
    let ended = own.run();
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(registry.asked("/openshift/token").len(), 1);
}

#[test]
fn the_registrys_route_goes_first() {
    let own = OpenShift::start();
    own.module(SERVICE, None);
    let public = format!("localhost:{}", own.registry.port());
    let status = |public: &str| json!({"internalRegistryHostname": SERVICE, "externalRegistryHostnames": [public]});
    own.set_image_status(&status(&public));
    // Nobody knows the authority of the route's certificate.
    let ended = own.run();
    assert_eq!(ended.code, Some(3), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(code(&ended), "image-unreachable");
    assert!(ended.stdout.contains("is not trusted"), "{}", ended.stdout);
    assert!(ended.stdout.contains("--ca-file"), "{}", ended.stdout);
    let with_ca = OpenShift::local(call(&own.cluster, &[]))
        .arg("--ca-file")
        .arg(own.registry.ca());
    with_ca.run().code(0);
    let namespace = "openshift-config-managed";
    own.cluster.apply(
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
            .to_string(),
    );
    own.config_map(
        namespace,
        "default-ingress-cert",
        "ca-bundle.crt",
        &own.registry.ca(),
    );
    let ended = own.run();
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stderr.contains(&format!("by route {public}")),
        "{}",
        ended.stderr
    );
    assert_eq!(own.kubelet.asked(), [""; 0]);
    // A route that nobody answers at.
    own.set_image_status(&status("localhost:9"));
    let ended = own.run();
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("port-forward"), "{}", ended.stderr);
    // The route itself, where the settings for images do not name it.
    own.set_image_status(&json!({"internalRegistryHostname": SERVICE}));
    own.cluster.kubectl(
        &[
            "patch",
            "images.config.openshift.io/cluster",
            "--subresource=status",
            "--type=json",
            "-p",
            r#"[{"op": "remove", "path": "/status/externalRegistryHostnames"}]"#,
        ],
        "",
    );
    own.cluster.apply(
        &json!({"apiVersion": "route.openshift.io/v1", "kind": "Route",
                "metadata": {"name": "default-route", "namespace": NAMESPACE},
                "spec": {"host": public}})
        .to_string(),
    );
    let ended = own.run();
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stderr.contains(&format!("by route {public}")),
        "{}",
        ended.stderr
    );
}

#[test]
fn an_image_streams_name_of_the_registry_counts() {
    let own = OpenShift::start();
    let old = "docker-registry.default.svc:5000";
    own.cluster
        .kubectl(&["delete", "images.config.openshift.io/cluster"], "");
    own.cluster.apply(
        &json!({"apiVersion": "config.openshift.io/v1", "kind": "Image",
                "metadata": {"name": "cluster"}, "spec": {}})
        .to_string(),
    );
    own.cluster.apply(
        &json!({"apiVersion": "image.openshift.io/v1", "kind": "ImageStream",
                "metadata": {"name": "cli", "namespace": "openshift"}, "spec": {}})
        .to_string(),
    );
    let status = json!({"status": {"dockerImageRepository": format!("{old}/openshift/cli")}});
    own.cluster.kubectl(
        &[
            "patch",
            "-n=openshift",
            "imagestreams.image.openshift.io/cli",
            "--subresource=status",
            "--type=merge",
            "-p",
            &status.to_string(),
        ],
        "",
    );
    own.module(old, None);
    let ended = own.run();
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn what_keeps_the_registry_out_of_reach_is_told() {
    let own = OpenShift::start();
    own.module(SERVICE, Some("pull"));
    own.cluster.apply(&pull_secret().to_string());
    own.set_pod_status("False");
    let ended = own.run();
    assert_eq!(ended.code, Some(3), "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stdout.contains("no pod of the registry is ready"),
        "{}",
        ended.stdout
    );
    own.set_pod_status("True");
    let grant = |manifest: &str| {
        let folder = env!("CARGO_MANIFEST_DIR");
        let file = format!("{folder}/examples/rbac/{manifest}.yaml");
        own.cluster.kubectl(&["apply", "-f", &file], "");
        let role = format!("kmm-preflight-{manifest}");
        let flag = format!("--clusterrole={role}");
        own.cluster.kubectl(
            &[
                "create",
                "clusterrolebinding",
                &role,
                &flag,
                "--user=nobody",
            ],
            "",
        );
    };
    grant("cross-check");
    let as_nobody = || OpenShift::local(call_as(&own.cluster, NOBODY, &[])).run();
    let ended = as_nobody();
    assert_eq!(ended.code, Some(3), "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stdout.contains("rbac/registry.yaml"),
        "{}",
        ended.stdout
    );
    grant("registry");
    let ended = as_nobody();
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}
