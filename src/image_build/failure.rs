//! Why a build failed: because of what it builds, or because of this machine.

use crate::findings::finding::Effect;

/// What the end of a log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cause {
    /// `Fails` where the Dockerfile or its base images are at fault, `Blocks` where another
    /// machine or another try could succeed.
    pub effect: Effect,
    /// What to do.
    pub hint: &'static str,
}

/// What builders say when they cannot get a base image (containers/image, BuildKit).
const PULLING: &[&str] = &[
    "initializing source docker://",
    "pinging container registry",
    "reading manifest",
    "reading blob",
    "copying system image from manifest list",
    "parsing image configuration",
    "pull access denied",
    "failed to resolve source metadata",
    "failed to do request",
    "> [internal] load metadata for",
];

/// Reads the last lines of a failed build's log.
pub(crate) fn cause(lines: &[&str]) -> Cause {
    let text = lines.join("\n").to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["no space left on device", "disk quota exceeded"]) {
        return Cause {
            effect: Effect::Blocks,
            hint: "Free some space, or set TMPDIR to a folder with more.",
        };
    }
    if says(&["exec format error"]) {
        return Cause {
            effect: Effect::Blocks,
            hint: "This machine cannot run programs of that architecture: install \
                qemu-user-static with binfmt support, or build on such a machine.",
        };
    }
    if !says(PULLING) {
        return Cause {
            effect: Effect::Fails,
            hint: "Correct the Dockerfile in the build section's ConfigMap.",
        };
    }
    if says(&[
        "unauthorized",
        "authentication required",
        "denied",
        "forbidden",
    ]) {
        Cause {
            effect: Effect::Blocks,
            hint: "Pass credentials for the base image with --authfile, or set the Module's \
                imageRepoSecret.",
        }
    } else if says(&[
        "manifest unknown",
        "name unknown",
        "not found",
        "statuscode: 404",
    ]) {
        Cause {
            effect: Effect::Fails,
            hint: "Correct the base image in the Dockerfile, or push it.",
        }
    } else {
        Cause {
            effect: Effect::Blocks,
            hint: "Check that the base image's registry can be reached from this machine \
                (--insecure-registry, --ca-file).",
        }
    }
}

/// The step that a line of a builder's output begins, such as `step 3/7: RUN make`.
pub(crate) fn step(line: &str) -> Option<String> {
    if let Some(at) = line.find("STEP ") {
        let stage = line[..at].trim();
        let (count, instruction) = line[at + "STEP ".len()..].split_once(": ")?;
        let in_stage = (stage.is_empty() && at == 0) || stage.starts_with('[');
        return (in_stage && is_count(count)).then(|| {
            let stage = if stage.is_empty() {
                String::new()
            } else {
                format!("stage {} ", stage.trim_matches(['[', ']']))
            };
            format!("{stage}step {count}: {}", instruction.trim())
        });
    }
    // BuildKit: `#7 [builder 3/5] RUN make`
    let rest = line.strip_prefix('#')?.split_once(" [")?.1;
    let (place, instruction) = rest.split_once("] ")?;
    let count = place.rsplit(' ').next()?;
    is_count(count).then(|| format!("step {count}: {}", instruction.trim()))
}

fn is_count(word: &str) -> bool {
    word.split_once('/').is_some_and(|(at, of)| {
        [at, of]
            .iter()
            .all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_told_from_the_dockerfile() {
        for (line, effect) in [
            ("make: *** [Makefile:3: all] Error 2", Effect::Fails),
            (
                "Error: creating build container: initializing source \
                 docker://127.0.0.1:5000/no:1: \
                 reading manifest 1 in 127.0.0.1:5000/no: manifest unknown",
                Effect::Fails,
            ),
            (
                "Error: creating build container: initializing source docker://r.example/x:1: \
                 pinging container registry r.example: Get \"https://r.example/v2/\": \
                 dial tcp: connection refused",
                Effect::Blocks,
            ),
            (
                "Error: initializing source docker://r/x: reading manifest 1 in r/x: unauthorized",
                Effect::Blocks,
            ),
            ("cp: write error: No space left on device", Effect::Blocks),
            ("/bin/sh: exec format error", Effect::Blocks),
            (
                "#2 sha256:be234d0b9404e\nfailed to do request: Head \"http://127.0.0.1:1/v2/x\": \
                 dial tcp 127.0.0.1:1: connect: connection refused",
                Effect::Blocks,
            ),
            ("curl: (7) connection refused", Effect::Fails),
            (
                " > [internal] load metadata for 127.0.0.1:5000/no:1:\n------\nfailed to solve \
                 with \
                 frontend dockerfile.v0: failed to create LLB definition: 127.0.0.1:5000/no:1: \
                 not found",
                Effect::Fails,
            ),
            (
                "failed to solve: r.example/x:1: failed to resolve source metadata for \
                 r.example/x:1: failed to do request: Head \"https://r.example/v2/x\": dial tcp: \
                 lookup r.example: no such host",
                Effect::Blocks,
            ),
            (
                "failed to solve with frontend dockerfile.v0: failed to create LLB definition: \
                 dockerfile parse error line 2: unknown instruction: BUILD",
                Effect::Fails,
            ),
            (
                "#3 [internal] load metadata for r.example/x:1\ncurl: (22) error: 404 not found",
                Effect::Fails,
            ),
        ] {
            assert_eq!(cause(&["before", line]).effect, effect, "{line}");
        }
    }

    #[test]
    fn steps_are_seen() {
        for (line, seen) in [
            ("STEP 3/7: RUN make", Some("step 3/7: RUN make")),
            (
                "[1/2] STEP 2/4: FROM x AS y",
                Some("stage 1/2 step 2/4: FROM x AS y"),
            ),
            ("#7 [builder 3/5] RUN make", Some("step 3/5: RUN make")),
            ("#5 [internal] load .dockerignore", None),
            ("echo STEP 1/2: no", None),
            ("plain", None),
        ] {
            assert_eq!(step(line).as_deref(), seen, "{line}");
        }
    }
}
