//! Inputs that were made to take memory or time, each beside a benign twin of the same shape:
//! what the command takes of both is measured from outside.

use std::fs::{self, File};
use std::process::Stdio;
use std::time::{Duration, Instant};

use test_support::image::{Image, Layer, Packing};
use test_support::layout::write_layout;

use super::preflight::Preflight;

pub(super) const MIB: u64 = 1 << 20;
pub(super) const KERNEL: &str = "5.14.0-70.el9.x86_64";
pub(super) const FOLDER: &str = "opt/lib/modules/5.14.0-70.el9.x86_64";

/// What one call took, and how it ended.
pub(super) struct Taken {
    code: Option<i32>,
    /// Most bytes that were resident.
    memory: u64,
    /// Seconds of processor time.
    seconds: u64,
    pub(super) stderr: String,
}

/// Runs a call and looks at it until it ends.
pub(super) fn measured(call: &Preflight, input: &str) -> Taken {
    let folder = call.home();
    fs::write(folder.join("input"), input).expect("a file");
    let stream = |name: &str| File::create(folder.join(name)).expect("a file");
    let mut child = call
        .command()
        .stdin(File::open(folder.join("input")).expect("the file"))
        .stdout(Stdio::from(stream("stdout")))
        .stderr(Stdio::from(stream("stderr")))
        .spawn()
        .expect("the binary starts");
    let process = format!("/proc/{}", child.id());
    let (mut memory, mut seconds) = (0, 0);
    let code = loop {
        if let Ok(status) = fs::read_to_string(format!("{process}/status"))
            && let Some(line) = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))
        {
            let kib = line.trim().trim_end_matches(" kB").parse::<u64>();
            memory = kib.expect("a number") << 10;
        }
        if let Ok(stat) = fs::read_to_string(format!("{process}/stat"))
            && let Some((_, after)) = stat.rsplit_once(") ")
        {
            let ticks = after.split(' ').skip(11).take(2);
            let ticks = ticks.filter_map(|ticks| ticks.parse::<u64>().ok());
            seconds = ticks.sum::<u64>() / 100;
        }
        if let Some(status) = child.try_wait().expect("the call's state") {
            break status.code();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Taken {
        code,
        memory,
        seconds,
        stderr: fs::read_to_string(folder.join("stderr")).expect("the file"),
    }
}

impl Taken {
    /// Holds the call to an exit code and to bounds; a debug build takes more time.
    #[track_caller]
    pub(super) fn within(self, codes: &[i32], mebibytes: u64) -> Self {
        let code = self.code.expect("no signal ended it");
        assert!(codes.contains(&code), "{code}: {}", self.stderr);
        assert!(
            self.memory < mebibytes * MIB,
            "{} MiB: {}",
            self.memory / MIB,
            self.stderr
        );
        let most = if cfg!(debug_assertions) { 120 } else { 20 };
        assert!(self.seconds < most, "{} s: {}", self.seconds, self.stderr);
        self
    }
}

/// A kernel module with so many entries in `.modinfo`: a little more than its header otherwise.
pub(super) fn module(entries: usize) -> Vec<u8> {
    let names = b"\0.modinfo\0.gnu.linkonce.this_module\0.symtab\0.strtab\0.shstrtab\0";
    let at = |name: &str| {
        let name = name.as_bytes();
        let found = names.windows(name.len()).position(|part| part == name);
        found.expect("a name") as u32
    };
    let mut information = b"license=GPL\0vermagic=5.14.0-70.el9.x86_64 SMP \0".to_vec();
    information.extend(b"a=b\0".repeat(entries));
    // The name in `struct module` stands behind its state and its place in a list.
    let mut this_module = vec![0; 1024];
    this_module[24..27].copy_from_slice(b"foo");
    let sections: [(&str, u32, u64, Vec<u8>, u32); 5] = [
        (".modinfo", 1, 2, information, 0),
        (".gnu.linkonce.this_module", 1, 3, this_module, 0),
        (".symtab", 2, 0, vec![0; 24], 4),
        (".strtab", 3, 0, vec![0], 0),
        (".shstrtab", 3, 0, names.to_vec(), 0),
    ];
    let mut file = vec![0; 64];
    let mut headers = vec![0; 64];
    for (name, kind, flags, content, link) in sections {
        let offset = file.len() as u64;
        headers.extend(at(name).to_le_bytes());
        headers.extend(kind.to_le_bytes());
        headers.extend(u64::to_le_bytes(flags));
        headers.extend([0; 8]);
        headers.extend(offset.to_le_bytes());
        headers.extend((content.len() as u64).to_le_bytes());
        headers.extend(u32::to_le_bytes(link));
        headers.extend(1_u32.to_le_bytes());
        headers.extend(8_u64.to_le_bytes());
        headers.extend(if kind == 2 { 24_u64 } else { 0 }.to_le_bytes());
        file.extend(content);
        file.resize(file.len().next_multiple_of(8), 0);
    }
    let table = file.len() as u64;
    file.extend(headers);
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    file[16..20].copy_from_slice(&[1, 0, 62, 0]);
    file[20] = 1;
    file[40..48].copy_from_slice(&table.to_le_bytes());
    file[52..54].copy_from_slice(&64_u16.to_le_bytes());
    file[58..60].copy_from_slice(&64_u16.to_le_bytes());
    file[60..62].copy_from_slice(&6_u16.to_le_bytes());
    file[62..64].copy_from_slice(&5_u16.to_le_bytes());
    file
}

