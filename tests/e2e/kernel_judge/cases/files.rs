//! Which file of the folder `modprobe` takes, and whether it is one.

use std::io::Write as _;

use liblzma::stream::Check;

use super::super::case::Case;
use super::super::forge::Forge;

pub(super) const KO: &str = "extra/kmm_good.ko";

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes the module");
    encoder.finish().expect("memory takes the module")
}

pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
    xz_with(bytes, Check::Crc32)
}

/// Damages the check of the one block, which stands before index and footer.
fn bad_check(mut bytes: Vec<u8>) -> Vec<u8> {
    let footer = bytes.len() - 12;
    let field = bytes[footer + 4..footer + 8]
        .try_into()
        .expect("four bytes");
    let index = (u32::from_le_bytes(field) as usize + 1) * 4;
    bytes[footer - index - 1] ^= 1;
    bytes
}

fn xz_with(bytes: &[u8], check: Check) -> Vec<u8> {
    let stream = liblzma::stream::Stream::new_easy_encoder(1, check).expect("an xz encoder");
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes).expect("memory takes the module");
    encoder.finish().expect("memory takes the module")
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("memory takes the module")
}

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    let mut cases = forms(forge);
    cases.extend(names(forge));
    cases
}

fn forms(forge: &Forge) -> Vec<Case> {
    let good = forge.ko("kmm_good");
    let packed = |name: &str, file: &str, bytes: Vec<u8>| {
        let folder = forge.folder().put(file, bytes).depmod();
        forge.case(name, "kmm_good", &folder)
    };
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let swapped = |name: &str, file: &str, bytes: Vec<u8>| {
        let folder = forge
            .folder()
            .put(file, good.clone())
            .depmod()
            .put(file, bytes);
        forge.case(name, "kmm_good", &folder)
    };
    vec![
        packed("good", KO, good.clone()),
        packed("file-gzip", "extra/kmm_good.ko.gz", gzip(&good)),
        packed("file-xz", "extra/kmm_good.ko.xz", xz(&good)),
        packed("file-zstd", "extra/kmm_good.ko.zst", zstd(&good)),
        swapped("file-gzip-named-plain", KO, gzip(&good)),
        swapped("file-xz-named-plain", KO, xz(&good)),
        swapped("file-zstd-named-plain", KO, zstd(&good)),
        swapped(
            "file-plain-named-gzip",
            "extra/kmm_good.ko.gz",
            good.clone(),
        ),
        swapped("file-plain-named-xz", "extra/kmm_good.ko.xz", good.clone()),
        swapped("file-gzip-cut", "extra/kmm_good.ko.gz", cut(gzip(&good))),
        swapped("file-xz-cut", "extra/kmm_good.ko.xz", cut(xz(&good))),
        swapped("file-zstd-cut", "extra/kmm_good.ko.zst", cut(zstd(&good))),
        swapped(
            "file-gzip-of-text",
            "extra/kmm_good.ko.gz",
            gzip(b"no module at all\n"),
        ),
        packed(
            "file-xz-sha256",
            "extra/kmm_good.ko.xz",
            xz_with(&good, Check::Sha256),
        ),
        packed(
            "file-xz-crc64",
            "extra/kmm_good.ko.xz",
            xz_with(&good, Check::Crc64),
        ),
        packed(
            "file-xz-unchecked",
            "extra/kmm_good.ko.xz",
            xz_with(&good, Check::None),
        ),
        swapped(
            "file-xz-bad-crc32",
            "extra/kmm_good.ko.xz",
            bad_check(xz(&good)),
        ),
        swapped(
            "file-xz-bad-sha256",
            "extra/kmm_good.ko.xz",
            bad_check(xz_with(&good, Check::Sha256)),
        ),
        swapped(
            "file-xz-twice",
            "extra/kmm_good.ko.xz",
            [xz(&good), xz(b"")].concat(),
        ),
        swapped(
            "file-xz-bytes-behind",
            "extra/kmm_good.ko.xz",
            [xz(&good), vec![1; 9]].concat(),
        ),
        swapped(
            "file-xz-padded",
            "extra/kmm_good.ko.xz",
            [xz(&good), vec![0; 8]].concat(),
        ),
        swapped("file-gzip-bad-crc", "extra/kmm_good.ko.gz", {
            let mut bytes = gzip(&good);
            let at = bytes.len() - 8;
            bytes[at] ^= 1;
            bytes
        }),
        swapped(
            "file-gzip-bytes-behind",
            "extra/kmm_good.ko.gz",
            [gzip(&good), vec![1; 9]].concat(),
        ),
        swapped("file-gzip-without-end", "extra/kmm_good.ko.gz", {
            let bytes = gzip(&good);
            bytes[..bytes.len() - 8].to_vec()
        }),
        swapped(
            "file-zstd-twice",
            "extra/kmm_good.ko.zst",
            [zstd(&good), zstd(b"")].concat(),
        ),
        swapped(
            "file-zstd-bytes-behind",
            "extra/kmm_good.ko.zst",
            [zstd(&good), vec![1; 9]].concat(),
        ),
        forge.edited("file-empty", Vec::new()),
        forge.edited("file-of-3-bytes", b"\x7fEL".to_vec()),
        forge.edited(
            "file-text",
            b"version https://git-lfs.github.com/spec/v1\n".to_vec(),
        ),
        forge.edited(
            "file-with-bytes-behind",
            [good.clone(), vec![0; 4096]].concat(),
        ),
    ]
}

fn names(forge: &Forge) -> Vec<Case> {
    let good = forge.ko("kmm_good");
    let at = |name: &str, module: &str, file: &str| {
        let folder = forge.folder().put(file, good.clone()).depmod();
        forge.case(name, module, &folder)
    };
    let both = forge
        .with(&["kmm_good"])
        .put("updates/kmm_good.ko", b"broken".to_vec())
        .depmod();
    vec![
        at("name-dash-for-underscore", "kmm-good", KO),
        at("name-file-with-dash", "kmm_good", "extra/kmm-good.ko"),
        at("name-both-with-dash", "kmm-good", "extra/kmm-good.ko"),
        at("name-file-renamed", "other", "extra/other.ko"),
        at(
            "name-of-the-elf-but-not-the-file",
            "kmm_good",
            "extra/other.ko",
        ),
        at("name-with-extension", "kmm_good.ko", KO),
        at("name-capital", "KMM_good", KO),
        at("name-by-alias", "kmm-alias-of-good", KO),
        at("name-unknown", "kmm_absent", KO),
        at("place-top", "kmm_good", "kmm_good.ko"),
        at("place-deep", "kmm_good", "updates/a/b/kmm_good.ko"),
        at("place-build", "kmm_good", "build/kmm_good.ko"),
        at("file-backup-extension", "kmm_good", "extra/kmm_good.ko.bak"),
        forge.case("file-twice-updates-broken", "kmm_good", &both),
    ]
}
