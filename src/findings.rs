//! Findings: every code, its severity, message and help, and which of them are accepted.

pub mod accept;
pub mod codes;
pub mod explanations;
pub mod finding;
pub mod gathered;
pub(crate) mod kernel_facts;
pub(crate) mod kernel_words;
pub(crate) mod modprobe_words;