/// So many modules in a layer, each with so many entries.
pub(super) fn modules(count: usize, entries: usize) -> Layer {
    let file = module(entries);
    (0..count).fold(Layer::new(), |layer, number| {
        layer.file(&format!("{FOLDER}/m{number}.ko"), &file)
    })
}

/// So many files in a layer, each with a name of so many bytes.
pub(super) fn names(count: usize, length: usize) -> Layer {
    let layer = Layer::new().packed(Packing::Gzip);
    (0..count).fold(layer, |layer, number| {
        let folder = "d".repeat(200) + "/";
        let mut name = folder.repeat(length / 201);
        name.push_str(&number.to_string());
        layer.file(&name, &[])
    })
}

pub(super) fn inspect(layers: Vec<Layer>) -> Taken {
    let layout = tempfile::tempdir().expect("a folder");
    let image = layers.into_iter().fold(Image::new(), Image::layer).build();
    write_layout(layout.path(), "registry.test/hostile:1", &image);
    let call = Preflight::new(["inspect", "registry.test/hostile:1", "--oci-layout"]);
    measured(&call.arg(layout.path()), "")
}

#[test]
fn a_layer_of_modules_with_countless_entries() {
    inspect(vec![modules(5, 100)]).within(&[0], 512);
    let taken = inspect(vec![modules(60, 250_000)]).within(&[3], 512);
    assert!(taken.stderr.contains("memory"), "{}", taken.stderr);
}

#[test]
fn modules_one_to_a_layer() {
    let layers = |count: usize, entries: usize| {
        let layers = (0..count).map(|number| modules(2, entries + number));
        layers.collect()
    };
    inspect(layers(10, 100)).within(&[0], 512);
    inspect(layers(30, 250_000)).within(&[3], 512);
}

#[test]
fn a_layer_of_long_names() {
    // There is no kernel module in it.
    inspect(vec![names(100, 2_000)]).within(&[4], 512);
    inspect(vec![names(40_000, 4_000)]).within(&[3], 512);
}

/// A layout whose index or manifest is this text.
fn of_index(text: &str) -> Taken {
    let layout = tempfile::tempdir().expect("a folder");
    fs::write(layout.path().join("index.json"), text).expect("a file");
    let call = Preflight::new(["inspect", "registry.test/hostile:1", "--oci-layout"]);
    measured(&call.arg(layout.path()), "")
}

