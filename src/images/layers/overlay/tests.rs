use super::*;
use crate::model::layer::Content;

fn file(size: u64) -> Node {
    Node::File {
        size,
        mode: 0o644,
        content: Content::Skipped,
    }
}

/// A layer from lines: `f NAME SIZE`, `d NAME`, `l NAME TARGET`, `h NAME TARGET`, `w NAME`,
/// `o DIR`.
fn layer(text: &str) -> Arc<LayerIndex> {
    let mut index = LayerIndex::default();
    for line in text.split(';').map(str::trim).filter(|l| !l.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let name = words.get(1).copied().unwrap_or_default().to_owned();
        let third = || words[2].to_owned();
        match words[0] {
            "f" => drop(
                index
                    .entries
                    .insert(name, file(words[2].parse().expect("a size"))),
            ),
            "d" => drop(index.entries.insert(name, Node::Dir)),
            "l" => drop(index.entries.insert(name, Node::Symlink(third()))),
            "h" => drop(index.entries.insert(name, Node::Hardlink(third()))),
            "w" => drop(index.whiteouts.insert(name)),
            "o" => drop(index.opaque.insert(name)),
            other => panic!("unknown kind {other}"),
        }
    }
    Arc::new(index)
}

/// An overlay of layers, the top one first, all of which are read.
fn image(layers: &[&str]) -> Overlay {
    let mut overlay = Overlay::new(layers.len());
    for text in layers {
        overlay.push(layer(text));
    }
    overlay
}

fn say(found: Result<Option<Found<'_>>, NeedLayer>) -> String {
    match found {
        Err(NeedLayer) => "more".to_owned(),
        Ok(None) => "none".to_owned(),
        Ok(Some(found)) => match found.node {
            Node::File { size, .. } => format!("{size}@{}", found.from_top),
            Node::Dir => format!("dir@{}", found.from_top),
            Node::Symlink(target) => format!("->{target}@{}", found.from_top),
            Node::Hardlink(_) => "hard link".to_owned(),
            Node::Other => "other".to_owned(),
        },
    }
}

#[test]
fn lookups_follow_the_layers() {
    for (layers, path, expected) in [
        // Upper over lower, with implicit parents.
        (&["f a/b 1", "f a/b 2; f a/c 3"][..], "a/b", "1@0"),
        (&["f a/b 1", "f a/b 2; f a/c 3"], "/a/./c", "3@1"),
        (&["f a/b 1", "f a/c 3"], "a", "dir@0"),
        (&["f a/b 1"], "a/b/c", "none"),
        // Whiteouts of files and of folders.
        (&["w a/b", "f a/b 2"], "a/b", "none"),
        (&["w a", "f a/b 2"], "a/b", "none"),
        (&["w a; f a/c 1", "f a/b 2"], "a/b", "none"),
        (&["w a; f a/c 1", "f a/b 2"], "a/c", "1@0"),
        (&["f a/b 1", "w a/b", "f a/b 3"], "a/b", "1@0"),
        // Opaque folders hide what is below them, not what is in their layer.
        (&["o a; f a/c 1", "f a/b 2; f a/c 2"], "a/b", "none"),
        (&["o a; f a/c 1", "f a/b 2; f a/c 2"], "a/c", "1@0"),
        (&["o a", "f a/b/c 2"], "a/b/c", "none"),
        (&["o a", "f a/b 2"], "a", "dir@0"),
        (&["o ", "f b 2"], "b", "none"),
        // A file over a folder and a folder over a file or link.
        (&["f a 1", "f a/b 2"], "a/b", "none"),
        (&["f a 1", "f a/b 2"], "a", "1@0"),
        (&["f a/b 1", "f a 2"], "a/b", "1@0"),
        (&["f a/b 1", "l a c; f c/d 2"], "a/d", "none"),
        (&["d a", "f a 2", "f a/b 3"], "a/b", "none"),
        // Symlinks: relative, absolute, of folders, out of the root, in loops.
        (&["l a b; f b 1"], "a", "1@0"),
        (&["l a/x ../b/c; f b/c 1"], "a/x", "1@0"),
        (&["l opt/lib /usr/lib; f usr/lib/m 1"], "opt/lib/m", "1@0"),
        (&["l a ../../../b; f b 1"], "a", "1@0"),
        (&["l lib usr/lib", "f usr/lib/m 1"], "lib/m", "1@1"),
        (&["l a b; l b a"], "a", "none"),
        (&["l a a/x"], "a", "none"),
        (&["l a b/..; f b/c 1; f d 2"], "a/d", "2@0"),
        (&["f b 1"], "../../b", "1@0"),
        // Hard links inside and across layers; a link keeps what it was made of.
        (&["h a b", "f b 1"], "a", "1@1"),
        (&["h a b; w b", "f b 1"], "a", "none"),
        (&["f b 9", "h a b", "f b 1"], "a", "1@2"),
        (&["h a b; h b a"], "a", "none"),
        (&["h a b; l b c; f c 7"], "a", "7@0"),
    ] {
        let overlay = image(layers);
        assert_eq!(say(overlay.lookup(path)), expected, "{path} in {layers:?}");
    }
}

