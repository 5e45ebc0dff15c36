use super::*;
use crate::kmm::releases::KmmRelease;

const GOOD: &str = "\
ARG DTK_AUTO
FROM ${DTK_AUTO} AS builder
ARG KERNEL_VERSION
WORKDIR /src
RUN make -C /lib/modules/${KERNEL_VERSION}/build M=/src modules
FROM registry.example/ubi9-minimal:9.4
ARG KERNEL_VERSION
RUN microdnf -y install kmod
COPY --from=builder /src/a.ko /opt/lib/modules/${KERNEL_VERSION}/
RUN depmod -b /opt ${KERNEL_VERSION}
";

fn release(minor: u8, upstream: bool) -> KmmRelease {
    KmmRelease {
        major: 2,
        minor,
        upstream,
    }
}

fn sub_codes(text: &str, release: KmmRelease) -> Vec<String> {
    let own_args = [BuildArg {
        name: "MINE".into(),
        value: "1".into(),
    }];
    let case = LintCase {
        args: ArgsCase {
            namespace: "ns",
            name: "mod",
            kernel_version: "5.14.0-70.el9.x86_64",
            dtk_image: None,
            release,
        },
        own_args: &own_args,
        dir_name: "/opt",
    };
    lint(text, &case)
        .iter()
        .map(|finding| {
            let mut words = finding.message.splitn(3, ": ");
            let code = words.next().unwrap_or_default();
            let line = words
                .next()
                .and_then(|words| words.strip_prefix("line "))
                .unwrap_or("-");
            format!("{code}@{line}")
        })
        .collect()
}

#[test]
fn a_good_dockerfile_has_no_lint() {
    assert_eq!(sub_codes(GOOD, release(7, false)), [""; 0]);
}

