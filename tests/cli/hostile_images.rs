//! Documents, tables of contents and layers of a registry that were made to take memory or time,
//! each beside a benign twin of the same shape.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use test_support::faults::{Answer, Asked, FaultServer};
use test_support::image::{Image, Layer, Packing, sha256};
use test_support::layout::write_layout;

use super::hostile::{FOLDER, KERNEL, Taken, inspect, measured, module, modules, names};
use super::preflight::Preflight;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A registry of documents and blobs by digest, with one document under every tag.
fn registry(
    document: Vec<u8>,
    kind: &'static str,
    blobs: BTreeMap<String, Vec<u8>>,
) -> FaultServer {
    FaultServer::start(move |asked| {
        if asked.path == "/v2/" {
            return Answer::new(200, "{}");
        }
        if asked.path.ends_with("/manifests/1") {
            return Answer::new(200, document.clone()).header("content-type", kind);
        }
        let digest = asked.path.rsplit('/').next().unwrap_or_default();
        match blobs.get(digest) {
            Some(blob) => part(blob, asked),
            None => Answer::new(404, "{}"),
        }
    })
}

/// The bytes of a blob that are asked for.
fn part(blob: &[u8], asked: &Asked) -> Answer {
    let range = asked.headers.get("range").and_then(|range| {
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        let last = last.parse().unwrap_or(blob.len() - 1);
        Some((first.parse::<usize>().ok()?, last))
    });
    match range {
        None => Answer::new(200, blob),
        Some((first, last)) => {
            let place = format!("bytes {first}-{last}/{}", blob.len());
            Answer::new(206, &blob[first..=last]).header("content-range", &place)
        }
    }
}

fn inspect_at(server: &FaultServer) -> Taken {
    let image = format!("{}/team/driver:1", server.host());
    measured(&Preflight::new(["inspect", &image]), "")
}

#[test]
fn an_index_of_a_registry() {
    let of = |manifests: &str| {
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{manifests}]}}"#);
        inspect_at(&registry(index.into_bytes(), INDEX, BTreeMap::new()))
    };
    let one = format!(
        r#"{{"digest":"{}","size":1,"platform":{{"architecture":"s390x"}}}}"#,
        sha256(b"")
    );
    of(&one).within(&[1], 512);
    let taken = of(&vec![one.as_str(); 35_000].join(",")).within(&[1, 3], 512);
    assert!(!taken.stderr.is_empty());
    of(&vec!["{}"; 1_390_000].join(",")).within(&[3], 512);
    // Larger than any index that is read.
    of(&vec![one.as_str(); 100_000].join(",")).within(&[3], 512);
}

/// An image of one layer with a table of contents; its files' bytes are zeros.
fn of_table(form: &str, entries: &str) -> FaultServer {
    let table = format!(r#"{{"version":1,"entries":[{entries}]}}"#).into_bytes();
    let mut layer = vec![0; 2 << 20];
    let at = layer.len();
    let (kind, annotations) = if form == "estargz" {
        let inner = Layer::new().file("stargz.index.json", &table);
        let inner = Image::new().layer(inner).build();
        let packed = inner
            .blobs
            .values()
            .find(|blob| blob.starts_with(b"\x1f\x8b"));
        layer.extend(packed.expect("a layer"));
        layer.extend(b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0SG\x16\0");
        layer.extend(format!("{at:016x}STARGZ").bytes());
        layer.extend(b"\x01\0\0\xff\xff\0\0\0\0\0\0\0\0");
        let digest = sha256(&table);
        (
            "gzip",
            json!({"containerd.io/snapshot/stargz/toc.digest": digest}),
        )
    } else {
        let frame = zstd::encode_all(table.as_slice(), 3).expect("memory");
        layer.extend(&frame);
        let prefix = "io.github.containers.zstd-chunked";
        let position = format!("{at}:{}:{}:1", frame.len(), table.len());
        (
            "zstd",
            json!({
                format!("{prefix}.manifest-checksum"): sha256(&frame),
                format!("{prefix}.manifest-position"): position,
            }),
        )
    };
    let config = br#"{"architecture":"amd64","os":"linux"}"#.to_vec();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": sha256(&config), "size": config.len(),
        },
        "layers": [{
            "mediaType": format!("application/vnd.oci.image.layer.v1.tar+{kind}"),
            "digest": sha256(&layer), "size": layer.len(), "annotations": annotations,
        }],
    });
    let blobs = [config, layer].map(|blob| (sha256(&blob), blob));
    registry(manifest.to_string().into_bytes(), MANIFEST, blobs.into())
}

