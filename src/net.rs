//! What every connection of this program shares, whoever it goes to: which proxy leads to a
//! URL, which certificates are trusted, what a network's fault means, and how an address is
//! shown.

pub(crate) mod address;
pub(crate) mod certificates;
pub(crate) mod client_identity;
pub(crate) mod http;
pub(crate) mod no_answer;
pub(crate) mod proxy;
pub(crate) mod retry_after;
pub(crate) mod tls;
pub(crate) mod tls_words;
