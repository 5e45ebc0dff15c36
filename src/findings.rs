//! Findings: every code, its severity, message and help, and which of them are accepted.

pub(crate) mod accept;
pub(crate) mod codes;
pub(crate) mod explanations;
pub(crate) mod finding;
pub(crate) mod gathered;
pub(crate) mod kernel_facts;
pub(crate) mod kernel_words;
pub(crate) mod modprobe_words;
pub(crate) mod refusals;
