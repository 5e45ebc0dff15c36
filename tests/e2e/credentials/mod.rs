//! Every place that credentials come from, shown to a real registry: by basic authentication,
//! and by the tokens of a token server.

mod broken;
mod setup;
mod several;
mod sources;
