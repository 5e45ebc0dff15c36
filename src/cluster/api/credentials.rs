//! What the API server is told about who asks: token files and credential plugins are read
//! once, before kube sees them.
//!
//! kube's own way runs a plugin two or three times a connection, shows the plugin's
//! environment in its errors, and takes a token file's newline for part of the token.

use std::io::{IsTerminal, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::config::{AuthInfo, ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;

use crate::cluster::api::fault::Fault;
use crate::input::yaml;

/// The most bytes that a plugin may print.
pub(crate) const MAX_OUTPUT: u64 = 1 << 20;
/// How long the rest of what it printed may take once it has ended.
const OUTPUT_LIMIT: Duration = Duration::from_secs(2);

/// What a plugin prints (`client.authentication.k8s.io`, `ExecCredential`).
#[derive(Deserialize)]
struct ExecCredential {
    status: Option<ExecStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecStatus {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// True when a rejected credential can be had anew.
pub(crate) fn is_renewable(user: &AuthInfo) -> bool {
    user.exec.is_some() || user.token_file.is_some()
}

/// The user with a token or certificate in the place of what gives it. As in client-go, a
/// password or a token of the user's own leaves a plugin unused, and a token file goes
/// before the token beside it.
///
/// # Errors
/// The file or the plugin gives nothing, or the plugin takes longer than `limit`.
pub(crate) fn resolve(user: &AuthInfo, limit: Option<Duration>) -> Result<AuthInfo, Fault> {
    let mut user = user.clone();
    if let Some(file) = user.token_file.take() {
        match std::fs::read_to_string(&file) {
            Ok(token) => user.token = Some(token.trim().into()),
            Err(_) if user.token.is_some() => {}
            Err(error) => {
                return Err(Fault::Credentials(format!("token file {file}: {error}")));
            }
        }
    }
    let exec = user.exec.take();
    if let (Some(exec), None, None) = (&exec, &user.token, &user.username) {
        let given = run(exec, limit)?;
        user.token = given.token.map(Into::into);
        if let (Some(certificate), Some(key)) =
            (given.client_certificate_data, given.client_key_data)
        {
            user.client_certificate = None;
            user.client_certificate_data = Some(STANDARD.encode(certificate));
            user.client_key = None;
            user.client_key_data = Some(STANDARD.encode(key).into());
        } else if user.token.is_none() {
            let name = exec.command.as_deref().unwrap_or_default();
            return Err(Fault::Credentials(format!(
                "the credential plugin `{name}` returned neither a token nor a certificate"
            )));
        }
    }
    Ok(user)
}

/// Runs a credential plugin. Neither its arguments and environment nor its output are shown.
fn run(exec: &ExecConfig, limit: Option<Duration>) -> Result<ExecStatus, Fault> {
    let name = exec.command.as_deref().unwrap_or_default();
    let failed = |why: String| Fault::Credentials(format!("the credential plugin `{name}` {why}"));
    let is_interactive = match exec.interactive_mode {
        Some(ExecInteractiveMode::Never) => false,
        _ => std::io::stdin().is_terminal(),
    };
    if exec.interactive_mode == Some(ExecInteractiveMode::Always) && !is_interactive {
        return Err(failed(
            "needs to prompt, but there is no terminal".to_owned(),
        ));
    }
    let mut command = Command::new(name);
    command
        .args(exec.args.iter().flatten())
        .env("KUBERNETES_EXEC_INFO", info(exec, is_interactive))
        .stdin(if is_interactive {
            Stdio::inherit()
        } else {
            Stdio::null()
        })
        .stderr(Stdio::inherit());
    for variable in exec.env.iter().flatten() {
        if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
            command.env(name, value);
        }
    }
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Fault::NoPlugin {
            name: name.to_owned(),
            why: error.to_string(),
            install_hint: exec.install_hint.as_deref().unwrap_or_default().into(),
        })?;
    let (status, printed) = ended(&mut child, limit).map_err(failed)?;
    if !status.success() {
        return Err(failed(format!("ended with {status}")));
    }
    yaml::from_str::<ExecCredential>(&String::from_utf8_lossy(&printed))
        .ok()
        .and_then(|credential| credential.status)
        .ok_or_else(|| failed("printed no ExecCredential".to_owned()))
}

/// Waits for a plugin, and takes what it prints. A process that it leaves behind with its output
/// open is not waited for.
fn ended(child: &mut Child, limit: Option<Duration>) -> Result<(ExitStatus, Vec<u8>), String> {
    let (sender, printed) = mpsc::channel();
    let output = child.stdout.take();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.map(|output| output.take(MAX_OUTPUT + 1).read_to_end(&mut bytes));
        drop(sender.send(read.transpose().map(|_| bytes)));
    });
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if limit.is_some_and(|limit| start.elapsed() >= limit) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err("did not end within --request-timeout".to_owned());
            }
            Ok(None) => thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
    };
    match printed.recv_timeout(OUTPUT_LIMIT) {
        Ok(Ok(bytes)) if bytes.len() as u64 <= MAX_OUTPUT => Ok((status, bytes)),
        Ok(Ok(_)) => Err(format!("printed more than {MAX_OUTPUT} bytes")),
        Ok(Err(error)) => Err(format!("printed invalid data: {error}")),
        Err(_) => Err("ended without closing its output".to_owned()),
    }
}