#[test]
fn tables_of_contents() {
    let entry = |number: usize| format!(r#"{{"name":"d/{number}","type":"reg"}}"#);
    let entries = |count: usize| (0..count).map(entry).collect::<Vec<_>>().join(",");
    let chunk = r#"{"type":"chunk"}"#;
    for form in ["estargz", "zstd:chunked"] {
        let server = of_table(form, &entries(10));
        inspect_at(&server).within(&[4], 512);
        // By the table: the layer as a whole was not asked for.
        let ranges = server.asked("/blobs/");
        assert!(
            ranges
                .iter()
                .any(|asked| asked.headers.contains_key("range")),
            "{form}: {ranges:?}"
        );
        for hostile in [
            entries(99_000),
            vec!["{}"; 5_000_000].join(","),
            format!("{},{}", entry(0), vec![chunk; 99_000].join(",")),
            format!(r#"{{"name":"{}"}}"#, "a".repeat(200 << 20)),
        ] {
            inspect_at(&of_table(form, &hostile)).within(&[3, 4], 512);
        }
    }
}

fn keep(layout: &Path, document: &Value) -> Value {
    let bytes = document.to_string();
    let digest = sha256(bytes.as_bytes());
    let (_, hex) = digest.split_once(':').expect("a digest");
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a folder");
    fs::write(blobs.join(hex), &bytes).expect("a file");
    json!({"digest": digest, "size": bytes.len(), "mediaType": INDEX})
}

#[test]
fn indexes_that_lie_in_each_other() {
    for (width, depth) in [(2, 2), (60, 5)] {
        let layout = tempfile::tempdir().expect("a folder");
        let mut below = vec![json!({"digest": sha256(b""), "size": 0, "mediaType": INDEX})];
        for level in 0..depth {
            let index = |number: usize| {
                json!({
                    "schemaVersion": 2, "mediaType": INDEX, "manifests": below,
                    "annotations": {"is": format!("{level}.{number}")},
                })
            };
            let level = (0..width).map(|number| keep(layout.path(), &index(number)));
            below = level.collect();
        }
        let index = json!({"schemaVersion": 2, "manifests": below});
        fs::write(layout.path().join("index.json"), index.to_string()).expect("a file");
        let call = Preflight::new(["inspect", "127.0.0.1:1/hostile:1", "--oci-layout"]);
        let taken = measured(&call.arg(layout.path()), "").within(&[3], 512);
        assert!(
            taken.stderr.contains("lists no image names"),
            "{}",
            taken.stderr
        );
    }
}

#[test]
fn a_layer_of_a_million_entries() {
    inspect(vec![names(1_000, 0)]).within(&[4], 512);
    let taken = inspect(vec![names(999_000, 0)]).within(&[3], 512);
    assert!(taken.stderr.contains("memory"), "{}", taken.stderr);
}

#[test]
fn eight_hundred_modules() {
    inspect(vec![modules(800, 10)]).within(&[0], 512);
    inspect(vec![modules(800, 30_000)]).within(&[3], 512);
}

/// A machine-os image as ostree exports it, with so many files beside those of its kernel: it
/// is read whatever its size, for a kernel is told by few of them.
#[test]
fn a_machine_os_image_of_three_hundred_thousand_paths() {
    for count in [10, 150_000] {
        let layout = tempfile::tempdir().expect("a folder");
        let linked = |layer: Layer, path: &str, content: &[u8], number: usize| {
            let name = sha256(&number.to_le_bytes());
            let object = format!(
                "sysroot/ostree/repo/objects/{}/{}.file",
                &name[7..9],
                &name[9..]
            );
            layer.file(&object, content).hard_link(path, &object)
        };
        let kernel = format!("usr/lib/modules/{KERNEL}");
        let symbols = b"0x00000001\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n";
        let mut layer = Layer::new().packed(Packing::Zstd);
        for (number, (name, content)) in [
            ("modules.dep", &b"kernel/a.ko:\n"[..]),
            ("config", b"CONFIG_MODULES=y\n"),
            (
                "symvers.zst",
                &zstd::encode_all(&symbols[..], 3).expect("memory"),
            ),
            ("kernel/a.ko", &module(1)),
            ("vmlinuz", b"MZ"),
        ]
        .into_iter()
        .enumerate()
        {
            layer = linked(layer, &format!("{kernel}/{name}"), content, number);
        }
        for number in 0..count {
            let path = format!("usr/share/package-{}/doc/file-{number}", number % 3_000);
            layer = linked(layer, &path, b"", 100 + number);
        }
        let os = Image::new().layer(layer).build();
        write_layout(layout.path(), "registry.test/os:1", &os);
        let image = Layer::new().file(&format!("{FOLDER}/m.ko"), &module(1));
        let image = Image::new().layer(image).with_tools().build();
        write_layout(layout.path(), "registry.test/hostile:1", &image);
        let call = Preflight::new(["run", "--local", "-f=-", "-o=json", "--arch=amd64"])
            .args(["--os-image=registry.test/os:1", "--oci-layout"])
            .arg(layout.path());
        let input = super::bad_input::mapping("regexp: '.'", "registry.test/hostile:1");
        measured(&call, &input).within(&[1], 512);
        let report = fs::read_to_string(call.home().join("stdout")).expect("the report");
        let report: Value = serde_json::from_str(&report).expect("JSON");
        assert_eq!(report["target"][0]["kernelVersion"], KERNEL, "{report}");
        let findings = report["modules"][0]["findings"].to_string();
        assert!(!findings.contains("kernel-facts-missing"), "{findings}");
    }
}
