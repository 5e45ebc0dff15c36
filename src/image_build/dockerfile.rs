//! What a Dockerfile says, in the terms that lints and the builder's credentials ask for.

mod text;

use std::collections::BTreeMap;

use parse_dockerfile::{Command, Instruction, JsonOrStringArray, Source};

use crate::image_build::dockerfile::text::{env_names, unfolded, without_comments, words};
pub(crate) use crate::image_build::dockerfile::text::{expand, variables};

/// The text is no Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Malformed {
    /// The parser's reason.
    pub message: String,
    /// The line, from 1.
    pub line: usize,
}

/// One `NAME` or `NAME=default` of an `ARG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arg {
    /// Name.
    pub name: String,
    /// Default, as written.
    pub default: Option<String>,
    /// Line, from 1.
    pub line: usize,
}

/// An instruction, as far as a lint can need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// `ARG`
    Arg(Arg),
    /// `ENV`, with the names that it sets.
    Env(Vec<String>),
    /// `COPY` or `ADD`
    Copy {
        /// The stage or image of `--from`.
        from: Option<String>,
        /// What is copied.
        sources: Vec<String>,
        /// Where to.
        destination: String,
    },
    /// `RUN`, its command and here-documents as one script.
    Run(String),
    /// `WORKDIR`
    Workdir(String),
    /// Anything else.
    Other,
}

/// A step with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The step.
    pub step: Step,
    /// Line of its keyword, from 1.
    pub line: usize,
    /// The instruction as written, without lines that are comments. Empty for `ONBUILD`, which
    /// is for another build.
    pub text: String,
    /// Where the text starts in the Dockerfile, in bytes.
    pub offset: usize,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stage {
    /// The image or earlier stage that it starts from, as written.
    pub base: String,
    /// Name given with `AS`.
    pub name: Option<String>,
    /// Line of the `FROM`, from 1.
    pub line: usize,
    /// What follows.
    pub steps: Vec<Placed>,
}

/// A Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dockerfile {
    /// Arguments before the first `FROM`.
    pub global_args: Vec<Arg>,
    /// Its stages; never empty.
    pub stages: Vec<Stage>,
}

impl Dockerfile {
    /// Reads a Dockerfile.
    ///
    /// # Errors
    /// It does not parse.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let parsed = parse_dockerfile::parse(text).map_err(|error| Malformed {
            message: error.to_string(),
            line: error.line(),
        })?;
        let bom = text.len() - text.trim_start_matches('\u{feff}').len();
        let reader = Reader {
            text: &text[bom..],
            bom,
            escape: parsed
                .parser_directives
                .escape
                .as_ref()
                .map_or('\\', |directive| directive.value.value),
        };
        let starts: Vec<usize> = parsed.instructions.iter().map(start).collect();
        let mut dockerfile = Self {
            global_args: Vec::new(),
            stages: Vec::new(),
        };
        for (index, instruction) in parsed.instructions.iter().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(reader.text.len());
            let span = starts[index]..end;
            if let Instruction::From(from) = instruction {
                dockerfile.stages.push(Stage {
                    base: from.image.value.to_string(),
                    name: from.as_.as_ref().map(|(_, name)| name.value.to_string()),
                    line: reader.line(span.start),
                    steps: Vec::new(),
                });
                continue;
            }
            let steps = reader.steps(instruction, span);
            match dockerfile.stages.last_mut() {
                Some(stage) => stage.steps.extend(steps),
                None => dockerfile
                    .global_args
                    .extend(steps.into_iter().filter_map(|placed| match placed.step {
                        Step::Arg(arg) => Some(arg),
                        _ => None,
                    })),
            }
        }
        Ok(dockerfile)
    }

    /// The stage that becomes the image.
    pub(crate) fn last_stage(&self) -> &Stage {
        &self.stages[self.stages.len() - 1]
    }

    /// The earlier stage that a name, or number, in `FROM` or `--from` of the stage at
    /// `before` means.
    pub(crate) fn earlier_stage(&self, before: usize, name: &str) -> Option<usize> {
        let earlier = &self.stages[..before];
        earlier
            .iter()
            .rposition(|stage| {
                stage
                    .name
                    .as_deref()
                    .is_some_and(|own| own.eq_ignore_ascii_case(name))
            })
            .or_else(|| name.parse().ok().filter(|index| *index < earlier.len()))
    }

    /// The images that a build pulls, with build arguments put in: every `FROM` and
    /// `COPY --from` that names no earlier stage and is not `scratch`.
    pub(crate) fn images(&self, args: &[(String, String)]) -> Vec<String> {
        let global = self.global_values(args);
        let mut images = Vec::new();
        for (index, stage) in self.stages.iter().enumerate() {
            let copied = stage.steps.iter().filter_map(|placed| match &placed.step {
                Step::Copy { from, .. } => from.as_ref(),
                _ => None,
            });
            for reference in std::iter::once(&stage.base).chain(copied) {
                let reference = expand(reference, &global);
                let known = self.earlier_stage(index, &reference).is_some();
                if !known && reference != "scratch" && !images.contains(&reference) {
                    images.push(reference);
                }
            }
        }
        images
    }

    /// The values of the arguments before the first `FROM`.
    pub(crate) fn global_values(&self, args: &[(String, String)]) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        for arg in &self.global_args {
            let given = args.iter().find(|(name, _)| *name == arg.name);
            let value = match (given, &arg.default) {
                (Some((_, value)), _) => value.clone(),
                (None, Some(default)) => expand(default, &values),
                (None, None) => continue,
            };
            values.insert(arg.name.clone(), value);
        }
        values
    }
}

