//! Servers that lie, and their honest twins: who gets a credential, who is believed, and whose
//! fault it is that there is no answer.

mod certificates;
mod challenges;
mod digests;
mod kubeconfigs;
mod proxies;
mod redirects;

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;
use test_support::faults::Asked;
use test_support::image::{Built, Image, Layer};

use crate::preflight::Preflight;

/// The image was read, and has no module in it.
const READ: i32 = 4;
const PASSWORD: &str = "hush";

fn image() -> Built {
    Image::new()
        .layer(Layer::new().file("opt/lib/modules/README", b"empty"))
        .build()
}

fn inspect(host: &str) -> Preflight {
    Preflight::new(["inspect", &format!("{host}/team/driver:1")])
}

/// The same with a password for the host.
fn inspect_as_user(host: &str) -> (Preflight, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = authfile(folder.path(), host);
    (inspect(host).arg("--authfile").arg(file), folder)
}

fn authfile(folder: &Path, host: &str) -> PathBuf {
    let file = folder.join("auth.json");
    let auth = STANDARD.encode(format!("user:{PASSWORD}"));
    let text = serde_json::json!({"auths": {host: {"auth": auth}}});
    fs::write(&file, text.to_string()).expect("a file");
    file
}

fn basic() -> String {
    format!("Basic {}", STANDARD.encode(format!("user:{PASSWORD}")))
}

fn shows(asked: &Asked, authorization: &str) -> bool {
    asked
        .headers
        .get("authorization")
        .is_some_and(|value| value == authorization)
}

/// True when no request showed a credential of any kind.
fn nobodys(asked: &[Asked]) -> bool {
    asked
        .iter()
        .all(|asked| !asked.headers.contains_key("authorization") && !asked.body.contains(PASSWORD))
}
