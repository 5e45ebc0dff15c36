use std::io::Cursor;

use tar::{Builder, EntryType, Header};

use super::*;

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o755);
    header.set_uid(7);
    header
}

/// Every entry as `KIND NAME CONTENT`.
fn read(archive: &[u8]) -> Result<Vec<String>, TarFault> {
    let mut tar = TarStream::new(Cursor::new(archive), 1 << 20);
    let mut seen = Vec::new();
    while let Some(entry) = tar.next_entry()? {
        let kind = match &entry.kind {
            Kind::File => {
                let start = tar.peeked(3)?;
                let content = tar.content(&entry, start)?;
                assert_eq!(content.len() as u64, entry.size, "{}", entry.name);
                format!(
                    "file {}",
                    String::from_utf8_lossy(&content).replace('\0', ".")
                )
            }
            other => format!("{other:?}"),
        };
        seen.push(format!("{} {kind}", entry.name));
    }
    tar.drain()?;
    Ok(seen)
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut text = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length = (1..)
            .map(|digits| rest + digits)
            .find(|length| length.to_string().len() + rest == *length)
            .expect("a length");
        text.extend(format!("{length} {key}={value}\n").bytes());
    }
    text
}

#[test]
fn every_kind_of_entry_is_read() {
    let mut tar = Builder::new(Vec::new());
    let long = format!("{}/file", "d".repeat(150));
    let mut file = header(EntryType::Regular, 5);
    tar.append_data(&mut file, "a", &b"hello"[..])
        .expect("memory");
    tar.append_data(&mut header(EntryType::Regular, 2), &long, &b"xy"[..])
        .expect("memory");
    tar.append_data(&mut header(EntryType::Directory, 0), "dir/", &b""[..])
        .expect("memory");
    let mut link = header(EntryType::Symlink, 0);
    tar.append_link(&mut link, "s", "t".repeat(120))
        .expect("memory");
    // A link whose header claims content has none.
    let mut link = header(EntryType::Link, 0);
    tar.append_link(&mut link, "h", "a").expect("memory");
    let mut device = header(EntryType::Char, 0);
    device.set_device_major(1).expect("a GNU header");
    device.set_device_minor(3).expect("a GNU header");
    tar.append_data(&mut device, "c", &b""[..]).expect("memory");
    let archive = tar.into_inner().expect("memory");
    assert_eq!(
        read(&archive).expect("a good archive"),
        [
            "a file hello".to_owned(),
            format!("{long} file xy"),
            "dir/ Dir".to_owned(),
            format!("s Symlink({:?})", "t".repeat(120)),
            "h Hardlink(\"a\")".to_owned(),
            "c Char(1, 3)".to_owned(),
        ]
    );
}

#[test]
fn pax_records_win_over_the_header() {
    let mut tar = Builder::new(Vec::new());
    let records = pax(&[
        ("path", "long/ä"),
        ("size", "6"),
        ("uid", "4000000"),
        ("mtime", "1.5"),
    ]);
    let size = records.len() as u64;
    tar.append_data(&mut header(EntryType::XHeader, size), "x", &*records)
        .expect("memory");
    tar.append_data(&mut header(EntryType::Regular, 6), "short", &b"abcdef"[..])
        .expect("memory");
    let archive = tar.into_inner().expect("memory");
    let mut stream = TarStream::new(Cursor::new(&archive), 1 << 20);
    let entry = stream.next_entry().expect("good").expect("an entry");
    assert_eq!(
        (&*entry.name, entry.size, entry.uid, entry.mode),
        ("long/ä", 6, 4_000_000, 0o755)
    );
    assert!(stream.next_entry().expect("good").is_none());
}

