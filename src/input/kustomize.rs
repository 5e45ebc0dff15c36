//! `-k`: what `kubectl kustomize` makes of a folder.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::error::Error;
use crate::input::source::{MAX_BYTES, Text, TextSource};

/// How long kustomize may take: it may fetch remote bases.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs `kubectl kustomize` on each folder.
///
/// # Errors
/// There is no kubectl, or it cannot build the kustomization.
pub(crate) async fn read(folders: &[OsString]) -> Result<Vec<Text>, Error> {
    let mut texts = Vec::new();
    for folder in folders {
        let name = folder.to_string_lossy().into_owned();
        let built = tokio::time::timeout(LIMIT, build(folder)).await;
        let bytes = built
            .unwrap_or_else(|_| Err(format!("it took longer than {} s", LIMIT.as_secs())))
            .map_err(|why| Error::Input {
                message: format!("-k {name}: {why}"),
                hint: format!("Run `kubectl kustomize {name}`, or pass its output to -f."),
            })?;
        let text = String::from_utf8(bytes).map_err(|_| Error::Input {
            message: format!("-k {name}: the output of kubectl kustomize is not UTF-8"),
            hint: String::new(),
        })?;
        texts.push(Text {
            place: TextSource::Stream(format!("-k {name}")),
            found: false,
            is_damaged: false,
            text,
        });
    }
    Ok(texts)
}

async fn build(folder: &OsString) -> Result<Vec<u8>, String> {
    let mut command = Command::new("kubectl");
    command
        .arg("kustomize")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => "kubectl, which includes kustomize, is not in $PATH".to_owned(),
        _ => format!("kubectl cannot be started: {error}"),
    })?;
    let (mut bytes, mut said) = (Vec::new(), Vec::new());
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    let read_out = async {
        match stdout {
            Some(stdout) => stdout.take(MAX_BYTES + 1).read_to_end(&mut bytes).await,
            None => Ok(0),
        }
    };
    let read_err = async {
        match stderr {
            Some(stderr) => stderr.take(64 << 10).read_to_end(&mut said).await,
            None => Ok(0),
        }
    };
    let (out, _) = tokio::join!(read_out, read_err);
    out.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("its output is larger than {} MiB", MAX_BYTES >> 20));
    }
    let status = child.wait().await.map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(bytes);
    }
    let said = String::from_utf8_lossy(&said);
    let said = said.trim();
    Err(format!("kubectl kustomize failed: {said}"))
}