#[test]
fn the_last_link_can_be_kept() {
    let overlay = image(&["l a b; l d e; f b 1; f e/f 2"]);
    assert_eq!(say(overlay.lookup_link("a")), "->b@0");
    assert_eq!(say(overlay.lookup_link("d/f")), "2@0");
    assert_eq!(
        overlay.real_path("d/f").expect("complete").as_deref(),
        Some("e/f")
    );
}

#[test]
fn answers_come_as_soon_as_they_cannot_change() {
    let mut overlay = Overlay::new(3);
    assert_eq!(say(overlay.lookup("a/b")), "more");
    overlay.push(layer("f a/b 1; w a/x; o c; l l a"));
    for (path, expected) in [
        ("a/b", "1@0"),
        ("a", "dir@0"),
        ("a/x", "none"),
        ("a/y", "more"),
        ("c/y", "none"),
        ("l/b", "1@0"),
        ("l/y", "more"),
        ("z", "more"),
    ] {
        assert_eq!(say(overlay.lookup(path)), expected, "{path}");
    }
    assert_eq!(overlay.list("a"), Err(NeedLayer));
    assert_eq!(overlay.list("c"), Ok(Some(vec![])));
    overlay.push(layer("f a/y 2"));
    assert_eq!(say(overlay.lookup("l/y")), "2@1");
    assert_eq!(say(overlay.lookup("z")), "more");
    overlay.push(layer(""));
    assert_eq!(say(overlay.lookup("z")), "none");
    assert!(overlay.is_complete());
}

#[test]
fn folders_are_merged() {
    let overlay = image(&[
        "f m/k-1/x 1; f m/k 2; w m/gone; w m/k0/y; h m/hard m/k",
        "f m/gone 1; f m/k0/y 1; f m/k0/z 1; f m/old/a/b 3; l m/link ../else",
    ]);
    let names = overlay.list("/m").expect("complete").expect("a folder");
    assert_eq!(names, ["hard", "k", "k-1", "k0", "link", "old"]);
    assert_eq!(overlay.list("m/k").expect("complete"), None);
    let walked: Vec<String> = overlay
        .walk("m")
        .expect("complete")
        .into_iter()
        .map(|(path, found)| format!("{path} {}", say(Ok(Some(found)))))
        .collect();
    assert_eq!(
        walked,
        [
            "hard 2@0",
            "k 2@0",
            "k-1 dir@0",
            "k-1/x 1@0",
            "k0 dir@0",
            "k0/z 1@1",
            "link ->../else@1",
            "old dir@1",
            "old/a dir@1",
            "old/a/b 3@1",
        ]
    );
    assert!(overlay.walk("absent").expect("complete").is_empty());
}

#[test]
fn finding_agrees_with_a_walk() {
    for layers in [
        &[
            "f a/x 1;d e;l a/s x",
            "f a/y 2;h a/z a/x;w b",
            "f b/x 3;f e 4",
        ][..],
        &["l a b", "f a/x 1;f b/x 2"],
        &["o a", "f a/x 1;f c/x 1"],
        &["h t u", "f u 5;w t"],
        &["f a 1", "f a/x 1"],
        &["w a/x;f a/y 1", "f a/x 1;h a/h a/gone"],
    ] {
        let overlay = image(layers);
        let walked: BTreeSet<String> = overlay
            .walk("")
            .expect("complete")
            .into_iter()
            .filter(|(_, found)| *found.node != Node::Dir)
            .map(|(path, _)| path)
            .collect();
        let found = overlay.find(|_| true).expect("complete");
        assert!(
            found.iter().eq(&walked),
            "{layers:?}: {found:?}, {walked:?}"
        );
        let ending_in_x = overlay.find(|path| path.ends_with('x')).expect("complete");
        assert!(ending_in_x.iter().all(|path| path.ends_with('x')));
    }
    let mut unread = Overlay::new(2);
    unread.push(layer("f a/x 1"));
    assert_eq!(unread.find(|_| true), Err(NeedLayer));
}
