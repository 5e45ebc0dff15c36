//! Digests the code that reads layers: what is kept of them in the cache follows it.

#[path = "src/images/registry/cache/code_digest.rs"]
mod code_digest;

fn main() {
    for place in code_digest::READERS {
        println!("cargo:rerun-if-changed={place}");
    }
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo names the package's folder");
    let sources = code_digest::sources(root.as_ref()).expect("the sources can be read");
    let texts = sources.iter().map(|(_, text)| text.as_str());
    let digest = code_digest::of(texts).expect("the sources are Rust");
    println!("cargo:rustc-env=LAYER_READER_DIGEST={digest:016x}");
}
