//! KMM in the cluster.
//!
//! [`generation`] is which KMM serves the CRs, [`preflight`] a CR of any release, [`desired`] the one
//! to create, [`detect`] reads them, [`follow`] watches one, [`survey`] and [`diagnose`] explain it.

pub(crate) mod desired;
pub(crate) mod detect;
pub(crate) mod diagnose;
pub(crate) mod follow;
pub(crate) mod generation;
pub(crate) mod preflight;
pub(crate) mod survey;