/// `$KUBERNETES_EXEC_INFO`.
fn info(exec: &ExecConfig, is_interactive: bool) -> String {
    let mut spec = json!({"interactive": is_interactive});
    if let Some(cluster) = exec
        .cluster
        .as_ref()
        .filter(|_| exec.provide_cluster_info)
        .and_then(|cluster| serde_json::to_value(cluster).ok())
    {
        spec["cluster"] = cluster;
    }
    json!({"apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(user: &AuthInfo) -> Result<AuthInfo, Fault> {
        super::resolve(user, Some(Duration::from_secs(20)))
    }

    fn user(value: serde_json::Value) -> AuthInfo {
        serde_json::from_value(value).expect("a user of a kubeconfig")
    }

    fn token(user: AuthInfo) -> Option<String> {
        let value = serde_json::to_value(user).expect("a user as JSON");
        value["token"].as_str().map(str::to_owned)
    }

    #[test]
    fn a_token_file_is_read_without_its_newline() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("token");
        std::fs::write(&file, "secret\n").expect("a token file");
        let found = resolve(&user(json!({"token": "old", "tokenFile": file}))).expect("a token");
        assert_eq!(token(found).as_deref(), Some("secret"));
        let absent = folder.path().join("absent");
        let found = resolve(&user(json!({"token": "old", "tokenFile": absent}))).expect("a token");
        assert_eq!(token(found).as_deref(), Some("old"));
        let fault = resolve(&user(json!({"tokenFile": absent}))).expect_err("no token");
        assert!(fault.to_string().contains("absent"), "{fault}");
    }

    #[cfg(unix)]
    fn plugin(script: &str) -> serde_json::Value {
        json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
                        "args": ["-c", script], "interactiveMode": "Never",
                        "env": [{"name": "WORD", "value": "from-env"}]}})
    }

    #[cfg(unix)]
    #[test]
    fn a_plugin_gives_a_token_or_a_certificate() {
        let found = resolve(&user(plugin(
            r#"echo "{\"status\": {\"token\": \"$WORD\"}}""#,
        )));
        assert_eq!(token(found.expect("a token")).as_deref(), Some("from-env"));
        let found = resolve(&user(plugin(
            "printf 'status:\n  clientCertificateData: C\n  clientKeyData: K\n'",
        )))
        .expect("a certificate");
        assert_eq!(found.client_certificate_data.as_deref(), Some("Qw=="));
        assert!(found.exec.is_none());
        let mut with_token = plugin("exit 3");
        with_token["token"] = "own".into();
        let found = resolve(&user(with_token)).expect("the user's own token");
        assert_eq!(token(found).as_deref(), Some("own"));
    }

    #[cfg(unix)]
    #[test]
    fn a_plugin_that_gives_nothing_shows_no_secret() {
        for (script, word) in [
            ("echo secret; exit 3", "ended with"),
            ("echo secret", "printed no ExecCredential"),
            (
                "echo 'status: {expirationTimestamp: x}'",
                "neither a token nor a certificate",
            ),
        ] {
            let fault = resolve(&user(plugin(script))).expect_err("no credential");
            let text = fault.to_string();
            assert!(text.contains(word), "{text}");
            assert!(
                !text.contains("secret") && !text.contains("from-env"),
                "{text}"
            );
        }
        let mut asks = plugin("exit 0");
        asks["exec"]["interactiveMode"] = "Always".into();
        asks["exec"]["command"] = "/nowhere/plugin".into();
        asks["exec"]["installHint"] = "get it".into();
        // Without a terminal it is not even started.
        let fault = resolve(&user(asks.clone())).expect_err("no plugin");
        if !std::io::stdin().is_terminal() {
            assert!(fault.to_string().contains("no terminal"), "{fault}");
        }
        asks["exec"]["interactiveMode"] = "Never".into();
        let fault = resolve(&user(asks)).expect_err("no plugin");
        assert!(fault.to_string().contains("cannot be started"), "{fault}");
        assert_eq!(fault.into_error("x", "status").hint(), "get it");
    }

    #[cfg(unix)]
    #[test]
    fn a_plugin_is_told_what_it_is_asked_for() {
        let script =
            r#"printf 'status: {token: %s}' "$(printf %s "$KUBERNETES_EXEC_INFO" | base64 -w0)""#;
        let found = resolve(&user(plugin(script))).expect("a token");
        let told = STANDARD
            .decode(token(found).expect("a token"))
            .expect("base64");
        let told: serde_json::Value = serde_json::from_slice(&told).expect("JSON");
        assert_eq!(
            told,
            json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
                   "spec": {"interactive": false}})
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_plugin_that_does_not_end_is_not_waited_for() {
        let asks = user(plugin("exec sleep 100"));
        let fault = super::resolve(&asks, Some(Duration::from_millis(200))).expect_err("no answer");
        assert!(
            format!("{fault:?}").contains("--request-timeout"),
            "{fault:?}"
        );
        let left_behind = user(plugin("sleep 100 & echo '{}'"));
        let fault = resolve(&left_behind).expect_err("its output stays open");
        assert!(
            format!("{fault:?}").contains("without closing its output"),
            "{fault:?}"
        );
    }
}
