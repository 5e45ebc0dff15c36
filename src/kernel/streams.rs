//! The kernels of one operating system stream of a release: which image has which.

use crate::kernel::release::DriverToolkitRelease;
use crate::model::target::{Arch, KernelType, Target};

/// What is known about one operating system stream of a release, for one architecture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stream {
    /// Its name, such as `rhel-9`; `None` where nothing shows it.
    pub name: Option<String>,
    /// The driver-toolkit image.
    pub dtk_image: Option<String>,
    /// The kernels that the driver-toolkit image lists.
    pub toolkit: Option<DriverToolkitRelease>,
    /// True where the driver-toolkit image has the kernel with pages of 64 KiB.
    pub has_64k: bool,
    /// The machine-os image.
    pub os_image: Option<String>,
    /// The standard kernel of the machine-os image, where it could be read.
    pub os_kernel: Option<String>,
}

/// A kernel of a stream, and the images that describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamKernel {
    /// `uname -r`.
    pub kernel_version: String,
    /// The driver-toolkit image.
    pub dtk_image: Option<String>,
    /// The machine-os image, where the kernel's facts have to come from it.
    pub os_image: Option<String>,
    /// The machine-os image, where the driver-toolkit image has the same kernel.
    pub nodes_image: Option<String>,
}

impl Stream {
    /// The standard kernel: the machine-os image's where the two images differ, because that
    /// is the one which the nodes boot.
    pub(crate) fn standard(&self) -> Option<&str> {
        let toolkit = self.toolkit.as_ref().map(|kernels| &kernels.kernel_version);
        self.os_kernel.as_ref().or(toolkit).map(String::as_str)
    }

    /// The real-time kernel.
    pub(crate) fn realtime(&self) -> Option<&str> {
        self.toolkit.as_ref()?.rt_kernel_version.as_deref()
    }

    /// The kernel with pages of 64 KiB.
    pub(crate) fn pages_64k(&self) -> Option<String> {
        let toolkit = self.toolkit.as_ref().filter(|_| self.has_64k)?;
        Some(name_of_64k(&toolkit.kernel_version))
    }

    /// True where driver-toolkit and machine-os image have different standard kernels.
    pub(crate) fn differs(&self) -> bool {
        let toolkit = self.toolkit.as_ref().map(|kernels| &kernels.kernel_version);
        toolkit.is_some() && self.os_kernel.is_some() && toolkit != self.os_kernel.as_ref()
    }

    /// The kernel of a kind; `None` where the stream has none of that kind.
    pub(crate) fn kernel(&self, kind: KernelType) -> Option<StreamKernel> {
        let kernel_version = match kind {
            KernelType::Default => self.standard()?.to_owned(),
            KernelType::Realtime => self.realtime()?.to_owned(),
            KernelType::Pages64k => self.pages_64k()?,
        };
        let has_it = kind == KernelType::Default && self.os_kernel.is_some();
        let machine_os = self.os_image.clone().filter(|_| has_it);
        let (os_image, nodes_image) = match self.differs() || self.toolkit.is_none() {
            true => (machine_os, None),
            false => (None, machine_os),
        };
        Some(StreamKernel {
            kernel_version,
            dtk_image: self.dtk_image.clone(),
            os_image,
            nodes_image,
        })
    }

    /// Why the stream has no kernel of a kind.
    pub(crate) fn lacks(&self, kind: KernelType, arch: Arch) -> String {
        let image = self.dtk_image.as_deref().or(self.os_image.as_deref());
        let image = image.unwrap_or_default();
        match kind {
            KernelType::Default => format!("{image} has no standard kernel for {arch}"),
            KernelType::Realtime if self.toolkit.is_none() => {
                format!(
                    "machine-os image {image} has no real-time kernel: it has the standard one only"
                )
            }
            KernelType::Realtime => {
                format!("driver-toolkit image {image} has no real-time kernel for {arch}")
            }
            KernelType::Pages64k => {
                format!("driver-toolkit image {image} has no 64k-pages kernel for {arch}")
            }
        }
    }
}

/// The release of the kernel with pages of 64 KiB beside a standard one (`kernel-64k`).
pub(crate) fn name_of_64k(standard: &str) -> String {
    format!("{standard}+64k")
}

