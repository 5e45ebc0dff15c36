//! The documents' pictures that need real kernels or a cluster.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::cluster::crds::NEWEST;
use crate::cluster::operator::wait_for;
use crate::documents::place::Place;
use crate::support::picture;
use crate::support::preflight::Preflight;
use crate::support::server::environment;
use crate::support::terminal::{Streams, Terminal};

const KERNELS: [&str; 2] = ["6.1.0-53-amd64", "6.1.0-56-amd64"];
const WIDTHS: [u16; 2] = [80, 160];

/// The folder with what both kernels export: from Debian's own packages.
fn kernels() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for kernel in KERNELS {
        let headers = Path::new("usr/src/kernels").join(kernel);
        let place = folder.path().join(&headers);
        fs::create_dir_all(&place).expect("a folder");
        let root = environment().join("debian").join(kernel).join("root");
        for name in ["Module.symvers", ".config"] {
            let source = root.join(&headers).join(name);
            fs::copy(source, place.join(name)).expect("a fact");
        }
    }
    folder
}

/// The examples, each with one image for every kernel.
fn modules() -> String {
    let text = fs::read_to_string("examples/modules.yaml").expect("the examples");
    text.replace("${KERNEL_FULL_VERSION}", KERNELS[1])
}

#[test]
fn a_matrix_of_kernels_is_in_the_pictures() {
    let kernels = kernels();
    let file = kernels.path().join("modules.yaml");
    fs::write(&file, modules()).expect("a file");
    let words = "kubectl kmm preflight run --local -f modules.yaml \\\n    \
                 --oci-layout examples/images --kernel-dir kernels \\\n    \
                 --kernel-version 6.1.0-53-amd64 --kernel-version 6.1.0-56-amd64";
    for columns in WIDTHS {
        let mut call = Preflight::new(["run", "--local", "--oci-layout=examples/images"])
            .arg("-f")
            .arg(&file)
            .arg("--kernel-dir")
            .arg(kernels.path())
            .dir(env!("CARGO_MANIFEST_DIR"));
        for kernel in KERNELS {
            call = call.args(["--kernel-version", kernel]);
        }
        let left = Terminal::start(call, Streams::Both, 80, columns).end();
        assert_eq!(left.code, Some(1), "{left:#?}");
        picture::hold("matrix", columns, words, &left);
    }
}

/// KMM since 2.4 pulls the images, which works for all three.
#[test]
fn a_cluster_whose_kmm_is_wrong_is_in_the_pictures() {
    let place = Place::new();
    let cluster = &place.cluster;
    cluster.kubectl(&["delete", "module", "m1", "--namespace=ns1"], "");
    cluster.apply("{apiVersion: v1, kind: Namespace, metadata: {name: drivers}}");
    let text = fs::read_to_string("examples/modules.yaml").expect("the examples");
    cluster.apply(&text);
    let name = "preflight-4-18-9";
    let verified = |name: &str| {
        json!({"namespace": "drivers", "name": name, "verificationStatus": "Success",
               "verificationStage": "Done", "statusReason": "verified image exists",
               "lastTransitionTime": "2026-01-02T03:04:05Z"})
    };
    let modules = ["meter", "sensor", "ticker"].map(verified);
    let said = json!({"modules": modules});
    let words = "kubectl kmm preflight run --to 4.18.9 --cleanup";
    for columns in WIDTHS {
        let mut call = Command::new(env!("CARGO_BIN_EXE_kubectl-kmm-preflight"));
        call.args(["run", "--to", "4.18.9", "--cleanup", "--no-cache"]);
        let call = place.around(&mut call);
        let terminal = Terminal::of(call, Streams::Both, 80, columns);
        let object = format!("{}/{name}", NEWEST.resource());
        wait_for(cluster, &object);
        cluster.set_status(&object, &said);
        let left = terminal.end();
        assert_eq!(left.code, Some(1), "{left:#?}");
        picture::hold("cluster", columns, words, &left);
    }
}
