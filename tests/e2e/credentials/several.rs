//! Several credentials in one run, those of a cluster, and token servers elsewhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::setup::{
    KERNEL, Setup, builder, findings, home_file, module, outcome, plain, run, secret,
};
use crate::cluster::crds::NEWEST;
use crate::support::cluster::{ADMIN, Cluster};
use crate::support::image::{Image, Layer};
use crate::support::preflight::Preflight;
use crate::support::registry::{PASSWORD, Registry, USER};
use crate::support::tokens::{Account, TokenServer, bundle};

/// Accounts of two teams, each of which opens its own repositories only.
fn two_teams() -> (TokenServer, Registry, [String; 2]) {
    let tokens = TokenServer::start(&[
        Account::Password("east", "east-password", "east/"),
        Account::Password("west", "west-password", "west/"),
    ]);
    let registry = Registry::with_tokens(&tokens, &tokens.realm("127.0.0.1"), false);
    let image = Image::new()
        .with_tools()
        .layer(Layer::new().dir("opt/lib/modules"));
    let references = ["east", "west"]
        .map(|team| registry.push(&format!("{team}/driver:1"), &image.clone().build()));
    (tokens, registry, references)
}

fn account(host: &str, team: &str) -> String {
    let auth = STANDARD.encode(format!("{team}:{team}-password"));
    json!({"auths": {host: {"auth": auth}}}).to_string()
}

#[test]
fn two_credentials_for_one_host_serve_one_run() {
    let (_tokens, registry, [east, west]) = two_teams();
    let host = registry.host();
    let secrets = secret("a", "pull", "dockerconfigjson", &account(&host, "east"))
        + &secret("b", "pull", "dockerconfigjson", &account(&host, "west"));
    let modules = module("a", "own-east", &east, Some("pull"))
        + &module("b", "own-west", &west, Some("pull"))
        + &module("a", "foreign-west", &west, Some("pull"))
        + &module("b", "foreign-east", &east, Some("pull"));
    let report = run(&(modules + &secrets)).run().code(1).json();
    for (name, code) in [
        ("own-east", "module-not-found"),
        ("own-west", "module-not-found"),
        ("foreign-east", "image-unauthorized"),
        ("foreign-west", "image-unauthorized"),
    ] {
        assert_eq!(findings(&report, name)[0].0, code, "{name}: {report:#}");
    }
    // In one file, by the longest prefix.
    let auth = |team: &str| json!({"auth": STANDARD.encode(format!("{team}:{team}-password"))});
    let config = json!({"auths": {
        host.clone(): auth("east"), format!("{host}/west"): auth("west"),
    }});
    let call = run(&(module("a", "e", &east, None) + &module("b", "w", &west, None)));
    let report = home_file(call, ".docker/config.json", &config.to_string())
        .run()
        .code(1)
        .json();
    for name in ["e", "w"] {
        assert_eq!(
            findings(&report, name)[0].0,
            "module-not-found",
            "{report:#}"
        );
    }
}

#[test]
fn the_clusters_own_secrets_are_used() {
    let (_tokens, registry, [east, west]) = two_teams();
    let host = registry.host();
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    for namespace in ["named", "built", "global", "openshift-config"] {
        let object =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        cluster.apply(&object.to_string());
    }
    let own = account(&host, "east");
    cluster.apply(&secret("named", "pull", "dockerconfigjson", &own));
    cluster.apply(&secret("built", "of-builder", "dockerconfigjson", &own));
    cluster.apply(&builder("built", "of-builder"));
    let everyones = account(&host, "west");
    cluster.apply(&secret(
        "openshift-config",
        "pull-secret",
        "dockerconfigjson",
        &everyones,
    ));
    cluster.apply(&module("named", "named", &east, Some("pull")));
    cluster.apply(&module("built", "built", &east, None));
    cluster.apply(&module("global", "global", &west, None));
    cluster.apply(&module("global", "closed", &east, None));
    let call = Preflight::new(["run", "--local", "-A", "-o=json", "--progress=none"])
        .arg(format!("--kernel-version={KERNEL}"));
    let kubeconfig = cluster.kubeconfig(ADMIN);
    let report = call
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .run()
        .code(1)
        .json();
    for (name, code) in [
        ("named", "module-not-found"),
        ("built", "module-not-found"),
        ("global", "module-not-found"),
        ("closed", "image-unauthorized"),
    ] {
        assert_eq!(findings(&report, name)[0].0, code, "{name}: {report:#}");
    }
}

/// `0.0.0.0` reaches this machine as loopback names do, and is another host.
#[test]
fn a_realm_on_another_host_is_shown_a_credential_only_over_verified_tls() {
    let accounts = [Account::Password(USER, PASSWORD, "team/")];
    let credential = |setup: &Setup| {
        let config = setup.auths("", PASSWORD);
        home_file(plain(setup), ".docker/config.json", &config)
    };
    let plain_server = TokenServer::start(&accounts);
    let registry = Registry::with_tokens(&plain_server, &plain_server.realm("0.0.0.0"), false);
    let setup = Setup::with(registry, None);
    let (code, message) = outcome(&credential(&setup).run().code(3));
    assert_eq!(code, "image-unauthorized", "{message}");
    let asked = plain_server.shown();
    assert!(
        !asked.is_empty() && asked.iter().all(Option::is_none),
        "{asked:?}"
    );

    let server = TokenServer::with_tls(&accounts);
    let registry = Registry::with_tokens(&server, &server.realm("0.0.0.0"), true);
    let folder = tempfile::tempdir().expect("a folder");
    let authorities = bundle(folder.path(), &[registry.ca(), server.ca()]);
    let setup = Setup::with(registry, None);
    let insecure = credential(&setup).arg(format!("--insecure-registry={}", setup.registry.host()));
    assert_eq!(outcome(&insecure.run().code(3)).0, "image-unauthorized");
    assert!(server.shown().iter().all(Option::is_none));
    let verified = credential(&setup).arg("--ca-file").arg(authorities);
    assert_eq!(outcome(&verified.run().code(1)).0, "module-not-found");
    assert!(server.shown().iter().any(Option::is_some));
}
