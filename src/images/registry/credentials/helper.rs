//! Credential helpers: programs called `docker-credential-NAME` that keep credentials
//! elsewhere (docker's credential helper protocol, `get`).

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::images::registry::credentials::{Credential, SecretText};

/// How long a helper may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many bytes of its answer are read.
const LONGEST_ANSWER: u64 = 1 << 20;
/// The name of a user that stands for an identity token.
const TOKEN_USER: &str = "<token>";

/// The object that helpers answer with.
type Answer = serde_json::Map<String, Value>;

/// Asks a helper for the credential of a registry; `None` where it has none.
///
/// # Errors
/// The helper is not there, hangs, fails, or answers no JSON. What it printed is not told.
pub(crate) async fn get(program: &str, host: &str) -> Result<Option<Credential>, String> {
    let program = format!("docker-credential-{program}");
    if program.contains(['/', '\\']) {
        return Err(format!(
            "`{program}` is not a valid name of a credential helper"
        ));
    }
    let server = if host == "docker.io" {
        "https://index.docker.io/v1/"
    } else {
        host
    };
    match tokio::time::timeout(PATIENCE, ask(&program, server)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!(
            "credential helper {program} timed out after {} s",
            PATIENCE.as_secs()
        )),
    }
}

async fn ask(program: &str, server: &str) -> Result<Option<Credential>, String> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot start credential helper {program}: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input may answer all the same.
        let _ = stdin.write_all(format!("{server}\n").as_bytes()).await;
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout
            .take(LONGEST_ANSWER)
            .read_to_end(&mut output)
            .await
            .map_err(|error| format!("credential helper {program}: {error}"))?;
    }
    let status = child
        .wait()
        .await
        .map_err(|error| format!("credential helper {program}: {error}"))?;
    if !status.success() {
        let said = String::from_utf8_lossy(&output);
        if said.contains("credentials not found") {
            return Ok(None);
        }
        return Err(format!("credential helper {program} failed: {status}"));
    }
    let answer: Answer = serde_json::from_slice(&output)
        .map_err(|_| format!("credential helper {program} printed no JSON"))?;
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    let secret = text("Secret");
    if secret.is_empty() {
        return Ok(None);
    }
    Ok(Some(match text("Username") {
        TOKEN_USER => Credential::IdentityToken(SecretText::new(secret)),
        username => Credential::Basic {
            username: username.to_owned(),
            password: SecretText::new(secret),
        },
    }))
}