#[test]
fn an_index_of_countless_manifests() {
    let index = |count: usize| format!(r#"{{"manifests":[{}{{}}]}}"#, "{},".repeat(count));
    let benign = of_index(&index(100));
    assert!(benign.memory < 512 * MIB, "{}", benign.stderr);
    of_index(&index(10 << 20)).within(&[2], 512);
}

#[test]
fn an_archive_of_long_names() {
    let archive = |count: usize| {
        let archive = tempfile::NamedTempFile::with_suffix(".tar.gz").expect("a file");
        let layer = names(count, 4_000);
        let image = Image::new().layer(layer).build();
        let (_, bytes) = image
            .blobs
            .iter()
            .max_by_key(|(_, bytes)| bytes.len())
            .expect("one");
        fs::write(archive.path(), bytes).expect("a file");
        let call = Preflight::new(["inspect", "registry.test/hostile:1", "--oci-layout"]);
        measured(&call.arg(archive.path()), "")
    };
    archive(10).within(&[2], 512);
    let taken = archive(40_000).within(&[2], 512);
    assert!(taken.stderr.contains("too long"), "{}", taken.stderr);
}

#[test]
fn documents_that_grow_while_they_are_read() {
    let keys: String = (0..1000).map(|key| format!("k{key}: 1, ")).collect();
    for (benign, hostile) in [
        ("- {}\n".repeat(100), "- {}\n".repeat(4_000_000)),
        ("[".repeat(50) + &"]".repeat(50), "[".repeat(2_000_000)),
        ("- ".repeat(50) + "x", "- ".repeat(2_000_000)),
        (
            format!("- &a {{{keys}}}\n{}", "- {<<: *a}\n".repeat(5)),
            format!("- &a {{{keys}}}\n{}", "- {<<: *a}\n".repeat(9_000)),
        ),
        (
            r#"{"kind":"List","items":[{}]}"#.to_owned(),
            format!(
                r#"{{"kind":"List","items":[{}{{}}]}}"#,
                "{},".repeat(4_000_000)
            ),
        ),
        ("--- {}\n".repeat(10), "--- {}\n".repeat(2_000_000)),
    ] {
        let run = |input: &str| {
            let call = Preflight::new(["run", "--local", "--kernel-version", KERNEL, "-f", "-"]);
            measured(&call, input).within(&[2, 4], 512)
        };
        run(&benign);
        let taken = run(&hostile);
        assert!(taken.stderr.contains("is not YAML"), "{}", taken.stderr);
    }
}

/// Eight images of the sort side by side, and a benign one among them that is still judged.
#[test]
fn hostile_images_side_by_side_share_one_budget() {
    let layout = tempfile::tempdir().expect("a folder");
    let mut modules_of_all = String::new();
    for number in 0..8 {
        let layer = match number {
            7 => modules(1, 10),
            _ => modules(4, 200_000 + number),
        };
        let image = Image::new().layer(layer).with_tools().build();
        let reference = format!("registry.test/hostile:{number}");
        write_layout(layout.path(), &reference, &image);
        modules_of_all.push_str(&format!(
            "---
apiVersion: kmm.sigs.x-k8s.io/v1beta1
kind: Module
metadata: {{name: m{number}, namespace: ns}}
spec:
  selector: {{}}
  moduleLoader:
    container:
      modprobe: {{moduleName: m0}}
      kernelMappings: [{{regexp: '.', containerImage: '{reference}'}}]
"
        ));
    }
    let call = Preflight::new(["run", "--local", "--kernel-version", KERNEL, "-j", "8"]);
    let call = call.args(["-f", "-", "-o", "json", "--oci-layout"]);
    let call = call.arg(layout.path());
    measured(&call, &modules_of_all).within(&[1], 1024);
    let report = fs::read_to_string(call.home().join("stdout")).expect("the report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let verdict = |name: &str| {
        let rows = report["modules"].as_array().expect("rows").iter();
        let row = rows.clone().find(|row| row["name"] == name);
        row.expect("a row")["verdict"].clone()
    };
    for number in 0..8 {
        let name = format!("m{number}");
        // Without a modules.dep.bin; what counts is that it was looked at.
        assert_eq!(verdict(&name), "failed", "{name}");
    }
}

#[test]
fn an_input_that_never_ends_keeps_no_signal_waiting() {
    for name in ["INT", "TERM"] {
        let call = Preflight::new(["run", "--local", "--kernel-version", KERNEL, "-f", "-"]);
        let mut child = call
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let pipe = child.stdin.take();
        // Long enough for the handler to be there on a loaded machine.
        std::thread::sleep(Duration::from_secs(2));
        let sent = std::process::Command::new("kill")
            .args(["-s", name, &child.id().to_string()])
            .status();
        assert!(sent.expect("kill starts").success());
        let start = Instant::now();
        let status = child.wait().expect("the call ends");
        assert_eq!(status.code(), Some(130), "SIG{name}");
        assert!(start.elapsed() < Duration::from_secs(10), "SIG{name}");
        drop(pipe);
    }
    let call = Preflight::new(["run", "--local", "--kernel-version", KERNEL, "-f", "-"]);
    let mut child = call
        .args(["--timeout", "1s"])
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let pipe = child.stdin.take();
    let status = child.wait().expect("the call ends");
    assert_eq!(status.code(), Some(3), "--timeout");
    drop(pipe);
}
