//! What is known about a target kernel: parsers and the facts they add up to (pure), and
//! where they come from ([`sources`], which reads the disk).

pub mod facts;
pub mod sources;
