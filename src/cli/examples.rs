//! The examples of help. They run in a clone of this repository; a test runs each.

/// All of them.
pub const ALL: [&str; 11] = [
    ROOT, RUN, STATUS, GENERATE, DELETE, TARGETS, EXPLAIN, KERNEL, INSPECT, COMPLETION, VERSION,
];

/// Without a command.
pub const ROOT: &str = "\
Examples:
  # The cluster's Modules against an update that the cluster offers
  kubectl kmm preflight run --local --to 4.18.9
  # What a finding means
  kubectl kmm preflight explain symbol-missing";

/// `run`
pub const RUN: &str = "\
Examples:
  # Modules in files, images and kernel facts on disk; no cluster
  kubectl kmm preflight run --local -f examples/modules.yaml \\
    --oci-layout examples/images --kernel-dir examples/kernel \\
    --kernel-version 6.1.0-56-amd64
  # The cluster's Modules against one of its updates, from this machine
  kubectl kmm preflight run --local --to 4.18.9
  # The same by the cluster's own KMM
  kubectl kmm preflight run --to 4.18.9 --cleanup";

/// `status`
pub const STATUS: &str = "\
Examples:
  kubectl kmm preflight status
  kubectl kmm preflight status upgrade-4-18-9 --watch";

/// `generate`
pub const GENERATE: &str = "\
Examples:
  kubectl kmm preflight generate --kmm-version 2.4 \\
    --kernel-version 5.14.0-427.13.1.el9_4.x86_64
  kubectl kmm preflight generate --rbac";

/// `delete`
pub const DELETE: &str = "\
Examples:
  kubectl kmm preflight delete upgrade-4-18-9
  kubectl kmm preflight delete --verified";

/// `targets`
pub const TARGETS: &str = "\
Examples:
  # Which kernels do the pools get with every update that the cluster offers?
  kubectl kmm preflight targets --to all --current

  # The kernels of a release, without a cluster
  kubectl kmm preflight targets \\
    --release-image quay.io/openshift-release-dev/ocp-release:4.18.9-x86_64";

/// `explain`
pub const EXPLAIN: &str = "\
Examples:
  kubectl kmm preflight explain symbol-version-mismatch
  kubectl kmm preflight explain --list
  kubectl kmm preflight explain -f examples/modules.yaml \\
    --kernel-version 6.1.0-56-amd64";

/// `kernel`
pub const KERNEL: &str = "\
Examples:
  kubectl kmm preflight kernel \\
    quay.io/openshift-release-dev/ocp-release:4.18.9-x86_64
  kubectl kmm preflight kernel registry.example/driver-toolkit:latest \\
    --arch arm64 -o json";

/// `inspect`
pub const INSPECT: &str = "\
Examples:
  kubectl kmm preflight inspect registry.example/drivers/meter:latest \\
    --oci-layout examples/images
  kubectl kmm preflight inspect registry.example/drivers/sensor:6.1.0-56-amd64 \\
    --oci-layout examples/images -o wide";

/// `completion`
pub const COMPLETION: &str = "\
Examples:
  # For `kubectl kmm preflight`, in every shell that has kubectl's completion
  kubectl kmm preflight completion install";

/// `version`
pub const VERSION: &str = "\
Examples:
  kubectl kmm preflight version -o json";
