//! What `kernel` shows: the kernels of a release, or of one image.

use serde_json::{Value, json};

use crate::kernel::streams::{ReleaseKernels, Stream};
use crate::model::printable::printable_line;
use crate::report::answer::Answer;
use crate::report::data::API_VERSION;
use crate::report::records;
use crate::report::screen::Screen;

/// The kernels of an image, for every architecture that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kernels(pub Vec<ReleaseKernels>);

impl Answer for Kernels {
    fn text(&self, screen: &Screen, wide: bool) -> String {
        table(&self.0, screen, wide)
    }

    fn document(&self) -> Value {
        document(&self.0)
    }

    fn names(&self) -> Option<Vec<String>> {
        let streams = self.0.iter().flat_map(|one| &one.streams);
        Some(
            streams
                .filter_map(|stream| Some(stream.standard()?.to_owned()))
                .collect(),
        )
    }
}

/// One row per architecture and operating system stream; `wide` adds the images.
fn table(all: &[ReleaseKernels], screen: &Screen, wide: bool) -> String {
    let rows = || {
        let rows = all.iter();
        rows.flat_map(|one| one.streams.iter().map(move |stream| (one, stream)))
    };
    let is_some = |of: fn(&Stream) -> bool| rows().any(|(_, stream)| of(stream));
    let with_stream = rows().count() > all.len() || is_some(|stream| stream.toolkit.is_none());
    let with_64k = is_some(|stream| stream.has_64k);
    let mut header = vec!["ARCH"];
    header.extend(with_stream.then_some("STREAM"));
    header.extend(["KERNEL_VERSION", "RT_KERNEL_VERSION"]);
    header.extend(with_64k.then_some("64K_KERNEL_VERSION"));
    header.push("RHEL_VERSION");
    if wide {
        header.extend(["DTK_IMAGE", "OS_IMAGE", "RELEASE_IMAGE"]);
    }
    let or_dash = |text: Option<&str>| match text {
        None | Some("") => "-".to_owned(),
        Some(text) => text.to_owned(),
    };
    let cells = rows().map(|(kernels, stream)| {
        let mut row = vec![kernels.arch.to_string()];
        row.extend(with_stream.then(|| or_dash(stream.name.as_deref())));
        row.push(or_dash(stream.standard()));
        row.push(or_dash(stream.realtime()));
        row.extend(with_64k.then(|| or_dash(stream.pages_64k().as_deref())));
        row.push(or_dash(rhel_version(stream)));
        if wide {
            row.push(or_dash(stream.dtk_image.as_deref()));
            row.push(or_dash(stream.os_image.as_deref()));
            row.push(or_dash(kernels.release_image.as_deref()));
        }
        row
    });
    let text = records::render(&header, cells.collect(), screen, wide);
    if wide {
        return text;
    }
    let mut images: Vec<String> = rows()
        .flat_map(|(_, stream)| {
            let toolkit = stream.dtk_image.iter();
            let toolkit =
                toolkit.map(|image| format!("driver-toolkit image: {}\n", printable_line(image)));
            let machine = stream.os_image.iter();
            toolkit.chain(
                machine.map(|image| format!("machine-os image: {}\n", printable_line(image))),
            )
        })
        .collect();
    images.dedup();
    format!("{text}\n{}", images.concat())
}

fn rhel_version(stream: &Stream) -> Option<&str> {
    let toolkit = stream.toolkit.as_ref()?;
    Some(toolkit.rhel_version.as_str())
}

/// The versioned document of `-o json` and `-o yaml`.
fn document(all: &[ReleaseKernels]) -> Value {
    let kernels: Vec<Value> = all
        .iter()
        .flat_map(|one| one.streams.iter().map(move |stream| (one, stream)))
        .map(|(one, stream)| {
            json!({
                "arch": one.arch.as_str(),
                "osStream": stream.name,
                "dtkImage": stream.dtk_image,
                "osImage": stream.os_image,
                "kernelVersion": stream.standard(),
                "rtKernelVersion": stream.realtime(),
                "kernel64kVersion": stream.pages_64k(),
                "rhelVersion": rhel_version(stream),
                "release": one.version,
                "releaseImage": one.release_image,
            })
        })
        .collect();
    json!({"apiVersion": API_VERSION, "kind": "Kernels", "kernels": kernels})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::release::DriverToolkitRelease;
    use crate::model::target::Arch;

    fn kernels() -> Vec<ReleaseKernels> {
        vec![ReleaseKernels {
            release_image: Some("registry.example/release:4.18".into()),
            version: None,
            arch: Arch::Amd64,
            streams: vec![Stream {
                name: Some("rhel-9".into()),
                dtk_image: Some("registry.example/dtk@sha256:1".into()),
                toolkit: Some(DriverToolkitRelease {
                    kernel_version: "5.14.0-1.el9.x86_64".into(),
                    rt_kernel_version: None,
                    rhel_version: "9.4".into(),
                }),
                ..Stream::default()
            }],
            notes: Vec::new(),
        }]
    }

    #[test]
    fn the_table_names_kernels_and_images() {
        assert_eq!(
            table(&kernels(), &Screen::PLAIN, false),
            "ARCH   KERNEL_VERSION       RT_KERNEL_VERSION  RHEL_VERSION\n\
             amd64  5.14.0-1.el9.x86_64  -                  9.4\n\n\
             driver-toolkit image: registry.example/dtk@sha256:1\n"
        );
        assert!(table(&kernels(), &Screen::PLAIN, true).contains("registry.example/release:4.18"));
        let mut unnamed = kernels();
        let toolkit = unnamed[0].streams[0].toolkit.as_mut();
        toolkit.expect("a toolkit").rhel_version.clear();
        let shown = table(&unnamed, &Screen::PLAIN, false);
        assert_eq!(
            shown.lines().nth(1).map(|row| row.ends_with(" -")),
            Some(true)
        );
    }

    #[test]
    fn two_streams_are_two_rows() {
        let mut two = kernels();
        let mut other = two[0].streams[0].clone();
        other.name = Some("rhel-10".into());
        other.os_image = Some("registry.example/os@sha256:2".into());
        other.os_kernel = Some("6.12.0-1.el10.x86_64".into());
        two[0].streams.push(other);
        let shown = table(&two, &Screen::PLAIN, false);
        for word in [
            "STREAM",
            "rhel-9",
            "rhel-10",
            "6.12.0-1.el10.x86_64",
            "os@sha256:2",
        ] {
            assert!(shown.contains(word), "{word}: {shown}");
        }
        assert_eq!(
            Kernels(two).names(),
            Some(vec![
                "5.14.0-1.el9.x86_64".to_owned(),
                "6.12.0-1.el10.x86_64".to_owned()
            ])
        );
    }

    #[test]
    fn the_document_has_every_field() {
        let document = document(&kernels());
        assert_eq!(document["kind"], "Kernels");
        assert_eq!(
            document["kernels"][0]["kernelVersion"],
            "5.14.0-1.el9.x86_64"
        );
        assert!(document["kernels"][0]["rtKernelVersion"].is_null());
    }
}
