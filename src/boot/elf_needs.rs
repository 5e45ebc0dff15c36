//! What a dynamically linked program needs to run: its loader and shared libraries.

use kernel_loader::arch::Arch;

const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PT_LOAD: u32 = 1;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;

/// What a program needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// The path of its loader.
    pub(super) loader: Option<String>,
    /// Names of libraries.
    pub(super) libraries: Vec<String>,
    /// Where it looks for them beside the usual folders.
    pub(super) folders: Vec<String>,
}

/// What a 64-bit ELF program or library of this architecture needs; `None` for anything else.
pub(super) fn of(bytes: &[u8], arch: Arch) -> Option<Needs> {
    let file = File {
        bytes,
        is_big: arch == Arch::S390x,
    };
    let class = if file.is_big { 2 } else { 1 };
    if !bytes.starts_with(b"\x7fELF\x02")
        || *bytes.get(5)? != class
        || file.number(18, 2)? != u64::from(arch.elf_machine())
    {
        return None;
    }
    let table = file.number(32, 8)?;
    let (size, count) = (file.number(54, 2)?, file.number(56, 2)?);
    let segments: Vec<Segment> = (0..count)
        .map_while(|at| file.segment(table.checked_add(at * size)?))
        .collect();
    let mut needs = Needs::default();
    for segment in &segments {
        match segment.kind {
            PT_INTERP => needs.loader = Some(file.text(segment.offset)?),
            PT_DYNAMIC => file.dynamic(segment, &segments, &mut needs)?,
            _ => {}
        }
    }
    Some(needs)
}

struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    length: u64,
}

struct File<'a> {
    bytes: &'a [u8],
    is_big: bool,
}

impl File<'_> {
    fn number(&self, at: u64, length: usize) -> Option<u64> {
        let at = usize::try_from(at).ok()?;
        let bytes = self.bytes.get(at..at.checked_add(length)?)?;
        let add = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
        Some(match self.is_big {
            true => bytes.iter().fold(0, add),
            false => bytes.iter().rev().fold(0, add),
        })
    }

    fn segment(&self, at: u64) -> Option<Segment> {
        Some(Segment {
            kind: u32::try_from(self.number(at, 4)?).ok()?,
            offset: self.number(at + 8, 8)?,
            address: self.number(at + 16, 8)?,
            length: self.number(at + 32, 8)?,
        })
    }

    fn dynamic(&self, segment: &Segment, segments: &[Segment], needs: &mut Needs) -> Option<()> {
        let entries: Vec<(u64, u64)> = (0..segment.length / 16)
            .map_while(|entry| {
                let at = segment.offset.checked_add(entry * 16)?;
                let tag = self.number(at, 8).filter(|tag| *tag != 0)?;
                Some((tag, self.number(at + 8, 8)?))
            })
            .collect();
        let (_, strings) = *entries.iter().find(|(tag, _)| *tag == DT_STRTAB)?;
        let load = segments.iter().find(|load| {
            let after = strings.checked_sub(load.address);
            load.kind == PT_LOAD && after.is_some_and(|after| after < load.length)
        })?;
        let strings = strings - load.address + load.offset;
        for (tag, value) in entries {
            let text = || self.text(strings.checked_add(value)?);
            match tag {
                DT_NEEDED => needs.libraries.push(text()?),
                DT_RPATH | DT_RUNPATH => {
                    let folders = text()?;
                    let absolute = folders.split(':').filter(|dir| dir.starts_with('/'));
                    needs.folders.extend(absolute.map(str::to_owned));
                }
                _ => {}
            }
        }
        Some(())
    }

    fn text(&self, at: u64) -> Option<String> {
        let rest = self.bytes.get(usize::try_from(at).ok()?..)?;
        let end = rest.iter().take(4096).position(|byte| *byte == 0)?;
        String::from_utf8(rest[..end].to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
    fn a_program_of_this_machine_needs_its_loader_and_libraries() {
        let own = std::fs::read("/proc/self/exe").expect("this test's own program");
        let needs = of(&own, Arch::Amd64).expect("a program");
        assert!(
            needs
                .loader
                .is_some_and(|loader| loader.contains("ld-linux"))
        );
        assert!(needs.libraries.iter().any(|name| name == "libc.so.6"));
        assert_eq!(of(&own, Arch::Arm64), None);
        for cut in [0, 4, 5, 20, 64, 100, 200, 400, 1000] {
            let _ = of(&own[..cut], Arch::Amd64);
        }
    }

    #[test]
    fn what_is_no_program_needs_nothing() {
        for bytes in [&b""[..], b"#!/bin/sh\n", b"\x7fELF\x02\x01"] {
            assert_eq!(of(bytes, Arch::Amd64), None);
        }
    }
}