/// The name of a stream that no label names: from the RHEL release, else from the suffix of
/// the image's tag, else from the kernel (`….el9….`).
pub(crate) fn name_without_label(
    rhel_version: &str,
    tag_suffix: &str,
    kernel: Option<&str>,
) -> Option<String> {
    let major = rhel_version.split('.').next().unwrap_or_default();
    let of_kernel = kernel
        .and_then(|kernel| {
            kernel
                .split(['.', '_'])
                .find_map(|word| word.strip_prefix("el"))
        })
        .unwrap_or_default();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    [major, tag_suffix, of_kernel]
        .into_iter()
        .find(|text| is_number(text))
        .map(|number| format!("rhel-{number}"))
}

/// The kernels of a release, or of one image, for one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReleaseKernels {
    /// The release image, where one was asked for.
    pub release_image: Option<String>,
    /// The release's version.
    pub version: Option<String>,
    /// The architecture.
    pub arch: Arch,
    /// Its operating systems, in the payload's order.
    pub streams: Vec<Stream>,
    /// What could not be read, and where two images differ.
    pub notes: Vec<String>,
}

impl ReleaseKernels {
    /// How messages name it.
    pub(crate) fn title(&self) -> String {
        match (&self.version, &self.release_image) {
            (Some(version), _) => format!("release {version}"),
            (None, Some(image)) => format!("release image {image}"),
            (None, None) => {
                let images = self.streams.iter();
                let mut images =
                    images.filter_map(|s| s.dtk_image.as_ref().or(s.os_image.as_ref()));
                format!("image {}", images.next().map_or("", String::as_str))
            }
        }
    }

    /// Names the images that describe the target's kernel; where none lists it, the first
    /// driver-toolkit image.
    pub(crate) fn describe(&self, target: &mut Target) {
        let kernels = self.streams.iter().flat_map(|stream| {
            let kinds = KernelType::ALL.into_iter();
            kinds.filter_map(|kind| stream.kernel(kind))
        });
        let mut kernels = kernels.filter(|one| one.kernel_version == target.kernel_version);
        let toolkit = match kernels.next() {
            Some(kernel) => {
                target.os_image = kernel.os_image;
                target.nodes_image = kernel.nodes_image;
                kernel.dtk_image
            }
            None => self
                .streams
                .first()
                .and_then(|stream| stream.dtk_image.clone()),
        };
        target.dtk_image = target.dtk_image.take().or(toolkit);
    }

    /// The names of its streams, for a message.
    pub(crate) fn stream_names(&self) -> String {
        let names: Vec<&str> = self
            .streams
            .iter()
            .map(|stream| stream.name.as_deref().unwrap_or("one without a name"))
            .collect();
        names.join(", ")
    }
}

/// What one image of a payload adds to a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The suffix of its tag.
    pub suffix: String,
    /// What it says.
    pub stream: Stream,
}

/// Puts the machine-os images to the driver-toolkit images of the same stream: by the
/// stream's name, else by the suffix of the tags.
pub(crate) fn pair(toolkits: Vec<Part>, machines: Vec<Part>) -> Vec<Stream> {
    let mut parts = toolkits;
    for machine in machines {
        let fits = |part: &&mut Part| match (&part.stream.name, &machine.stream.name) {
            _ if part.stream.os_image.is_some() => false,
            (Some(one), Some(other)) => one == other,
            _ => part.suffix == machine.suffix,
        };
        match parts.iter_mut().find(fits) {
            Some(part) => {
                let stream = &mut part.stream;
                stream.os_image = machine.stream.os_image;
                stream.os_kernel = machine.stream.os_kernel;
                stream.name = stream.name.take().or(machine.stream.name);
            }
            None => parts.push(machine),
        }
    }
    parts.into_iter().map(|part| part.stream).collect()
}

