//! A registry that wants a credential, and Modules, Secrets and files that may have it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::image::{Image, Layer};
use crate::support::preflight::{Ended, Preflight};
use crate::support::registry::{PASSWORD, Registry, USER};
use crate::support::tokens::{Account, TokenServer};

pub(super) const KERNEL: &str = "6.1.0-1-amd64";
pub(super) const WRONG: &str = "hunter2-is-wrong";
pub(super) const IDENTITY: &str = "identity-of-a-robot";

/// A registry with one image, and the token server that it trusts.
pub(super) struct Setup {
    pub(super) registry: Registry,
    pub(super) tokens: Option<TokenServer>,
    pub(super) reference: String,
}

impl Setup {
    pub(super) fn basic() -> Self {
        Self::with(Registry::with_password(), None)
    }

    pub(super) fn tokens() -> Self {
        let tokens = TokenServer::start(&[
            Account::Password(USER, PASSWORD, "team/"),
            Account::Identity(IDENTITY, "team/"),
        ]);
        let registry = Registry::with_tokens(&tokens, &tokens.realm("127.0.0.1"), false);
        Self::with(registry, Some(tokens))
    }

    pub(super) fn with(registry: Registry, tokens: Option<TokenServer>) -> Self {
        let image = Image::new()
            .with_tools()
            .layer(Layer::new().dir("opt/lib/modules"));
        let reference = registry.push("team/driver:1", &image.build());
        Self {
            registry,
            tokens,
            reference,
        }
    }

    /// `{"auths":{KEY:…}}` for a key below this registry.
    pub(super) fn auths(&self, path: &str, password: &str) -> String {
        let auth = STANDARD.encode(format!("{USER}:{password}"));
        let key = format!("{}{path}", self.registry.host());
        json!({"auths": {key: {"auth": auth}}}).to_string()
    }
}

pub(super) fn module(namespace: &str, name: &str, image: &str, secret: Option<&str>) -> String {
    let secret = secret.map_or(String::new(), |name| {
        format!("  imageRepoSecret: {{name: {name}}}\n")
    });
    format!(
        "---\napiVersion: kmm.sigs.x-k8s.io/v1beta1\nkind: Module\n\
         metadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  selector: {{}}\n{secret}  \
         moduleLoader:\n    container:\n      modprobe: {{moduleName: driver}}\n      \
         kernelMappings: [{{regexp: '.', containerImage: '{image}'}}]\n"
    )
}

pub(super) fn secret(namespace: &str, name: &str, kind: &str, config: &str) -> String {
    let object = json!({
        "apiVersion": "v1", "kind": "Secret", "type": format!("kubernetes.io/{kind}"),
        "metadata": {"name": name, "namespace": namespace},
        "data": {format!(".{kind}"): STANDARD.encode(config)},
    });
    format!("---\n{object}\n")
}

pub(super) fn builder(namespace: &str, secret: &str) -> String {
    let object = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "builder", "namespace": namespace},
        "imagePullSecrets": [{"name": secret}],
    });
    format!("---\n{object}\n")
}

pub(super) fn run(input: &str) -> Preflight {
    Preflight::new(["run", "--local", "-vv", "-o=json", "-f=-"])
        .arg("--progress=none")
        .arg(format!("--kernel-version={KERNEL}"))
        .input(input)
}

/// The codes and messages of a Module's findings that are no remarks.
pub(super) fn findings(report: &Value, name: &str) -> Vec<(String, String)> {
    let modules = report["modules"].as_array().expect("modules");
    let module = modules.iter().find(|module| module["name"] == name);
    let findings = module.expect("the Module")["findings"].as_array();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings
        .expect("findings")
        .iter()
        .filter(|finding| finding["severity"] == "error")
        .map(|finding| (text(&finding["code"]), text(&finding["message"])))
        .collect()
}

/// The one code of the Module `m` and its message.
pub(super) fn outcome(ended: &Ended) -> (String, String) {
    let findings = findings(&ended.json(), "m");
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.into_iter().next().expect("one finding")
}

/// A file below the home folder, and a call that has it.
pub(super) fn home_file(call: Preflight, path: &str, content: &str) -> Preflight {
    let path = call.home().join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, content).expect("a file");
    call
}

/// A credential helper below the home folder that is a shell script, on the call's PATH.
pub(super) fn helper(call: Preflight, name: &str, script: &str) -> Preflight {
    let call = home_file(
        call,
        &format!("bin/docker-credential-{name}"),
        &format!("#!/bin/sh\n{script}\n"),
    );
    let bin = call.home().join("bin");
    let program = bin.join(format!("docker-credential-{name}"));
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("a program");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    call.env("PATH", path)
}

/// A helper that asserts the protocol (`get`, the server on stdin) before it answers.
pub(super) fn answering(setup: &Setup, user: &str, secret: &str) -> String {
    format!(
        "read server; [ \"$1 $server\" = \"get {}\" ] || exit 3\n\
         echo '{{\"ServerURL\":\"x\",\"Username\":\"{user}\",\"Secret\":\"{secret}\"}}'",
        setup.registry.host()
    )
}

pub(super) fn plain(setup: &Setup) -> Preflight {
    run(&module("ns", "m", &setup.reference, None))
}