#[test]
fn sparse_files_get_their_holes_back() {
    let map = "2\n2\n3\n8\n1\n";
    let mut content = map.as_bytes().to_vec();
    content.resize(512, 0);
    content.extend(b"abcZ");
    let cases = [
        (
            pax(&[
                ("GNU.sparse.major", "1"),
                ("GNU.sparse.minor", "0"),
                ("GNU.sparse.name", "real"),
                ("GNU.sparse.realsize", "10"),
            ]),
            content,
        ),
        (
            pax(&[
                ("GNU.sparse.name", "real"),
                ("GNU.sparse.size", "10"),
                ("GNU.sparse.map", "2,3,8,1"),
            ]),
            b"abcZ".to_vec(),
        ),
    ];
    for (records, content) in cases {
        let mut tar = Builder::new(Vec::new());
        let size = records.len() as u64;
        tar.append_data(&mut header(EntryType::XHeader, size), "x", &*records)
            .expect("memory");
        let size = content.len() as u64;
        let mut file = header(EntryType::Regular, size);
        tar.append_data(&mut file, "GNUSparseFile.0/real", &*content)
            .expect("memory");
        let archive = tar.into_inner().expect("memory");
        assert_eq!(read(&archive).expect("good"), ["real file ..abc...Z."]);
    }

    let mut sparse = header(EntryType::GNUSparse, 4);
    sparse.set_path("old").expect("short");
    let gnu = sparse.as_gnu_mut().expect("a GNU header");
    gnu.realsize = *b"00000000012\0";
    gnu.sparse[0].offset = *b"00000000002\0";
    gnu.sparse[0].numbytes = *b"00000000003\0";
    gnu.sparse[1].offset = *b"00000000010\0";
    gnu.sparse[1].numbytes = *b"00000000001\0";
    sparse.set_cksum();
    let mut tar = Builder::new(Vec::new());
    tar.append(&sparse, &b"abcZ"[..]).expect("memory");
    let archive = tar.into_inner().expect("memory");
    assert_eq!(read(&archive).expect("good"), ["old file ..abc...Z."]);
}

#[test]
fn damage_and_limits_are_told_apart() {
    let mut tar = Builder::new(Vec::new());
    tar.append_data(&mut header(EntryType::Regular, 2000), "a", &[1; 2000][..])
        .expect("memory");
    let archive = tar.into_inner().expect("memory");
    let mut flipped = archive.clone();
    flipped[3] ^= 1;
    for (bytes, part) in [
        (&archive[..100], "is truncated"),
        (&archive[..1000], "is truncated"),
        (&flipped[..], "checksum"),
        (&[7; 2048][..], "checksum"),
    ] {
        let fault = read(bytes).expect_err("a damaged archive").to_string();
        assert!(fault.contains(part), "{fault}");
    }
    // The end may be missing, and so may the padding of the last file.
    assert_eq!(read(&archive[..512 + 2048]).expect("good").len(), 1);
    assert_eq!(read(&[]).expect("an empty layer").len(), 0);

    let mut large = TarStream::new(Cursor::new(&archive), 1024);
    large.next_entry().expect("the header fits");
    assert!(matches!(large.next_entry(), Err(TarFault::Limit(_))));
    let long_name = header(EntryType::GNULongName, 1 << 40);
    let mut tar = Builder::new(Vec::new());
    tar.append(&long_name, &b""[..]).expect("memory");
    let archive = tar.into_inner().expect("memory");
    assert!(matches!(
        read(&archive),
        Err(TarFault::Limit(_) | TarFault::Damaged(_))
    ));
}

proptest::proptest! {
    #[test]
    fn what_is_written_is_read(
        files in proptest::collection::vec(
            ("[a-z]{1,8}(/[a-z]{1,8}){0,3}", proptest::collection::vec(1_u8.., 0..1500)),
            0..6,
        ),
        long in 0..150_usize,
    ) {
        let mut tar = Builder::new(Vec::new());
        let mut expected = Vec::new();
        for (name, content) in &files {
            let name = format!("{}{name}", "d/".repeat(long));
            let mut header = header(EntryType::Regular, content.len() as u64);
            tar.append_data(&mut header, &name, &**content).expect("memory");
            expected.push(format!("{name} file {}", String::from_utf8_lossy(content)));
        }
        let archive = tar.into_inner().expect("memory");
        proptest::prop_assert_eq!(read(&archive).expect("a good archive"), expected);
        for cut in [1, 513, archive.len() / 2, archive.len().saturating_sub(1025)] {
            let _ = read(&archive[..cut.min(archive.len())]);
        }
    }
}