#[test]
fn each_weakness_is_found_where_it_is() {
    for (from, to, expected) in [
        (
            "RUN depmod -b /opt ${KERNEL_VERSION}",
            "",
            "depmod-missing@-",
        ),
        (
            "depmod -b /opt ${KERNEL_VERSION}",
            "depmod -a -b /opt",
            "depmod-kernel-missing@10",
        ),
        (
            "depmod -b /opt ${KERNEL_VERSION}",
            "ls; depmod -b /opt && true",
            "depmod-kernel-missing@10",
        ),
        ("ARG DTK_AUTO\n", "\n", "arg-undeclared@2"),
        ("9.4\nARG KERNEL_VERSION\n", "9.4\n\n", "arg-undeclared@9"),
        ("WORKDIR /src", "RUN echo $MINE", "arg-undeclared@4"),
        ("WORKDIR /src", "ARG OTHER", "arg-never-set@4"),
        ("WORKDIR /src", "ARG MOD_VERSION", "arg-never-set@4"),
        (
            "WORKDIR /src",
            "RUN dnf install kernel-devel-5.14.0-427.el9.x86_64",
            "kernel-hard-coded@4",
        ),
        (
            "WORKDIR /src",
            "ENV K=6.1.0-47-amd64",
            "kernel-hard-coded@4",
        ),
        (
            "${DTK_AUTO} AS",
            "quay.io/x/driver-toolkit:1 AS",
            "dtk-hard-coded@2",
        ),
        (
            "/opt/lib/modules/${KERNEL_VERSION}/\n",
            "/opt/modules/\n",
            "module-elsewhere@9",
        ),
        (":9.4", "", "base-floating@6"),
        (":9.4", ":latest", "base-floating@6"),
        (
            "registry.example/ubi9-minimal:9.4",
            "$B",
            "arg-undeclared@6",
        ),
        (
            "WORKDIR /src",
            "ARG MOD_NAME\nRUN echo $MOD_NAME",
            "mod-name@5",
        ),
        (
            "WORKDIR /src",
            "RUN apt-get install -y linux-headers-5.15.0-122-generic",
            "kernel-hard-coded@4",
        ),
        (
            "WORKDIR /src",
            "RUN make KDIR=/lib/modules/5.14.21-150500.55.68-default/build",
            "kernel-hard-coded@4",
        ),
        (
            "WORKDIR /src",
            "RUN ls /lib/modules/6.6.32-talos",
            "kernel-hard-coded@4",
        ),
        (
            "WORKDIR /src",
            "ENV KVER=6.6.14-0-lts",
            "kernel-hard-coded@4",
        ),
        (
            "WORKDIR /src",
            "RUN dnf -y install kernel-uek-devel-5.15.0-100.96.32.el8uek.x86_64",
            "kernel-hard-coded@4",
        ),
        (
            "WORKDIR /src",
            "RUN dnf install -y kernel-devel-$(uname -r)",
            "kernel-of-build-node@4",
        ),
        (
            "WORKDIR /src",
            "RUN make -C /lib/modules/`uname -r`/build",
            "kernel-of-build-node@4",
        ),
        (
            "WORKDIR /src",
            "RUN dkms build x/1 -k \"$(uname --kernel-release)\"",
            "kernel-of-build-node@4",
        ),
        ("WORKDIR /src", "BUILD", "does-not-parse@4"),
        (
            "depmod -b /opt ${KERNEL_VERSION}",
            "depmod -b /opt $(uname -r)",
            "depmod-kernel-missing@10",
        ),
        (
            "RUN depmod -b /opt ${KERNEL_VERSION}",
            "RUN <<EOF\ndepmod -b /opt\nEOF",
            "depmod-kernel-missing@10",
        ),
        (
            "RUN depmod -b /opt ${KERNEL_VERSION}",
            "RUN [\"depmod\", \"-b\", \"/opt\"]",
            "depmod-kernel-missing@10",
        ),
        (
            "RUN depmod -b /opt ${KERNEL_VERSION}",
            "ONBUILD RUN depmod -b /opt ${KERNEL_VERSION}",
            "depmod-missing@-",
        ),
        (
            "RUN microdnf -y install kmod",
            "RUN microdnf \\\n  # quietly\n  -y install \\\n  kernel-core-5.14.0-70.el9.x86_64",
            "kernel-hard-coded@11",
        ),
        ("ARG DTK_AUTO\n", "# ARG DTK_AUTO\n", "arg-undeclared@2"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let found = sub_codes(&text, release(7, false));
        assert_eq!(found, [expected], "{to}");
    }
}

#[test]
fn what_is_no_weakness_is_not_told() {
    for (from, to) in [
        ("WORKDIR /src", "# 5.14.0-70.el9.x86_64"),
        ("WORKDIR /src", "ARG OTHER=1"),
        (
            "WORKDIR /src",
            "RUN dnf install -y gcc-11.5.0-5.el9_5.x86_64 elfutils-libelf-devel-0.191-4.el9.x86_64",
        ),
        ("WORKDIR /src", "RUN echo built on $(uname -r)"),
        ("WORKDIR /src", "RUN make ARCH=$(uname -m)"),
        (
            "WORKDIR /src",
            "RUN curl https://a.example/go-1.22.0-1-linux-amd64.tar.gz",
        ),
        ("WORKDIR /src", "ARG TARGETARCH"),
        ("WORKDIR /src", "ARG MINE\nRUN echo $MINE $HOME"),
        (":9.4", "@sha256:0123"),
        ("WORKDIR /src", "RUN MINE=2; echo $MINE"),
        ("WORKDIR /src", "WORKDIR /src\n# needs $MINE"),
        ("WORKDIR /src", "ONBUILD RUN echo $MINE"),
        (
            "ARG DTK_AUTO\n",
            "# syntax=docker/dockerfile:1\narg DTK_AUTO\n",
        ),
        ("\nFROM registry", "\nfrom --platform=linux/amd64 registry"),
        (
            "depmod -b /opt ${KERNEL_VERSION}",
            "sh -c 'depmod -b /opt \"$KERNEL_VERSION\"'",
        ),
        (
            "depmod -b /opt ${KERNEL_VERSION}",
            "depmod \\\n# a comment\n    -b /opt \\\n\n    ${KERNEL_VERSION}",
        ),
        (
            "RUN depmod -b /opt ${KERNEL_VERSION}",
            "RUN <<EOF\n# a script\ndepmod -b /opt ${KERNEL_VERSION}\nEOF",
        ),
        (
            "COPY --from=builder /src/a.ko",
            "COPY <<EOF /etc/depmod.d/k.conf\nFROM here\nEOF\n\
             COPY --from=builder /src/a.ko",
        ),
        (
            "registry.example/ubi9-minimal:9.4",
            "scratch\nCOPY --from=builder /bin/busybox /bin/sh",
        ),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        assert_eq!(sub_codes(&text, release(7, false)), [""; 0], "{to}");
    }
}

#[test]
fn a_line_is_quoted_whole() {
    let text = GOOD.replace("/opt ${KERNEL_VERSION}\n", "/opt $(uname -r) && true\n");
    let case = LintCase {
        args: ArgsCase {
            namespace: "ns",
            name: "mod",
            kernel_version: "5.14.0-70.el9.x86_64",
            dtk_image: None,
            release: release(7, false),
        },
        own_args: &[],
        dir_name: "/opt",
    };
    let lints = lint(&text, &case);
    let quoted = "`depmod -b /opt $(uname -r) && true`";
    assert!(
        lints.iter().any(|lint| lint.message.contains(quoted)),
        "{lints:?}"
    );
}

#[test]
fn the_escape_directive_continues_lines() {
    let text = GOOD.replace("depmod -b /opt ", "depmod `\n  -b /opt `\n  ");
    let text = format!("# escape=`\n{text}");
    assert_eq!(sub_codes(&text, release(7, false)), [""; 0]);
    let crlf = GOOD
        .replace("depmod -b /opt ", "depmod \\\n  -b /opt ")
        .replace('\n', "\r\n");
    assert_eq!(sub_codes(&crlf, release(7, false)), [""; 0]);
}

#[test]
fn a_dockerfile_that_puts_nothing_in_place_is_told() {
    let text = GOOD.replace("/lib/modules/${KERNEL_VERSION}", "/modules");
    assert_eq!(
        sub_codes(&text, release(7, false)),
        ["module-elsewhere@-", "module-elsewhere@9"]
    );
}

#[test]
fn some_weaknesses_hang_on_the_release() {
    let upstream = sub_codes(GOOD, release(7, true));
    assert_eq!(upstream, ["dtk-auto-upstream@1", "dtk-auto-upstream@2"]);
    let bare = "FROM a:1 AS b\nARG KERNEL_VERSION\nRUN depmod -b /opt $KERNEL_VERSION\n\
                FROM scratch\nCOPY --from=b /opt/lib/modules /opt/lib/modules\n";
    assert_eq!(sub_codes(bare, release(4, false)), ["no-shell@4"]);
    assert_eq!(sub_codes(bare, release(3, false)), [""; 0]);
}
