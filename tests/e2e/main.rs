//! Tests against real servers and kernels, which `scripts/test` sets up.

mod air_gap;
mod architectures;
mod boot;
mod build;
mod build_faults;
mod cluster;
mod container_image;
mod credentials;
mod docker;
mod documents;
mod driver;
mod enforcing;
mod environment;
mod faults;
mod in_tree;
mod inputs;
mod kernel_judge;
mod kubectl;
mod linters;
mod mirrors;
mod openshift;
mod pictures;
mod prometheus;
mod proxy;
mod registry;
mod registry_sources;
mod run_limits;
mod run_local;
mod run_watched;
mod shells;
mod sign_file;
mod stages;
mod table_of_contents;
mod trust;

use test_support as support;
