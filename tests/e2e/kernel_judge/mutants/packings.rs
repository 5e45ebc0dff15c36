//! Files as somebody else packs them: other settings, other suffixes, more than once.

use std::io::Write;
use std::process::{Command, Stdio};

use flate2::Compression;

use super::random::Random;

/// `xz`, `gzip` and `zstd` from standard input to standard output, and the usual suffix.
const CALLS: [(&str, &str); 26] = [
    ("xz -0", ".xz"),
    ("xz -6", ".xz"),
    ("xz -9e", ".xz"),
    ("xz --check=none", ".xz"),
    ("xz --check=crc32 --lzma2=dict=1MiB", ".xz"),
    ("xz --check=crc64 --lzma2=dict=4KiB", ".xz"),
    ("xz --check=sha256 --block-size=8192", ".xz"),
    ("xz --check=crc32 --x86 --lzma2=dict=2MiB", ".xz"),
    ("xz --check=crc32 --arm --lzma2=preset=1", ".xz"),
    ("xz --delta=dist=4 --lzma2=preset=1", ".xz"),
    ("xz -T2 --block-size=16384", ".xz"),
    ("xz --format=lzma", ".lzma"),
    ("xz --format=lzma", ".xz"),
    ("gzip -n -1", ".gz"),
    ("gzip -n -9", ".gz"),
    ("gzip -n --rsyncable", ".gz"),
    ("zstd -q -1", ".zst"),
    ("zstd -q -19", ".zst"),
    ("zstd -q --no-check", ".zst"),
    ("zstd -q --ultra -22", ".zst"),
    ("zstd -q --long=24", ".zst"),
    ("zstd -q --long=27", ".zst"),
    ("zstd -q --long=31", ".zst"),
    ("zstd -q --no-compress-literals", ".zst"),
    ("zstd -q --format=gzip", ".gz"),
    ("zstd -q --format=xz", ".xz"),
];

const SUFFIXES: [&str; 7] = ["", ".gz", ".xz", ".zst", ".lzma", ".GZ", ".bak"];

/// How gzip's header and stream differ where a library writes them.
const MEMBERS: [&str; 5] = ["named", "commented", "extra", "stored", "zlib"];

#[derive(Clone, Copy)]
enum Edit {
    Packed,
    Member,
    OtherSuffix,
    Twice,
    Joined,
    Behind,
    Before,
    Feeds,
}

/// A module packed in one way: the suffix of its file, the file, and what was done.
pub(super) fn edit(random: &mut Random, module: &[u8]) -> Option<(String, Vec<u8>, String)> {
    let edit = random.weighted(&[
        (8, Edit::Packed),
        (4, Edit::Member),
        (4, Edit::OtherSuffix),
        (2, Edit::Twice),
        (5, Edit::Joined),
        (5, Edit::Behind),
        (2, Edit::Before),
        (1, Edit::Feeds),
    ]);
    let &(call, suffix) = random.pick(&CALLS);
    let packed = |bytes: &[u8]| run(call, bytes);
    let (suffix, bytes, words) = match edit {
        Edit::Packed => (suffix, packed(module)?, call.to_owned()),
        Edit::Member => {
            let kind = *random.pick(&MEMBERS);
            (".gz", member(kind, module), format!("gzip, {kind}"))
        }
        Edit::OtherSuffix => {
            let suffix = *random.pick(&SUFFIXES);
            let (bytes, how) = match random.below(3) {
                0 => (module.to_vec(), "not packed"),
                _ => (packed(module)?, call),
            };
            (suffix, bytes, format!("{how}, named `{suffix}`"))
        }
        Edit::Twice => {
            let &(second, suffix) = random.pick(&CALLS);
            let bytes = run(second, &packed(module)?)?;
            (suffix, bytes, format!("{call}, then {second}"))
        }
        Edit::Joined => {
            let half = random.below(module.len());
            if random.below(5) == 0 {
                let words = "not packed, twice behind each other".to_owned();
                return Some((String::new(), module.repeat(2), words));
            }
            let (bytes, how) = match random.below(4) {
                0 => (
                    [packed(&module[..half])?, packed(&module[half..])?].concat(),
                    "in two parts",
                ),
                1 => (
                    [packed(b"")?, packed(module)?].concat(),
                    "after nothing packed",
                ),
                2 => (
                    [packed(module)?, packed(b"")?].concat(),
                    "before nothing packed",
                ),
                _ => (
                    [packed(module)?, packed(module)?].concat(),
                    "twice behind each other",
                ),
            };
            (suffix, bytes, format!("{call}, {how}"))
        }
        Edit::Behind => {
            let count = *random.pick(&[1, 3, 4, 8, 512, 4096]);
            let byte = *random.pick(&[0, 0, 0, b'\n', 0xff]);
            let (suffix, mut bytes, how) = match random.below(3) {
                0 => ("", module.to_vec(), "not packed"),
                _ => (suffix, packed(module)?, call),
            };
            bytes.resize(bytes.len() + count, byte);
            (
                suffix,
                bytes,
                format!("{how}, {count} bytes of {byte} behind"),
            )
        }
        Edit::Before => {
            // A frame that readers of zstd skip, a mark of UTF-8, a line feed.
            let start = *random.pick(&[
                &b"\x50\x2a\x4d\x18\x04\0\0\0kmm\0"[..],
                &b"\xef\xbb\xbf"[..],
                &b"\n"[..],
            ]);
            let bytes = [start, &packed(module)?].concat();
            (
                suffix,
                bytes,
                format!("{call}, after {} bytes", start.len()),
            )
        }
        Edit::Feeds => {
            let (suffix, bytes, how) = match random.below(2) {
                0 => ("", module.to_vec(), "not packed"),
                _ => (suffix, packed(module)?, call),
            };
            let mut after = Vec::new();
            for byte in bytes {
                after.extend_from_slice(if byte == b'\n' {
                    b"\r\n"
                } else {
                    std::slice::from_ref(&byte)
                });
            }
            (
                suffix,
                after,
                format!("{how}, line feeds as another system has them"),
            )
        }
    };
    Some((suffix.to_owned(), bytes, words))
}

/// A file of flate's family with another header.
fn member(kind: &str, module: &[u8]) -> Vec<u8> {
    let done = "memory takes the module";
    if kind == "zlib" {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(module).expect(done);
        return encoder.finish().expect(done);
    }
    let header = flate2::GzBuilder::new().mtime(1);
    let (header, level) = match kind {
        "named" => (header.filename("kmm.ko"), Compression::fast()),
        "commented" => (header.comment("a module"), Compression::best()),
        "extra" => (header.extra(b"KM\x02\0ko".to_vec()), Compression::fast()),
        _ => (header, Compression::none()),
    };
    let mut encoder = header.write(Vec::new(), level);
    encoder.write_all(module).expect(done);
    encoder.finish().expect(done)
}

/// What a program makes of its input; `None` where it was built without that format.
fn run(call: &str, input: &[u8]) -> Option<Vec<u8>> {
    let mut words = call.split(' ');
    let program = words.next().expect("a program");
    let mut child = Command::new(program)
        .args(words)
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().expect("the program ends")
    });
    output.status.success().then_some(output.stdout)
}
