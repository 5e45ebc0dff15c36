//! KMM in the cluster.
//!
//! [`generation`] is which KMM serves the CRs, [`preflight`] a CR of any release, [`desired`] the one
//! to create, [`detect`] reads them, [`follow`] watches one, [`survey`] and [`diagnose`] explain it.

pub mod desired;
pub mod detect;
pub mod diagnose;
pub mod follow;
pub mod generation;
pub mod preflight;
pub mod survey;