struct Reader<'a> {
    text: &'a str,
    bom: usize,
    /// The character that continues a line (`# escape=`).
    escape: char,
}

impl Reader<'_> {
    fn line(&self, offset: usize) -> usize {
        1 + self.text.as_bytes()[..offset]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
    }

    fn steps(&self, instruction: &Instruction<'_>, span: std::ops::Range<usize>) -> Vec<Placed> {
        let line = self.line(span.start);
        let steps = match instruction {
            Instruction::Arg(arg) => words(&arg.arguments.value)
                .into_iter()
                .map(|word| {
                    let (name, default) = match word.split_once('=') {
                        Some((name, default)) => (name.to_owned(), Some(default.to_owned())),
                        None => (word, None),
                    };
                    Step::Arg(Arg {
                        name,
                        default,
                        line,
                    })
                })
                .collect(),
            Instruction::Env(env) => vec![Step::Env(env_names(&env.arguments.value))],
            Instruction::Copy(copy) => vec![Step::Copy {
                from: copy
                    .options
                    .iter()
                    .find(|flag| flag.name.value.eq_ignore_ascii_case("from"))
                    .and_then(|flag| flag.value.as_ref())
                    .map(|value| value.value.to_string()),
                sources: sources(&copy.src),
                destination: copy.dest.value.to_string(),
            }],
            Instruction::Add(add) => vec![Step::Copy {
                from: None,
                sources: sources(&add.src),
                destination: add.dest.value.to_string(),
            }],
            Instruction::Run(run) => {
                let mut script = match &run.arguments {
                    Command::Shell(shell) => unfolded(shell.value, self.escape),
                    Command::Exec(exec) => exec
                        .value
                        .iter()
                        .map(|word| &*word.value)
                        .collect::<Vec<_>>()
                        .join(" "),
                    _ => String::new(),
                };
                for document in &run.here_docs {
                    script.push('\n');
                    script.push_str(&document.value);
                }
                vec![Step::Run(script)]
            }
            Instruction::Workdir(workdir) => {
                vec![Step::Workdir(workdir.arguments.value.to_string())]
            }
            _ => vec![Step::Other],
        };
        let text = match instruction {
            Instruction::Onbuild(_) => String::new(),
            _ => without_comments(&self.text[span.clone()]),
        };
        steps
            .into_iter()
            .map(|step| Placed {
                step,
                line,
                text: text.clone(),
                offset: self.bom + span.start,
            })
            .collect()
    }
}

