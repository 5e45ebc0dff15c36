//! The examples of `--help`.

/// `run`
pub const RUN: &str = "\
Examples:
  # Will the Modules in these files load after the update? Nothing but registries is asked.
  kubectl kmm preflight run --local -f modules/ --release-image quay.io/openshift-release-dev/ocp-release:4.18.9-x86_64

  # The cluster's Modules against two kernels, with facts from a driver-toolkit image
  kubectl kmm preflight run --local --kernel-version 5.14.0-427.13.1.el9_4.x86_64 \\
    --kernel-version 5.14.0-503.11.1.el9_5.x86_64 --dtk-image registry.example/driver-toolkit:latest

  # An air-gapped mirror, and facts from a folder
  kubectl kmm preflight run --local -f module.yaml --kernel-version 5.14.0-427.13.1.el9_4.x86_64 \\
    --oci-layout ./mirror --kernel-dir ./kernel -o json

  # By the cluster's own KMM, for an update that the cluster offers
  kubectl kmm preflight run --to 4.18.9 --cleanup";

/// `status`
pub const STATUS: &str = "\
Examples:
  kubectl kmm preflight status
  kubectl kmm preflight status upgrade-4-18-9 --watch";

/// `generate`
pub const GENERATE: &str = "\
Examples:
  kubectl kmm preflight generate --kernel-version 5.14.0-427.13.1.el9_4.x86_64 | kubectl apply -f -
  kubectl kmm preflight generate --kmm-version 2.3 --release-image quay.io/openshift-release-dev/ocp-release:4.16.3-x86_64";

/// `delete`
pub const DELETE: &str = "\
Examples:
  kubectl kmm preflight delete upgrade-4-18-9
  kubectl kmm preflight delete --verified";

/// `explain`
pub const EXPLAIN: &str = "\
Examples:
  kubectl kmm preflight explain -f module.yaml --kernel-version 5.14.0-427.13.1.el9_4.x86_64
  kubectl kmm preflight explain symbol-version-mismatch";

/// `kernel`
pub const KERNEL: &str = "\
Examples:
  kubectl kmm preflight kernel quay.io/openshift-release-dev/ocp-release:4.18.9-x86_64
  kubectl kmm preflight kernel registry.example/driver-toolkit:latest --arch arm64 -o json";

/// `inspect`
pub const INSPECT: &str = "\
Examples:
  kubectl kmm preflight inspect registry.example/driver:5.14.0-427.13.1.el9_4.x86_64
  kubectl kmm preflight inspect registry.example/driver:1.0 --oci-layout ./mirror -o wide";
