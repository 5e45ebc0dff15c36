//! The rules of [`desired`](super), as tables.

use super::*;

fn kmm(version: &str) -> KmmRelease {
    version.parse().expect("a known release")
}

fn release() -> PreflightRequest {
    PreflightRequest {
        release_image: Some("quay.io/ocp:4.16.3-x86_64".into()),
        ..PreflightRequest::default()
    }
}

fn kernel() -> PreflightRequest {
    PreflightRequest {
        kernel_version: Some("5.14.0-427.el9.x86_64".into()),
        ..PreflightRequest::default()
    }
}

#[test]
fn every_release_gets_the_fields_that_it_takes() {
    let rt = PreflightRequest {
        rt: true,
        push_built_image: true,
        ..release()
    };
    let resolved = PreflightRequest {
        kernel_version: Some("5.14.0-427.el9.x86_64".into()),
        dtk_image: Some("q/dtk@sha256:1".into()),
        ..release()
    };
    let k = "5.14.0-427.el9.x86_64";
    for (request, version, kind, api, spec) in [
        (
            release(),
            "1.0",
            "PreflightValidationOCP",
            "v1beta1",
            json!({"releaseImage": "quay.io/ocp:4.16.3-x86_64"}),
        ),
        (
            rt.clone(),
            "2.0",
            "PreflightValidationOCP",
            "v1beta1",
            json!({"releaseImage": "quay.io/ocp:4.16.3-x86_64", "useRTKernel": true,
                   "pushBuiltImage": true}),
        ),
        (
            rt,
            "2.3",
            "PreflightValidationOCP",
            "v1beta2",
            json!({"releaseImage": "quay.io/ocp:4.16.3-x86_64", "useRTKernel": true,
                   "pushBuiltImage": true}),
        ),
        (
            kernel(),
            "2.3",
            "PreflightValidation",
            "v1beta2",
            json!({"kernelVersion": k}),
        ),
        (
            resolved.clone(),
            "2.4",
            "PreflightValidationOCP",
            "v1beta2",
            json!({"kernelVersion": k, "dtkImage": "q/dtk@sha256:1"}),
        ),
        (
            resolved,
            "upstream",
            "PreflightValidation",
            "v1beta2",
            json!({"kernelVersion": k}),
        ),
        (
            kernel(),
            "2.7",
            "PreflightValidationOCP",
            "v1beta2",
            json!({"kernelVersion": k}),
        ),
    ] {
        let object = request
            .desired(kmm(version), Some("x"))
            .expect("a CR")
            .object();
        assert_eq!(object["kind"], kind, "{version}");
        assert_eq!(object["apiVersion"], format!("kmm.sigs.x-k8s.io/{api}"));
        assert_eq!(object["spec"], spec, "{version}");
    }
}

#[test]
fn wishes_beyond_a_release_are_usage_errors() {
    let rt = |request: PreflightRequest| PreflightRequest {
        rt: true,
        ..request
    };
    let short = PreflightRequest {
        kernel_version: Some("5.14".into()),
        ..PreflightRequest::default()
    };
    let dtk = PreflightRequest {
        dtk_image: Some("q/dtk".into()),
        ..kernel()
    };
    for (request, version, name) in [
        (PreflightRequest::default(), "2.7", None),
        (rt(release()), "1.0", None),
        (rt(kernel()), "2.7", None),
        (dtk, "2.3", None),
        (short, "2.7", None),
        (kernel(), "2.7", Some("Upper")),
        (kernel(), "2.7", Some("-x")),
        (kernel(), "2.7", Some("a..b")),
        (kernel(), "2.7", Some("")),
    ] {
        let error = request.desired(kmm(version), name).expect_err("no CR");
        assert!(matches!(error, Error::Usage { .. }), "{request:?}");
    }
}

#[test]
fn names_come_from_the_target() {
    let digest = PreflightRequest {
        release_image: Some("q/ocp@sha256:0123456789abcdef0123".into()),
        rt: true,
        ..PreflightRequest::default()
    };
    let to = PreflightRequest {
        to: Some("4.17.0".into()),
        ..release()
    };
    let long = PreflightRequest {
        kernel_version: Some(format!("5.14.0-{}", "9".repeat(90))),
        ..PreflightRequest::default()
    };
    for (request, name) in [
        (release(), "preflight-4-16-3-x86-64".to_owned()),
        (kernel(), "preflight-5-14-0-427-el9-x86-64".to_owned()),
        (digest, "preflight-0123456789ab-rt".to_owned()),
        (to, "preflight-4-17-0".to_owned()),
        (long, format!("preflight-5-14-0-{}", "9".repeat(46))),
    ] {
        assert_eq!(request.name(), name);
        assert!(check_name(&name).is_ok());
    }
}

#[test]
fn differences_name_both_sides() {
    let desired = kernel().desired(kmm("2.7"), Some("x")).expect("a CR");
    assert_eq!(desired.differences(&desired.spec), Vec::<String>::new());
    let other = PreflightSpec {
        kernel_version: "5.14.0-1".into(),
        push_built_image: true,
        ..PreflightSpec::default()
    };
    assert_eq!(
        desired.differences(&other),
        [
            "spec.kernelVersion is \"5.14.0-1\" in the cluster and \"5.14.0-427.el9.x86_64\" in this run",
            "spec.pushBuiltImage is true in the cluster and unset in this run"
        ]
    );
}
