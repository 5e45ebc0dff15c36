//! Which programs of an image a node can run.

use std::sync::Arc;

use super::*;
use crate::model::layer::LayerIndex;

const X86_64: ElfMachine = ElfMachine {
    number: 62,
    little_endian: true,
};
const ARM64: ElfMachine = ElfMachine {
    number: 183,
    little_endian: true,
};
const I386: ElfMachine = ElfMachine {
    number: 3,
    little_endian: true,
};

fn layer(programs: &[(&str, Option<ElfMachine>)]) -> LayerIndex {
    let mut layer = LayerIndex::default();
    for (path, machine) in programs {
        let node = Node::File {
            size: 1000,
            mode: 0o755,
            content: Content::NoModule(*machine),
        };
        layer.entries.insert((*path).to_owned(), node);
    }
    layer
}

/// Every finding's code and effect, with the number of layers that were read.
fn answer(
    config: &ImageConfig,
    release: (u8, u8),
    layers: &[LayerIndex],
) -> (Vec<(Code, Effect)>, usize) {
    let release = KmmRelease {
        major: release.0,
        minor: release.1,
        upstream: false,
    };
    let mut overlay = Overlay::new(layers.len());
    let mut unread = layers.iter();
    loop {
        if let Ok(findings) = check(&overlay, config, release, Arch::Amd64) {
            let seen = findings.iter().map(|it| (it.code, it.effect)).collect();
            return (seen, layers.len() - unread.len());
        }
        let next = unread.next().expect("an overlay of all layers is complete");
        overlay.push(Arc::new(next.clone()));
    }
}

fn labelled(label: &str) -> ImageConfig {
    ImageConfig {
        architecture: Some(label.to_owned()),
        ..ImageConfig::default()
    }
}

#[test]
fn the_shell_decides_and_the_label_raises_a_doubt_at_most() {
    let programs = |machine| {
        layer(&[
            ("bin/sh", machine),
            ("bin/mkdir", machine),
            ("usr/bin/cp", machine),
        ])
    };
    let missing = (Code::ImageToolsMissing, Effect::Fails);
    let maybe = (Code::ImageToolsMissing, Effect::Doubts);
    let warning = (Code::ImageArchMissing, Effect::None);
    let doubt = (Code::ImageArchMissing, Effect::Doubts);
    for (label, machine, expected) in [
        ("amd64", Some(X86_64), vec![]),
        ("x86_64", Some(X86_64), vec![]),
        ("amd64", None, vec![]),
        ("arm64", Some(X86_64), vec![warning]),
        ("riscv64", Some(X86_64), vec![warning]),
        ("arm64", None, vec![doubt]),
        ("arm64", Some(ARM64), vec![missing]),
        ("amd64", Some(ARM64), vec![missing]),
        ("amd64", Some(I386), vec![maybe]),
    ] {
        let (seen, _) = answer(&labelled(label), (2, 4), &[programs(machine)]);
        assert_eq!(seen, expected, "{label} with {machine:?}");
    }
    // A KMM that runs nothing in the image does not mind its programs.
    let (seen, _) = answer(&labelled("arm64"), (2, 1), &[programs(Some(ARM64))]);
    assert_eq!(seen, [warning]);
}

#[test]
fn each_program_is_looked_at() {
    for foreign in ["bin/sh", "bin/mkdir", "usr/bin/cp"] {
        let of = |path| (path, Some(if path == foreign { ARM64 } else { X86_64 }));
        let programs = layer(&[of("bin/sh"), of("bin/mkdir"), of("usr/bin/cp")]);
        let (seen, _) = answer(&labelled("amd64"), (2, 4), &[programs]);
        let missing = (Code::ImageToolsMissing, Effect::Fails);
        assert_eq!(seen, [missing], "{foreign}");
    }
}

#[test]
fn a_shell_that_the_configuration_shows_is_read_only_where_the_label_differs() {
    let shown = |label: &str| ImageConfig {
        shows_a_shell: true,
        ..labelled(label)
    };
    let programs = |machine| layer(&[("bin/sh", Some(machine))]);
    let layers = |machine| [LayerIndex::default(), programs(machine)];
    assert_eq!(
        answer(&shown("amd64"), (2, 4), &layers(X86_64)),
        (vec![], 0)
    );
    let warning = (Code::ImageArchMissing, Effect::None);
    let (seen, read) = answer(&shown("arm64"), (2, 4), &layers(X86_64));
    assert_eq!((seen, read), (vec![warning], 2));
    let missing = (Code::ImageToolsMissing, Effect::Fails);
    let (seen, _) = answer(&shown("arm64"), (2, 4), &layers(ARM64));
    assert_eq!(seen, [missing]);
}