/// The kernel of a machine-os image, from the folders of `/usr/lib/modules` as its layers
/// leave them: the one that has a `vmlinuz`.
pub(crate) fn kernel_of_folders<'a>(
    folders: impl IntoIterator<Item = &'a str>,
    has_vmlinuz: impl Fn(&str) -> bool,
) -> Result<String, Vec<String>> {
    let found: Vec<&str> = folders
        .into_iter()
        .filter(|folder| has_vmlinuz(folder))
        .collect();
    match found.as_slice() {
        [one] => Ok((*one).to_owned()),
        several => Err(several.iter().map(|folder| (*folder).to_owned()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: &str = "5.14.0-570.el9.x86_64";
    const OTHER: &str = "5.14.0-571.el9.x86_64";

    fn stream(rt: Option<&str>, os_kernel: Option<&str>) -> Stream {
        Stream {
            name: Some("rhel-9".into()),
            dtk_image: Some("dtk".into()),
            toolkit: Some(DriverToolkitRelease {
                kernel_version: K.into(),
                rt_kernel_version: rt.map(str::to_owned),
                rhel_version: "9.6".into(),
            }),
            has_64k: false,
            os_image: Some("os".into()),
            os_kernel: os_kernel.map(str::to_owned),
        }
    }

    #[test]
    fn the_machine_os_beats_the_toolkit_for_the_standard_kernel_only() {
        let rt = format!("{K}+rt");
        let same = stream(Some(&rt), Some(K));
        let kernel = same.kernel(KernelType::Default).expect("a kernel");
        assert_eq!((kernel.kernel_version.as_str(), kernel.os_image), (K, None));
        assert_eq!(kernel.nodes_image.as_deref(), Some("os"));
        let other = stream(Some(&rt), Some(OTHER));
        assert!(other.differs());
        let kernel = other.kernel(KernelType::Default).expect("a kernel");
        assert_eq!(kernel.kernel_version, OTHER);
        assert_eq!(kernel.os_image.as_deref(), Some("os"));
        assert_eq!(kernel.nodes_image, None);
        let kernel = other.kernel(KernelType::Realtime).expect("a kernel");
        assert_eq!((kernel.kernel_version, kernel.os_image), (rt, None));
        assert_eq!(kernel.nodes_image, None, "it has the standard kernel only");
    }

    #[test]
    fn a_kernel_that_is_not_there_is_not_made_up() {
        let plain = stream(None, None);
        assert_eq!(plain.kernel(KernelType::Realtime), None);
        assert_eq!(plain.kernel(KernelType::Pages64k), None);
        let only_os = Stream {
            dtk_image: None,
            toolkit: None,
            ..stream(None, Some(K))
        };
        let kernel = only_os.kernel(KernelType::Default).expect("a kernel");
        assert_eq!(kernel.os_image.as_deref(), Some("os"));
        assert!(
            only_os
                .lacks(KernelType::Realtime, Arch::Amd64)
                .contains("no real-time kernel")
        );
        let with_64k = Stream {
            has_64k: true,
            ..plain
        };
        assert_eq!(with_64k.pages_64k(), Some(format!("{K}+64k")));
    }

    #[test]
    fn streams_without_a_label_get_rhels_name() {
        for (rhel, suffix, kernel, name) in [
            ("9.6", "", None, Some("rhel-9")),
            ("10.0", "10", None, Some("rhel-10")),
            ("", "10", Some("6.12.0-1.el10.x86_64"), Some("rhel-10")),
            ("", "", Some("5.14.0-1.el9_4.x86_64"), Some("rhel-9")),
            ("", "", Some("6.1.0-47-amd64"), None),
            ("", "", None, None),
        ] {
            assert_eq!(name_without_label(rhel, suffix, kernel).as_deref(), name);
        }
    }

    #[test]
    fn images_of_one_stream_are_put_together() {
        let part = |name: Option<&str>, suffix: &str, dtk: Option<&str>, os: Option<&str>| Part {
            suffix: suffix.into(),
            stream: Stream {
                name: name.map(str::to_owned),
                dtk_image: dtk.map(str::to_owned),
                os_image: os.map(str::to_owned),
                ..Stream::default()
            },
        };
        let streams = pair(
            vec![
                part(Some("rhel-9"), "", Some("d9"), None),
                part(Some("rhel-10"), "10", Some("d10"), None),
            ],
            vec![
                part(None, "10", None, Some("o10")),
                part(Some("rhel-9"), "", None, Some("o9")),
                part(Some("rhel-11"), "11", None, Some("o11")),
            ],
        );
        let seen: Vec<_> = streams
            .iter()
            .map(|s| {
                (
                    s.name.as_deref(),
                    s.dtk_image.as_deref(),
                    s.os_image.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (Some("rhel-9"), Some("d9"), Some("o9")),
                (Some("rhel-10"), Some("d10"), Some("o10")),
                (Some("rhel-11"), None, Some("o11")),
            ]
        );
    }

    #[test]
    fn the_kernel_is_the_folder_with_a_vmlinuz() {
        let folders = ["5.14.0-1", "5.14.0-2"];
        let kernel = kernel_of_folders(folders, |folder| folder == "5.14.0-2");
        assert_eq!(kernel.as_deref(), Ok("5.14.0-2"));
        assert_eq!(kernel_of_folders(folders, |_| false), Err(vec![]));
        assert_eq!(
            kernel_of_folders(folders, |_| true).map_err(|e| e.len()),
            Err(2)
        );
    }
}
