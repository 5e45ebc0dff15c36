//! The `kubectl-kmm-preflight` binary: parse, run, print, exit.

fn main() {}