fn start(instruction: &Instruction<'_>) -> usize {
    match instruction {
        Instruction::Add(i) => i.add.span.start,
        Instruction::Arg(i) => i.arg.span.start,
        Instruction::Cmd(i) => i.cmd.span.start,
        Instruction::Copy(i) => i.copy.span.start,
        Instruction::Entrypoint(i) => i.entrypoint.span.start,
        Instruction::Env(i) => i.env.span.start,
        Instruction::Expose(i) => i.expose.span.start,
        Instruction::From(i) => i.from.span.start,
        Instruction::Healthcheck(i) => i.healthcheck.span.start,
        Instruction::Label(i) => i.label.span.start,
        Instruction::Maintainer(i) => i.maintainer.span.start,
        Instruction::Onbuild(i) => i.onbuild.span.start,
        Instruction::Run(i) => i.run.span.start,
        Instruction::Shell(i) => i.shell.span.start,
        Instruction::Stopsignal(i) => i.stopsignal.span.start,
        Instruction::User(i) => i.user.span.start,
        Instruction::Volume(i) => match &i.arguments {
            JsonOrStringArray::Json(_) | JsonOrStringArray::String(_) => i.volume.span.start,
        },
        Instruction::Workdir(i) => i.workdir.span.start,
        _ => 0,
    }
}

fn sources(sources: &[Source<'_>]) -> Vec<String> {
    sources
        .iter()
        .map(|source| match source {
            Source::Path(path) => path.value.to_string(),
            _ => "<<".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "ARG DTK_AUTO\nARG BASE=ubi9:${TAG:-9.4} TAG\n\
        FROM ${DTK_AUTO} AS builder\nARG KERNEL_VERSION\n\
        RUN make \\\n  # a comment\n  KVER=${KERNEL_VERSION} \\\n  all\n\
        FROM $BASE\nENV A=1 B=2\n\
        COPY --from=builder /a.ko /opt/lib/\nCOPY --from=quay.io/x:1 /b /b\n";

    fn args(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn stages_and_steps_have_their_lines() {
        let dockerfile = Dockerfile::parse(EXAMPLE).expect("it parses");
        assert_eq!(dockerfile.stages.len(), 2);
        assert_eq!(dockerfile.stages[0].name.as_deref(), Some("builder"));
        assert_eq!(dockerfile.last_stage().line, 9);
        let run = &dockerfile.stages[0].steps[1];
        assert_eq!(run.line, 5);
        let Step::Run(script) = &run.step else {
            panic!("{run:?}")
        };
        assert_eq!(
            script.split_whitespace().collect::<Vec<_>>().join(" "),
            "make KVER=${KERNEL_VERSION} all"
        );
        assert_eq!(
            dockerfile.last_stage().steps[0].step,
            Step::Env(vec!["A".into(), "B".into()])
        );
        assert_eq!(&EXAMPLE[run.offset..run.offset + 8], "RUN make");
    }

    #[test]
    fn images_are_those_that_a_build_pulls() {
        let dockerfile = Dockerfile::parse(EXAMPLE).expect("it parses");
        assert_eq!(
            dockerfile.images(&args(&[("DTK_AUTO", "dtk@sha256:1"), ("TAG", "9.5")])),
            ["dtk@sha256:1", "ubi9:9.4", "quay.io/x:1"]
        );
        let stages = Dockerfile::parse("FROM scratch AS A\nFROM a\nCOPY --from=0 /x /y\n");
        assert_eq!(stages.expect("it parses").images(&[]), [""; 0]);
    }

    #[test]
    fn what_is_no_dockerfile_tells_the_line() {
        for (text, line) in [("FROM x\nBUILD it\n", 2), ("RUN x\n", 1)] {
            let error = Dockerfile::parse(text).expect_err("no Dockerfile");
            assert_eq!(error.line, line, "{error}");
        }
        assert!(Dockerfile::parse("").is_err());
    }
}
