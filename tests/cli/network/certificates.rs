//! Whose certificate is trusted: one that is named itself, like one whose authority is, as
//! long as it bears the name, is in date and is for servers.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use tempfile::TempDir;
use test_support::faults::{Answer, FaultServer, serve_image};

use super::{READ, image, inspect};
use crate::preflight::Preflight;

/// Files of a server, and of what signed its certificate.
fn pair(change: impl FnOnce(&mut CertificateParams)) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let key = KeyPair::generate().expect("a key");
    let names = vec!["127.0.0.1".to_owned()];
    let mut server = CertificateParams::new(names).expect("a name");
    change(&mut server);
    let certificate = match server.is_ca {
        IsCa::Ca(_) => server.self_signed(&key),
        _ => {
            let mut authority = CertificateParams::default();
            authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let issuer = Issuer::new(authority, KeyPair::generate().expect("a key"));
            server.signed_by(&key, &issuer)
        }
    };
    let certificate = certificate.expect("a certificate");
    fs::write(folder.path().join("server.crt"), certificate.pem()).expect("a file");
    fs::write(folder.path().join("server.key"), key.serialize_pem()).expect("a file");
    folder
}

fn serve(folder: &Path) -> FaultServer {
    let built = image();
    FaultServer::with_tls(folder, move |asked| match asked.path.as_str() {
        path if path.starts_with("/v2/") => serve_image(&built, asked),
        path if path.starts_with("/apis") => Answer::new(404, "{}"),
        _ => Answer::new(200, "a: b"),
    })
}

/// Every way to name a certificate, and whether the server was spoken to.
fn ways(server: &FaultServer, file: &Path) -> Vec<(&'static str, Preflight)> {
    let host = server.host();
    let shown = file.display().to_string();
    let certs_d = inspect(&host);
    let folder = certs_d
        .home()
        .join(".config/containers/certs.d")
        .join(&host);
    fs::create_dir_all(&folder).expect("a folder");
    fs::copy(file, folder.join("ca.crt")).expect("a file");
    let url = format!("https://{host}/m.yaml");
    vec![
        ("--ca-file", inspect(&host).arg("--ca-file").arg(file)),
        ("certs.d", certs_d),
        ("SSL_CERT_FILE", inspect(&host).env("SSL_CERT_FILE", file)),
        (
            "-f URL",
            Preflight::new(["run", "--local", "-f", &url, "--ca-file", &shown])
                .arg("--kernel-version=6.1.0-1-amd64"),
        ),
        (
            "-f URL of explain",
            Preflight::new(["explain", "-f", &url, "--ca-file", &shown])
                .arg("--kernel-version=6.1.0-1-amd64"),
        ),
        (
            "--certificate-authority",
            Preflight::new(["status", "-s", &format!("https://{host}")])
                .args(["--certificate-authority", &shown]),
        ),
    ]
}

#[test]
fn a_certificate_that_is_named_itself_is_trusted_wherever_it_is_named() {
    for folder in [
        pair(|server| server.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
        pair(|_| {}),
    ] {
        let server = serve(folder.path());
        for (way, call) in ways(&server, &folder.path().join("server.crt")) {
            if way == "SSL_CERT_FILE" && !cfg!(target_os = "linux") {
                continue;
            }
            let before = server.asked("").len();
            let ended = call.run();
            assert!(server.asked("").len() > before, "{way}: {ended:?}");
            if !way.starts_with('-') {
                assert_eq!(ended.code, Some(READ), "{way}: {ended:?}");
            }
        }
        // Nobody named it.
        let ended = inspect(&server.host()).run().code(3);
        assert!(ended.stderr.contains("is not trusted"), "{}", ended.stderr);
        assert!(ended.stderr.contains("--ca-file"), "{}", ended.stderr);
    }
}

#[test]
fn a_named_certificate_still_has_to_be_this_servers() {
    let other = pair(|_| {});
    for (folder, said) in [
        (
            pair(|server| {
                *server = CertificateParams::new(vec!["other.example".to_owned()]).expect("a name");
            }),
            "it is for other.example, not for 127.0.0.1",
        ),
        (
            pair(|server| {
                server.not_before = date_time_ymd(2020, 1, 1);
                server.not_after = date_time_ymd(2021, 2, 3);
            }),
            "it expired on 2021-02-03",
        ),
        (
            pair(|server| server.not_before = date_time_ymd(2399, 1, 1)),
            "it is not valid before 2399-01-01",
        ),
        (
            pair(|server| {
                server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            }),
            "it is not for servers",
        ),
    ] {
        let server = serve(folder.path());
        let named = folder.path().join("server.crt");
        for (way, call) in ways(&server, &named) {
            if way == "SSL_CERT_FILE" && !cfg!(target_os = "linux") {
                continue;
            }
            let ended = call.run();
            assert!(matches!(ended.code, Some(2 | 3)), "{way}: {ended:?}");
            assert!(ended.stderr.contains(said), "{way}: {}", ended.stderr);
            assert!(
                !ended.stderr.contains("--ca-file"),
                "{way}: {}",
                ended.stderr
            );
            assert!(
                !ended.stderr.contains("CaUsedAsEndEntity"),
                "{}",
                ended.stderr
            );
        }
        assert!(server.asked("").is_empty());
    }
    // Another one of the same name is not this one.
    let folder = pair(|_| {});
    let server = serve(folder.path());
    for (way, call) in ways(&server, &other.path().join("server.crt")) {
        let ended = call.run();
        assert!(matches!(ended.code, Some(2 | 3)), "{way}: {ended:?}");
        assert!(
            ended.stderr.contains("not trusted"),
            "{way}: {}",
            ended.stderr
        );
    }
    assert!(server.asked("").is_empty());
}

#[test]
fn a_redirect_to_plain_http_is_followed_for_what_is_held_to_its_digest() {
    let folder = pair(|_| {});
    let built = image();
    let storage = FaultServer::image(&built, |_| None);
    for (kind, code) in [("/blobs/", READ), ("/manifests/", 3)] {
        let target = storage.host();
        let built = built.clone();
        let server = FaultServer::with_tls(folder.path(), move |asked| {
            if asked.path.contains(kind) {
                let location = format!("http://{target}{}", asked.path);
                return Answer::new(307, "").header("location", &location);
            }
            match super::shows(asked, &super::basic()) {
                true => serve_image(&built, asked),
                false => Answer::new(401, "").header("www-authenticate", "Basic realm=\"r\""),
            }
        });
        let (call, _folder) = super::inspect_as_user(&server.host());
        let call = call.arg("--ca-file").arg(folder.path().join("server.crt"));
        let ended = call.run().code(code);
        if code != READ {
            assert!(ended.stderr.contains("redirect"), "{}", ended.stderr);
        }
    }
    assert!(super::nobodys(&storage.asked("")));
    assert!(storage.asked("/manifests/").is_empty());

    // What does not fit its digest is refused, whoever sent it.
    let liar = FaultServer::start(|_| Answer::new(200, "something else"));
    let target = liar.host();
    let server = FaultServer::with_tls(folder.path(), move |asked| {
        match asked.path.contains("/blobs/") {
            true => {
                let location = format!("http://{target}{}", asked.path);
                Answer::new(307, "").header("location", &location)
            }
            false => serve_image(&built, asked),
        }
    });
    let call = inspect(&server.host())
        .arg("--ca-file")
        .arg(folder.path().join("server.crt"));
    call.run().code(3);
}
