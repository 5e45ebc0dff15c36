//! A digest of code by what it does: comments, documentation, layout and tests leave it as it
//! is. `build.rs` includes this file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, LexError, TokenStream, TokenTree};

/// The code that reads layers and the modules in them, files or folders.
pub(crate) const READERS: &[&str] = &[
    "crates/kernel-loader/src/arch",
    "crates/kernel-loader/src/arch.rs",
    "crates/kernel-loader/src/depmod",
    "crates/kernel-loader/src/module",
    "crates/kernel-loader/src/module.rs",
    "crates/kernel-loader/src/signature",
    "crates/kernel-loader/src/signature.rs",
    "src/images/layers",
    "src/model/layer.rs",
];

/// The files of [`READERS`] with their texts, sorted by path; without files of tests.
pub(crate) fn sources(root: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let mut todo: Vec<PathBuf> = READERS.iter().map(|place| root.join(place)).collect();
    let mut sources = Vec::new();
    while let Some(path) = todo.pop() {
        if path.ends_with("tests") || path.ends_with("tests.rs") {
            continue;
        }
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                todo.push(entry?.path());
            }
        } else {
            let text = fs::read_to_string(&path)?;
            sources.push((path, text));
        }
    }
    sources.sort();
    Ok(sources)
}

/// FNV-1a over the tokens of some sources.
pub(crate) fn of<'t>(sources: impl Iterator<Item = &'t str>) -> Result<u64, LexError> {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for source in sources {
        add(source.parse()?, &mut hash);
        token("", &mut hash);
    }
    Ok(hash)
}

fn add(tokens: TokenStream, hash: &mut u64) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(tree) = tokens.next() {
        if matches!(&tree, TokenTree::Punct(punct) if punct.as_char() == '#') {
            // `#!` of a file's own documentation.
            let inner = tokens
                .next_if(|next| matches!(next, TokenTree::Punct(punct) if punct.as_char() == '!'));
            let attribute = match tokens.peek() {
                Some(TokenTree::Group(group)) => group.stream().to_string().replace(' ', ""),
                _ => String::new(),
            };
            if attribute.starts_with("doc=") {
                tokens.next();
                continue;
            }
            if attribute == "cfg(test)" {
                tokens.next();
                skip_item(&mut tokens);
                continue;
            }
            token("#", hash);
            if inner.is_some() {
                token("!", hash);
            }
            continue;
        }
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                token(open, hash);
                add(group.stream(), hash);
                token(close, hash);
            }
            other => token(&other.to_string(), hash),
        }
    }
}

/// Passes over what an attribute is for: up to its block, or its semicolon.
fn skip_item(tokens: &mut impl Iterator<Item = TokenTree>) {
    for tree in tokens {
        match tree {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
            TokenTree::Punct(punct) if punct.as_char() == ';' => return,
            _ => {}
        }
    }
}

fn token(text: &str, hash: &mut u64) {
    for byte in text.bytes().chain([0]) {
        *hash = (*hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
}
